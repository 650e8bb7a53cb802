//! The logical host of a pod: what Kubernetes calls the sandbox.

use std::sync::Arc;

use crate::ipc::{IpcLimits, PodIpc};
use crate::model::Pod;

/// What all containers of one pod share. Created before the first container, gone after the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalHost {
    /// The hostname (rule H9).
    pub hostname: String,
    /// The fully qualified name, if the pod has a subdomain (rule H9).
    pub fqdn: Option<String>,
    /// Addresses of the pod; empty where there is no network.
    pub ips: Vec<String>,
    /// `spec.hostAliases` (rule H10).
    pub aliases: Vec<(String, Vec<String>)>,
    /// Queues, semaphores and shared memory.
    pub ipc: Arc<PodIpc>,
}

impl LogicalHost {
    /// The logical host of a pod without a network.
    pub fn of(pod: &Pod) -> Self {
        Self {
            hostname: pod.spec.hostname.clone(),
            fqdn: pod.spec.fqdn.clone(),
            ips: Vec::new(),
            aliases: pod.spec.host_aliases.clone(),
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
        for ip in &self.ips {
            text.push_str(ip);
            for name in self.fqdn.iter().chain([&self.hostname]) {
                text.push('\t');
                text.push_str(name);
            }
            text.push('\n');
        }
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
mod tests {
    use super::LogicalHost;
    use crate::ipc::{IpcLimits, PodIpc};

    #[test]
    fn h10_hosts_file_has_the_header_the_pod_and_the_aliases() {
        let host = LogicalHost {
            hostname: "web".into(),
            fqdn: Some("web.sub.default.svc.cluster.local".into()),
            ips: vec!["10.88.0.2".into()],
            aliases: vec![("1.2.3.4".into(), vec!["a".into(), "b".into()])],
            ipc: PodIpc::new(IpcLimits::default()),
        };
        let text = host.hosts_file();
        assert!(text.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
        assert!(text.contains("\n10.88.0.2\tweb.sub.default.svc.cluster.local\tweb\n"));
        assert!(text.ends_with("\n\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n"));
    }
}
