//! Layers that images really have, and layers that somebody made to break out.

mod seeds;

use std::io::Write as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use tar::{EntryType, Header};

use super::{LayerError, Limits, Unpacker};
use seeds::{FILE, FOLDER, HARD, LINK, Made, tar};

struct Place {
    outside: tempfile::TempDir,
    root: Dir,
}

impl Place {
    fn new() -> Self {
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(outside.path().join("root")).expect("made");
        let path = outside.path().join("root");
        let root = Dir::open_ambient_dir(path, ambient_authority()).expect("opened");
        Self { outside, root }
    }

    fn unpack(&self, layers: &[Vec<u8>]) -> Result<(), LayerError> {
        self.unpack_within(layers, Limits::default())
    }

    fn unpack_within(&self, layers: &[Vec<u8>], limits: Limits) -> Result<(), LayerError> {
        let mut unpacker = Unpacker::new(&self.root, limits);
        layers
            .iter()
            .try_for_each(|layer| unpacker.layer(&layer[..]))
    }

    fn text(&self, path: &str) -> String {
        self.root
            .read_to_string(path)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// What stands beside the root: nothing ever does.
    fn escaped(&self) -> Vec<String> {
        let all = std::fs::read_dir(self.outside.path()).expect("read");
        let names = all.map(|entry| {
            entry
                .expect("read")
                .file_name()
                .to_string_lossy()
                .into_owned()
        });
        names.filter(|name| name != "root").collect()
    }
}

#[test]
fn files_folders_and_links_arrive_with_their_mode_and_time() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new();
    let layer = tar(&[
        (FOLDER, "./", ""),
        (FOLDER, "./etc/", ""),
        (FILE, "./etc/motd", "hi"),
        (FILE, "usr/lib/deep/x", "x"),
        (LINK, "lib", "/usr/lib"),
        (LINK, "usr/up", "../../../etc/motd"),
        (HARD, "etc/again", "./etc/motd"),
        (EntryType::Char, "dev/null", ""),
        (FILE, "lib/deep/y", "through the link"),
    ]);
    place.unpack(&[layer]).expect("unpacked");
    assert_eq!(place.text("etc/again"), "hi");
    assert_eq!(
        place.text("lib/deep/x"),
        "x",
        "a link to / leads into the root"
    );
    assert_eq!(
        place.text("usr/up"),
        "hi",
        "above the root there is nothing"
    );
    assert_eq!(place.text("usr/lib/deep/y"), "through the link");
    assert!(!place.root.exists("dev/null"));
    let file = std::fs::metadata(place.outside.path().join("root/etc/motd")).expect("there");
    assert_eq!((file.mode() & 0o7777, file.mtime()), (0o640, 1_000_000_000));
}

#[test]
fn layers_may_be_compressed_by_gzip_or_zstd() {
    let layer = tar(&[(FILE, "a", "as it was")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&layer).expect("written");
    let gzip = gzip.finish().expect("finished");
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let halves = layer.split_at(700);
    let zstd = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, level);
    // A frame without data between two with: 0x184D2A50, its length, what it holds.
    let nothing = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frames = [&nothing[..], &zstd(halves.0), &nothing, &zstd(halves.1)].concat();
    for layer in [gzip, zstd(&layer), frames] {
        let place = Place::new();
        place.unpack(&[layer]).expect("unpacked");
        assert_eq!(place.text("a"), "as it was");
    }
}

