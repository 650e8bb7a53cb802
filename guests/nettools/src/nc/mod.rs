//! `nc`: what arrives on a socket to standard output, and standard input to the socket.
//!
//! `nc HOST PORT`, `nc -l -p PORT` (or `nc -l PORT`), `nc -z HOST PORT…`. Where BusyBox's and OpenBSD's differ it is BusyBox's, except that
//! the end of standard input is told to the peer, as OpenBSD's does with `-N`: without that two of them never end.

mod datagrams;
mod pump;
mod scan;

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use command::options::{self, Options};

use crate::complain;
use crate::error::Error;
use crate::name::{Family, resolve};
use crate::output;
use crate::poll::Deadline;
use crate::stdin::Stdin;
use crate::tcp::{Connection, Listener, Patience};
use pump::{Ended, Pump};

/// What the command line says.
struct Settings {
    verbose: bool,
    numeric: bool,
    keep: bool,
    udp: bool,
    family: Family,
    /// `-w`: how long to wait for a connection, and for what the peer still says once standard input is over.
    wait: Option<Duration>,
    /// `-q`: how long to stay once standard input is over.
    stay: Option<Duration>,
    /// `-s`, `-p`: this end.
    source: Option<IpAddr>,
    port: Option<u16>,
}

impl Settings {
    fn patience(&self) -> Patience {
        Patience {
            until: Deadline::within(self.wait),
            step: None,
        }
    }

    fn local(&self) -> Option<SocketAddr> {
        if self.source.is_none() && self.port.is_none() {
            return None;
        }
        let address = self.source.unwrap_or_else(|| self.family.unspecified());
        Some((address, self.port.unwrap_or(0)).into())
    }
}

/// `nc`.
pub fn nc(args: &[String]) -> i32 {
    match run(args) {
        Ok(status) => status,
        Err(why) => {
            complain("nc", why);
            1
        }
    }
}

fn run(args: &[String]) -> Result<i32, String> {
    let options = options::parse(args, "lkzuvnN46dw:p:s:q:i:", &[])?;
    let seconds = |letter| match options.value(letter) {
        None => Ok(None),
        Some(text) => duration(text).map(Some),
    };
    let family = match (options.has('4'), options.has('6')) {
        (true, false) => Family::V4,
        (false, true) => Family::V6,
        _ => Family::Any,
    };
    let mut settings = Settings {
        verbose: options.has('v'),
        numeric: options.has('n'),
        keep: options.has('k'),
        udp: options.has('u'),
        family,
        wait: seconds('w')?.filter(|time| !time.is_zero()),
        stay: seconds('q')?,
        source: options
            .value('s')
            .map(|text| text.parse().map_err(|_| bad_address(text)))
            .transpose()?,
        port: options.value('p').map(port).transpose()?,
    };
    let stdin = || {
        if options.has('d') {
            Stdin::none()
        } else {
            Stdin::open()
        }
    };
    if options.has('l') {
        here(&options, &mut settings)?;
        return if settings.udp {
            datagrams::listen(&settings, stdin())
        } else {
            listen(&settings, stdin())
        };
    }
    let [host, ports @ ..] = options.operands.as_slice() else {
        return Err(
            "usage: nc [-uvnz] [-w SEC] HOST PORT, nc -l [-ukv] [-w SEC] -p PORT".to_owned(),
        );
    };
    if ports.is_empty() {
        return Err("a port is missing".to_owned());
    }
    let addresses = addresses(host, &settings)?;
    if options.has('z') {
        return scan::scan(host, &addresses, ports, &settings);
    }
    let [text] = ports else {
        return Err("several ports are for -z".to_owned());
    };
    let port = port(text)?;
    if settings.udp {
        let address = addresses.first().ok_or_else(|| bad_address(host))?;
        return datagrams::talk(&settings, (*address, port).into(), stdin());
    }
    let mut connection = connect(host, &addresses, port, &settings)?;
    Ok(finish(talk(
        &mut connection,
        &mut stdin(),
        &settings,
        false,
    )))
}

