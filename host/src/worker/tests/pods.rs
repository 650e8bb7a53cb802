//! From start to end: restarts, deletion, eviction, what a start waits for, commands.

use std::sync::Arc;
use std::time::Duration;

use super::super::Order;
use super::{Act, SOON, Tail, Test, phase};
use crate::model::{
    ConfigKind, ConfigRef, EnvFrom, Phase, PodStatus, RestartPolicy, Seconds, testing,
};
use crate::ports::{ExecError, ExecRequest};

#[tokio::test(start_paused = true)]
async fn b2_a_pod_that_succeeds_is_forgotten_once_deleted() {
    let mut test = Test::new(RestartPolicy::Never, &[Act::Exit(SOON, 0)]);
    test.until(phase(Phase::Succeeded)).await;
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
    assert_eq!(
        test.seen(),
        [
            "mount",
            "create host",
            "start c#0",
            "release host",
            "unmount"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn b5_a_container_that_the_node_lost_has_ended_and_is_started_again() {
    let mut test = Test::new(RestartPolicy::OnFailure, &[Act::Lost, Act::Exit(SOON, 0)]);
    test.until(phase(Phase::Succeeded)).await;
    let status = test.status.clone().expect("seen");
    let lost = status.mains[0].last_state.as_ref().expect("it ran before");
    assert_eq!(
        (lost.exit_code, &*lost.reason),
        (137, "ContainerStatusUnknown")
    );
    assert_eq!(status.mains[0].restart_count, 1);
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
}

#[tokio::test(start_paused = true)]
async fn b9_restarts_wait_0_10_20_and_40_seconds() {
    let acts = [Act::Exit(SOON, 1); 5];
    let mut test = Test::new(RestartPolicy::Always, &acts);
    let mut times = Vec::new();
    for restarts in 1..=4 {
        times.push(
            test.until(|status| status.mains[0].restart_count == restarts)
                .await,
        );
    }
    assert_eq!(times, [0, 10, 30, 70]);
}

#[tokio::test(start_paused = true)]
async fn b15_the_message_falls_back_to_the_log() {
    let mut test = Test::of(&[Act::Exit(SOON, 1)], |spec| {
        spec.mains[0].termination_message_policy =
            crate::model::TerminationMessagePolicy::FallbackToLogsOnError;
    });
    test.until(phase(Phase::Failed)).await;
    let status = test.status.expect("seen");
    let crate::model::ContainerState::Terminated(ended) = &status.mains[0].state else {
        panic!("{:?}", status.mains[0].state);
    };
    assert_eq!(ended.message.as_deref(), Some("the last words"));
}

#[tokio::test(start_paused = true)]
async fn f4_kill_comes_when_the_grace_is_over() {
    let mut test = Test::new(RestartPolicy::Always, &[Act::IgnoreTerm]);
    test.until(phase(Phase::Running)).await;
    let asked = test.started.elapsed();
    test.orders
        .send(Order::Delete(Some(Seconds(7))))
        .expect("heard");
    test.forgotten().await;
    assert_eq!((test.started.elapsed() - asked).as_secs(), 7);
    assert_eq!(
        test.seen(),
        [
            "mount",
            "create host",
            "start c#0",
            "Term",
            "Kill",
            "release host",
            "unmount"
        ]
    );
    assert_eq!(test.status.expect("seen").phase, Phase::Failed, "B4");
}

#[tokio::test(start_paused = true)]
async fn f2_a_second_delete_shortens_the_grace() {
    let mut test = Test::new(RestartPolicy::Always, &[Act::IgnoreTerm]);
    test.until(phase(Phase::Running)).await;
    test.orders
        .send(Order::Delete(Some(Seconds(600))))
        .expect("heard");
    tokio::time::sleep(Duration::from_secs(5)).await;
    test.orders
        .send(Order::Delete(Some(Seconds(0))))
        .expect("heard");
    test.forgotten().await;
    assert!(
        test.started.elapsed().as_secs() <= 8,
        "{:?}",
        test.started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn b6_a_start_that_fails_is_told_and_tried_again() {
    let mut test = Test::new(RestartPolicy::Never, &[Act::Refuse, Act::Exit(SOON, 0)]);
    let refused = |status: &PodStatus| {
        matches!(&status.mains[0].state, crate::model::ContainerState::Waiting { reason, message }
            if reason == "CreateContainerError" && message.as_deref() == Some("no such import"))
    };
    test.until(refused).await;
    test.until(phase(Phase::Succeeded)).await;
}

#[tokio::test(start_paused = true)]
async fn h5_a_container_waits_for_its_config_map_and_starts_when_it_is_there() {
    let mut test = Test::of(&[Act::Exit(SOON, 0)], |spec| {
        spec.mains[0].env_from = vec![EnvFrom {
            prefix: String::new(),
            object: ConfigRef {
                kind: ConfigKind::ConfigMap,
                name: "late".into(),
                optional: false,
            },
        }];
    });
    let missing = |status: &PodStatus| {
        matches!(&status.mains[0].state, crate::model::ContainerState::Waiting { reason, message }
            if reason == "CreateContainerConfigError" && message.as_deref() == Some("configmap \"late\" not found"))
    };
    test.until(missing).await;
    assert_eq!(test.seen(), ["mount", "create host"], "nothing was started");
    tokio::time::sleep(Duration::from_secs(300)).await;
    let late = Arc::new(testing::config_map("late", &[("A", "b")]));
    test.world
        .config_maps
        .lock()
        .expect("unpoisoned")
        .push(late);
    let before = test.started.elapsed();
    test.until(phase(Phase::Succeeded)).await;
    let waited = test.started.elapsed() - before;
    assert!(waited < Duration::from_secs(2), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_delete_does_not_wait_for_a_slow_start() {
    let mut test = Test::new(RestartPolicy::Always, &[Act::Slow]);
    tokio::time::sleep(SOON).await;
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
    assert!(test.started.elapsed().as_secs() < 5);
    assert_eq!(
        test.seen(),
        [
            "mount",
            "create host",
            "start c#0",
            "release host",
            "unmount"
        ]
    );
}

fn command(words: &str) -> ExecRequest {
    ExecRequest {
        command: words.split_whitespace().map(str::to_owned).collect(),
        stdin: false,
        tty: false,
        size: None,
        output: Arc::new(Tail),
    }
}

#[tokio::test(start_paused = true)]
async fn l15_a_command_runs_in_a_running_container_and_in_no_other() {
    let mut test = Test::new(RestartPolicy::Never, &[Act::Stay]);
    let (pod, c, x) = ("uid".into(), "c".into(), "x".into());
    let refused = |name: &str| ExecError::NotRunning(name.to_owned());
    let early = test.running.exec(&pod, &c, command("true")).await;
    assert_eq!(early.err(), Some(refused("c")));
    assert_eq!(refused("c").to_string(), "container not found (\"c\")");
    test.until(phase(Phase::Running)).await;
    let exec = test.running.exec(&pod, &c, command("ls -l /")).await;
    let Ok(exec) = exec else { panic!("it runs") };
    assert_eq!(exec.wait().await.code, 3);
    let other = test.running.exec(&pod, &x, command("ls")).await;
    assert_eq!(other.err(), Some(refused("x")));
    let other = test.running.exec(&"other".into(), &c, command("ls")).await;
    assert_eq!(other.err(), Some(refused("c")));
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
    let late = test.running.exec(&pod, &c, command("ls")).await;
    assert_eq!(late.err(), Some(refused("c")));
    let commands = test
        .seen()
        .into_iter()
        .filter(|what| what.starts_with("exec"));
    assert_eq!(commands.collect::<Vec<_>>(), ["exec ls -l /"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_host_goes_away_ends_at_rest() {
    let test = Test::new(RestartPolicy::Never, &[Act::Exit(SOON, 0)]);
    let Test {
        orders,
        mut updates,
        ..
    } = test;
    drop(orders);
    while updates.recv().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn f10_an_evicted_pod_is_killed_after_its_short_grace_and_its_object_stays() {
    let mut test = Test::new(RestartPolicy::Always, &[Act::IgnoreTerm]);
    test.until(phase(Phase::Running)).await;
    let asked = test.started.elapsed();
    let (reason, message) = ("Evicted", "it holds too much".to_owned());
    test.orders
        .send(Order::Evict { reason, message })
        .expect("heard");
    test.until(phase(Phase::Failed)).await;
    assert_eq!((test.started.elapsed() - asked).as_secs(), 2, "E3");
    let status = test.status.clone().expect("seen");
    assert_eq!(status.reason.as_deref(), Some("Evicted"));
    assert_eq!(status.message.as_deref(), Some("it holds too much"));
    assert_eq!(
        test.seen()[3..],
        ["Term", "Kill", "release host", "unmount"]
    );
}
