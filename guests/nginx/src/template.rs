//! Texts with variables in them.

use std::net::SocketAddr;
use std::time::Instant;

use web::{Parts, header};

/// A text with variables, understood once.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Variable(Variable),
}

#[derive(Clone, Debug)]
enum Variable {
    Plain(fn(&Exchange) -> Option<String>),
    /// `$http_NAME`: a header of the request.
    Header(String),
    /// `$arg_NAME`: a parameter of the query.
    Argument(String),
}

/// A request on its way, and what came of it.
pub(crate) struct Exchange {
    pub(crate) head: Parts,
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
    /// The path, decoded and normalised; an internal redirect changes it.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) server_name: String,
    pub(crate) root: String,
    pub(crate) proxy_host: String,
    pub(crate) proxy_port: u16,
    pub(crate) status: u16,
    pub(crate) body_bytes: u64,
    pub(crate) begun: Instant,
}

impl Exchange {
    /// A header of the request; nothing where there is none or it is no text.
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// The host that is asked for, without its port.
    pub(crate) fn host(&self) -> Option<String> {
        let host = self.head.uri.host().or_else(|| {
            let host = self.header(header::HOST)?;
            match host.rfind(':') {
                Some(at) if !host.ends_with(']') => host.get(..at),
                _ => Some(host),
            }
        })?;
        Some(host.to_ascii_lowercase())
    }

    /// The request line.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} {} {:?}",
            self.head.method,
            self.target(),
            self.head.version
        )
    }

    /// The path and query as they came.
    pub(crate) fn target(&self) -> &str {
        self.head.uri.path_and_query().map_or("/", |it| it.as_str())
    }
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, after) = rest.split_at(at);
            let after = &after[1..];
            let (name, next) = match after.strip_prefix('{') {
                Some(inside) => inside
                    .split_once('}')
                    .ok_or_else(|| "the closing bracket in a variable is missing".to_owned())?,
                None => {
                    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
                    after.split_at(after.find(|it| !is_name(it)).unwrap_or(after.len()))
                }
            };
            if name.is_empty() {
                return Err("invalid variable name".to_owned());
            }
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Variable(
                Variable::named(name).ok_or_else(|| format!("unknown \"{name}\" variable"))?,
            ));
            rest = next;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Template(pieces))
    }

    /// The text for a request. A variable without a value is empty.
    pub(crate) fn fill(&self, exchange: &Exchange) -> String {
        self.each(exchange, |value, text| {
            text.push_str(&value.unwrap_or_default())
        })
    }

    /// The text for a log: `-` for what has no value, and no value can end its field or its line.
    pub(crate) fn fill_log(&self, exchange: &Exchange) -> String {
        self.each(exchange, |value, text| match value {
            None => text.push('-'),
            Some(value) if value.is_empty() => text.push('-'),
            Some(value) => {
                for c in value.chars() {
                    match c {
                        '"' | '\\' | '\0'..='\x1f' | '\x7f' => {
                            text.push_str(&format!("\\x{:02X}", u32::from(c)))
                        }
                        c => text.push(c),
                    }
                }
            }
        })
    }

    fn each(
        &self,
        exchange: &Exchange,
        mut put: impl FnMut(Option<String>, &mut String),
    ) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Variable(variable) => put(variable.value(exchange), &mut filled),
            }
        }
        filled
    }
}

impl Variable {
    fn named(name: &str) -> Option<Variable> {
        if let Some(header) = name.strip_prefix("http_")
            && !matches!(name, "http_host")
        {
            return Some(Variable::Header(header.replace('_', "-")));
        }
        if let Some(argument) = name.strip_prefix("arg_") {
            return Some(Variable::Argument(argument.to_owned()));
        }
        Some(Variable::Plain(match name {
            "args" | "query_string" => |it| it.query.clone(),
            "body_bytes_sent" | "bytes_sent" => |it| Some(it.body_bytes.to_string()),
            "content_length" => |it| it.header(header::CONTENT_LENGTH).map(str::to_owned),
            "content_type" => |it| it.header(header::CONTENT_TYPE).map(str::to_owned),
            "document_root" => |it| Some(it.root.clone()),
            "host" => |it| it.host().or_else(|| Some(it.server_name.clone())),
            "hostname" => |_| std::env::var("HOSTNAME").ok(),
            "http_host" => |it| {
                let authority = || it.head.uri.authority().map(|it| it.as_str());
                it.header(header::HOST)
                    .or_else(authority)
                    .map(str::to_owned)
            },
            "is_args" => |it| it.query.as_ref().map(|_| "?".to_owned()),
            "msec" => |_| Some(web::stamp("%s.%3f")),
            "proxy_add_x_forwarded_for" => |it| {
                let remote = it.remote.ip();
                Some(match it.header("x-forwarded-for") {
                    Some(before) => format!("{before}, {remote}"),
                    None => remote.to_string(),
                })
            },
            "proxy_host" => |it| Some(it.proxy_host.clone()),
            "proxy_port" => |it| Some(it.proxy_port.to_string()),
            "remote_addr" => |it| Some(it.remote.ip().to_string()),
            "remote_port" => |it| Some(it.remote.port().to_string()),
            "remote_user" => |_| None,
            "request" => |it| Some(it.line()),
            "request_filename" => |it| Some(format!("{}{}", it.root, it.path)),
            "request_method" => |it| Some(it.head.method.to_string()),
            "request_time" => |it| Some(format!("{:.3}", it.begun.elapsed().as_secs_f64())),
            "request_uri" => |it| Some(it.target().to_owned()),
            "scheme" => |_| Some("http".to_owned()),
            "server_addr" => |it| Some(it.local.ip().to_string()),
            "server_name" => |it| Some(it.server_name.clone()),
            "server_port" => |it| Some(it.local.port().to_string()),
            "server_protocol" => |it| Some(format!("{:?}", it.head.version)),
            "status" => |it| Some(it.status.to_string()),
            "time_iso8601" => |_| Some(web::stamp("%Y-%m-%dT%H:%M:%S+00:00")),
            "time_local" => |_| Some(web::stamp("%d/%b/%Y:%H:%M:%S +0000")),
            "uri" | "document_uri" => |it| Some(it.path.clone()),
            _ => return None,
        }))
    }

    fn value(&self, exchange: &Exchange) -> Option<String> {
        match self {
            Variable::Plain(value) => value(exchange),
            Variable::Header(name) => exchange.header(name.as_str()).map(str::to_owned),
            Variable::Argument(name) => {
                let query = exchange.query.as_deref()?;
                let mut pairs = query.split('&').filter_map(|it| it.split_once('='));
                pairs
                    .find(|it| it.0.eq_ignore_ascii_case(name))
                    .map(|it| it.1.to_owned())
            }
        }
    }
}
