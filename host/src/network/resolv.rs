//! `/etc/resolv.conf` of a pod (rule H11).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use crate::model::{Dns, DnsPolicy};

const NAMESERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;
const SEARCH_CHARS_MAX: usize = 2048;
/// glibc before 2.28 ends a program that has a longer one.
const SEARCH_LENGTH_MAX: usize = 253;
/// What a resolver takes when the file says nothing (resolv.conf(5)).
const NDOTS_DEFAULT: usize = 1;
const NDOTS_MAX: usize = 15;

/// What a pod's resolver is told. Printed, it is the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    nameservers: Vec<String>,
    searches: Vec<String>,
    /// As they stand in the file: `ndots:5`, `rotate`.
    options: Vec<String>,
    /// What was left out, in a kubelet's words.
    omitted: Vec<String>,
}

impl ResolvConf {
    /// What a pod of that namespace gets; `host` is the machine's own file.
    pub fn of(dns: &Dns, namespace: &str, zone: &str, dns_ip: Ipv4Addr, host: &str) -> Self {
        let mut conf = match dns.policy {
            DnsPolicy::ClusterFirst => Self {
                nameservers: vec![dns_ip.to_string()],
                searches: [
                    format!("{namespace}.svc.{zone}"),
                    format!("svc.{zone}"),
                    zone.to_owned(),
                ]
                .into_iter()
                .chain(Self::parse(host).searches)
                .collect(),
                options: vec!["ndots:5".to_owned()],
                omitted: Vec::new(),
            },
            DnsPolicy::Default => Self::parse(host),
            DnsPolicy::None => Self::default(),
        };
        conf.nameservers.extend(dns.nameservers.iter().cloned());
        conf.searches.extend(dns.searches.iter().cloned());
        for (name, value) in &dns.options {
            let text = match value {
                Some(value) => format!("{name}:{value}"),
                None => name.clone(),
            };
            conf.set_option(text);
        }
        conf.fit();
        conf
    }

    fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.nameservers.extend(words.next().map(str::to_owned)),
                // The last line counts, and `domain` is a list of one (resolv.conf(5)).
                Some("search") => conf.searches = words.map(without_dot).collect(),
                Some("domain") => conf.searches = words.take(1).map(without_dot).collect(),
                Some("options") => words.for_each(|word| conf.set_option(word.to_owned())),
                _ => {}
            }
        }
        conf
    }

    /// An option replaces an earlier one of its name.
    fn set_option(&mut self, text: String) {
        let name = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
        match self.options.iter_mut().find(|o| name(o) == name(&text)) {
            Some(option) => *option = text,
            None => self.options.push(text),
        }
    }

    fn fit(&mut self) {
        without_repeats(&mut self.nameservers);
        if self.nameservers.len() > NAMESERVERS_MAX {
            self.nameservers.truncate(NAMESERVERS_MAX);
            self.omitted.push(format!(
                "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {}",
                self.nameservers.join(" ")
            ));
        }
        without_repeats(&mut self.searches);
        let wanted = self.searches.len();
        self.searches.truncate(SEARCHES_MAX);
        self.searches.retain(|s| s.len() <= SEARCH_LENGTH_MAX);
        let length = |searches: &[String]| {
            searches
                .iter()
                .map(|s| s.len() + 1)
                .sum::<usize>()
                .saturating_sub(1)
        };
        while length(&self.searches) > SEARCH_CHARS_MAX {
            self.searches.pop();
        }
        if self.searches.len() < wanted {
            self.omitted.push(format!(
                "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {}",
                self.searches.join(" ")
            ));
        }
    }

    /// What of the pod's and the machine's settings went beyond a resolver's limits and was left out.
    pub fn omitted(&self) -> &[String] {
        &self.omitted
    }

    /// Whether that address is one of the nameservers.
    pub(super) fn asks(&self, nameserver: Ipv4Addr) -> bool {
        self.nameservers
            .iter()
            .any(|text| text.parse() == Ok(IpAddr::V4(nameserver)))
    }

    /// Domains in which a short name is tried.
    pub(super) fn searches(&self) -> &[String] {
        &self.searches
    }

    /// A name with that many dots is tried as it stands before any other.
    pub(super) fn ndots(&self) -> usize {
        self.options
            .iter()
            .filter_map(|option| option.strip_prefix("ndots:")?.parse::<usize>().ok())
            .next_back()
            .map_or(NDOTS_DEFAULT, |ndots| ndots.min(NDOTS_MAX))
    }
}

fn without_dot(domain: &str) -> String {
    match domain.strip_suffix('.') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => domain.to_owned(),
    }
}

fn without_repeats(list: &mut Vec<String>) {
    let mut seen = std::collections::HashSet::new();
    list.retain(|item| seen.insert(item.clone()));
}

