//! Which port a handler means.

use crate::model::{Container, PortRef};

/// The number of a port. A name counts before a number in quotes (rule D9); neither is an error, not a failure (rule D7).
pub(super) fn resolve(port: &PortRef, container: &Container) -> Result<u16, String> {
    let name = match port {
        PortRef::Number(number) => return Ok(*number),
        PortRef::Name(name) => name,
    };
    let named = container
        .ports
        .iter()
        .find(|port| port.name.as_ref() == Some(name));
    if let Some(named) = named {
        return Ok(named.port);
    }
    match name.parse::<i64>() {
        Ok(number) => u16::try_from(number)
            .ok()
            .filter(|number| *number != 0)
            .ok_or_else(|| format!("invalid port number: {number}")),
        Err(_) => Err(format!("strconv.Atoi: parsing {name:?}: invalid syntax")),
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::model::{ContainerPort, PortRef, Protocol, testing};

    #[test]
    fn d9_a_port_is_a_number_a_name_or_a_number_in_quotes() {
        let mut container = testing::container("c");
        let named = |name: &str, port| ContainerPort {
            name: Some(name.into()),
            port,
            host_port: None,
            host_ip: None,
            protocol: Protocol::Tcp,
        };
        container.ports = vec![named("web", 8080), named("80", 8081)];
        let name = |text: &str| PortRef::Name(text.into());
        for (port, expected) in [
            (PortRef::Number(7), Ok(7)),
            (name("web"), Ok(8080)),
            (name("80"), Ok(8081)),
            (name("443"), Ok(443)),
            (name("0"), Err("invalid port number: 0")),
            (name("70000"), Err("invalid port number: 70000")),
            (
                name("api"),
                Err("strconv.Atoi: parsing \"api\": invalid syntax"),
            ),
        ] {
            let expected = expected.map_err(str::to_owned);
            assert_eq!(resolve(&port, &container), expected, "{port:?}");
        }
    }
}
