//! `peapod:pod/process`, by a guest that checks itself.

use crate::harness::{Place, guest};

#[test]
fn a_guest_finds_its_processes_as_posix_has_them() {
    let place = Place::new();
    let ran = place.run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{restartPolicy: Never, containers: [{{name: c, image: {}}}]}}",
            guest("spawner").display()
        ),
        &[],
    );
    let log = ran.output_of("c");
    let failed: Vec<_> = log
        .iter()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(ran.terminated("c")["exitCode"], 0, "{log:#?}");
}
