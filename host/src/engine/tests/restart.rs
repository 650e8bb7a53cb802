//! Restarts and their back-off (rules A14 to A17, B9 to B13).

use std::time::Duration;

use super::drive::{Drive, pod};
use crate::engine::ProbeKind;
use crate::model::ConditionType::{AllContainersRestarting, Initialized};
use crate::model::RestartAction::{Restart, RestartAllContainers};
use crate::model::RestartPolicy::{self, Always, Never, OnFailure};
use crate::model::testing;
use crate::model::{ExitCodeOperator, Phase};

/// Exits the main, and says how long the machine then waits to restart it.
fn wait_after_exit(d: &mut Drive) -> u64 {
    d.exit("m", 1);
    let wait = match d.state("m").as_str() {
        "Running" => Duration::ZERO,
        _ => d.sleeps().expect("a restart is planned"),
    };
    d.pass(wait);
    assert_eq!(d.state("m"), "Running");
    wait.as_secs()
}

// conformance: [sig-node] Pod Extended (container restart policy) Container Restart Rules should restart container on container-level restart policy {Never|Always} (container_restart_policy.go)
#[test]
fn a14_the_containers_own_policy_goes_before_the_pods() {
    let table: [(RestartPolicy, RestartPolicy, i32, &str); 6] = [
        (Never, Always, 0, "Running"),
        (Never, Always, 1, "Running"),
        (Never, OnFailure, 1, "Running"),
        (Never, OnFailure, 0, "Terminated Completed 0"),
        (Always, Never, 1, "Terminated Error 1"),
        (Always, OnFailure, 0, "Terminated Completed 0"),
    ];
    for (of_pod, own, code, state) in table {
        let mut d = pod(of_pod).main("m").policy(own, &[]).main("n").run();
        d.exit("m", code);
        assert_eq!(d.state("m"), state, "{of_pod:?} {own:?} {code}");
    }
}

// conformance: [sig-node] Pod Extended (container restart policy) Container Restart Rules should {restart container on rule match|not restart container on rule mismatch, container restart policy Never} (container_restart_policy.go)
#[test]
fn a14_the_first_matching_rule_goes_before_the_containers_policy() {
    let rules = [(42, Restart), (42, RestartAllContainers)];
    let mut d = pod(Never).main("m").policy(Never, &rules).run();
    d.exit("m", 42);
    assert_eq!(d.state("m"), "Running");
    d.exit("m", 41);
    assert_eq!(d.phase(), Phase::Failed);
}

#[test]
fn a14_a_rule_may_name_the_codes_that_do_not_match() {
    let not_in = |c: &mut crate::model::Container| {
        let restart = c.restart.as_mut().expect("rules were given");
        restart.rules[0].operator = ExitCodeOperator::NotIn;
    };
    let mut d = pod(Never)
        .main("m")
        .policy(Never, &[(42, Restart)])
        .with(not_in)
        .run();
    d.exit("m", 1);
    assert_eq!(d.state("m"), "Running");
    d.exit("m", 42);
    assert_eq!(d.phase(), Phase::Failed);
}

#[test]
fn a14_an_init_container_may_have_rules_and_a_policy() {
    let mut d = pod(Always)
        .init("a")
        .policy(Never, &[(42, Restart)])
        .main("m")
        .run();
    d.exit("a", 42);
    assert_eq!(d.state("a"), "Running");
    d.exit("a", 1);
    assert_eq!(d.phase(), Phase::Failed);
}

#[test]
fn a14_a_deletion_goes_before_every_rule() {
    let mut d = pod(Always)
        .main("m")
        .policy(Always, &[(42, Restart)])
        .main("n")
        .run();
    d.delete(None);
    d.exit("m", 42);
    d.pass_secs(1_000);
    assert!(!d.has_done("start m#1"));
}

#[test]
fn a15_a_probe_failure_counts_by_policy_and_not_by_rules() {
    let never = pod(Never).main("m").policy(Never, &[(143, Restart)]);
    let mut d = never.run();
    d.probe("m", ProbeKind::Liveness, false);
    d.exit("m", 143);
    assert_eq!(d.phase(), Phase::Failed);

    let on_failure = pod(OnFailure).main("m");
    let mut d = on_failure.run();
    d.probe("m", ProbeKind::Liveness, false);
    d.exit("m", 0);
    assert_eq!(
        d.state("m"),
        "Running",
        "it was killed for failing, whatever it says"
    );
}

