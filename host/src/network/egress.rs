//! What a pod may reach on the real network.
//!
//! Nothing unless it is allowed. Some addresses are allowed only by their own name, never by `all` or a range around them, because
//! they mean something else to the machine than to whoever wrote `all`: the machine's loopback (databases that trust whoever is
//! local; only `host` opens it, also where it is reached by an address of an interface), a cloud's metadata service (169.254.169.254 and its
//! likes: it hands out the machine's credentials), other link-local addresses, multicast and broadcast.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// More items than anybody writes by hand; each costs a comparison at every connect.
const ITEMS_MAX: usize = 256;

/// `none|dns|all|host[:PORT]|CIDR[:PORT][,…]`. The default allows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    items: Vec<Item>,
    /// What is not in here either is not allowed.
    within: Option<Box<Self>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Dns,
    All,
    Host(Option<u16>),
    Net(IpNet, Option<u16>),
}

/// A text that is no egress policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// Not an item.
    #[error(
        "egress {0:?} is none of none, dns, all, host[:PORT], CIDR[:PORT] (IPv6 with a port in brackets: [CIDR]:PORT)"
    )]
    Item(String),
    /// A port that is no port.
    #[error("egress {0:?} has a port that is not between 1 and 65535")]
    Port(String),
    /// The machine's loopback by its address.
    #[error("egress {0:?} is a pod's own loopback; the machine's is called host")]
    Loopback(String),
    /// `none` with something else.
    #[error("egress none stands alone")]
    None,
    /// A policy without end.
    #[error("egress has more than {ITEMS_MAX} items")]
    Many,
}

impl EgressPolicy {
    /// Nothing.
    pub const fn none() -> Self {
        Self::of(Vec::new())
    }

    /// What is no place of its own: neither the machine nor a guarded address.
    pub fn all() -> Self {
        Self::of(vec![Item::All])
    }

    const fn of(items: Vec<Item>) -> Self {
        Self {
            items,
            within: None,
        }
    }

    /// What both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let within = match self.within {
            Some(within) => within.and(other),
            None => other,
        };
        Self {
            items: self.items,
            within: Some(Box::new(within)),
        }
    }

    fn within(&self, allows: impl Fn(&Self) -> bool) -> bool {
        self.within.as_deref().is_none_or(allows)
    }

    /// Whether the pod may send to that address of the real network. The machine's loopback never is; see [`Self::permits_host`].
    pub fn permits(&self, to: SocketAddr) -> bool {
        // `::ffff:169.254.169.254` reaches the same place as without `::ffff:`.
        let ip = to.ip().to_canonical();
        if is_own(ip) {
            return false;
        }
        let range = guarded(ip);
        let own = self.items.iter().any(|item| match item {
            Item::Dns | Item::Host(_) => false,
            Item::All => range.is_none(),
            Item::Net(net, port) => {
                net.contains(&ip)
                    && port.is_none_or(|port| port == to.port())
                    && range.is_none_or(|range| range.contains(net))
            }
        });
        own && self.within(|within| within.permits(to))
    }

    /// Whether the pod may send to that port of the machine's own loopback, by `host.peapod.internal`.
    pub fn permits_host(&self, port: u16) -> bool {
        let own = self.items.iter();
        let own = own.filter(
            |item| matches!(item, Item::Host(only) if only.is_none_or(|only| only == port)),
        );
        own.count() > 0 && self.within(|within| within.permits_host(port))
    }

    /// Whether the machine's resolver is asked for the pod. Not with a range alone: a name carries out what is written into it, wherever
    /// its name server stands.
    pub fn permits_lookup(&self) -> bool {
        let own = self
            .items
            .iter()
            .any(|item| matches!(item, Item::Dns | Item::All));
        own && self.within(Self::permits_lookup)
    }
}

/// The machine itself, however it is written: on Linux a connect to `0.0.0.0` reaches 127.0.0.1.
fn is_own(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.octets()[0] == 0,
        // With ::1, the deprecated IPv4-compatible addresses (::127.0.0.1).
        IpAddr::V6(ip) => ip.segments()[..6] == [0; 6],
    }
}

/// The range an address is in that has to be named.
fn guarded(ip: IpAddr) -> Option<IpNet> {
    const RANGES: [IpNet; 7] = [
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16)),
        // Metadata services that are not link-local: Alibaba's, Oracle's, Amazon's over IPv6.
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(100, 100, 100, 200), 32)),
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 0, 192), 32)),
        IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
            128,
        )),
        // Multicast, reserved and broadcast.
        IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3)),
        IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
            10,
        )),
        IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0),
            8,
        )),
    ];
    RANGES.into_iter().find(|range| range.contains(&ip))
}

impl FromStr for EgressPolicy {
    type Err = EgressError;

