//! `nc -u`. Datagrams have no end: it goes on until it is ended, or until the time of `-w` or `-q` after standard input's end.

use std::net::SocketAddr;
use std::time::Instant;

use super::{Settings, say};
use crate::name::unspecified_for;
use crate::output;
use crate::poll::{Deadline, wait};
use crate::stdin::Stdin;
use crate::udp::Datagrams;

/// What is read of standard input at a time, and sent as one datagram.
const CHUNK: u64 = 8 * 1024;

/// `nc -u HOST PORT`.
pub(super) fn talk(settings: &Settings, to: SocketAddr, stdin: Stdin) -> Result<i32, String> {
    let local = settings
        .local()
        .unwrap_or_else(|| (unspecified_for(to.ip()), 0).into());
    let socket = Datagrams::open(local, Some(to)).map_err(|e| e.to_string())?;
    if settings.verbose {
        say(format_args!("{to} open"));
    }
    exchange(settings, socket, None, stdin)
}

/// `nc -u -l -p PORT`: its peer is who sends first; with -k, who has sent last.
pub(super) fn listen(settings: &Settings, stdin: Stdin) -> Result<i32, String> {
    let local = settings
        .local()
        .unwrap_or_else(|| (settings.family.unspecified(), 0).into());
    let mut socket = Datagrams::open(local, None).map_err(|e| format!("bind: {e}"))?;
    if settings.verbose {
        let address = socket.address().map_err(|e| e.to_string())?;
        say(format_args!("listening on {address} ..."));
    }
    loop {
        if !wait(&[socket.readable()], Deadline::within(settings.wait)) {
            return Err("timed out".to_owned());
        }
        if let Some((data, peer)) = socket.receive_now().map_err(|e| e.to_string())? {
            if settings.verbose {
                say(format_args!(
                    "connect to {local} from {} ({peer})",
                    peer.ip()
                ));
            }
            if let Err(e) = output::write(&data) {
                return Ok(output::failed("nc", &e));
            }
            return exchange(settings, socket, Some(peer), stdin);
        }
    }
}

/// Both ways at once. `peer` is the one whom an unconnected socket answers.
fn exchange(
    settings: &Settings,
    mut socket: Datagrams,
    mut peer: Option<SocketAddr>,
    mut stdin: Stdin,
) -> Result<i32, String> {
    let mut last = Instant::now();
    let mut stdin_over: Option<Instant> = None;
    loop {
        let mut what = vec![socket.readable()];
        let mut deadline = Deadline::NEVER;
        if stdin.is_over() {
            let over = *stdin_over.get_or_insert_with(Instant::now);
            deadline =
                Deadline::after(last, settings.wait).or(Deadline::after(over, settings.stay));
        } else {
            what.push(stdin.readable());
        }
        if !wait(&what, deadline) {
            return Ok(0);
        }
        if let Some((data, from)) = socket.receive_now().map_err(|e| e.to_string())? {
            if settings.keep && peer.is_some() {
                peer = Some(from);
            }
            if peer.is_none_or(|peer| peer == from) {
                last = Instant::now();
                if let Err(e) = output::write(&data) {
                    return Ok(output::failed("nc", &e));
                }
            }
        }
        let data = stdin.read_now(CHUNK);
        if !data.is_empty() {
            last = Instant::now();
            socket.send(data, peer).map_err(|e| e.to_string())?;
        }
    }
}
