//! A layer onto a folder: whatever it is, nothing appears beside the folder, and no more than allowed in it.

#![no_main]

#[allow(dead_code, missing_docs, reason = "the room as it stands, for one of its uses")]
#[path = "../../src/layers/mod.rs"]
mod layers;

use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use libfuzzer_sys::fuzz_target;

use layers::{Limits, Unpacker};

fuzz_target!(|layer: &[u8]| {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let place = place.expect("a folder");
    let root = place.path().join("root");
    std::fs::create_dir(&root).expect("made");
    std::fs::write(place.path().join("secret"), "of the machine").expect("written");
    let dir = Dir::open_ambient_dir(&root, ambient_authority()).expect("opened");
    let limits = Limits {
        bytes: 1 << 20,
        entries: 200,
    };
    let mut unpacker = Unpacker::new(&dir, limits);
    // The first half is a layer below the second, too: whiteouts need something to remove.
    let _either_way = unpacker.layer(&layer[..layer.len() / 2]);
    let _either_way = unpacker.layer(layer);
    let beside = std::fs::read_dir(place.path()).expect("read").count();
    assert_eq!(beside, 2);
    let secret = std::fs::read(place.path().join("secret")).expect("there");
    assert_eq!(secret, b"of the machine");
});
