//! Written by the real writer, read by the real reader.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::{FileSettings, LogQueue, LogReader, Rotation};
use super::{LogDir, LogError, LogOptions, PodLogs, Progress};
use crate::model::{
    Attempt, ContainerState, ContainerStatus, Pod, PodStatus, Role, Terminated, Time, testing,
};
use crate::ports::{BoxFuture, Clock, LogSink, LogSource, LogStream, Logs as _};

/// A clock that is set by hand.
struct Hands(Mutex<Time>);

impl Clock for Hands {
    fn now(&self) -> Time {
        *self.0.lock().expect("unpoisoned")
    }
    fn sleep_until(&self, _: Time) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

const START: Time = Time::from_unix_secs(1_700_000_000);

/// A run that writes logs.
struct Run {
    root: tempfile::TempDir,
    clock: Arc<Hands>,
    queue: LogQueue,
    printer: Mutex<LogReader>,
    pod: Pod,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Run {
    fn new(rotation: Rotation) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(Hands(Mutex::new(START)));
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&warnings);
        let files = FileSettings {
            root: root.path().join("logs"),
            rotation,
            warn: Box::new(move |warning| told.lock().expect("unpoisoned").push(warning)),
        };
        let (queue, printer) = LogQueue::with_files(Arc::clone(&clock) as Arc<dyn Clock>, files);
        Self {
            root,
            clock,
            queue,
            printer: Mutex::new(printer),
            pod: testing::pod(),
            warnings,
        }
    }

    fn pass(&self, time: Duration) {
        let mut now = self.clock.0.lock().expect("unpoisoned");
        *now = *now + time;
    }

    fn sink(&self, number: u32) -> Arc<dyn LogSink> {
        self.queue.sink(LogSource {
            pod: self.pod.clone(),
            attempt: Attempt {
                container: "c".into(),
                number,
            },
            role: Role::Main,
        })
    }

    /// Tells how the pod stands and waits until a reader sees it.
    fn tell(&self, number: u32, state: ContainerState, last: bool) {
        self.queue.status(&self.pod, &status(number, state, last));
        self.settle();
    }

    /// Waits until all that was told is in the files.
    fn settle(&self) {
        while self.queue.is_busy() {
            std::thread::yield_now();
        }
    }

    /// Takes what is to be printed.
    fn print(&self) {
        drop(self.printer.lock().expect("unpoisoned").now());
    }

    fn pod(&self) -> PodLogs {
        self.try_pod().expect("found")
    }

    fn try_pod(&self) -> Result<PodLogs, LogError> {
        LogDir::new(self.root.path().join("logs")).pod("default", "pod")
    }

    fn read(&self, options: LogOptions) -> String {
        read_all(&self.pod(), options)
    }
}

fn read_all(pod: &PodLogs, options: LogOptions) -> String {
    let mut log = pod.open("c", options).expect("opened");
    let mut out = Vec::new();
    while log.read(&mut out).expect("read") == Progress::More {}
    String::from_utf8(out).expect("text")
}

fn running() -> ContainerState {
    ContainerState::Running { started_at: START }
}

fn waiting(reason: &str) -> ContainerState {
    ContainerState::Waiting {
        reason: reason.into(),
        message: None,
    }
}

fn ended() -> Terminated {
    Terminated {
        exit_code: 1,
        reason: "Error".into(),
        message: None,
        started_at: None,
        finished_at: START,
        container_id: Some("wasm://1".into()),
    }
}

fn status(number: u32, state: ContainerState, last: bool) -> PodStatus {
    PodStatus {
        mains: vec![ContainerStatus {
            name: "c".into(),
            image: String::new(),
            image_id: String::new(),
            container_id: None,
            state,
            last_state: last.then(ended),
            ready: false,
            started: false,
            restart_count: number,
        }],
        ..testing::status()
    }
}

fn follow() -> LogOptions {
    LogOptions {
        follow: true,
        ..LogOptions::default()
    }
}

