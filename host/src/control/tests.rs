//! The protocol's edges, by sockets and commands that are not real containers'.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{SinkExt as _, StreamExt as _};
use tokio::sync::watch;

use super::ask::Answer;
use super::frame::{self, Kind, WINDOW_BYTES, Wire};
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::{Refusal, Server, session, socket};
use crate::model::{Exit, ExitReason, Time};
use crate::ports::{BoxFuture, Exec, LogSink as _, LogStream, TerminalSize};

/// A command that reads when it is told to.
struct Fake {
    reads: watch::Sender<bool>,
    exit: watch::Sender<Option<i32>>,
    seen: Mutex<Vec<String>>,
}

impl Fake {
    fn new(reads: bool) -> Arc<Self> {
        Arc::new(Self {
            reads: watch::Sender::new(reads),
            exit: watch::Sender::new(None),
            seen: Mutex::default(),
        })
    }

    fn note(&self, what: impl Into<String>) {
        self.seen.lock().expect("unpoisoned").push(what.into());
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("unpoisoned").clone()
    }
}

impl Exec for Fake {
    fn wait(&self) -> BoxFuture<'static, Exit> {
        let mut exit = self.exit.subscribe();
        Box::pin(async move {
            let code = *exit.wait_for(Option::is_some).await.expect("a sender");
            Exit {
                code: code.expect("just seen"),
                reason: ExitReason::Completed,
                message: None,
                at: Time::EPOCH,
            }
        })
    }
    fn kill(&self) {
        self.note("killed");
    }
    fn write_stdin(&self, bytes: Bytes) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            let mut reads = self.reads.subscribe();
            reads.wait_for(|reads| *reads).await.expect("a sender");
            self.note(format!("read {}", bytes.len()));
            true
        })
    }
    fn close_stdin(&self) {
        self.note("end of input");
    }
    fn resize(&self, size: TerminalSize) {
        self.note(format!("{}x{}", size.columns, size.rows));
    }
}

/// A session and its client's end.
fn session(
    fake: &Arc<Fake>,
) -> (
    Wire,
    Arc<Outbox>,
    tokio::task::JoinHandle<std::io::Result<()>>,
) {
    let (client, server) = tokio::net::UnixStream::pair().expect("a pair");
    let outbox = Arc::<Outbox>::default();
    let exec = Arc::clone(fake) as Arc<dyn Exec>;
    let task = tokio::spawn(session::run(frame::wire(server), exec, Arc::clone(&outbox)));
    (frame::wire(client), outbox, task)
}

async fn next(wire: &mut Wire) -> (Kind, Bytes) {
    let frame = tokio::time::timeout(Duration::from_secs(60), wire.next()).await;
    frame::split(frame.expect("in time").expect("a frame").expect("whole")).expect("known")
}

