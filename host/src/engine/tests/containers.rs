//! What a container's status tells (rules A7, B6 to B8, B14, B15, B19).

use super::drive::{START, exited, pod};
use crate::engine::{Event, ProbeKind};
use crate::model::RestartPolicy::{Always, Never};
use crate::model::testing;
use crate::model::{ContainerState, Exit, ExitReason};

#[test]
fn a7_init_statuses_in_order_and_mains_by_name() {
    let pod = pod(Never).init("z").sidecar("a").main("y").main("b");
    let status = pod.run().status();
    let names = |list: &[crate::model::ContainerStatus]| {
        let names = list.iter().map(|c| c.name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&status.init), ["z", "a"]);
    assert_eq!(names(&status.mains), ["b", "y"]);
}

#[test]
fn b6_a_start_error_is_shown_told_and_stays_until_a_start_succeeds() {
    for reason in [
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    ] {
        let mut d = pod(Always).main("m").idle();
        d.fail("start m", reason);
        d.go();
        assert_eq!(d.state("m"), format!("Waiting {reason}"));
        assert_eq!(d.waiting_message("m"), "it is broken");
        assert!(d.was_told("Failed: Error: it is broken"));
        d.heal("start m");
        d.hold("start m");
        d.pass_secs(10);
        assert_eq!(
            d.state("m"),
            format!("Waiting {reason}"),
            "the next try is under way"
        );
        d.release("start m#0");
        assert_eq!(d.state("m"), "Running");
    }
}

#[test]
fn h5_a_start_that_is_not_configured_is_tried_each_second_and_told_every_ten() {
    let mut d = pod(Always).main("m").idle();
    d.fail("start m", "CreateContainerConfigError");
    d.go();
    d.did();
    d.pass_secs(9);
    assert_eq!(d.did(), ["start m#0"; 9], "what was pulled is still there");
    let told = |d: &super::drive::Drive| {
        let told = d.told();
        let fault = told.iter().filter(|t| *t == "Failed: Error: it is broken");
        fault.count()
    };
    assert_eq!(told(&d), 1);
    d.pass_secs(591);
    assert_eq!(told(&d), 61);
    assert_eq!(d.state("m"), "Waiting CreateContainerConfigError");
    d.heal("start m");
    d.pass_secs(1);
    assert_eq!(d.state("m"), "Running");
    assert_eq!(d.container("m").restart_count, 0, "B13");
}

#[test]
fn h5_waiting_for_a_configuration_is_no_crash() {
    let mut d = pod(Always).main("m").run();
    d.fail("start m", "CreateContainerConfigError");
    d.exit("m", 1);
    d.pass_secs(100);
    assert_eq!(d.state("m"), "Waiting CreateContainerConfigError");
    d.heal("start m");
    d.pass_secs(1);
    assert_eq!(d.state("m"), "Running");
    d.exit("m", 1);
    assert_eq!(d.state("m"), "Waiting CrashLoopBackOff");
    let wait = d.sleeps().expect("a back-off");
    assert_eq!(wait.as_secs(), 10, "B9: the first exit only");
}

#[test]
fn h5_another_fault_of_the_configuration_is_told_at_once() {
    let mut d = pod(Always).main("m").idle();
    d.fail("start m", "CreateContainerConfigError");
    d.go();
    d.hold("start m");
    d.pass_secs(1);
    d.fail("start m", "CreateContainerConfigError");
    d.break_off_saying("start m#0", "CreateContainerConfigError", "another thing");
    assert!(d.was_told("Failed: Error: another thing"));
    assert_eq!(d.waiting_message("m"), "another thing");
}

#[test]
fn b6_a_restart_that_fails_shows_its_error_and_the_last_end() {
    let mut d = pod(Always).main("m").idle();
    d.fail("start m#1", "RunContainerError");
    d.go();
    d.exit("m", 3);
    assert_eq!(d.state("m"), "Waiting RunContainerError");
    assert_eq!(d.container("m").last_state.expect("it ran").exit_code, 3);
    assert_eq!(d.container("m").restart_count, 0);
}

