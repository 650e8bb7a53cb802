//! The specification of a pod, as the host works with it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{
    Bytes, ContainerName, EnvFrom, EnvVar, Files, Hooks, Millicores, Namespace, NodeChoice,
    PodName, PodUid, Probes, QosClass, Seconds, Time,
};

/// A validated, defaulted pod. Cheap to clone: the specification is shared.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Identity, labels, annotations.
    pub meta: PodMeta,
    /// What to run.
    pub spec: Arc<PodSpec>,
}

/// The part of `metadata` the host works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodMeta {
    /// `metadata.uid`.
    pub uid: PodUid,
    /// `metadata.name`.
    pub name: PodName,
    /// `metadata.namespace`.
    pub namespace: Namespace,
    /// `metadata.creationTimestamp`.
    pub created: Time,
    /// `metadata.generation`, reported back as `observedGeneration` (rule B18).
    pub generation: i64,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// `spec`, defaulted.
#[derive(Clone, Debug)]
pub struct PodSpec {
    /// `spec.initContainers` in order: [`Role::Init`] and [`Role::Sidecar`].
    pub init: Vec<Container>,
    /// `spec.containers` in order; never empty. All [`Role::Main`].
    pub mains: Vec<Container>,
    /// `spec.volumes`.
    pub volumes: Vec<Volume>,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace: Seconds,
    /// `spec.activeDeadlineSeconds`; at least 1 (rule K46).
    pub active_deadline: Option<Seconds>,
    /// The pod's own name within its network (rule H9).
    pub hostname: String,
    /// What a container is told its hostname is: the hostname or, with `setHostnameAsFQDN`, the fully qualified name (rule H9).
    pub uts_hostname: String,
    /// The fully qualified name, when `spec.subdomain` is set (rule H9).
    pub fqdn: Option<String>,
    /// `spec.hostAliases`: IP address and names (rule H10).
    pub host_aliases: Vec<(String, Vec<String>)>,
    /// `spec.dnsPolicy` and `spec.dnsConfig` (rule H11).
    pub dns: Dns,
    /// `spec.serviceAccountName`; there are no accounts, so it is a name and no more.
    pub service_account: String,
    /// `spec.enableServiceLinks` (rule H8).
    pub service_links: bool,
    /// `spec.readinessGates[].conditionType` (rule C6).
    pub readiness_gates: Vec<String>,
    /// `spec.nodeName` as it was given: the pod is bound already, and no scheduler is asked (rule J5).
    pub node_name: Option<String>,
    /// `spec.nodeSelector`, `spec.affinity.nodeAffinity` and `spec.topologySpreadConstraints`.
    pub node: NodeChoice,
    /// `spec.resources`: of the pod as a whole.
    pub resources: Resources,
    /// Fixed when the pod is created (rule B19, J2).
    pub qos: QosClass,
    /// `spec.imagePullSecrets[].name`.
    pub pull_secrets: Vec<String>,
}

impl PodSpec {
    /// Every container: init containers and sidecars in order, then the mains in order.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.init.iter().chain(&self.mains)
    }

    /// The container of that name.
    pub fn container(&self, name: &ContainerName) -> Option<&Container> {
        self.containers().find(|c| &c.name == name)
    }
}

impl PodSpec {
    /// What all containers together may have of memory, beside what each may: the pod's own limit or, where every container has one, as
    /// much as can ever run at once (rule J3). What a kubelet gives the pod's cgroup.
    pub fn memory_limit(&self) -> Option<Bytes> {
        if let Some(own) = self.resources.memory_limit {
            return Some(own);
        }
        let of = |container: &Container| container.resources.memory_limit;
        let all_have = self.containers().all(|container| of(container).is_some());
        all_have
            .then(|| Bytes(self.most_at_once(|own| own.memory_limit.map_or(0, |limit| limit.0))))
    }

    /// The most of something that the containers can want together at any moment (rule J3).
    pub fn most_at_once(&self, of: impl Fn(&Resources) -> u64) -> u64 {
        let (mut together, mut most) = (0_u64, 0_u64);
        for container in self.containers() {
            let own = of(&container.resources);
            match container.role {
                // Gone when the next one starts; sidecars are not.
                Role::Init => most = most.max(together.saturating_add(own)),
                Role::Sidecar | Role::Main => together = together.saturating_add(own),
            }
        }
        most.max(together)
    }

