//! Single files and configuration in a container's file system.

use std::path::Path;

use crate::harness::{Place, Ran, guest};

/// A place with an image `web` that has files of its own in `/etc/nginx`: the `files` guest, and a shell called `shell`.
fn place() -> Place {
    let place = Place::new();
    let root = place.path().join("rootfs/etc/nginx");
    std::fs::create_dir_all(&root).expect("made");
    for name in ["nginx.conf", "mime.types"] {
        std::fs::write(root.join(name), format!("the image's {name}\n")).expect("written");
    }
    // Another name of the same file, and a link that leads to it.
    std::fs::hard_link(root.join("nginx.conf"), root.join("same")).expect("linked");
    std::os::unix::fs::symlink("nginx.conf", root.join("link")).expect("linked");
    for (image, component) in [
        ("web:1", "files"),
        ("p3:1", "p3-files"),
        ("shell:1", "busybox"),
    ] {
        let file = guest(component).display().to_string();
        let loaded = place.peapod(&["image", "load", image, &file, "--rootfs", "rootfs"]);
        assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    }
    place
}

/// Runs one container `c` of the image `web` with these file operations.
fn files(place: &Place, volumes: &str, mounts: &str, extra: &str, operations: &[&str]) -> Ran {
    files_of("web:1", place, volumes, mounts, extra, operations)
}

fn files_of(
    image: &str,
    place: &Place,
    volumes: &str,
    mounts: &str,
    extra: &str,
    operations: &[&str],
) -> Ran {
    let args: Vec<String> = operations.iter().map(|o| format!("{o:?}")).collect();
    let ran = place.run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  volumes: [{volumes}]\n  \
             containers:\n  - {{name: c, image: '{image}', args: [{}], volumeMounts: [{mounts}]{extra}}}",
            args.join(", ")
        ),
        &[],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    ran
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("read")
}

#[test]
fn g3_a_file_lies_over_one_path_and_its_neighbours_stay() {
    let place = place();
    let conf = place.file("my.conf", "mine\n");
    let ran = files(
        &place,
        "{name: v, hostPath: {path: ./my.conf, type: File}}",
        "{name: v, mountPath: /etc/nginx/nginx.conf}, {name: v, mountPath: /made/deep/new.conf, readOnly: true}",
        "",
        &[
            "read",
            "/etc/nginx/nginx.conf",
            "read",
            "/etc/nginx/../nginx/./link",
            "read",
            "/etc/nginx/same",
            "read",
            "/etc/nginx/mime.types",
            "ls",
            "/etc/nginx",
            "stat",
            "/etc/nginx/nginx.conf",
            "ls",
            "/made/deep",
            "read",
            "/made/deep/new.conf",
            "append",
            "/etc/nginx/nginx.conf",
            "more",
            "read",
            "/made/deep/new.conf",
            "write",
            "/etc/nginx/link",
            "short",
            "stat",
            "/made/deep/new.conf",
            "read",
            "/etc/nginx/nginx.conf/",
            "ls",
            "/etc/nginx/nginx.conf",
            "mkdir",
            "/etc/nginx/nginx.conf",
        ],
    );
    let refused = ": NotADirectory (Not a directory)";
    assert_eq!(
        ran.output_of("c"),
        [
            "read /etc/nginx/nginx.conf: ok mine".to_owned(),
            "read /etc/nginx/../nginx/./link: ok mine".into(),
            "read /etc/nginx/same: ok the image's nginx.conf".into(),
            "read /etc/nginx/mime.types: ok the image's mime.types".into(),
            "ls /etc/nginx: ok link mime.types nginx.conf same".into(),
            "stat /etc/nginx/nginx.conf: ok file 5".into(),
            "ls /made/deep: ok new.conf".into(),
            "read /made/deep/new.conf: ok mine".into(),
            "append /etc/nginx/nginx.conf: ok".into(),
            "read /made/deep/new.conf: ok mine\nmore"
                .lines()
                .next()
                .unwrap_or_default()
                .into(),
            "more".into(),
            "write /etc/nginx/link: ok".into(),
            "stat /made/deep/new.conf: ok file 5".into(),
            format!("read /etc/nginx/nginx.conf/{refused}"),
            format!("ls /etc/nginx/nginx.conf{refused}"),
            "mkdir /etc/nginx/nginx.conf: AlreadyExists (File exists)".into(),
        ],
        "{}",
        ran.stderr
    );
    assert_eq!(
        read(&conf),
        "short",
        "the machine's file is the one that was written"
    );
}

