//! Small values for tests of any room.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Allocatable, Bytes, ConfigMap, Container, HookHandler, Hooks, ImagePullPolicy, Millicores,
    ObjectMeta, Phase, Pod, PodMeta, PodSpec, PodStatus, PortRef, Probe, ProbeHandler, Probes,
    QosClass, Resources, RestartPolicy, Role, Seconds, Secret, Service, ServiceType,
    SessionAffinity, TerminationMessagePolicy, Time,
};

/// A main container without anything special.
pub(crate) fn container(name: &str) -> Container {
    Container {
        name: name.into(),
        role: Role::Main,
        image: "image".into(),
        pull_policy: ImagePullPolicy::IfNotPresent,
        command: None,
        args: None,
        working_dir: None,
        env_from: Vec::new(),
        env: Vec::new(),
        ports: Vec::new(),
        mounts: Vec::new(),
        restart: None,
        termination_message_path: "/dev/termination-log".into(),
        termination_message_policy: TerminationMessagePolicy::File,
        resources: Resources::default(),
        stdin: false,
        tty: false,
        read_only_root: false,
        probes: Probes::default(),
        hooks: Hooks::default(),
    }
}

/// A probe of TCP port 80 with Kubernetes' defaults (rule D1).
pub(crate) fn probe() -> Probe {
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
        termination_grace: None,
    }
}

/// A hook that sleeps a second.
pub(crate) fn hook() -> HookHandler {
    HookHandler::Sleep(Seconds(1))
}

/// A pod `pod` of one container `c` that is never restarted.
pub(crate) fn pod() -> Pod {
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
        spec: Arc::new(PodSpec {
            init: Vec::new(),
            mains: vec![container("c")],
            volumes: Vec::new(),
            restart_policy: RestartPolicy::Never,
            grace: Seconds(30),
            active_deadline: None,
            hostname: "pod".into(),
            uts_hostname: "pod".into(),
            fqdn: None,
            host_aliases: Vec::new(),
            dns: super::Dns::default(),
            service_account: "default".into(),
            service_links: true,
            readiness_gates: Vec::new(),
            node_name: None,
            node: super::NodeChoice::default(),
            resources: Resources::default(),
            qos: QosClass::BestEffort,
            pull_secrets: Vec::new(),
        }),
    }
}

/// A machine of four cores, 8 GiB and 110 pods.
pub(crate) fn allocatable() -> Allocatable {
    Allocatable {
        cpu: Millicores(4000),
        memory: Bytes(8 << 30),
        ephemeral_storage: Bytes(100 << 30),
        pods: 110,
    }
}

/// A status that says nothing yet.
pub(crate) fn status() -> PodStatus {
    PodStatus {
        phase: Phase::Pending,
        reason: None,
        message: None,
        conditions: Vec::new(),
        start_time: None,
        pod_ip: None,
        host_ip: None,
        init: Vec::new(),
        mains: Vec::new(),
        qos: QosClass::BestEffort,
        observed_generation: 1,
    }
}

fn meta(name: &str) -> ObjectMeta {
    ObjectMeta {
        uid: format!("uid-{name}").as_str().into(),
        name: name.to_owned(),
        namespace: "default".into(),
        created: Time::EPOCH,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
    }
}

/// A ConfigMap of texts.
pub(crate) fn config_map(name: &str, data: &[(&str, &str)]) -> ConfigMap {
    let data = data.iter();
    ConfigMap {
        meta: meta(name),
        text: data.clone().map(|(key, _)| (*key).to_owned()).collect(),
        data: data
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
            .collect(),
        immutable: false,
    }
}

/// An Opaque Secret of texts.
pub(crate) fn secret(name: &str, data: &[(&str, &str)]) -> Secret {
    Secret {
        meta: meta(name),
        data: config_map(name, data).data,
        kind: "Opaque".to_owned(),
        immutable: false,
    }
}

/// A headless Service without ports that chooses the pods with the label `app` of its name.
pub(crate) fn service(name: &str) -> Service {
    Service {
        meta: meta(name),
        kind: ServiceType::Headless,
        selector: BTreeMap::from([("app".to_owned(), name.to_owned())]),
        ports: Vec::new(),
        publish_not_ready: false,
        affinity: SessionAffinity::None,
    }
}
