//! Tries file operations by WASI 0.3 in the order they are given, and prints for each what came of it: `OP PATH: ok …` or `OP PATH: CODE`, the
//! error as WASI calls it. It goes on after an error and ends well. Paths are relative to the first preopened directory, `/`.
//!
//! Operations: `read PATH`, `write PATH TEXT`, `stat PATH`, `touch PATH`, `rm PATH`, `mv FROM TO`, `link FROM TO`, `same PATH PATH`.

use wasip3::cli::{environment, stdout};
use wasip3::filesystem::preopens;
use wasip3::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
};

struct Files;

wasip3::cli::command::export!(Files);

impl wasip3::exports::cli::run::Guest for Files {
    async fn run() -> Result<(), ()> {
        let (root, _) = preopens::get_directories().into_iter().next().ok_or(())?;
        let mut args = environment::get_arguments().into_iter().skip(1);
        let mut text = String::new();
        while let Some(op) = args.next() {
            let path = args.next().ok_or(())?;
            let second = if ["write", "mv", "link", "same"].contains(&op.as_str()) {
                args.next().ok_or(())?
            } else {
                String::new()
            };
            let outcome = match op.as_str() {
                "read" => read(&root, &path).await,
                "write" => write(&root, &path, second).await,
                "stat" => stat(&root, &path).await,
                "touch" => touch(&root, &path).await,
                "rm" => root
                    .unlink_file_at(path.clone())
                    .await
                    .map(|()| String::new()),
                "mv" => {
                    let moved = root.rename_at(path.clone(), &root, second).await;
                    moved.map(|()| String::new())
                }
                "link" => {
                    let linked = root.link_at(PathFlags::empty(), path.clone(), &root, second);
                    linked.await.map(|()| String::new())
                }
                "same" => same(&root, &path, &second).await,
                _ => return Err(()),
            };
            text.push_str(&match outcome {
                Ok(found) if found.is_empty() => format!("{op} {path}: ok\n"),
                Ok(found) => format!("{op} {path}: ok {}\n", found.trim_end()),
                Err(code) => format!("{op} {path}: {code:?}\n"),
            });
        }
        let (mut writer, reader) = wasip3::wit_stream::new();
        let written = stdout::write_via_stream(reader);
        let lost = writer.write_all(text.into_bytes()).await;
        drop(writer);
        if lost.is_empty() && written.await.is_ok() {
            Ok(())
        } else {
            Err(())
        }
    }
}

type Outcome = Result<String, ErrorCode>;

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

async fn read(root: &Descriptor, path: &str) -> Outcome {
    let (open, flags) = (OpenFlags::empty(), DescriptorFlags::READ);
    let file = root.open_at(FOLLOW, path.into(), open, flags).await?;
    let (bytes, ended) = file.read_via_stream(0);
    let bytes = bytes.collect().await;
    ended.await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn write(root: &Descriptor, path: &str, text: String) -> Outcome {
    let open = OpenFlags::CREATE | OpenFlags::TRUNCATE;
    let file = root
        .open_at(FOLLOW, path.into(), open, DescriptorFlags::WRITE)
        .await?;
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = file.write_via_stream(reader, 0);
    writer.write_all(text.into_bytes()).await;
    drop(writer);
    written.await?;
    Ok(String::new())
}

async fn stat(root: &Descriptor, path: &str) -> Outcome {
    let found = root.stat_at(FOLLOW, path.into()).await?;
    Ok(format!("{:?} {}", found.type_, found.size))
}

async fn touch(root: &Descriptor, path: &str) -> Outcome {
    let now = NewTimestamp::Now;
    root.set_times_at(FOLLOW, path.into(), now, now).await?;
    Ok(String::new())
}

/// Whether two paths lead to one file.
async fn same(root: &Descriptor, one: &str, other: &str) -> Outcome {
    let one = root.metadata_hash_at(FOLLOW, one.into()).await?;
    let other = root.metadata_hash_at(FOLLOW, other.into()).await?;
    let same = (one.lower, one.upper) == (other.lower, other.upper);
    Ok(same.to_string())
}
