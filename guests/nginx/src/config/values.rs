//! Values of directives.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use super::lexer::{Directive, Fault};
use super::{ErrorPage, LastTry, Listen, Return, TryFiles};
use crate::template::Template;

pub(super) fn invalid(directive: &Directive) -> Fault {
    directive.fault(format!("invalid value in \"{}\" directive", directive.name))
}

pub(super) fn flag(directive: &Directive) -> Result<bool, Fault> {
    match directive.arg(0) {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(directive.fault(format!(
            "invalid value \"{other}\" in \"{}\" directive, it must be \"on\" or \"off\"",
            directive.name
        ))),
    }
}

/// `60`, `60s`, `1m30s`, `500ms`.
pub(super) fn time(directive: &Directive) -> Result<Duration, Fault> {
    let mut rest = directive.arg(0);
    let mut total = Duration::ZERO;
    loop {
        let digits = rest
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        let number: u32 = number.parse().map_err(|_| invalid(directive))?;
        let next = unit
            .find(|it: char| it.is_ascii_digit())
            .unwrap_or(unit.len());
        let (unit, next) = unit.split_at(next);
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "" | "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(86_400),
            _ => return Err(invalid(directive)),
        };
        total = unit
            .checked_mul(number)
            .and_then(|it| total.checked_add(it))
            .ok_or_else(|| invalid(directive))?;
        rest = next;
        if rest.is_empty() {
            return Ok(total);
        }
    }
}

/// `1m`, `8k`, `512`.
pub(super) fn bytes(directive: &Directive) -> Result<u64, Fault> {
    let text = directive.arg(0).to_ascii_lowercase();
    let (number, shift) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 10),
        Some(b'm') => (&text[..text.len() - 1], 20),
        Some(b'g') => (&text[..text.len() - 1], 30),
        _ => (text.as_str(), 0),
    };
    let number: u64 = number.parse().map_err(|_| invalid(directive))?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| invalid(directive))
}

pub(super) fn template(directive: &Directive, text: &str) -> Result<Template, Fault> {
    Template::parse(text).map_err(|it| directive.fault(it))
}

fn status(directive: &Directive, text: &str) -> Result<u16, Fault> {
    text.parse()
        .ok()
        .filter(|it| (100..600).contains(it))
        .ok_or_else(|| directive.fault(format!("invalid value \"{text}\"")))
}

pub(super) fn listen(directive: &Directive) -> Result<Listen, Fault> {
    let mut is_default = false;
    for parameter in directive.args.iter().skip(1) {
        match parameter.as_str() {
            "default_server" | "default" => is_default = true,
            "reuseport" | "deferred" | "ipv6only=on" => {}
            other if other.starts_with("backlog=") => {}
            other @ ("ssl" | "http2" | "quic" | "proxy_protocol") => {
                return Err(
                    directive.fault(format!("the \"{other}\" parameter is not supported here"))
                );
            }
            other => return Err(directive.fault(format!("invalid parameter \"{other}\""))),
        }
    }
    let given = directive.arg(0);
    let text = match given.parse::<u16>() {
        Ok(port) => format!("0.0.0.0:{port}"),
        Err(_) if given.starts_with("*:") => given.replacen('*', "0.0.0.0", 1),
        Err(_) if given.starts_with("unix:") => {
            return Err(directive.fault("there are no unix sockets here"));
        }
        Err(_) if has_port(given) => given.to_owned(),
        Err(_) => format!("{given}:80"),
    };
    Ok(Listen {
        address: address(directive, &text, "host")?,
        is_default,
    })
}

/// Whether an address ends in a port; IPv6 stands in brackets.
pub(super) fn has_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
        && !text.ends_with(']')
}

/// An address; names are looked up now, as nginx does.
pub(super) fn address(directive: &Directive, text: &str, what: &str) -> Result<SocketAddr, Fault> {
    addresses(directive, text, what)?
        .first()
        .copied()
        .ok_or_else(|| directive.fault(format!("host not found in {what} \"{text}\"")))
}

pub(super) fn addresses(
    directive: &Directive,
    text: &str,
    what: &str,
) -> Result<Vec<SocketAddr>, Fault> {
    match text.to_socket_addrs() {
        Ok(found) => Ok(found.collect()),
        Err(_) => Err(directive.fault(format!("host not found in {what} \"{text}\""))),
    }
}

pub(super) fn returns(directive: &Directive) -> Result<Return, Fault> {
    let first = directive.arg(0);
    if directive.args.len() == 1 && (first.starts_with("http") || first.starts_with('$')) {
        return Ok(Return {
            status: 302,
            text: Some(template(directive, first)?),
        });
    }
    let status = status_of_return(directive, first)?;
    let text = directive
        .args
        .get(1)
        .map(|it| template(directive, it))
        .transpose()?;
    Ok(Return { status, text })
}

fn status_of_return(directive: &Directive, text: &str) -> Result<u16, Fault> {
    let status: u16 = text
        .parse()
        .map_err(|_| directive.fault(format!("invalid return code \"{text}\"")))?;
    // 444 closes without an answer; 1xx are no answers.
    if (200..600).contains(&status) && status != 444 {
        Ok(status)
    } else {
        Err(directive.fault(format!("invalid return code \"{text}\"")))
    }
}

pub(super) fn try_files(directive: &Directive) -> Result<TryFiles, Fault> {
    let (last, files) = directive
        .args
        .split_last()
        .ok_or_else(|| invalid(directive))?;
    let last = match last.strip_prefix('=') {
        Some(code) => LastTry::Status(status(directive, code)?),
        None if last.starts_with('@') => {
            return Err(directive.fault("named locations are not supported here"));
        }
        None => LastTry::Uri(template(directive, last)?),
    };
    let files = files
        .iter()
        .map(|it| template(directive, it))
        .collect::<Result<_, _>>()?;
    Ok(TryFiles { files, last })
}

pub(super) fn error_page(directive: &Directive) -> Result<ErrorPage, Fault> {
    let (uri, codes) = directive
        .args
        .split_last()
        .ok_or_else(|| invalid(directive))?;
    if uri.starts_with('@') {
        return Err(directive.fault("named locations are not supported here"));
    }
    let (mut statuses, mut instead) = (Vec::new(), None);
    for code in codes {
        match code.strip_prefix('=') {
            Some("") => instead = Some(None),
            Some(code) => instead = Some(Some(status(directive, code)?)),
            None => statuses.push(status(directive, code)?),
        }
    }
    Ok(ErrorPage {
        statuses,
        instead,
        uri: template(directive, uri)?,
    })
}
