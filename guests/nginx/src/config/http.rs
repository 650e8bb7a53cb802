//! From directives to what they mean, level by level.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use web::header::HeaderName;

use super::directives::{Place, check};
use super::lexer::{Directive, Fault};
use super::values::{
    address, addresses, bytes, error_page, flag, has_port, invalid, listen, returns, template,
    time, try_files,
};
use super::{AddHeader, Config, Listen, Location, Own, Pass, Proxying, Redirect, Server, Settings};
use crate::logs::{AccessLog, ErrorLog, Level};
use crate::proxy::Upstream;
use crate::template::Template;

/// What nginx logs when nothing else is said.
const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"";

/// What `http` blocks say for all that is inside.
struct Shared {
    upstreams: HashMap<String, Rc<Upstream>>,
    formats: HashMap<String, Rc<Template>>,
}

pub(super) fn config(all: &[Directive]) -> Result<Config, Fault> {
    let mut config = Config {
        worker_connections: 512,
        error_log: Rc::new(ErrorLog::default()),
        pid: PathBuf::from("/var/run/nginx.pid"),
        servers: Vec::new(),
        keep_alive: Some(Duration::from_secs(75)),
        send_timeout: Duration::from_secs(60),
        warnings: Vec::new(),
    };
    let mut events = false;
    for directive in all {
        check(directive, Place::Main)?;
        match directive.name.as_str() {
            "pid" => config.pid = directive.arg(0).into(),
            "error_log" => config.error_log = error_log(directive)?,
            "events" => {
                events = true;
                for directive in inside(directive) {
                    check(directive, Place::Events)?;
                    if directive.name == "worker_connections" {
                        config.worker_connections = directive
                            .arg(0)
                            .parse()
                            .ok()
                            .filter(|it| *it > 0)
                            .ok_or_else(|| invalid(directive))?;
                    }
                }
            }
            "http" => http(inside(directive), &mut config)?,
            _ => {}
        }
    }
    if events {
        Ok(config)
    } else {
        Err(Fault::whole("no \"events\" section in configuration"))
    }
}

fn inside(directive: &Directive) -> &[Directive] {
    directive.block.as_deref().unwrap_or_default()
}

fn http(block: &[Directive], config: &mut Config) -> Result<(), Fault> {
    let mut shared = Shared {
        upstreams: HashMap::new(),
        formats: HashMap::new(),
    };
    let combined = Template::parse(COMBINED).map_err(Fault::whole)?;
    shared
        .formats
        .insert("combined".to_owned(), Rc::new(combined));
    for directive in block {
        check(directive, Place::Http)?;
        match directive.name.as_str() {
            "log_format" => {
                let words = directive.args.get(1..).unwrap_or_default();
                // `escape=default` is how it is done here.
                let words = words.iter().filter(|it| !it.starts_with("escape="));
                let text: String = words.map(String::as_str).collect();
                shared.formats.insert(
                    directive.arg(0).to_owned(),
                    Rc::new(template(directive, &text)?),
                );
            }
            "error_log" => config.error_log = error_log(directive)?,
            "upstream" => {
                let upstream = Rc::new(upstream(directive)?);
                if shared
                    .upstreams
                    .insert(directive.arg(0).to_owned(), upstream)
                    .is_some()
                {
                    return Err(
                        directive.fault(format!("duplicate upstream \"{}\"", directive.arg(0)))
                    );
                }
            }
            "gzip" if flag(directive)? => {
                config
                    .warnings
                    .push("\"gzip\" is not done here, answers stay as they are".to_owned());
            }
            _ => {}
        }
    }
    let mut settings = first_settings(&shared)?;
    level(block, &mut settings, &shared, "")?;
    let mut timed = timing(block, config)?;
    for directive in block.iter().filter(|it| it.name == "server") {
        let block = inside(directive);
        config
            .servers
            .push(Rc::new(server(block, &settings, &shared)?));
        if !timed {
            timed = timing(block, config)?;
        }
    }
    Ok(())
}

/// Reads the times of a level; whether it said any.
fn timing(block: &[Directive], config: &mut Config) -> Result<bool, Fault> {
    let mut said = false;
    for directive in block {
        match directive.name.as_str() {
            "keepalive_timeout" => {
                config.keep_alive = Some(time(directive)?).filter(|it| !it.is_zero());
                said = true;
            }
            "send_timeout" => {
                config.send_timeout = time(directive)?;
                said = true;
            }
            _ => {}
        }
    }
    Ok(said)
}

