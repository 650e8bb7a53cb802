//! `--publish`: ports of the machine that lead to ports of pods.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::model::{Pod, Protocol, Service};
use crate::sandbox::Publish;

const FORM: &str =
    "it looks like [ADDRESS:]PORT:POD[:PORT][/udp], for example 8080:web or 0.0.0.0:8080:web:80";

/// One `--publish`, before it is known which pods there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// As it was typed.
    text: String,
    listen: SocketAddr,
    pod: String,
    port: Option<PodPort>,
    protocol: Protocol,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PodPort {
    Number(u16),
    Name(String),
}

/// `[ADDR:]PORT:POD[:PORT]`, an IPv6 address in brackets, `/udp` or `/tcp` at the end.
pub(super) fn parse(text: &str) -> Result<Wanted, String> {
    let (rest, protocol) = match text.rsplit_once('/') {
        None => (text, Protocol::Tcp),
        Some((rest, "tcp")) => (rest, Protocol::Tcp),
        Some((rest, "udp")) => (rest, Protocol::Udp),
        Some((_, other)) => return Err(format!("{other:?} is neither tcp nor udp; {FORM}")),
    };
    let (address, rest) = address(rest)?;
    let mut parts = rest.split(':');
    let (port, pod) = (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let pod_port = parts.next();
    if pod.is_empty() || parts.next().is_some() {
        return Err(FORM.into());
    }
    let pod_port = match pod_port {
        None => None,
        Some("") => return Err(FORM.into()),
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
            Some(PodPort::Number(number(text)?))
        }
        Some(name) => Some(PodPort::Name(name.to_owned())),
    };
    Ok(Wanted {
        text: text.to_owned(),
        listen: SocketAddr::new(address, number(port)?),
        pod: pod.to_owned(),
        port: pod_port,
        protocol,
    })
}

/// Splits off the address. What begins with digits only is the port already.
fn address(text: &str) -> Result<(IpAddr, &str), String> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if let Some(inside) = text.strip_prefix('[') {
        let (address, rest) = inside.split_once("]:").ok_or(FORM)?;
        let address = address.parse().map_err(|_| no_address(address))?;
        return Ok((IpAddr::V6(address), rest));
    }
    let (first, rest) = text.split_once(':').ok_or(FORM)?;
    if first.bytes().all(|b| b.is_ascii_digit()) {
        return Ok((loopback, text));
    }
    if first == "localhost" {
        return Ok((loopback, rest));
    }
    let address = first.parse().map_err(|_| no_address(first))?;
    Ok((IpAddr::V4(address), rest))
}

fn no_address(text: &str) -> String {
    format!("{text:?} is no IP address; {FORM}")
}

/// Port 0 would be any port, and nobody would learn which.
fn number(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!(
            "{text:?} is no port: a number from 1 to 65535; {FORM}"
        )),
        Ok(port) => Ok(port),
    }
}

/// Finds each one's pod and port; every one that cannot be, in one line each.
pub(super) fn resolve(
    wanted: &[Wanted],
    pods: &[&Pod],
    services: &[&Service],
) -> Result<Vec<Publish>, Vec<String>> {
    let mut faults = Vec::new();
    let mut found: Vec<Publish> = Vec::new();
    let mut taken = doors(pods, services);
    for one in wanted {
        let publish = match resolve_one(one, pods) {
            Ok(publish) => publish,
            Err(fault) => {
                faults.push(format!("--publish {}: {fault}", one.text));
                continue;
            }
        };
        let clash = taken
            .iter()
            .find(|(_, protocol, at)| *protocol == one.protocol && clash(*at, one.listen));
        if let Some((by, _, _)) = clash {
            let text = &one.text;
            faults.push(format!(
                "--publish {text}: {} is {by}'s already",
                one.listen
            ));
            continue;
        }
        let name = format!("--publish {}", one.text);
        taken.push((name, one.protocol, one.listen));
        found.push(publish);
    }
    if faults.is_empty() {
        Ok(found)
    } else {
        Err(faults)
    }
}

