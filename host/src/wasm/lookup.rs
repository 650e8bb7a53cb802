//! Which program a file in a container's root is.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::adapt::looks_like_wasm;
use super::bindings::peapod::pod::process::{Command, ErrorCode, Program as Which};
use super::file_mounts::Access;
use super::mounts::normalise;
use super::process::{ContainerShared, Launch};
use super::process_host::code;
use super::program::Program;
use super::stdio::Stdio;
use super::stream::Stream;

/// Arguments and environment of one process together.
const ARGUMENTS_BYTES_MAX: usize = 2 << 20;
/// Interpreters that name an interpreter.
const INTERPRETERS_MAX: usize = 4;
/// A component in a container's root.
const PROGRAM_BYTES_MAX: u64 = 256 << 20;
/// Programs of its own that one container may have the host compile: each takes memory and disk as long as the host lives.
const PROGRAMS_MAX: usize = 256;
/// The first line of a script.
const SHEBANG_BYTES_MAX: usize = 256;

/// The digest of a program in a container's root: a shell loop must not hash the same file a thousand times.
pub(super) struct KnownProgram {
    changed: SystemTime,
    len: u64,
    digest: String,
}

/// What a path leads to.
pub(super) enum Found {
    /// A program.
    Program(Arc<Program>),
    /// A script whose interpreter is no file; whoever answers to the name of the interpreter is meant.
    Interpreter(String),
}

impl ContainerShared {
    /// What a guest that runs `caller` asks to be run.
    pub(super) async fn launch(
        self: Arc<Self>,
        command: Command,
        stdio: Stdio,
        caller: Arc<Program>,
    ) -> Result<Launch, ErrorCode> {
        if command.arguments.is_empty() {
            return Err(ErrorCode::Invalid);
        }
        if !fit(&command.arguments, &command.environment) {
            return Err(ErrorCode::TooBig);
        }
        let mut args = command.arguments;
        let program = match command.program {
            Which::This => caller,
            Which::File(path) => match self.find(path, &mut args, &stdio.stderr).await? {
                Found::Program(program) => program,
                // A shell of the toolbox is the shell for what it starts, beside an image that is none.
                Found::Interpreter(_) if self.is_toolbox(&caller) => caller,
                // `#!/bin/sh` where the image itself is the shell.
                Found::Interpreter(_) => Arc::clone(&self.image),
            },
        };
        Ok(Launch {
            program,
            args,
            env: command.environment,
            working_dir: normalise(&command.directory),
            stdio,
        })
    }

    /// The program in a file; for a script, its interpreter, with the arguments changed as execve(2) does.
    pub(super) async fn find(
        self: &Arc<Self>,
        mut path: String,
        args: &mut Vec<String>,
        stderr: &Stream,
    ) -> Result<Found, ErrorCode> {
        for depth in 0..INTERPRETERS_MAX {
            let mut file = match self.mounts.open(&path, Access::READ) {
                Ok(file) => file,
                Err(error) if depth > 0 && error.kind() == ErrorKind::NotFound => {
                    return Ok(Found::Interpreter(path));
                }
                Err(error) if error.kind() == ErrorKind::IsADirectory => {
                    return Err(ErrorCode::Access);
                }
                Err(error) => return Err(code(&error)),
            };
            let mut start = [0; SHEBANG_BYTES_MAX];
            let len = read_start(&mut file, &mut start).map_err(|error| code(&error))?;
            let start = &start[..len];
            if let Some(line) = start.strip_prefix(b"#!") {
                let (interpreter, argument) = shebang(line).ok_or(ErrorCode::NotExecutable)?;
                let script = std::mem::replace(&mut path, interpreter.clone());
                let rest = args.split_off(1.min(args.len()));
                *args = std::iter::once(interpreter)
                    .chain(argument)
                    .chain([script])
                    .chain(rest)
                    .collect();
                continue;
            }
            if !looks_like_wasm(start) {
                return Err(ErrorCode::NotExecutable);
            }
            let program = self.load(&path, file, start, stderr).await?;
            return Ok(Found::Program(program));
        }
        Err(ErrorCode::NotExecutable)
    }

