//! `ports` (K26–K29).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerPort};

use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

/// Validates the ports of one container.
pub(super) fn check(path: &Path<'_>, ports: &[ContainerPort], faults: &mut Faults) {
    let mut names = BTreeSet::new();
    for (at, port) in ports.iter().enumerate() {
        let path = path.index(at);
        if let Some(name) = &port.name {
            let field = path.field("name");
            if !text::port_name(name).is_empty() {
                forms(&field, Some(name), text::port_name, faults);
            } else if !names.insert(name) {
                faults.duplicate(&field, name);
            }
        }
        let field = path.field("containerPort");
        if port.container_port == 0 {
            faults.required(&field, "");
        } else if let Some(message) = text::port_number(port.container_port) {
            faults.invalid(&field, port.container_port, &message);
        }
        if let Some(number) = port.host_port
            && let Some(message) = text::port_number(number)
        {
            faults.invalid(&path.field("hostPort"), number, &message);
        }
        faults.one_of(
            &path.field("protocol"),
            port.protocol.as_deref().unwrap_or_default(),
            &["SCTP", "TCP", "UDP"],
        );
    }
}

/// Reports a host port taken twice by containers that run at the same time.
pub(super) fn conflicts(path: &Path<'_>, containers: &[Container], faults: &mut Faults) {
    let mut taken = BTreeSet::new();
    for (at, container) in containers.iter().enumerate() {
        let container_path = path.index(at);
        let ports = container_path.field("ports");
        for (at, port) in container.ports.iter().flatten().enumerate() {
            let Some(number) = port.host_port.filter(|number| *number != 0) else {
                continue;
            };
            let place = format!(
                "{}/{}/{number}",
                port.protocol.as_deref().unwrap_or_default(),
                port.host_ip.as_deref().unwrap_or_default()
            );
            if taken.contains(&place) {
                faults.duplicate(&ports.index(at).field("hostPort"), &place);
            } else {
                taken.insert(place);
            }
        }
    }
}
