//! `peapod validate`: what a manifest says with its defaults, or what is wrong with it, and where.

use std::io::Write as _;
use std::process::Stdio;

use crate::harness::{Place, Ran, project};

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c\n    image: x\n";

/// Refused with these lines, and nothing else said.
#[track_caller]
fn refused(ran: &Ran, lines: &[&str]) {
    let said: Vec<_> = ran
        .stderr
        .lines()
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect();
    assert_eq!(said, lines);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
}

/// `peapod validate` of a manifest on standard input.
fn from_stdin(place: &Place, text: &[u8], args: &[&str]) -> Ran {
    let mut command = place.command(&[&["validate", "-"][..], args].concat());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut peapod = command.spawn().expect("peapod runs");
    let mut stdin = peapod.stdin.take().expect("a pipe");
    stdin.write_all(text).expect("written");
    drop(stdin);
    Ran::from(peapod.wait_with_output().expect("peapod ends"))
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let place = Place::new();
    let ran = from_stdin(&place, POD.as_bytes(), &[]);
    assert_eq!((ran.code, &*ran.stdout), (0, "pod/p valid\n"));
    let bad = POD.replace("image", "imag");
    refused(
        &from_stdin(&place, bad.as_bytes(), &[]),
        &[
            "standard input: document 1, line 8: Pod \"p\": spec.containers[0].imag: unknown field, did you mean \"image\"?",
        ],
    );
}

#[test]
fn what_is_printed_says_the_same_when_it_is_read_again() {
    let place = Place::new();
    let manifests = project().join("manifests");
    let manifests = manifests.to_str().expect("a plain path");
    for format in ["yaml", "json"] {
        let first = place.peapod(&["validate", "-o", format, manifests]);
        assert_eq!(first.code, 0, "{}", first.stderr);
        let again = from_stdin(&place, first.stdout.as_bytes(), &["-o", format]);
        assert_eq!(again.code, 0, "{}", again.stderr);
        // An object read again is another one, made now.
        let kept = |text: &str| {
            text.lines()
                .filter(|line| !line.contains("uid") && !line.contains("creationTimestamp"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(&again.stdout), kept(&first.stdout));
    }
}

#[test]
fn faults_of_all_files_and_documents_are_told_at_once_and_nothing_is_printed() {
    let place = Place::new();
    place.file("good.yaml", POD);
    place.file("tabs.yaml", &POD.replace("  name: p", "\tname: p"));
    let other = POD.replace("name: p", "name: q");
    place.file(
        "two.yaml",
        &format!(
            "{other}    prot: 80\n---\n{}",
            POD.replace("name: c", "name: C")
        ),
    );
    place.file("list.json", r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": 1}}]}"#);
    let ran = place.peapod(&[
        "validate",
        "-o",
        "yaml",
        "good.yaml",
        "tabs.yaml",
        "two.yaml",
        "list.json",
        "none.yaml",
    ]);
    let label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    refused(
        &ran,
        &[
            "tabs.yaml: document 1: line 4, column 2: tabs disallowed within this context (block indentation)",
            "two.yaml: document 1, line 9: Pod \"q\": spec.containers[0].prot: unknown field",
            &format!(
                "two.yaml: document 2, line 17: Pod \"p\": spec.containers[0].name: Invalid value: \"C\": {label}"
            ),
            "list.json: document 1, line 1: ConfigMap \"m\": items[0].data.a: expected a string, found a number (1); put it in quotes",
            "none.yaml: No such file or directory (os error 2)",
        ],
    );
}

#[test]
fn a_directory_is_its_manifests_in_the_order_of_their_names() {
    let place = Place::new();
    let named = |name: &str| POD.replace("name: p", &format!("name: {name}"));
    std::fs::create_dir_all(place.path().join("pods/deeper")).expect("made");
    place.file("pods/b.yml", &named("b"));
    place.file(
        "pods/a.json",
        &from_stdin(&place, named("a").as_bytes(), &["-o", "json"]).stdout,
    );
    place.file("pods/notes.txt", "not a manifest");
    place.file("pods/deeper/c.yaml", "nor is this looked at");
    let ran = place.peapod(&["validate", "pods"]);
    assert_eq!((ran.code, &*ran.stdout), (0, "pod/a valid\npod/b valid\n"));
    refused(
        &place.peapod(&["validate", "pods", "pods/b.yml"]),
        &[
            "pods/b.yml: document 1: Pod \"b\": metadata.name: pods \"b\" already exists: pods/b.yml, document 1",
        ],
    );
    std::fs::create_dir(place.path().join("empty")).expect("made");
    refused(
        &place.peapod(&["validate", "empty"]),
        &["empty: no *.yaml, *.yml or *.json in it"],
    );
}
