//! Probes and hooks as the loop drives them.

use std::time::Duration;

use super::super::Order;
use super::{Act, Test, phase};
use crate::model::{Container as Spec, Phase, PodStatus, RestartPolicy, Seconds, testing};

/// A pod whose only container has these.
fn probed(change: impl FnOnce(&mut Spec)) -> Test {
    Test::of(&[Act::Stay; 4], |spec| {
        spec.restart_policy = RestartPolicy::Always;
        change(&mut spec.mains[0]);
    })
}

fn is_ready(status: &PodStatus) -> bool {
    status.mains[0].ready
}

#[tokio::test(start_paused = true)]
async fn d6_a_liveness_probe_that_fails_restarts_the_container() {
    // Nothing listens, so every 10 seconds the connection is refused.
    let mut test = probed(|spec| spec.probes.liveness = Some(testing::probe()));
    let restarted = |status: &PodStatus| status.mains[0].restart_count == 1;
    assert_eq!(test.until(restarted).await, 30);
    assert!(test.seen().ends_with(&["Term".into(), "start c#1".into()]));
}

#[tokio::test(start_paused = true)]
async fn d13_a_startup_probes_own_grace_ends_a_container_that_ignores_term() {
    let mut test = Test::of(&[Act::IgnoreTerm, Act::Stay], |spec| {
        spec.restart_policy = RestartPolicy::Always;
        spec.grace = Seconds(600);
        let probe = testing::probe();
        spec.mains[0].probes.startup = Some(crate::model::Probe {
            failure_threshold: 1,
            termination_grace: Some(Seconds(5)),
            ..probe
        });
    });
    let restarted = |status: &PodStatus| status.mains[0].restart_count == 1;
    assert_eq!(test.until(restarted).await, 15, "the tick of second 10");
}

#[tokio::test(start_paused = true)]
async fn d12_a_container_without_a_passed_readiness_probe_is_not_ready() {
    let mut test = probed(|spec| spec.probes.readiness = Some(testing::probe()));
    test.until(phase(Phase::Running)).await;
    let ready = tokio::time::timeout(Duration::from_secs(600), test.until(is_ready)).await;
    assert!(ready.is_err(), "nothing listens");
    assert_eq!(test.status.expect("seen").mains[0].restart_count, 0);
}

#[tokio::test(start_paused = true)]
async fn e1_e6_a_post_start_hook_that_sleeps_holds_back_the_start() {
    let mut test = probed(|spec| {
        spec.hooks.post_start = Some(crate::model::HookHandler::Sleep(Seconds(7)));
    });
    assert_eq!(test.until(phase(Phase::Running)).await, 7);
}

#[tokio::test(start_paused = true)]
async fn e1_e7_a_tcp_socket_post_start_hook_has_the_container_killed() {
    let mut test = probed(|spec| {
        spec.hooks.post_start = Some(crate::model::HookHandler::TcpSocket);
    });
    let failed = |status: &PodStatus| {
        matches!(&status.mains[0].state, crate::model::ContainerState::Waiting { reason, .. }
            if reason == "PostStartHookError")
    };
    test.until(failed).await;
    test.until(|status| status.mains[0].last_state.is_some())
        .await;
    assert!(test.seen().contains(&"Term".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn e2_e6_a_pre_stop_hook_that_sleeps_comes_before_term() {
    let mut test = probed(|spec| {
        spec.hooks.pre_stop = Some(crate::model::HookHandler::Sleep(Seconds(7)));
    });
    test.until(phase(Phase::Running)).await;
    let asked = test.started.elapsed();
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
    assert_eq!((test.started.elapsed() - asked).as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn e2_a_pre_stop_hook_is_given_up_when_the_grace_is_over() {
    let mut test = probed(|spec| {
        spec.hooks.pre_stop = Some(crate::model::HookHandler::Sleep(Seconds(20)));
    });
    test.until(phase(Phase::Running)).await;
    let asked = test.started.elapsed();
    let grace = Some(Seconds(3));
    test.orders.send(Order::Delete(grace)).expect("heard");
    test.forgotten().await;
    assert_eq!((test.started.elapsed() - asked).as_secs(), 3);
}