    fn from_str(text: &str) -> Result<Self, EgressError> {
        if text.trim() == "none" {
            return Ok(Self::none());
        }
        let mut items = Vec::new();
        for part in text.split(',').map(str::trim) {
            if part == "none" {
                return Err(EgressError::None);
            }
            if items.len() == ITEMS_MAX {
                return Err(EgressError::Many);
            }
            items.push(item(part)?);
        }
        Ok(Self::of(items))
    }
}

fn item(text: &str) -> Result<Item, EgressError> {
    match text {
        "dns" => return Ok(Item::Dns),
        "all" => return Ok(Item::All),
        _ => {}
    }
    let bad = || EgressError::Item(text.to_owned());
    let (place, port) = if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or_else(bad)?;
        if !inside.contains(':') {
            return Err(bad());
        }
        match after.strip_prefix(':') {
            Some(port) => (inside, Some(port)),
            None if after.is_empty() => (inside, None),
            None => return Err(bad()),
        }
    } else {
        match text.split_once(':') {
            // More than one colon is an IPv6 address without brackets, and without a port.
            Some((place, port)) if !port.contains(':') => (place, Some(port)),
            _ => (text, None),
        }
    };
    let port = match port {
        None => None,
        Some(number) => match port_number(number) {
            None if is_place(place) => return Err(EgressError::Port(text.to_owned())),
            number => number,
        },
    };
    if place == "host" {
        return Ok(Item::Host(port));
    }
    let net = net(place).ok_or_else(bad)?;
    let own = if net.addr().is_ipv4() { 8 } else { 96 };
    if is_own(net.addr()) && net.prefix_len() >= own {
        return Err(EgressError::Loopback(text.to_owned()));
    }
    Ok(Item::Net(net, port))
}

