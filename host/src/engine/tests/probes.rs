//! What the machine makes of verdicts (rules D2, D4, D6, D12, D14).

use super::drive::{exited, pod};
use crate::engine::{Event, ProbeKind};
use crate::model::Phase;
use crate::model::RestartPolicy::{Always, Never};

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
        .with(|c| c.has_startup_probe = true)
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
        .with(|c| c.has_readiness_probe = true)
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
        .with(|c| c.has_readiness_probe = true)
        .run();
    d.probe("m", ProbeKind::Readiness, true);
    d.delete(None);
    d.did();
    d.probe("m", ProbeKind::Liveness, false);
    assert!(d.did().is_empty());
    d.probe("m", ProbeKind::Readiness, false);
    assert!(!d.container("m").ready);
}
