//! `peapod exec`: commands in the containers of a running peapod.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use peapod::control::{Client, FromCommand, Said, Size, Target, find};

use crate::harness::{Place, Ran, guest, until};
use crate::running::Running;

/// Runs one pod `p` of these containers and waits until they run.
fn run(place: &Place, rest: &str, containers: &[&str]) -> Running {
    run_as(place, "p", rest, containers)
}

fn run_as(place: &Place, name: &str, rest: &str, containers: &[&str]) -> Running {
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}{rest}");
    let file = place.file(&format!("{name}.yaml"), &text);
    let running = Running::start(place, &[file.to_str().expect("a plain path")]);
    for container in containers {
        running.wait_for(&format!("{{{container}}}: Container started"));
    }
    running
}

/// A pod of nginx that serves its own page.
const NGINX: &str = "}\nspec:\n  containers:\n  - {name: web, image: 'nginx:alpine'}";
/// A pod of a container that sleeps.
const SLEEPER: &str = "}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  - {name: c, image: 'busybox:1.28', command: [sleep, '1000']}";

fn exec(place: &Place, words: &[&str]) -> Ran {
    place.peapod(&[&["exec"][..], words].concat())
}

/// `peapod exec` that goes on.
fn start(place: &Place, words: &[&str]) -> Child {
    let mut command = place.command(&[&["exec"][..], words].concat());
    let pipes = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    pipes.spawn().expect("peapod runs")
}

