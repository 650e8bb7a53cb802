//! `date [-u] [-d WHEN | -r FILE] [-I[date|hours|minutes|seconds] | -R | +FORMAT]`, in UTC: a container has no time zones.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::io::{complain, print, reason};
use super::options;

pub(super) fn date(args: &[String]) -> i32 {
    let long = [
        ("utc", 'u'),
        ("universal", 'u'),
        ("date", 'd'),
        ("reference", 'r'),
        ("rfc-email", 'R'),
    ];
    // `-I` takes a value only when it is in the same word.
    let iso = args
        .iter()
        .find_map(|arg| arg.strip_prefix("-I").or(arg.strip_prefix("--iso-8601")));
    let rest: Vec<String> = args
        .iter()
        .filter(|arg| !arg.starts_with("-I") && !arg.starts_with("--iso-8601"))
        .cloned()
        .collect();
    let options = match options::parse(&rest, "ud:r:R", &long) {
        Ok(options) => options,
        Err(why) => {
            complain("date", why);
            return 1;
        }
    };
    let when = match (options.value('d'), options.value('r')) {
        (Some(text), _) => moment(text).ok_or_else(|| format!("invalid date '{text}'")),
        (None, Some(path)) => modified(path).map_err(|e| format!("{path}: {}", reason(&e))),
        (None, None) => Ok(Timestamp::now()),
    };
    let format = match (
        iso.map(|iso| iso.trim_start_matches('=')),
        options.operands.first(),
    ) {
        (Some("" | "date"), _) => "%Y-%m-%d",
        (Some("hours"), _) => "%Y-%m-%dT%H%:z",
        (Some("minutes"), _) => "%Y-%m-%dT%H:%M%:z",
        (Some(_), _) => "%Y-%m-%dT%H:%M:%S%:z",
        (None, _) if options.has('R') => "%a, %d %b %Y %H:%M:%S %z",
        (None, Some(format)) => match format.strip_prefix('+') {
            Some(format) => format,
            None => {
                complain(
                    "date",
                    format_args!("invalid date '{format}': the clock cannot be set"),
                );
                return 1;
            }
        },
        (None, None) => "%a %b %e %H:%M:%S UTC %Y",
    };
    let text = when.and_then(|when| {
        // `%N` is GNU's, and so is padding it.
        let format = format
            .replace("%3N", "%3f")
            .replace("%6N", "%6f")
            .replace("%N", "%9f");
        jiff::fmt::strtime::format(&format, &when.to_zoned(TimeZone::UTC))
            .map_err(|e| format!("bad format '{format}': {e}"))
    });
    match text {
        Ok(text) => print(format!("{text}\n").as_bytes()),
        Err(why) => {
            complain("date", why);
            1
        }
    }
}

fn modified(path: &str) -> std::io::Result<Timestamp> {
    let time: SystemTime = std::fs::metadata(path)?.modified()?;
    Timestamp::try_from(time).map_err(std::io::Error::other)
}

/// `@SECONDS`, `now`, or a date and time as RFC 3339 has it or nearly.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    if let Some(seconds) = text.strip_prefix('@') {
        return Timestamp::from_second(seconds.parse().ok()?).ok();
    }
    if matches!(text, "now" | "") {
        return Some(Timestamp::now());
    }
    let civil = |text: &str| {
        text.parse::<DateTime>()
            .ok()
            .and_then(|time| time.to_zoned(TimeZone::UTC).ok())
            .map(|time| time.timestamp())
    };
    let text = text.trim().trim_end_matches(" UTC");
    text.parse()
        .ok()
        .or_else(|| civil(text))
        .or_else(|| civil(&format!("{text}:00")))
}
