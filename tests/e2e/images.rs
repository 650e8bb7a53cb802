//! `peapod image`.

use crate::harness::{Place, guest};

#[test]
fn an_image_is_loaded_listed_inspected_run_and_removed() {
    let place = Place::new();
    let file = guest("hello");
    let file = file.to_str().expect("plain");
    let loaded = place.peapod(&["image", "load", "greeter:v1", file]);
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    let listed = place.peapod(&["image", "ls"]).stdout;
    assert!(listed.starts_with("NAME"), "{listed}");
    assert!(listed.contains("docker.io/library/greeter:v1"), "{listed}");
    let inspected = place.peapod(&["image", "inspect", "greeter:v1"]).object();
    assert_eq!(inspected["config"]["Entrypoint"][0], "hello");
    let ran = place.run(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {restartPolicy: Never, containers: [{name: c, image: \"greeter:v1\"}]}",
        &[],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert_eq!(ran.container("c")["imageID"], inspected["id"]);
    assert_eq!(place.peapod(&["image", "rm", "greeter:v1"]).code, 0);
    let again = place.peapod(&["image", "rm", "greeter:v1"]);
    assert_eq!(again.code, 2);
    assert!(
        again.stderr.contains("is not in the local store"),
        "{}",
        again.stderr
    );
}

#[test]
fn what_is_no_image_is_refused_in_one_line() {
    let place = Place::new();
    let text = place.file("text.wasm", "hello");
    for args in [
        ["image", "load", "x", text.to_str().expect("plain")],
        ["image", "load", "x", "none.wasm"],
        [
            "image",
            "load",
            "Not A Name",
            guest("hello").to_str().expect("plain"),
        ],
    ] {
        let ran = place.peapod(&args);
        assert_eq!(ran.code, 2, "{args:?}");
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn an_image_that_arrives_while_a_pod_waits_is_used() {
    let place = Place::new();
    place.file(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {restartPolicy: Never, containers: [{name: c, image: \"late:1\"}]}",
    );
    let mut child = place
        .command(&["run", "--timeout", "60s", "pod.yaml"])
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(
        child.try_wait().expect("asked").is_none(),
        "it waits for the image"
    );
    place.peapod(&[
        "image",
        "load",
        "late:1",
        guest("hello").to_str().expect("plain"),
    ]);
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "hello from peapod\n"
    );
}

#[test]
fn a_second_start_compiles_nothing_and_a_damaged_cache_is_no_harm() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new();
    let data = place.path().join("own-data");
    let data = data.to_str().expect("plain");
    place.file(
        "pod.yaml",
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{restartPolicy: Never, containers: [{{name: c, image: {}}}]}}",
            guest("hello").display()
        ),
    );
    let run = || {
        let ran = place.peapod(&["run", "--data-dir", data, "pod.yaml"]);
        assert_eq!(ran.stdout, "hello from peapod\n", "{}", ran.stderr);
        let mut kept = Vec::new();
        for engine in std::fs::read_dir(format!("{data}/cache/code")).expect("made") {
            for file in std::fs::read_dir(engine.expect("read").path()).expect("read") {
                kept.push(file.expect("read").path());
            }
        }
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept.remove(0)
    };
    let inode = |path: &std::path::Path| std::fs::metadata(path).expect("there").ino();
    let kept = run();
    let first = inode(&kept);
    assert_eq!(
        inode(&run()),
        first,
        "compiling again would have put a new file in its place"
    );
    std::fs::write(&kept, "not code").expect("written");
    run();
    assert_ne!(inode(&kept), first, "compiled again");
    std::fs::write(&kept, "").expect("written");
    run();
}