/// Where to listen: `-p PORT`, or the last operand; the one before it is this end's address.
fn here(options: &Options, settings: &mut Settings) -> Result<(), String> {
    let (address, last) = match options.operands.as_slice() {
        [] => (None, None),
        // With -p, BusyBox takes the operand for the only peer that may connect; that is not kept to.
        [_] if settings.port.is_some() => (None, None),
        [last] => (None, Some(last)),
        [address, last] => (Some(address), Some(last)),
        _ => return Err("too many operands".to_owned()),
    };
    if let Some(text) = last {
        settings.port = Some(port(text)?);
    }
    if let Some(text) = address {
        settings.source = addresses(text, settings)?.first().copied();
    }
    if settings.port.is_none() {
        return Err("a port to listen on is missing (-p PORT)".to_owned());
    }
    Ok(())
}

fn listen(settings: &Settings, mut stdin: Stdin) -> Result<i32, String> {
    let local = settings
        .local()
        .unwrap_or_else(|| (settings.family.unspecified(), 0).into());
    let listener = Listener::bind(local).map_err(|e| format!("bind: {e}"))?;
    if settings.verbose {
        let address = listener.address().map_err(|e| e.to_string())?;
        say(format_args!("listening on {address} ..."));
    }
    loop {
        let connection = listener.accept(
            Deadline::within(settings.wait),
            Patience {
                until: Deadline::NEVER,
                step: None,
            },
        );
        let mut connection = match connection {
            Err(Error::TimedOut) => return Err("timed out".to_owned()),
            connection => connection.map_err(|e| format!("accept: {e}"))?,
        };
        if settings.verbose
            && let Ok((local, peer)) = connection.ends()
        {
            say(format_args!(
                "connect to {local} from {} ({peer})",
                peer.ip()
            ));
        }
        let ended = talk(&mut connection, &mut stdin, settings, true);
        if !settings.keep || matches!(ended, Ended::NoReader | Ended::Output(_)) {
            return Ok(finish(ended));
        }
    }
}

/// Connects to the first of the addresses that lets it.
fn connect(
    host: &str,
    addresses: &[IpAddr],
    port: u16,
    settings: &Settings,
) -> Result<Connection, String> {
    let mut failure = None;
    for address in addresses {
        let to = SocketAddr::from((*address, port));
        match Connection::connect(to, settings.local(), settings.patience()) {
            Ok(connection) => {
                if settings.verbose {
                    say(format_args!("{host} ({to}) open"));
                }
                return Ok(connection);
            }
            Err(e) => failure = Some(format!("can't connect to remote host ({address}): {e}")),
        }
    }
    Err(failure.unwrap_or_else(|| bad_address(host)))
}

fn talk(
    connection: &mut Connection,
    stdin: &mut Stdin,
    settings: &Settings,
    listening: bool,
) -> Ended {
    Pump {
        connection,
        stdin,
        wait: settings.wait,
        stay: settings.stay,
        listening,
    }
    .run()
}

/// The status, after saying why it is not 0.
fn finish(ended: Ended) -> i32 {
    match ended {
        Ended::Well => 0,
        Ended::Network(e) => {
            complain("nc", e);
            1
        }
        Ended::Output(e) => output::failed("nc", &e),
        Ended::NoReader => output::BROKEN_PIPE,
    }
}

fn addresses(host: &str, settings: &Settings) -> Result<Vec<IpAddr>, String> {
    if settings.numeric && host.parse::<IpAddr>().is_err() {
        return Err(bad_address(host));
    }
    resolve(host, settings.family, Deadline::within(settings.wait)).map_err(|e| match e {
        Error::TimedOut => format!("{host}: {e}"),
        e => e.to_string(),
    })
}

fn bad_address(text: &str) -> String {
    Error::BadAddress(text.to_owned()).to_string()
}

fn port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("bad port '{text}'"))
}

/// Seconds, as `5` or `0.5`.
fn duration(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("invalid number '{text}'"))
}

/// A line on standard error that is no complaint.
fn say(text: impl Display) {
    use std::io::Write as _;
    // Nobody is left to tell where standard error itself fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}
