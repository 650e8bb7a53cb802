//! Which directives there are, where they may stand, and how many arguments they take.

use super::lexer::{Directive, Fault};

/// A place for directives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Main = 1,
    Events = 2,
    Http = 4,
    Upstream = 8,
    Server = 16,
    Location = 32,
}

const M: u8 = Place::Main as u8;
const E: u8 = Place::Events as u8;
const H: u8 = Place::Http as u8;
const U: u8 = Place::Upstream as u8;
const S: u8 = Place::Server as u8;
const L: u8 = Place::Location as u8;
const HSL: u8 = H | S | L;
const MANY: usize = usize::MAX;

/// Name, places, least and most arguments, whether a block follows. What is only accepted, and changes nothing here, stands below the line.
const KNOWN: &[(&str, u8, usize, usize, bool)] = &[
    ("events", M, 0, 0, true),
    ("http", M, 0, 0, true),
    ("error_log", M | H, 1, 2, false),
    ("pid", M, 1, 1, false),
    ("worker_connections", E, 1, 1, false),
    ("upstream", H, 1, 1, true),
    ("server", H, 0, 0, true),
    ("server", U, 1, MANY, false),
    ("log_format", H, 2, MANY, false),
    ("types", HSL, 0, 0, true),
    ("default_type", HSL, 1, 1, false),
    ("charset", HSL, 1, 1, false),
    ("root", HSL, 1, 1, false),
    ("alias", L, 1, 1, false),
    ("index", HSL, 1, MANY, false),
    ("autoindex", HSL, 1, 1, false),
    ("access_log", HSL, 1, MANY, false),
    ("add_header", HSL, 2, 3, false),
    ("error_page", HSL, 2, MANY, false),
    ("client_max_body_size", HSL, 1, 1, false),
    ("keepalive_timeout", H | S, 1, 2, false),
    ("send_timeout", H | S, 1, 1, false),
    ("listen", S, 1, MANY, false),
    ("server_name", S, 1, MANY, false),
    ("location", S, 1, 2, true),
    ("return", S | L, 1, 2, false),
    ("try_files", S | L, 2, MANY, false),
    ("internal", L, 0, 0, false),
    ("proxy_pass", L, 1, 1, false),
    ("proxy_redirect", HSL, 1, 2, false),
    ("proxy_set_header", HSL, 2, 2, false),
    ("proxy_hide_header", HSL, 1, 1, false),
    ("proxy_connect_timeout", HSL, 1, 1, false),
    ("proxy_read_timeout", HSL, 1, 1, false),
    // ----
    ("user", M, 1, 2, false),
    ("daemon", M, 1, 1, false),
    ("master_process", M, 1, 1, false),
    ("worker_processes", M, 1, 1, false),
    ("worker_rlimit_nofile", M, 1, 1, false),
    ("multi_accept", E, 1, 1, false),
    ("use", E, 1, 1, false),
    ("keepalive", U, 1, 1, false),
    ("sendfile", HSL, 1, 1, false),
    ("tcp_nopush", HSL, 1, 1, false),
    ("tcp_nodelay", HSL, 1, 1, false),
    ("gzip", HSL, 1, 1, false),
    ("server_tokens", HSL, 1, 1, false),
    ("keepalive_requests", H | S, 1, 1, false),
    ("client_header_timeout", H | S, 1, 1, false),
    ("client_body_timeout", HSL, 1, 1, false),
    ("client_body_buffer_size", HSL, 1, 1, false),
    ("types_hash_max_size", HSL, 1, 1, false),
    ("server_names_hash_bucket_size", H, 1, 1, false),
    ("proxy_http_version", HSL, 1, 1, false),
    ("proxy_send_timeout", HSL, 1, 1, false),
    ("proxy_buffering", HSL, 1, 1, false),
    ("proxy_request_buffering", HSL, 1, 1, false),
    ("proxy_buffer_size", HSL, 1, 1, false),
    ("proxy_buffers", HSL, 2, 2, false),
];

/// That a directive is known, and may stand here as it does.
pub(super) fn check(directive: &Directive, place: Place) -> Result<(), Fault> {
    let name = directive.name.as_str();
    let Some(&(_, _, least, most, block)) = KNOWN
        .iter()
        .find(|it| it.0 == name && it.1 & place as u8 != 0)
    else {
        return Err(directive.fault(if KNOWN.iter().any(|it| it.0 == name) {
            format!("\"{name}\" directive is not allowed here")
        } else {
            format!("unknown directive \"{name}\"")
        }));
    };
    if directive.args.len() < least || directive.args.len() > most {
        return Err(directive.fault(format!(
            "invalid number of arguments in \"{name}\" directive"
        )));
    }
    match (block, directive.block.is_some()) {
        (true, false) => {
            Err(directive.fault(format!("directive \"{name}\" has no opening \"{{\"")))
        }
        (false, true) => {
            Err(directive.fault(format!("directive \"{name}\" is not terminated by \";\"")))
        }
        _ => Ok(()),
    }
}
