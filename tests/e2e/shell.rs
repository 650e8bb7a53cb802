//! The busybox image's shell: every script of its table, through a container.

use crate::harness::Place;

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
