//! What the machine makes of verdicts (rules D2, D4, D6, D12 to D15).

use super::drive::{exited, pod};
use crate::engine::{Event, ProbeKind};
use crate::model::Phase;
use crate::model::RestartPolicy::{Always, Never};
use crate::model::Seconds;
use crate::model::testing;

#[test]
fn d6_a_failed_liveness_probe_kills_and_restarts() {
    let mut d = pod(Always).main("m").run();
    d.did();
    d.probe("m", ProbeKind::Liveness, false);
    assert_eq!(d.did(), ["term m#0"]);
    assert!(d.was_told("Killing: Container m failed liveness probe, will be restarted"));
    d.pass_secs(30);
    assert!(d.has_done("kill m#0"), "after the pod's grace");
    assert_eq!(d.container("m").restart_count, 1);
}

#[test]
fn d6_a_failed_startup_probe_kills_and_restarts() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| c.probes.startup = Some(testing::probe()))
        .run();
    d.probe("m", ProbeKind::Startup, false);
    assert!(d.was_told("Killing: Container m failed startup probe, will be restarted"));
    d.exit("m", 143);
    assert_eq!(d.container("m").restart_count, 1);
}

#[test]
fn d6_under_never_it_stays_dead_and_the_pod_fails() {
    let mut d = pod(Never).main("m").run();
    d.probe("m", ProbeKind::Liveness, false);
    assert!(d.was_told("Killing: Container m failed liveness probe"));
    d.exit("m", 143);
    assert_eq!(d.phase(), Phase::Failed);
}

#[test]
fn d6_only_the_container_that_failed_is_restarted() {
    let mut d = pod(Never).sidecar("s").main("m").run();
    d.did();
    d.probe("s", ProbeKind::Liveness, false);
    assert_eq!(d.did(), ["term s#0"]);
    d.exit("s", 143);
    assert_eq!(d.state("s"), "Running");
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn d6_a_verdict_about_an_older_instance_changes_nothing() {
    let mut d = pod(Always).main("m").run();
    let old = d.attempt("m");
    d.exit("m", 1);
    d.did();
    d.send(Event::Probed {
        attempt: old.clone(),
        probe: ProbeKind::Liveness,
        healthy: false,
    });
    let at = d.now;
    d.send(exited(old, 1, at));
    assert!(d.did().is_empty());
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn d12_ready_follows_the_readiness_probe() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| c.probes.readiness = Some(testing::probe()))
        .run();
    for healthy in [true, false, true] {
        d.probe("m", ProbeKind::Readiness, healthy);
        assert_eq!(d.container("m").ready, healthy);
    }
}

#[test]
fn d14_a_pod_that_is_being_deleted_is_only_probed_for_readiness() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| c.probes.readiness = Some(testing::probe()))
        .run();
    d.probe("m", ProbeKind::Readiness, true);
    d.delete(None);
    d.did();
    d.probe("m", ProbeKind::Liveness, false);
    assert!(d.did().is_empty());
    d.probe("m", ProbeKind::Readiness, false);
    assert!(!d.container("m").ready);
}

#[test]
fn d4_a_container_is_not_ready_before_its_startup_probe_succeeded() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| {
            c.probes.startup = Some(testing::probe());
            c.probes.readiness = Some(testing::probe());
        })
        .run();
    d.probe("m", ProbeKind::Readiness, true);
    assert!(!d.container("m").ready);
    d.probe("m", ProbeKind::Startup, true);
    assert!(d.container("m").ready && d.container("m").started);
}

#[test]
fn d6_a_new_instance_has_to_start_and_become_ready_again() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| {
            c.probes.startup = Some(testing::probe());
            c.probes.readiness = Some(testing::probe());
        })
        .run();
    d.probe("m", ProbeKind::Startup, true);
    d.probe("m", ProbeKind::Readiness, true);
    d.probe("m", ProbeKind::Liveness, false);
    d.exit("m", 143);
    assert_eq!(d.state("m"), "Running");
    assert!(!d.container("m").started && !d.container("m").ready);
}

/// A pod with a grace of 30 s whose main's probes have a grace of their own.
fn with_probe_grace(seconds: u64) -> super::drive::PodBuilder {
    let mut probe = testing::probe();
    probe.termination_grace = Some(Seconds(seconds));
    let other = probe.clone();
    pod(Always).grace(30).main("m").with(|c| {
        c.probes.startup = Some(probe);
        c.probes.liveness = Some(other);
    })
}

#[test]
fn d13_a_probes_own_grace_replaces_the_pods_for_that_kill_and_may_be_longer() {
    for kind in [ProbeKind::Startup, ProbeKind::Liveness] {
        for grace in [5, 60] {
            let mut d = with_probe_grace(grace).run();
            if kind == ProbeKind::Liveness {
                d.probe("m", ProbeKind::Startup, true);
            }
            d.probe("m", kind, false);
            d.pass_secs(grace - 1);
            assert!(!d.has_done("kill m#0"), "{kind:?} {grace}");
            d.pass_secs(1);
            assert!(d.has_done("kill m#0"), "{kind:?} {grace}");
        }
    }
}

#[test]
fn d13_a_probes_own_grace_does_not_count_once_the_pod_is_deleted() {
    let mut d = with_probe_grace(600).run();
    d.probe("m", ProbeKind::Startup, true);
    d.probe("m", ProbeKind::Liveness, false);
    d.delete(Some(10));
    d.pass_secs(10);
    assert!(d.has_done("kill m#0"), "deleted while the probe stops it");
    let mut d = with_probe_grace(1).run();
    d.delete(Some(10));
    d.pass_secs(9);
    assert!(!d.has_done("kill m#0"), "deleted without a probe's doing");
}

#[test]
fn d14_a_pod_turns_unready_while_its_pre_stop_hook_runs() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| {
            c.probes.readiness = Some(testing::probe());
            c.hooks.pre_stop = Some(testing::hook());
        })
        .idle();
    d.hold("pre-stop");
    d.go();
    d.probe("m", ProbeKind::Readiness, true);
    d.delete(None);
    assert!(d.container("m").ready, "nobody asked it since");
    d.probe("m", ProbeKind::Readiness, false);
    assert!(!d.container("m").ready);
    assert_eq!(d.state("m"), "Running");
}

#[test]
fn d14_the_machine_says_when_the_pod_comes_to_its_end() {
    let mut d = pod(Never).sidecar("s").main("m").run();
    assert!(!d.machine.is_ending());
    d.exit("m", 0);
    assert!(d.machine.is_ending(), "its sidecar is being stopped");
}

#[test]
fn d15_a_sidecars_startup_probe_kills_only_it_and_its_readiness_counts() {
    let mut d = pod(Never)
        .sidecar("s")
        .with(|c| {
            c.probes.startup = Some(testing::probe());
            c.probes.readiness = Some(testing::probe());
        })
        .main("m")
        .run();
    d.probe("s", ProbeKind::Startup, false);
    assert!(d.was_told("Killing: Container s failed startup probe, will be restarted"));
    assert!(!d.has_done("start m#0"), "A8");
    d.exit("s", 143);
    d.probe("s", ProbeKind::Startup, true);
    assert!(d.has_done("start m#0"));
    let ready = crate::model::ConditionType::Ready;
    assert!(d.says(ready).starts_with("False"));
    d.probe("s", ProbeKind::Readiness, true);
    assert_eq!(d.says(ready), "True");
}