#[test]
fn b7_reasons_come_from_the_runtime() {
    let table = [
        (0, ExitReason::Completed, "Terminated Completed 0"),
        (1, ExitReason::Error, "Terminated Error 1"),
        (137, ExitReason::OomKilled, "Terminated OOMKilled 137"),
    ];
    for (code, reason, state) in table {
        let mut d = pod(Never).main("m").run();
        let (attempt, at) = (d.attempt("m"), d.now);
        let message = None;
        let exit = Exit {
            code,
            reason,
            message,
            at,
        };
        d.send(Event::Exited { attempt, exit });
        assert_eq!(d.state("m"), state);
    }
}

#[test]
fn b8_a_container_killed_after_its_grace_ended_with_137() {
    let mut d = pod(Never).main("m").run();
    d.delete(Some(5));
    d.pass_secs(5);
    assert_eq!(d.state("m"), "Terminated Error 137");
}

#[test]
fn b14_started_waits_for_the_startup_probe_and_ready_for_readiness() {
    let mut d = pod(Always)
        .main("m")
        .with(|c| {
            c.probes.startup = Some(testing::probe());
            c.probes.readiness = Some(testing::probe());
        })
        .run();
    let flags = |d: &super::drive::Drive| {
        let status = d.container("m");
        (status.started, status.ready)
    };
    assert_eq!(flags(&d), (false, false));
    d.probe("m", ProbeKind::Startup, true);
    assert_eq!(flags(&d), (true, false));
    d.probe("m", ProbeKind::Readiness, true);
    assert_eq!(flags(&d), (true, true));
    d.exit("m", 1);
    assert_eq!(flags(&d), (false, false), "a new instance is probed anew");
}

#[test]
fn b14_without_probes_a_running_container_is_started_and_ready_at_once() {
    let d = pod(Never).main("m").run();
    assert!(d.container("m").started && d.container("m").ready);
}

#[test]
fn b14_a_regular_init_container_is_ready_when_it_exited_0() {
    let mut d = pod(Always).init("a").main("m").run();
    assert!(!d.container("a").ready);
    d.exit("a", 1);
    assert!(!d.container("a").ready);
    d.exit("a", 0);
    assert!(d.container("a").ready);
}

#[test]
fn b15_termination_messages_are_cut_to_their_share_of_12288_bytes() {
    // Two bytes a character, and an odd share: no character may be cut in two.
    let text = "é".repeat(10_000);
    let mut d = pod(Never)
        .main("a")
        .main("b")
        .main("c")
        .main("d")
        .main("e")
        .run();
    let mut event = exited(d.attempt("a"), 1, d.now);
    if let Event::Exited { exit, .. } = &mut event {
        exit.message = Some(text.clone());
    }
    d.send(event);
    let ContainerState::Terminated(ended) = d.container("a").state else {
        panic!("it ended");
    };
    let message = ended.message.expect("there is one");
    assert_eq!(message.len(), 12_288 / 5 - 1);
    assert!(text.starts_with(&message));
}

#[test]
fn b17_times_are_those_the_effects_and_the_runtime_tell() {
    let mut d = pod(Never).main("m").run();
    d.pass_secs(5);
    d.exit("m", 0);
    let ContainerState::Terminated(ended) = d.container("m").state else {
        panic!("it ended");
    };
    assert_eq!(ended.started_at, Some(START));
    assert_eq!(ended.finished_at, d.now);
}

#[test]
fn b18_the_observed_generation_is_the_pods() {
    let mut d = pod(Never).main("m").run();
    assert_eq!(d.status().observed_generation, 1);
    d.delete(Some(20));
    d.delete(Some(10));
    assert_eq!(d.status().observed_generation, 2, "the deletion was seen");
    let mut d = pod(Never).main("m").run();
    d.exit("m", 0);
    d.delete(None);
    assert_eq!(d.status().observed_generation, 1, "it was over");
}

#[test]
fn b19_addresses_and_identities() {
    let mut d = pod(Always).main("m").run();
    let status = d.status();
    assert_eq!(status.pod_ip.as_deref(), Some("10.0.0.7"));
    assert_eq!(status.host_ip.as_deref(), Some("192.0.2.1"));
    let m = d.container("m");
    assert_eq!(m.image_id, "sha256:image");
    assert_eq!(m.container_id.as_deref(), Some("wasm://m#0"));
    d.exit("m", 1);
    let m = d.container("m");
    assert_eq!(m.container_id.as_deref(), Some("wasm://m#1"));
    let last = m.last_state.expect("it ran before");
    assert_eq!(last.container_id.as_deref(), Some("wasm://m#0"));
}