#[test]
fn g13_a_mounted_file_is_as_read_only_as_its_mount_says_and_stays_where_it_is() {
    let place = place();
    let conf = place.file("my.conf", "mine\n");
    let ran = files(
        &place,
        "{name: v, hostPath: {path: ./my.conf}}, {name: e, emptyDir: {}}",
        "{name: v, mountPath: /ro.conf, readOnly: true}, {name: v, mountPath: /rw.conf}, {name: e, mountPath: /e}",
        ", securityContext: {readOnlyRootFilesystem: true}",
        &[
            "write",
            "/ro.conf",
            "no",
            "append",
            "/ro.conf",
            "no",
            "rm",
            "/ro.conf",
            "mv",
            "/ro.conf",
            "/gone",
            "read",
            "/ro.conf",
            "write",
            "/rw.conf",
            "yes",
            "read",
            "/ro.conf",
            "write",
            "/other",
            "no",
            "write",
            "/dev/null",
            "swallowed",
            "read",
            "/dev/null",
            "write",
            "/dev/other",
            "no",
            "write",
            "/dev/termination-log",
            "bye",
            "read",
            "/e/../../../../my.conf",
        ],
    );
    let printed = ran.output_of("c");
    let ok: Vec<bool> = printed.iter().map(|line| line.contains(": ok")).collect();
    assert_eq!(
        ok,
        [
            false, false, false, false, true, true, true, false, true, true, false, true, false
        ],
        "{printed:#?}"
    );
    assert!(
        printed[0].ends_with("ReadOnlyFilesystem (Read-only file system)"),
        "{printed:#?}"
    );
    assert!(
        printed[2].contains("busy"),
        "as Linux says of a mount point: {printed:#?}"
    );
    assert_eq!(
        printed[9], "read /dev/null: ok",
        "a null device keeps nothing"
    );
    assert_eq!(read(&conf), "yes");
    assert_eq!(ran.terminated("c")["message"], "bye");
}

#[test]
fn a_mount_point_is_neither_moved_nor_linked_nor_replaced() {
    let place = place();
    place.file("my.conf", "mine\n");
    let ran = files(
        &place,
        "{name: v, hostPath: {path: ./my.conf}}",
        "{name: v, mountPath: /d/conf}",
        "",
        &[
            "write",
            "/d/other",
            "other",
            "rm",
            "/d/conf",
            "mv",
            "/d/conf",
            "/d/moved",
            "mv",
            "/d/other",
            "/d/conf",
            "link",
            "/d/conf",
            "/d/second",
            "link",
            "/d/other",
            "/d/conf",
            "symlink",
            "other",
            "/d/conf",
            "symlink",
            "conf",
            "/d/link",
            "read",
            "/d/link",
            "stat",
            "/d/link",
            "rm",
            "/d/link",
            "mv",
            "/d",
            "/renamed",
            "read",
            "/renamed/conf",
            "rm",
            "/renamed",
        ],
    );
    let printed = ran.output_of("c");
    let ok: Vec<bool> = printed.iter().map(|line| line.contains(": ok")).collect();
    assert_eq!(
        ok,
        [
            true, false, false, false, false, false, false, true, true, true, true, true, true,
            false
        ],
        "{printed:#?}"
    );
}

#[test]
fn a_host_path_file_is_one_for_all_containers_shells_and_the_machine() {
    let place = place();
    let ran = place.run(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolicy: Never\n  \
         volumes: [{name: v, hostPath: {path: ./shared.log, type: FileOrCreate}}]\n  initContainers:\n  \
         - {name: writer, image: 'shell:1', command: [sh, -c, 'echo one > /log; echo two >> /log; cat < /log | wc -l; cat /log /log'], volumeMounts: [{name: v, mountPath: /log}]}\n  containers:\n  \
         - {name: reader, image: 'shell:1', command: [sh, -c, 'cat /var/log/app; echo no > /var/log/app; echo $?; echo x > /dev/null; cat /dev/null && cp /dev/null /empty && wc -c < /empty; ls /var/log'], volumeMounts: [{name: v, mountPath: /var/log/app, readOnly: true}]}\n",
        &[],
    );
    assert_eq!(
        ran.output_of("writer"),
        ["2", "one", "two", "one", "two"],
        "{}",
        ran.stderr
    );
    let read_there = ran.output_of("reader");
    assert_eq!(read_there[..2], ["one", "two"], "{read_there:#?}");
    assert!(
        read_there.iter().any(|line| line.contains("ead-only")),
        "{read_there:#?}"
    );
    assert!(read_there.contains(&"0".to_owned()), "{read_there:#?}");
    assert_eq!(
        read_there.last().map(String::as_str),
        Some("app"),
        "{read_there:#?}"
    );
    assert_eq!(read(&place.path().join("shared.log")), "one\ntwo\n");
}

