//! What a watcher sees of a pod from its start to its end. Tests with a line `conformance` do what that test of Kubernetes' suites does.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use peapod::engine::{Backoff, Config};
use peapod::model::{
    Condition, ConditionStatus, ConditionType, ContainerState, ContainerStatus, Phase, PodStatus,
};

use crate::harness::{Place, guest, text};
use crate::live::Live;

const WELL: &str = "exit, args: ['0']";
const FAILS: &str = "exit, args: ['1']";
const STAYS: &str = "sleepy, args: ['600000']";

/// A pod `p` of these containers: a name, and a guest with what more is said of the container.
fn pod(spec: &str, inits: &[(&str, &str)], mains: &[(&str, &str)]) -> String {
    let list = |containers: &[(&str, &str)]| -> String {
        let item = |(name, what): &(&str, &str)| {
            let (image, more) = what.split_once(", ").unwrap_or((what, "stdin: false"));
            format!(
                "  - {{name: {name}, image: {}, {more}}}\n",
                guest(image).display()
            )
        };
        containers.iter().map(item).collect()
    };
    let inits = match inits {
        [] => String::new(),
        some => format!("  initContainers:\n{}", list(some)),
    };
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  terminationGracePeriodSeconds: 1\n{spec}{inits}  containers:\n{}",
        list(mains)
    )
}

const NEVER: &str = "  restartPolicy: Never\n";

/// Restarts that need not be waited for.
fn impatient() -> Config {
    let wait = Duration::from_millis(10);
    let restarts = Backoff {
        base: wait,
        cap: wait,
        ..Backoff::default()
    };
    Config {
        restarts,
        ..Config::default()
    }
}

fn watch(manifest: &str) -> Live {
    Live::with(impatient(), &[manifest])
}