#[tokio::test]
async fn streams_and_the_exit_code_are_carried() {
    let fake = Fake::new(true);
    let (mut client, outbox, task) = session(&fake);
    client.send(Kind::Stdin.frame(b"abc")).await.expect("sent");
    assert_eq!(next(&mut client).await, (Kind::Room, Bytes::from("3")));
    let size = Bytes::from(r#"{"columns":80,"rows":24}"#);
    client.send(Kind::Resize.frame(&size)).await.expect("sent");
    client.send(Kind::StdinEnd.frame(b"")).await.expect("sent");
    outbox.write(LogStream::Stdout, b"out");
    assert_eq!(next(&mut client).await, (Kind::Stdout, Bytes::from("out")));
    outbox.write(LogStream::Stderr, b"err");
    assert_eq!(next(&mut client).await, (Kind::Stderr, Bytes::from("err")));
    while fake.seen().len() < 3 {
        tokio::task::yield_now().await;
    }
    fake.exit.send_replace(Some(7));
    assert_eq!(next(&mut client).await, (Kind::Exit, Bytes::from("7")));
    assert!(client.next().await.is_none(), "it hangs up");
    task.await.expect("no panic").expect("carried");
    let mut seen = fake.seen();
    seen.sort();
    assert_eq!(seen, ["80x24", "end of input", "killed", "read 3"]);
}

#[tokio::test]
async fn a_client_that_goes_is_noticed_while_its_command_reads_nothing() {
    let fake = Fake::new(false);
    let (mut client, _outbox, task) = session(&fake);
    for _ in 0..WINDOW_BYTES / 1024 {
        client
            .send(Kind::Stdin.frame(&[0; 1024]))
            .await
            .expect("sent");
    }
    drop(client);
    task.await.expect("no panic").expect("an end like any");
    assert_eq!(fake.seen(), ["killed"]);
}

#[tokio::test]
async fn input_byte_by_byte_is_kept_in_one_piece_and_answered_by_one_frame() {
    let inbox = Inbox::default();
    for byte in [b"a", b"b", b"c"] {
        inbox.push(byte).expect("room");
    }
    assert_eq!(inbox.next().await.as_deref(), Some(&b"abc"[..]));
    // A client that never reads what comes back.
    let outbox = Outbox::default();
    outbox.write(LogStream::Stdout, b"out");
    for _ in 0..100_000 {
        outbox.read(1);
    }
    outbox.finish(Kind::Exit.frame(b"0"));
    let mut kinds = Vec::new();
    while let Some(frame) = outbox.next().await {
        let frame = BytesMut::from(frame.expect("a frame").as_ref());
        kinds.push(frame::split(frame).expect("known"));
    }
    assert_eq!(
        kinds,
        [
            (Kind::Stdout, Bytes::from("out")),
            (Kind::Room, Bytes::from("100000")),
            (Kind::Exit, Bytes::from("0")),
        ]
    );
}

#[tokio::test]
async fn more_input_than_the_window_ends_the_session() {
    let fake = Fake::new(false);
    let (mut client, _outbox, task) = session(&fake);
    for _ in 0..=WINDOW_BYTES / 1024 {
        let _late = client.send(Kind::Stdin.frame(&[0; 1024])).await;
    }
    let error = task.await.expect("no panic").expect_err("refused");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(fake.seen(), ["killed"]);
}

#[tokio::test]
async fn frames_that_make_no_sense_end_the_session() {
    for frame in [
        &b""[..],
        b"\xff",
        b"\x01{}",
        b"\x05{\"columns\":-1}",
        b"\x05",
    ] {
        let fake = Fake::new(true);
        let (mut client, _outbox, task) = session(&fake);
        client
            .send(Bytes::copy_from_slice(frame))
            .await
            .expect("sent");
        task.await.expect("no panic").expect_err("refused");
        assert_eq!(fake.seen(), ["killed"], "{frame:?}");
    }
}

#[tokio::test]
async fn output_waits_for_its_reader_and_is_swallowed_once_nobody_reads() {
    let outbox = Arc::<Outbox>::default();
    let mut written = 0;
    while outbox.has_room() {
        outbox.write(LogStream::Stdout, &[0; 4096]);
        written += 4096;
    }
    assert!(written < 1 << 20);
    let waiting = tokio::spawn({
        let outbox = Arc::clone(&outbox);
        async move { outbox.room().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    assert!(outbox.next().await.is_some());
    waiting.await.expect("the writer goes on");
    outbox.finish(Bytes::from("last"));
    assert!(outbox.has_room(), "what goes on alone is not held up");
    outbox.write(LogStream::Stdout, b"nobody sees this");
    let mut last = None;
    while let Some(frame) = outbox.next().await {
        last = frame.ok();
    }
    assert_eq!(last, Some(Bytes::from("last")));
}

fn folder(mode: u32) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(folder.path(), mode).expect("changed");
    folder
}

/// A run's folder with a server in it.
fn server() -> (tempfile::TempDir, tokio::task::JoinHandle<()>) {
    let folder = folder(0o700);
    let server = Server::new(folder.path(), Arc::default(), Arc::default());
    let task = tokio::spawn(server.expect("it listens").run());
    (folder, task)
}

async fn ask(run: &Path, hello: &str) -> Option<Answer> {
    let mut wire = frame::wire(socket::connect(run).await.expect("connected"));
    wire.send(Kind::Ask.frame(hello.as_bytes()))
        .await
        .expect("sent");
    let frame = wire.next().await?.ok()?;
    let (kind, payload) = frame::split(frame).expect("known");
    assert_eq!(kind, Kind::Answer);
    Some(frame::value(&payload).expect("an answer"))
}

#[tokio::test]
async fn another_version_is_refused_and_nonsense_hung_up_on() {
    let (run, _server) = server();
    let later = ask(run.path(), r#"{"version":2,"ask":{"dance":{}}}"#).await;
    match later {
        Some(Answer::Refused(Refusal::Client(text))) => {
            assert!(text.contains("speaks version 1"), "{text}");
        }
        other => panic!("{other:?}"),
    }
    let unknown = ask(run.path(), r#"{"version":1,"ask":{"dance":{}}}"#).await;
    assert!(
        matches!(unknown, Some(Answer::Refused(Refusal::BadRequest(_)))),
        "{unknown:?}"
    );
    assert_eq!(ask(run.path(), "nonsense").await, None);
    let find = r#"{"version":1,"ask":{"find":{"namespace":"default","pod":"p"}}}"#;
    assert_eq!(ask(run.path(), find).await, Some(Answer::Found(None)));
}

#[tokio::test]
async fn a_peapod_that_was_stopped_is_not_waited_for() {
    let folder = folder(0o700);
    let listener = std::os::unix::net::UnixListener::bind(folder.path().join("control.sock"));
    let _nobody_accepts = listener.expect("bound");
    let mut waiting = Vec::new();
    let error = loop {
        let connected =
            tokio::time::timeout(Duration::from_secs(60), socket::connect(folder.path()));
        match connected.await.expect("an answer at once") {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
        assert!(waiting.len() < 100_000, "more than may wait");
    };
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_folder_that_others_may_enter_gets_no_socket() {
    let folder = folder(0o755);
    let server = Server::new(folder.path(), Arc::default(), Arc::default());
    let error = server.err().expect("refused");
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
}
