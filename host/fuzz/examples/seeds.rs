//! Writes the archives that the target `unpack` begins with: `cargo run --example seeds corpus/unpack`.

#[path = "../../src/layers/tests/seeds.rs"]
mod seeds;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let to: PathBuf = std::env::args_os().nth(1).expect("a folder").into();
    std::fs::create_dir_all(&to)?;
    seeds::all()
        .into_iter()
        .try_for_each(|(name, archive)| std::fs::write(to.join(name), archive))
}
