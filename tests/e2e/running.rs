//! A `peapod run` that goes on while a test looks at it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::{Place, Ran, until};

/// It is interrupted and waited for when the test ends.
pub(crate) struct Running {
    child: Option<Child>,
    log: std::path::PathBuf,
}

impl Running {
    /// Starts `peapod run --prefix always --events` with these arguments.
    pub(crate) fn start(place: &Place, args: &[&str]) -> Self {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let log = place.path().join(format!("running-{run}.log"));
        let out = std::fs::File::create(&log).expect("made");
        let err = out.try_clone().expect("duplicated");
        let all = [&["run", "--prefix", "always", "--events"][..], args].concat();
        let child = place.command(&all).stdout(out).stderr(err).spawn();
        Self {
            child: Some(child.expect("peapod runs")),
            log,
        }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("not yet stopped").id()
    }

    /// Everything it said so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it says this.
    pub(crate) fn wait_for(&self, needle: &str) {
        let mut said = String::new();
        for _ in 0..600 {
            said = self.said();
            if said.contains(needle) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{needle:?} never came:\n{said}");
    }

    /// Interrupts it and gives what it said.
    pub(crate) fn stop(mut self) -> Ran {
        self.interrupt()
    }

    fn interrupt(&mut self) -> Ran {
        let mut child = self.child.take().expect("not yet stopped");
        let pid = child.id().to_string();
        let _sent = Command::new("kill").args(["-INT", &pid]).status();
        let status = child.wait().expect("it ended");
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: self.said(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.is_some() {
            let _ran = self.interrupt();
        }
    }
}

/// A port of this machine that is free now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

/// `GET /path` of a port of this machine, with whatever comes back; empty if nobody answers.
pub(crate) fn get(port: u16, path: &str) -> String {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(2)) else {
        return String::new();
    };
    let _set = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let _all = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Waits until a page of this machine has this in it.
pub(crate) fn until_page(port: u16, path: &str, needle: &str) -> String {
    let mut page = String::new();
    until(&format!("{needle:?} on port {port}"), || {
        page = get(port, path);
        page.contains(needle)
    });
    page
}

/// The real curl, as people use it.
pub(crate) fn curl(args: &[&str]) -> (i32, String) {
    let out = Command::new("curl")
        .args(["-sS", "--max-time", "20"])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("curl is installed: `just setup`");
    let text = [out.stdout, out.stderr].concat();
    (
        out.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&text).into_owned(),
    )
}