impl fmt::Display for ResolvConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.searches.is_empty() {
            writeln!(f, "search {}", self.searches.join(" "))?;
        }
        for nameserver in &self.nameservers {
            writeln!(f, "nameserver {nameserver}")?;
        }
        if !self.options.is_empty() {
            writeln!(f, "options {}", self.options.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ResolvConf;
    use crate::model::{Dns, DnsPolicy};

    const HOST: &str = "# made by something\ndomain old.lan\nsearch corp.lan. lan\nnameserver 127.0.0.53\noptions edns0 ndots:2\n";

    fn conf(dns: &Dns) -> ResolvConf {
        ResolvConf::of(dns, "shop", "cluster.local", [10, 96, 0, 10].into(), HOST)
    }

    #[test]
    fn h11_cluster_first_searches_the_namespace_and_then_as_the_machine_does() {
        assert_eq!(
            conf(&Dns::default()).to_string(),
            "search shop.svc.cluster.local svc.cluster.local cluster.local corp.lan lan\n\
             nameserver 10.96.0.10\n\
             options ndots:5\n"
        );
    }

    #[test]
    fn h11_default_is_the_machines_own() {
        let conf = conf(&Dns {
            policy: DnsPolicy::Default,
            ..Dns::default()
        });
        assert_eq!(
            conf.to_string(),
            "search corp.lan lan\nnameserver 127.0.0.53\noptions edns0 ndots:2\n"
        );
        assert_eq!(conf.ndots(), 2);
    }

    #[test]
    fn h11_none_is_the_pods_own_configuration() {
        let conf = conf(&Dns {
            policy: DnsPolicy::None,
            nameservers: vec!["1.1.1.1".into(), "1.1.1.1".into()],
            searches: vec!["a.b".into()],
            options: vec![("ndots".into(), Some("3".into())), ("rotate".into(), None)],
        });
        assert_eq!(
            conf.to_string(),
            "search a.b\nnameserver 1.1.1.1\noptions ndots:3 rotate\n"
        );
        assert!(conf.asks([1, 1, 1, 1].into()));
        assert!(!conf.asks([10, 96, 0, 10].into()));
    }

    #[test]
    fn h11_a_pods_configuration_is_appended_and_its_options_override_by_name() {
        let conf = conf(&Dns {
            policy: DnsPolicy::ClusterFirst,
            nameservers: vec!["1.1.1.1".into(), "10.96.0.10".into()],
            searches: vec!["lan".into(), "more.lan".into()],
            options: vec![
                ("ndots".into(), Some("1".into())),
                ("edns0".into(), None),
                ("ndots".into(), Some("2".into())),
            ],
        });
        assert_eq!(
            conf.to_string(),
            "search shop.svc.cluster.local svc.cluster.local cluster.local corp.lan lan more.lan\n\
             nameserver 10.96.0.10\nnameserver 1.1.1.1\n\
             options ndots:2 edns0\n"
        );
    }

    #[test]
    fn h11_three_nameservers_thirty_two_searches_and_2048_characters_are_the_most() {
        let many =
            |n: usize, length: usize| (0..n).map(|i| format!("{i:0>length$}")).collect::<Vec<_>>();
        let short = conf(&Dns {
            nameservers: many(9, 1),
            searches: many(50, 3),
            ..Dns::default()
        });
        assert_eq!(short.to_string().matches("nameserver").count(), 3);
        assert_eq!(short.searches().len(), 32);
        let [servers, searches] = short.omitted() else {
            panic!("{:?}", short.omitted());
        };
        assert_eq!(
            servers,
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 0 1"
        );
        assert!(searches.starts_with("Search Line limits were exceeded, some search paths have been omitted, the applied search line is: shop.svc"));
        let long = conf(&Dns {
            policy: DnsPolicy::None,
            searches: many(20, 200),
            ..Dns::default()
        });
        assert_eq!(long.searches().len(), 10, "10 × 200 and 9 spaces");
        let too_long = conf(&Dns {
            policy: DnsPolicy::None,
            searches: many(1, 254),
            ..Dns::default()
        });
        assert_eq!(too_long.to_string(), "");
        assert_eq!(too_long.omitted().len(), 1);
        assert!(conf(&Dns::default()).omitted().is_empty());
    }

    #[test]
    fn a_file_that_is_no_file_of_its_kind_is_empty() {
        let dns = Dns {
            policy: DnsPolicy::Default,
            ..Dns::default()
        };
        let conf = |text| ResolvConf::of(&dns, "a", "b", [1, 1, 1, 1].into(), text);
        assert_eq!(
            conf("nameserver\nsearch\n;x\n\u{0}\n"),
            ResolvConf::default()
        );
        assert_eq!(conf("options ndots:x").ndots(), 1);
        assert_eq!(conf("options ndots:99").ndots(), 15);
        assert_eq!(conf("search .").searches(), ["."]);
    }
}