fn first_settings(shared: &Shared) -> Result<Settings, Fault> {
    let format = shared
        .formats
        .get("combined")
        .ok_or_else(|| Fault::whole("no log format"))?;
    let access = AccessLog::open("/var/log/nginx/access.log", format).map_err(Fault::whole)?;
    let types = [
        ("html", "text/html"),
        ("gif", "image/gif"),
        ("jpg", "image/jpeg"),
    ];
    Ok(Settings {
        root: "/etc/nginx/html".into(),
        index: Rc::new(vec!["index.html".to_owned()]),
        autoindex: false,
        types: Rc::new(types.map(|(a, b)| (a.to_owned(), b.to_owned())).into()),
        default_type: "text/plain".to_owned(),
        charset: None,
        access: Rc::new(vec![access]),
        max_body_bytes: 1 << 20,
        error_pages: Rc::default(),
        add_headers: Rc::default(),
        proxy: Proxying {
            set_headers: Rc::default(),
            hide_headers: Rc::default(),
            connect: Duration::from_secs(60),
            read: Duration::from_secs(60),
            redirect: Redirect::Default,
        },
        own: Own::default(),
    })
}

/// Reads what one level says itself. What is a list replaces the outer level's list, and does not add to it.
fn level(
    block: &[Directive],
    settings: &mut Settings,
    shared: &Shared,
    path: &str,
) -> Result<(), Fault> {
    let (mut pages, mut added, mut access) = (Vec::new(), Vec::new(), None::<Vec<AccessLog>>);
    let (mut set, mut hidden) = (Vec::new(), Vec::new());
    settings.own = Own::default();
    for directive in block {
        let first = directive.arg(0);
        match directive.name.as_str() {
            "root" => settings.root = first.into(),
            "alias" => settings.own.alias = Some(first.into()),
            "index" => settings.index = Rc::new(directive.args.clone()),
            "autoindex" => settings.autoindex = flag(directive)?,
            "types" => settings.types = Rc::new(types(inside(directive))),
            "default_type" => settings.default_type = first.to_owned(),
            "charset" => settings.charset = Some(first.to_owned()).filter(|it| it != "off"),
            "client_max_body_size" => settings.max_body_bytes = bytes(directive)?,
            "access_log" => access
                .get_or_insert_default()
                .extend(access_log(directive, shared)?),
            "error_page" => pages.push(error_page(directive)?),
            "add_header" => added.push(AddHeader {
                name: header(directive, first)?,
                value: template(directive, directive.arg(1))?,
                always: directive.arg(2) == "always",
            }),
            "return" if settings.own.returns.is_none() => {
                settings.own.returns = Some(returns(directive)?)
            }
            "try_files" => settings.own.try_files = Some(try_files(directive)?),
            "internal" => settings.own.internal = true,
            "proxy_pass" => settings.own.pass = Some(pass(directive, shared, path)?),
            "proxy_redirect" => settings.proxy.redirect = redirect(directive)?,
            "proxy_set_header" => set.push((
                header(directive, first)?,
                template(directive, directive.arg(1))?,
            )),
            "proxy_hide_header" => hidden.push(header(directive, first)?),
            "proxy_connect_timeout" => settings.proxy.connect = time(directive)?,
            "proxy_read_timeout" => settings.proxy.read = time(directive)?,
            _ => {}
        }
    }
    if !pages.is_empty() {
        settings.error_pages = Rc::new(pages);
    }
    if !added.is_empty() {
        settings.add_headers = Rc::new(added);
    }
    if !set.is_empty() {
        settings.proxy.set_headers = Rc::new(set);
    }
    if !hidden.is_empty() {
        settings.proxy.hide_headers = Rc::new(hidden);
    }
    if let Some(access) = access {
        settings.access = Rc::new(access);
    }
    Ok(())
}

fn server(block: &[Directive], outer: &Settings, shared: &Shared) -> Result<Server, Fault> {
    for directive in block {
        check(directive, Place::Server)?;
    }
    let mut settings = outer.clone();
    level(block, &mut settings, shared, "")?;
    let mut server = Server {
        listen: Vec::new(),
        names: Vec::new(),
        settings: Rc::new(settings),
        locations: Vec::new(),
    };
    for directive in block {
        match directive.name.as_str() {
            "listen" => server.listen.push(listen(directive)?),
            "server_name" => server
                .names
                .extend(directive.args.iter().map(|it| it.to_ascii_lowercase())),
            "location" => server.locations.push(location(directive, &server, shared)?),
            _ => {}
        }
    }
    if server.listen.is_empty() {
        server.listen.push(Listen {
            address: ([0, 0, 0, 0], 80).into(),
            is_default: false,
        });
    }
    Ok(server)
}

fn location(directive: &Directive, server: &Server, shared: &Shared) -> Result<Location, Fault> {
    let (modifier, path) = match directive.args.as_slice() {
        [path] => ("", path),
        [modifier, path] => (modifier.as_str(), path),
        _ => return Err(invalid(directive)),
    };
    // `^~` only says that no regular expression is to be tried, and none is here.
    let exact = match modifier {
        "=" => true,
        "" | "^~" if path.starts_with('/') => false,
        "~" | "~*" => {
            return Err(directive.fault("locations by regular expression are not supported here"));
        }
        _ if path.starts_with('@') => {
            return Err(directive.fault("named locations are not supported here"));
        }
        _ => return Err(directive.fault(format!("invalid location modifier \"{modifier}\""))),
    };
    if server
        .locations
        .iter()
        .any(|it| it.path == *path && it.exact == exact)
    {
        return Err(directive.fault(format!("duplicate location \"{path}\"")));
    }
    let block = inside(directive);
    for directive in block {
        check(directive, Place::Location)?;
    }
    let mut settings = Settings::clone(&server.settings);
    level(block, &mut settings, shared, path)?;
    Ok(Location {
        path: path.clone(),
        exact,
        settings: Rc::new(settings),
    })
}

