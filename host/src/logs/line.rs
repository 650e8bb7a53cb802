//! The line format of the container runtime interface: `<RFC 3339 time> stdout|stderr F|P <text>`.

use crate::model::Time;
use crate::ports::LogStream;

/// The beginning of every line that arrived at that time: the time with nine digits, UTC, and the stream.
pub(super) fn head(at: Time, stream: LogStream) -> String {
    let stamp = jiff::Timestamp::from_nanosecond(at.unix_nanos().into());
    let stamp = stamp.unwrap_or(jiff::Timestamp::MAX);
    let stream = match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    };
    format!("{stamp:.9} {stream} ")
}

/// Appends a line. A partial one goes on in the next of its stream, or ended without a newline.
pub(super) fn append(to: &mut Vec<u8>, head: &str, partial: bool, text: &[u8]) {
    to.extend_from_slice(head.as_bytes());
    to.extend_from_slice(if partial { b"P " } else { b"F " });
    to.extend_from_slice(text);
    to.push(b'\n');
}

/// A line that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// As it stands in the file.
    pub(super) stamp: &'a [u8],
    /// No newline follows the text.
    pub(super) partial: bool,
    pub(super) text: &'a [u8],
}

impl Line<'_> {
    /// When it arrived.
    pub(super) fn time(&self) -> Option<Time> {
        let stamp: jiff::Timestamp = std::str::from_utf8(self.stamp).ok()?.parse().ok()?;
        u64::try_from(stamp.as_nanosecond())
            .ok()
            .map(Time::from_unix_nanos)
    }
}

/// Reads a line, without its newline; none if it is no such line.
pub(super) fn parse(line: &[u8]) -> Option<Line<'_>> {
    let (stamp, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    if stream != b"stdout" && stream != b"stderr" {
        return None;
    }
    // Further tags may follow the first after colons; none has a meaning yet. A line without text may lack the last space.
    let (tags, text) = word(rest).unwrap_or((rest, b""));
    let partial = match tags.split(|byte| *byte == b':').next()? {
        b"P" => true,
        b"F" => false,
        _ => return None,
    };
    Some(Line {
        stamp,
        partial,
        text,
    })
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b' ')?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::{Line, append, head, parse};
    use crate::model::Time;
    use crate::ports::LogStream;

    #[test]
    fn lines_are_those_of_the_container_runtime_interface() {
        let at = Time::from_unix_nanos(1_700_000_000_000_000_042);
        let mut file = Vec::new();
        append(&mut file, &head(at, LogStream::Stdout), false, b"a b");
        append(&mut file, &head(at, LogStream::Stderr), true, b"");
        let text = String::from_utf8(file).expect("text");
        assert_eq!(
            text,
            "2023-11-14T22:13:20.000000042Z stdout F a b\n2023-11-14T22:13:20.000000042Z stderr P \n"
        );
        let line = parse(text.lines().next().expect("one").as_bytes()).expect("a line");
        assert_eq!((line.partial, line.text), (false, &b"a b"[..]));
        assert_eq!(line.time(), Some(at));
    }

    #[test]
    fn other_writers_lines_are_read_and_what_is_none_is_not() {
        let line = parse(b"2016-10-06T00:17:09.669794202+02:00 stderr P:x text").expect("a line");
        assert!(line.partial && line.time().is_some());
        assert_eq!(
            parse(b"t stdout F"),
            Some(Line {
                stamp: b"t",
                partial: false,
                text: b""
            })
        );
        for bad in ["", "text", "t stdin F x", "t stdout X x"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
