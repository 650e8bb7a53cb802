//! Probes and hooks of the model. Defaults have filled in what the manifest leaves out (D1); validation has said what is wrong.

use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::manifest::fault::Faults;
use crate::manifest::path::Path;
use crate::model::{
    HookHandler, Hooks, HttpGet, PortRef, Probe, ProbeHandler, Probes, Role, Seconds,
};

/// Converts the probes of a container. A regular init container has none, which validation says (D15).
pub(super) fn probes(
    path: &Path<'_>,
    one: &k8s::Container,
    role: Role,
    faults: &mut Faults,
) -> Probes {
    if role == Role::Init {
        return Probes::default();
    }
    let mut convert = |field, probe: &Option<k8s::Probe>| {
        let probe = probe.as_ref()?;
        self::probe(&path.field(field), probe, faults)
    };
    Probes {
        startup: convert("startupProbe", &one.startup_probe),
        liveness: convert("livenessProbe", &one.liveness_probe),
        readiness: convert("readinessProbe", &one.readiness_probe),
    }
}

/// Converts the hooks of a container. A regular init container has none, which validation says (E9).
pub(super) fn hooks(
    path: &Path<'_>,
    one: &k8s::Container,
    role: Role,
    faults: &mut Faults,
) -> Hooks {
    let Some(lifecycle) = one.lifecycle.as_ref().filter(|_| role != Role::Init) else {
        return Hooks::default();
    };
    let path = path.field("lifecycle");
    let mut convert = |field, hook: &Option<k8s::LifecycleHandler>| {
        let hook = hook.as_ref()?;
        self::hook(&path.field(field), hook, faults)
    };
    Hooks {
        post_start: convert("postStart", &lifecycle.post_start),
        pre_stop: convert("preStop", &lifecycle.pre_stop),
    }
}

fn probe(path: &Path<'_>, probe: &k8s::Probe, faults: &mut Faults) -> Option<Probe> {
    let handler = if let Some(exec) = &probe.exec {
        ProbeHandler::Exec(exec.command.clone().unwrap_or_default())
    } else if let Some(http) = &probe.http_get {
        ProbeHandler::HttpGet(http_get(&path.field("httpGet"), http, faults)?)
    } else if let Some(tcp) = &probe.tcp_socket {
        ProbeHandler::TcpSocket {
            host: text(tcp.host.as_ref()),
            port: port(&path.field("tcpSocket"), &tcp.port, faults)?,
        }
    } else if let Some(grpc) = &probe.grpc {
        ProbeHandler::Grpc {
            port: number(&path.field("grpc"), grpc.port, faults)?,
            service: grpc.service.clone().unwrap_or_default(),
        }
    } else {
        faults.required(path, "must specify a handler type");
        return None;
    };
    let seconds = |value: Option<i32>, least: u32| Seconds(count(value, least).into());
    Some(Probe {
        handler,
        initial_delay: seconds(probe.initial_delay_seconds, 0),
        timeout: seconds(probe.timeout_seconds, 1),
        period: seconds(probe.period_seconds, 1),
        success_threshold: count(probe.success_threshold, 1),
        failure_threshold: count(probe.failure_threshold, 1),
        termination_grace: super::seconds(probe.termination_grace_period_seconds),
    })
}

fn hook(path: &Path<'_>, hook: &k8s::LifecycleHandler, faults: &mut Faults) -> Option<HookHandler> {
    Some(if let Some(exec) = &hook.exec {
        HookHandler::Exec(exec.command.clone().unwrap_or_default())
    } else if let Some(http) = &hook.http_get {
        HookHandler::HttpGet(http_get(&path.field("httpGet"), http, faults)?)
    } else if let Some(sleep) = &hook.sleep {
        HookHandler::Sleep(super::seconds(Some(sleep.seconds)).unwrap_or_default())
    } else if hook.tcp_socket.is_some() {
        HookHandler::TcpSocket
    } else {
        faults.required(path, "must specify a handler type");
        return None;
    })
}

fn http_get(path: &Path<'_>, http: &k8s::HTTPGetAction, faults: &mut Faults) -> Option<HttpGet> {
    Some(HttpGet {
        host: text(http.host.as_ref()),
        port: port(path, &http.port, faults)?,
        path: http.path.clone().unwrap_or_default(),
        https: http.scheme.as_deref() == Some("HTTPS"),
        headers: http
            .http_headers
            .iter()
            .flatten()
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect(),
    })
}

fn port(path: &Path<'_>, port: &IntOrString, faults: &mut Faults) -> Option<PortRef> {
    match port {
        IntOrString::Int(number) => self::number(path, *number, faults).map(PortRef::Number),
        IntOrString::String(name) => Some(PortRef::Name(name.clone())),
    }
}

fn number(path: &Path<'_>, number: i32, faults: &mut Faults) -> Option<u16> {
    let port = u16::try_from(number).ok().filter(|port| *port != 0);
    if port.is_none() {
        faults.invalid(&path.field("port"), number, "must be a port");
    }
    port
}

fn text(value: Option<&String>) -> Option<String> {
    value.filter(|text| !text.is_empty()).cloned()
}

fn count(value: Option<i32>, least: u32) -> u32 {
    let value = value.and_then(|value| u32::try_from(value).ok());
    value.unwrap_or_default().max(least)
}