#[test]
fn l12_the_options_of_pod_logs() {
    let run = Run::new(Rotation::default());
    run.tell(0, running(), false);
    let sink = run.sink(0);
    sink.write(LogStream::Stdout, b"one\n");
    run.pass(Duration::from_secs(10));
    sink.write(LogStream::Stderr, b"two\nthree\n");
    sink.write(LogStream::Stdout, b"no newline");
    sink.close();
    run.settle();
    let none = LogOptions::default();
    for (options, text) in [
        (none.clone(), "one\ntwo\nthree\nno newline"),
        (
            LogOptions {
                tail_lines: Some(2),
                ..none.clone()
            },
            "three\nno newline",
        ),
        (
            LogOptions {
                tail_lines: Some(0),
                ..none.clone()
            },
            "",
        ),
        (
            LogOptions {
                tail_lines: Some(100),
                ..none.clone()
            },
            "one\ntwo\nthree\nno newline",
        ),
        (
            LogOptions {
                since: Some(START + Duration::from_secs(1)),
                ..none.clone()
            },
            "two\nthree\nno newline",
        ),
        (
            LogOptions {
                limit_bytes: Some(6),
                ..none.clone()
            },
            "one\ntw",
        ),
        (
            LogOptions {
                timestamps: true,
                tail_lines: Some(1),
                ..none.clone()
            },
            "2023-11-14T22:13:30.000000000Z no newline",
        ),
    ] {
        assert_eq!(run.read(options.clone()), text, "{options:?}");
    }
    let file = run.root.path().join("logs/default_pod_uid/c/0.log");
    let raw = std::fs::read_to_string(file).expect("the layout of /var/log/pods");
    assert!(raw.starts_with("2023-11-14T22:13:20.000000000Z stdout F one\n"));
    assert!(raw.ends_with("Z stdout P no newline\n"), "{raw}");
}

#[test]
fn l12_a_long_line_is_one_line_however_many_pieces_it_has() {
    let run = Run::new(Rotation::default());
    run.tell(0, running(), false);
    let sink = run.sink(0);
    let long = "x".repeat(40_000);
    sink.write(
        LogStream::Stdout,
        format!("first\n{long}\nlast\n").as_bytes(),
    );
    run.settle();
    let two = LogOptions {
        tail_lines: Some(2),
        ..LogOptions::default()
    };
    assert_eq!(run.read(two.clone()), format!("{long}\nlast\n"));
    let stamped = run.read(LogOptions {
        timestamps: true,
        ..two
    });
    assert_eq!(stamped.matches("2023-").count(), 2, "one time a line");
}

#[test]
fn reading_goes_through_rotated_files_and_following_does_not_lose_its_place() {
    let small = Rotation {
        max_bytes: 200,
        max_files: 4,
    };
    let run = Run::new(small);
    run.tell(0, running(), false);
    let sink = run.sink(0);
    let mut log = run.pod().open("c", follow()).expect("opened");
    let mut out = Vec::new();
    let mut expected = String::new();
    for round in 0..30 {
        let lines: String = (0..5)
            .map(|n| format!("round {round} line {n}\n"))
            .collect();
        sink.write(LogStream::Stdout, lines.as_bytes());
        expected.push_str(&lines);
        run.settle();
        while log.read(&mut out).expect("read") == Progress::More {}
    }
    assert_eq!(String::from_utf8(out).expect("text"), expected);
    // Who comes late gets what is left: the last files whole.
    let late = run.read(LogOptions::default());
    assert!(
        expected.ends_with(&late) && late.lines().count() > 8,
        "{late}"
    );
    let tail = run.read(LogOptions {
        tail_lines: Some(9),
        ..LogOptions::default()
    });
    assert_eq!(tail.lines().count(), 9, "from more than one file");
    assert!(expected.ends_with(&tail));
}

#[test]
fn a_follower_that_rotation_overtook_goes_on_with_what_is_left() {
    let small = Rotation {
        max_bytes: 100,
        max_files: 2,
    };
    let run = Run::new(small);
    run.tell(0, running(), false);
    let sink = run.sink(0);
    sink.write(LogStream::Stdout, b"begin\n");
    run.settle();
    let mut log = run.pod().open("c", follow()).expect("opened");
    let mut out = Vec::new();
    assert_eq!(log.read(&mut out).expect("read"), Progress::More);
    for n in 0..50 {
        sink.write(LogStream::Stdout, format!("line {n}\n").as_bytes());
    }
    run.settle();
    while log.read(&mut out).expect("read") == Progress::More {}
    let text = String::from_utf8(out).expect("text");
    assert!(
        text.starts_with("begin\n") && text.ends_with("line 49\n"),
        "{text}"
    );
    let numbers = text
        .lines()
        .filter_map(|line| line.strip_prefix("line ")?.parse().ok());
    let numbers: Vec<u32> = numbers.collect();
    assert!(
        numbers.is_sorted_by(|a, b| a < b),
        "in order, none twice: {text}"
    );
}