#[test]
fn g11_a_sub_path_may_name_a_file_which_never_updates() {
    let place = place();
    let ran = place.run(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolicy: Never\n  volumes: [{name: v, emptyDir: {}}]\n  initContainers:\n  \
         - {name: first, image: 'shell:1', command: [sh, -c, 'echo old > /v/conf; chmod 644 /v/conf 2>/dev/null; true'], volumeMounts: [{name: v, mountPath: /v}]}\n  containers:\n  \
         - {name: c, image: 'shell:1', command: [sh, -c, 'echo new > /v/next; mv /v/next /v/conf; cat /v/conf /etc/conf'], volumeMounts: [{name: v, mountPath: /v}, {name: v, mountPath: /etc/conf, subPath: conf}]}\n",
        &[],
    );
    assert_eq!(ran.output_of("c"), ["new", "old"], "{}", ran.stderr);
}

#[test]
fn what_cannot_be_mounted_says_why() {
    let place = place();
    place.file("my.conf", "mine\n");
    std::fs::create_dir(place.path().join("d")).expect("made");
    for (volume, mount, why) in [
        (
            "hostPath: {path: ./my.conf}",
            "mountPath: /x, subPath: sub",
            "failed to prepare subPath",
        ),
        (
            "hostPath: {path: ./my.conf}",
            "mountPath: /etc/nginx",
            "mount point /etc/nginx",
        ),
        (
            "hostPath: {path: ./d, type: File}",
            "mountPath: /x",
            "is not a file",
        ),
        (
            "hostPath: {path: ./none, type: File}",
            "mountPath: /x",
            "is not a file",
        ),
        (
            "hostPath: {path: /dev/null, type: CharDevice}",
            "mountPath: /x",
            "neither a directory nor a regular file",
        ),
    ] {
        let ran = place.run(
            &format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  volumes: [{{name: v, {volume}}}]\n  containers:\n  \
                 - {{name: c, image: 'web:1', volumeMounts: [{{name: v, {mount}}}]}}"
            ),
            &["--timeout", "500ms"],
        );
        assert_eq!(ran.code, 124, "{volume}, {mount}: {}", ran.stderr);
        assert!(ran.shows(why), "{volume}, {mount}: {}", ran.stderr);
    }
}

