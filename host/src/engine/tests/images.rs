//! Pulls (rules I2 to I4).

use std::time::Duration;

use super::drive::{Drive, pod};
use crate::engine::{Event, Output};
use crate::model::RestartPolicy::{Always, Never};
use crate::model::{ImagePullPolicy, Mount, Volume, VolumeSource};

fn under(policy: ImagePullPolicy) -> Drive {
    let with_policy = |c: &mut crate::model::Container| c.pull_policy = policy;
    pod(Never).main("m").with(with_policy).idle()
}

#[test]
fn i2_each_start_asks_for_the_image_anew() {
    let mut d = pod(Always).main("m").run();
    d.did();
    d.exit("m", 1);
    assert_eq!(d.did(), ["pull m", "start m#1"]);
}

#[test]
fn i2_a_present_image_is_told_as_such() {
    let d = pod(Never).main("m").run();
    assert!(d.was_told(
        "Pulled: Container image \"image\" already present on machine and can be accessed by the pod"
    ));
    assert!(!d.was_told("Pulling: Pulling image \"image\""));
}

#[test]
fn i2_always_says_that_it_pulls_before_it_does() {
    let mut d = under(ImagePullPolicy::Always);
    d.hold("pull m");
    d.go();
    assert_eq!(d.told(), ["Pulling: Pulling image \"image\""]);
    d.release("pull m");
    assert!(d.was_told(
        "Pulled: Successfully pulled image \"image\" in 1.2s (1.2s including waiting). Image size: 1000 bytes."
    ));
}

#[test]
fn i2_an_absent_image_that_may_not_be_pulled_keeps_its_reason() {
    let mut d = under(ImagePullPolicy::Never);
    d.fail("pull m", "ErrImageNeverPull");
    d.go();
    let text = "Container image \"image\" is not present with pull policy of Never";
    assert_eq!(d.waiting_message("m"), text);
    assert!(d.was_told(&format!("ErrImageNeverPull: {text}")));
    assert!(d.was_told("Failed: Error: ErrImageNeverPull"));
    d.pass_secs(5);
    assert_eq!(d.state("m"), "Waiting ErrImageNeverPull");
    d.heal("pull m");
    d.pass_secs(5);
    assert_eq!(d.state("m"), "Running", "somebody loaded it");
}

#[test]
fn i2_a_name_that_cannot_be_parsed_keeps_its_reason() {
    let mut d = under(ImagePullPolicy::IfNotPresent);
    d.fail("pull m", "InvalidImageName");
    d.go();
    d.pass_secs(5);
    assert_eq!(d.state("m"), "Waiting InvalidImageName");
    let text = "InspectFailed: Failed to apply default image tag \"image\": it is broken";
    assert!(d.was_told(text));
}

#[test]
fn i2_images_of_volumes_are_pulled_before_the_containers_that_mount_them_start() {
    let image = |name: &str| Volume {
        name: name.into(),
        source: VolumeSource::Image {
            reference: format!("{name}:1"),
            policy: ImagePullPolicy::IfNotPresent,
        },
    };
    let mount = |volume: &str| Mount {
        volume: volume.into(),
        path: format!("/{volume}"),
        read_only: false,
        sub_path: None,
        sub_path_expr: None,
    };
    let mut d = pod(Always)
        .spec(|spec| spec.volumes = ["a", "b", "c"].map(image).into())
        .main("m")
        .with(|c| c.mounts = ["c", "a"].map(mount).into())
        .main("other")
        .idle();
    d.fail("pull m/c", "ErrImagePull");
    d.go();
    assert_eq!(
        d.did(),
        [
            "mount",
            "create host",
            "pull m/a",
            "pull m/c",
            "pull other",
            "start other#0"
        ],
        "what does not mount it does not wait for it"
    );
    assert_eq!(d.state("m"), "Waiting ErrImagePull");
    assert_eq!(d.waiting_message("m"), "it is broken");
    assert!(d.was_told("Failed: Failed to pull image \"c:1\": it is broken"));
    assert!(d.was_told("Failed: Error: ErrImagePull"));
    d.pass_secs(1);
    assert_eq!(d.state("m"), "Waiting ImagePullBackOff");
    assert_eq!(
        d.waiting_message("m"),
        "Back-off pulling image \"c:1\": ErrImagePull: it is broken"
    );
    d.heal("pull m/c");
    d.pass_secs(10);
    assert_eq!(d.state("m"), "Running");
    d.did();
    d.exit("m", 1);
    assert_eq!(d.did(), ["pull m/a", "pull m/c", "pull m", "start m#1"]);
}

