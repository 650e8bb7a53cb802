//! From the model's pod to what the network knows of it.

use super::{EgressPolicy, PodIdentity, ResolvConf};
use crate::model::Pod;

impl PodIdentity {
    /// Who the pod is; without bandwidth limits and without egress.
    pub fn of(pod: &Pod) -> Self {
        Self {
            uid: pod.meta.uid.clone(),
            name: pod.meta.name.clone(),
            namespace: pod.meta.namespace.clone(),
            hostname: pod.spec.hostname.clone(),
            fqdn: pod.spec.fqdn.clone(),
            aliases: pod.spec.host_aliases.clone(),
            ingress_bits_per_second: None,
            egress_bits_per_second: None,
            egress: EgressPolicy::default(),
            resolv: ResolvConf::default(),
        }
    }
}
