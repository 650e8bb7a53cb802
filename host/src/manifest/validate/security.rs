//! `securityContext` of pods and containers, and what the host's namespaces forbid.

use k8s_openapi::api::core::v1::{PodSpec, SeccompProfile, SecurityContext};
use serde_json::{Value, json};

use super::text;
use crate::manifest::fault::{Faults, Json};
use crate::manifest::path::Path;

/// Validates the pod's security context and what it says about the machine's namespaces.
pub(super) fn pod(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    host_network(&path.field("containers"), spec, faults);
    let Some(context) = &spec.security_context else {
        return;
    };
    let security = path.field("securityContext");
    ids(
        &security,
        &[
            ("fsGroup", context.fs_group),
            ("runAsUser", context.run_as_user),
            ("runAsGroup", context.run_as_group),
        ],
        faults,
    );
    let groups = security.field("supplementalGroups");
    for (at, group) in context.supplemental_groups.iter().flatten().enumerate() {
        if let Some(message) = text::id(*group) {
            faults.invalid(&groups.index(at), *group, &message);
        }
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        faults.invalid(
            &security.field("shareProcessNamespace"),
            true,
            "ShareProcessNamespace and HostPID cannot both be enabled",
        );
    }
    if let Some(policy) = &context.fs_group_change_policy {
        let field = security.field("fsGroupChangePolicy");
        faults.one_of(&field, policy, &["Always", "OnRootMismatch"]);
    }
    seccomp(
        &security.field("seccompProfile"),
        context.seccomp_profile.as_ref(),
        faults,
    );
    if let Some(policy) = &context.supplemental_groups_policy {
        let field = security.field("supplementalGroupsPolicy");
        faults.one_of(&field, policy, &["Merge", "Strict"]);
    }
}

fn host_network(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    if spec.host_network != Some(true) {
        return;
    }
    for (at, container) in spec.containers.iter().enumerate() {
        let container_path = path.index(at);
        let ports = container_path.field("ports");
        for (at, port) in container.ports.iter().flatten().enumerate() {
            let number = port.host_port.unwrap_or_default();
            if number != port.container_port {
                let message = "must match `containerPort` when `hostNetwork` is true";
                faults.invalid(&ports.index(at).field("hostPort"), number, message);
            }
        }
    }
}

/// A pod with users of its own cannot share the machine's other namespaces.
pub(super) fn host_users(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    if spec.host_users != Some(false) {
        return;
    }
    for (field, shared) in [
        ("hostNetwork", spec.host_network),
        ("hostPID", spec.host_pid),
        ("hostIPC", spec.host_ipc),
    ] {
        if shared == Some(true) {
            faults.forbidden(&path.field(field), "when `hostUsers` is false");
        }
    }
}

/// Validates a container's security context.
pub(super) fn container(path: &Path<'_>, context: &SecurityContext, faults: &mut Faults) {
    ids(
        path,
        &[
            ("runAsUser", context.run_as_user),
            ("runAsGroup", context.run_as_group),
        ],
        faults,
    );
    if let Some(kind) = &context.proc_mount {
        faults.one_of(&path.field("procMount"), kind, &["Default", "Unmasked"]);
    }
    seccomp(
        &path.field("seccompProfile"),
        context.seccomp_profile.as_ref(),
        faults,
    );
    if context.allow_privilege_escalation == Some(false) {
        if context.privileged == Some(true) {
            faults.invalid(
                path,
                Json(internal(context)),
                "cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
            );
        }
        let added = context.capabilities.as_ref().and_then(|c| c.add.as_ref());
        if added
            .into_iter()
            .flatten()
            .any(|name| name == "CAP_SYS_ADMIN")
        {
            faults.invalid(
                path,
                Json(internal(context)),
                "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
            );
        }
    }
}

fn ids(path: &Path<'_>, ids: &[(&str, Option<i64>)], faults: &mut Faults) {
    for (field, id) in ids {
        if let Some(id) = id
            && let Some(message) = text::id(*id)
        {
            faults.invalid(&path.field(field), *id, &message);
        }
    }
}

fn seccomp(path: &Path<'_>, profile: Option<&SeccompProfile>, faults: &mut Faults) {
    let Some(profile) = profile else { return };
    let kind = path.field("type");
    if profile.type_.is_empty() {
        faults.required(&kind, "type is required when seccompProfile is set");
    } else {
        faults.one_of(
            &kind,
            &profile.type_,
            &["Localhost", "RuntimeDefault", "Unconfined"],
        );
    }
    let local = path.field("localhostProfile");
    match (&profile.localhost_profile, profile.type_ == "Localhost") {
        (None, true) => faults.required(&local, "must be set when seccomp type is Localhost"),
        (Some(name), true) => {
            super::forms(&local, Some(name), text::descending_path, faults);
        }
        (Some(name), false) => {
            let message = "can only be set when seccomp type is Localhost";
            faults.invalid(&local, name, message);
        }
        (None, false) => {}
    }
}

/// The server prints its internal form of the value: Go's field names, in the order of its type.
fn internal(context: &SecurityContext) -> String {
    let fields: [(&str, Value); 12] = [
        ("Capabilities", json!(context.capabilities)),
        ("Privileged", json!(context.privileged)),
        ("SELinuxOptions", json!(context.se_linux_options)),
        ("WindowsOptions", json!(context.windows_options)),
        ("RunAsUser", json!(context.run_as_user)),
        ("RunAsGroup", json!(context.run_as_group)),
        ("RunAsNonRoot", json!(context.run_as_non_root)),
        (
            "ReadOnlyRootFilesystem",
            json!(context.read_only_root_filesystem),
        ),
        (
            "AllowPrivilegeEscalation",
            json!(context.allow_privilege_escalation),
        ),
        ("ProcMount", json!(context.proc_mount)),
        ("SeccompProfile", json!(context.seccomp_profile)),
        ("AppArmorProfile", json!(context.app_armor_profile)),
    ];
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}
