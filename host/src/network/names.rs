//! What a name means to a pod: its hosts file, then the cluster's names, then whatever the machine knows.
//!
//! Where a short name could be the cluster's or an outside one, the cluster's counts whichever the search list has first: no look-up of
//! a Service waits for, or tells its name to, a name server of the real network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::Name;

use super::zone::{Found, HOST_NAME, Zone};
use super::{PodIdentity, ResolvConf};

/// Longest name, its last dot not counted (RFC 1035, 3.1).
const NAME_LENGTH_MAX: usize = 253;
/// Longest part of a name (RFC 1035, 2.3.4).
const LABEL_LENGTH_MAX: usize = 63;

const LOOPBACKS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// What every hosts file has besides `localhost` (rule H10).
const HOSTS: [(&str, Ipv6Addr); 6] = [
    ("ip6-localhost", Ipv6Addr::LOCALHOST),
    ("ip6-loopback", Ipv6Addr::LOCALHOST),
    ("ip6-localnet", Ipv6Addr::new(0xfe00, 0, 0, 0, 0, 0, 0, 0)),
    (
        "ip6-mcastprefix",
        Ipv6Addr::new(0xfe00, 0, 0, 0, 0, 0, 0, 0),
    ),
    ("ip6-allnodes", Ipv6Addr::new(0xfe00, 0, 0, 0, 0, 0, 0, 1)),
    ("ip6-allrouters", Ipv6Addr::new(0xfe00, 0, 0, 0, 0, 0, 0, 2)),
];

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Its addresses; never none.
    Addresses(Vec<IpAddr>),
    /// Nothing.
    NoSuchName,
    /// Nothing here: these names, the first that exists, mean to the pod what they mean to the machine, where its egress allows it to ask.
    Outside(Vec<String>),
}

/// Looks a name up as `getaddrinfo` of a pod does.
pub fn lookup(pod: &PodIdentity, ip: Ipv4Addr, zone: &Zone<'_>, name: &str) -> Lookup {
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Lookup::Addresses(vec![ip]);
    }
    let Some((name, absolute)) = canonical(name) else {
        return Lookup::NoSuchName;
    };
    let known = hosts(pod, ip, zone, &name);
    if !known.is_empty() {
        return Lookup::Addresses(known);
    }
    let cluster = pod.resolv.asks(zone.dns_ip);
    let mut outside = Vec::new();
    for candidate in candidates(&pod.resolv, name, absolute) {
        if !cluster {
            outside.push(candidate);
            continue;
        }
        let (mut aliases, found) = zone.follow(&candidate);
        match found {
            Found::Addresses(ips) => {
                return Lookup::Addresses(ips.into_iter().map(IpAddr::V4).collect());
            }
            // The name of a Service, whatever it stands for: nobody else is asked for it.
            Found::Foreign if !aliases.is_empty() => {
                outside.extend(aliases.pop());
                break;
            }
            Found::Foreign => outside.push(candidate),
            Found::Ports(_) | Found::Text(_) | Found::Alias(_) | Found::Empty | Found::Nothing => {}
        }
    }
    if outside.is_empty() {
        Lookup::NoSuchName
    } else {
        Lookup::Outside(outside)
    }
}

/// The name in lower case without its last dot, and whether it had one; nothing if no name can look like that.
fn canonical(name: &str) -> Option<(String, bool)> {
    let (name, absolute) = match name.strip_suffix('.') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if name.len() > 4 * NAME_LENGTH_MAX {
        return None;
    }
    let name = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        let name = Name::from_utf8(name).ok()?.to_ascii();
        name.trim_end_matches('.').to_ascii_lowercase()
    };
    is_name(&name).then_some((name, absolute))
}

