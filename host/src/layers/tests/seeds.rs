//! Archives to begin with, for the test that damages them and for `host/fuzz`, which writes them to files.

use std::io::Write as _;

use tar::{EntryType, Header};

/// One entry of a layer to be made: what it is, its name, and its bytes or where it leads.
pub(crate) type Made<'a> = (EntryType, &'a str, &'a str);

pub(crate) const FILE: EntryType = EntryType::Regular;
pub(crate) const FOLDER: EntryType = EntryType::Directory;
pub(crate) const LINK: EntryType = EntryType::Symlink;
pub(crate) const HARD: EntryType = EntryType::Link;
const DEVICE: EntryType = EntryType::Char;
/// Its content is the name or the target of the entry that follows.
const GNU_NAME: EntryType = EntryType::GNULongName;
const GNU_TARGET: EntryType = EntryType::GNULongLink;
/// Its content is fields of the entry that follows.
const PAX: EntryType = EntryType::XHeader;

/// Written by hand: the `tar` crate refuses to make what is tried here.
pub(crate) fn tar(entries: &[Made<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, name, content) in entries {
        let mut header = Header::new_ustar();
        let bytes = header.as_mut_bytes();
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        let is_link = matches!(*kind, LINK | HARD);
        if is_link {
            bytes[157..157 + content.len()].copy_from_slice(content.as_bytes());
        }
        header.set_entry_type(*kind);
        header.set_mode(0o640);
        header.set_mtime(1_000_000_000);
        header.set_size(if is_link { 0 } else { content.len() as u64 });
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        if !is_link {
            out.extend_from_slice(content.as_bytes());
            out.resize(out.len().next_multiple_of(512), 0);
        }
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// Each with the name of its file.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let long = format!("{}/{}", "d".repeat(120), "e".repeat(90));
    let target = "t".repeat(150);
    let path = format!(" path=p-{long}\n");
    // The length counts its own three digits.
    let path = format!("{}{path}", path.len() + 3);
    let plain = tar(&[
        (FOLDER, "etc/", ""),
        (FILE, "etc/motd", "hi"),
        (LINK, "lib", "/usr/lib"),
        (HARD, "again", "etc/motd"),
        (DEVICE, "dev/null", ""),
    ]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&plain).expect("packed");
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    vec![
        ("plain.tar.gz", gzip.finish().expect("packed")),
        (
            "plain.tar.zst",
            ruzstd::encoding::compress_to_vec(&plain[..], level),
        ),
        ("plain.tar", plain),
        (
            "whiteouts.tar",
            tar(&[
                (FILE, "a/b", "x"),
                (FILE, "a/.wh..wh..opq", ""),
                (FILE, ".wh.c", ""),
                (FILE, "a/n", "x"),
            ]),
        ),
        (
            "escapes.tar",
            tar(&[
                (LINK, "up", "../.."),
                (FILE, "up/../evil", "x"),
                (FILE, "../evil", "x"),
                (HARD, "h", "../secret"),
            ]),
        ),
        (
            "gnu.tar",
            tar(&[
                (GNU_NAME, "././@LongLink", &long),
                (FILE, "short", "x"),
                (GNU_TARGET, "././@LongLink", &target),
                (LINK, "l", "short"),
            ]),
        ),
        (
            "pax.tar",
            tar(&[
                (PAX, "PaxHeaders/short", &path),
                (FILE, "short", "x"),
                (PAX, "PaxHeaders/e", "11 path=é\n"),
                (FILE, "e", ""),
            ]),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::super::super::{Limits, Unpacker};

    /// A seed that is refused at its first byte would lead nowhere.
    #[test]
    fn every_seed_but_the_escapes_is_a_layer() {
        for (name, layer) in super::all() {
            let place = tempfile::tempdir().expect("a folder");
            let root = Dir::open_ambient_dir(place.path(), ambient_authority()).expect("opened");
            let unpacked = Unpacker::new(&root, Limits::default()).layer(&layer[..]);
            assert_eq!(
                unpacked.is_ok(),
                name != "escapes.tar",
                "{name}: {unpacked:?}"
            );
        }
    }
}