#[test]
fn a_file_that_is_removed_while_it_is_followed_loses_what_was_not_read_and_no_more() {
    let run = Run::new(Rotation {
        max_bytes: 60,
        max_files: 5,
    });
    let sink = run.sink(0);
    run.tell(0, running(), false);
    sink.write(LogStream::Stdout, b"1\n");
    run.settle();
    let pod = run.pod();
    let mut log = pod.open("c", follow()).expect("opened");
    let mut out = Vec::new();
    while log.read(&mut out).expect("read") == Progress::More {}
    let logs = run.root.path().join("logs");
    let pods = std::fs::read_dir(&logs).expect("a folder").flatten();
    let pod = pods
        .map(|entry| entry.path())
        .find(|path| path.join("c").is_dir());
    std::fs::remove_file(pod.expect("there").join("c/0.log")).expect("removed");
    for n in 2..5 {
        sink.write(LogStream::Stdout, format!("{n}\n").as_bytes());
        run.settle();
        while log.read(&mut out).expect("read") == Progress::More {}
    }
    assert_eq!(String::from_utf8(out).expect("text"), "1\n2\n3\n4\n");
    assert!(run.warnings.lock().expect("unpoisoned").is_empty());
}

#[test]
fn reading_while_files_are_rotated_never_tears_repeats_or_swaps_lines() {
    for max_files in [2, 1000] {
        let run = Run::new(Rotation {
            max_bytes: 2000,
            max_files,
        });
        run.tell(0, running(), false);
        let sink = run.sink(0);
        let mut log = run.pod().open("c", follow()).expect("opened");
        let text = std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..5000 {
                    sink.write(LogStream::Stdout, format!("{n:0100}\n").as_bytes());
                }
                sink.close();
                run.queue.over(&run.pod.meta.uid);
            });
            let mut out = Vec::new();
            while log.read(&mut out).expect("read") != Progress::End {
                std::thread::yield_now();
            }
            String::from_utf8(out).expect("text")
        });
        let numbers: Vec<u32> = text
            .lines()
            .map(|line| {
                assert_eq!(line.len(), 100, "torn: {line}");
                line.parse().expect("a number")
            })
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "repeated or swapped");
        assert_eq!(numbers.last(), Some(&4999));
        if max_files == 1000 {
            assert_eq!(numbers.len(), 5000, "nothing left out");
        }
    }
}

#[test]
fn following_goes_on_across_restarts_and_ends_with_the_pod() {
    let run = Run::new(Rotation::default());
    run.tell(0, running(), false);
    let first = run.sink(0);
    first.write(LogStream::Stdout, b"first");
    first.close();
    run.tell(0, waiting("CrashLoopBackOff"), true);
    let mut log = run.pod().open("c", follow()).expect("opened");
    let mut out = Vec::new();
    let mut read = |until: Progress| {
        let mut progress = Progress::More;
        while progress == Progress::More {
            progress = log.read(&mut out).expect("read");
        }
        assert_eq!(progress, until);
        String::from_utf8_lossy(&std::mem::take(&mut out)).into_owned()
    };
    assert_eq!(read(Progress::Waiting), "first");
    run.tell(1, running(), true);
    let second = run.sink(1);
    second.write(LogStream::Stdout, b"second\n");
    run.settle();
    assert_eq!(read(Progress::Waiting), "\nsecond\n");
    second.write(LogStream::Stdout, b"last words\n");
    second.close();
    run.queue.over(&run.pod.meta.uid);
    run.settle();
    assert_eq!(read(Progress::End), "last words\n");
}

#[test]
fn following_ends_when_the_container_has_ended_for_good_or_its_run_was_killed() {
    let run = Run::new(Rotation::default());
    run.tell(0, ContainerState::Terminated(ended()), false);
    let mut log = run.pod().open("c", follow()).expect("opened");
    let mut out = Vec::new();
    assert_eq!(
        log.read(&mut out).expect("read"),
        Progress::Waiting,
        "B12: it may be about to be started again"
    );
    for _ in 0..20 {
        log.waited();
    }
    assert_eq!(log.read(&mut out).expect("read"), Progress::End);

    let run = Run::new(Rotation::default());
    run.tell(0, running(), false);
    let mut log = run.pod().open("c", follow()).expect("opened");
    assert_eq!(log.read(&mut out).expect("read"), Progress::Waiting);
    // Without a word that anything is over: its lock is all that tells.
    let Run { root, queue, .. } = run;
    drop(queue);
    assert_eq!(log.read(&mut out).expect("read"), Progress::End);
    drop(root);
}

