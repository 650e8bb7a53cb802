//! Phases (rules B1 to B4, B16).

use super::drive::{START, pod};
use crate::model::Phase::{self, Failed, Pending, Running, Succeeded};
use crate::model::RestartPolicy::{self, Always, Never, OnFailure};
use crate::model::testing;

/// The phase of a one-main pod after its main exited once.
fn after_exit(policy: RestartPolicy, code: i32) -> Phase {
    let mut d = pod(policy).main("m").run();
    d.exit("m", code);
    d.phase()
}

#[test]
fn b1_pending_until_every_main_has_been_started() {
    let mut d = pod(Never).main("a").main("b").idle();
    d.hold("start b");
    d.go();
    assert_eq!(d.state("a"), "Running");
    assert_eq!(d.phase(), Pending);
    d.release("start b#0");
    assert_eq!(d.phase(), Running);
}

#[test]
fn b1_pending_while_a_regular_init_container_runs() {
    let mut d = pod(Never).init("a").main("m").run();
    assert_eq!(d.phase(), Pending);
    d.exit("a", 0);
    assert_eq!(d.phase(), Running);
}

#[test]
fn b1_pending_while_a_sidecar_is_not_started_yet() {
    let mut d = pod(Never)
        .sidecar("s")
        .with(|c| c.probes.startup = Some(testing::probe()))
        .main("m")
        .run();
    assert_eq!(d.phase(), Pending);
    d.probe("s", crate::engine::ProbeKind::Startup, true);
    assert_eq!(d.phase(), Running);
}

#[test]
fn b1_a_restarting_sidecar_does_not_take_a_running_pod_back_to_pending() {
    let mut d = pod(Never)
        .sidecar("s")
        .with(|c| c.probes.startup = Some(testing::probe()))
        .main("m")
        .run();
    d.probe("s", crate::engine::ProbeKind::Startup, true);
    d.exit("s", 1);
    assert!(!d.container("s").started);
    assert_eq!(d.phase(), Running);
}

#[test]
fn b1_running_while_a_stopped_main_is_restartable() {
    let mut d = pod(Always).main("m").run();
    d.exit("m", 1);
    d.exit("m", 1);
    assert_eq!(d.state("m"), "Waiting CrashLoopBackOff");
    assert_eq!(d.phase(), Running);
}

#[test]
fn b2_always_exit_zero_restarts() {
    assert_eq!(after_exit(Always, 0), Running);
}

// conformance: [sig-node] Pod Extended (container restart policy) Container Restart Rules should restart container on pod-level restart policy Always when no container-level restart policy (container_restart_policy.go)
#[test]
fn b2_always_exit_nonzero_restarts() {
    assert_eq!(after_exit(Always, 1), Running);
}

#[test]
fn b2_on_failure_exit_zero_succeeds() {
    assert_eq!(after_exit(OnFailure, 0), Succeeded);
}

#[test]
fn b2_on_failure_exit_nonzero_restarts() {
    assert_eq!(after_exit(OnFailure, 1), Running);
}

#[test]
fn b2_never_exit_zero_succeeds() {
    assert_eq!(after_exit(Never, 0), Succeeded);
}

#[test]
fn b2_never_exit_nonzero_fails() {
    assert_eq!(after_exit(Never, 1), Failed);
}

#[test]
fn b2_several_mains_under_never_run_until_the_last_exits_and_fail_if_any_did() {
    for (codes, end) in [([0, 0], Succeeded), ([1, 0], Failed), ([0, 1], Failed)] {
        let mut d = pod(Never).main("a").main("b").run();
        d.exit("a", codes[0]);
        assert_eq!(d.phase(), Running);
        d.exit("b", codes[1]);
        assert_eq!(d.phase(), end, "{codes:?}");
    }
}

#[test]
fn b2_on_failure_a_main_that_succeeded_stays_while_another_is_restarted() {
    let mut d = pod(OnFailure).main("a").main("b").run();
    d.exit("a", 0);
    d.exit("b", 1);
    assert_eq!(d.state("a"), "Terminated Completed 0");
    assert_eq!(d.state("b"), "Running");
    d.exit("b", 0);
    assert_eq!(d.phase(), Succeeded);
}

#[test]
fn b3_a_terminal_phase_is_sticky() {
    let mut d = pod(Never).main("m").run();
    d.exit("m", 0);
    d.pass_secs(10_000);
    d.delete(None);
    assert!(d.forgotten);
    let mut phases: Vec<Phase> = d.published.iter().map(|s| s.phase).collect();
    phases.dedup();
    assert_eq!(phases, [Pending, Running, Succeeded]);
}

#[test]
fn b3_no_terminal_phase_while_a_container_can_still_run() {
    let mut d = pod(Never).main("a").main("b").idle();
    d.hold("start b");
    d.go();
    d.delete(None);
    d.exit("a", 0);
    assert_eq!(d.phase(), Pending, "b may be starting at this instant");
    d.break_off("start b#0", "RunContainerError");
    assert_eq!(d.phase(), Failed);
}