fn condition(status: &PodStatus, kind: ConditionType) -> &Condition {
    let found = status.conditions.iter().find(|one| one.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind:?}: {status:#?}"))
}

fn is_true(status: &PodStatus, kind: ConditionType) -> bool {
    condition(status, kind).status == ConditionStatus::True
}

fn exit_code(container: &ContainerStatus) -> Option<i32> {
    match &container.state {
        ContainerState::Terminated(ended) => Some(ended.exit_code),
        ContainerState::Waiting { .. } | ContainerState::Running { .. } => None,
    }
}

fn waits(container: &ContainerStatus, why: &str) -> bool {
    matches!(&container.state, ContainerState::Waiting { reason, .. } if reason == why)
}

/// What holds of every status of a pod whose init containers run once: one after the other, nothing else before they are done.
fn keeps_the_order(statuses: &[Arc<PodStatus>]) {
    let mut before = false;
    for status in statuses {
        let mut done = true;
        for init in &status.init {
            let waiting = matches!(init.state, ContainerState::Waiting { .. });
            assert!(done || waiting, "{} came too early: {status:#?}", init.name);
            done &= exit_code(init) == Some(0);
            assert!(!done || init.ready, "B14: {status:#?}");
        }
        let held_back =
            |main: &ContainerStatus| waits(main, "PodInitializing") && main.restart_count == 0;
        assert!(done || status.mains.iter().all(held_back), "{status:#?}");
        assert_eq!(
            is_true(status, ConditionType::Initialized),
            done,
            "C4: {status:#?}"
        );
        assert!(done || !before, "once initialised, always: {status:#?}");
        before = done;
    }
    assert!(!statuses.is_empty());
}

// conformance: [sig-node] InitContainer should invoke init containers on a RestartNever pod (init_container.go)
#[test]
fn a3_c4_inits_run_before_the_mains_of_a_pod_that_ends() {
    let mut live = watch(&pod(NEVER, &[("a", WELL), ("b", WELL)], &[("c", WELL)]));
    let end = live.until("the end", |status| status.phase.is_terminal());
    assert_eq!(end.phase, Phase::Succeeded);
    assert_eq!(end.init.len(), 2);
    assert!(
        end.init
            .iter()
            .all(|one| one.ready && exit_code(one) == Some(0))
    );
    keeps_the_order(live.statuses());
}

// conformance: [sig-node] InitContainer should invoke init containers on a RestartAlways pod (init_container.go)
#[test]
fn a3_c4_inits_run_before_the_mains_of_a_pod_that_stays() {
    let limited = format!("{STAYS}, resources: {{limits: {{cpu: 100m}}}}");
    let mut live = watch(&pod("", &[("a", WELL), ("b", WELL)], &[("c", &limited)]));
    let status = live.until("running", |status| status.phase == Phase::Running);
    assert_eq!(status.init.len(), 2);
    assert!(
        status
            .init
            .iter()
            .all(|one| one.ready && exit_code(one) == Some(0))
    );
    keeps_the_order(live.statuses());
    live.delete(None);
}

// conformance: [sig-node] InitContainer should not start app containers if init containers fail on a RestartAlways pod (init_container.go)
#[test]
fn a5_c4_an_init_that_keeps_failing_keeps_the_pod_pending() {
    let mut live = watch(&pod("", &[("a", FAILS), ("b", WELL)], &[("c", STAYS)]));
    let status = live.until("three restarts", |status| status.init[0].restart_count >= 3);
    assert_eq!(status.phase, Phase::Pending);
    let initialized = condition(&status, ConditionType::Initialized);
    assert_eq!(initialized.status, ConditionStatus::False);
    assert_eq!(
        initialized.reason.as_deref(),
        Some("ContainersNotInitialized")
    );
    let message = "containers with incomplete status: [a b]";
    assert_eq!(initialized.message.as_deref(), Some(message));
    for status in live.statuses() {
        assert_ne!(exit_code(&status.init[0]), Some(0), "{status:#?}");
        let others = status.init[1..].iter().chain(&status.mains);
        let mut others = others.map(|one| waits(one, "PodInitializing"));
        assert!(others.all(|waits| waits), "A12: {status:#?}");
    }
    live.delete(None);
}

// conformance: [sig-node] InitContainer should not start app containers and fail the pod if init containers fail on a RestartNever pod (init_container.go)
#[test]
fn a5_c4_an_init_that_fails_under_never_fails_the_pod() {
    let mut live = watch(&pod(NEVER, &[("a", WELL), ("b", FAILS)], &[("c", WELL)]));
    let end = live.until("the end", |status| status.phase.is_terminal());
    assert_eq!(end.phase, Phase::Failed);
    assert_eq!(exit_code(&end.init[0]), Some(0));
    assert_eq!(exit_code(&end.init[1]), Some(1));
    let initialized = condition(&end, ConditionType::Initialized);
    assert_eq!(initialized.status, ConditionStatus::False);
    assert_eq!(
        initialized.reason.as_deref(),
        Some("ContainersNotInitialized")
    );
    let message = "containers with incomplete status: [b]";
    assert_eq!(initialized.message.as_deref(), Some(message));
    for status in live.statuses() {
        assert!(waits(&status.mains[0], "PodInitializing"), "{status:#?}");
    }
    keeps_the_order(live.statuses());
}

// conformance: [sig-node] Container Runtime blackbox test when starting a container that exits should run with the expected status (runtime.go)
#[test]
fn b2_a_program_that_fails_then_succeeds_then_stays_by_each_policy() {
    let script = "echo run >>/v/runs; case $(wc -l </v/runs | tr -d \" \") in 1) exit 1;; 2) exit 0;; esac; while true; do sleep 1; done";
    let container = format!(
        "busybox, command: [sh, -c, '{script}'], volumeMounts: [{{name: v, mountPath: /v}}]"
    );
    let volume = "  volumes: [{name: v, emptyDir: {medium: Memory}}]\n";
    for (policy, phase, restarts, ready) in [
        ("Always", Phase::Running, 2, true),
        ("OnFailure", Phase::Succeeded, 1, false),
        ("Never", Phase::Failed, 0, false),
    ] {
        let spec = format!("  restartPolicy: {policy}\n{volume}");
        let mut live = watch(&pod(&spec, &[], &[("c", &container)]));
        let as_expected = |status: &PodStatus| {
            let settled = matches!(
                status.mains[0].state,
                ContainerState::Running { .. } | ContainerState::Terminated(_)
            );
            settled && status.phase == phase && status.mains[0].restart_count == restarts
        };
        let status = live.until(policy, as_expected);
        assert_eq!(is_true(&status, ConditionType::Ready), ready, "{status:#?}");
        let runs = matches!(status.mains[0].state, ContainerState::Running { .. });
        assert_eq!(runs, phase == Phase::Running, "{status:#?}");
        live.pass(Duration::from_secs(2));
        let last = live.statuses().last().expect("seen");
        assert_eq!(last.mains[0].restart_count, restarts, "and no more");
        live.delete(None);
        live.until_gone();
    }
}

// conformance: [sig-node] Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason (kubelet.go)
// conformance: [sig-node] Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete (kubelet.go)
#[test]
fn b7_a_program_that_always_fails_has_a_reason_and_can_be_deleted() {
    let mut live = watch(&pod(NEVER, &[], &[("c", "busybox, command: [/bin/false]")]));
    let end = live.until("the end", |status| status.phase.is_terminal());
    assert_eq!(end.mains.len(), 1);
    let ContainerState::Terminated(ended) = &end.mains[0].state else {
        panic!("it ended: {end:#?}");
    };
    assert_eq!((ended.exit_code, ended.reason.as_str()), (1, "Error"));
    live.delete(None);
    live.until_gone();
}

// conformance: [sig-node] Kubelet when scheduling a read only busybox container should not write to root filesystem (kubelet.go)
// conformance: [sig-node] Security Context When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false (security_context.go)
// conformance: [sig-node] Security Context When creating a pod with readOnlyRootFilesystem should run the container with readonly rootfs when readOnlyRootFilesystem=true (security_context.go)
#[test]
fn g13_a_root_is_read_only_if_it_is_said_to_be() {
    let place = Place::new();
    for (read_only, phase) in [(true, "Failed"), (false, "Succeeded")] {
        let touch = format!(
            "busybox, command: [sh, -c, 'echo test >/file'], securityContext: {{readOnlyRootFilesystem: {read_only}}}"
        );
        let ran = place.run(&pod(NEVER, &[], &[("c", &touch)]), &[]);
        assert_eq!(ran.phase(), phase, "{}", ran.stderr);
        if read_only {
            let said = ran.output_of("c");
            let refused = "can't create /file: Read-only file system";
            assert!(said.len() == 1 && said[0].ends_with(refused), "{said:?}");
        }
    }
}

// conformance: [sig-node] Pods should get a host IP (pods.go)
// conformance: [sig-node] Pod IPs when pod gets terminated should contain podIPs in status for succeeded pod (pod_ips.go)
// conformance: [sig-node] Pod IPs when pod gets terminated should contain podIPs in status for failed pod (pod_ips.go)
// conformance: [sig-node] Pod Host IPs when creating a Pod should add node IPs of all supported families to hostIPs of pod-network pod (pod_host_ips.go)
#[test]
fn b19_addresses_of_pod_and_machine_stay_in_the_status_of_a_pod_that_ended() {
    let place = Place::new();
    for (container, phase) in [(WELL, "Succeeded"), (FAILS, "Failed")] {
        let ran = place.run(&pod(NEVER, &[], &[("c", container)]), &[]);
        assert_eq!(ran.phase(), phase, "{}", ran.stderr);
        let status = ran.status();
        for (one, list) in [("podIP", "podIPs"), ("hostIP", "hostIPs")] {
            let address = text(&status[one]);
            address.parse::<IpAddr>().expect("an address");
            assert_eq!(text(&status[list][0]["ip"]), address, "{status:#}");
        }
    }
}

// conformance: [sig-node] Pod IPs when pod gets terminated should contain podIPs in status for during termination (pod_ips.go)
#[test]
fn b19_a_pod_keeps_its_address_while_it_is_stopped() {
    let mut live = watch(&pod("", &[], &[("c", STAYS)]));
    let status = live.until("running", |status| status.phase == Phase::Running);
    let seen = live.statuses().len();
    live.delete(None);
    live.until_gone();
    assert!(live.statuses().len() > seen, "B4");
    for later in &live.statuses()[seen..] {
        assert!(
            later.pod_ip.is_some() && later.pod_ip == status.pod_ip,
            "{later:#?}"
        );
    }
}

// conformance: [sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu (pods.go)
#[test]
fn j2_b19_the_class_of_a_pod_stands_in_its_status() {
    let place = Place::new();
    for (resources, class) in [
        (
            "requests: {cpu: 100m, memory: 100Mi}, limits: {cpu: 100m, memory: 100Mi}",
            "Guaranteed",
        ),
        (
            "requests: {cpu: 100m, memory: 100Mi}, limits: {cpu: 200m, memory: 200Mi}",
            "Burstable",
        ),
        ("", "BestEffort"),
    ] {
        let container = format!("{WELL}, resources: {{{resources}}}");
        let ran = place.run(&pod(NEVER, &[], &[("c", &container)]), &[]);
        assert_eq!(ran.status()["qosClass"], class, "{}", ran.stderr);
    }
}

// conformance: [sig-node] Pods Extended Pod Container lifecycle should not create extra sandbox if all containers are done (pods.go)
#[test]
fn a6_a_pod_that_is_done_gets_no_second_host() {
    let place = Place::new();
    let spec = "  restartPolicy: OnFailure\n";
    let ran = place.run(&pod(spec, &[("a", WELL)], &[("c", WELL)]), &[]);
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert!(!ran.shows("SandboxChanged"), "{}", ran.stderr);
    for container in ["a", "c"] {
        let started = format!("{{{container}}}: Container started");
        assert_eq!(ran.stderr.matches(&started).count(), 1, "{}", ran.stderr);
    }
}

// conformance: [sig-node] Pods Extended Pod TerminationGracePeriodSeconds is negative pod with negative grace period (pods.go)
#[test]
fn f1_a_negative_grace_is_one_second() {
    let place = Place::new();
    let manifest = pod(NEVER, &[], &[("c", WELL)]);
    let ran = place.run(
        &manifest.replace("PeriodSeconds: 1\n", "PeriodSeconds: -1\n"),
        &[],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert_eq!(ran.object()["spec"]["terminationGracePeriodSeconds"], 1);
}

// conformance: [sig-node] Pods Extended (pod generation) Pod Generation custom-set generation on new pods and graceful delete (pods.go)
// conformance: [sig-node] Pods Extended (pod generation) Pod Generation pod observedGeneration field set in pod conditions (pods.go)
#[test]
fn b18_a_pod_begins_with_generation_one_and_its_deletion_is_another() {
    let place = Place::new();
    for (container, args, generation) in [(WELL, &[][..], 1), (STAYS, &["--timeout", "5s"][..], 2)]
    {
        let manifest = pod(NEVER, &[], &[("c", container)]);
        let manifest = manifest.replace("{name: p}", "{name: p, generation: 100}");
        let object = place.run(&manifest, args).object();
        assert_eq!(object["metadata"]["generation"], generation, "{object:#}");
        let status = &object["status"];
        assert_eq!(status["observedGeneration"], generation, "{object:#}");
        let conditions = status["conditions"].as_array().expect("a list");
        assert!(!conditions.is_empty());
        for condition in conditions {
            assert_eq!(condition["observedGeneration"], generation, "{object:#}");
        }
    }
}

// conformance: [sig-node] Sysctls should reject invalid sysctls (sysctl.go)
#[test]
fn k_names_of_sysctls_are_checked() {
    let place = Place::new();
    let sysctls = ["foo-", "kernel.shmmax", "safe-and-unsafe", "bar.."]
        .map(|name| format!("{{name: {name}, value: '100000000'}}"));
    let spec = format!("  securityContext: {{sysctls: [{}]}}\n", sysctls.join(", "));
    let ran = place.run(&pod(&spec, &[], &[("c", WELL)]), &[]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.shows("Invalid value: \"foo-\"") && ran.shows("Invalid value: \"bar..\""));
    assert!(
        !ran.shows("safe-and-unsafe") && !ran.shows("kernel.shmmax"),
        "{}",
        ran.stderr
    );
}

/// Statuses of a pod at the first moment that each of its conditions held.
fn firsts(live: &Live, kind: ConditionType) -> usize {
    let mut statuses = live.statuses().iter();
    let found = statuses.position(|status| {
        let mut conditions = status.conditions.iter();
        conditions.any(|one| one.kind == kind && one.status == ConditionStatus::True)
    });
    found.unwrap_or_else(|| panic!("{kind:?} never held"))
}

// conformance: [sig-node] Pod conditions managed by Kubelet including PodReadyToStartContainers condition a pod without init containers should report all conditions set in expected order after the pod is up (pod_conditions_test.go)
// conformance: [sig-node] Pod conditions managed by Kubelet including PodReadyToStartContainers condition a pod with init containers should report all conditions set in expected order after the pod is up (pod_conditions_test.go)
#[test]
fn c9_conditions_come_in_their_order_with_and_without_inits() {
    use ConditionType::{
        ContainersReady, Initialized, PodReadyToStartContainers, PodScheduled, Ready,
    };
    for (inits, order) in [
        (
            &[][..],
            [PodScheduled, Initialized, PodReadyToStartContainers],
        ),
        (
            &[("a", WELL)][..],
            [PodScheduled, PodReadyToStartContainers, Initialized],
        ),
    ] {
        let mut live = watch(&pod("", inits, &[("c", STAYS)]));
        live.until("ready", |status| is_true(status, Ready));
        let order: Vec<_> = order.into_iter().chain([ContainersReady, Ready]).collect();
        let at: Vec<_> = order.iter().map(|kind| firsts(&live, *kind)).collect();
        assert!(at.is_sorted(), "{order:?}: {at:?}");
        live.delete(None);
    }
}

// conformance: [sig-node] Pod conditions managed by Kubelet including PodReadyToStartContainers condition a pod failing to mount volumes (ConfigMap) and {without init containers should report scheduled and initialized conditions|with init containers should report just the scheduled condition} set (pod_conditions_test.go)
// conformance: [sig-node] Pod conditions managed by Kubelet including PodReadyToStartContainers condition a pod failing to mount volumes (Secret) and {without init containers should report scheduled and initialized conditions|with init containers should report just the scheduled condition} set (pod_conditions_test.go)
#[test]
fn c9_a_pod_that_cannot_mount_is_scheduled_and_without_inits_initialised() {
    use ConditionType::{
        ContainersReady, Initialized, PodReadyToStartContainers, PodScheduled, Ready,
    };
    for volume in ["configMap: {name: none}", "secret: {secretName: none}"] {
        for inits in [&[][..], &[("a", WELL)][..]] {
            let spec = format!("{NEVER}  volumes: [{{name: v, {volume}}}]\n");
            let mut live = watch(&pod(&spec, inits, &[("c", WELL)]));
            live.until("a status", |_| true);
            live.pass(Duration::from_secs(2));
            for status in live.statuses() {
                assert_eq!(status.phase, Phase::Pending, "{status:#?}");
                assert!(is_true(status, PodScheduled));
                assert_eq!(
                    is_true(status, Initialized),
                    inits.is_empty(),
                    "{status:#?}"
                );
                for kind in [PodReadyToStartContainers, ContainersReady, Ready] {
                    assert!(!is_true(status, kind), "{status:#?}");
                }
            }
            // Nor does its end wait for a volume that never comes.
            live.delete(Some(0));
            live.until_gone();
        }
    }
}

// conformance: [sig-node] Terminate Pods should not hang when terminating pods mounting non-existent volumes (terminate_pods_test.go)
// conformance: [sig-node] Deleted pods handling Should transition to Failed phase a pod which is deleted while pending (deleted_pods_test.go)
#[test]
fn b4_a_pod_deleted_while_it_waits_for_a_volume_or_an_image_fails_and_is_gone() {
    let no_volume = "  volumes: [{name: v, secret: {secretName: none}}]\n";
    let no_image = pod("", &[], &[("c", STAYS)]).replace("sleepy.wasm", "none.wasm");
    for manifest in [pod(no_volume, &[], &[("c", STAYS)]), no_image] {
        let mut live = watch(&manifest);
        live.until("a status", |status| status.phase == Phase::Pending);
        live.pass(Duration::from_secs(2));
        live.delete(None);
        live.until_gone();
        let last = live.statuses().last().expect("seen");
        assert_eq!(last.phase, Phase::Failed, "{last:#?}");
    }
}