#[test]
fn whiteouts_remove_what_lower_layers_brought_and_nothing_of_their_own() {
    let place = Place::new();
    let below = tar(&[
        (FILE, "gone", ""),
        (FILE, "kept", ""),
        (FILE, "dir/old", ""),
        (FILE, "dir/sub/old", ""),
        (FILE, "tree/a/b", ""),
        (FILE, "both", "below"),
    ]);
    let above = tar(&[
        (FILE, ".wh.gone", ""),
        (FILE, "dir/sub/new", ""),
        (FILE, "dir/.wh..wh..opq", ""),
        (FILE, "dir/new", ""),
        (FILE, ".wh.tree", ""),
        (FILE, "both", "above"),
        (FILE, ".wh.both", ""),
        (FILE, ".wh.never-was", ""),
        (FILE, "none/.wh..wh..opq", ""),
    ]);
    place.unpack(&[below, above]).expect("unpacked");
    for gone in [
        "gone",
        "dir/old",
        "dir/sub/old",
        "tree",
        ".wh.gone",
        "dir/.wh..wh..opq",
    ] {
        assert!(place.root.symlink_metadata(gone).is_err(), "{gone}");
    }
    for kept in ["kept", "dir/new", "dir/sub/new"] {
        assert!(place.root.exists(kept), "{kept}");
    }
    assert_eq!(place.text("both"), "above");
}

#[test]
fn a_layer_replaces_what_is_below_and_leaves_other_names_of_it_alone() {
    let place = Place::new();
    let below = tar(&[
        (FILE, "a", "below"),
        (HARD, "b", "a"),
        (FILE, "folder/x", ""),
        (FILE, "file", ""),
        (FOLDER, "real", ""),
        (LINK, "link", "real"),
    ]);
    let above = tar(&[
        (FILE, "a", "above"),
        (FILE, "folder", "now a file"),
        (FILE, "file/x", "now in a folder"),
    ]);
    let refused = place.unpack(&[below, above.clone()]);
    assert!(refused.is_err(), "a file below is in the way of a folder");
    let place = Place::new();
    let below = tar(&[
        (FILE, "a", "below"),
        (HARD, "b", "a"),
        (FILE, "folder/x", ""),
    ]);
    let above = tar(&[(FILE, "a", "above"), (FILE, "folder", "now a file")]);
    place.unpack(&[below, above]).expect("unpacked");
    assert_eq!(
        (place.text("a"), place.text("b")),
        ("above".into(), "below".into())
    );
    assert_eq!(place.text("folder"), "now a file");
}

