//! What Kubernetes can and this version cannot: refused, because ignoring it would change what the pod does. One line each, so
//! that lifting a refusal is deleting its line.

use k8s_openapi::api::core::v1 as k8s;

use serde_json::Value;

use super::{no_finalizers, not_yet};
use crate::manifest::fault::{Faults, FieldFault};
use crate::manifest::path::Path;
use crate::model::NODE_NAME;

/// Refuses each field in use that would have to be ignored.
pub(super) fn check(object: &k8s::Pod, faults: &mut Faults) {
    no_finalizers(&object.metadata, faults);
    let Some(spec) = &object.spec else { return };
    let path = Path::root("spec");
    pod(&path, spec, faults);
    let inits = path.field("initContainers");
    for (at, one) in spec.init_containers.iter().flatten().enumerate() {
        container(&inits.index(at), one, faults);
    }
    let mains = path.field("containers");
    for (at, one) in spec.containers.iter().enumerate() {
        container(&mains.index(at), one, faults);
    }
    let volumes = path.field("volumes");
    for (at, one) in spec.volumes.iter().flatten().enumerate() {
        volume(&volumes.index(at), one, faults);
    }
}

/// Refuses what defaulting drops without a word, as an API server does whose feature gates are at their defaults (E8).
pub(in crate::manifest) fn dropped(document: &Value) -> Vec<FieldFault> {
    let mut faults = Faults::default();
    let spec = Path::root("spec");
    for list in ["initContainers", "containers"] {
        let containers = document.get("spec").and_then(|spec| spec.get(list));
        let containers = containers.and_then(Value::as_array);
        for (at, one) in containers.into_iter().flatten().enumerate() {
            let lifecycle = one.get("lifecycle");
            let signal = lifecycle.and_then(|lifecycle| lifecycle.get("stopSignal"));
            if signal.is_some_and(|signal| !signal.is_null()) {
                let list = spec.field(list);
                let container = list.index(at);
                let lifecycle = container.field("lifecycle");
                not_yet(
                    &lifecycle.field("stopSignal"),
                    "another signal than TERM",
                    &mut faults,
                );
            }
        }
    }
    faults.into_vec()
}

#[rustfmt::skip] // a table: one refusal a line
fn pod(path: &Path<'_>, spec: &k8s::PodSpec, faults: &mut Faults) {
    let is = |flag: Option<bool>| flag == Some(true);
    let mut no = |field, used, what| if used { not_yet(&path.field(field), what, faults) };
    no("hostNetwork", is(spec.host_network), "a pod has no part in the machine's network");
    no("hostPID", is(spec.host_pid), "a pod does not see the machine's processes");
    no("hostIPC", is(spec.host_ipc), "a pod has no part in the machine's IPC");
    no("shareProcessNamespace", is(spec.share_process_namespace), "containers do not see each other's processes");
    no("ephemeralContainers", spec.ephemeral_containers.is_some(), "debug containers");
    no("runtimeClassName", spec.runtime_class_name.is_some(), "there is one way to run containers");
    no("schedulingGates", spec.scheduling_gates.is_some(), "nothing here could lift them");
    no("schedulerName", spec.scheduler_name.as_deref() != Some("default-scheduler"), "there is no other scheduler");
    no("nodeName", spec.node_name.as_deref().is_some_and(|name| name != NODE_NAME), "a node other than peapod");
    no("schedulingGroup", spec.scheduling_group.is_some(), "choosing a node");
    no("resourceClaims", spec.resource_claims.is_some(), "claims");
    no("overhead", spec.overhead.is_some(), "there is no runtime class to have overhead");
    no("os", spec.os.as_ref().is_some_and(|os| os.name != "linux"), "an operating system other than linux");
    for (at, one) in spec.topology_spread_constraints.iter().flatten().enumerate() {
        if one.min_domains.is_some_and(|domains| domains > 1) {
            let list = path.field("topologySpreadConstraints");
            not_yet(&list.index(at).field("minDomains"), "there is one node, in one place", faults);
        }
    }
    if let Some(affinity) = &spec.affinity {
        let path = path.field("affinity");
        let wanted = affinity.pod_affinity.as_ref().and_then(|one| one.required_during_scheduling_ignored_during_execution.as_ref());
        let shunned = affinity.pod_anti_affinity.as_ref().and_then(|one| one.required_during_scheduling_ignored_during_execution.as_ref());
        for (field, terms) in [("podAffinity", wanted), ("podAntiAffinity", shunned)] {
            if terms.is_some_and(|terms| !terms.is_empty()) {
                let path = path.field(field);
                let what = "waiting until other pods are here, or gone; preferring it is ignored, as there is one node";
                not_yet(&path.field("requiredDuringSchedulingIgnoredDuringExecution"), what, faults);
            }
        }
    }
    let sysctls = spec.security_context.as_ref().is_some_and(|s| s.sysctls.as_ref().is_some_and(|s| !s.is_empty()));
    let security = path.field("securityContext");
    if sysctls { not_yet(&security.field("sysctls"), "there is no kernel of its own to set up", faults) }
}

