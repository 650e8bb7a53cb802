//! Order: volumes, host, init containers, sidecars, mains (rules A2 to A12).

use super::drive::{Drive, pod};
use crate::engine::{Event, ProbeKind};
use crate::model::RestartPolicy::{Always, Never, OnFailure};
use crate::model::testing;
use crate::model::{Mount, Phase};

#[test]
fn a2_volumes_then_the_host_then_containers() {
    let mut d = pod(Never).main("m").run();
    assert_eq!(d.did(), ["mount", "create host", "pull m", "start m#0"]);
}

#[test]
fn a2_nothing_starts_until_the_volumes_are_mounted() {
    let mut d = pod(Never).main("m").idle();
    d.fail("mount", "FailedMount");
    d.go();
    d.pass_secs(600);
    assert!(!d.has_done("create host"));
    assert_eq!(d.state("m"), "Waiting ContainerCreating");
    d.heal("mount");
    d.pass_secs(122);
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn a2_mounting_is_retried_for_ever_from_half_a_second_to_122() {
    let mut d = pod(Never).main("m").idle();
    d.fail("mount", "FailedMount");
    d.go();
    let mut waits = Vec::new();
    for _ in 0..10 {
        let wait = d.sleeps().expect("a retry is planned");
        waits.push(wait.as_secs_f64());
        d.pass(wait);
    }
    let expected = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 122.0, 122.0];
    assert_eq!(waits, expected);
    assert!(d.was_told("FailedMount: it is broken"));
}

#[test]
fn g7_a_mount_is_tried_at_once_when_what_it_is_made_of_changes() {
    let mut d = pod(Never).main("m").idle();
    d.fail("mount", "FailedMount");
    d.go();
    d.pass_secs(300);
    d.heal("mount");
    d.send(Event::VolumesChanged);
    assert_eq!(d.state("m"), "Running", "not at the end of the wait");
}

