//! Containers of the model.

use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{environment, protocol, restart_policy};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;
use crate::manifest::validate::IP;
use crate::model::{
    Amount, Bytes, Container, ContainerName, ContainerPort, ContainerRestart, ExitCodeOperator,
    ImagePullPolicy, Millicores, Mount, Resources, RestartAction, RestartRule, Role,
    TerminationMessagePolicy,
};

/// Converts `spec.containers` or, with `init`, `spec.initContainers`.
pub(super) fn list(
    path: &Path<'_>,
    containers: &[k8s::Container],
    init: bool,
    faults: &mut Faults,
) -> Vec<Container> {
    containers
        .iter()
        .enumerate()
        .map(|(at, one)| container(&path.index(at), one, init, faults))
        .collect()
}

fn container(path: &Path<'_>, one: &k8s::Container, init: bool, faults: &mut Faults) -> Container {
    let role = match (init, one.restart_policy.as_deref()) {
        (false, _) => Role::Main,
        (true, Some("Always")) => Role::Sidecar,
        (true, _) => Role::Init,
    };
    Container {
        name: ContainerName::new(one.name.as_str()),
        role,
        image: one.image.clone().unwrap_or_default(),
        pull_policy: pull_policy(
            &path.field("imagePullPolicy"),
            one.image_pull_policy.as_deref(),
            faults,
        ),
        command: one.command.clone(),
        args: one.args.clone(),
        working_dir: one.working_dir.clone(),
        env_from: environment::from(one.env_from.as_deref().unwrap_or_default()),
        env: environment::variables(
            &path.field("env"),
            one.env.as_deref().unwrap_or_default(),
            faults,
        ),
        ports: ports(
            &path.field("ports"),
            one.ports.as_deref().unwrap_or_default(),
            faults,
        ),
        mounts: one.volume_mounts.iter().flatten().map(mount).collect(),
        restart: restart(path, one, role, faults),
        termination_message_path: one.termination_message_path.clone().unwrap_or_default(),
        termination_message_policy: match one.termination_message_policy.as_deref() {
            Some("FallbackToLogsOnError") => TerminationMessagePolicy::FallbackToLogsOnError,
            _ => TerminationMessagePolicy::File,
        },
        resources: resources(one.resources.as_ref()),
        stdin: one.stdin.unwrap_or_default(),
        tty: one.tty.unwrap_or_default(),
        read_only_root: one
            .security_context
            .as_ref()
            .and_then(|context| context.read_only_root_filesystem)
            .unwrap_or_default(),
        probes: super::probes::probes(path, one, role, faults),
        hooks: super::probes::hooks(path, one, role, faults),
    }
}

pub(super) fn pull_policy(
    path: &Path<'_>,
    policy: Option<&str>,
    faults: &mut Faults,
) -> ImagePullPolicy {
    match policy {
        Some("Always") => ImagePullPolicy::Always,
        Some("IfNotPresent") => ImagePullPolicy::IfNotPresent,
        Some("Never") => ImagePullPolicy::Never,
        other => {
            faults.unsupported(
                path,
                other.unwrap_or_default(),
                &["Always", "IfNotPresent", "Never"],
            );
            ImagePullPolicy::Never
        }
    }
}

/// A14. A sidecar's `Always` is its role; rules it may have all the same.
fn restart(
    path: &Path<'_>,
    one: &k8s::Container,
    role: Role,
    faults: &mut Faults,
) -> Option<ContainerRestart> {
    let policy = one.restart_policy.as_deref()?;
    if role == Role::Sidecar && one.restart_policy_rules.is_none() {
        return None;
    }
    let rules = path.field("restartPolicyRules");
    Some(ContainerRestart {
        policy: restart_policy(&path.field("restartPolicy"), policy, faults),
        rules: one
            .restart_policy_rules
            .iter()
            .flatten()
            .enumerate()
            .filter_map(|(at, rule)| restart_rule(&rules.index(at), rule, faults))
            .collect(),
    })
}

fn restart_rule(
    path: &Path<'_>,
    rule: &k8s::ContainerRestartRule,
    faults: &mut Faults,
) -> Option<RestartRule> {
    let Some(codes) = &rule.exit_codes else {
        faults.required(&path.field("exitCodes"), "");
        return None;
    };
    Some(RestartRule {
        action: match rule.action.as_str() {
            "RestartAllContainers" => RestartAction::RestartAllContainers,
            _ => RestartAction::Restart,
        },
        operator: match codes.operator.as_str() {
            "NotIn" => ExitCodeOperator::NotIn,
            _ => ExitCodeOperator::In,
        },
        values: codes.values.clone().unwrap_or_default(),
    })
}

fn ports(path: &Path<'_>, ports: &[k8s::ContainerPort], faults: &mut Faults) -> Vec<ContainerPort> {
    let number = |number: i32| u16::try_from(number).ok().filter(|number| *number != 0);
    ports
        .iter()
        .enumerate()
        .filter_map(|(at, one)| {
            let path = path.index(at);
            let text = one.host_ip.as_deref().unwrap_or_default();
            let host_ip = text.parse().ok();
            // The server takes any text; the machine could not listen on it.
            if !text.is_empty() && host_ip.is_none() {
                faults.invalid(&path.field("hostIP"), text, IP);
            }
            let Some(port) = number(one.container_port) else {
                faults.invalid(
                    &path.field("containerPort"),
                    one.container_port,
                    "must be a port",
                );
                return None;
            };
            Some(ContainerPort {
                name: one.name.clone(),
                port,
                host_port: one.host_port.and_then(number),
                host_ip,
                protocol: protocol(one.protocol.as_deref()),
            })
        })
        .collect()
}

fn mount(mount: &k8s::VolumeMount) -> Mount {
    // G13: a relative path counts from the root.
    let path = if mount.mount_path.starts_with('/') {
        mount.mount_path.clone()
    } else {
        format!("/{}", mount.mount_path)
    };
    Mount {
        volume: mount.name.clone(),
        path,
        read_only: mount.read_only.unwrap_or_default(),
        sub_path: mount.sub_path.clone(),
        sub_path_expr: mount.sub_path_expr.clone(),
    }
}

pub(super) fn resources(resources: Option<&k8s::ResourceRequirements>) -> Resources {
    let amount = |limits: bool, name: &str| {
        let resources = resources?;
        let list = if limits {
            resources.limits.as_ref()
        } else {
            resources.requests.as_ref()
        };
        parse(list?.get(name)?)
    };
    let cpu = |limits| {
        amount(limits, "cpu")
            .and_then(Amount::millis)
            .map(Millicores)
    };
    let bytes = |limits, name| amount(limits, name).and_then(Amount::units).map(Bytes);
    Resources {
        cpu_request: cpu(false),
        cpu_limit: cpu(true),
        memory_request: bytes(false, "memory"),
        memory_limit: bytes(true, "memory"),
        ephemeral_storage_request: bytes(false, "ephemeral-storage"),
        ephemeral_storage_limit: bytes(true, "ephemeral-storage"),
    }
}

/// J2: zero is unset.
fn parse(quantity: &Quantity) -> Option<Amount> {
    Amount::parse(&quantity.0).ok().filter(|a| !a.is_zero())
}
