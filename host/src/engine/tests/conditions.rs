//! Conditions (rules C1 to C6, C9).

use super::drive::{START, pod};
use crate::engine::ProbeKind;
use crate::model::ConditionType::{
    ContainersReady, Initialized, PodReadyToStartContainers, PodScheduled, Ready,
};
use crate::model::RestartPolicy::{Always, Never};
use crate::model::testing;

#[test]
fn c1_the_transition_time_changes_only_with_the_status() {
    let mut d = pod(Always).init("a").init("b").main("m").run();
    let before = d.condition(Initialized);
    d.pass_secs(10);
    d.exit("a", 0);
    let after = d.condition(Initialized);
    assert_ne!(before.message, after.message);
    assert_eq!(after.last_transition, START);
    d.pass_secs(10);
    d.exit("b", 0);
    assert_eq!(d.condition(Initialized).last_transition, d.now);
}

#[test]
fn c2_a_pod_on_this_host_is_scheduled() {
    let d = pod(Never).main("m").run();
    assert_eq!(d.says(PodScheduled), "True");
}

#[test]
fn c3_ready_to_start_while_the_host_exists() {
    let mut d = pod(Never).main("m").idle();
    d.hold("create host");
    d.hold("pull m");
    d.go();
    assert_eq!(d.says(PodReadyToStartContainers), "False");
    d.release("create host");
    assert_eq!(
        d.says(PodReadyToStartContainers),
        "True",
        "before any pull ends"
    );
    d.release("pull m");
    d.exit("m", 0);
    assert_eq!(
        d.says(PodReadyToStartContainers),
        "False",
        "also after completion"
    );
}

#[test]
fn c4_a_pod_without_init_containers_is_initialised_from_the_first() {
    let mut d = pod(Never).main("m").idle();
    d.fail("mount", "FailedMount");
    d.go();
    assert_eq!(d.says(Initialized), "True");
}

#[test]
fn c4_initialised_when_every_init_exited_0_and_every_sidecar_is_started() {
    let mut d = pod(Never)
        .init("a")
        .sidecar("s")
        .with(|c| c.probes.startup = Some(testing::probe()))
        .main("m")
        .run();
    let incomplete = "False: ContainersNotInitialized: containers with incomplete status:";
    assert_eq!(d.says(Initialized), format!("{incomplete} [a s]"));
    d.exit("a", 0);
    assert_eq!(d.says(Initialized), format!("{incomplete} [s]"));
    d.probe("s", ProbeKind::Startup, true);
    assert_eq!(d.says(Initialized), "True");
}

#[test]
fn c4_stays_initialised_once_a_main_ran() {
    let mut d = pod(Never).sidecar("s").main("m").run();
    d.exit("s", 1);
    d.exit("s", 1);
    assert_eq!(d.state("s"), "Waiting CrashLoopBackOff");
    assert_eq!(d.says(Initialized), "True");
}

#[test]
fn c4_a_succeeded_pod_is_initialised_as_completed() {
    let mut d = pod(Never).init("a").main("m").run();
    d.exit("a", 0);
    d.exit("m", 0);
    assert_eq!(d.says(Initialized), "True: PodCompleted");
}

#[test]
fn c5_containers_ready_counts_mains_and_sidecars_in_the_order_of_the_specification() {
    let unready = |c: &mut crate::model::Container| c.probes.readiness = Some(testing::probe());
    let mut d = pod(Always)
        .sidecar("s")
        .with(unready)
        .main("z")
        .with(unready)
        .main("a")
        .with(unready)
        .run();
    let because = "False: ContainersNotReady: containers with unready status:";
    assert_eq!(d.says(ContainersReady), format!("{because} [s z a]"));
    d.probe("s", ProbeKind::Readiness, true);
    d.probe("a", ProbeKind::Readiness, true);
    assert_eq!(d.says(ContainersReady), format!("{because} [z]"));
    d.probe("z", ProbeKind::Readiness, true);
    assert_eq!(d.says(ContainersReady), "True");
    assert_eq!(d.says(Ready), "True");
}

#[test]
fn c5_a_failed_pod_is_not_ready_because_it_failed() {
    let mut d = pod(Never).main("m").run();
    d.exit("m", 1);
    assert_eq!(d.says(ContainersReady), "False: PodFailed");
    assert_eq!(d.says(Ready), "False: PodFailed");
}

#[test]
fn c6_ready_waits_for_readiness_gates() {
    let gates = vec!["a.io/x".to_owned(), "b.io/y".to_owned()];
    let d = pod(Never)
        .main("m")
        .spec(|spec| spec.readiness_gates = gates)
        .run();
    assert_eq!(d.says(ContainersReady), "True");
    assert_eq!(
        d.says(Ready),
        "False: ReadinessGatesNotReady: corresponding condition of pod readiness gate \"a.io/x\" does not exist., \
         corresponding condition of pod readiness gate \"b.io/y\" does not exist."
    );
}

#[test]
fn c6_ready_copies_containers_ready_that_is_not_true() {
    let mut d = pod(Always).main("m").run();
    d.exit("m", 1);
    d.exit("m", 1);
    assert_eq!(d.says(Ready), d.says(ContainersReady));
}

#[test]
fn c9_conditions_become_true_in_the_expected_order() {
    let mut d = pod(Never).init("a").main("m").run();
    d.exit("a", 0);
    let first_true = |kind| {
        let holds = |c: &crate::model::Condition| {
            c.kind == kind && c.status == crate::model::ConditionStatus::True
        };
        let mut statuses = d.published.iter();
        statuses
            .position(|s| s.conditions.iter().any(holds))
            .expect("it became true")
    };
    assert!(first_true(PodScheduled) < first_true(PodReadyToStartContainers));
    assert!(first_true(PodReadyToStartContainers) < first_true(Initialized));
    assert!(first_true(Initialized) < first_true(ContainersReady));
    assert!(first_true(ContainersReady) <= first_true(Ready));
}

#[test]
fn conditions_stand_in_the_order_a_kubelet_writes_them() {
    let status = pod(Never).main("m").run().status();
    let kinds: Vec<_> = status.conditions.iter().map(|c| c.kind).collect();
    let expected = [
        PodReadyToStartContainers,
        Initialized,
        Ready,
        ContainersReady,
        PodScheduled,
    ];
    assert_eq!(kinds, expected);
}
