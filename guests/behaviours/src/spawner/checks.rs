//! The checks. Each is a function that returns what was wrong, and reads as the sentence it is listed under.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use peapod_guest::process::{
    Command, Open, Stream, id, list, parent, pipe, signal, stdout, try_wait, wait,
};

type Outcome = Result<(), String>;

const TERM: u32 = 15;
const KILL: u32 = 9;

/// Runs every check and prints a line for each; whether all were right.
pub fn all(count: u32) -> bool {
    let checks: &[(&str, &dyn Fn() -> Outcome)] = &[
        ("a child's exit code arrives", &exit_codes),
        ("a trap is 134", &trap),
        ("a child is waited for once", &waited_once),
        ("a stranger is not waited for", &stranger),
        ("try-wait does not wait", &try_wait_does_not_wait),
        ("TERM ends a sleeping child with 143", &|| {
            killed("child-sleep", TERM)
        }),
        ("KILL ends a sleeping child with 137", &|| {
            killed("child-sleep", KILL)
        }),
        ("TERM ends a spinning child with 143", &|| {
            killed("child-spin", TERM)
        }),
        ("KILL ends a spinning child with 137", &|| {
            killed("child-spin", KILL)
        }),
        ("signal 0 only asks", &signal_zero),
        ("arguments, environment and directory arrive", &surroundings),
        ("a child has an environment of its own", &empty_environment),
        ("a child reads what its parent writes", &there_and_back),
        ("a pipeline of three", &pipeline),
        ("more than a pipe holds", &more_than_a_pipe_holds),
        ("a pipe ends when the last writer is gone", &last_writer),
        ("a pipe without a reader breaks", &broken_pipe),
        ("the ends of a pipe are not mixed up", &wrong_end),
        ("stderr goes its own way", &own_stderr),
        ("one stream as stdout and stderr", &both_in_one),
        ("a child writes into a file", &into_a_file),
        ("append goes to the end", &append),
        ("a duplicate shares its position", &shared_position),
        ("exclusive wants a new file", &exclusive),
        ("a folder cannot be written", &folder),
        ("what is not there cannot be opened", &absent),
        ("/dev/null is empty and takes everything", &dev_null),
        ("a program that is not there", &no_program),
        ("a program that is none", &not_a_program),
        (
            "a script is run by its interpreter, which is the image",
            &script,
        ),
        ("too many arguments", &too_big),
        ("a child sees its parent in the list", &family),
        ("the list shows children by their arguments", &listed),
        ("a child has children", &grandchild),
        ("the host's own streams can be handed on", &inherited),
        ("children at once", &|| at_once(count)),
        ("children one after another", &|| one_after_another(count)),
        ("nobody is left", &nobody_left),
    ];
    let mut failed = 0;
    for (what, check) in checks {
        match check() {
            Ok(()) => println!("ok {what}"),
            Err(why) => {
                failed += 1;
                println!("FAILED {what}: {why}");
            }
        }
    }
    println!("{} checks, {failed} failed", checks.len());
    failed == 0
}

fn same<T: PartialEq + std::fmt::Debug>(got: T, want: T) -> Outcome {
    if got == want {
        Ok(())
    } else {
        Err(format!("got {got:?}, wanted {want:?}"))
    }
}

fn refused<T>(outcome: io::Result<T>, want: &str) -> Outcome {
    match outcome {
        Ok(_) => Err(format!("it went well, wanted: {want}")),
        Err(e) => same(e.to_string().as_str(), want),
    }
}

fn text(e: io::Error) -> String {
    format!("{:?}: {e}", e.kind())
}

/// Runs a child to its end: its code.
fn run<const N: usize>(arguments: [&str; N]) -> Result<u32, String> {
    Command::this(arguments)
        .spawn()
        .and_then(|mut it| it.wait())
        .map_err(text)
}

/// Runs a child to its end with stdout in a pipe: what it said.
fn said(command: Command) -> Result<String, String> {
    let (mut reader, writer) = pipe().map_err(text)?;
    let mut child = command.stdout(&writer).spawn().map_err(text)?;
    drop(writer);
    let all = read_all(&mut reader)?;
    same(child.wait().map_err(text)?, 0)?;
    Ok(all)
}