// conformance: [sig-node] Pod Extended (RestartAllContainers) RestartAllContainers should restart all containers on regular container exit (container_restart_policy.go)
#[test]
fn a16_restart_all_kills_everything_without_grace_and_begins_again() {
    let mut d = pod(Never)
        .sidecar("s")
        .init("i")
        .main("m")
        .policy(Never, &[(42, RestartAllContainers)])
        .main("n")
        .with(|c| c.hooks.pre_stop = Some(testing::hook()))
        .idle();
    d.hold("kill n");
    d.go();
    d.exit("i", 0);
    assert_eq!(d.phase(), Phase::Running);
    d.did();

    d.exit("m", 42);
    assert_eq!(d.did(), ["kill s#0", "kill n#0"], "no hook, no TERM");
    assert_eq!(
        d.says(AllContainersRestarting),
        "True: RestartAllContainersStarted"
    );
    assert_eq!(d.state("s"), "Waiting RestartingAllContainers");

    d.release("kill n#0");
    assert_eq!(d.did(), ["pull s", "start s#1", "pull i", "start i#1"]);
    assert_eq!(d.says(AllContainersRestarting), "False");
    assert_eq!(d.says(Initialized), "True");
    d.exit("i", 0);
    assert_eq!(d.did(), ["pull m", "start m#1", "pull n", "start n#1"]);
    for name in ["s", "i", "m", "n"] {
        assert_eq!(d.container(name).restart_count, 1, "{name}");
    }
    let killed = d.container("n").last_state.expect("it ran before");
    assert_eq!(killed.exit_code, 137);
    assert_eq!(killed.reason, "RestartingAllContainers");
    let source = d.container("m").last_state.expect("it ran before");
    assert_eq!(source.exit_code, 42);
}

// conformance: [sig-node] Pod Extended (RestartAllContainers) RestartAllContainers should restart init and sidecar containers on init container exit (container_restart_policy.go)
#[test]
fn a16_restart_all_from_an_init_container() {
    let init = pod(Never).sidecar("s").init("i");
    let mut d = init
        .policy(Never, &[(42, RestartAllContainers)])
        .main("m")
        .run();
    d.exit("i", 42);
    assert_eq!(d.container("s").restart_count, 1);
    assert_eq!(d.state("i"), "Running");
    d.exit("i", 0);
    assert_eq!(d.state("m"), "Running");
    assert_eq!(d.container("m").restart_count, 0, "it hadn't run before");
}

// conformance: [sig-node] Pod Extended (RestartAllContainers) RestartAllContainers should restart all containers on sidecar container exit (container_restart_policy.go)
#[test]
fn a16_restart_all_from_a_sidecar() {
    let sidecar = pod(Never).init("i").sidecar("s").sidecar("source");
    let rules = [(42, RestartAllContainers), (7, Restart)];
    let mut d = sidecar.policy(Always, &rules).main("m").run();
    d.exit("i", 0);
    d.exit("source", 7);
    assert_eq!(d.container("source").restart_count, 1);
    assert_eq!(d.container("m").restart_count, 0, "it alone");
    d.pass_secs(10);
    d.exit("source", 42);
    d.pass_secs(300);
    d.exit("i", 0);
    d.pass_secs(300);
    for name in ["i", "s", "m"] {
        assert_eq!(d.container(name).restart_count, 1, "{name}");
        assert!(d.container(name).last_state.is_some(), "{name}");
    }
    assert_eq!(d.container("source").restart_count, 2);
    assert_eq!(d.state("source"), "Running");
    assert_eq!(d.state("m"), "Running");
}

// conformance: [sig-node] Pod Extended (RestartAllContainers) RestartAllContainers should allow multiple RestartAllContainers actions and not introduce a loop (container_restart_policy.go)
#[test]
fn a16_a_container_killed_by_a_restart_of_all_asks_for_no_other() {
    let rules = [(42, RestartAllContainers), (137, RestartAllContainers)];
    let m = pod(Never).main("m").policy(Never, &rules);
    let mut d = m.main("n").policy(Never, &rules).run();
    d.exit("m", 42);
    d.pass_secs(1_000);
    for name in ["m", "n"] {
        assert_eq!(d.state(name), "Running", "{name}");
        assert_eq!(d.container(name).restart_count, 1, "{name}");
    }
}