    async fn load(
        self: &Arc<Self>,
        path: &str,
        file: std::fs::File,
        start: &[u8],
        stderr: &Stream,
    ) -> Result<Arc<Program>, ErrorCode> {
        let metadata = file.metadata().map_err(|error| code(&error))?;
        if metadata.len() > PROGRAM_BYTES_MAX {
            return Err(ErrorCode::TooBig);
        }
        let changed = metadata.modified().map_err(|error| code(&error))?;
        let key = PathBuf::from(normalise(path));
        let known = self
            .digests()
            .get(&key)
            .filter(|known| known.changed == changed && known.len == metadata.len())
            .and_then(|known| self.code.loaded(&known.digest));
        if let Some(program) = known {
            return Ok(program);
        }
        if self.programs.fetch_add(1, Ordering::AcqRel) >= PROGRAMS_MAX {
            return Err(ErrorCode::TooBig);
        }
        let start = start.to_vec();
        // Up to a quarter of a gigabyte to read and hash: not on a thread that other containers need.
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = start;
            file.take(PROGRAM_BYTES_MAX).read_to_end(&mut bytes)?;
            let digest = hex::encode(Sha256::digest(&bytes));
            Ok::<_, io::Error>((bytes, digest))
        });
        let (bytes, digest) = read
            .await
            .map_err(|_| ErrorCode::Io)?
            .map_err(|error| code(&error))?;
        let known = KnownProgram {
            changed,
            len: metadata.len(),
            digest: digest.clone(),
        };
        self.digests().insert(key, known);
        match self.code.load(&digest, path, move || Ok(bytes)).await {
            Ok(program) => Ok(program),
            Err(error) => {
                let text = format!("{path}: {error}\n");
                let _ignored = stderr.write(text.as_bytes()).await;
                Err(ErrorCode::NotExecutable)
            }
        }
    }

    /// What the container's first process runs: a file of its root when the first argument is the path of one, else the image's component.
    pub(super) async fn first(
        self: &Arc<Self>,
        mut args: Vec<String>,
        env: Vec<(String, String)>,
        working_dir: &str,
        stdio: Stdio,
    ) -> Result<Launch, String> {
        let path = args.first().cloned().unwrap_or_default();
        let program = if path.contains('/') {
            let path = normalise(&format!("{working_dir}/{path}"));
            match self.find(path.clone(), &mut args, &stdio.stderr).await {
                Ok(Found::Program(program)) => program,
                Ok(Found::Interpreter(_)) | Err(ErrorCode::NoEntry) => Arc::clone(&self.image),
                Err(error) => return Err(format!("exec {path}: {}", error.name())),
            }
        } else {
            Arc::clone(&self.image)
        };
        Ok(Launch {
            program,
            args,
            env,
            working_dir: normalise(working_dir),
            stdio,
        })
    }

    fn is_toolbox(&self, program: &Arc<Program>) -> bool {
        let toolbox = self.toolbox.get();
        toolbox.is_some_and(|toolbox| Arc::ptr_eq(toolbox, program))
    }

    fn digests(&self) -> MutexGuard<'_, HashMap<PathBuf, KnownProgram>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a process may have these arguments and this environment.
pub(super) fn fit(arguments: &[String], environment: &[(String, String)]) -> bool {
    // Each string costs its header, too: a million empty ones are not nothing.
    let cost = |text: &String| text.len() + size_of::<String>();
    let arguments = arguments.iter().map(cost);
    let environment = environment.iter();
    let environment = environment.map(|(name, value)| cost(name) + cost(value));
    arguments.chain(environment).sum::<usize>() <= ARGUMENTS_BYTES_MAX
}

fn read_start(file: &mut std::fs::File, start: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while len < start.len() {
        match file.read(&mut start[len..])? {
            0 => break,
            more => len += more,
        }
    }
    Ok(len)
}

/// Interpreter and at most one argument, as Linux splits the line.
fn shebang(line: &[u8]) -> Option<(String, Option<String>)> {
    let end = line.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&line[..end]).ok()?.trim();
    let (interpreter, argument) = match line.split_once([' ', '\t']) {
        Some((interpreter, argument)) => (interpreter, Some(argument.trim().to_owned())),
        None => (line, None),
    };
    interpreter
        .starts_with('/')
        .then(|| (interpreter.to_owned(), argument))
}

#[cfg(test)]
mod tests {
    use super::{ARGUMENTS_BYTES_MAX, fit, shebang};

    #[test]
    fn arguments_and_environment_have_a_size_together() {
        let half = || "x".repeat(ARGUMENTS_BYTES_MAX / 2 - 100);
        assert!(fit(&[half(), half()], &[]));
        assert!(!fit(&[half()], &[("A".into(), half() + &"x".repeat(300))]));
        let empty = vec![String::new(); ARGUMENTS_BYTES_MAX / 16];
        assert!(!fit(&empty, &[]), "each takes its place, too");
    }

    #[test]
    fn a_script_names_its_interpreter_and_one_argument() {
        let sh = || "/bin/sh".to_owned();
        assert_eq!(shebang(b"/bin/sh\n"), Some((sh(), None)));
        assert_eq!(
            shebang(b" /bin/sh -e -u \nx"),
            Some((sh(), Some("-e -u".into())))
        );
        assert_eq!(shebang(b"sh\n"), None);
        assert_eq!(shebang(b"/bin/sh"), None);
    }
}
