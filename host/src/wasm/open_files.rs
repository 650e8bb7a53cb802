//! How many files one instance may hold open. Each is a descriptor of the whole host, of which a process has few; a socket of the
//! virtual network is only memory, so handles as such may be many more.

use wasmtime_wasi::filesystem::Descriptor;

use super::guest::Guest;

/// Files and directories of one instance; as `ulimit -n` usually says.
const FILES_MAX: usize = 1024;

/// Opens since the last count.
#[derive(Default)]
pub(super) struct OpenFiles(usize);

impl Guest {
    /// Whether one more file may be opened. Counted anew only when there might be too many: closing is not seen here.
    pub(super) fn may_open(&mut self) -> bool {
        if self.open_files.0 >= FILES_MAX {
            let entries = self.table.iter_mut();
            self.open_files.0 = entries.filter(|entry| entry.is::<Descriptor>()).count();
        }
        self.open_files.0 += 1;
        self.open_files.0 <= FILES_MAX
    }
}
