//! `nc -z`: which ports are open.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Settings, port, say};
use crate::complain;
use crate::error::Error;
use crate::name::unspecified_for;
use crate::poll::{Deadline, wait};
use crate::tcp::Connection;
use crate::udp::Datagrams;

/// How long a refusal of a datagram may take.
const REFUSAL: Duration = Duration::from_secs(1);

/// Tries the ports, each a number or `FIRST-LAST`: status 0 if one of them is open. Refusals are only told with -v.
pub(super) fn scan(
    host: &str,
    addresses: &[IpAddr],
    ports: &[String],
    settings: &Settings,
) -> Result<i32, String> {
    let mut status = 1;
    for text in ports {
        for port in range(text)? {
            for address in addresses {
                let to = SocketAddr::from((*address, port));
                let tried = if settings.udp {
                    knock(to, settings)
                } else {
                    Connection::connect(to, settings.local(), settings.patience()).map(drop)
                };
                match tried {
                    Ok(()) => {
                        status = 0;
                        if settings.verbose {
                            say(format_args!("{host} ({to}) open"));
                        }
                        break;
                    }
                    Err(e) if settings.verbose => {
                        complain("nc", format_args!("{host} ({to}): {e}"))
                    }
                    Err(_) => {}
                }
            }
        }
    }
    Ok(status)
}

/// A datagram is answered by a refusal where nobody listens, and else perhaps by nothing: an open port is one that does not refuse.
fn knock(to: SocketAddr, settings: &Settings) -> Result<(), Error> {
    let family = unspecified_for(to.ip());
    let local = settings.local().unwrap_or_else(|| (family, 0).into());
    let mut socket = Datagrams::open(local, Some(to))?;
    socket.send(Vec::new(), None)?;
    let deadline = Deadline::within(settings.wait.or(Some(REFUSAL)));
    if wait(&[socket.readable()], deadline) {
        socket.receive_now()?;
    }
    Ok(())
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    match text.split_once('-') {
        None => port(text).map(|port| port..=port),
        Some((first, last)) => Ok(port(first)?..=port(last)?),
    }
}