#[test]
fn wasi_0_3_sees_mounted_files_as_0_2_does() {
    let place = place();
    let conf = place.file("my.conf", "mine\n");
    let ran = files_of(
        "p3:1",
        &place,
        "{name: v, hostPath: {path: ./my.conf}}",
        "{name: v, mountPath: /etc/nginx/nginx.conf}, {name: v, mountPath: /ro, readOnly: true}",
        "",
        &[
            "read",
            "etc/nginx/nginx.conf",
            "read",
            "etc/nginx/link",
            "read",
            "etc/nginx/same",
            "stat",
            "etc/nginx/nginx.conf",
            "same",
            "etc/nginx/link",
            "ro",
            "same",
            "etc/nginx/same",
            "ro",
            "write",
            "ro",
            "no",
            "touch",
            "ro",
            "touch",
            "etc/nginx/nginx.conf",
            "rm",
            "ro",
            "mv",
            "ro",
            "gone",
            "mv",
            "etc/nginx/same",
            "ro",
            "link",
            "ro",
            "second",
            "write",
            "etc/nginx/nginx.conf",
            "yes",
            "read",
            "ro",
            "write",
            "dev/null",
            "swallowed",
            "stat",
            "dev/null",
            "read",
            "dev/null",
            "write",
            "own",
            "other files as ever",
            "mv",
            "own",
            "moved",
            "link",
            "moved",
            "linked",
            "touch",
            "linked",
            "rm",
            "moved",
            "stat",
            "linked",
        ],
    );
    assert_eq!(
        ran.output_of("c"),
        [
            "read etc/nginx/nginx.conf: ok mine",
            "read etc/nginx/link: ok mine",
            "read etc/nginx/same: ok the image's nginx.conf",
            "stat etc/nginx/nginx.conf: ok DescriptorType::RegularFile 5",
            "same etc/nginx/link: ok true",
            "same etc/nginx/same: ok false",
            "write ro: ErrorCode::ReadOnly",
            "touch ro: ErrorCode::NotPermitted",
            "touch etc/nginx/nginx.conf: ok",
            "rm ro: ErrorCode::Busy",
            "mv ro: ErrorCode::Busy",
            "mv etc/nginx/same: ErrorCode::Busy",
            "link ro: ErrorCode::CrossDevice",
            "write etc/nginx/nginx.conf: ok",
            "read ro: ok yes",
            "write dev/null: ok",
            "stat dev/null: ok DescriptorType::RegularFile 0",
            "read dev/null: ok",
            "write own: ok",
            "mv own: ok",
            "link moved: ok",
            "touch linked: ok",
            "rm moved: ok",
            "stat linked: ok DescriptorType::RegularFile 19",
        ],
        "{}",
        ran.stderr
    );
    assert_eq!(read(&conf), "yes");
}

/// A ConfigMap `web` and, after it, a pod of one container `c` that runs this in a shell.
fn configured(place: &Place, volume: &str, mounts: &str, script: &str, args: &[&str]) -> Ran {
    place.run(
        &format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\n\
             data:\n  nginx.conf: |\n    listen 80;\n  motd: hello\nbinaryData: {{blob: AAEC}}\n---\n\
             apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  volumes: [{{name: v, configMap: {volume}}}]\n  \
             containers:\n  - name: c\n    image: shell:1\n    volumeMounts: [{mounts}]\n    command: [sh, -c, '{script}']\n"
        ),
        args,
    )
}