fn types(block: &[Directive]) -> HashMap<String, String> {
    let each = |it: &Directive| {
        let kind = it.name.clone();
        it.args
            .iter()
            .map(|extension| (extension.to_ascii_lowercase(), kind.clone()))
            .collect::<Vec<_>>()
    };
    block.iter().flat_map(each).collect()
}

fn header(directive: &Directive, name: &str) -> Result<HeaderName, Fault> {
    name.parse()
        .map_err(|_| directive.fault(format!("invalid header name \"{name}\"")))
}

fn access_log(directive: &Directive, shared: &Shared) -> Result<Option<AccessLog>, Fault> {
    let (path, format) = (
        directive.arg(0),
        directive.args.get(1).map_or("combined", String::as_str),
    );
    if path == "off" {
        return Ok(None);
    }
    let format = shared
        .formats
        .get(format)
        .ok_or_else(|| directive.fault(format!("unknown log format \"{format}\"")))?;
    AccessLog::open(path, format)
        .map(Some)
        .map_err(|it| directive.fault(it))
}

fn error_log(directive: &Directive) -> Result<Rc<ErrorLog>, Fault> {
    let level = directive.args.get(1).map_or("error", String::as_str);
    let level = Level::named(level)
        .ok_or_else(|| directive.fault(format!("invalid log level \"{level}\"")))?;
    ErrorLog::open(directive.arg(0), level)
        .map(Rc::new)
        .map_err(|it| directive.fault(it))
}

fn upstream(directive: &Directive) -> Result<Upstream, Fault> {
    let (mut first, mut backup) = (Vec::new(), Vec::new());
    for server in inside(directive) {
        check(server, Place::Upstream)?;
        if server.name != "server" {
            continue;
        }
        let given = server.arg(0);
        let text = if has_port(given) {
            given.to_owned()
        } else {
            format!("{given}:80")
        };
        let (mut weight, mut down, mut is_backup) = (1_usize, false, false);
        for parameter in server.args.iter().skip(1) {
            match parameter.split_once('=') {
                None if parameter == "down" => down = true,
                None if parameter == "backup" => is_backup = true,
                Some(("weight", number)) => {
                    weight = number
                        .parse()
                        .ok()
                        .filter(|it| (1..=1000).contains(it))
                        .ok_or_else(|| invalid(server))?;
                }
                Some(("max_fails" | "fail_timeout" | "max_conns", _)) => {}
                _ => return Err(server.fault(format!("invalid parameter \"{parameter}\""))),
            }
        }
        let found = addresses(server, &text, "upstream")?;
        let to = if is_backup { &mut backup } else { &mut first };
        for _ in 0..if down { 0 } else { weight } {
            to.extend_from_slice(&found);
        }
    }
    if first.is_empty() && backup.is_empty() {
        return Err(directive.fault("no servers are inside upstream"));
    }
    Ok(Upstream::new(first, backup))
}

fn pass(directive: &Directive, shared: &Shared, path: &str) -> Result<Pass, Fault> {
    let url = directive.arg(0);
    if url.contains('$') {
        return Err(directive.fault("variables in \"proxy_pass\" are not supported here"));
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(directive.fault(match url.strip_prefix("https://") {
            Some(_) => "https protocol requires SSL support",
            None => "invalid URL prefix",
        }));
    };
    let (host, uri) = match rest.find('/') {
        Some(at) => (&rest[..at], Some(rest[at..].to_owned())),
        None => (rest, None),
    };
    if uri.is_some() && path.is_empty() {
        return Err(invalid(directive));
    }
    let (text, port) = match host.rsplit_once(':') {
        Some((_, port)) if has_port(host) => (host.to_owned(), port.parse().unwrap_or(80)),
        _ => (format!("{host}:80"), 80),
    };
    let upstream = match shared.upstreams.get(host) {
        Some(upstream) => Rc::clone(upstream),
        None => {
            address(directive, &text, "upstream")?;
            Rc::new(Upstream::new(
                addresses(directive, &text, "upstream")?,
                Vec::new(),
            ))
        }
    };
    Ok(Pass {
        upstream,
        host: host.to_owned(),
        port,
        uri,
    })
}

fn redirect(directive: &Directive) -> Result<Redirect, Fault> {
    match (directive.arg(0), directive.args.get(1)) {
        ("off", None) => Ok(Redirect::Off),
        ("default", None) => Ok(Redirect::Default),
        (from, Some(to)) if !from.starts_with('~') && !from.contains('$') && !to.contains('$') => {
            Ok(Redirect::Replace(from.to_owned(), to.clone()))
        }
        _ => Err(directive.fault("only plain texts are supported in \"proxy_redirect\" here")),
    }
}
