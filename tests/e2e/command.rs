//! `peapod run` as a command: its input, output and end.

use std::io::Write as _;
use std::process::Stdio;

use crate::harness::{Place, Ran, guest, until};

fn pod(name: &str, image: &str, args: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 30\n  \
         containers:\n  - {{name: c, image: {}, args: [{args}]}}\n",
        guest(image).display()
    )
}

fn signal(pid: u32, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([name, &pid.to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
}

#[test]
fn one_container_is_not_prefixed_and_several_are() {
    let place = Place::new();
    place.file("one.yaml", &pod("one", "hello", ""));
    place.file("two.yaml", &pod("two", "hello", ""));
    assert_eq!(
        place.peapod(&["run", "one.yaml"]).stdout,
        "hello from peapod\n"
    );
    let both = place.peapod(&["run", "one.yaml", "two.yaml"]).stdout;
    let mut lines: Vec<_> = both.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["one/c | hello from peapod", "two/c | hello from peapod"]
    );
    let always = place.peapod(&["run", "--prefix", "always", "one.yaml"]);
    assert_eq!(always.stdout, "one/c | hello from peapod\n");
    let never = place.peapod(&["run", "--prefix", "never", "one.yaml", "two.yaml"]);
    assert_eq!(never.stdout, "hello from peapod\nhello from peapod\n");
}

#[test]
fn standard_input_json_and_lists_are_manifests() {
    let place = Place::new();
    let item = |name: &str| {
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"{name}\"}},\"spec\":{{\"restartPolicy\":\"Never\",\
             \"containers\":[{{\"name\":\"c\",\"image\":\"{}\"}}]}}}}",
            guest("hello").display()
        )
    };
    let list = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{},{}]}}",
        item("a"),
        item("b")
    );
    let mut child = place
        .command(&["run", "-o", "json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(list.as_bytes())
        .expect("written");
    let ran = Ran::from(child.wait_with_output().expect("ended"));
    let printed = ran.object();
    assert_eq!(printed["kind"], "List", "{}", ran.stderr);
    assert_eq!(printed["items"].as_array().map(Vec::len), Some(2));
    assert!(
        ran.stderr.contains("a/c | hello"),
        "with -o output goes to standard error"
    );
}

#[test]
fn yaml_output_is_one_object_for_one_pod() {
    let place = Place::new();
    place.file("pod.yaml", &pod("one", "exit", "\"3\""));
    let ran = place.peapod(&["run", "-o", "yaml", "pod.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.starts_with("apiVersion: v1\nkind: Pod\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("exitCode: 3"));
}

#[test]
fn an_image_can_be_replaced_by_a_file() {
    let place = Place::new();
    place.file(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {restartPolicy: Never, containers: [{name: c, image: \"some/app:v1\"}]}",
    );
    let replaced = format!("some/app:v1={}", guest("hello").display());
    let ran = place.peapod(&["run", "--image", &replaced, "pod.yaml"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (0, "hello from peapod\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn ctrl_c_deletes_gracefully_and_twice_kills() {
    let place = Place::new();
    place.file("pod.yaml", &pod("p", "handle-term", "\"10\", \"7\""));
    let start = |file: &str, out: &str| {
        let out = std::fs::File::create(place.path().join(out)).expect("made");
        place
            .command(&["run", "--events", "-o", "json", file])
            .stdout(Stdio::piped())
            .stderr(out)
            .spawn()
            .expect("started")
    };
    // A whole line: the event that the image is "already present" comes before the container runs.
    let shown = |out: &str, needle: &str| {
        let path = place.path().join(out);
        std::fs::read_to_string(path).is_ok_and(|text| text.contains(needle))
    };
    let child = start("pod.yaml", "graceful");
    until("the container runs", || shown("graceful", "ready\n"));
    signal(child.id(), "-INT");
    let ran = Ran::from(child.wait_with_output().expect("ended"));
    assert_eq!(ran.code, 130);
    assert_eq!(
        ran.terminated("c")["exitCode"],
        7,
        "it ended in its own way"
    );

    let long = pod("p", "ignore-term", "").replace("PeriodSeconds: 30", "PeriodSeconds: 600");
    place.file("deaf.yaml", &long);
    let child = start("deaf.yaml", "twice");
    until("the container runs", || shown("twice", "ready\n"));
    signal(child.id(), "-INT");
    until("TERM arrived", || shown("twice", "signal 15"));
    signal(child.id(), "-INT");
    let ran = Ran::from(child.wait_with_output().expect("ended"));
    assert_eq!(ran.code, 130);
    assert_eq!(
        ran.terminated("c")["exitCode"],
        137,
        "killed without waiting for 600 s"
    );
}

#[test]
fn a_reader_that_goes_away_ends_the_run() {
    let place = Place::new();
    place.file("pod.yaml", &pod("p", "flood", "\"64\""));
    let mut child = place
        .command(&["run", "pod.yaml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let code = child.wait().expect("ended").code();
    assert!(code.is_some(), "no signal, no hang");
}

#[test]
fn a_killed_run_leaves_nothing_for_long() {
    let place = Place::new();
    place.file("spin.yaml", &pod("p", "spin", ""));
    place.file("hello.yaml", &pod("q", "hello", ""));
    let mut child = place
        .command(&["run", "spin.yaml"])
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    let runs = place.data_dir().join("run");
    let pods = || {
        let entries = std::fs::read_dir(&runs).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.path().join("pods").exists())
            .count()
    };
    until("it runs", || pods() == 1);
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert_eq!(pods(), 1, "nobody was there to tidy up");
    until("the next run tidies up", || {
        place.peapod(&["run", "hello.yaml"]);
        pods() == 0
    });
}

#[test]
fn two_runs_at_once_on_one_data_directory_both_work() {
    let place = Place::new();
    place.file("a.yaml", &pod("same", "sleepy", "\"300\""));
    let spawn = || {
        place
            .command(&["run", "-o", "json", "a.yaml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started")
    };
    let running = [spawn(), spawn()];
    for child in running {
        let ran = Ran::from(child.wait_with_output().expect("ended"));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
}