// conformance: [sig-node] Pod Extended (RestartAllContainers) RestartAllContainers should restart all containers on a previously restarted regular container exit (container_restart_policy.go)
#[test]
fn a16_a_container_that_was_restarted_alone_before_restarts_all() {
    let rules = [(42, RestartAllContainers)];
    let m = pod(Always).main("m").policy(Always, &rules);
    let mut d = m.main("n").run();
    d.exit("m", 1);
    assert_eq!(d.container("n").restart_count, 0);
    d.exit("m", 42);
    d.pass_secs(300);
    assert_eq!(d.container("m").restart_count, 2);
    assert_eq!(d.container("n").restart_count, 1);
    assert!(d.state("m") == "Running" && d.state("n") == "Running");
}

#[test]
fn a16_restart_all_is_held_back_like_any_restart() {
    let rules = [(42, RestartAllContainers)];
    let mut d = pod(Never).main("m").policy(Never, &rules).run();
    d.exit("m", 42);
    d.exit("m", 42);
    assert_eq!(d.state("m"), "Waiting CrashLoopBackOff");
    d.pass_secs(10);
    assert_eq!(d.container("m").restart_count, 2);
}

#[test]
fn a16_a_delete_ends_a_restart_of_all() {
    let rules = [(42, RestartAllContainers)];
    let mut d = pod(Never).main("m").policy(Never, &rules).main("n").idle();
    d.hold("kill n");
    d.go();
    d.exit("m", 42);
    d.delete(None);
    d.release("kill n#0");
    assert!(d.forgotten);
    assert_eq!(d.phase(), Phase::Failed);
    assert!(!d.has_done("start m#1"));
}

#[test]
fn a17_a_deleted_pod_starts_nothing() {
    let mut d = pod(Always).main("a").main("b").idle();
    d.hold("pull b");
    d.go();
    d.delete(None);
    assert!(d.has_done("abandon pull b"));
    d.exit("a", 1);
    d.pass_secs(1_000);
    assert!(!d.has_done("start a#1"));
    assert!(!d.has_done("start b#0"));
}

// conformance: [sig-node] Container Restart Container restart backs off Container restart backs off. (container_restart_test.go)
// conformance: [sig-node] Pods should cap back-off at MaxContainerBackOff (pods.go)
#[test]
fn b9_first_immediate_then_10_s_doubling_to_300() {
    let mut d = pod(Always).main("m").run();
    let waits: Vec<u64> = (0..9).map(|_| wait_after_exit(&mut d)).collect();
    assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
}

#[test]
fn b9_applies_to_exit_0_under_always_too() {
    let mut d = pod(Always).main("m").run();
    d.exit("m", 0);
    d.exit("m", 0);
    assert_eq!(d.state("m"), "Waiting CrashLoopBackOff");
    assert_eq!(d.sleeps(), Some(Duration::from_secs(10)));
}

#[test]
fn b9_the_wait_is_measured_from_the_end_of_the_last_instance() {
    let mut d = pod(Always).main("m").run();
    wait_after_exit(&mut d);
    let ended_at = d.now;
    d.now = d.now + Duration::from_secs(3); // The news took three seconds.
    let attempt = d.attempt("m");
    d.send(super::drive::exited(attempt, 1, ended_at));
    assert_eq!(d.sleeps(), Some(Duration::from_secs(7)));
}

#[test]
fn b9_an_instance_that_lasted_starts_the_series_again() {
    let mut d = pod(Always).main("m").run();
    wait_after_exit(&mut d);
    wait_after_exit(&mut d);
    d.pass_secs(600);
    assert_eq!(wait_after_exit(&mut d), 20, "600 s are not enough");
    d.pass_secs(601);
    assert_eq!(wait_after_exit(&mut d), 0);
    assert_eq!(wait_after_exit(&mut d), 10);
}

#[test]
fn b9_each_container_has_a_series_of_its_own() {
    let mut d = pod(Always).main("m").main("n").run();
    wait_after_exit(&mut d);
    d.exit("n", 1);
    assert_eq!(d.state("n"), "Running");
}

