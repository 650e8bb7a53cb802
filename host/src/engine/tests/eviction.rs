//! Evictions (rules F10, G2).

use super::drive::{Drive, pod};
use crate::engine::Event;
use crate::model::RestartPolicy::{Always, Never};
use crate::model::{ConditionType, Phase};

const MESSAGE: &str = "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ";

fn evict(d: &mut Drive) {
    d.send(Event::Evict {
        reason: "Evicted",
        message: MESSAGE.into(),
    });
}

fn said(d: &Drive) -> (Phase, Option<String>, Option<String>) {
    let status = d.status();
    (status.phase, status.reason, status.message)
}

#[test]
fn f10_an_evicted_pod_gets_a_second_and_fails_with_the_message() {
    let mut d = pod(Always).main("m").grace(600).run();
    d.did();
    evict(&mut d);
    assert_eq!(d.did(), ["term m#0"]);
    assert!(d.was_told(&format!("Evicted: {MESSAGE}")));
    assert_eq!(
        said(&d),
        (Phase::Running, None, None),
        "B3: it may still run"
    );
    d.pass_secs(2);
    assert!(d.has_done("kill m#0"), "E3: KILL comes 2 s after TERM");
    let failed = (Phase::Failed, Some("Evicted".into()), Some(MESSAGE.into()));
    assert_eq!(said(&d), failed);
    assert!(!d.forgotten, "the object stays");
    d.pass_secs(10_000);
    evict(&mut d);
    assert_eq!(said(&d), failed);
    let told = d
        .told()
        .into_iter()
        .filter(|told| told.starts_with("Evicted"));
    assert_eq!(told.count(), 1, "told once");
    d.delete(None);
    assert!(d.forgotten);
}

#[test]
fn c7_a_pod_that_broke_its_own_limit_was_not_disrupted() {
    let mut d = pod(Always).main("m").run();
    evict(&mut d);
    d.pass_secs(2);
    let conditions = d.status().conditions;
    // A kubelet says DisruptionTarget where the node was short of something, which is never why a pod is evicted here.
    let mut kinds = conditions.iter().map(|one| one.kind);
    assert!(!kinds.any(|kind| kind == ConditionType::DisruptionTarget));
    assert_eq!(said(&d).0, Phase::Failed);
}

#[test]
fn f10_an_evicted_pod_failed_even_if_its_mains_exit_0() {
    let mut d = pod(Never).sidecar("s").main("m").run();
    d.exit("m", 0);
    evict(&mut d);
    d.pass_secs(3);
    assert_eq!(said(&d).0, Phase::Failed);
    assert_eq!(said(&d).1.as_deref(), Some("Evicted"));
}

#[test]
fn f10_a_pod_is_evicted_before_it_has_started_anything() {
    let mut d = pod(Always).init("a").main("m").idle();
    d.fail("mount", "FailedMount");
    d.go();
    evict(&mut d);
    assert_eq!(said(&d).1.as_deref(), Some("Evicted"));
    d.heal("mount");
    d.did();
    d.pass_secs(1_000);
    assert!(d.did().is_empty());
}

#[test]
fn f10_an_eviction_only_shortens_the_grace_of_a_pod_that_is_deleted() {
    let mut d = pod(Always).main("m").grace(60).run();
    d.delete(None);
    evict(&mut d);
    d.pass_secs(2);
    assert!(d.has_done("kill m#0"));
    assert_eq!(said(&d), (Phase::Failed, None, None));
    assert!(d.forgotten);
}

#[test]
fn f10_a_pod_that_is_over_is_not_evicted() {
    let mut d = pod(Never).main("m").run();
    d.exit("m", 0);
    evict(&mut d);
    assert_eq!(said(&d), (Phase::Succeeded, None, None));
}
