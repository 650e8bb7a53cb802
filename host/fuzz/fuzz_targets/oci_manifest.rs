//! What a registry says an image is: read or refused, and what was read is written as what reads the same.

#![no_main]

#[allow(dead_code, missing_docs, reason = "a room's file as it stands, for one of its uses")]
#[path = "../../src/images/config.rs"]
mod config;
#[allow(dead_code, missing_docs, reason = "a room's file as it stands, for one of its uses")]
#[path = "../../src/images/digest.rs"]
mod digest;

use config::Document;
use digest::Digest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Document::parse(bytes) {
        Ok(Document::Manifest(manifest)) => {
            let again = serde_json::to_vec(&manifest).expect("written");
            assert_eq!(Document::parse(&again), Ok(Document::Manifest(manifest.clone())));
            assert!(manifest.blobs().all(|blob| blob.digest.hex().len() == 64));
            manifest.size();
        }
        Ok(Document::Index(index)) => {
            index.best();
            index.platforms();
        }
        Err(text) => assert_eq!(text.lines().count(), 1, "{text}"),
    }
    let _either_way = serde_json::from_slice::<config::AnyConfig>(bytes);
});
