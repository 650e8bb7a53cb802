//! The access log and the error log.
//!
//! The two files in /var/log/nginx are the container's standard streams, as the links of nginx's own image make them; where that folder is
//! there, a volume is mounted on it, which would hide such links: then they are files.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::rc::Rc;

use crate::template::{Exchange, Template};

/// Where lines go. Logs opened by the same name append to the same file.
#[derive(Clone)]
enum Sink {
    Stdout,
    Stderr,
    File(Rc<RefCell<File>>),
}

impl Sink {
    fn open(path: &str) -> Result<Sink, String> {
        let mounted = Path::new("/var/log/nginx").is_dir();
        match path {
            "/dev/stdout" => return Ok(Sink::Stdout),
            "stderr" | "/dev/stderr" => return Ok(Sink::Stderr),
            "/var/log/nginx/access.log" if !mounted => return Ok(Sink::Stdout),
            "/var/log/nginx/error.log" if !mounted => return Ok(Sink::Stderr),
            other if other.starts_with("syslog:") => {
                return Err("syslog is not supported here".to_owned());
            }
            _ => {}
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file =
            file.map_err(|e| format!("open() \"{path}\" failed ({})", web::error_text(&e)))?;
        Ok(Sink::File(Rc::new(RefCell::new(file))))
    }

    /// Writes a line. A log that cannot be written must not stop what it is about.
    fn line(&self, mut line: String) {
        line.push('\n');
        let _ = match self {
            Sink::Stdout => std::io::stdout().write_all(line.as_bytes()),
            Sink::Stderr => std::io::stderr().write_all(line.as_bytes()),
            Sink::File(file) => file.borrow_mut().write_all(line.as_bytes()),
        };
    }
}

/// `access_log`.
#[derive(Clone)]
pub(crate) struct AccessLog {
    sink: Sink,
    format: Rc<Template>,
}

impl AccessLog {
    pub(crate) fn open(path: &str, format: &Rc<Template>) -> Result<AccessLog, String> {
        Ok(AccessLog {
            sink: Sink::open(path)?,
            format: Rc::clone(format),
        })
    }

    pub(crate) fn request(&self, exchange: &Exchange) {
        self.sink.line(self.format.fill_log(exchange));
    }
}

/// How grave it is; the later, the graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug,
    Info,
    Notice,
    Warn,
    Error,
    Crit,
    Alert,
    Emerg,
}

const LEVELS: [(&str, Level); 8] = [
    ("debug", Level::Debug),
    ("info", Level::Info),
    ("notice", Level::Notice),
    ("warn", Level::Warn),
    ("error", Level::Error),
    ("crit", Level::Crit),
    ("alert", Level::Alert),
    ("emerg", Level::Emerg),
];

impl Level {
    pub(crate) fn named(name: &str) -> Option<Level> {
        LEVELS.iter().find(|it| it.0 == name).map(|it| it.1)
    }

    fn name(self) -> &'static str {
        LEVELS.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }
}

/// `error_log`.
pub(crate) struct ErrorLog {
    sink: Sink,
    least: Level,
}

impl Default for ErrorLog {
    fn default() -> ErrorLog {
        ErrorLog {
            sink: Sink::Stderr,
            least: Level::Notice,
        }
    }
}

impl ErrorLog {
    pub(crate) fn open(path: &str, least: Level) -> Result<ErrorLog, String> {
        Ok(ErrorLog {
            sink: Sink::open(path)?,
            least,
        })
    }

    /// A line, if it is grave enough. The numbers are nginx's process and thread.
    pub(crate) fn say(&self, level: Level, text: &str) {
        if level >= self.least {
            let time = web::stamp("%Y/%m/%d %H:%M:%S");
            self.sink
                .line(format!("{time} [{}] 1#1: {text}", level.name()));
        }
    }

    /// A line about a request.
    pub(crate) fn about(&self, level: Level, text: &str, exchange: &Exchange) {
        let host = exchange.header("host").unwrap_or_default();
        self.say(
            level,
            &format!(
                "{text}, client: {}, server: {}, request: \"{}\", host: \"{host}\"",
                exchange.remote.ip(),
                exchange.server_name,
                exchange.line()
            ),
        );
    }
}
