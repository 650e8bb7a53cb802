//! Defaults of one container.

use k8s_openapi::api::core::v1::{
    Container, EnvVarSource, HTTPGetAction, ObjectFieldSelector, Probe, ResourceFieldSelector,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{default, default_number, fill_requests, image, round, unset};

/// Fills in the defaults of one container or init container.
pub(super) fn apply(container: &mut Container, host_network: bool) {
    unset_empty(container);
    if container.image_pull_policy.is_none() {
        let image = container.image.as_deref().unwrap_or_default();
        container.image_pull_policy = Some(image::pull_policy(image).to_owned());
    }
    default(
        &mut container.termination_message_path,
        "/dev/termination-log",
    );
    default(&mut container.termination_message_policy, "File");
    for port in container.ports.iter_mut().flatten() {
        unset(&mut port.name);
        unset(&mut port.host_ip);
        unset(&mut port.host_port);
        unset(&mut port.protocol);
        default(&mut port.protocol, "TCP");
        if host_network && port.host_port.is_none() {
            port.host_port = Some(port.container_port).filter(|port| *port != 0);
        }
    }
    for env in container.env.iter_mut().flatten() {
        unset(&mut env.value);
        if let Some(EnvVarSource {
            field_ref,
            resource_field_ref,
            file_key_ref,
            ..
        }) = &mut env.value_from
        {
            if let Some(file) = file_key_ref {
                file.optional.get_or_insert(false);
            }
            selectors(field_ref.as_mut(), resource_field_ref.as_mut());
        }
    }
    for mount in container.volume_mounts.iter_mut().flatten() {
        unset(&mut mount.read_only);
        unset(&mut mount.sub_path);
        unset(&mut mount.sub_path_expr);
    }
    let resources = container.resources.get_or_insert_default();
    round(resources);
    let mut requests = resources.requests.take().unwrap_or_default();
    fill_requests(&mut requests, resources.limits.as_ref());
    resources.requests = Some(requests).filter(|r| !r.is_empty());
    for found in [
        &mut container.liveness_probe,
        &mut container.readiness_probe,
        &mut container.startup_probe,
    ]
    .into_iter()
    .flatten()
    {
        probe(found);
    }
    if let Some(lifecycle) = &mut container.lifecycle {
        for hook in [&mut lifecycle.post_start, &mut lifecycle.pre_stop]
            .into_iter()
            .flatten()
        {
            if let Some(http) = &mut hook.http_get {
                http_get(http);
            }
        }
    }
    // Its feature gate is off by default, and the server then drops the field without a word (E8).
    let stop_signal = container.lifecycle.as_mut().map(|l| l.stop_signal.take());
    if stop_signal.flatten().is_some() {
        unset(&mut container.lifecycle);
    }
}

fn unset_empty(container: &mut Container) {
    for text in [
        &mut container.image,
        &mut container.image_pull_policy,
        &mut container.working_dir,
        &mut container.termination_message_path,
        &mut container.termination_message_policy,
    ] {
        unset(text);
    }
    for flag in [
        &mut container.stdin,
        &mut container.stdin_once,
        &mut container.tty,
    ] {
        unset(flag);
    }
    unset(&mut container.args);
    unset(&mut container.command);
    unset(&mut container.env);
    unset(&mut container.env_from);
    unset(&mut container.ports);
    unset(&mut container.resize_policy);
    unset(&mut container.volume_mounts);
    unset(&mut container.volume_devices);
    unset(&mut container.restart_policy_rules);
}

/// A field reference is `v1` unless it says otherwise; a divisor that is not given is written as 0.
pub(super) fn selectors(
    field: Option<&mut ObjectFieldSelector>,
    resource: Option<&mut ResourceFieldSelector>,
) {
    if let Some(field) = field {
        unset(&mut field.api_version);
        default(&mut field.api_version, "v1");
    }
    if let Some(resource) = resource {
        resource
            .divisor
            .get_or_insert_with(|| Quantity("0".to_owned()));
    }
}

/// D1: 0 means "default".
fn probe(probe: &mut Probe) {
    default_number(&mut probe.timeout_seconds, 1);
    default_number(&mut probe.period_seconds, 10);
    default_number(&mut probe.success_threshold, 1);
    default_number(&mut probe.failure_threshold, 3);
    unset(&mut probe.initial_delay_seconds);
    if let Some(http) = &mut probe.http_get {
        http_get(http);
    }
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn http_get(http: &mut HTTPGetAction) {
    for text in [&mut http.path, &mut http.scheme, &mut http.host] {
        unset(text);
    }
    unset(&mut http.http_headers);
    default(&mut http.path, "/");
    default(&mut http.scheme, "HTTP");
}
