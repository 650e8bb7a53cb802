//! What a registry says an image is: read or refused, and what was read is written as what reads the same.

#![no_main]

#[allow(dead_code, missing_docs, reason = "a room's files as they stand, for one of their uses")]
mod images {
    #[path = "../../../host/src/images/config.rs"]
    pub mod config;
    #[path = "../../../host/src/images/digest.rs"]
    pub mod digest;

    pub use digest::Digest;

    pub fn read(bytes: &[u8]) {
        use config::Document;
        match Document::parse(bytes) {
            Ok(Document::Manifest(manifest)) => {
                let again = serde_json::to_vec(&manifest).expect("written");
                assert_eq!(Document::parse(&again), Ok(Document::Manifest(manifest.clone())));
                assert!(manifest.blobs().all(|blob| blob.digest.hex().len() == 64));
                manifest.size();
            }
            Ok(Document::Index(index)) => {
                index.best();
                assert!(index.platforms().len() < bytes.len() + 64);
            }
            Err(text) => assert_eq!(text.lines().count(), 1, "{text}"),
        }
        let _either_way = serde_json::from_slice::<config::AnyConfig>(bytes);
    }
}

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| images::read(bytes));