/// Whether a name in lower case can exist.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= NAME_LENGTH_MAX
        && name.split('.').all(|label| {
            (1..=LABEL_LENGTH_MAX).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// Every line of `/etc/hosts` that has the name; names below `localhost`, too (RFC 6761, 6.3), and the machine.
fn hosts(pod: &PodIdentity, ip: Ipv4Addr, zone: &Zone<'_>, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    if name == "localhost" || name.ends_with(".localhost") {
        found.extend(LOOPBACKS);
    }
    if name == HOST_NAME {
        found.push(IpAddr::V4(zone.node_ip));
    }
    let fixed = HOSTS.iter().filter(|(host, _)| *host == name);
    found.extend(fixed.map(|(_, ip)| IpAddr::V6(*ip)));
    let mut own = pod.fqdn.iter().chain([&pod.hostname]);
    if own.any(|own| own.eq_ignore_ascii_case(name)) {
        found.push(IpAddr::V4(ip));
    }
    for (ip, names) in &pod.aliases {
        if names.iter().any(|alias| alias.eq_ignore_ascii_case(name)) {
            found.extend(ip.parse::<IpAddr>().ok());
        }
    }
    let mut seen = Vec::new();
    found.retain(|ip| {
        let new = !seen.contains(ip);
        seen.push(*ip);
        new
    });
    found
}

/// The absolute names to try, in order (resolv.conf(5), `search` and `ndots`).
fn candidates(resolv: &ResolvConf, name: String, absolute: bool) -> Vec<String> {
    if absolute {
        return vec![name];
    }
    let dots = name.bytes().filter(|b| *b == b'.').count();
    let mut names: Vec<String> = resolv
        .searches()
        .iter()
        .map(|domain| domain.trim_end_matches('.').to_ascii_lowercase())
        .filter(|domain| !domain.is_empty())
        .map(|domain| format!("{name}.{domain}"))
        .filter(|name| is_name(name))
        .collect();
    if dots >= resolv.ndots() {
        names.insert(0, name);
    } else {
        names.push(name);
    }
    names
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::{HOST_NAME, Lookup, lookup};
    use crate::model::{Dns, DnsPolicy, Protocol};
    use crate::network::{Endpoint, PodIdentity, ResolvConf, Service, ServicePort, Zone};

    pub(in crate::network) const DNS_IP: Ipv4Addr = Ipv4Addr::new(10, 89, 0, 10);
    pub(in crate::network) const NODE_IP: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 1);

    pub(in crate::network) fn service(name: &str, ns: &str, ip: Option<[u8; 4]>) -> Service {
        Service {
            namespace: ns.into(),
            name: name.into(),
            cluster_ip: ip.map(Into::into),
            ports: vec![ServicePort {
                name: "http".into(),
                protocol: Protocol::Tcp,
                port: 80,
                node_port: None,
            }],
            endpoints: Vec::new(),
            publish_not_ready: false,
            client_ip_affinity: None,
            external_name: None,
        }
    }

    pub(in crate::network) fn endpoint(last: u8, hostname: Option<&str>, ready: bool) -> Endpoint {
        Endpoint {
            ip: Ipv4Addr::new(10, 88, 0, last),
            hostname: hostname.map(Into::into),
            ready,
            targets: vec![Some(8080)],
        }
    }

    pub(in crate::network) fn services() -> Vec<Arc<Service>> {
        let mut db = service("db", "shop", None);
        db.endpoints = vec![
            endpoint(9, Some("db-1"), true),
            endpoint(8, Some("db-0"), true),
            endpoint(7, Some("db-2"), false),
            endpoint(6, None, true),
        ];
        let mut early = service("early", "shop", None);
        early.publish_not_ready = true;
        early.endpoints = vec![endpoint(5, None, false)];
        let mut dead = service("dead", "shop", None);
        dead.endpoints = vec![endpoint(4, Some("x"), false)];
        let mut web = service("web", "shop", Some([10, 89, 0, 20]));
        web.endpoints = vec![endpoint(3, None, true)];
        let api = service("api", "other", Some([10, 89, 0, 21]));
        [db, early, dead, web, api].map(Arc::new).into()
    }

    pub(in crate::network) fn zone(services: &[Arc<Service>]) -> Zone<'_> {
        Zone {
            name: "cluster.local",
            services,
            node_ip: NODE_IP,
            dns_ip: DNS_IP,
        }
    }

    pub(in crate::network) fn pod(dns: &Dns) -> PodIdentity {
        let host = "search corp.lan\nnameserver 192.0.2.1\n";
        PodIdentity {
            uid: "u".into(),
            name: "web-0".into(),
            namespace: "shop".into(),
            hostname: "web-0".into(),
            fqdn: Some("web-0.web.shop.svc.cluster.local".into()),
            aliases: vec![
                (
                    "192.0.2.7".into(),
                    vec!["Legacy".into(), "legacy.lan".into()],
                ),
                (
                    "192.0.2.8".into(),
                    vec!["legacy".into(), "localhost".into()],
                ),
            ],
            ingress_bits_per_second: None,
            egress_bits_per_second: None,
            egress: "none".parse().unwrap(),
            resolv: ResolvConf::of(dns, "shop", "cluster.local", DNS_IP, host),
        }
    }

    fn find_with(dns: &Dns, name: &str) -> Lookup {
        let services = services();
        lookup(&pod(dns), [10, 88, 0, 2].into(), &zone(&services), name)
    }

    fn find(name: &str) -> Lookup {
        find_with(&Dns::default(), name)
    }

    fn at(ips: &[&str]) -> Lookup {
        Lookup::Addresses(ips.iter().map(|ip| ip.parse().unwrap()).collect())
    }

    fn outside(names: &[&str]) -> Lookup {
        Lookup::Outside(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn n13_an_external_name_means_what_it_stands_for() {
        let alias = |name: &str, of: &str| {
            let mut service = service(name, "shop", None);
            service.external_name = Some(of.to_owned());
            Arc::new(service)
        };
        let mut all = services();
        all.push(alias("far", "db.example.com"));
        all.push(alias("near", "far2.shop.svc.cluster.local"));
        all.push(alias("far2", "web.shop.svc.cluster.local"));
        all.push(alias("self", "self.shop.svc.cluster.local"));
        let find = |name: &str| {
            lookup(
                &pod(&Dns::default()),
                [10, 88, 0, 2].into(),
                &zone(&all),
                name,
            )
        };
        // Nobody outside hears of a name of the search list.
        assert_eq!(find("far"), outside(&["db.example.com"]));
        assert_eq!(find("near"), at(&["10.89.0.20"]));
        assert_eq!(find("self.shop.svc.cluster.local."), Lookup::NoSuchName);
    }

    #[test]
    fn h10_localhost_is_both_loopbacks_and_an_alias_adds_to_it() {
        for name in ["localhost", "LocalHost", "localhost."] {
            assert_eq!(find(name), at(&["127.0.0.1", "::1", "192.0.2.8"]), "{name}");
        }
        assert_eq!(find("app.localhost"), at(&["127.0.0.1", "::1"]));
        assert_eq!(find("ip6-loopback"), at(&["::1"]));
        assert_eq!(find("ip6-allnodes"), at(&["fe00::1"]));
    }

    #[test]
    fn h9_a_pod_knows_its_own_names() {
        for name in [
            "web-0",
            "WEB-0",
            "web-0.web.shop.svc.cluster.local",
            "web-0.",
        ] {
            assert_eq!(find(name), at(&["10.88.0.2"]), "{name}");
        }
    }

    #[test]
    fn h10_host_aliases_of_every_line_count_and_case_does_not() {
        for name in ["legacy", "LEGACY"] {
            assert_eq!(find(name), at(&["192.0.2.7", "192.0.2.8"]));
        }
        assert_eq!(find("legacy.lan"), at(&["192.0.2.7"]));
    }

    #[test]
    fn literals_are_themselves() {
        assert_eq!(find("10.1.2.3"), at(&["10.1.2.3"]));
        assert_eq!(find("::1"), at(&["::1"]));
        for name in ["[::1]", "fe80::1%eth0", "10.1.2.3:80"] {
            assert_eq!(find(name), Lookup::NoSuchName, "{name}");
        }
    }

    #[test]
    fn n13_services_are_found_by_every_length_of_their_name() {
        for name in [
            "web",
            "web.shop",
            "web.shop.svc",
            "web.shop.svc.cluster.local",
            "web.shop.svc.cluster.local.",
            "WEB.Shop.SVC.Cluster.LOCAL",
        ] {
            assert_eq!(find(name), at(&["10.89.0.20"]), "{name}");
        }
        assert_eq!(find("api.other"), at(&["10.89.0.21"]));
        assert_eq!(find("api"), outside(&["api.corp.lan", "api"]));
        assert_eq!(
            find("web.shop.svc.cluster.local.x."),
            outside(&["web.shop.svc.cluster.local.x"])
        );
        assert_eq!(find("api.shop.svc.cluster.local."), Lookup::NoSuchName);
    }

    #[test]
    fn n13_a_headless_service_gives_ready_endpoints() {
        assert_eq!(find("db"), at(&["10.88.0.6", "10.88.0.8", "10.88.0.9"]));
        assert_eq!(find("dead.shop.svc.cluster.local."), Lookup::NoSuchName);
        assert_eq!(find("early"), at(&["10.88.0.5"]));
    }

    #[test]
    fn n13_an_endpoint_has_a_name_of_its_own() {
        assert_eq!(find("db-1.db"), at(&["10.88.0.9"]));
        assert_eq!(find("db-1.db.shop.svc.cluster.local"), at(&["10.88.0.9"]));
        assert_eq!(find("10-88-0-6.db"), at(&["10.88.0.6"]));
        assert_eq!(find("db-2.db.shop.svc.cluster.local."), Lookup::NoSuchName);
        assert_eq!(find("x.dead.shop.svc.cluster.local."), Lookup::NoSuchName);
    }

    #[test]
    fn pods_are_found_by_their_addresses() {
        assert_eq!(find("10-88-0-9.shop.pod"), at(&["10.88.0.9"]));
        assert_eq!(
            find("10-88-0-9.shop.pod.cluster.local."),
            at(&["10.88.0.9"])
        );
        assert_eq!(
            find("10-88-0-999.shop.pod.cluster.local."),
            Lookup::NoSuchName
        );
        assert_eq!(find("nobody.shop.pod.cluster.local."), Lookup::NoSuchName);
    }

    #[test]
    fn the_machine_has_a_name() {
        assert_eq!(find(HOST_NAME), at(&["10.88.0.1"]));
        assert_eq!(find("Host.Peapod.Internal."), at(&["10.88.0.1"]));
        let default = Dns {
            policy: DnsPolicy::Default,
            ..Dns::default()
        };
        assert_eq!(find_with(&default, HOST_NAME), at(&["10.88.0.1"]));
    }

    #[test]
    fn h11_names_of_nobody_here_go_outside_by_search_list_and_ndots() {
        assert_eq!(
            find("example.com"),
            outside(&["example.com.corp.lan", "example.com"])
        );
        assert_eq!(find("example.com."), outside(&["example.com"]));
        assert_eq!(
            find("a.b.c.d.e.f"),
            outside(&["a.b.c.d.e.f", "a.b.c.d.e.f.corp.lan"])
        );
        let ndots = Dns {
            options: vec![("ndots".into(), Some("1".into()))],
            ..Dns::default()
        };
        assert_eq!(
            find_with(&ndots, "example.com"),
            outside(&["example.com", "example.com.corp.lan"])
        );
        assert_eq!(find_with(&ndots, "web.shop"), at(&["10.89.0.20"]));
    }

    #[test]
    fn h11_a_pod_with_the_machines_dns_knows_no_services() {
        let dns = Dns {
            policy: DnsPolicy::Default,
            ..Dns::default()
        };
        assert_eq!(find_with(&dns, "web"), outside(&["web.corp.lan", "web"]));
        assert_eq!(
            find_with(&dns, "web.shop.svc.cluster.local."),
            outside(&["web.shop.svc.cluster.local"])
        );
        assert_eq!(find_with(&dns, "web-0"), at(&["10.88.0.2"]));
        let own = Dns {
            policy: DnsPolicy::None,
            nameservers: vec![DNS_IP.to_string()],
            ..Dns::default()
        };
        assert_eq!(
            find_with(&own, "web.shop.svc.cluster.local"),
            at(&["10.89.0.20"])
        );
        assert_eq!(find_with(&own, "web"), outside(&["web"]));
    }

    #[test]
    fn what_cannot_be_a_name_is_none() {
        let long_label = "a".repeat(64);
        let long_name = vec!["a".repeat(49); 6].join(".");
        let names = [
            "", ".", "..", "a..b", ".a", "a b", "a\0b", "a/b", "a:80", "*", "a..",
        ];
        for name in names.into_iter().chain([&*long_label, &*long_name]) {
            assert_eq!(find(name), Lookup::NoSuchName, "{name:?}");
        }
        assert_eq!(find(&"a.".repeat(1 << 20)), Lookup::NoSuchName);
        assert_eq!(
            find(&format!("{}.lan.", "a".repeat(63))),
            outside(&[&format!("{}.lan", "a".repeat(63))])
        );
    }

    #[test]
    fn a_name_in_unicode_is_looked_up_in_its_ascii_form() {
        assert_eq!(find("bücher.example."), outside(&["xn--bcher-kva.example"]));
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(name in ".{0,80}", known in "[a-z0-9-]{1,8}(\\.(shop|svc|pod|cluster|local|_tcp)){0,6}\\.?") {
            for name in [&name, &known] {
                if let Lookup::Addresses(ips) = find(name) {
                    prop_assert!(!ips.is_empty());
                    prop_assert!(!ips.contains(&IpAddr::from([0, 0, 0, 0])) || name.parse::<IpAddr>().is_ok() || name.contains("pod"));
                }
            }
        }
    }
}
