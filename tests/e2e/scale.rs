//! Many pods at once.

use crate::harness::{Place, guest};

#[test]
fn two_hundred_pods_of_two_containers_succeed_in_one_run() {
    let place = Place::new();
    let pods: Vec<String> = (0..200)
        .map(|n| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{n}}}\nspec:\n  restartPolicy: Never\n  containers:\n  \
                 - {{name: a, image: {hello}}}\n  - {{name: b, image: {sleepy}, args: [\"20\"]}}\n",
                hello = guest("hello").display(),
                sleepy = guest("sleepy").display()
            )
        })
        .collect();
    place.file("pods.yaml", &pods.join("---\n"));
    let ran = place.peapod(&["run", "-o", "json", "--capacity", "pods=200", "pods.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let items = ran.object()["items"].clone();
    let items = items.as_array().expect("a list");
    assert_eq!(items.len(), 200);
    assert!(
        items
            .iter()
            .all(|pod| pod["status"]["phase"] == "Succeeded")
    );
    assert_eq!(ran.stderr.matches("hello from peapod").count(), 200);
}
