//! Small values for tests of any room.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{
    Container, ImagePullPolicy, Pod, PodMeta, PodSpec, QosClass, Resources, RestartPolicy, Role,
    Seconds, TerminationMessagePolicy, Time,
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
        has_startup_probe: false,
        has_readiness_probe: false,
        has_post_start: false,
        has_pre_stop: false,
    }
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
            fqdn: None,
            host_aliases: Vec::new(),
            dns: super::Dns::default(),
            readiness_gates: Vec::new(),
            qos: QosClass::BestEffort,
        }),
    }
}