#[test]
fn b3_ready_is_false_in_a_terminal_phase() {
    use crate::model::ConditionType::{ContainersReady, Ready};
    let mut d = pod(Never).main("m").run();
    assert_eq!(d.says(Ready), "True");
    d.exit("m", 0);
    assert_eq!(d.says(Ready), "False: PodCompleted");
    assert_eq!(d.says(ContainersReady), "False: PodCompleted");
}

// conformance: [sig-node] Deleted pods handling Should transition to Succeeded phase a deleted pod when containers complete with 0 exit code Restart policy {Always|OnFailure|Never} (deleted_pods_test.go)
#[test]
fn b4_a_deleted_pod_whose_mains_exit_0_succeeds_even_under_always() {
    for policy in [Always, OnFailure, Never] {
        let mut d = pod(policy).main("m").run();
        d.delete(None);
        assert_eq!(d.phase(), Running);
        d.exit("m", 0);
        assert_eq!(d.phase(), Succeeded);
        assert!(d.forgotten);
        let last = d.published.last().expect("a status was published");
        assert_eq!(last.phase, Succeeded, "published before it is forgotten");
    }
}

// conformance: [sig-node] Deleted pods handling Should transition to Failed phase a deleted pod if non-zero exit codes Restart policy {Always|OnFailure|Never} (deleted_pods_test.go)
#[test]
fn b4_a_deleted_pod_with_any_other_exit_code_fails() {
    for policy in [Always, OnFailure, Never] {
        let mut d = pod(policy).main("a").main("b").run();
        d.delete(Some(1));
        d.exit("a", 0);
        d.pass_secs(2);
        assert_eq!(d.state("b"), "Terminated Error 137");
        assert_eq!(d.phase(), Failed);
        assert!(d.forgotten);
    }
}

#[test]
fn b4_a_pod_deleted_while_pending_fails() {
    let mut d = pod(Always).init("a").main("m").run();
    d.delete(None);
    d.exit("a", 0);
    assert_eq!(d.phase(), Failed);
    assert_eq!(d.state("m"), "Terminated ContainerStatusUnknown 137");
    assert!(d.forgotten);
}

#[test]
fn b4_a_pod_deleted_while_its_init_container_runs_leaves_the_mains_waiting() {
    let mut d = pod(Always).init("a").main("m").run();
    d.delete(None);
    d.exit("a", 143);
    assert_eq!(d.phase(), Failed);
    assert_eq!(d.state("m"), "Waiting PodInitializing");
}

#[test]
fn b4_a_deleted_crash_looping_pod_shows_how_it_last_ended() {
    let mut d = pod(Always).main("m").run();
    d.exit("m", 1);
    d.exit("m", 7);
    d.delete(None);
    assert_eq!(d.state("m"), "Terminated Error 7");
    assert_eq!(d.phase(), Failed);
}

#[test]
fn b16_a_pod_active_for_too_long_fails() {
    let mut d = pod(Never)
        .main("m")
        .spec(|spec| spec.active_deadline = Some(crate::model::Seconds(60)))
        .run();
    d.pass_secs(59);
    assert_eq!(d.phase(), Running);
    d.did();
    d.pass_secs(1);
    assert_eq!(d.did(), ["term m#0"]);
    assert_eq!(
        (d.phase(), d.status().reason),
        (Running, None),
        "it still runs"
    );
    d.exit("m", 0);
    let status = d.status();
    assert_eq!(status.phase, Failed);
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
    let text = "Pod was active on the node longer than the specified deadline";
    assert_eq!(status.message.as_deref(), Some(text));
    assert!(d.was_told(&format!("DeadlineExceeded: {text}")));
}

#[test]
fn b16_init_time_counts() {
    let mut d = pod(Always)
        .init("a")
        .main("m")
        .spec(|spec| spec.active_deadline = Some(crate::model::Seconds(60)))
        .run();
    d.pass_secs(60);
    assert!(d.has_done("term a#0"));
    d.exit("a", 143);
    assert_eq!(d.phase(), Failed);
}

#[test]
fn b16_a_pod_that_cannot_mount_its_volumes_fails_at_its_deadline() {
    let mut d = pod(Always)
        .main("m")
        .spec(|spec| spec.active_deadline = Some(crate::model::Seconds(60)))
        .idle();
    d.fail("mount", "FailedMount");
    d.go();
    d.pass_secs(60);
    assert_eq!(d.phase(), Failed);
}

#[test]
fn b16_a_finished_pod_has_no_deadline() {
    let mut d = pod(Never)
        .main("m")
        .spec(|spec| spec.active_deadline = Some(crate::model::Seconds(60)))
        .run();
    d.exit("m", 0);
    assert_eq!(d.sleeps(), None);
    d.pass_secs(60);
    d.go();
    assert_eq!((d.phase(), d.status().reason), (Succeeded, None));
}

#[test]
fn b17_the_start_time_is_the_first_events_and_stays() {
    let mut d = pod(Always).main("m").idle();
    assert_eq!(d.status().start_time, None);
    d.go();
    d.pass_secs(100);
    d.exit("m", 1);
    assert_eq!(d.status().start_time, Some(START));
}
