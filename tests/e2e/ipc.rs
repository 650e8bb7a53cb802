//! What the containers of a pod share: message queues, semaphores and memory.

use crate::harness::{Place, Ran, guest, project};

/// Containers of `(name, guest, arguments)` in a pod that is never restarted.
fn pod(name: &str, containers: &[(&str, &str, &str)]) -> String {
    let list: String = containers
        .iter()
        .map(|(name, image, args)| {
            let image = guest(image);
            let image = image.display();
            format!("  - {{name: {name}, image: {image}, args: [{args}]}}\n")
        })
        .collect();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: Never\n  containers:\n{list}"
    )
}

fn succeeded(ran: &Ran) {
    let end = (ran.code, ran.phase());
    assert_eq!(end, (0, "Succeeded".into()), "{}", ran.stderr);
}

#[test]
fn s5_what_the_producer_sends_the_consumer_receives_in_order() {
    let place = Place::with_images();
    let ran = place.run_file(&project().join("manifests/mc2.yaml"), &[]);
    succeeded(&ran);
    for container in ["producer", "consumer"] {
        let end = ran.terminated(container);
        assert_eq!(end["exitCode"], 0);
        assert_eq!(end["reason"], "Completed");
    }
    let of = |container, word| -> Vec<String> {
        let lines = ran.output_of(container);
        let values = lines.iter().map(|line| line.strip_prefix(word));
        values.map(|value| value.expect(word).to_owned()).collect()
    };
    let produced = of("producer", "Produced: ");
    let mut consumed = of("consumer", "Consumed: ");
    assert_eq!(consumed.pop().as_deref(), Some("done"));
    assert_eq!(produced, consumed);
    assert!(produced.len() >= 4, "{produced:?}");
    for value in &produced {
        assert!(value.len() == 2 && u8::from_str_radix(value, 16).is_ok());
    }
}

#[test]
fn s5_a_consumer_that_starts_long_before_the_producer_waits_for_the_queue() {
    let place = Place::with_images();
    let text = std::fs::read_to_string(project().join("manifests/mc2.yaml")).expect("read");
    // An init container with restartPolicy Always is started first, and the producer only once it runs.
    let consumer = "  - name: consumer\n    image: allingeek/ch6_ipc\n    command: [\"./ipc\", \"-consumer\"]\n";
    assert!(text.contains(consumer));
    let text = text.replace(consumer, "").replace(
        "  containers:\n",
        &format!("  initContainers:\n{consumer}    restartPolicy: Always\n  containers:\n"),
    );
    let ran = place.run(&text, &["--timeout", "60s"]);
    assert_eq!(ran.terminated("producer")["exitCode"], 0, "{}", ran.stderr);
    let produced = ran.output_of("producer").len();
    let consumed = ran.output_of("consumer").len();
    assert!(produced >= 4 && consumed >= produced, "{}", ran.stderr);
}

#[test]
fn a_guest_finds_queues_semaphores_and_memory_as_posix_has_them() {
    let place = Place::new();
    let ran = place.run(&pod("p", &[("c", "ipc-check", "")]), &[]);
    let log = ran.output_of("c");
    let failed: Vec<_> = log
        .iter()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    succeeded(&ran);
}

#[test]
fn c_sources_by_their_posix_names() {
    let place = Place::new();
    let ran = place.run(
        &pod(
            "p",
            &[
                ("consumer", "posix-mq", "consumer"),
                ("producer", "posix-mq", "producer"),
                ("check", "posix-check", ""),
            ],
        ),
        &[],
    );
    assert_eq!(ran.output_of("check"), ["all as POSIX has it"]);
    succeeded(&ran);
    assert_eq!(
        ran.output_of("consumer"),
        [
            "6 messages of at most 64 bytes",
            "received urgent message (15 bytes, priority 10)",
            "received message 1 (10 bytes, priority 0)",
            "received message 2 (10 bytes, priority 0)",
            "received message 3 (10 bytes, priority 0)",
            "received message 4 (10 bytes, priority 0)",
            "received message 5 (10 bytes, priority 0)",
        ]
    );
}

#[test]
fn pods_do_not_see_each_others_queues() {
    let place = Place::new();
    let one = pod(
        "one",
        &[("c", "queue", "open, /q, send, of-one, sleep, \"1500\"")],
    );
    let other = pod(
        "other",
        &[("c", "queue", "sleep, \"500\", fails, there, /q")],
    );
    let ran = place.run(&format!("{one}---\n{other}"), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.output_of("c"), ["there: No such file or directory"]);
}

#[test]
fn what_does_not_fit_is_refused_by_its_posix_name() {
    let place = Place::new();
    let args = "open, /q, \"4\", \"1024\", fails, send-bytes, \"1000000\", attributes, \
                open, /q, \"7\", \"7\", attributes, \
                fails, open, no-slash, fails, open, /huge, \"65536\", \"16777216\", fails, open, /none, \"0\", \"1\", \
                unlink, /q, fails, there, /q, send, still, receive";
    let ran = place.run(&pod("p", &[("c", "queue", args)]), &[]);
    assert_eq!(
        ran.output_of("c"),
        [
            "send-bytes: Message too long",
            "4 of 1024, 0 now",
            "4 of 1024, 0 now",
            "open: Invalid argument",
            "open: No space left on device",
            "open: Invalid argument",
            "there: No such file or directory",
            "received still",
        ],
        "{}",
        ran.stderr
    );
    succeeded(&ran);
}

#[test]
fn a_consumer_that_was_killed_finds_its_messages_when_it_is_restarted() {
    let place = Place::new();
    let queue = guest("queue");
    // It counts its lives by the messages it leaves in a second queue, and dies in the first two.
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: OnFailure\n  containers:\n  \
         - {{name: producer, image: {queue}, args: [open, /q, send, one, send, two, send, three]}}\n  \
         - {{name: consumer, image: {queue}, args: [wait, /q, receive, open, /lives, send, x, die-until, \"3\"]}}\n",
        queue = queue.display(),
    );
    let ran = place.run(&manifest, &["--backoff-base", "100ms", "--timeout", "60s"]);
    succeeded(&ran);
    assert_eq!(ran.container("consumer")["restartCount"], 2);
    let received: Vec<_> = ran
        .output_of("consumer")
        .into_iter()
        .filter(|line| line.starts_with("received"))
        .collect();
    assert_eq!(received, ["received one", "received two", "received three"]);
}