fn port_number(text: &str) -> Option<u16> {
    // `parse` alone takes `+80`.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

fn is_place(text: &str) -> bool {
    text == "host" || net(text).is_some()
}

/// A range, or a single address. Bits beyond the prefix are dropped (`10.1.2.3/8` is `10.0.0.0/8`).
fn net(text: &str) -> Option<IpNet> {
    let net = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .ok()?
        .trunc();
    // Checked against canonical addresses, so the rule is one too.
    match net {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => v6
            .addr()
            .to_ipv4_mapped()
            .and_then(|ip| Ipv4Net::new(ip, v6.prefix_len() - 96).ok())
            .map_or(Some(net), |v4| Some(IpNet::V4(v4))),
        net => Some(net),
    }
}

impl fmt::Display for EgressPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.items.is_empty() {
            return f.write_str("none");
        }
        for (at, item) in self.items.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match item {
                Item::Dns => f.write_str("dns")?,
                Item::All => f.write_str("all")?,
                Item::Host(None) => f.write_str("host")?,
                Item::Host(Some(port)) => write!(f, "host:{port}")?,
                Item::Net(net, None) => write!(f, "{net}")?,
                Item::Net(net @ IpNet::V4(_), Some(port)) => write!(f, "{net}:{port}")?,
                Item::Net(net @ IpNet::V6(_), Some(port)) => write!(f, "[{net}]:{port}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{EgressError, EgressPolicy};

    fn policy(text: &str) -> EgressPolicy {
        text.parse().unwrap()
    }

    fn permits(text: &str, to: &str) -> bool {
        policy(text).permits(to.parse().unwrap())
    }

    #[test]
    fn nothing_is_allowed_unless_it_is_named() {
        for text in ["none", "dns", "host", "host:80"] {
            assert!(!permits(text, "1.1.1.1:80"), "{text}");
            assert!(!permits(text, "[2606:4700::1]:80"), "{text}");
        }
        assert_eq!(EgressPolicy::default(), policy("none"));
        assert!(!policy("none").permits_lookup());
        assert!(!policy("host").permits_lookup());
    }

    #[test]
    fn lookup_is_allowed_with_dns_and_with_all_and_not_with_a_range() {
        for text in ["dns", "all", "10.0.0.0/8,dns"] {
            assert!(policy(text).permits_lookup(), "{text}");
        }
        for text in ["10.0.0.0/8", "host,1.1.1.1:53", "0.0.0.0/0"] {
            assert!(!policy(text).permits_lookup(), "{text}");
        }
    }

    #[test]
    fn ranges_and_ports_are_checked() {
        assert!(permits("10.0.0.0/8", "10.9.9.9:1"));
        assert!(!permits("10.0.0.0/8", "11.0.0.1:1"));
        assert!(permits("10.1.2.3/8:443", "10.9.9.9:443"));
        assert!(!permits("10.1.2.3/8:443", "10.9.9.9:80"));
        assert!(permits("1.1.1.1", "1.1.1.1:9"));
        assert!(!permits("1.1.1.1", "1.1.1.2:9"));
        assert!(permits("2001:db8::/32", "[2001:db8::7]:80"));
        assert!(permits("[2001:db8::/32]:443", "[2001:db8::7]:443"));
        assert!(!permits("[2001:db8::/32]:443", "[2001:db8::7]:80"));
        assert!(permits("dns, [2001:db8::1]", "[2001:db8::1]:80"));
        assert!(permits("1.1.1.1:80,1.1.1.1:443", "1.1.1.1:443"));
        assert!(permits("0.0.0.0/0", "8.8.8.8:53"));
        assert!(!permits("0.0.0.0/0", "[2606:4700::1]:53"));
    }

    #[test]
    fn all_leaves_out_the_machines_loopback_and_link_local_addresses() {
        for text in ["all", "0.0.0.0/0,::/0", "0.0.0.0/1,128.0.0.0/1"] {
            assert!(permits(text, "93.184.216.34:80"), "{text}");
            for to in [
                "127.0.0.1:80",
                "127.9.9.9:80",
                "0.0.0.0:80",
                "0.1.2.3:80",
                "[::1]:80",
                "[::]:80",
                "[::127.0.0.1]:80",
                "[::ffff:127.0.0.1]:80",
                "169.254.169.254:80",
                "100.100.100.200:80",
                "192.0.0.192:80",
                "[fd00:ec2::254]:80",
                "[::ffff:169.254.169.254]:80",
                "[fe80::1]:80",
                "224.0.0.251:5353",
                "255.255.255.255:67",
                "[ff02::1]:80",
            ] {
                assert!(!permits(text, to), "{text} {to}");
            }
        }
    }

    #[test]
    fn a_guarded_address_is_allowed_by_its_own_name() {
        assert!(permits("169.254.169.254", "169.254.169.254:80"));
        assert!(permits("169.254.0.0/16:80", "169.254.169.254:80"));
        assert!(permits("all,169.254.169.254:80", "169.254.169.254:80"));
        assert!(!permits("all,169.254.169.254:80", "169.254.169.254:81"));
        assert!(permits("::ffff:169.254.169.254", "169.254.169.254:80"));
        assert!(permits("ff02::/16", "[ff02::1]:80"));
        assert!(permits("fd00:ec2::254", "[fd00:ec2::254]:80"));
        assert!(!permits("fd00::/8", "[fd00:ec2::254]:80"));
    }

    #[test]
    fn the_machines_loopback_is_host() {
        assert!(policy("host").permits_host(5432));
        assert!(policy("host:5432").permits_host(5432));
        assert!(!policy("host:5432").permits_host(22));
        for text in ["none", "dns", "all", "0.0.0.0/0"] {
            assert!(!policy(text).permits_host(22), "{text}");
        }
        for text in ["127.0.0.1", "127.0.0.0/8:80", "::1", "[::1]:80", "0.0.0.0"] {
            let error = text.parse::<EgressPolicy>().unwrap_err();
            assert_eq!(error, EgressError::Loopback(text.to_owned()));
        }
    }

    #[test]
    fn the_bad_item_is_named() {
        for text in [
            "",
            "al",
            "ALL",
            "1.2.3",
            "1.2.3.4/33",
            "[1.2.3.4]:80",
            "[::1",
            "[fd00::1]80",
            "example.com:443",
            "fd00::/129",
            "tcp:80",
            "host/8",
            ":80",
        ] {
            let error = format!("dns,{text}").parse::<EgressPolicy>().unwrap_err();
            assert_eq!(error, EgressError::Item(text.to_owned()));
        }
        for text in [
            "1.2.3.4:0",
            "1.2.3.4:65536",
            "host:x",
            "[fd00::1]:",
            "1.2.3.4:+80",
        ] {
            let error = text.parse::<EgressPolicy>().unwrap_err();
            assert_eq!(error, EgressError::Port(text.to_owned()));
        }
        assert_eq!("none,all".parse::<EgressPolicy>(), Err(EgressError::None));
        let many = vec!["1.1.1.1"; 257].join(",");
        assert_eq!(many.parse::<EgressPolicy>(), Err(EgressError::Many));
    }

    #[test]
    fn a_policy_prints_as_it_reads() {
        for text in [
            "none",
            "dns",
            "all,host:22",
            "10.0.0.0/8:443,1.1.1.1/32",
            "[2001:db8::/32]:443,fd00::1/128",
        ] {
            assert_eq!(policy(text).to_string(), text);
        }
    }

    #[test]
    fn what_two_policies_allow_is_what_both_allow() {
        let both = policy("all,host:80").and(policy("10.0.0.0/8,host,dns"));
        assert!(both.permits("10.1.2.3:80".parse().unwrap()));
        assert!(!both.permits("11.1.2.3:80".parse().unwrap()));
        assert!(both.permits_host(80) && !both.permits_host(81));
        assert!(both.permits_lookup());
        assert!(!policy("all").and(policy("none")).permits_lookup());
    }
}