/// Where the manifests make the machine listen.
fn doors(pods: &[&Pod], services: &[&Service]) -> Vec<(String, Protocol, SocketAddr)> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut doors = Vec::new();
    for pod in pods {
        for port in pod.spec.containers().flat_map(|one| &one.ports) {
            let Some(number) = port.host_port else {
                continue;
            };
            let at = SocketAddr::new(port.host_ip.unwrap_or(loopback), number);
            doors.push((
                format!("pod {:?}", pod.meta.name.as_str()),
                port.protocol,
                at,
            ));
        }
    }
    for service in services {
        for port in &service.ports {
            if let Some(number) = port.node_port {
                let at = SocketAddr::new(loopback, number);
                doors.push((
                    format!("Service {:?}", service.meta.name),
                    port.protocol,
                    at,
                ));
            }
        }
    }
    doors
}

fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let same = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && same && a.is_ipv4() == b.is_ipv4()
}

fn resolve_one(wanted: &Wanted, pods: &[&Pod]) -> Result<Publish, String> {
    let name = &wanted.pod;
    let mut named = pods.iter().filter(|pod| pod.meta.name.as_str() == name);
    let Some(pod) = named.next() else {
        let names: Vec<_> = pods.iter().map(|pod| pod.meta.name.as_str()).collect();
        return Err(format!(
            "no pod {name:?} in these manifests; there is {}",
            names.join(", ")
        ));
    };
    if named.next().is_some() {
        return Err(format!("more than one namespace has a pod {name:?}"));
    }
    Ok(Publish {
        listen: wanted.listen,
        pod: name.clone(),
        pod_port: port_of(wanted, pod)?,
        protocol: wanted.protocol,
    })
}

