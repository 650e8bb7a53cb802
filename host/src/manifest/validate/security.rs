//! `securityContext` of pods and containers, and what the host's namespaces forbid.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, PodSpec, SeccompProfile, SecurityContext, Sysctl,
};
use serde_json::{Value, json};

use super::text;
use crate::manifest::fault::{Faults, Json, Shown};
use crate::manifest::path::Path;

/// Validates the pod's security context and what it says about the machine's namespaces.
pub(super) fn pod(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
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
    sysctls(
        &security.field("sysctls"),
        context.sysctls.as_deref().unwrap_or_default(),
        faults,
    );
    if let Some(policy) = &context.fs_group_change_policy {
        let field = security.field("fsGroupChangePolicy");
        faults.one_of(&field, policy, &["Always", "OnRootMismatch"]);
    }
    seccomp(
        &security.field("seccompProfile"),
        context.seccomp_profile.as_ref(),
        faults,
    );
    apparmor(
        &security.field("appArmorProfile"),
        context.app_armor_profile.as_ref(),
        faults,
    );
    if let Some(policy) = &context.supplemental_groups_policy {
        let field = security.field("supplementalGroupsPolicy");
        faults.one_of(&field, policy, &["Merge", "Strict"]);
    }
    if let Some(policy) = &context.se_linux_change_policy {
        let field = security.field("seLinuxChangePolicy");
        faults.one_of(&field, policy, &["MountOption", "Recursive"]);
    }
}

fn sysctls(path: &Path<'_>, sysctls: &[Sysctl], faults: &mut Faults) {
    let mut seen = Vec::new();
    for (at, one) in sysctls.iter().enumerate() {
        let entry = path.index(at);
        let path = entry.field("name");
        let part = |part: &str| {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            part.bytes().next().is_some_and(fits)
                && part.bytes().next_back().is_some_and(fits)
                && part.bytes().all(|b| fits(b) || matches!(b, b'-' | b'_'))
        };
        if one.name.is_empty() {
            faults.required(&path, "");
        } else if one.name.len() > 253 || !one.name.split(['.', '/']).all(part) {
            faults.invalid(
                &path,
                &one.name,
                r"must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
            );
        } else if seen.contains(&&one.name) {
            faults.duplicate(&path, &one.name);
        }
        seen.push(&one.name);
    }
}

fn apparmor(path: &Path<'_>, profile: Option<&AppArmorProfile>, faults: &mut Faults) {
    let Some(profile) = profile else { return };
    let local = path.field("localhostProfile");
    let name = profile.localhost_profile.as_deref();
    match (profile.type_.as_str(), name) {
        ("Localhost", None | Some("")) => {
            faults.required(&local, "must be set when AppArmor type is Localhost");
        }
        ("Localhost", Some(name)) if name.trim() != name => {
            faults.invalid(&local, name, "must not be padded with whitespace");
        }
        ("Localhost", Some(name)) if name.len() > 4095 => faults.too_long(&local, 4095),
        ("RuntimeDefault" | "Unconfined", Some(name)) => {
            let message = "can only be set when AppArmor type is Localhost";
            faults.invalid(&local, name, message);
        }
        ("Localhost" | "RuntimeDefault" | "Unconfined", _) => {}
        ("", _) => faults.required(
            &path.field("type"),
            "type is required when appArmorProfile is set",
        ),
        (other, _) => faults.unsupported(
            &path.field("type"),
            other,
            &["Localhost", "RuntimeDefault", "Unconfined"],
        ),
    }
}

/// Under the machine's network a container's port is the machine's.
pub(super) fn host_network(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
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
        // The server spells these two like that.
        ("HostPID", spec.host_pid),
        ("HostIPC", spec.host_ipc),
    ] {
        if shared == Some(true) {
            faults.forbidden(&path.field(field), "when `hostUsers` is false");
        }
    }
    each_container(path, spec, |path, container| {
        if container.volume_devices.is_some() {
            faults.forbidden(&path.field("volumeDevices"), "when `hostUsers` is false");
        }
    });
}

fn each_container(path: &Path<'_>, spec: &PodSpec, mut visit: impl FnMut(&Path<'_>, &Container)) {
    for (field, containers) in [
        ("initContainers", spec.init_containers.as_ref()),
        ("containers", Some(&spec.containers)),
    ] {
        let list = path.field(field);
        for (at, container) in containers.into_iter().flatten().enumerate() {
            visit(&list.index(at), container);
        }
    }
}

/// What a pod for Linux may not have. What one for Windows may not is not looked for: such a pod is refused further on.
pub(super) fn operating_system(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    if spec.os.as_ref().is_none_or(|os| os.name != "linux") {
        return;
    }
    let message = "windows options cannot be set for a linux pod";
    let pod = spec.security_context.as_ref();
    if pod.is_some_and(|context| context.windows_options.is_some()) {
        let security = path.field("securityContext");
        faults.forbidden(&security.field("windowsOptions"), message);
    }
    each_container(path, spec, |path, container| {
        let context = container.security_context.as_ref();
        if context.is_some_and(|context| context.windows_options.is_some()) {
            let security = path.field("securityContext");
            faults.forbidden(&security.field("windowsOptions"), message);
        }
    });
}

/// Validates a container's security context.
pub(super) fn container(
    path: &Path<'_>,
    context: &SecurityContext,
    host_users: bool,
    faults: &mut Faults,
) {
    ids(
        path,
        &[
            ("runAsUser", context.run_as_user),
            ("runAsGroup", context.run_as_group),
        ],
        faults,
    );
    if let Some(kind) = &context.proc_mount {
        let path = path.field("procMount");
        faults.one_of(&path, kind, &["Default", "Unmasked"]);
        if host_users && kind == "Unmasked" {
            faults.invalid(&path, kind, "`hostUsers` must be false to use `Unmasked`");
        }
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
    apparmor(
        &path.field("appArmorProfile"),
        context.app_armor_profile.as_ref(),
        faults,
    );
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
            let value = format!(
                r#"{{"Type":{},"LocalhostProfile":{}}}"#,
                profile.type_.as_str().shown(),
                name.shown()
            );
            faults.invalid(&local, Json(value), message);
        }
        (None, false) => {}
    }
}

/// The server prints its internal form of the value: Go's field names, in the order of its type.
fn internal(context: &SecurityContext) -> String {
    let fields: [(&str, Value); 12] = [
        ("Capabilities", capabilities(context)),
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

fn capabilities(context: &SecurityContext) -> Value {
    let Some(capabilities) = &context.capabilities else {
        return Value::Null;
    };
    json!({ "Add": capabilities.add, "Drop": capabilities.drop })
}