fn read_all(reader: &mut Stream) -> Result<String, String> {
    let mut all = String::new();
    reader.read_to_string(&mut all).map_err(text)?;
    Ok(all)
}

fn write_file(path: &str, content: &str) -> Result<(), String> {
    std::fs::write(path, content).map_err(text)
}

fn exit_codes() -> Outcome {
    for code in ["0", "1", "7", "255"] {
        same(run(["child-exit", code])?.to_string().as_str(), code)?;
    }
    Ok(())
}

fn trap() -> Outcome {
    same(run(["child-trap"])?, 134)
}

fn waited_once() -> Outcome {
    let mut child = Command::this(["child-exit", "3"]).spawn().map_err(text)?;
    same(child.wait().map_err(text)?, 3)?;
    refused(child.wait(), "No child processes")
}

fn stranger() -> Outcome {
    refused(wait(id()), "No child processes")?;
    refused(wait(4_000_000), "No child processes")
}

fn try_wait_does_not_wait() -> Outcome {
    let child = Command::this(["child-spin"]).spawn().map_err(text)?;
    same(try_wait(child.id()).map_err(text)?, None)?;
    signal(child.id(), KILL).map_err(text)?;
    let begun = Instant::now();
    loop {
        match try_wait(child.id()).map_err(text)? {
            Some(code) => return same(code, 137),
            None if begun.elapsed().as_secs() > 5 => {
                return Err("still there 5 s after KILL".into());
            }
            None => std::thread::sleep(std::time::Duration::from_millis(1)),
        }
    }
}

fn killed(what: &str, number: u32) -> Outcome {
    let mut child = Command::this([what, "600000"]).spawn().map_err(text)?;
    signal(child.id(), number).map_err(text)?;
    same(child.wait().map_err(text)?, 128 + number)
}

fn signal_zero() -> Outcome {
    let mut child = Command::this(["child-sleep", "600000"])
        .spawn()
        .map_err(text)?;
    signal(child.id(), 0).map_err(text)?;
    same(try_wait(child.id()).map_err(text)?, None)?;
    signal(child.id(), KILL).map_err(text)?;
    child.wait().map_err(text)?;
    refused(signal(child.id(), 0), "No such process")?;
    refused(signal(4_000_000, TERM), "No such process")
}

fn surroundings() -> Outcome {
    let environment = [("B", "two words"), ("A", ""), ("Ü", "ß=1")]
        .map(|(name, value)| (name.into(), value.into()));
    let command = Command::this(["child-tell", "one", "", "three 3"])
        .environment(environment.to_vec())
        .directory("/tmp");
    same(
        said(command)?.trim_end(),
        "one,,three 3 | A=,B=two words,Ü=ß=1 | /tmp",
    )
}

fn empty_environment() -> Outcome {
    same(said(Command::this(["child-tell"]))?.trim_end(), " |  | /")
}

fn there_and_back() -> Outcome {
    let (from_me, mut to_child) = pipe().map_err(text)?;
    let (mut from_child, to_me) = pipe().map_err(text)?;
    let mut child = Command::this(["child-upper"])
        .stdin(&from_me)
        .stdout(&to_me)
        .spawn()
        .map_err(text)?;
    drop((from_me, to_me));
    // An answer before the end of the input: what is written is not held back.
    to_child.write_all(b"hello\n").map_err(text)?;
    let mut answer = [0; 6];
    from_child.read_exact(&mut answer).map_err(text)?;
    same(&answer, b"HELLO\n")?;
    to_child.write_all(b"bye\n").map_err(text)?;
    drop(to_child);
    same(read_all(&mut from_child)?.as_str(), "BYE\n")?;
    same(child.wait().map_err(text)?, 0)
}

fn pipeline() -> Outcome {
    let (first_reader, first_writer) = pipe().map_err(text)?;
    let (second_reader, second_writer) = pipe().map_err(text)?;
    let (mut third_reader, third_writer) = pipe().map_err(text)?;
    let mut children = vec![
        Command::this(["child-say", "four"])
            .stdout(&first_writer)
            .spawn()
            .map_err(text)?,
        Command::this(["child-upper"])
            .stdin(&first_reader)
            .stdout(&second_writer)
            .spawn()
            .map_err(text)?,
        Command::this(["child-count"])
            .stdin(&second_reader)
            .stdout(&third_writer)
            .spawn()
            .map_err(text)?,
    ];
    drop((
        first_reader,
        first_writer,
        second_reader,
        second_writer,
        third_writer,
    ));
    same(read_all(&mut third_reader)?.as_str(), "5\n")?;
    for child in &mut children {
        same(child.wait().map_err(text)?, 0)?;
    }
    Ok(())
}

