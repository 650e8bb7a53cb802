//! Probes and lifecycle hooks (K36–K42).

use k8s_openapi::api::core::v1::{
    Container, ExecAction, HTTPGetAction, LifecycleHandler, Probe, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

/// Validates hooks and probes of a container that may have them; `grace` is the pod's.
pub(super) fn check(path: &Path<'_>, container: &Container, grace: i64, faults: &mut Faults) {
    if let Some(lifecycle) = &container.lifecycle {
        let path = path.field("lifecycle");
        for (field, hook) in [
            ("postStart", &lifecycle.post_start),
            ("preStop", &lifecycle.pre_stop),
        ] {
            if let Some(hook) = hook {
                handler(&path.field(field), &Handler::of_hook(hook), grace, faults);
            }
        }
    }
    let must_be_one = |path: &Path<'_>, probe: &Probe, faults: &mut Faults| {
        if let Some(threshold) = probe.success_threshold.filter(|n| *n != 1) {
            faults.invalid(&path.field("successThreshold"), threshold, "must be 1");
        }
    };
    if let Some(probe) = &container.liveness_probe {
        let path = path.field("livenessProbe");
        self::probe(&path, probe, grace, faults);
        must_be_one(&path, probe, faults);
    }
    if let Some(probe) = &container.readiness_probe {
        let path = path.field("readinessProbe");
        self::probe(&path, probe, grace, faults);
        if let Some(seconds) = probe.termination_grace_period_seconds {
            let field = path.field("terminationGracePeriodSeconds");
            faults.invalid(&field, seconds, "must not be set for readinessProbes");
        }
    }
    if let Some(probe) = &container.startup_probe {
        let path = path.field("startupProbe");
        self::probe(&path, probe, grace, faults);
        must_be_one(&path, probe, faults);
    }
}

/// Refuses hooks and probes of an init container that runs to completion (D15, E9).
pub(super) fn forbid(path: &Path<'_>, container: &Container, faults: &mut Faults) {
    for (field, used) in [
        ("lifecycle", container.lifecycle.is_some()),
        ("livenessProbe", container.liveness_probe.is_some()),
        ("readinessProbe", container.readiness_probe.is_some()),
        ("startupProbe", container.startup_probe.is_some()),
    ] {
        if used {
            faults.forbidden(
                &path.field(field),
                "may not be set for init containers without restartPolicy=Always",
            );
        }
    }
}

fn probe(path: &Path<'_>, probe: &Probe, grace: i64, faults: &mut Faults) {
    handler(path, &Handler::of_probe(probe), grace, faults);
    for (field, number) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        if let Some(number) = number.filter(|number| *number < 0) {
            let message = "must be greater than or equal to 0";
            faults.invalid(&path.field(field), number, message);
        }
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|n| *n <= 0) {
        let field = path.field("terminationGracePeriodSeconds");
        faults.invalid(&field, seconds, "must be greater than 0");
    }
}

/// What probes and hooks have in common.
struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http: Option<&'a HTTPGetAction>,
    tcp: Option<&'a TCPSocketAction>,
    grpc_port: Option<i32>,
    sleep: Option<i64>,
}

impl<'a> Handler<'a> {
    fn of_probe(probe: &'a Probe) -> Self {
        Self {
            exec: probe.exec.as_ref(),
            http: probe.http_get.as_ref(),
            tcp: probe.tcp_socket.as_ref(),
            grpc_port: probe.grpc.as_ref().map(|grpc| grpc.port),
            sleep: None,
        }
    }

    fn of_hook(hook: &'a LifecycleHandler) -> Self {
        Self {
            exec: hook.exec.as_ref(),
            http: hook.http_get.as_ref(),
            tcp: hook.tcp_socket.as_ref(),
            grpc_port: None,
            sleep: hook.sleep.as_ref().map(|sleep| sleep.seconds),
        }
    }
}

fn handler(path: &Path<'_>, handler: &Handler<'_>, grace: i64, faults: &mut Faults) {
    let mut kinds = 0;
    let mut first = |field: &'static str, faults: &mut Faults| {
        kinds += 1;
        if kinds > 1 {
            faults.forbidden(
                &path.field(field),
                "may not specify more than 1 handler type",
            );
        }
        kinds == 1
    };
    if let Some(exec) = handler.exec
        && first("exec", faults)
        && exec.command.as_ref().is_none_or(Vec::is_empty)
    {
        faults.required(&path.field("exec").field("command"), "");
    }
    if let Some(http) = handler.http
        && first("httpGet", faults)
    {
        http_get(&path.field("httpGet"), http, faults);
    }
    if let Some(tcp) = handler.tcp
        && first("tcpSocket", faults)
    {
        port(&path.field("tcpSocket").field("port"), &tcp.port, faults);
    }
    if let Some(number) = handler.grpc_port
        && first("grpc", faults)
        && let Some(message) = text::port_number(number)
    {
        let grpc = path.field("grpc");
        faults.invalid(&grpc.field("port"), number, &message);
    }
    if let Some(seconds) = handler.sleep
        && first("sleep", faults)
        && !(0..=grace).contains(&seconds)
    {
        let message =
            format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        faults.invalid(&path.field("sleep"), seconds, &message);
    }
    if kinds == 0 {
        faults.required(path, "must specify a handler type");
    }
}

fn http_get(path: &Path<'_>, http: &HTTPGetAction, faults: &mut Faults) {
    port(&path.field("port"), &http.port, faults);
    faults.one_of(
        &path.field("scheme"),
        http.scheme.as_deref().unwrap_or_default(),
        &["HTTP", "HTTPS"],
    );
    let headers = path.field("httpHeaders");
    for header in http.http_headers.iter().flatten() {
        forms(&headers, Some(&header.name), text::header_name, faults);
    }
}

fn port(path: &Path<'_>, port: &IntOrString, faults: &mut Faults) {
    match port {
        IntOrString::Int(number) => {
            if let Some(message) = text::port_number(*number) {
                faults.invalid(path, *number, &message);
            }
        }
        IntOrString::String(name) => forms(path, Some(name), text::port_name, faults),
    }
}
