//! Which server and which location a request is for.

use std::net::SocketAddr;
use std::rc::Rc;

use percent_encoding::percent_decode_str;

use crate::config::{Location, Server};

/// The server for a connection and a host: of those that listen there the one with that name, else the default one.
pub(crate) fn server<'a>(
    servers: &'a [Rc<Server>],
    local: SocketAddr,
    host: Option<&str>,
) -> Option<&'a Rc<Server>> {
    let listens =
        |it: &Server, address: SocketAddr| it.listen.iter().any(|it| it.address == address);
    // The exact address wins over every address of that port.
    let mut any = local;
    any.set_ip(match local {
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    });
    let address = if servers.iter().any(|it| listens(it, local)) {
        local
    } else {
        any
    };
    let here = || servers.iter().filter(|it| listens(it, address));
    let named =
        |test: &dyn Fn(&str) -> bool| here().find(|it| it.names.iter().any(|name| test(name)));
    let by_name = host.and_then(|host| {
        named(&|name| name == host)
            .or_else(|| {
                named(&|name| {
                    name.strip_prefix('*')
                        .is_some_and(|end| host.ends_with(end))
                })
            })
            .or_else(|| {
                named(&|name| {
                    name.strip_suffix('*')
                        .is_some_and(|start| host.starts_with(start))
                })
            })
    });
    let is_default = |it: &&Rc<Server>| {
        it.listen
            .iter()
            .any(|it| it.address == address && it.is_default)
    };
    by_name
        .or_else(|| here().find(is_default))
        .or_else(|| here().next())
}

/// The location for a path: the exact one, else the longest that begins it.
pub(crate) fn location<'a>(server: &'a Server, path: &str) -> Option<&'a Location> {
    let exact = server
        .locations
        .iter()
        .find(|it| it.exact && it.path == path);
    exact.or_else(|| {
        let begins = |it: &&Location| !it.exact && path.starts_with(it.path.as_str());
        server
            .locations
            .iter()
            .filter(begins)
            .max_by_key(|it| it.path.len())
    })
}

/// A path decoded, without doubled slashes, `.` and `..`. Nothing for one that is no text, holds a NUL, or leaves the root.
pub(crate) fn normalise(path: &str) -> Option<String> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    if !path.starts_with('/') || path.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let mut normal = format!("/{}", parts.join("/"));
    let is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if is_folder && !parts.is_empty() {
        normal.push('/');
    }
    Some(normal)
}