fn more_than_a_pipe_holds() -> Outcome {
    let (from_me, mut to_child) = pipe().map_err(text)?;
    let (mut from_child, to_me) = pipe().map_err(text)?;
    let mut child = Command::this(["child-count"])
        .stdin(&from_me)
        .stdout(&to_me)
        .spawn()
        .map_err(text)?;
    drop((from_me, to_me));
    to_child.write_all(&vec![b'x'; 1024 * 1024]).map_err(text)?;
    drop(to_child);
    same(read_all(&mut from_child)?.as_str(), "1048576\n")?;
    same(child.wait().map_err(text)?, 0)
}

fn last_writer() -> Outcome {
    let (mut reader, mut writer) = pipe().map_err(text)?;
    let mut other = writer.duplicate();
    writer.write_all(b"one ").map_err(text)?;
    drop(writer);
    other.write_all(b"two").map_err(text)?;
    drop(other);
    same(read_all(&mut reader)?.as_str(), "one two")
}

fn broken_pipe() -> Outcome {
    let (reader, mut writer) = pipe().map_err(text)?;
    drop(reader);
    refused(writer.write_all(b"x"), "Broken pipe")
}

fn wrong_end() -> Outcome {
    let (mut reader, mut writer) = pipe().map_err(text)?;
    refused(reader.write_all(b"x"), "Bad file descriptor")?;
    refused(writer.read(&mut [0; 8]), "Bad file descriptor")
}

fn own_stderr() -> Outcome {
    let (mut reader, writer) = pipe().map_err(text)?;
    let mut child = Command::this(["child-complain", "ouch"])
        .stderr(&writer)
        .spawn()
        .map_err(text)?;
    drop(writer);
    same(read_all(&mut reader)?.as_str(), "ouch\n")?;
    same(child.wait().map_err(text)?, 0)
}

fn both_in_one() -> Outcome {
    let (mut reader, writer) = pipe().map_err(text)?;
    for arguments in [["child-say", "out"], ["child-complain", "err"]] {
        let mut child = Command::this(arguments)
            .stdout(&writer)
            .stderr(&writer)
            .spawn()
            .map_err(text)?;
        same(child.wait().map_err(text)?, 0)?;
    }
    drop(writer);
    same(read_all(&mut reader)?.as_str(), "out\nerr\n")
}

fn into_a_file() -> Outcome {
    let path = "/tmp/spawner-out";
    write_file(path, "something much longer that was there before\n")?;
    let file = Open::default()
        .write()
        .create()
        .truncate()
        .open(path)
        .map_err(text)?;
    for word in ["one", "two"] {
        let mut child = Command::this(["child-say", word])
            .stdout(&file)
            .spawn()
            .map_err(text)?;
        same(child.wait().map_err(text)?, 0)?;
    }
    drop(file);
    same(
        std::fs::read_to_string(path).map_err(text)?.as_str(),
        "one\ntwo\n",
    )?;
    // And back: a file as stdin.
    let file = Open::default().read().open(path).map_err(text)?;
    same(
        said(Command::this(["child-count"]).stdin(&file))?.as_str(),
        "8\n",
    )
}

fn append() -> Outcome {
    let path = "/tmp/spawner-append";
    write_file(path, "first\n")?;
    let mut file = Open::default().write().append().open(path).map_err(text)?;
    file.write_all(b"second\n").map_err(text)?;
    same(
        std::fs::read_to_string(path).map_err(text)?.as_str(),
        "first\nsecond\n",
    )
}

fn shared_position() -> Outcome {
    let path = "/tmp/spawner-position";
    write_file(path, "abcdef")?;
    let mut one = Open::default().read().open(path).map_err(text)?;
    let mut two = one.duplicate();
    let (mut a, mut b) = ([0; 3], [0; 3]);
    one.read_exact(&mut a).map_err(text)?;
    two.read_exact(&mut b).map_err(text)?;
    same((&a, &b), (b"abc", b"def"))
}

