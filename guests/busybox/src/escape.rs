//! Backslash escapes, as `echo -e`, `printf` and `$'…'` have them.

/// Whose escapes they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `echo -e` and printf's `%b`: octal as `\0nnn`, and `\c` ends the output.
    Echo,
    /// printf's format: octal as `\nnn`.
    Format,
    /// `$'…'`: octal as `\nnn`, and quotes.
    Dollar,
}

/// The bytes, and whether `\c` has ended the output.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended: bool,
}

/// Replaces the escapes in a text.
pub(crate) fn expand(text: &str, style: Style) -> Expanded {
    let mut out = Expanded::default();
    let mut rest = text;
    while let Some(index) = rest.find('\\') {
        out.bytes.extend_from_slice(&rest.as_bytes()[..index]);
        rest = &rest[index + 1..];
        let Some(c) = rest.chars().next() else {
            out.bytes.push(b'\\');
            return out;
        };
        rest = &rest[c.len_utf8()..];
        match c {
            'a' => out.bytes.push(7),
            'b' => out.bytes.push(8),
            'e' => out.bytes.push(27),
            'f' => out.bytes.push(12),
            'n' => out.bytes.push(b'\n'),
            'r' => out.bytes.push(b'\r'),
            't' => out.bytes.push(b'\t'),
            'v' => out.bytes.push(11),
            '\\' => out.bytes.push(b'\\'),
            'c' if style == Style::Echo => {
                out.ended = true;
                return out;
            }
            '\'' | '"' if style != Style::Echo => out
                .bytes
                .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            'x' => match digits(rest, 16, 2) {
                Some((value, tail)) => {
                    out.bytes.push(low_byte(value));
                    rest = tail;
                }
                None => out.bytes.extend_from_slice(b"\\x"),
            },
            'u' | 'U' if style == Style::Dollar => {
                match digits(rest, 16, if c == 'u' { 4 } else { 8 }) {
                    Some((value, tail)) => {
                        let c = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
                        out.bytes
                            .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                        rest = tail;
                    }
                    None => out.bytes.extend_from_slice(b"\\u"),
                }
            }
            '0' if style == Style::Echo => {
                let (value, tail) = digits(rest, 8, 3).unwrap_or((0, rest));
                out.bytes.push(low_byte(value));
                rest = tail;
            }
            '0'..='7' => {
                // The digit itself belongs to the number: step back over it.
                let start = &text[text.len() - rest.len() - 1..];
                let (value, tail) = digits(start, 8, 3).unwrap_or((0, rest));
                out.bytes.push(low_byte(value));
                rest = tail;
            }
            other => {
                out.bytes.push(b'\\');
                out.bytes
                    .extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    }
    out.bytes.extend_from_slice(rest.as_bytes());
    out
}

/// A number of at most `most` digits, and what follows it.
fn digits(text: &str, radix: u32, most: usize) -> Option<(u32, &str)> {
    let count = text
        .chars()
        .take(most)
        .take_while(|c| c.is_digit(radix))
        .count();
    let (number, rest) = text.split_at(count);
    Some((u32::from_str_radix(number, radix).ok()?, rest))
}

fn low_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}
