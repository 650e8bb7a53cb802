use std::net::Ipv4Addr;

use super::{ids, now};
use crate::manifest::{Addresses, Loaded, LoadedConfigMap, LoadedService, load, object};
use crate::model::{Protocol, Seconds, ServiceType, SessionAffinity, TargetPort};

fn read(text: &str) -> Result<Vec<Loaded>, Vec<String>> {
    let mut next = ids();
    let read = load("f.yaml", text.as_bytes(), &mut next, now());
    read.map_err(|faults| faults.iter().map(super::said).collect())
}

fn assigned(text: &str) -> Result<Vec<LoadedService>, Vec<String>> {
    let drafts = read(text)?.into_iter().map(|one| match one {
        Loaded::Service(draft) => *draft,
        other => panic!("{other:?}"),
    });
    let mut addresses = Addresses::new("10.89.0.0/16".parse().unwrap()).unwrap();
    let assigned = addresses.assign(drafts.collect(), now());
    assigned.map_err(|faults| faults.iter().map(super::said).collect())
}

fn service(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{{spec}}}}}\n---\n"
    )
}

fn only(spec: &str) -> LoadedService {
    assigned(&service("s", spec)).unwrap().remove(0)
}

fn config_map(text: &str) -> LoadedConfigMap {
    match read(text).unwrap().remove(0) {
        Loaded::ConfigMap(one) => *one,
        other => panic!("{other:?}"),
    }
}

#[test]
fn n11_a_service_becomes_a_model_with_its_addresses() {
    let loaded = only(
        "selector: {app: web}, sessionAffinity: ClientIP, publishNotReadyAddresses: true, \
         ports: [{name: http, port: 80, targetPort: web}, {name: dns, port: 53, protocol: UDP}]",
    );
    let service = &loaded.service;
    let ServiceType::ClusterIp(ip) = service.kind else {
        panic!("{service:?}")
    };
    assert!(ip.octets().starts_with(&[10, 89]), "{ip}");
    assert_eq!(service.selector["app"], "web");
    assert!(service.publish_not_ready);
    assert_eq!(service.affinity, SessionAffinity::ClientIp(Seconds(10_800)));
    assert_eq!(service.ports[0].target, TargetPort::Name("web".into()));
    assert_eq!(service.ports[1].target, TargetPort::Number(53));
    assert_eq!(service.ports[1].protocol, Protocol::Udp);
    assert_eq!(service.ports[1].node_port, None);
    assert_eq!(
        service.meta.uid.as_str(),
        "00000000-0000-4000-8000-000000000001"
    );
    let printed = object::service(&loaded.object);
    assert_eq!(printed["spec"]["clusterIP"], ip.to_string());
    assert_eq!(printed["spec"]["clusterIPs"][0], ip.to_string());
    assert_eq!(printed["spec"]["ports"][1]["targetPort"], 53);
}

#[test]
fn n11_a_headless_service_has_no_address_and_needs_no_port() {
    let loaded = only("clusterIP: None, selector: {a: b}");
    assert_eq!(loaded.service.kind, ServiceType::Headless);
    assert_eq!(loaded.service.kind.cluster_ip(), None);
    assert_eq!(object::service(&loaded.object)["spec"]["clusterIP"], "None");
    let foreign = only("clusterIP: None, ports: [{port: 80}]");
    assert_eq!(foreign.service.kind, ServiceType::Headless);
}

#[test]
fn n11_automatic_addresses_are_the_same_in_every_run_and_all_different() {
    let mut text = String::new();
    for at in 0..300 {
        text.push_str(&service(
            &format!("s{at}"),
            "type: NodePort, ports: [{port: 80}]",
        ));
    }
    let seen = || -> Vec<(Option<Ipv4Addr>, Option<u16>)> {
        assigned(&text)
            .unwrap()
            .iter()
            .map(|one| {
                (
                    one.service.kind.cluster_ip(),
                    one.service.ports[0].node_port,
                )
            })
            .collect()
    };
    let first = seen();
    assert_eq!(first, seen());
    let ips: std::collections::BTreeSet<_> = first.iter().map(|(ip, _)| ip).collect();
    let ports: std::collections::BTreeSet<_> = first.iter().map(|(_, port)| port).collect();
    assert_eq!((ips.len(), ports.len()), (300, 300));
    assert!(
        ports
            .iter()
            .all(|port| (30_000..=32_767).contains(&port.unwrap()))
    );
}

#[test]
fn n11_an_automatic_address_never_takes_what_a_later_service_asks_for() {
    let first = only("type: NodePort, ports: [{port: 80}]");
    let (ip, port) = (
        first.service.kind.cluster_ip().unwrap(),
        first.service.ports[0].node_port.unwrap(),
    );
    let text = service("s", "type: NodePort, ports: [{port: 80}]")
        + &service(
            "later",
            &format!("type: NodePort, clusterIP: {ip}, ports: [{{port: 1, nodePort: {port}}}]"),
        );
    let both = assigned(&text).unwrap();
    assert_eq!(both[1].service.kind, ServiceType::NodePort(ip));
    assert_eq!(both[1].service.ports[0].node_port, Some(port));
    assert_ne!(both[0].service.kind.cluster_ip(), Some(ip));
    assert_ne!(both[0].service.ports[0].node_port, Some(port));
}

