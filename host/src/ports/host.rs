//! The logical host of a pod: what Kubernetes calls the sandbox.

use std::sync::Arc;

use super::BoxFuture;
use crate::ipc::{IpcLimits, PodIpc};
use crate::model::{Pod, PodUid};
use crate::network::PodNetwork;

/// Makes logical hosts and releases them.
pub trait LogicalHosts: Send + Sync {
    /// The logical host of the pod. May be called again after a failure.
    fn create(&self, pod: Pod) -> BoxFuture<'_, Result<Arc<LogicalHost>, HostError>>;
    /// Gives back everything of it: address, ports, doors, IPC objects. Harmless for a pod that has none.
    fn release(&self, uid: &PodUid);
}

/// Why a pod has no logical host (yet).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Failed to create pod sandbox: {0}")]
pub struct HostError(pub String);

/// What all containers of one pod share. Created before the first container, gone after the last; it outlives every restart.
#[derive(Clone)]
pub struct LogicalHost {
    /// What containers are told their hostname is (rule H9).
    pub hostname: String,
    /// The pod's own name within its network: the same, unless that is the fully qualified one (rule H9).
    pub short: String,
    /// The fully qualified name, if the pod has a subdomain (rule H9).
    pub fqdn: Option<String>,
    /// `spec.hostAliases` (rule H10).
    pub aliases: Vec<(String, Vec<String>)>,
    /// Its address, loopback and names.
    pub net: Arc<PodNetwork>,
    /// Queues, semaphores and shared memory.
    pub ipc: Arc<PodIpc>,
}

impl LogicalHost {
    /// The logical host of a pod on that network.
    pub fn new(pod: &Pod, net: Arc<PodNetwork>) -> Self {
        Self {
            hostname: pod.spec.uts_hostname.clone(),
            short: pod.spec.hostname.clone(),
            fqdn: pod.spec.fqdn.clone(),
            aliases: pod.spec.host_aliases.clone(),
            net,
            ipc: PodIpc::new(IpcLimits::default()),
        }
    }

    /// `/etc/hosts`, tabs included (rule H10).
    pub fn hosts_file(&self) -> String {
        let mut text = String::from(
            "# Kubernetes-managed hosts file.\n\
             127.0.0.1\tlocalhost\n\
             ::1\tlocalhost ip6-localhost ip6-loopback\n\
             fe00::0\tip6-localnet\n\
             fe00::0\tip6-mcastprefix\n\
             fe00::1\tip6-allnodes\n\
             fe00::2\tip6-allrouters\n",
        );
        text.push_str(&self.net.ip().to_string());
        for name in self.fqdn.iter().chain([&self.short]) {
            text.push('\t');
            text.push_str(name);
        }
        text.push('\n');
        if !self.aliases.is_empty() {
            text.push_str("\n# Entries added by HostAliases.\n");
        }
        for (ip, names) in &self.aliases {
            text.push_str(ip);
            for name in names {
                text.push('\t');
                text.push_str(name);
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
impl LogicalHost {
    /// The first pod of a network of its own, for tests of any room.
    pub(crate) fn of(pod: &Pod) -> Self {
        use crate::network::{NetworkSettings, PodIdentity, Switch};
        let switch = Switch::new(NetworkSettings::default()).expect("a network");
        let net = switch.attach(PodIdentity::of(pod)).expect("an address");
        Self::new(pod, net)
    }
}

#[cfg(test)]
mod tests {
    use super::LogicalHost;
    use crate::model::testing;

    #[test]
    fn h10_the_hosts_file_names_the_pod_and_is_a_kubelets_to_the_tab() {
        let host = LogicalHost::of(&testing::pod());
        assert_eq!(
            host.hosts_file(),
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
             fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n\
             10.88.0.2\tpod\n"
        );
    }

    #[test]
    fn h10_hosts_file_has_the_header_the_pod_and_the_aliases() {
        let mut host = LogicalHost::of(&testing::pod());
        host.short = "web".into();
        // What `setHostnameAsFQDN` makes of it is no second name.
        host.hostname = "web.sub.default.svc.cluster.local".into();
        host.fqdn = Some("web.sub.default.svc.cluster.local".into());
        host.aliases = vec![("1.2.3.4".into(), vec!["a".into(), "b".into()])];
        let text = host.hosts_file();
        assert!(text.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
        assert!(text.contains("\n10.88.0.2\tweb.sub.default.svc.cluster.local\tweb\n"));
        assert!(text.ends_with("\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"));
    }
}