    /// Whether a volume's content is memory (rule G2).
    pub fn has_memory_volume(&self) -> bool {
        self.volumes.iter().any(|volume| {
            matches!(&volume.source, VolumeSource::EmptyDir { medium, .. } if *medium == Medium::Memory)
        })
    }
}

/// What a container is to its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A regular init container: runs to completion before the next one starts.
    Init,
    /// An init container with `restartPolicy: Always`.
    Sidecar,
    /// An entry of `spec.containers`.
    Main,
}

/// One container.
#[derive(Clone, Debug)]
pub struct Container {
    /// `name`.
    pub name: ContainerName,
    /// Which list it stands in, and whether it is a sidecar.
    pub role: Role,
    /// `image` as the manifest spells it.
    pub image: String,
    /// `imagePullPolicy`, defaulted (rule I1).
    pub pull_policy: ImagePullPolicy,
    /// `command`: replaces the image's entrypoint (rule H1).
    pub command: Option<Vec<String>>,
    /// `args`: replaces the image's cmd (rule H1).
    pub args: Option<Vec<String>>,
    /// `workingDir`.
    pub working_dir: Option<String>,
    /// `envFrom`, in order (rule H3).
    pub env_from: Vec<EnvFrom>,
    /// `env`, in order; values not yet resolved (rule H3).
    pub env: Vec<EnvVar>,
    /// `ports`: what it says it listens on; only `hostPort` opens anything.
    pub ports: Vec<ContainerPort>,
    /// `volumeMounts`.
    pub mounts: Vec<Mount>,
    /// Container-level `restartPolicy` of a main or regular init, with its rules (rule A14). A sidecar's `Always` is its role, not this.
    pub restart: Option<ContainerRestart>,
    /// `terminationMessagePath`.
    pub termination_message_path: String,
    /// `terminationMessagePolicy`.
    pub termination_message_policy: TerminationMessagePolicy,
    /// `resources`.
    pub resources: Resources,
    /// `stdin`: standard input stays open for an attach; otherwise it is closed from the start.
    pub stdin: bool,
    /// `tty`.
    pub tty: bool,
    /// `securityContext.readOnlyRootFilesystem`.
    pub read_only_root: bool,
    /// `startupProbe`, `livenessProbe`, `readinessProbe`; none of a regular init container (rule D15).
    pub probes: Probes,
    /// `lifecycle`; none of a regular init container (rule E9).
    pub hooks: Hooks,
}

/// An entry of `ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// `name`; a Service's or a probe's port may be this name.
    pub name: Option<String>,
    /// `containerPort`
    pub port: u16,
    /// `hostPort`: the port of the machine that leads here.
    pub host_port: Option<u16>,
    /// `hostIP`: the machine's address it listens on.
    pub host_ip: Option<IpAddr>,
    /// `protocol`
    pub protocol: Protocol,
}

/// The protocols of ports. SCTP is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `TCP`
    #[default]
    Tcp,
    /// `UDP`
    Udp,
}

/// What `/etc/resolv.conf` is made of (rule H11).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// `spec.dnsPolicy`
    pub policy: DnsPolicy,
    /// `spec.dnsConfig.nameservers`
    pub nameservers: Vec<String>,
    /// `spec.dnsConfig.searches`
    pub searches: Vec<String>,
    /// `spec.dnsConfig.options`: name and value.
    pub options: Vec<(String, Option<String>)>,
}

/// `spec.dnsPolicy`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DnsPolicy {
    /// The pods' and Services' names, then the machine's. `ClusterFirstWithHostNet` is the same here.
    #[default]
    ClusterFirst,
    /// The machine's names only.
    Default,
    /// `dnsConfig` only.
    None,
}

/// `restartPolicy` of the pod or of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// Restart whatever the exit code.
    Always,
    /// Restart unless the exit code is 0.
    OnFailure,
    /// Never restart.
    Never,
}

