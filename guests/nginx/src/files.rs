//! Folders: their index, or their listing; and media types.

use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use web::header::HeaderValue;

use crate::config::{Config, Settings};
use crate::handle::{Outcome, turn_to};
use crate::logs::Level;
use crate::template::Exchange;

/// A listing shows no more than this.
const LISTED_MAX: usize = 10_000;
/// What needs no percent sign in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b':');

/// A path as it stands in a URL.
pub(crate) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// The media type of a file, by its name.
pub(crate) fn kind(settings: &Settings, file: &Path) -> HeaderValue {
    let extension = file
        .extension()
        .and_then(|it| it.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let kind = settings
        .types
        .get(&extension)
        .unwrap_or(&settings.default_type);
    let value = match &settings.charset {
        Some(charset) if kind.starts_with("text/") || kind == "application/javascript" => {
            HeaderValue::try_from(format!("{kind}; charset={charset}"))
        }
        _ => HeaderValue::from_str(kind),
    };
    value.unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// A path that ends in a slash: its index, or its listing where that is on.
pub(crate) fn folder(
    config: &Config,
    settings: &Settings,
    folder: &Path,
    exchange: &Exchange,
) -> Outcome {
    for index in settings.index.iter() {
        if index.starts_with('/') {
            return turn_to(index);
        }
        if folder.join(index).is_file() {
            return Outcome::Turn(format!("{}{index}", exchange.path), exchange.query.clone());
        }
    }
    if !folder.is_dir() {
        let text = format!(
            "\"{}\" is not found (2: No such file or directory)",
            folder.display()
        );
        config.error_log.about(Level::Error, &text, exchange);
        return Outcome::Status(404);
    }
    if !settings.autoindex {
        let text = format!("directory index of \"{}/\" is forbidden", folder.display());
        config.error_log.about(Level::Error, &text, exchange);
        return Outcome::Status(403);
    }
    match listing(folder, &exchange.path) {
        Ok(page) => Outcome::Done(web::html(200, page)),
        Err(e) => {
            let text = format!(
                "opendir() \"{}\" failed ({})",
                folder.display(),
                web::error_text(&e)
            );
            config.error_log.about(Level::Error, &text, exchange);
            Outcome::Status(500)
        }
    }
}

fn listing(folder: &Path, path: &str) -> std::io::Result<String> {
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(folder)?.take(LISTED_MAX) {
        let entry = entry?;
        let (Ok(about), Ok(name)) = (entry.path().metadata(), entry.file_name().into_string())
        else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        let (slash, size) = if about.is_dir() {
            ("/", "-".to_owned())
        } else {
            ("", about.len().to_string())
        };
        let time = about
            .modified()
            .ok()
            .and_then(|it| jiff::Timestamp::try_from(it).ok())
            .map_or_else(
                || "-".to_owned(),
                |it| it.strftime("%d-%b-%Y %H:%M").to_string(),
            );
        let shown = escaped(&format!("{name}{slash}"));
        let blanks = " ".repeat(50_usize.saturating_sub(name.chars().count() + slash.len()));
        // Without `./` a name like `a:b` would be read as a scheme.
        let link = format!("./{}{slash}", encoded(&name));
        rows.push((
            !about.is_dir(),
            format!("<a href=\"{link}\">{shown}</a>{blanks} {time} {size:>19}\r\n"),
        ));
    }
    rows.sort();
    let rows: String = rows.into_iter().map(|it| it.1).collect();
    let title = escaped(path);
    Ok(format!(
        "<html>\r\n<head><title>Index of {title}</title></head>\r\n<body>\r\n<h1>Index of {title}</h1><hr><pre>\
         <a href=\"../\">../</a>\r\n{rows}</pre><hr></body>\r\n</html>\r\n"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
