//! The busybox image's shell: every script of its table, through a container.

use crate::harness::{Place, project};

#[test]
fn every_script_prints_what_a_posix_shell_prints() {
    let place = Place::with_images();
    let table = project().join("guests/busybox/tests/sh");
    let (scripts, work) = (place.path().join("scripts"), place.path().join("work"));
    std::fs::create_dir(&scripts).expect("made");
    let mut expected = Vec::new();
    let mut containers = String::new();
    for entry in std::fs::read_dir(&table).expect("read") {
        let path = entry.expect("read").path();
        let stem = path
            .file_stem()
            .expect("named")
            .to_string_lossy()
            .into_owned();
        if path.extension().is_none_or(|extension| extension != "sh") {
            continue;
        }
        std::fs::copy(&path, scripts.join(format!("{stem}.sh"))).expect("copied");
        std::fs::create_dir_all(work.join(&stem)).expect("made");
        let name = stem.replace('_', "-");
        containers.push_str(&format!(
            "  - name: {name}\n    image: busybox:1.28\n    workingDir: /work\n    \
             command: [sh, -c, 'sh /scripts/{stem}.sh 2>/dev/null; echo \"[exit $?]\"']\n    \
             volumeMounts: [{{name: scripts, mountPath: /scripts, readOnly: true}}, {{name: work, mountPath: /work, subPath: {stem}}}]\n"
        ));
        let out = std::fs::read_to_string(path.with_extension("out")).expect("recorded");
        expected.push((name, out));
    }
    assert!(expected.len() >= 20, "the table is there");
    let ran = place.run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: shell}}\nspec:\n  restartPolicy: Never\n  volumes:\n  \
             - {{name: scripts, hostPath: {{path: {}}}}}\n  - {{name: work, hostPath: {{path: {}}}}}\n  containers:\n{containers}",
            scripts.display(),
            work.display()
        ),
        &["--timeout", "120s"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (name, out) in expected {
        let printed = ran.output_of(&name).join("\n") + "\n";
        assert_eq!(printed, out, "{name}");
    }
}

#[test]
fn a_loop_spawns_a_thousand_children() {
    let place = Place::with_images();
    let ran = place.run(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolicy: Never\n  containers:\n  \
         - name: c\n    image: busybox:1.28\n    command: [sh, -c, 'n=0; while [ $n -lt 1000 ]; do /bin/true && n=$((n+1)); done; echo $n']\n",
        &[],
    );
    assert_eq!(ran.output_of("c"), ["1000"], "{}", ran.stderr);
}