/// A container's own restart policy and its rules (rule A14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRestart {
    /// `restartPolicy` of the container.
    pub policy: RestartPolicy,
    /// `restartPolicyRules`; the first that matches decides.
    pub rules: Vec<RestartRule>,
}

/// One entry of `restartPolicyRules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartRule {
    /// What to do when the rule matches.
    pub action: RestartAction,
    /// `In` or `NotIn`.
    pub operator: ExitCodeOperator,
    /// `exitCodes.values`.
    pub values: Vec<i32>,
}

/// `action` of a restart rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartAction {
    /// Restart this container.
    Restart,
    /// Restart every container of the pod, from the first init container (rule A16).
    RestartAllContainers,
}

/// `exitCodes.operator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCodeOperator {
    /// The exit code is one of the values.
    In,
    /// The exit code is none of the values.
    NotIn,
}

/// `imagePullPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImagePullPolicy {
    /// Ask the image's source at each start.
    Always,
    /// Ask the image's source only when it is not present.
    IfNotPresent,
    /// Never ask; absent is `ErrImageNeverPull` (rule I2).
    Never,
}

/// `terminationMessagePolicy` (rule B15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TerminationMessagePolicy {
    /// Only the file.
    File,
    /// The log's tail when the file is empty and the exit code is not 0.
    FallbackToLogsOnError,
}

/// Requests and limits; absent means unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// `requests.cpu`.
    pub cpu_request: Option<Millicores>,
    /// `limits.cpu`.
    pub cpu_limit: Option<Millicores>,
    /// `requests.memory`.
    pub memory_request: Option<Bytes>,
    /// `limits.memory`.
    pub memory_limit: Option<Bytes>,
    /// `requests.ephemeral-storage`.
    pub ephemeral_storage_request: Option<Bytes>,
    /// `limits.ephemeral-storage`.
    pub ephemeral_storage_limit: Option<Bytes>,
}

/// A volume of the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// `name`.
    pub name: String,
    /// Where its content comes from.
    pub source: VolumeSource,
}

/// Where a volume's content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeSource {
    /// A directory that lives as long as the pod (rule G2).
    EmptyDir {
        /// `medium`.
        medium: Medium,
        /// `sizeLimit`; none when it is 0.
        size_limit: Option<SizeLimit>,
    },
    /// A path of the machine (rule G3).
    HostPath {
        /// `path`; relative to the manifest's folder when it does not start with `/`.
        path: String,
        /// `type`.
        kind: HostPathType,
    },
    /// Files made of objects and of the pod itself (rules G4–G10): a configMap, secret, downwardAPI or projected volume.
    Files(Files),
    /// The files of an image.
    Image {
        /// `reference`
        reference: String,
        /// `pullPolicy`
        policy: ImagePullPolicy,
    },
}

/// `emptyDir.sizeLimit`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeLimit {
    /// How much.
    pub bytes: Bytes,
    /// As the API server prints it, for messages.
    pub text: String,
}

/// `emptyDir.medium` (rule G2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Medium {
    /// The machine's disk.
    Disk,
    /// `Memory`
    Memory,
    /// One that nobody knows: mounting it fails.
    Unknown(String),
}

/// `hostPath.type` (rule G3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostPathType {
    /// No check.
    Unset,
    /// Made if absent, mode 0755.
    DirectoryOrCreate,
    /// Must be a directory.
    Directory,
    /// Made if absent, mode 0644; its folder must exist.
    FileOrCreate,
    /// Must be a file.
    File,
    /// Must be a unix socket.
    Socket,
    /// Must be a character device.
    CharDevice,
    /// Must be a block device.
    BlockDevice,
}

/// One `volumeMounts` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name; always one of the pod's volumes.
    pub volume: String,
    /// `mountPath`, absolute (rule G13).
    pub path: String,
    /// `readOnly`.
    pub read_only: bool,
    /// `subPath`: relative, without `..` (rule G11).
    pub sub_path: Option<String>,
    /// `subPathExpr`: resolved from the container's environment at every start (rule G12).
    pub sub_path_expr: Option<String>,
}