fn port_of(wanted: &Wanted, pod: &Pod) -> Result<u16, String> {
    let name = pod.meta.name.as_str();
    let protocol = match wanted.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    let ports = || {
        let all = pod.spec.containers().flat_map(|one| &one.ports);
        all.filter(|port| port.protocol == wanted.protocol)
    };
    match &wanted.port {
        Some(PodPort::Number(number)) => Ok(*number),
        Some(PodPort::Name(text)) => ports()
            .find(|port| port.name.as_ref() == Some(text))
            .map(|port| port.port)
            .ok_or_else(|| format!("pod {name:?} has no {protocol} port named {text:?}")),
        None => {
            let mut numbers: Vec<u16> = ports().map(|port| port.port).collect();
            numbers.sort_unstable();
            numbers.dedup();
            match numbers.as_slice() {
                [one] => Ok(*one),
                [] => Err(format!(
                    "pod {name:?} names no {protocol} port: say which, as {}:PORT",
                    wanted.text
                )),
                several => {
                    let several: Vec<_> = several.iter().map(u16::to_string).collect();
                    Err(format!(
                        "pod {name:?} has several {protocol} ports: say which, {}",
                        several.join(" or ")
                    ))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{parse, resolve};
    use crate::model::{ContainerPort, Pod, Protocol, testing};

    fn port(name: Option<&str>, port: u16, protocol: Protocol) -> ContainerPort {
        ContainerPort {
            name: name.map(Into::into),
            port,
            host_port: None,
            host_ip: None,
            protocol,
        }
    }

    fn pod(name: &str, ports: Vec<ContainerPort>) -> Pod {
        let mut pod = testing::pod();
        pod.meta.name = name.into();
        Arc::make_mut(&mut pod.spec).mains[0].ports = ports;
        pod
    }

    /// `listen pod port`, or what is wrong.
    fn one(text: &str, pods: &[&Pod]) -> String {
        let wanted = match parse(text) {
            Ok(wanted) => wanted,
            Err(fault) => return fault,
        };
        match resolve(&[wanted], pods, &[]) {
            Ok(found) => {
                let one = &found[0];
                format!(
                    "{} {} {} {:?}",
                    one.listen, one.pod, one.pod_port, one.protocol
                )
            }
            Err(faults) => faults.join("\n"),
        }
    }

    #[test]
    fn an_address_is_the_loopback_unless_given_and_a_port_the_pods_only_one() {
        let web = pod("web", vec![port(Some("http"), 80, Protocol::Tcp)]);
        for (text, found) in [
            ("8080:web", "127.0.0.1:8080 web 80 Tcp"),
            ("8080:web:http", "127.0.0.1:8080 web 80 Tcp"),
            ("8080:web:5000", "127.0.0.1:8080 web 5000 Tcp"),
            ("8080:web:5000/tcp", "127.0.0.1:8080 web 5000 Tcp"),
            ("0.0.0.0:8080:web:5000", "0.0.0.0:8080 web 5000 Tcp"),
            ("localhost:8080:web", "127.0.0.1:8080 web 80 Tcp"),
            ("[::1]:8080:web", "[::1]:8080 web 80 Tcp"),
            ("5353:web:53/udp", "127.0.0.1:5353 web 53 Udp"),
        ] {
            assert_eq!(one(text, &[&web]), found, "{text}");
        }
    }

    #[test]
    fn what_is_no_publish_is_told_with_the_form() {
        for text in [
            "",
            "8080",
            "web",
            "8080:",
            ":web",
            "0:web",
            "65536:web",
            "8080:web:0",
            "8080:web:",
            "8080:web:80:x",
            "1.2.3:8080:web",
            "::1:8080:web",
            "[::1]8080:web",
            "[::1:8080:web",
            "[1.2.3.4]:80:web",
            "8080:web/sctp",
            "-1:web",
            "99999999999:web",
        ] {
            let fault = parse(text).expect_err(text);
            assert!(
                fault.contains("[ADDRESS:]PORT:POD[:PORT]"),
                "{text}: {fault}"
            );
            assert_eq!(fault.lines().count(), 1);
        }
    }

    #[test]
    fn a_pod_that_is_not_there_and_a_port_nobody_can_know_are_told_before_anything_starts() {
        let bare = pod("bare", vec![]);
        let two = pod(
            "two",
            vec![
                port(None, 80, Protocol::Tcp),
                port(None, 443, Protocol::Tcp),
            ],
        );
        let mut twin = pod("two", vec![]);
        twin.meta.namespace = "other".into();
        let pods = [&bare, &two];
        for (text, fault) in [
            (
                "1:web",
                r#"--publish 1:web: no pod "web" in these manifests; there is bare, two"#,
            ),
            (
                "1:bare",
                r#"--publish 1:bare: pod "bare" names no TCP port: say which, as 1:bare:PORT"#,
            ),
            (
                "1:two",
                r#"--publish 1:two: pod "two" has several TCP ports: say which, 80 or 443"#,
            ),
            (
                "1:two:http",
                r#"--publish 1:two:http: pod "two" has no TCP port named "http""#,
            ),
        ] {
            assert_eq!(one(text, &pods), fault);
        }
        assert_eq!(
            one("1:two:1", &[&two, &twin]),
            r#"--publish 1:two:1: more than one namespace has a pod "two""#
        );
    }

    #[test]
    fn a_place_that_is_taken_is_told_before_anything_starts() {
        let mut host_port = port(None, 80, Protocol::Tcp);
        host_port.host_port = Some(8001);
        let web = pod("web", vec![host_port]);
        let mut service = testing::service("svc");
        service.ports = vec![crate::model::ServicePort {
            name: String::new(),
            protocol: Protocol::Tcp,
            port: 80,
            target: crate::model::TargetPort::Number(80),
            node_port: Some(30_080),
        }];
        let faults = |texts: &[&str]| {
            let wanted: Vec<_> = texts
                .iter()
                .map(|text| parse(text).expect("parsed"))
                .collect();
            resolve(&wanted, &[&web], &[&service])
                .err()
                .unwrap_or_default()
        };
        assert_eq!(
            faults(&["0.0.0.0:1:web", "1:web:5000"]),
            ["--publish 1:web:5000: 127.0.0.1:1 is --publish 0.0.0.0:1:web's already"]
        );
        assert_eq!(
            faults(&["8001:web"]),
            [r#"--publish 8001:web: 127.0.0.1:8001 is pod "web"'s already"#]
        );
        assert_eq!(
            faults(&["30080:web"]),
            [r#"--publish 30080:web: 127.0.0.1:30080 is Service "svc"'s already"#]
        );
        assert!(faults(&["1:web", "1:web:53/udp", "[::1]:1:web", "127.0.0.2:8001:web"]).is_empty());
    }
}
