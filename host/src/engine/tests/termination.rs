//! Deletion and termination (rules F2 to F8).

use super::drive::pod;
use crate::model::Phase;
use crate::model::RestartPolicy::{Always, Never};
use crate::model::testing;

#[test]
fn f2_a_second_delete_shortens_the_grace() {
    let mut d = pod(Always).main("m").grace(60).run();
    d.delete(None);
    d.pass_secs(10);
    d.delete(Some(5));
    d.pass_secs(4);
    assert!(!d.has_done("kill m#0"));
    d.pass_secs(1);
    assert!(d.has_done("kill m#0"));
}

#[test]
fn f2_a_second_delete_never_lengthens_the_grace() {
    let mut d = pod(Always).main("m").grace(30).run();
    d.delete(Some(10));
    d.delete(Some(100));
    d.delete(None);
    d.pass_secs(10);
    assert!(d.has_done("kill m#0"));
}

#[test]
fn f4_the_grace_is_the_deletes_or_else_the_pods() {
    for (own, asked, kill_after) in [(30, None, 30), (30, Some(5), 5), (5, Some(30), 30)] {
        let mut d = pod(Always).main("m").grace(own).run();
        d.delete(asked);
        assert_eq!(d.sleeps().expect("the kill").as_secs(), kill_after);
    }
}

#[test]
fn f4_even_grace_0_gives_two_seconds() {
    let mut d = pod(Always).main("m").run();
    d.delete(Some(0));
    assert!(d.has_done("term m#0"));
    assert_eq!(d.sleeps().expect("the kill").as_secs(), 2);
    d.pass_secs(2);
    assert!(d.has_done("kill m#0"));
}

#[test]
fn f4_grace_0_leaves_a_pre_stop_hook_one_second() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| c.hooks.pre_stop = Some(testing::hook()))
        .idle();
    d.hold("pre-stop");
    d.go();
    d.delete(Some(0));
    assert_eq!(d.sleeps().expect("TERM").as_secs(), 1);
    d.pass_secs(1);
    assert!(d.has_done("term m#0"));
}

#[test]
fn f5_all_mains_are_stopped_in_parallel() {
    let mut d = pod(Always).main("a").main("b").run();
    d.did();
    d.delete(None);
    let mut did = d.did();
    did.sort();
    assert_eq!(did, ["term a#0", "term b#0"]);
    assert!(d.was_told("Killing: Stopping container a"));
    assert!(d.was_told("Killing: Stopping container b"));
}

#[test]
fn f5_killing_is_told_once() {
    let mut d = pod(Always).main("m").run();
    d.delete(None);
    d.delete(Some(5));
    d.pass_secs(10);
    let told = d.told();
    assert_eq!(told.iter().filter(|t| t.starts_with("Killing")).count(), 1);
}

#[test]
fn f6_sidecars_wait_for_the_mains_and_for_later_sidecars() {
    let mut d = pod(Always).sidecar("s1").sidecar("s2").main("m").run();
    d.did();
    d.delete(None);
    assert_eq!(d.did(), ["term m#0"]);
    d.exit("m", 0);
    assert_eq!(d.did(), ["term s2#0"]);
    d.exit("s2", 0);
    assert_eq!(d.did(), ["term s1#0"]);
    d.exit("s1", 0);
    assert!(d.forgotten);
}

#[test]
fn f6_a_sidecar_waits_for_the_mains_even_if_the_later_sidecars_are_gone() {
    let mut d = pod(Always).sidecar("s1").sidecar("s2").main("m").run();
    d.delete(None);
    d.exit("s2", 1);
    assert!(!d.has_done("term s1#0"));
    d.exit("m", 0);
    assert!(d.has_done("term s1#0"));
}

#[test]
fn f2_a_second_delete_shortens_the_grace_of_a_start_still_in_flight() {
    let mut d = pod(Always).main("m").grace(60).idle();
    d.hold("start m");
    d.go();
    d.delete(None);
    d.delete(Some(5));
    d.delete(Some(60));
    d.release("start m#0");
    assert_eq!(d.sleeps().expect("the kill").as_secs(), 5);
}

#[test]
fn f6_when_the_grace_is_over_every_waiting_sidecar_gets_term_at_once() {
    let mut d = pod(Always)
        .sidecar("s1")
        .sidecar("s2")
        .main("m")
        .grace(30)
        .idle();
    d.hold("kill");
    d.go();
    d.did();
    d.delete(None);
    d.pass_secs(30);
    assert_eq!(d.did(), ["term m#0", "kill m#0", "term s2#0", "term s1#0"]);
    d.pass_secs(2);
    assert_eq!(d.did(), ["kill s2#0", "kill s1#0"]);
}

