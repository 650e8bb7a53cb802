//! From probes and hooks of a manifest to those of the model.

use super::{ids, now};
use crate::manifest::{Loaded, load};
use crate::model::{Container, HookHandler, HttpGet, PortRef, Probe, ProbeHandler, Seconds};

fn converted(more: &str) -> Container {
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{containers: [{{name: c, image: i, {more}}}]}}}}"
    );
    let mut next = ids();
    match load("pod.yaml", text.as_bytes(), &mut next, now()) {
        Ok(loaded) => match &loaded[..] {
            [Loaded::Pod(pod)] => pod.pod.spec.mains[0].clone(),
            other => panic!("{other:?}"),
        },
        Err(faults) => panic!("{faults:#?}"),
    }
}

#[test]
fn d1_what_a_probe_leaves_out_is_defaulted_and_0_means_the_default() {
    let probe = Probe {
        handler: ProbeHandler::HttpGet(HttpGet {
            host: None,
            port: PortRef::Name("web".into()),
            path: "/".into(),
            https: false,
            headers: Vec::new(),
        }),
        initial_delay: Seconds(0),
        timeout: Seconds(1),
        period: Seconds(10),
        success_threshold: 1,
        failure_threshold: 3,
        termination_grace: None,
    };
    for more in [
        "",
        ", periodSeconds: 0, timeoutSeconds: 0, failureThreshold: 0, successThreshold: 0",
    ] {
        let container = converted(&format!("readinessProbe: {{httpGet: {{port: web}}{more}}}"));
        assert_eq!(container.probes.readiness.as_ref(), Some(&probe), "{more}");
    }
}

#[test]
fn probes_and_hooks_are_read_to_the_field() {
    let container = converted(
        "startupProbe: {exec: {command: [a, b]}, initialDelaySeconds: 1, timeoutSeconds: 2, periodSeconds: 3, failureThreshold: 4}, \
         livenessProbe: {grpc: {port: 5, service: s}, terminationGracePeriodSeconds: 6}, \
         readinessProbe: {tcpSocket: {host: h, port: 7}, successThreshold: 8}, \
         lifecycle: {postStart: {httpGet: {scheme: HTTPS, host: h, port: 9, path: p, httpHeaders: [{name: X-N, value: v}]}}, \
         preStop: {sleep: {seconds: 10}}}",
    );
    let startup = container.probes.startup.expect("there");
    assert_eq!(
        startup.handler,
        ProbeHandler::Exec(vec!["a".into(), "b".into()])
    );
    let Seconds(delay) = startup.initial_delay;
    let numbers = (
        delay,
        startup.timeout.0,
        startup.period.0,
        startup.failure_threshold,
    );
    assert_eq!(numbers, (1, 2, 3, 4));
    let liveness = container.probes.liveness.expect("there");
    let service = "s".into();
    assert_eq!(liveness.handler, ProbeHandler::Grpc { port: 5, service });
    assert_eq!(liveness.termination_grace, Some(Seconds(6)));
    let readiness = container.probes.readiness.expect("there");
    let (host, port) = (Some("h".into()), PortRef::Number(7));
    assert_eq!(readiness.handler, ProbeHandler::TcpSocket { host, port });
    assert_eq!(readiness.success_threshold, 8);
    let get = HttpGet {
        host: Some("h".into()),
        port: PortRef::Number(9),
        path: "p".into(),
        https: true,
        headers: vec![("X-N".into(), "v".into())],
    };
    assert_eq!(container.hooks.post_start, Some(HookHandler::HttpGet(get)));
    assert_eq!(
        container.hooks.pre_stop,
        Some(HookHandler::Sleep(Seconds(10)))
    );
    let hooked = converted(
        "lifecycle: {postStart: {exec: {command: [a]}}, preStop: {tcpSocket: {port: 1}}}",
    );
    assert_eq!(
        hooked.hooks.post_start,
        Some(HookHandler::Exec(vec!["a".into()]))
    );
    assert_eq!(hooked.hooks.pre_stop, Some(HookHandler::TcpSocket));
}