#[test]
fn b9_a_start_that_fails_waits_10_s_at_once_and_doubles() {
    let mut d = pod(Always).main("m").idle();
    d.fail("start m", "CreateContainerError");
    d.go();
    let mut waits = Vec::new();
    for _ in 0..4 {
        let starts = d.did().iter().filter(|d| *d == "start m#0").count();
        assert_eq!(starts, 1);
        let wait = d.sleeps().expect("a retry is planned");
        waits.push(wait.as_secs());
        d.pass(wait);
    }
    assert_eq!(waits, [10, 20, 40, 80]);
    assert_eq!(d.state("m"), "Waiting CreateContainerError");
    d.heal("start m");
    d.pass_secs(160);
    assert_eq!(d.state("m"), "Running");
    assert_eq!(
        d.container("m").restart_count,
        0,
        "no instance came to be before"
    );
}

// conformance: [sig-node] Container Restart {Alternate container restart backs off as expected Alternate|Reduced default container restart backs off as expected Reduced default} restart backs off. (container_restart_test.go)
#[test]
fn b10_base_and_cap_come_from_the_configuration() {
    use crate::engine::{Backoff, Config, PodMachine};
    for (base, cap, expected) in [
        (1, 3, [0, 1, 2, 3, 3, 3, 3, 3]),
        (10, 30, [0, 10, 20, 30, 30, 30, 30, 30]),
        (1, 60, [0, 1, 2, 4, 8, 16, 32, 60]),
    ] {
        let mut d = pod(Always).main("m").idle();
        let restarts = Backoff {
            base: Duration::from_secs(base),
            cap: Duration::from_secs(cap),
            ..Backoff::default()
        };
        let config = Config {
            restarts,
            ..Config::default()
        };
        d.machine = PodMachine::new(d.pod.clone(), config);
        d.go();
        let waits: Vec<u64> = (0..8).map(|_| wait_after_exit(&mut d)).collect();
        assert_eq!(waits, expected);
    }
}

#[test]
fn b11_the_back_off_is_shown_with_how_it_last_ended() {
    let mut d = pod(Always).main("m").run();
    d.exit("m", 1);
    d.exit("m", 7);
    assert_eq!(d.state("m"), "Waiting CrashLoopBackOff");
    assert_eq!(
        d.waiting_message("m"),
        "back-off 10s restarting failed container=m pod=pod_default(uid)"
    );
    assert_eq!(d.container("m").last_state.expect("it ended").exit_code, 7);
    assert!(d.was_told("BackOff: Back-off restarting failed container m in pod pod_default(uid)"));
}

#[test]
fn b11_the_back_off_is_told_once_per_wait() {
    let mut d = pod(Always).main("m").run();
    d.exit("m", 1);
    d.exit("m", 1);
    d.pass_secs(5);
    let told = d.told();
    assert_eq!(told.iter().filter(|t| t.starts_with("BackOff")).count(), 1);
}

#[test]
fn b12_an_immediate_restart_shows_the_old_end_until_the_new_instance_runs() {
    let mut d = pod(Always).main("m").idle();
    d.hold("start m#1");
    d.go();
    d.exit("m", 1);
    assert_eq!(d.state("m"), "Terminated Error 1");
    assert_eq!(d.container("m").restart_count, 0);
    d.release("start m#1");
    assert_eq!(d.state("m"), "Running");
    assert_eq!(d.container("m").restart_count, 1);
}

#[test]
fn b13_the_restart_count_and_the_last_state() {
    let mut d = pod(Always).main("m").run();
    assert_eq!(d.container("m").restart_count, 0);
    assert_eq!(d.container("m").last_state, None);
    d.exit("m", 5);
    d.exit("m", 6);
    d.pass_secs(10);
    assert_eq!(d.container("m").restart_count, 2);
    let last = d.container("m").last_state.expect("it ended before");
    assert_eq!(last.exit_code, 6, "the previous instance only");
}

#[test]
fn b13_the_last_state_of_an_ended_container_is_the_instance_before() {
    let mut d = pod(OnFailure).main("m").run();
    d.exit("m", 5);
    d.exit("m", 0);
    assert_eq!(d.state("m"), "Terminated Completed 0");
    let last = d.container("m").last_state.expect("it ended before");
    assert_eq!(last.exit_code, 5);
}