#[test]
fn n11_an_address_outside_reserved_or_taken_is_refused() {
    let fault = |ip: &str| {
        let text = service("a", "clusterIP: 10.89.0.20, ports: [{port: 80}]")
            + &service("b", &format!("clusterIP: {ip}, ports: [{{port: 80}}]"));
        assigned(&text).unwrap_err().remove(0)
    };
    let start = r#"f.yaml: document 2: Service "b": spec.clusterIPs: Invalid value: "#;
    for (ip, why) in [
        (
            "10.90.0.1",
            "the provided network does not match the current range",
        ),
        ("10.89.0.10", "provided IP is already allocated"),
        ("10.89.0.1", "provided IP is already allocated"),
        ("10.89.0.20", "provided IP is already allocated"),
        (
            "10.89.0.0",
            "the provided IP (10.89.0.0) is not in the valid range. The range of valid IPs is 10.89.0.0/16",
        ),
    ] {
        assert_eq!(
            fault(ip),
            format!(r#"{start}["{ip}"]: failed to allocate IP {ip}: {why}"#)
        );
    }
}

#[test]
fn n11_a_node_port_outside_or_taken_is_refused() {
    let fault = |port: &str| {
        let text = service("a", "type: NodePort, ports: [{port: 80, nodePort: 30080}]")
            + &service(
                "b",
                &format!("type: NodePort, ports: [{{port: 80, nodePort: {port}}}]"),
            );
        assigned(&text).unwrap_err().remove(0)
    };
    let start = r#"f.yaml: document 2: Service "b": spec.ports[0].nodePort: Invalid value: "#;
    assert_eq!(
        fault("30080"),
        format!("{start}30080: provided port is already allocated")
    );
    for port in ["29999", "32768", "-1", "80"] {
        assert_eq!(
            fault(port),
            format!(
                "{start}{port}: provided port is not in the valid range. The range of valid ports is 30000-32767"
            )
        );
    }
}

#[test]
fn n11_tcp_and_udp_of_one_port_share_a_node_port() {
    let loaded = only(
        "type: NodePort, ports: [{name: a, port: 53, protocol: UDP}, {name: b, port: 53, protocol: TCP}]",
    );
    let ports = &loaded.service.ports;
    assert!(ports[0].node_port.is_some());
    assert_eq!(ports[0].node_port, ports[1].node_port);
}

#[test]
fn n11_a_full_range_is_a_fault_and_a_tiny_one_is_used_to_its_end() {
    assert!(Addresses::new("10.0.0.0/28".parse().unwrap()).is_err());
    let mut text = String::new();
    for at in 0..29 {
        text.push_str(&service(&format!("s{at}"), "ports: [{port: 80}]"));
    }
    let drafts = |text: &str| -> Vec<_> {
        let loaded = read(text).unwrap().into_iter();
        loaded
            .filter_map(|one| match one {
                Loaded::Service(draft) => Some(*draft),
                _ => None,
            })
            .collect()
    };
    let range = || Addresses::new("10.0.0.0/27".parse().unwrap()).unwrap();
    // 32 addresses without the first, the last, and the two every cluster needs.
    let fits: Vec<_> = drafts(&text).into_iter().take(28).collect();
    assert_eq!(range().assign(fits, now()).unwrap().len(), 28);
    let faults = range().assign(drafts(&text), now()).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(
        faults[0]
            .message
            .ends_with("failed to allocate a serviceIP: range is full")
    );
}

#[test]
fn a_load_balancer_nobody_gives_an_address_is_reached_by_its_node_port() {
    let loaded = only("type: LoadBalancer, ports: [{port: 443}]");
    assert!(matches!(loaded.service.kind, ServiceType::NodePort(_)));
    assert!(loaded.service.ports[0].node_port.is_some());
    let without =
        only("type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 443}]");
    assert_eq!(without.service.ports[0].node_port, None);
}

#[test]
fn n11_a_service_that_is_another_name_has_no_address() {
    let loaded = only("type: ExternalName, externalName: db.example.com., ports: [{port: 80}]");
    let name = "db.example.com".to_owned();
    assert_eq!(loaded.service.kind, ServiceType::ExternalName(name));
    let spec = loaded.object.spec.expect("a spec");
    assert_eq!((spec.cluster_ip, spec.cluster_ips), (None, None));
    assert_eq!(loaded.service.ports[0].node_port, None);
}

#[test]
fn what_a_service_cannot_do_here_is_refused_with_its_field() {
    for (spec, path) in [
        (
            "externalIPs: [1.2.3.4], ports: [{port: 80}]",
            "spec.externalIPs",
        ),
        (
            "ports: [{port: 80, protocol: SCTP}]",
            "spec.ports[0].protocol",
        ),
        ("ipFamilies: [IPv6], ports: [{port: 80}]", "spec.ipFamilies"),
        (
            "ipFamilyPolicy: RequireDualStack, ports: [{port: 80}]",
            "spec.ipFamilyPolicy",
        ),
    ] {
        let found = read(&service("s", spec)).unwrap_err();
        let expected = format!(r#"f.yaml: document 1: Service "s": {path}: not supported yet: "#);
        assert!(
            found.iter().any(|line| line.starts_with(&expected)),
            "{found:?}"
        );
    }
}

#[test]
fn n11_validation_speaks_the_servers_words() {
    for (spec, said) in [
        (
            "ports: [{port: 0, targetPort: 1}]",
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            "ports: [{port: 80}, {name: b, port: 81}]",
            "spec.ports[0].name: Required value",
        ),
        (
            "ports: [{name: a, port: 80}, {name: a, port: 81}]",
            r#"spec.ports[1].name: Duplicate value: "a""#,
        ),
        (
            "ports: [{port: 80, nodePort: 30080}]",
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
        (
            "type: NodePort, clusterIP: None, ports: [{port: 80}]",
            r#"spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services"#,
        ),
        (
            "sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}, ports: [{port: 80}]",
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400",
        ),
        (
            "ports: [{port: 80, targetPort: no_name}]",
            r#"spec.ports[0].targetPort: Invalid value: "no_name": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"#,
        ),
    ] {
        let found = read(&service("s", spec)).unwrap_err();
        assert_eq!(
            found,
            [format!(r#"f.yaml: document 1: Service "s": {said}"#)]
        );
    }
    let unknown = read(&service(
        "s",
        "prots: [], ports: [{port: 80, targetport: 1}]",
    ))
    .unwrap_err();
    assert_eq!(
        unknown,
        [
            r#"f.yaml: document 1: Service "s": spec.ports[0].targetport: unknown field, did you mean "targetPort"?"#,
            r#"f.yaml: document 1: Service "s": spec.prots: unknown field, did you mean "ports"?"#,
        ]
    );
}

#[test]
fn a_config_map_becomes_bytes_by_key() {
    let loaded = config_map(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: other}\nimmutable: true\n\
         data: {a: text, empty: null}\nbinaryData:\n  bin: |\n    AAEC\n    /w==\n",
    );
    let map = &loaded.config_map;
    assert_eq!(map.meta.namespace.as_str(), "other");
    assert_eq!(map.data["a"], b"text");
    assert_eq!(map.data["empty"], b"");
    assert_eq!(map.data["bin"], [0, 1, 2, 255], "line breaks do not count");
    assert!(map.text.contains("a") && !map.text.contains("bin"), "H3");
    assert!(map.immutable);
}

#[test]
fn g14_a_config_map_holds_a_mebibyte_and_a_key_only_once() {
    let text = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c}}, data: {{a: {}}}, binaryData: {{b: AA==}}}}",
        "x".repeat(1 << 20)
    );
    assert_eq!(
        read(&text).unwrap_err(),
        [r#"f.yaml: document 1: ConfigMap "c": Too long: may not be more than 1048576 bytes"#]
    );
    let twice = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: x}, binaryData: {a: AA==, b: '%'}}";
    assert_eq!(
        read(twice).unwrap_err(),
        [r#"f.yaml: document 1: ConfigMap "c": binaryData.b: illegal base64 data at input byte 0"#]
    );
    let twice = twice.replace(", b: '%'", "");
    assert_eq!(
        read(&twice).unwrap_err(),
        [
            r#"f.yaml: document 1: ConfigMap "c": data[a]: Invalid value: "a": duplicate of key present in binaryData"#
        ]
    );
}

#[test]
fn k61_names_are_unique_within_a_kind() {
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: s}}\n---\n";
    let service = service("s", "ports: [{port: 80}]");
    assert_eq!(read(&format!("{map}{service}")).unwrap().len(), 2);
    assert_eq!(
        read(&format!("{map}{service}{map}{service}")).unwrap_err(),
        [
            r#"f.yaml: document 3: ConfigMap "s": metadata.name: configmaps "s" already exists: f.yaml, document 1"#,
            r#"f.yaml: document 4: Service "s": metadata.name: services "s" already exists: f.yaml, document 2"#,
        ]
    );
}

#[test]
fn lists_may_mix_kinds_or_name_theirs() {
    let text = "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}, \
         {apiVersion: v1, kind: Service, metadata: {name: s}, spec: {ports: [{port: 1}]}}]}";
    assert_eq!(read(text).unwrap().len(), 2);
    let typed = "{apiVersion: v1, kind: ServiceList, items: [{metadata: {name: s}, spec: {ports: [{port: 1}]}}]}";
    assert_eq!(read(typed).unwrap().len(), 1);
}
