//! Hooks (rules E1 to E3).

use super::drive::{PodBuilder, pod};
use crate::model::Phase;
use crate::model::RestartPolicy::{Always, Never};
use crate::model::testing;

fn with_post_start(pod: PodBuilder) -> PodBuilder {
    pod.main("m")
        .with(|c| c.hooks.post_start = Some(testing::hook()))
}

fn with_pre_stop(pod: PodBuilder) -> PodBuilder {
    pod.main("m")
        .with(|c| c.hooks.pre_stop = Some(testing::hook()))
}

#[test]
fn e1_a_container_is_reported_running_when_its_post_start_hook_returned() {
    let mut d = with_post_start(pod(Never)).idle();
    d.hold("post-start");
    d.go();
    assert_eq!(d.state("m"), "Waiting ContainerCreating");
    assert_eq!(d.phase(), Phase::Pending);
    d.pass_secs(10_000);
    assert_eq!(
        d.state("m"),
        "Waiting ContainerCreating",
        "the hook has no timeout"
    );
    d.release("post-start m#0");
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn e1_a_failed_post_start_hook_kills_and_restarts_the_container() {
    let mut d = with_post_start(pod(Always)).idle();
    d.fail("post-start", "HookError");
    d.go();
    assert!(d.was_told("FailedPostStartHook: PostStartHook failed"));
    assert!(d.was_told("Killing: FailedPostStartHook"));
    assert_eq!(d.state("m"), "Waiting PostStartHookError");
    assert!(d.has_done("term m#0"));
    d.heal("post-start");
    d.exit("m", 143);
    assert!(d.has_done("start m#1"));
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn e1_the_hooks_error_stays_until_a_start_succeeds() {
    let mut d = with_post_start(pod(Always)).idle();
    d.fail("post-start", "HookError");
    d.go();
    d.exit("m", 143);
    d.exit("m", 143);
    assert_eq!(d.state("m"), "Waiting PostStartHookError");
    d.heal("post-start");
    d.pass_secs(10);
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn e1_a_failed_post_start_hook_fails_the_pod_under_never() {
    let mut d = with_post_start(pod(Never)).idle();
    d.fail("post-start", "HookError");
    d.go();
    d.exit("m", 143);
    assert_eq!(d.state("m"), "Terminated Error 143");
    assert_eq!(d.phase(), Phase::Failed);
}

#[test]
fn e1_a_container_may_end_while_its_post_start_hook_runs() {
    let mut d = with_post_start(pod(Never)).idle();
    d.hold("post-start");
    d.go();
    d.exit("m", 0);
    assert!(d.has_done("abandon post-start m#0"));
    assert_eq!(d.phase(), Phase::Succeeded);
}

#[test]
fn e2_pre_stop_runs_before_term() {
    let mut d = with_pre_stop(pod(Never)).idle();
    d.hold("pre-stop");
    d.go();
    d.did();
    d.delete(None);
    assert_eq!(d.did(), ["pre-stop m#0"]);
    d.release("pre-stop m#0");
    assert_eq!(d.did(), ["term m#0"]);
}

#[test]
fn e2_pre_stop_does_not_run_when_the_container_exits_by_itself() {
    let mut d = with_pre_stop(pod(Always)).run();
    d.exit("m", 1);
    assert!(!d.has_done("pre-stop m#0"));
}

#[test]
fn e2_pre_stop_runs_when_a_probe_stops_the_container() {
    let mut d = with_pre_stop(pod(Always)).run();
    d.probe("m", crate::engine::ProbeKind::Liveness, false);
    assert!(d.has_done("pre-stop m#0"));
}

#[test]
fn e2_pre_stop_consumes_the_grace_and_is_abandoned_when_it_is_over() {
    let mut d = with_pre_stop(pod(Never)).grace(30).idle();
    d.hold("pre-stop");
    d.go();
    d.delete(None);
    d.did();
    d.pass_secs(29);
    assert!(d.did().is_empty());
    d.pass_secs(1);
    assert_eq!(d.did(), ["abandon pre-stop m#0", "term m#0"]);
}

#[test]
fn e2_a_failed_pre_stop_hook_is_told_and_the_termination_goes_on() {
    let mut d = with_pre_stop(pod(Never)).idle();
    d.fail("pre-stop", "HookError");
    d.go();
    d.delete(None);
    assert!(d.was_told("FailedPreStopHook: PreStopHook failed"));
    assert!(d.has_done("term m#0"));
}

#[test]
fn e2_a_hook_is_over_when_its_container_ends() {
    let mut d = with_pre_stop(pod(Never)).idle();
    d.hold("pre-stop");
    d.go();
    d.delete(None);
    d.exit("m", 0);
    assert!(d.has_done("abandon pre-stop m#0"));
    assert!(!d.has_done("term m#0"));
    assert!(d.forgotten);
}

#[test]
fn e3_two_seconds_between_term_and_kill_are_always_given() {
    let mut d = with_pre_stop(pod(Never)).grace(30).idle();
    d.hold("pre-stop");
    d.go();
    d.delete(None);
    d.pass_secs(30);
    assert!(d.has_done("term m#0"));
    d.pass_secs(1);
    assert!(!d.has_done("kill m#0"));
    d.pass_secs(1);
    assert!(d.has_done("kill m#0"));
}

#[test]
fn e3_the_rest_of_the_grace_applies_after_pre_stop() {
    let mut d = with_pre_stop(pod(Never)).grace(30).idle();
    d.hold("pre-stop");
    d.go();
    d.delete(None);
    d.pass_secs(10);
    d.release("pre-stop m#0");
    d.pass_secs(19);
    assert!(!d.has_done("kill m#0"));
    d.pass_secs(1);
    assert!(d.has_done("kill m#0"));
}

#[test]
fn e1_a_failed_post_start_hook_is_followed_by_pre_stop_before_term() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| {
            c.hooks.post_start = Some(testing::hook());
            c.hooks.pre_stop = Some(testing::hook());
        })
        .idle();
    d.fail("post-start", "HookError");
    d.hold("pre-stop");
    d.go();
    assert!(d.has_done("pre-stop m#0") && !d.has_done("term m#0"), "E2");
    d.release("pre-stop m#0");
    assert!(d.has_done("term m#0"));
}

#[test]
fn e1_a_deleted_pod_does_not_wait_for_its_post_start_hook() {
    let mut d = with_post_start(pod(Always)).idle();
    d.hold("post-start");
    d.go();
    d.did();
    d.delete(None);
    assert_eq!(d.did(), ["abandon post-start m#0", "term m#0"]);
}

#[test]
fn e2_every_instance_gets_its_own_pre_stop() {
    let mut d = with_pre_stop(pod(Always)).run();
    d.probe("m", crate::engine::ProbeKind::Liveness, false);
    d.exit("m", 143);
    assert!(d.has_done("pre-stop m#0") && d.has_done("start m#1"));
    d.delete(None);
    assert!(d.has_done("pre-stop m#1"));
}

#[test]
fn e2_pre_stop_runs_when_the_deadline_ends_the_pod() {
    let mut d = with_pre_stop(pod(Never))
        .spec(|spec| spec.active_deadline = Some(crate::model::Seconds(5)))
        .run();
    d.pass_secs(5);
    assert!(d.has_done("pre-stop m#0"));
}

#[test]
fn e6_a_grace_shortened_meanwhile_cuts_the_hook_short() {
    let mut d = with_pre_stop(pod(Never)).grace(30).idle();
    d.hold("pre-stop");
    d.go();
    d.delete(None);
    d.pass_secs(2);
    d.did();
    d.delete(Some(3));
    d.pass_secs(3);
    assert_eq!(d.did(), ["abandon pre-stop m#0", "term m#0"]);
}

#[test]
fn e6_a_container_that_ended_gets_no_hook() {
    let mut d = with_pre_stop(pod(Never).main("other")).run();
    d.exit("m", 0);
    d.delete(None);
    assert!(!d.has_done("pre-stop m#0"));
}

#[test]
fn f6_a_sidecars_hook_that_is_over_still_waits_for_its_turn() {
    let mut d = pod(Never)
        .sidecar("s")
        .with(|c| c.hooks.pre_stop = Some(testing::hook()))
        .main("m")
        .run();
    d.delete(None);
    assert!(d.has_done("pre-stop s#0") && d.has_done("term m#0"));
    assert!(!d.has_done("term s#0"));
    d.exit("m", 143);
    assert!(d.has_done("term s#0"));
}