#[test]
fn g5_a_config_map_is_a_read_only_folder_of_links() {
    let place = place();
    let ran = configured(
        &place,
        "{name: web, defaultMode: 0440}",
        "{name: v, mountPath: /etc/config}",
        "ls /etc/config; cat /etc/config/nginx.conf /etc/config/motd; echo; readlink /etc/config/motd; \
         wc -c < /etc/config/blob; cat < /etc/config/..data/motd; echo; \
         echo x > /etc/config/motd || echo refused; rm /etc/config/motd || echo refused; touch /etc/config/new || echo refused",
        &[],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let printed = ran.output_of("c");
    let printed: Vec<_> = printed.iter().filter(|l| !l.contains(": ")).collect();
    assert_eq!(
        printed,
        [
            "blob",
            "motd",
            "nginx.conf",
            "listen 80;",
            "hello",
            "..data/motd",
            "3",
            "hello",
            "refused",
            "refused",
            "refused"
        ],
        "{}",
        ran.stderr
    );
}

#[test]
fn g11_one_key_lies_over_one_file_of_the_image_and_items_choose_paths_and_modes() {
    let place = place();
    let ran = configured(
        &place,
        "{name: web, items: [{key: nginx.conf, path: deep/main.conf, mode: 0600}]}",
        "{name: v, mountPath: /etc/nginx/nginx.conf, subPath: deep/main.conf}, {name: v, mountPath: /all}",
        "cat /etc/nginx/nginx.conf /etc/nginx/mime.types; ls /etc/nginx /all /all/deep; \
         echo x > /etc/nginx/nginx.conf || echo refused; rm /etc/nginx/nginx.conf || echo refused",
        &[],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let printed = ran.output_of("c").join("\n");
    assert!(
        printed.starts_with("listen 80;\nthe image's mime.types\n"),
        "{printed}"
    );
    assert!(
        printed.contains("link\nmime.types\nnginx.conf\nsame"),
        "the neighbours stay: {printed}"
    );
    assert!(printed.contains("main.conf"), "{printed}");
    assert!(!printed.contains("motd"), "G7: {printed}");
    assert_eq!(printed.matches("refused").count(), 2, "G4: {printed}");
}

#[test]
fn g7_a_missing_config_map_or_key_waits_with_kubernetes_words_and_an_optional_one_does_not() {
    let place = place();
    let mount = "{name: v, mountPath: /v}";
    for (volume, why) in [
        ("{name: none}", "configmap \"none\" not found"),
        (
            "{name: web, items: [{key: gone, path: gone}]}",
            "configmap references non-existent config key: gone",
        ),
    ] {
        let ran = configured(&place, volume, mount, "echo ran", &["--timeout", "500ms"]);
        assert_eq!(ran.code, 124, "{volume}: {}", ran.stderr);
        let message = format!("MountVolume.SetUp failed for volume \"v\" : {why}");
        assert!(ran.shows("FailedMount"), "M2, {volume}: {}", ran.stderr);
        assert!(ran.shows(&message), "{volume}: {}", ran.stderr);
        assert!(ran.output_of("c").is_empty(), "{volume}: {}", ran.stderr);
    }
    for volume in [
        "{name: none, optional: true}",
        "{name: web, optional: true, items: [{key: gone, path: gone}]}",
    ] {
        let ran = configured(&place, volume, mount, "ls /v; echo ran", &[]);
        assert_eq!(ran.output_of("c"), ["ran"], "{volume}: {}", ran.stderr);
    }
}

/// Runs a shell in a container that mounts the image `reference` at `/data`, and one file of it over another.
fn with_image_volume(place: &Place, reference: &str, script: &str) -> Ran {
    let shell = guest("busybox").display().to_string();
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  volumes: [{{name: v, image: {{reference: '{reference}'}}}}]\n  \
         containers:\n  - name: c\n    image: {shell}\n    command: [sh, -c, '{script}']\n    \
         volumeMounts: [{{name: v, mountPath: /data}}, {{name: v, mountPath: /etc/part, subPath: etc/nginx/mime.types}}]\n"
    );
    place.run(&pod, &["--timeout", "60s"])
}

#[test]
fn g4_g11_an_image_is_a_volume_that_is_read_only() {
    let script = "cat /data/etc/nginx/link /etc/part; echo x > /data/new || echo refused; \
                  echo x > /etc/part || echo refused; rm /data/etc/nginx/same || echo refused";
    let ran = with_image_volume(&place(), "web:1", script);
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    let expected = [
        "the image's nginx.conf",
        "the image's mime.types",
        "refused",
        "refused",
        "refused",
    ];
    let output = ran.output_of("c");
    let output: Vec<_> = output
        .iter()
        .filter(|line| !line.contains("sh:") && !line.contains("rm:"))
        .collect();
    assert_eq!(output, expected, "{}", ran.stderr);
}

#[test]
fn i3_an_image_that_cannot_be_had_keeps_the_container_that_mounts_it_waiting() {
    let ran = with_image_volume(&Place::new(), "none:1", "echo ran");
    assert!(ran.output_of("c").is_empty());
    assert!(
        ran.shows("Failed to pull image \"none:1\""),
        "{}",
        ran.stderr
    );
    assert!(ran.shows("Error: ErrImagePull"), "{}", ran.stderr);
    assert!(
        ran.shows("Back-off pulling image \"none:1\""),
        "{}",
        ran.stderr
    );
}

#[test]
fn g2_a_volume_in_memory_that_is_full_says_so_also_through_one_of_its_files() {
    let shell = guest("busybox").display().to_string();
    let ran = place().run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  \
             volumes: [{{name: v, emptyDir: {{medium: Memory, sizeLimit: 4Ki}}}}]\n  \
             initContainers: [{{name: i, image: {shell}, command: [sh, -c, echo first > /v/f], volumeMounts: [{{name: v, mountPath: /v}}]}}]\n  \
             containers: [{{name: c, image: 'p3:1', args: [write, etc/nginx/mime.types, {}, write, etc/nginx/mime.types, {}, read, etc/nginx/mime.types], \
             volumeMounts: [{{name: v, mountPath: /etc/nginx/mime.types, subPath: f}}]}}]\n",
            "x".repeat(5000),
            "y".repeat(10)
        ),
        &[],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    let said = ran.output_of("c");
    assert!(said[0].contains("InsufficientSpace"), "{said:?}");
    assert!(said[1].ends_with("ok"), "{said:?}");
    assert!(said[2].ends_with("ok yyyyyyyyyy"), "{said:?}");
}