#[rustfmt::skip] // a table: one refusal a line
fn container(path: &Path<'_>, one: &k8s::Container, faults: &mut Faults) {
    let mut no = |field, used, what| if used { not_yet(&path.field(field), what, faults) };
    no("volumeDevices", one.volume_devices.is_some(), "block devices");
    let ports = path.field("ports");
    for (at, port) in one.ports.iter().flatten().enumerate() {
        if port.protocol.as_deref() == Some("SCTP") {
            not_yet(&ports.index(at).field("protocol"), "SCTP", faults);
        }
    }
    let env = path.field("env");
    for (at, variable) in one.env.iter().flatten().enumerate() {
        let Some(from) = &variable.value_from else { continue };
        let (path, resource) = (env.index(at), from.resource_field_ref.as_ref());
        let path = path.field("valueFrom");
        if resource.is_some_and(|resource| resource.resource.contains(".hugepages-")) {
            not_yet(&path.field("resourceFieldRef").field("resource"), "huge pages", faults);
        }
    }
    let security = path.field("securityContext");
    let privileged = one.security_context.as_ref().and_then(|context| context.privileged);
    if privileged == Some(true) {
        not_yet(&security.field("privileged"), "a privileged container", faults);
    }
    let resources = path.field("resources");
    let Some(wanted) = &one.resources else { return };
    if wanted.claims.is_some() {
        not_yet(&resources.field("claims"), "claims", faults);
    }
    for (field, list) in [("limits", &wanted.limits), ("requests", &wanted.requests)] {
        let list_path = resources.field(field);
        for name in list.iter().flat_map(|list| list.keys()) {
            if !["cpu", "memory", "ephemeral-storage"].contains(&name.as_str()) {
                not_yet(&list_path.key(name), "a resource this machine does not offer", faults);
            }
        }
    }
}

#[rustfmt::skip] // a table: one refusal a line
fn volume(path: &Path<'_>, one: &k8s::Volume, faults: &mut Faults) {
    for (field, used) in [
        ("awsElasticBlockStore", one.aws_elastic_block_store.is_some()),
        ("azureDisk", one.azure_disk.is_some()),
        ("azureFile", one.azure_file.is_some()),
        ("cephfs", one.cephfs.is_some()),
        ("cinder", one.cinder.is_some()),
        ("csi", one.csi.is_some()),
        ("ephemeral", one.ephemeral.is_some()),
        ("fc", one.fc.is_some()),
        ("flexVolume", one.flex_volume.is_some()),
        ("flocker", one.flocker.is_some()),
        ("gcePersistentDisk", one.gce_persistent_disk.is_some()),
        ("gitRepo", one.git_repo.is_some()),
        ("glusterfs", one.glusterfs.is_some()),
        ("iscsi", one.iscsi.is_some()),
        ("nfs", one.nfs.is_some()),
        ("persistentVolumeClaim", one.persistent_volume_claim.is_some()),
        ("photonPersistentDisk", one.photon_persistent_disk.is_some()),
        ("portworxVolume", one.portworx_volume.is_some()),
        ("quobyte", one.quobyte.is_some()),
        ("rbd", one.rbd.is_some()),
        ("scaleIO", one.scale_io.is_some()),
        ("storageos", one.storageos.is_some()),
        ("vsphereVolume", one.vsphere_volume.is_some()),
    ] {
        if used {
            not_yet(&path.field(field), "a volume that only a cluster has", faults);
        }
    }
    let medium = one.empty_dir.as_ref().and_then(|source| source.medium.as_deref());
    if medium.is_some_and(|medium| medium.starts_with("HugePages")) {
        not_yet(&path.field("emptyDir").field("medium"), "huge pages", faults);
    }
    let sources = path.field("projected");
    let sources = sources.field("sources");
    for (at, source) in one.projected.iter().flat_map(|one| one.sources.iter().flatten()).enumerate() {
        for (field, used, what) in [
            ("serviceAccountToken", source.service_account_token.is_some(), "there is no API server to take a token"),
            ("clusterTrustBundle", source.cluster_trust_bundle.is_some(), "there is no cluster to have trust bundles"),
            ("podCertificate", source.pod_certificate.is_some(), "there is no cluster to sign certificates"),
        ] {
            if used {
                not_yet(&sources.index(at).field(field), what, faults);
            }
        }
    }
}
