//! `spec.containers` and `spec.initContainers` (K6–K11, K48).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerRestartRule, PodSpec};

use super::volumes::Volumes;
use super::{env, forms, mounts, ports, probes, resources, security, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

const MAX_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;
const RULES_NEED_POLICY: &str = "must specify restartPolicy when restart rules are used";

/// Validates the mains, then the init containers.
pub(super) fn check(path: &Path<'_>, spec: &PodSpec, volumes: &Volumes<'_>, faults: &mut Faults) {
    let grace = spec.termination_grace_period_seconds.unwrap_or_default();
    let mains = path.field("containers");
    let mut names = BTreeSet::new();
    if spec.containers.is_empty() {
        faults.required(&mains, "");
    }
    for (at, container) in spec.containers.iter().enumerate() {
        let path = mains.index(at);
        common(&path, container, volumes, spec, faults);
        if !names.insert(container.name.as_str()) {
            faults.duplicate(&path.field("name"), &container.name);
        }
        probes::check(&path, container, grace, faults);
        restart(&path, container, faults);
    }
    ports::conflicts(&mains, &spec.containers, faults);

    let inits = path.field("initContainers");
    for (at, container) in spec.init_containers.iter().flatten().enumerate() {
        let path = inits.index(at);
        common(&path, container, volumes, spec, faults);
        if container.restart_policy.is_some() || container.restart_policy_rules.is_none() {
            restart(&path, container, faults);
        } else {
            faults.required(&path.field("restartPolicy"), RULES_NEED_POLICY);
        }
        if !names.insert(container.name.as_str()) && !container.name.is_empty() {
            faults.duplicate(&path.field("name"), &container.name);
        }
        // One by one: init containers run one after the other, so only a container's own ports can conflict.
        ports::conflicts(&inits, std::slice::from_ref(container), faults);
        if container.restart_policy.as_deref() == Some("Always") {
            probes::check(&path, container, grace, faults);
        } else {
            probes::forbid(&path, container, faults);
            let policies = path.field("resizePolicy");
            for (at, policy) in container.resize_policy.iter().flatten().enumerate() {
                if policy.restart_policy == "RestartContainer" {
                    let path = policies.index(at);
                    let message =
                        "must not be set to 'RestartContainer' for non-sidecar initContainers";
                    faults.invalid(
                        &path.field("restartPolicy"),
                        &policy.restart_policy,
                        message,
                    );
                }
            }
        }
    }
}

fn common(
    path: &Path<'_>,
    container: &Container,
    volumes: &Volumes<'_>,
    spec: &PodSpec,
    faults: &mut Faults,
) {
    let name = path.field("name");
    if container.name.is_empty() {
        faults.required(&name, "");
    } else {
        forms(&name, Some(&container.name), text::label, faults);
    }
    let image = container.image.as_deref().unwrap_or_default();
    if image.is_empty() {
        faults.required(&path.field("image"), "");
    }
    faults.one_of(
        &path.field("terminationMessagePolicy"),
        container
            .termination_message_policy
            .as_deref()
            .unwrap_or_default(),
        &["File", "FallbackToLogsOnError"],
    );
    ports::check(
        &path.field("ports"),
        container.ports.as_deref().unwrap_or_default(),
        faults,
    );
    env::variables(
        &path.field("env"),
        container.env.as_deref().unwrap_or_default(),
        faults,
    );
    env::from(
        &path.field("envFrom"),
        container.env_from.as_deref().unwrap_or_default(),
        faults,
    );
    mounts::check(path, container, volumes, faults);
    faults.one_of(
        &path.field("imagePullPolicy"),
        container.image_pull_policy.as_deref().unwrap_or_default(),
        &["Always", "IfNotPresent", "Never"],
    );
    if let Some(wanted) = &container.resources {
        resources::check(&path.field("resources"), wanted, faults);
    }
    let pod_policy = spec.restart_policy.as_deref().unwrap_or_default();
    resources::resize(&path.field("resizePolicy"), container, pod_policy, faults);
    if let Some(context) = &container.security_context {
        let host_users = spec.host_users != Some(false);
        let path = path.field("securityContext");
        security::container(&path, context, host_users, faults);
    }
}

/// A14: the container's own restart policy and rules.
fn restart(path: &Path<'_>, container: &Container, faults: &mut Faults) {
    let policy = path.field("restartPolicy");
    let rules = container
        .restart_policy_rules
        .as_deref()
        .unwrap_or_default();
    match container.restart_policy.as_deref() {
        None if !rules.is_empty() => faults.required(&policy, RULES_NEED_POLICY),
        None => {}
        Some(text) => faults.one_of(&policy, text, &["Always", "Never", "OnFailure"]),
    }
    let list = path.field("restartPolicyRules");
    if rules.len() > MAX_RULES {
        too_many(&list, rules.len(), MAX_RULES, faults);
    }
    for (at, rule) in rules.iter().enumerate() {
        self::rule(&list.index(at), rule, faults);
    }
}

fn too_many(path: &Path<'_>, found: usize, most: usize, faults: &mut Faults) {
    let message = format!("Too many: {found}: must have at most {most} items");
    faults.push(path, crate::manifest::fault::FaultKind::TooMany, message);
}

fn rule(path: &Path<'_>, rule: &ContainerRestartRule, faults: &mut Faults) {
    faults.one_of(
        &path.field("action"),
        &rule.action,
        &["Restart", "RestartAllContainers"],
    );
    let exit_codes = path.field("exitCodes");
    let Some(codes) = &rule.exit_codes else {
        return faults.required(&exit_codes, "must be specified");
    };
    let operator = exit_codes.field("operator");
    faults.one_of(&operator, &codes.operator, &["In", "NotIn"]);
    let values = codes.values.as_deref().unwrap_or_default();
    let field = exit_codes.field("values");
    if values.len() > MAX_EXIT_CODES {
        too_many(&field, values.len(), MAX_EXIT_CODES, faults);
    }
}