#[test]
fn l13_what_has_no_log_is_refused_in_kubernetes_words() {
    let run = Run::new(Rotation::default());
    let error = |of: Result<(), LogError>| match of {
        Ok(()) => String::from("no error"),
        Err(error) => error.to_string(),
    };
    assert_eq!(error(run.try_pod().map(drop)), "pods \"pod\" not found");
    let previous = LogOptions {
        previous: true,
        ..LogOptions::default()
    };
    for (reason, text) in [
        ("ContainerCreating", "ContainerCreating"),
        ("ErrImagePull", "image can't be pulled"),
        ("ImagePullBackOff", "trying and failing to pull image"),
    ] {
        run.tell(0, waiting(reason), false);
        let refused = run.pod().open("c", LogOptions::default()).map(drop);
        let text = format!("container \"c\" in pod \"pod\" is waiting to start: {text}");
        assert_eq!(error(refused), text);
    }
    run.tell(0, running(), false);
    assert_eq!(
        error(run.pod().open("c", previous.clone()).map(drop)),
        "previous terminated container \"c\" in pod \"pod\" not found"
    );
    assert_eq!(
        error(run.pod().open("d", LogOptions::default()).map(drop)),
        "container d is not valid for pod pod"
    );
    // Between two instances the last one's log is served, also as the previous one's.
    run.sink(0).write(LogStream::Stdout, b"zero\n");
    run.tell(0, waiting("CrashLoopBackOff"), true);
    assert_eq!(run.read(LogOptions::default()), "zero\n");
    assert_eq!(run.read(previous.clone()), "zero\n");
    run.sink(1).write(LogStream::Stdout, b"one\n");
    run.tell(1, running(), true);
    assert_eq!(run.read(LogOptions::default()), "one\n");
    assert_eq!(run.read(previous), "zero\n");
}

#[test]
fn l12_the_default_container_is_the_annotated_or_the_first_and_the_server_wants_a_name() {
    let mut run = Run::new(Rotation::default());
    let mut spec = (*run.pod.spec).clone();
    spec.mains.push(testing::container("d"));
    spec.init.push(testing::container("i"));
    spec.init[0].role = Role::Init;
    run.pod.spec = Arc::new(spec);
    run.tell(0, running(), false);
    let pod = run.pod();
    assert_eq!(
        pod.default_container().expect("one"),
        ("c", Some("c, d, i (init)".into()))
    );
    assert_eq!(pod.containers(), ["i", "c", "d"]);
    assert_eq!(
        pod.only_container().expect_err("two").to_string(),
        "a container name must be specified for pod pod, choose one of: [c d] or one of the init containers: [i]"
    );
    for (value, found) in [
        ("d", ("d", None)),
        ("none", ("c", Some("c, d, i (init)".into()))),
    ] {
        run.pod.meta.annotations.insert(
            "kubectl.kubernetes.io/default-container".into(),
            value.into(),
        );
        run.tell(0, running(), false);
        assert_eq!(run.pod().default_container().expect("one"), found);
    }
}

#[test]
fn a_container_that_floods_waits_for_the_disk_and_every_line_arrives() {
    let run = Run::new(Rotation {
        max_bytes: u64::MAX,
        max_files: 1,
    });
    run.tell(0, running(), false);
    let sink = run.sink(0);
    let lines: String = (0..1000).map(|n| format!("{n:063}\n")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    for _ in 0..300 {
        runtime.block_on(async {
            // Somebody prints, or that queue would be the one that is full.
            if !sink.has_room() {
                assert!(run.queue.waiting_bytes() <= 9 << 20, "bounded");
            }
            run.print();
            sink.room().await;
        });
        sink.write(LogStream::Stdout, lines.as_bytes());
    }
    sink.close();
    run.settle();
    let text = run.read(LogOptions::default());
    assert_eq!(text.len(), 300 * lines.len());
    assert!(text == lines.repeat(300), "each line whole and in order");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_warning_and_nobody_waits_for_it() {
    let run = Run::new(Rotation::default());
    run.tell(0, running(), false);
    let dir = run.root.path().join("logs/default_pod_uid/c");
    std::fs::create_dir_all(&dir).expect("made");
    std::os::unix::fs::symlink("/dev/full", dir.join("0.log")).expect("linked");
    let sink = run.sink(0);
    for _ in 0..3 {
        sink.write(LogStream::Stdout, b"lost\n");
        run.settle();
    }
    assert!(sink.has_room());
    let warnings = run.warnings.lock().expect("unpoisoned").clone();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("what containers write is not kept: No space left on device"));
    // Once there is space again, what is written is kept again.
    std::fs::remove_file(dir.join("0.log")).expect("removed");
    sink.write(LogStream::Stdout, b"kept\n");
    run.settle();
    assert_eq!(run.read(LogOptions::default()), "kept\n");
}