#[test]
fn i3_a_failed_pull_is_an_error_then_a_back_off() {
    let mut d = under(ImagePullPolicy::Always);
    d.fail("pull m", "ErrImagePull");
    d.go();
    assert_eq!(d.state("m"), "Waiting ErrImagePull");
    assert_eq!(d.waiting_message("m"), "it is broken");
    d.pass_secs(1);
    assert_eq!(d.state("m"), "Waiting ImagePullBackOff");
    assert_eq!(
        d.waiting_message("m"),
        "Back-off pulling image \"image\": ErrImagePull: it is broken"
    );
    d.pass_secs(5);
    assert_eq!(
        d.told(),
        [
            "Pulling: Pulling image \"image\"",
            "Failed: Failed to pull image \"image\": it is broken",
            "Failed: Error: ErrImagePull",
            "BackOff: Back-off pulling image \"image\"",
            "Failed: Error: ImagePullBackOff",
        ]
    );
}

// conformance: [sig-node] Pull Image Image pull retry backs off on error. (image_pull_test.go)
#[test]
fn i3_pulls_are_retried_after_10_s_doubling_to_300() {
    let mut d = under(ImagePullPolicy::IfNotPresent);
    d.fail("pull m", "ErrImagePull");
    d.go();
    d.did();
    let mut waits = Vec::new();
    for _ in 0..7 {
        let mut wait = 0;
        while !d.has_done("pull m") {
            d.pass_secs(1);
            wait += 1;
        }
        d.did();
        waits.push(wait);
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
    d.heal("pull m");
    d.pass_secs(300);
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn i3_a_failure_is_forgotten_after_ten_minutes() {
    for (quiet_secs, wait_secs) in [(500, 20), (601, 10)] {
        let mut d = pod(Always).main("m").idle();
        d.fail("pull m", "ErrImagePull");
        d.go();
        d.heal("pull m");
        d.pass_secs(10);
        assert_eq!(d.state("m"), "Running");
        d.pass_secs(quiet_secs);
        d.fail("pull m", "ErrImagePull");
        d.exit("m", 0);
        d.did();
        let mut waited = 0;
        while !d.has_done("pull m") {
            d.pass_secs(1);
            waited += 1;
        }
        assert_eq!(waited, wait_secs, "{quiet_secs}");
    }
}

#[test]
fn i4_an_image_that_was_fetched_after_all_is_told_so() {
    let mut d = under(ImagePullPolicy::IfNotPresent);
    let pulled = Output::Image {
        image_id: "sha256:new".into(),
        already_present: false,
        size: 7,
        took: Duration::from_millis(20),
        took_with_waiting: Duration::from_millis(20),
    };
    d.hold("pull m");
    d.go();
    assert!(
        d.told().is_empty(),
        "whether anything is fetched isn't known yet"
    );
    let id = crate::engine::EffectId(3);
    d.send(Event::Pulling { id });
    d.send(Event::Pulling { id });
    assert_eq!(
        d.told(),
        ["Pulling: Pulling image \"image\""],
        "long before its end"
    );
    d.send(Event::Done {
        id,
        result: Ok(pulled),
    });
    assert_eq!(
        d.told()[1],
        "Pulled: Successfully pulled image \"image\" in 20ms (20ms including waiting). Image size: 7 bytes.",
    );
    d.send(Event::Pulling { id });
    let told = d.told();
    let late = told.iter().filter(|told| told.starts_with("Pulling"));
    assert_eq!(late.count(), 1, "it is over");
}

#[test]
fn m3_the_notices_of_a_start_in_order() {
    let mut d = under(ImagePullPolicy::Always);
    d.go();
    let reasons: Vec<_> = d.notices.iter().map(|n| n.reason).collect();
    assert_eq!(reasons, ["Pulling", "Pulled", "Created", "Started"]);
    d.delete(None);
    let last = d.notices.last().expect("there is one");
    assert_eq!(last.reason, "Killing");
    assert_eq!(last.message, "Stopping container m");
}