#[test]
fn f6_pre_stop_hooks_of_sidecars_run_at_the_start() {
    let mut d = pod(Always)
        .sidecar("s")
        .with(|c| c.hooks.pre_stop = Some(testing::hook()))
        .main("m")
        .run();
    d.did();
    d.delete(None);
    let mut did = d.did();
    did.sort();
    assert_eq!(
        did,
        ["pre-stop s#0", "term m#0"],
        "the hook before its turn, TERM not"
    );
    d.exit("m", 0);
    assert_eq!(d.did(), ["term s#0"]);
}

#[test]
fn f6_a_sidecar_does_not_wait_for_a_running_init_container() {
    let mut d = pod(Always).sidecar("s").init("a").main("m").run();
    d.did();
    d.delete(None);
    let mut did = d.did();
    did.sort();
    assert_eq!(did, ["term a#0", "term s#0"]);
}

#[test]
fn f7_what_the_pod_holds_is_released_after_the_last_container_and_before_it_is_forgotten() {
    let mut d = pod(Always).main("m").idle();
    d.hold("unmount");
    d.go();
    d.delete(None);
    assert!(!d.has_done("release host"));
    d.exit("m", 0);
    assert!(d.has_done("release host"));
    assert_eq!(d.phase(), Phase::Succeeded);
    assert!(!d.forgotten);
    d.release("unmount");
    assert!(d.forgotten);
}

#[test]
fn f7_a_release_that_fails_is_retried() {
    let mut d = pod(Always).main("m").idle();
    d.fail("unmount", "FailedUnmount");
    d.go();
    d.delete(None);
    d.exit("m", 0);
    d.pass_secs(10);
    assert!(!d.forgotten);
    d.heal("unmount");
    d.pass_secs(122);
    assert!(d.forgotten);
    let did = d.did();
    let releases = did.iter().filter(|d| *d == "release host").count();
    assert_eq!(releases, 1, "the host was released at once, and once");
}

#[test]
fn f7_a_pod_that_ends_by_itself_releases_everything_and_stays() {
    let mut d = pod(Never).main("m").run();
    d.exit("m", 0);
    let did = d.did();
    assert_eq!(did[did.len() - 2..], ["release host", "unmount"]);
    assert!(!d.forgotten);
    assert_eq!(d.sleeps(), None);
    d.pass_secs(10_000);
    assert!(d.did().is_empty());
    d.delete(None);
    assert!(d.forgotten && d.machine.is_forgotten());
    assert!(d.did().is_empty());
}

#[test]
fn f7_a_pod_deleted_before_anything_was_done_is_forgotten_at_once() {
    let mut d = pod(Always).main("m").idle();
    d.delete(None);
    assert!(d.did().is_empty());
    assert!(d.forgotten);
    assert_eq!(d.phase(), Phase::Failed);
}

#[test]
fn f7_what_was_being_acquired_when_the_delete_came_is_released() {
    let mut d = pod(Always).main("m").idle();
    d.hold("create host");
    d.go();
    d.delete(None);
    assert!(d.has_done("abandon create host"));
    d.did();
    d.release("create host");
    assert_eq!(d.did(), ["release host"]);
    assert!(d.forgotten);
}

#[test]
fn f8_a_watcher_sees_the_terminal_phase_before_the_end() {
    let mut d = pod(Always).main("m").run();
    d.delete(None);
    d.exit("m", 0);
    let last = d.published.last().expect("a status was published");
    assert!(last.phase.is_terminal());
    assert!(!last.mains[0].ready);
}

#[test]
fn a_kill_that_fails_is_told_and_retried() {
    let mut d = pod(Always).main("m").idle();
    d.fail("kill", "KillError");
    d.go();
    d.delete(Some(5));
    d.pass_secs(5);
    assert!(d.was_told("FailedKillPod: error killing pod: it is broken"));
    d.heal("kill");
    d.pass_secs(1);
    assert!(d.forgotten);
}

#[test]
fn a_delete_while_a_probe_stops_the_container_shortens_that_grace() {
    let mut d = pod(Always).main("m").grace(30).run();
    d.probe("m", crate::engine::ProbeKind::Liveness, false);
    d.delete(Some(3));
    d.pass_secs(3);
    assert!(d.has_done("kill m#0"));
    assert!(d.forgotten);
}

#[test]
fn a_clock_that_is_set_back_gives_no_more_grace() {
    let mut d = pod(Never).main("m").grace(30).run();
    d.pass_secs(100);
    d.delete(None);
    let before = d.machine.wake_at();
    d.now = super::drive::START;
    d.delete(None);
    assert_eq!(d.machine.wake_at(), before);
}