fn exclusive() -> Outcome {
    let path = "/tmp/spawner-exclusive";
    let _ = std::fs::remove_file(path);
    let how = Open::default().write().create().exclusive();
    how.open(path).map_err(text)?;
    refused(how.open(path), "File exists")
}

fn folder() -> Outcome {
    refused(Open::default().write().open("/tmp"), "Is a directory")
}

fn absent() -> Outcome {
    refused(
        Open::default().read().open("/tmp/spawner-absent"),
        "No such file or directory",
    )?;
    refused(
        Open::default()
            .write()
            .create()
            .open("/tmp/spawner-absent/x"),
        "No such file or directory",
    )
}

fn dev_null() -> Outcome {
    let mut null = Open::default()
        .read()
        .write()
        .open("/dev/null")
        .map_err(text)?;
    null.write_all(&[0; 1000]).map_err(text)?;
    same(null.read(&mut [0; 8]).map_err(text)?, 0)
}

fn no_program() -> Outcome {
    refused(
        Command::file("/no/such/program", ["program"]).spawn(),
        "No such file or directory",
    )
}

fn not_a_program() -> Outcome {
    write_file("/tmp/spawner-text", "neither wasm nor a script\n")?;
    refused(
        Command::file("/tmp/spawner-text", ["text"]).spawn(),
        "Exec format error",
    )?;
    // POSIX calls a folder EACCES here.
    match Command::file("/tmp", ["folder"]).spawn() {
        Err(e)
            if matches!(
                e.kind(),
                ErrorKind::PermissionDenied | ErrorKind::IsADirectory
            ) =>
        {
            Ok(())
        }
        other => Err(format!("a folder gave {other:?}")),
    }
}

fn script() -> Outcome {
    let path = "/tmp/spawner-script";
    write_file(path, "#!/bin/child-say two words\n")?;
    let heard = said(Command::file(path, ["script", "more"]))?;
    // As execve(2) has it: all after the interpreter is one argument, then the script's path, then what the caller gave.
    same(heard.as_str(), "two words /tmp/spawner-script more\n")
}

fn too_big() -> Outcome {
    let big = "x".repeat(8 * 1024 * 1024);
    refused(
        Command::this(["child-exit", "0", &big]).spawn(),
        "Argument list too long",
    )
}

fn family() -> Outcome {
    same(run(["child-family"])?, 0)
}

fn listed() -> Outcome {
    let mut child = Command::this(["child-sleep", "600000"])
        .spawn()
        .map_err(text)?;
    let found = list().into_iter().find(|it| it.pid == child.id());
    signal(child.id(), KILL).map_err(text)?;
    child.wait().map_err(text)?;
    let Some(found) = found else {
        return Err("the child is not in the list".into());
    };
    same(
        (found.parent, found.arguments.join(" ").as_str()),
        (id(), "child-sleep 600000"),
    )?;
    if list().iter().any(|it| it.pid == child.id()) {
        Err("it is in the list after its end".into())
    } else {
        Ok(())
    }
}

fn grandchild() -> Outcome {
    same(run(["child-grandchild", "42"])?, 42)
}

fn inherited() -> Outcome {
    let out = stdout();
    let mut child = Command::this(["child-say", "(a child on this very stdout)"])
        .stdout(&out)
        .spawn()
        .map_err(text)?;
    same(child.wait().map_err(text)?, 0)
}

fn at_once(count: u32) -> Outcome {
    let mut children = Vec::new();
    for _ in 0..count {
        children.push(Command::this(["child-sleep", "50"]).spawn().map_err(text)?);
    }
    // Last first: whoever waits decides the order.
    for child in children.iter_mut().rev() {
        same(child.wait().map_err(text)?, 0)?;
    }
    Ok(())
}

fn one_after_another(count: u32) -> Outcome {
    let begun = Instant::now();
    for _ in 0..count {
        same(run(["child-exit", "0"])?, 0)?;
    }
    eprintln!(
        "{count} children one after another: {} ms",
        begun.elapsed().as_millis()
    );
    Ok(())
}

fn nobody_left() -> Outcome {
    let children: Vec<_> = list().into_iter().filter(|it| it.parent == id()).collect();
    if !children.is_empty() {
        return Err(format!("{children:?}"));
    }
    if parent() == 0 { same(id(), 1) } else { Ok(()) }
}