/// What runs in the container of pod `p`, beside the command that asks.
fn processes(place: &Place) -> Vec<String> {
    let ran = exec(place, &["p", "--", "ps"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // Without pid, user and time, which differ from look to look.
    let commands = ran.stdout.lines().skip(1).map(|line| {
        let words: Vec<_> = line.split_whitespace().skip(3).collect();
        words.join(" ")
    });
    commands.filter(|command| command != "ps").collect()
}

/// The folder of the one run there is.
fn run_folder(place: &Place) -> PathBuf {
    let entries = std::fs::read_dir(place.data_dir().join("run")).expect("a folder");
    let sockets = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("control.sock").exists());
    let all: Vec<_> = sockets.collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[test]
fn a_command_of_the_toolbox_runs_in_a_container_that_has_no_shell() {
    let place = Place::with_images();
    let _running = run(&place, NGINX, &["web"]);
    let page = "/usr/share/nginx/html/index.html";
    let ran = exec(&place, &["p", "--", "/bin/cat", page]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("<h1>Welcome to nginx!</h1>"),
        "{}",
        ran.stdout
    );
    assert_eq!(ran.stderr, "");
    // A child of the toolbox's shell is the toolbox again, not nginx.
    let script = format!("grep -c title {page} | cat; echo oops >&2; exit 3");
    let ran = exec(&place, &["p", "-c", "web", "--", "sh", "-c", &script]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (3, "1\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr, "oops\ncommand terminated with exit code 3\n");
    // The image answers to its own name, with its own program.
    let ran = exec(&place, &["p", "--", "nginx", "-v"]);
    assert!(ran.stderr.contains("nginx"), "{}", ran.stderr);
}

#[test]
fn a_command_sees_environment_mounts_directory_and_localhost_of_its_container() {
    let place = Place::with_images();
    let _running = run(
        &place,
        "}\nspec:\n  hostname: box\n  volumes: [{name: v, emptyDir: {}}]\n  containers:\n  - {name: web, image: 'nginx:alpine'}\n  - name: c\n    \
         image: 'busybox:1.28'\n    command: [sh, -c, 'echo kept >/v/file; sleep 1000']\n    workingDir: /v\n    \
         env: [{name: COLOUR, value: green}]\n    securityContext: {readOnlyRootFilesystem: true}\n    \
         volumeMounts: [{name: v, mountPath: /v}]",
        &["web", "c"],
    );
    let sh = |script: &str| exec(&place, &["p", "-c", "c", "--", "sh", "-c", script]);
    until("the file is there", || sh("cat file").stdout == "kept\n");
    let ran = sh("echo $COLOUR $HOSTNAME; pwd; echo more >>/v/file; cat /v/file");
    assert_eq!(ran.stdout, "green box\n/v\nkept\nmore\n", "{}", ran.stderr);
    let ran = sh("echo x >/x");
    assert_ne!(ran.code, 0);
    assert!(
        ran.stderr.contains("Read-only file system"),
        "{}",
        ran.stderr
    );
    until("nginx is reached by localhost", || {
        sh("wget -qO- http://127.0.0.1/")
            .stdout
            .contains("Welcome to nginx!")
    });
    // Beside the container's own program: pid 1 is that.
    let ran = sh("ps");
    assert!(
        ran.stdout
            .lines()
            .any(|line| line.trim_start().starts_with("1 ")),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_program_or_script_in_the_root_comes_before_everybody_else() {
    let place = Place::with_images();
    let tools = place.path().join("tools");
    std::fs::create_dir(&tools).expect("made");
    std::fs::copy(guest("hello"), tools.join("cat")).expect("copied");
    std::fs::copy(guest("exit"), tools.join("exit.wasm")).expect("copied");
    std::fs::write(tools.join("script"), "#!/bin/sh\necho script $0 $1\n").expect("written");
    std::fs::write(tools.join("text"), "no program\n").expect("written");
    let _running = run(
        &place,
        &format!(
            "}}\nspec:\n  volumes: [{{name: t, hostPath: {{path: {}}}}}]\n  containers:\n  - {{name: web, image: 'nginx:alpine', \
             env: [{{name: PATH, value: '/nowhere:/tools'}}], volumeMounts: [{{name: t, mountPath: /tools}}]}}",
            tools.display()
        ),
        &["web"],
    );
    let by_path = exec(&place, &["p", "--", "/tools/exit.wasm", "7"]);
    assert_eq!(by_path.code, 7, "{}", by_path.stderr);
    let found = exec(&place, &["p", "--", "cat"]);
    assert!(
        found.stdout.contains("hello"),
        "by PATH: {} {}",
        found.stdout,
        found.stderr
    );
    let script = exec(&place, &["p", "--", "/tools/script", "x"]);
    assert_eq!(
        script.stdout, "script /tools/script x\n",
        "{}",
        script.stderr
    );
    let text = exec(&place, &["p", "--", "/tools/text"]);
    assert_eq!(text.code, 1);
    assert!(
        text.stderr.contains("exec: \"/tools/text\": "),
        "{}",
        text.stderr
    );
    let directory = exec(&place, &["p", "--", "/tools"]);
    assert_eq!(directory.code, 1);
    assert!(
        directory
            .stderr
            .contains("exec: \"/tools\": permission denied"),
        "{}",
        directory.stderr
    );
}

#[test]
fn l15_refusals_are_kubectls() {
    let place = Place::with_images();
    let _running = run(
        &place,
        "}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  initContainers:\n  - {name: i, image: 'busybox:1.28', command: ['true']}\n  \
         containers:\n  - {name: c, image: 'busybox:1.28', command: [sleep, '1000']}\n  - {name: done, image: 'busybox:1.28', command: ['true']}",
        &["c", "done"],
    );
    let refused = |words: &[&str]| {
        let ran = exec(&place, words);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
        ran.stderr
    };
    assert_eq!(
        refused(&["nobody", "--", "ls"]),
        "Error from server (NotFound): pods \"nobody\" not found\n"
    );
    assert_eq!(
        refused(&["p", "-n", "elsewhere", "--", "ls"]),
        "Error from server (NotFound): pods \"p\" not found\n"
    );
    assert_eq!(
        refused(&["p", "-c", "x", "--", "ls"]),
        "Error from server (BadRequest): container x is not valid for pod p\n"
    );
    until("the second container has ended", || {
        exec(&place, &["p", "-c", "done", "--", "ls"])
            .stderr
            .contains("container not found (\"done\")")
    });
    assert_eq!(
        refused(&["p", "-c", "i", "--", "ls"]),
        "error: unable to upgrade connection: container not found (\"i\")\n"
    );
    let defaulted = exec(&place, &["p", "--", "true"]);
    assert_eq!(defaulted.code, 0);
    assert_eq!(
        defaulted.stderr,
        "Defaulted container \"c\" out of: c, done, i (init)\n"
    );
    let unknown = refused(&["p", "-c", "c", "--", "", "x"]);
    assert!(
        unknown.contains("exec: \"\": executable file not found in $PATH"),
        "{unknown}"
    );
    let long = "x".repeat(100_000);
    let many = [&["p", "-c", "c", "--", "echo"][..], &[long.as_str(); 12]].concat();
    assert_eq!(refused(&many), "error: argument list too long\n");
    for usage in [
        &["p"][..],
        &["--", "ls"],
        &["p", "--"],
        &["p", "x", "--", "ls"],
    ] {
        assert_eq!(exec(&place, usage).code, 2, "{usage:?}");
    }
}

#[test]
fn a_pod_names_its_default_container() {
    let place = Place::with_images();
    let _running = run(
        &place,
        ", annotations: {kubectl.kubernetes.io/default-container: b}}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  \
         - {name: a, image: 'busybox:1.28', command: [sleep, '1000']}\n  \
         - {name: b, image: 'busybox:1.28', command: [sleep, '1000'], env: [{name: ME, value: bee}]}",
        &["a", "b"],
    );
    let ran = exec(&place, &["p", "--", "sh", "-c", "echo $ME"]);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("bee\n", ""));
}

#[test]
fn a_pod_forbids_the_toolbox_or_names_another() {
    let place = Place::with_images();
    let pod = |name: &str, toolbox: &str| {
        run_as(
            &place,
            name,
            &format!(", annotations: {{peapod.dev/toolbox: '{toolbox}'}}{NGINX}"),
            &["web"],
        )
    };
    let _without = pod("without", "none");
    let ran = exec(&place, &["without", "--", "/bin/cat", "/etc/hostname"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr,
        "error: Internal error occurred: error executing command in container: exec: \"/bin/cat\": executable file not found in $PATH\n"
    );
    let _missing = pod("missing", "tools:1");
    let ran = exec(&place, &["missing", "--", "cat"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains("the toolbox image \"tools:1\" is not in the local store"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("peapod image load tools:1 FILE.wasm"),
        "{}",
        ran.stderr
    );
    // It is looked for again each time.
    let hello = guest("hello");
    let loaded = place.peapod(&["image", "load", "tools:1", hello.to_str().expect("plain")]);
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    let ran = exec(&place, &["missing", "--", "cat"]);
    assert!(
        ran.stdout.contains("hello"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn standard_input_reaches_the_command_and_ends() {
    let place = Place::with_images();
    let _running = run(&place, SLEEPER, &["c"]);
    let mut child = start(&place, &["-i", "p", "--", "wc", "-c"]);
    let mut stdin = child.stdin.take().expect("piped");
    // Many times what is under way at once.
    stdin.write_all(&vec![b'x'; 5_000_000]).expect("taken");
    drop(stdin);
    let output = child.wait_with_output().expect("it ended");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "5000000");
    // A command that reads none of it.
    let mut child = start(&place, &["-i", "p", "--", "true"]);
    let mut stdin = child.stdin.take().expect("piped");
    while stdin.write_all(&[b'x'; 10_000]).is_ok() {}
    assert!(child.wait().expect("it ended").success());
    // Without -i there is none.
    let ran = exec(&place, &["p", "--", "wc", "-c"]);
    assert_eq!(ran.stdout.trim(), "0");
    // Bytes are bytes.
    let ran = exec(&place, &["p", "--", "printf", r"\377\0\n"]);
    assert_eq!(ran.code, 0);
    let tty = exec(&place, &["-it", "p", "--", "echo", "so"]);
    assert_eq!(tty.stdout, "so\n");
    assert_eq!(
        tty.stderr,
        "Unable to use a TTY - input is not a terminal or the right kind of file\n"
    );
}

#[test]
fn a_command_ends_with_its_client_and_all_it_started_with_it() {
    let place = Place::with_images();
    let _running = run(&place, SLEEPER, &["c"]);
    let before = processes(&place);
    assert_eq!(before.len(), 1, "{before:?}");
    for script in [
        "sleep 500 & sleep 500",
        // One that never stops to look, and one that waits for somebody to read.
        "while :; do :; done",
        "yes",
    ] {
        let mut child = start(&place, &["-i", "p", "--", "sh", "-c", script]);
        until("the command runs", || processes(&place).len() > 1);
        child.kill().expect("killed");
        child.wait().expect("gone");
        until("it is gone", || processes(&place) == before);
    }
}

#[test]
fn a_container_that_ends_takes_its_commands_along() {
    let place = Place::with_images();
    let _running = run(
        &place,
        "}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  containers:\n  \
         - {name: c, image: 'busybox:1.28', command: [sleep, '1000']}\n  - {name: d, image: 'busybox:1.28', command: [sleep, '1000']}",
        &["c", "d"],
    );
    let mut child = start(
        &place,
        &["p", "-c", "c", "--", "sh", "-c", "echo up; sleep 500"],
    );
    let mut up = [0; 3];
    let out = child.stdout.as_mut().expect("piped");
    out.read_exact(&mut up).expect("it runs");
    let ran = exec(&place, &["p", "-c", "c", "--", "kill", "1"]);
    assert!([0, 137].contains(&ran.code), "{}", ran.stderr);
    let output = child.wait_with_output().expect("it ended");
    assert_eq!(output.status.code(), Some(137));
    until("the container has ended", || {
        let late = exec(&place, &["p", "-c", "c", "--", "ls"]);
        late.stderr == "error: unable to upgrade connection: container not found (\"c\")\n"
    });
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a size");
    line.split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number")
}

#[test]
fn a_flood_waits_for_a_client_that_does_not_read() {
    let place = Place::with_images();
    let running = run(&place, SLEEPER, &["c"]);
    let warm = exec(&place, &["p", "--", "sh", "-c", "yes | head -100000"]);
    assert_eq!(warm.stdout.len(), 200_000);
    let before = resident_kib(running.pid());
    let mut child = start(&place, &["p", "--", "yes"]);
    let mut out = child.stdout.take().expect("piped");
    out.read_exact(&mut [0; 1000]).expect("it floods");
    // Once nothing more of it is taken, nothing more is made: `ps` in the same container goes on, memory does not grow.
    for _ in 0..20 {
        assert!(processes(&place).iter().any(|command| command == "yes"));
    }
    let grown = resident_kib(running.pid()).saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
    let client = resident_kib(child.id());
    assert!(client < 200 << 10, "{client} KiB");
    child.kill().expect("killed");
    child.wait().expect("gone");
}

#[test]
fn several_runs_are_told_apart_and_dead_ones_passed_over() {
    let place = Place::with_images();
    let first = run_as(&place, "p", SLEEPER, &["c"]);
    let second = run_as(&place, "q", SLEEPER, &["c"]);
    // What a run that was killed leaves behind.
    let dead = place.data_dir().join("run/dead");
    std::fs::create_dir(&dead).expect("made");
    drop(std::os::unix::net::UnixListener::bind(dead.join("control.sock")).expect("bound"));
    for pod in ["p", "q"] {
        let ran = exec(&place, &[pod, "--", "hostname"]);
        assert_eq!(ran.stdout.trim(), pod, "{}", ran.stderr);
    }
    let twin = run_as(&place, "p", SLEEPER, &["c"]);
    let ran = exec(&place, &["p", "--", "hostname"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains("several running peapods have a pod \"p\""),
        "{}",
        ran.stderr
    );
    let process = twin.pid().to_string();
    let ran = exec(&place, &["--process", &process, "p", "--", "hostname"]);
    assert_eq!(ran.stdout, "p\n", "{}", ran.stderr);
    drop((first, second, twin));
}

#[test]
fn the_socket_is_the_users_alone() {
    let place = Place::with_images();
    let _running = run(&place, SLEEPER, &["c"]);
    let folder = run_folder(&place);
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&folder.join("control.sock")), 0o600);
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // Another user, even where every folder above is open to all.
    use std::os::unix::process::CommandExt as _;
    let open = |path: &Path| {
        let all = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(path, all).expect("changed");
    };
    let mut above = folder.clone();
    while above.starts_with(place.path()) {
        open(&above);
        above.pop();
    }
    open(&folder.join("control.sock"));
    let other = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peapod"));
        command
            .args(["exec", "p", "--", "hostname"])
            .current_dir("/")
            .env("PEAPOD_DATA_DIR", place.data_dir())
            .uid(65534)
            .gid(65534);
        command
    };
    // Where the other user may run the program at all.
    if let Ok(output) = other().output() {
        let ran = Ran::from(output);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    }
    assert_eq!(exec(&place, &["p", "--", "hostname"]).stdout, "p\n");
}

#[test]
fn a_deep_data_directory_has_its_socket_too() {
    let place = Place::with_images();
    let deep = place.path().join("d".repeat(120));
    std::fs::create_dir(&deep).expect("made");
    std::fs::rename(place.data_dir(), deep.join("data")).expect("moved");
    let data = deep.join("data");
    let data = data.to_str().expect("plain");
    let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p{SLEEPER}");
    let file = place.file("p.yaml", &text);
    let file = file.to_str().expect("plain");
    let running = Running::start(&place, &["--data-dir", data, file]);
    running.wait_for("{c}: Container started");
    let ran = exec(&place, &["--data-dir", data, "p", "--", "hostname"]);
    assert_eq!(ran.stdout, "p\n", "{}", ran.stderr);
}

/// Runs commands in container `c` of pod `p` as a program does that brings the client along; the target lacks only the command.
fn connected(place: &Place, talk: impl AsyncFnOnce(Client, Target)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut found = find(&place.data_dir(), "default", "p")
            .await
            .expect("asked");
        let (pod, client) = found.pop().expect("the pod");
        let target = Target {
            pod: pod.uid,
            container: "c".into(),
            command: Vec::new(),
            stdin: false,
            tty: false,
            size: None,
        };
        talk(client, target).await;
    });
}

#[test]
fn a_terminal_edits_lines_and_interrupts_what_the_shell_started() {
    async fn read_until(from: &mut FromCommand, wanted: &str) -> String {
        let mut shown = String::new();
        while !shown.contains(wanted) {
            match from.next().await {
                Ok(Said::Output(_, bytes)) => shown.push_str(&String::from_utf8_lossy(&bytes)),
                Ok(Said::Read(_)) => {}
                other => panic!("{other:?} before {wanted:?}: {shown}"),
            }
        }
        shown
    }
    let place = Place::with_images();
    let _running = run(&place, SLEEPER, &["c"]);
    connected(&place, async |client, target| {
        let target = Target {
            command: vec!["sh".into()],
            stdin: true,
            tty: true,
            size: Some(Size {
                columns: 132,
                rows: 50,
            }),
            ..target
        };
        let mut command = client.exec(target).await.expect("it starts");
        let (to, from) = (&mut command.to, &mut command.from);
        read_until(from, "# ").await;
        to.stdin(b"echo $TERM on\x7fne\r").await.expect("sent");
        let shown = read_until(from, "xterm one\r\n").await;
        assert!(shown.contains("echo $TERM on\x08 \x08ne\r\n"), "{shown:?}");
        to.stdin(b"sh -c 'echo $COLUMNS by $LINES'\r")
            .await
            .expect("sent");
        read_until(from, "132 by 50\r\n").await;
        to.stdin(b"sleep 500\r").await.expect("sent");
        until("it sleeps", || {
            processes(&place).contains(&"sleep 500".to_owned())
        });
        to.stdin(b"\x03").await.expect("sent");
        to.stdin(b"echo status=$?\r").await.expect("sent");
        read_until(from, "status=130\r\n").await;
        to.stdin(b"exit 4\r").await.expect("sent");
        let code = loop {
            match from.next().await.expect("it goes on") {
                Said::Exit(code) => break code,
                Said::Output(..) | Said::Read(_) => {}
            }
        };
        assert_eq!(code, 4);
    });
}

fn open_files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("Linux")
        .count()
}

// conformance: [sig-cli] Kubectl exec should be able to execute 1000 times in a container (exec.go)
#[test]
fn a_thousand_commands_in_a_row_leave_nothing_behind() {
    let place = Place::with_images();
    let running = run(&place, SLEEPER, &["c"]);
    let pid = running.pid();
    let commands = |count: usize| {
        connected(&place, async |client, target| {
            for number in 0..count {
                let target = Target {
                    command: vec!["echo".into(), number.to_string()],
                    ..target.clone()
                };
                let mut command = client.exec(target).await.expect("it starts");
                let mut output = Vec::new();
                loop {
                    match command.from.next().await.expect("it goes on") {
                        Said::Output(_, bytes) => output.extend_from_slice(&bytes),
                        Said::Read(_) => {}
                        Said::Exit(code) => {
                            assert_eq!(code, 0);
                            break;
                        }
                    }
                }
                assert_eq!(output, format!("{number}\n").into_bytes());
            }
        });
    };
    commands(500);
    let before = processes(&place);
    let (files, memory) = (open_files(pid), resident_kib(pid));
    commands(1000);
    assert_eq!(processes(&place), before);
    until("their connections are closed", || open_files(pid) <= files);
    let grown = resident_kib(pid).saturating_sub(memory);
    assert!(grown < 4096, "{grown} KiB of 1,000 commands");
}

#[test]
fn a_thousand_commands_at_once_run_and_more_are_refused() {
    // As many as a container may have processes, its own among them.
    const PROCESSES: usize = 1024;
    // Both ends' connections are files.
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).expect("raised");
    let place = Place::new();
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  \
         - {{name: c, image: {}, stdin: true}}\n",
        guest("cat-stdin").display()
    );
    let file = place.file("p.yaml", &text);
    let running = Running::start(&place, &[file.to_str().expect("plain")]);
    running.wait_for("{c}: Container started");
    connected(&place, async |client, target| {
        let target = Target {
            command: vec!["cat-stdin".into()],
            stdin: true,
            ..target
        };
        let mut commands = Vec::new();
        for _ in 1..PROCESSES {
            commands.push(client.exec(target.clone()).await.expect("it starts"));
        }
        let refused = client.exec(target.clone()).await.err().expect("refused");
        assert!(
            refused
                .to_string()
                .contains("as many processes as it may have"),
            "{refused}"
        );
        for (number, command) in commands.iter_mut().enumerate() {
            let text = number.to_string();
            command.to.stdin(text.as_bytes()).await.expect("sent");
            command.to.end_stdin().await.expect("sent");
            let mut output = Vec::new();
            loop {
                match command.from.next().await.expect("it goes on") {
                    Said::Output(peapod::ports::LogStream::Stdout, bytes) => output.extend(bytes),
                    Said::Output(..) | Said::Read(_) => {}
                    Said::Exit(code) => {
                        assert_eq!(code, 0);
                        break;
                    }
                }
            }
            assert_eq!(output, text.as_bytes());
        }
        client.exec(target).await.expect("there is room again");
    });
}
