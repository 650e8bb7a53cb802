//! `pack wat IN.wat OUT.wasm` turns text into a module or component; `pack war DIR OUT.war` zips a folder, always into the same bytes;
//! `pack c-bindings WIT_DIR WORLD OUT_DIR` writes a world's bindings for C.
//! A tool of the build: it runs on the building machine, so that neither `zip` nor `wat2wasm` nor `wit-bindgen` has to be installed.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["wat", from, to] => text_to_binary(from, to),
        ["war", from, to] => archive(Path::new(from), to),
        ["c-bindings", from, world, to] => c_bindings(from, world, Path::new(to)),
        _ => Err("usage: pack wat IN.wat OUT.wasm | pack war DIR OUT.war | pack c-bindings WIT_DIR WORLD OUT_DIR".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("pack: {e}");
            ExitCode::FAILURE
        }
    }
}

fn text_to_binary(from: &str, to: &str) -> Result<(), Box<dyn Error>> {
    fs::write(to, wat::parse_file(from)?).map_err(|e| format!("{to}: {e}"))?;
    Ok(())
}

/// `WORLD.c`, `WORLD.h`, and an object file that tells the linker what the world is.
fn c_bindings(from: &str, world: &str, to: &Path) -> Result<(), Box<dyn Error>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(from)?;
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)?;
    for (name, bytes) in files.iter() {
        fs::write(to.join(name), bytes).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

/// Names sorted and times fixed: the archive changes only when what is in it does.
fn archive(dir: &Path, to: &str) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    walk(dir, &mut files)?;
    files.sort();
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(fs::File::create(to).map_err(|e| format!("{to}: {e}"))?);
    for file in files {
        let name = file
            .strip_prefix(dir)?
            .components()
            .map(|c| c.as_os_str().to_string_lossy())
            .collect::<Vec<_>>()
            .join("/");
        zip.start_file(name, options)?;
        std::io::copy(&mut fs::File::open(&file)?, &mut zip)?;
    }
    zip.finish()?;
    Ok(())
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?
        } else {
            files.push(path)
        }
    }
    Ok(())
}
