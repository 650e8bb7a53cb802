//! Random pods.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Chance;
use crate::model::{
    Container, ContainerRestart, Dns, ExitCodeOperator, HookHandler, Hooks, ImagePullPolicy, Pod,
    PodMeta, PodSpec, PortRef, Probe, ProbeHandler, Probes, QosClass, Resources, RestartAction,
    RestartPolicy, RestartRule, Role, Seconds, TerminationMessagePolicy, Time,
};

/// A pod of up to three init containers and sidecars and one to three mains, with whatever the engine cares about.
pub fn random_pod(chance: &mut Chance) -> Pod {
    let inits = chance.below(4);
    let mains = 1 + chance.below(3);
    let init = (0..inits).map(|n| {
        let role = chance.one_of(Role::Init, &[Role::Sidecar]);
        container(format!("i{n}"), role, chance)
    });
    let init: Vec<Container> = init.collect();
    // The names count down, so that the order by name is not the order of the specification (rule A7).
    let mains = (0..mains).map(|n| container(format!("m{}", 9 - n), Role::Main, chance));
    let mains: Vec<Container> = mains.collect();
    let spec = PodSpec {
        init,
        mains,
        volumes: Vec::new(),
        restart_policy: any_policy(chance),
        grace: Seconds(chance.one_of(30, &[0, 1, 5, 30, 600])),
        active_deadline: chance.happens(20).then(|| Seconds(1 + chance.below(900))),
        hostname: "pod".into(),
        uts_hostname: "pod".into(),
        fqdn: None,
        host_aliases: Vec::new(),
        dns: Dns::default(),
        service_account: "default".into(),
        service_links: true,
        readiness_gates: Vec::new(),
        node_name: None,
        node: Default::default(),
        resources: Default::default(),
        qos: QosClass::BestEffort,
        pull_secrets: Vec::new(),
    };
    Pod {
        meta: PodMeta {
            uid: "uid".into(),
            name: "pod".into(),
            namespace: "default".into(),
            created: Time::EPOCH,
            generation: 1,
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        },
        spec: Arc::new(spec),
    }
}

fn container(name: String, role: Role, chance: &mut Chance) -> Container {
    let hooks_and_probes = role != Role::Init;
    let mut some = |percent| hooks_and_probes && chance.happens(percent);
    let [startup, liveness, readiness] = [20, 30, 30].map(&mut some);
    let [post_start, pre_stop] = [20, 30].map(some);
    let restart = (role != Role::Sidecar && chance.happens(20)).then(|| own_restart(chance));
    Container {
        name: name.as_str().into(),
        role,
        image: name,
        pull_policy: chance.one_of(
            ImagePullPolicy::IfNotPresent,
            &[ImagePullPolicy::Always, ImagePullPolicy::Never],
        ),
        command: None,
        args: None,
        working_dir: None,
        env_from: Vec::new(),
        env: Vec::new(),
        ports: Vec::new(),
        mounts: Vec::new(),
        restart,
        termination_message_path: "/dev/termination-log".into(),
        termination_message_policy: TerminationMessagePolicy::File,
        resources: Resources::default(),
        stdin: false,
        tty: false,
        read_only_root: false,
        probes: Probes {
            startup: startup.then(|| probe(chance)),
            liveness: liveness.then(|| probe(chance)),
            readiness: readiness.then(|| probe(chance)),
        },
        hooks: Hooks {
            post_start: post_start.then_some(HookHandler::Sleep(Seconds(1))),
            pre_stop: pre_stop.then_some(HookHandler::Sleep(Seconds(1))),
        },
    }
}

/// The engine sees verdicts only; of a probe itself it knows the grace (rule D13).
fn probe(chance: &mut Chance) -> Probe {
    Probe {
        handler: ProbeHandler::TcpSocket {
            host: None,
            port: PortRef::Number(80),
        },
        initial_delay: Seconds(0),
        timeout: Seconds(1),
        period: Seconds(10),
        success_threshold: 1,
        failure_threshold: 3,
        termination_grace: chance.one_of(None, &[Some(Seconds(1)), Some(Seconds(900))]),
    }
}

fn any_policy(chance: &mut Chance) -> RestartPolicy {
    chance.one_of(
        RestartPolicy::Always,
        &[RestartPolicy::OnFailure, RestartPolicy::Never],
    )
}

fn own_restart(chance: &mut Chance) -> ContainerRestart {
    let rules = (0..chance.below(3)).map(|_| RestartRule {
        action: chance.one_of(
            RestartAction::Restart,
            &[RestartAction::RestartAllContainers],
        ),
        operator: chance.one_of(ExitCodeOperator::In, &[ExitCodeOperator::NotIn]),
        values: vec![chance.one_of(0, &[1, 42, 137, 143])],
    });
    let rules = rules.collect();
    let policy = any_policy(chance);
    ContainerRestart { policy, rules }
}
