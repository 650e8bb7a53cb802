//! The stories that a kubelet's own tests tell of containers' lives, as the machine lives them. What their guests do by exiting, waiting
//! and ignoring signals is told here; what they read from logs is what was asked for.

use super::drive::{Drive, PodBuilder, pod};
use crate::engine::ProbeKind;
use crate::model::Phase;
use crate::model::RestartPolicy::{self, Always, Never, OnFailure};
use crate::model::testing;

const POLICIES: [RestartPolicy; 3] = [Never, OnFailure, Always];

/// Where in the list of what was done this is.
fn at(did: &[String], what: &str) -> usize {
    let found = did.iter().position(|did| did == what);
    found.unwrap_or_else(|| panic!("{what} is not in {did:?}"))
}

fn runs(d: &Drive, containers: &[&str]) -> bool {
    containers.iter().all(|name| d.state(name) == "Running")
}

/// A pod with three sidecars and a main that runs.
fn three_sidecars() -> PodBuilder {
    pod(Never).sidecar("s1").sidecar("s2").sidecar("s3")
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when A pod initializes successfully should launch init container serially before a regular container (container_lifecycle_test.go)
#[test]
fn a3_inits_run_one_after_the_other_and_then_the_main() {
    let mut d = pod(Never).init("a").init("b").init("c").main("m").run();
    for (now, next) in [("a", "b"), ("b", "c"), ("c", "m")] {
        assert!(runs(&d, &[now]));
        assert!(!d.has_done(&format!("pull {next}")), "{next} waits");
        d.exit(now, 0);
        assert!(d.has_done(&format!("start {next}#0")));
    }
    d.exit("m", 0);
    assert_eq!(d.phase(), Phase::Succeeded);
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when an init container fails should not launch regular containers if an init container fails (container_lifecycle_test.go)
#[test]
fn a5_nothing_comes_after_an_init_that_failed() {
    let mut d = pod(Never).init("a").init("b").main("m").run();
    d.exit("a", 1);
    d.pass_secs(1_000);
    assert!(!d.has_done("pull b") && !d.has_done("pull m"));
    assert_eq!(d.phase(), Phase::Failed);
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when The regular container has a PostStart hook should run Init container to completion before call to PostStart of regular container (container_lifecycle_test.go)
#[test]
fn a3_e1_inits_are_done_before_a_mains_hook_runs() {
    let main = pod(Never).init("a").main("m");
    let mut d = main
        .with(|c| c.hooks.post_start = Some(testing::hook()))
        .run();
    assert!(!d.has_done("post-start m#0"));
    d.exit("a", 0);
    assert!(d.has_done("post-start m#0"));
    d.exit("m", 0);
    assert_eq!(d.phase(), Phase::Succeeded);
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when running a Pod with a failed regular container should restart failing container when pod restartPolicy is Always (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when A regular container restarts with init containers shouldn't restart init containers upon regular container restart (container_lifecycle_test.go)
#[test]
fn a6_b2_a_main_that_fails_again_and_again_restarts_without_its_inits() {
    let mut d = pod(Always).init("a").init("b").init("c").main("m").run();
    for init in ["a", "b", "c"] {
        d.exit(init, 0);
    }
    for restart in 1..=3 {
        d.exit("m", 255);
        d.pass_secs(300);
        assert_eq!(d.container("m").restart_count, restart);
    }
    for init in ["a", "b", "c"] {
        assert_eq!(d.container(init).restart_count, 0, "{init}");
    }
    let did = d.did();
    assert!(at(&did, "start a#0") < at(&did, "start b#0"));
    assert!(at(&did, "start b#0") < at(&did, "start c#0"));
    assert!(at(&did, "start c#0") < at(&did, "start m#0"));
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when have init container in a Pod with restartPolicy=Never when an init container fails to start because of a bad image should {mark a Pod as failed and produce log|not start an init container|not start a regular container} (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy={Never|OnFailure} when a restartable init container fails to start because of a bad image should {mark a Pod as failed and produce log|not start a restartable init container|not start a regular container} (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy=Always when a restartable init container fails to start because of a bad image should {continuously run Pod keeping it Pending and produce log|not start a restartable init container|not start a regular container} (container_lifecycle_test.go)
#[test]
fn i3_a_bad_image_of_an_init_or_sidecar_keeps_everything_back() {
    for policy in POLICIES {
        for first in [pod(policy).init("a"), pod(policy).sidecar("a")] {
            let mut d = first.main("m").idle();
            d.fail("pull a", "ErrImagePull");
            d.go();
            d.pass_secs(5);
            // Whatever the policy: a pull may yet succeed.
            assert_eq!(d.state("a"), "Waiting ImagePullBackOff");
            d.pass_secs(1_000);
            assert_eq!(d.phase(), Phase::Pending);
            assert!(!d.has_done("start a#0") && !d.has_done("pull m"));
        }
    }
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when a pod cannot terminate gracefully should respect termination grace period seconds (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when a pod cannot terminate gracefully should respect termination grace period seconds with long-running preStop hook (container_lifecycle_test.go)
#[test]
fn f4_e3_a_pod_that_will_not_end_is_gone_soon_after_its_grace() {
    let mut d = pod(Always).main("m").grace(30).run();
    d.delete(None);
    d.pass_secs(30);
    assert!(d.forgotten);

    let mut d = pod(Always)
        .main("m")
        .with(|c| c.hooks.pre_stop = Some(testing::hook()))
        .grace(30)
        .idle();
    d.hold("pre-stop");
    d.go();
    d.delete(None);
    d.pass_secs(29);
    assert!(!d.has_done("term m#0"), "the hook has all the grace");
    d.pass_secs(3);
    assert!(d.forgotten);
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when A regular container has a PreStop hook when A regular container fails a liveness probe when a pod is terminating because its liveness probe fails should not continue running liveness probes for restartable init containers and restart them while in preStop (container_lifecycle_test.go)
#[test]
fn d14_a_sidecar_that_fails_while_a_pod_is_stopped_is_not_started_again() {
    let main = pod(Never).sidecar("s").main("m");
    let mut d = main
        .with(|c| c.hooks.pre_stop = Some(testing::hook()))
        .grace(60)
        .idle();
    d.hold("pre-stop");
    d.go();
    d.delete(None);
    assert!(d.machine.is_ending(), "whoever probes asks, and stops");
    d.did();
    // A verdict that was under way.
    d.probe("s", ProbeKind::Liveness, false);
    assert!(d.did().is_empty());
    d.exit("s", 1);
    d.pass_secs(40);
    assert!(!d.has_done("start s#1"));
}

/// Three inits and two sidecars, in the order in which they stand: `i1 s1 i2 s2 i3`.
fn interleaved(policy: RestartPolicy) -> PodBuilder {
    let pod = pod(policy).init("i1").sidecar("s1").init("i2");
    pod.sidecar("s2").init("i3").main("m")
}

// conformance: [sig-node] Containers Lifecycle when using a Pod with restartPolicy=Never, three init container and two restartable init containers should {finish and produce log|run the first init container to completion before starting first restartable init container|run first init container and first restartable init container together|run second init container to completion before starting second restartable init container|start second restartable init container before third init container|run both restartable init containers and third init container together|run third init container to completion before starting regular container|run both restartable init containers and a regular container together} (container_lifecycle_test.go)
#[test]
fn a3_a8_inits_and_sidecars_start_in_the_order_in_which_they_stand() {
    let mut d = interleaved(Never).run();
    assert!(runs(&d, &["i1"]) && !d.has_done("pull s1"));
    d.exit("i1", 0);
    assert!(runs(&d, &["s1", "i2"]) && !d.has_done("pull s2"));
    d.exit("i2", 0);
    assert!(runs(&d, &["s1", "s2", "i3"]) && !d.has_done("pull m"));
    d.exit("i3", 0);
    assert!(runs(&d, &["s1", "s2", "m"]));
    let did = d.did();
    let starts: Vec<_> = did
        .iter()
        .filter_map(|did| did.strip_prefix("start "))
        .collect();
    assert_eq!(starts, ["i1#0", "s1#0", "i2#0", "s2#0", "i3#0", "m#0"]);
    d.exit("m", 0);
    d.exit("s2", 143);
    d.exit("s1", 143);
    assert_eq!(d.phase(), Phase::Succeeded);
}

// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy={Never|OnFailure} when a restartable init container runs continuously should {complete a Pod successfully and produce log|not restart a restartable init container|run a regular container to completion} (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy=Always when a restartable init container runs continuously should {keep running a Pod continuously and produce log|not restart a restartable init container|start a regular container} (container_lifecycle_test.go)
#[test]
fn a9_a10_a_sidecar_that_runs_on_is_left_alone_until_the_mains_are_done() {
    for policy in POLICIES {
        let mut d = pod(policy).sidecar("s").main("m").run();
        d.pass_secs(60);
        d.exit("m", 0);
        if policy == Always {
            d.pass_secs(60);
            assert!(runs(&d, &["s", "m"]));
            assert_eq!(d.phase(), Phase::Running);
        } else {
            d.exit("s", 143);
            assert_eq!(d.phase(), Phase::Succeeded, "{policy:?}");
        }
        assert_eq!(d.container("s").restart_count, 0, "{policy:?}");
    }
}

// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy={Never|OnFailure} when a restartable init container starts and exits with exit code {0|1} continuously should {complete a Pod successfully and produce log|restart a restartable init container before the regular container started|restart a restartable init container after the regular container started|run a regular container to completion} (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy=Always when a restartable init container starts and exits with exit code {0|1} continuously should {keep running a Pod continuously and produce log|restart a restartable init container before the regular container started|restart a restartable init container after the regular container started|start a regular container} (container_lifecycle_test.go)
#[test]
fn a9_a_sidecar_that_keeps_ending_is_restarted_before_and_after_the_main_starts() {
    for policy in POLICIES {
        for code in [0, 1] {
            let mut d = pod(policy).sidecar("s").init("a").main("m").run();
            d.exit("s", code);
            assert!(runs(&d, &["s", "a"]), "{policy:?} {code}");
            d.exit("a", 0);
            assert!(runs(&d, &["m"]));
            for _ in 0..3 {
                d.exit("s", code);
                d.pass_secs(300);
            }
            let did = d.did();
            assert!(at(&did, "start s#1") < at(&did, "start m#0"));
            assert!(at(&did, "start m#0") < at(&did, "start s#2"));
            assert_eq!(d.container("s").restart_count, 4);
            d.exit("m", 0);
            if policy == Always {
                assert!(runs(&d, &["m"]));
            } else {
                d.exit("s", code);
                assert_eq!(d.phase(), Phase::Succeeded, "{policy:?} {code}");
            }
        }
    }
}

// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy=Never when an Init container before restartable init container fails should {mark a Pod as failed and produce log|mark an Init container as failed|not start restartable init container} (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy={OnFailure|Always} when an Init container before restartable init container continuously fails should {continuously run Pod keeping it Pending|have Init container restartCount greater than 0|not start restartable init container} (container_lifecycle_test.go)
#[test]
fn a5_an_init_that_fails_before_a_sidecar_keeps_the_sidecar_back() {
    for policy in POLICIES {
        let mut d = pod(policy).init("a").sidecar("s").main("m").run();
        d.exit("a", 1);
        if policy == Never {
            assert_eq!(d.state("a"), "Terminated Error 1");
            assert_eq!(d.phase(), Phase::Failed);
        }
        for restart in (policy != Never).then_some(2..=3).into_iter().flatten() {
            d.exit("a", 1);
            d.pass_secs(300);
            assert_eq!(d.phase(), Phase::Pending);
            assert_eq!(d.container("a").restart_count, restart);
        }
        d.pass_secs(1_000);
        assert!(!d.has_done("pull s") && !d.has_done("pull m"), "{policy:?}");
    }
}

// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy=Never when an Init container after restartable init container fails should {mark a Pod as failed and produce log|mark an Init container as failed|be running restartable init container and a failed Init container in parallel} (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when using a restartable init container in a Pod with restartPolicy={OnFailure|Always} when an Init container after restartable init container fails should {continuously run Pod keeping it Pending|have Init container restartCount greater than 0|be running restartable init container and a failed Init container in parallel} (container_lifecycle_test.go)
#[test]
fn a5_a_sidecar_runs_beside_an_init_that_fails_after_it() {
    for policy in POLICIES {
        let mut d = pod(policy).sidecar("s").init("a").main("m").run();
        assert!(runs(&d, &["s", "a"]));
        d.exit("a", 1);
        if policy == Never {
            d.exit("s", 143);
            assert_eq!(d.state("a"), "Terminated Error 1");
            assert_eq!(d.phase(), Phase::Failed);
            continue;
        }
        for restart in 2..=3 {
            assert!(runs(&d, &["s", "a"]));
            d.exit("a", 1);
            d.pass_secs(300);
            assert_eq!(d.phase(), Phase::Pending);
            assert_eq!(d.container("a").restart_count, restart);
        }
        assert!(!d.has_done("pull m"), "{policy:?}");
        assert_eq!(d.container("s").restart_count, 0);
    }
}

fn probed(pod: PodBuilder) -> PodBuilder {
    pod.with(|c| c.probes.startup = Some(testing::probe()))
}

// conformance: [sig-node] Containers Lifecycle when running restartable init containers with startup probes should launch restartable init containers serially considering the startup probe (container_lifecycle_test.go)
#[test]
fn a8_sidecars_start_one_after_the_others_startup_probe() {
    let s1 = probed(pod(Never).sidecar("s1"));
    let mut d = probed(s1.sidecar("s2")).main("m").run();
    for (now, next) in [("s1", "s2"), ("s2", "m")] {
        assert!(runs(&d, &[now]) && !d.has_done(&format!("pull {next}")));
        d.probe(now, ProbeKind::Startup, true);
        assert!(runs(&d, &[next]));
    }
    d.exit("m", 0);
    d.exit("s2", 143);
    d.exit("s1", 143);
    assert_eq!(d.phase(), Phase::Succeeded);
}

// conformance: [sig-node] Containers Lifecycle when running restartable init containers with startup probes when using a PreStop hook should call the container's preStop hook and not launch next container if the restartable init container's startup probe fails (container_lifecycle_test.go)
#[test]
fn a8_e2_a_sidecar_whose_startup_probe_fails_gets_its_hook_and_the_main_waits() {
    let sidecar = probed(pod(Always).sidecar("s"));
    let hooked = sidecar.with(|c| c.hooks.pre_stop = Some(testing::hook()));
    let mut d = hooked.main("m").run();
    for restart in 1..=2 {
        d.did();
        d.probe("s", ProbeKind::Startup, false);
        let (hook, term) = (
            format!("pre-stop s#{}", restart - 1),
            format!("term s#{}", restart - 1),
        );
        assert_eq!(d.did(), [hook, term]);
        d.exit("s", 0);
        d.pass_secs(300);
        assert_eq!(d.container("s").restart_count, restart);
        assert_eq!(d.phase(), Phase::Pending);
        assert!(!d.has_done("pull m"));
    }
}

// conformance: [sig-node] Containers Lifecycle when running restartable init containers with liveness probes should call the container's preStop hook and start the next container if the restartable init container's liveness probe fails (container_lifecycle_test.go)
#[test]
fn a9_e2_a_sidecar_whose_liveness_probe_fails_gets_its_hook_and_the_main_goes_on() {
    let sidecar = pod(Always).sidecar("s");
    let hooked = sidecar.with(|c| c.hooks.pre_stop = Some(testing::hook()));
    let mut d = hooked.main("m").run();
    d.did();
    d.probe("s", ProbeKind::Liveness, false);
    assert_eq!(d.did(), ["pre-stop s#0", "term s#0"]);
    d.exit("s", 0);
    assert!(runs(&d, &["s", "m"]));
    assert_eq!(d.container("s").restart_count, 1);
    d.exit("m", 0);
    assert_eq!(d.container("m").restart_count, 1);
}

// conformance: [sig-node] Containers Lifecycle when A restartable init container with startup probe fails initially should continue probing and allow regular container to start after the restartable init container recovers (container_lifecycle_test.go)
#[test]
fn a8_a9_a_sidecar_that_fails_at_first_is_probed_anew_and_lets_the_main_start() {
    let mut d = probed(probed(pod(Never).sidecar("s")).main("m")).run();
    d.exit("s", 1);
    assert_eq!(d.container("s").restart_count, 1);
    assert!(runs(&d, &["s"]) && !d.has_done("pull m"));
    d.probe("s", ProbeKind::Startup, true);
    assert!(runs(&d, &["s", "m"]));
}

// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when The containers exit successfully should terminate sidecars in reverse order after all main containers have exited (container_lifecycle_test.go)
#[test]
fn f6_a11_sidecars_end_backwards_once_the_mains_have_ended_by_themselves() {
    let mut d = three_sidecars().main("m").run();
    d.did();
    d.exit("m", 0);
    for (now, next) in [("s3", "s2"), ("s2", "s1")] {
        assert_eq!(d.did(), [format!("term {now}#0")]);
        assert!(runs(&d, &[next]));
        d.exit(now, 0);
    }
    assert_eq!(d.did(), ["term s1#0"]);
    d.exit("s1", 0);
    for sidecar in ["s1", "s2", "s3"] {
        assert_eq!(d.state(sidecar), "Terminated Completed 0");
    }
    assert_eq!(d.phase(), Phase::Succeeded);
}

fn hooked(pod: PodBuilder) -> PodBuilder {
    pod.with(|c| c.hooks.pre_stop = Some(testing::hook()))
}

// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when The PreStop hooks don't exit should terminate sidecars simultaneously if prestop doesn't exit (container_lifecycle_test.go)
#[test]
fn f6_e2_sidecars_whose_hooks_never_end_are_killed_together_after_the_grace() {
    let s1 = hooked(pod(Never).sidecar("s1"));
    let s2 = hooked(s1.sidecar("s2"));
    let mut d = hooked(s2.sidecar("s3")).main("m").grace(30).idle();
    d.hold("pre-stop");
    d.go();
    d.did();
    d.exit("m", 0);
    let mut begun = d.did();
    begun.sort();
    assert_eq!(begun, ["pre-stop s1#0", "pre-stop s2#0", "pre-stop s3#0"]);
    d.pass_secs(29);
    assert!(d.did().is_empty());
    d.pass_secs(1);
    let did = d.did();
    for sidecar in ["s1", "s2", "s3"] {
        at(&did, &format!("term {sidecar}#0"));
    }
    d.pass_secs(2);
    for sidecar in ["s1", "s2", "s3"] {
        assert_eq!(d.state(sidecar), "Terminated Error 137", "E3");
    }
    assert_eq!(d.phase(), Phase::Succeeded, "A10");
}

// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when Restartable init containers are terminated during initialization should not hang in termination if terminated during initialization (container_lifecycle_test.go)
#[test]
fn f6_sidecars_that_never_started_do_not_hold_up_a_deletion() {
    let init = hooked(pod(Never).init("i").sidecar("s1"));
    let mut d = hooked(init.sidecar("s2")).main("m").run();
    d.did();
    d.delete(Some(3));
    assert_eq!(d.did(), ["term i#0"]);
    d.exit("i", 0);
    assert!(d.forgotten, "at once");
    assert!(!d.has_done("pull s1"));
}

// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when there is a non-started restartable init container should terminate restartable init containers gracefully if there is a non-started restartable init container (container_lifecycle_test.go)
#[test]
fn f6_a_sidecar_that_never_became_started_is_stopped_at_once() {
    let sidecar = probed(pod(Never).init("i").sidecar("s2"));
    let mut d = sidecar.sidecar("s3").main("m").grace(180).run();
    d.exit("i", 0);
    assert!(runs(&d, &["s2"]) && !d.container("s2").started);
    d.did();
    d.delete(None);
    assert_eq!(d.did(), ["term s2#0"]);
    d.pass_secs(1);
    d.exit("s2", 0);
    assert!(d.forgotten, "long before its grace is over");
}

// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when The restartable init containers exit with non-zero exit code should mark pod as succeeded if any of the restartable init containers have terminated with non-zero exit code (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when The restartable init containers exit with non-zero exit code by prestop hook should mark pod as succeeded if any of the restartable init containers have terminated with non-zero exit code by prestop hook (container_lifecycle_test.go)
#[test]
fn a10_b4_neither_exit_codes_nor_hooks_of_sidecars_make_a_deleted_pod_fail() {
    for hook_fails in [false, true] {
        let s1 = hooked(pod(Never).sidecar("s1"));
        let mut d = hooked(s1.sidecar("s2")).main("m").idle();
        if hook_fails {
            d.fail("pre-stop", "HookError");
        }
        d.go();
        d.delete(Some(30));
        d.exit("m", 0);
        d.exit("s2", 1);
        d.exit("s1", 0);
        assert_eq!(d.state("s2"), "Terminated Error 1");
        assert_eq!(d.phase(), Phase::Succeeded);
    }
}

// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when The regular container has exceeded its termination grace period seconds should mark pod as failed if regular container has exceeded its termination grace period seconds (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when The regular containers have exceeded its termination grace period seconds by prestop hook should mark pod as failed if any of the prestop hook in regular container has exceeded its termination grace period seconds (container_lifecycle_test.go)
#[test]
fn b4_a_deleted_pod_whose_main_outlived_its_grace_failed() {
    for hook_hangs in [false, true] {
        let mut d = hooked(three_sidecars().main("m")).grace(5).idle();
        if hook_hangs {
            d.hold("pre-stop");
        }
        d.go();
        d.delete(None);
        d.pass_secs(5);
        // From here on nobody waits for a turn; two of three sidecars end in the two seconds they have.
        assert!(d.has_done("term s1#0") && d.has_done("term s2#0") && d.has_done("term s3#0"));
        d.exit("s3", 0);
        d.exit("s1", 0);
        d.pass_secs(2);
        assert_eq!(d.state("m"), "Terminated Error 137");
        assert_eq!(d.state("s2"), "Terminated Error 137");
        assert_eq!(d.state("s1"), "Terminated Completed 0");
        assert_eq!(d.phase(), Phase::Failed);
    }
}

// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when The restartable init containers have exceeded its termination grace period seconds should mark pod as succeeded if any of the restartable init containers have exceeded its termination grace period seconds (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when The restartable init containers have exceeded its termination grace period seconds by prestop hook should mark pod as succeeded if any of the prestop hook in restartable init containers have exceeded its termination grace period seconds (container_lifecycle_test.go)
#[test]
fn a10_b4_a_deleted_pod_whose_sidecar_outlived_its_grace_succeeded() {
    for hook_hangs in [false, true] {
        let s2 = pod(Never).sidecar("s1").sidecar("s2");
        let mut d = hooked(s2).sidecar("s3").main("m").grace(5).idle();
        if hook_hangs {
            d.hold("pre-stop");
        }
        d.go();
        d.delete(None);
        d.pass_secs(1);
        d.exit("m", 0);
        d.exit("s3", 0);
        d.pass_secs(4);
        assert!(
            d.has_done("term s1#0"),
            "its turn did not come, the end of the grace did"
        );
        d.exit("s1", 0);
        d.pass_secs(2);
        assert_eq!(d.state("m"), "Terminated Completed 0");
        assert_eq!(d.state("s2"), "Terminated Error 137");
        assert_eq!(d.phase(), Phase::Succeeded);
    }
}

// conformance: [sig-node] Pods Extended Pod Container Status should never report success for a pending container (pods.go)
// conformance: [sig-node] Pods Extended Pod Container Status should never report container start when an init container fails (pods.go)
#[test]
fn b4_a_pod_that_only_fails_never_reports_a_success_whenever_it_is_deleted() {
    for with_init in [false, true] {
        // Before it starts, while it runs, after it ended, while it waits for its restart.
        for moment in 0..4 {
            let mut d = if with_init {
                pod(Never).init("a").main("m").idle()
            } else {
                pod(Never).main("m").idle()
            };
            let failing = if with_init { "a" } else { "m" };
            d.hold(&format!("start {failing}#0"));
            d.go();
            if moment > 0 {
                d.release(&format!("start {failing}#0"));
            }
            if moment > 1 {
                d.exit(failing, 1);
            }
            d.delete(Some(u64::from(moment == 3)));
            if moment == 0 {
                d.break_off(&format!("start {failing}#0"), "RunContainerError");
            } else if moment == 1 {
                d.exit(failing, 1);
            }
            assert!(d.forgotten);
            for status in &d.published {
                assert_ne!(status.phase, Phase::Succeeded);
                for container in status.init.iter().chain(&status.mains) {
                    if let crate::model::ContainerState::Terminated(ended) = &container.state {
                        assert_ne!(ended.exit_code, 0, "{status:#?}");
                    }
                }
                assert!(!with_init || !status.mains[0].started, "{status:#?}");
            }
        }
    }
}