#[test]
fn g7_a_change_during_a_mount_that_fails_is_not_missed() {
    let mut d = pod(Never).main("m").idle();
    d.hold("mount");
    d.go();
    // What is under way has looked already.
    d.send(Event::VolumesChanged);
    d.heal("mount");
    d.break_off("mount", "FailedMount");
    assert!(d.was_told("FailedMount: it is broken"));
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn g1_volumes_that_do_not_come_are_told_of_every_123_seconds() {
    let mounts = ["v", "a"].map(|volume| Mount {
        volume: volume.into(),
        path: format!("/{volume}"),
        read_only: false,
        sub_path: None,
        sub_path_expr: None,
    });
    let mut d = pod(Never)
        .main("m")
        .with(|c| c.mounts = mounts.to_vec())
        .idle();
    d.fail("mount", "FailedMount");
    d.go();
    let text = "FailedMount: Unable to attach or mount volumes: unmounted volumes=[a v], unattached volumes=[], \
                failed to process volumes=[]: context deadline exceeded";
    let times = |d: &Drive| d.told().iter().filter(|told| *told == text).count();
    d.pass_secs(122);
    assert_eq!(times(&d), 0);
    d.pass_secs(1);
    assert_eq!(times(&d), 1);
    d.pass_secs(123);
    assert_eq!(times(&d), 2);
    d.heal("mount");
    d.pass_secs(1_000);
    assert_eq!(times(&d), 2, "they are there");
}

#[test]
fn m2_a_mount_that_fails_while_the_pod_ends_is_told_no_more() {
    let mut d = pod(Never).main("m").idle();
    d.hold("mount");
    d.go();
    d.delete(None);
    d.break_off("mount", "FailedMount");
    d.pass_secs(1_000);
    assert_eq!(d.told(), [""; 0]);
    // Nor is it tried again when the pod is deleted between two tries, or at the very moment of one.
    for wait in [0.3, 0.5] {
        let mut d = pod(Never).main("m").idle();
        d.fail("mount", "FailedMount");
        d.go();
        d.pass(std::time::Duration::from_secs_f64(wait) - std::time::Duration::from_nanos(1));
        d.delete(None);
        d.pass_secs(1_000);
        assert_eq!(d.told(), ["FailedMount: it is broken"], "{wait}");
    }
}

#[test]
fn a2_a_host_that_cannot_be_created_is_told_and_retried() {
    let mut d = pod(Never).main("m").idle();
    d.fail("create host", "FailedCreatePodSandBox");
    d.go();
    assert!(d.was_told("FailedCreatePodSandBox: Failed to create pod sandbox: it is broken"));
    assert_eq!(d.sleeps().expect("a retry is planned").as_secs(), 10);
    d.heal("create host");
    d.pass_secs(10);
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn a3_init_containers_run_one_at_a_time_in_order() {
    let mut d = pod(Never).init("a").init("b").main("m").run();
    assert_eq!(d.did(), ["mount", "create host", "pull a", "start a#0"]);
    d.exit("a", 0);
    assert_eq!(d.did(), ["pull b", "start b#0"]);
    d.exit("b", 0);
    assert_eq!(d.did(), ["pull m", "start m#0"]);
}

#[test]
fn a4_mains_start_in_the_order_of_the_specification() {
    let mut d = pod(Never).main("z").main("a").idle();
    d.hold("start z");
    d.go();
    assert!(!d.has_done("pull a"), "z is still being started");
    d.release("start z#0");
    assert!(d.has_done("start a#0"));
}

#[test]
fn a4_a_post_start_hook_holds_up_the_next_main() {
    let with_hook = pod(Never)
        .main("a")
        .with(|c| c.hooks.post_start = Some(testing::hook()));
    let mut d = with_hook.main("b").idle();
    d.hold("post-start a");
    d.go();
    assert!(!d.has_done("pull b"));
    d.release("post-start a#0");
    assert!(d.has_done("start b#0"));
}

#[test]
fn a4_a_main_that_fails_to_start_does_not_stop_the_next() {
    let mut d = pod(Never).main("a").main("b").idle();
    d.fail("start a", "CreateContainerError");
    d.go();
    assert_eq!(d.state("a"), "Waiting CreateContainerError");
    assert_eq!(d.state("b"), "Running");
}

#[test]
fn a4_an_init_container_that_fails_to_start_stops_everything_after_it() {
    let mut d = pod(Never).init("a").main("m").idle();
    d.fail("start a", "CreateContainerError");
    d.go();
    d.pass_secs(100);
    assert!(!d.has_done("pull m"));
    assert_eq!(
        d.phase(),
        Phase::Pending,
        "a start that failed is no failed run"
    );
    d.heal("start a");
    d.pass_secs(300);
    d.exit("a", 0);
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn a5_a_failed_init_container_fails_the_pod_under_never() {
    let mut d = pod(Never).init("a").main("m").run();
    d.exit("a", 3);
    assert_eq!(d.phase(), Phase::Failed);
    assert_eq!(d.state("a"), "Terminated Error 3");
    assert_eq!(
        d.state("m"),
        "Waiting PodInitializing",
        "it never had its chance"
    );
    assert!(!d.has_done("pull m"));
}

#[test]
fn a5_a_failed_init_container_is_run_again_under_always_and_on_failure() {
    for policy in [Always, OnFailure] {
        let mut d = pod(policy).init("a").main("m").run();
        d.exit("a", 3);
        assert!(d.has_done("start a#1"), "{policy:?}");
        assert_eq!(d.phase(), Phase::Pending, "{policy:?}");
        d.exit("a", 3);
        assert_eq!(d.state("a"), "Waiting CrashLoopBackOff", "{policy:?}");
        d.pass_secs(10);
        d.exit("a", 0);
        assert_eq!(d.state("m"), "Running", "{policy:?}");
    }
}

#[test]
fn a5_an_init_container_that_exited_0_is_never_run_again() {
    for policy in [Always, OnFailure, Never] {
        let mut d = pod(policy).init("a").main("m").run();
        d.exit("a", 0);
        d.exit("m", 1);
        d.pass_secs(1_000);
        assert!(!d.has_done("start a#1"), "{policy:?}");
    }
}

#[test]
fn a5_an_out_of_memory_kill_is_a_failure_even_with_code_0() {
    use crate::engine::Event;
    use crate::model::{Exit, ExitReason};
    let mut d = pod(Never).init("a").main("m").run();
    let exit = Exit {
        code: 0,
        reason: ExitReason::OomKilled,
        message: None,
        at: d.now,
    };
    let attempt = d.attempt("a");
    d.send(Event::Exited { attempt, exit });
    assert_eq!(d.state("a"), "Terminated OOMKilled 0");
    assert_eq!(d.phase(), Phase::Failed);
    assert!(!d.container("a").ready);
}

#[test]
fn a5_the_other_containers_are_stopped_when_an_init_container_fails_the_pod() {
    let mut d = pod(Never).sidecar("s").init("a").main("m").run();
    d.exit("a", 1);
    assert!(d.has_done("term s#0"));
    assert_eq!(d.phase(), Phase::Pending, "the sidecar may still run");
    d.exit("s", 0);
    assert_eq!(d.phase(), Phase::Failed);
}

#[test]
fn a6_init_containers_are_not_run_again_when_the_mains_restart() {
    let mut d = pod(Always).init("a").sidecar("s").main("m").run();
    d.exit("a", 0);
    d.did();
    d.exit("s", 1);
    d.exit("m", 1);
    let mut did = d.did();
    did.sort();
    assert_eq!(did, ["pull m", "pull s", "start m#1", "start s#1"]);
}

#[test]
fn a8_the_next_entry_waits_until_the_sidecar_is_started() {
    let slow = pod(Never)
        .sidecar("s")
        .with(|c| c.probes.startup = Some(testing::probe()));
    let mut d = slow.init("a").main("m").run();
    assert_eq!(d.state("s"), "Running");
    assert!(!d.has_done("pull a"));
    d.probe("s", ProbeKind::Startup, true);
    assert!(d.has_done("start a#0"));
}

#[test]
fn a8_readiness_of_a_sidecar_is_not_awaited() {
    let unready = pod(Never)
        .sidecar("s")
        .with(|c| c.probes.readiness = Some(testing::probe()));
    let d = unready.main("m").run();
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn a8_a_post_start_hook_of_a_sidecar_delays_the_next_entry() {
    let hooked = pod(Never)
        .sidecar("s")
        .with(|c| c.hooks.post_start = Some(testing::hook()));
    let mut d = hooked.main("m").idle();
    d.hold("post-start s");
    d.go();
    assert!(!d.has_done("pull m"));
    d.release("post-start s#0");
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn a9_a_sidecar_is_restarted_whatever_its_code_and_the_pods_policy() {
    for policy in [Always, OnFailure, Never] {
        for code in [0, 1] {
            let mut d = pod(policy).sidecar("s").main("m").run();
            d.exit("s", code);
            assert_eq!(d.state("s"), "Running", "{policy:?} {code}");
            assert_eq!(d.container("s").restart_count, 1);
            d.exit("s", code);
            assert_eq!(d.state("s"), "Waiting CrashLoopBackOff");
            d.pass_secs(10);
            assert_eq!(d.container("s").restart_count, 2);
        }
    }
}

#[test]
fn a9_a_sidecar_is_restarted_before_the_mains_run_too() {
    let mut d = pod(Never).sidecar("s").init("a").main("m").run();
    d.exit("s", 1);
    assert_eq!(d.state("s"), "Running");
    assert_eq!(
        d.state("a"),
        "Running",
        "the init container isn't disturbed"
    );
}

#[test]
fn a9_a_crashed_earlier_sidecar_does_not_hold_up_a_later_init_container() {
    let mut d = pod(Never).sidecar("s").init("a").init("b").main("m").run();
    d.exit("s", 1);
    d.exit("s", 1);
    assert_eq!(d.state("s"), "Waiting CrashLoopBackOff");
    d.exit("a", 0);
    assert_eq!(d.state("b"), "Running");
}

#[test]
fn a9_a_sidecar_that_fails_to_start_is_tried_again_and_the_rest_waits() {
    let mut d = pod(Never).sidecar("s").main("m").idle();
    d.fail("start s", "RunContainerError");
    d.go();
    assert_eq!(d.state("s"), "Waiting RunContainerError");
    assert!(!d.has_done("pull m"));
    d.heal("start s");
    d.pass_secs(10);
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn a10_sidecars_never_change_the_outcome() {
    let mut d = pod(Never).sidecar("s").main("m").run();
    d.exit("m", 0);
    assert_eq!(d.phase(), Phase::Running, "the sidecar still runs");
    d.exit("s", 1);
    assert_eq!(d.phase(), Phase::Succeeded);
}

#[test]
fn a11_sidecars_are_stopped_in_reverse_order_once_the_mains_are_done() {
    let mut d = pod(OnFailure).sidecar("s1").sidecar("s2").main("m").run();
    d.did();
    d.exit("m", 0);
    assert_eq!(d.did(), ["term s2#0"]);
    d.exit("s2", 143);
    assert_eq!(d.did(), ["term s1#0"], "and s2 is not restarted");
    d.exit("s1", 143);
    assert_eq!(d.phase(), Phase::Succeeded);
    assert_eq!(d.did(), ["release host", "unmount"]);
}

#[test]
fn a11_a_sidecar_in_back_off_is_not_restarted_once_the_mains_are_done() {
    let mut d = pod(Never).sidecar("s").main("m").run();
    d.exit("s", 1);
    d.exit("s", 1);
    d.exit("m", 0);
    assert_eq!(d.phase(), Phase::Succeeded);
    assert_eq!(d.state("s"), "Terminated Error 1");
    d.did();
    d.pass_secs(1_000);
    assert!(d.did().is_empty());
}

#[test]
fn a12_waiting_containers_are_initialising_if_there_is_any_init_container() {
    let d = pod(Never).main("m").idle();
    assert_eq!(d.state("m"), "Waiting ContainerCreating");
    for with_init in [pod(Never).init("a"), pod(Never).sidecar("a")] {
        let d = with_init.main("m").idle();
        assert_eq!(d.state("a"), "Waiting PodInitializing");
        assert_eq!(d.state("m"), "Waiting PodInitializing");
    }
}