#[test]
fn nothing_leads_out_of_the_root() {
    let attempts: &[&[Made<'_>]] = &[
        &[(FILE, "../evil", "x")],
        &[(FILE, "a/../../evil", "x")],
        &[(LINK, "up", "../.."), (FILE, "up/../evil", "x")],
        &[(HARD, "evil", "../secret")],
        &[
            (LINK, "a", "b/../../.."),
            (FOLDER, "b", ""),
            (FILE, "a/evil", "x"),
        ],
        &[(FILE, ".wh...", "")],
        &[(FILE, "x/.wh.", "")],
    ];
    for attempt in attempts {
        let place = Place::new();
        place.unpack(&[tar(attempt)]).expect_err("refused");
        assert!(
            place.escaped().is_empty(),
            "{attempt:?}: {:?}",
            place.escaped()
        );
    }
    // These are harmless: what they name is in the root, whatever it looks like.
    let attempts: &[&[Made<'_>]] = &[
        &[(FILE, "/evil", "x")],
        &[(LINK, "up", "../../.."), (FILE, "up/evil", "x")],
        &[(LINK, "up", "/"), (FILE, "up/evil", "x")],
    ];
    for attempt in attempts {
        let place = Place::new();
        place.unpack(&[tar(attempt)]).expect("unpacked");
        assert_eq!(place.text("evil"), "x");
        assert!(
            place.escaped().is_empty(),
            "{attempt:?}: {:?}",
            place.escaped()
        );
    }
}

#[test]
fn a_hard_link_to_a_link_gives_nothing_that_is_outside() {
    let place = Place::new();
    std::fs::write(place.outside.path().join("secret"), "of the machine").expect("written");
    let layer = tar(&[(LINK, "l", "../secret"), (HARD, "h", "l")]);
    // Whether the link is taken or refused: what it leads to is not there to be read.
    let _either_way = place.unpack(&[layer]);
    assert!(place.root.read_to_string("h").is_err());
    assert!(place.root.read_to_string("l").is_err());
}

#[test]
fn an_archive_brings_no_more_than_it_may() {
    let few = Limits {
        bytes: 1 << 20,
        entries: 3,
    };
    let many = tar(&[
        (FILE, "a", ""),
        (FILE, "b", ""),
        (FILE, "c", ""),
        (FILE, "d", ""),
    ]);
    let place = Place::new();
    let refused = place.unpack_within(&[many], few).expect_err("refused");
    assert!(matches!(refused, LayerError::TooMuch(_)), "{refused}");
    let two = tar(&[(FILE, "a", ""), (FILE, "b", "")]);
    let refused = place.unpack_within(&[two.clone(), two], few);
    refused.expect_err("all layers count together");
    // The header says a terabyte: refused before a byte of it is read.
    let mut header = Header::new_gnu();
    header.set_path("huge").expect("set");
    header.set_size(1 << 40);
    header.set_cksum();
    let refused = place.unpack(&[header.as_bytes().to_vec()]);
    assert!(matches!(refused, Err(LayerError::TooMuch(_))));
    // So is a name that would take a gigabyte of memory.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_path("././@LongLink").expect("set");
    header.set_size(1 << 30);
    header.set_cksum();
    let refused = place.unpack(&[header.as_bytes().to_vec()]);
    assert!(matches!(refused, Err(LayerError::TooMuch(_))));
}

#[test]
fn long_names_of_both_dialects_are_joined() {
    let long = format!("{}/{}/f", "d".repeat(120), "e".repeat(120));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o644);
    header.set_entry_type(FILE);
    builder
        .append_data(&mut header.clone(), &long, &b"gnu"[..])
        .expect("added");
    let pax = format!("pax-{long}");
    builder
        .append_pax_extensions([("path", pax.as_bytes())])
        .expect("added");
    builder
        .append_data(&mut header, "short", &b"pax"[..])
        .expect("added");
    let place = Place::new();
    place
        .unpack(&[builder.into_inner().expect("made")])
        .expect("unpacked");
    assert_eq!(place.text(&long), "gnu");
    assert_eq!(place.text(&pax), "pax");
}

#[test]
fn a_layer_that_has_changed_on_disk_is_noticed() {
    use sha2::Digest as _;
    let place = Place::new();
    let mut layer = tar(&[(FILE, "a", "as it was")]);
    // Behind the archive's end, where nobody reads it for its own sake.
    layer.extend([0; 300_000]);
    let path = place.outside.path().join("layer");
    let digest = hex::encode(sha2::Sha256::digest(&layer));
    let unpack = |layer: &[u8]| {
        std::fs::write(&path, layer).expect("written");
        super::unpack([(&*path, &*digest)], &place.root)
    };
    unpack(&layer).expect("unpacked");
    for at in [600, layer.len() - 1] {
        let mut other = layer.clone();
        other[at] ^= 1;
        let refused = unpack(&other);
        assert!(matches!(refused, Err(LayerError::Changed(_))), "{at}");
    }
    unpack(&layer[..layer.len() - 1]).expect_err("it is shorter");
}

#[test]
fn damaged_archives_are_errors_and_nothing_worse() {
    let mut layers = vec![tar(&[
        (FOLDER, "d", ""),
        (FILE, "d/a", "0123456789"),
        (LINK, "l", "d/a"),
    ])];
    layers.extend(seeds::all().into_iter().map(|(_, layer)| layer));
    // A small generator, so that a failure can be tried again: xorshift.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).expect("small")
    };
    let few = Limits {
        bytes: 1 << 20,
        entries: 100,
    };
    for layer in &layers {
        for round in 0..100 {
            let mut damaged = layer.clone();
            if round > 0 {
                for _ in 0..=next(8) {
                    let at = next(damaged.len());
                    damaged[at] = u8::try_from(next(256)).expect("a byte");
                }
                damaged.truncate(next(2 * layer.len()) + 1);
            }
            let place = Place::new();
            let _either_way = place.unpack_within(&[damaged], few);
            assert!(place.escaped().is_empty(), "{:?}", place.escaped());
        }
    }
}
