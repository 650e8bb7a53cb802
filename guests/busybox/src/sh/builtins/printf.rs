//! `printf FORMAT [ARGUMENT …]`.

use crate::escape::{Style, expand};

/// What it prints, and what it has to complain about.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) complaints: Vec<String>,
}

/// A conversion's flags, width and precision.
#[derive(Clone, Copy, Default)]
struct Spec {
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
}

/// Carries it out; `args` begin with the command's name.
pub(crate) fn printf(args: &[String]) -> Printed {
    let mut printer = Printer {
        out: Printed::default(),
        args: args.get(2..).unwrap_or_default(),
        ended: false,
    };
    match args.get(1) {
        None => printer
            .out
            .complaints
            .push("usage: printf FORMAT [ARGUMENT …]".to_owned()),
        // The format is used again as long as there are arguments that it consumes.
        Some(format) => loop {
            let before = printer.args.len();
            printer.run(format);
            if printer.ended || printer.args.is_empty() || printer.args.len() == before {
                break;
            }
        },
    }
    printer.out
}

struct Printer<'a> {
    out: Printed,
    args: &'a [String],
    ended: bool,
}

impl Printer<'_> {
    fn next(&mut self) -> Option<String> {
        let (first, rest) = self.args.split_first()?;
        self.args = rest;
        Some(first.clone())
    }

    fn run(&mut self, format: &str) {
        let mut rest = format;
        while let Some(index) = rest.find('%') {
            self.text(&rest[..index]);
            rest = &rest[index + 1..];
            if let Some(tail) = rest.strip_prefix('%') {
                self.out.bytes.push(b'%');
                rest = tail;
                continue;
            }
            rest = self.conversion(rest);
            if self.ended {
                return;
            }
        }
        self.text(rest);
    }

    fn text(&mut self, text: &str) {
        self.out.bytes.extend(expand(text, Style::Format).bytes);
    }

    /// Carries out the conversion at the start of a text and returns what follows it.
    fn conversion<'t>(&mut self, text: &'t str) -> &'t str {
        let mut spec = Spec::default();
        let mut rest = text.trim_start_matches(['-', '+', ' ', '0', '#']);
        for flag in text[..text.len() - rest.len()].chars() {
            match flag {
                '-' => spec.left = true,
                '+' => spec.plus = true,
                ' ' => spec.space = true,
                '0' => spec.zero = true,
                _ => spec.alternate = true,
            }
        }
        let (width, tail) = self.number(rest);
        rest = tail;
        if let Some(width) = width {
            spec.left |= width < 0;
            spec.width = usize::try_from(width.unsigned_abs()).unwrap_or(0);
        }
        if let Some(tail) = rest.strip_prefix('.') {
            let (precision, tail) = self.number(tail);
            spec.precision = usize::try_from(precision.unwrap_or(0)).ok();
            rest = tail;
        }
        rest = rest.trim_start_matches(['l', 'h', 'L', 'q', 'j', 'z', 't']);
        let Some(kind) = rest.chars().next() else {
            self.out
                .complaints
                .push("%: a conversion is missing".to_owned());
            self.ended = true;
            return rest;
        };
        self.convert(kind, spec);
        &rest[kind.len_utf8()..]
    }

    /// A width or precision: digits, or `*` for an argument.
    fn number<'t>(&mut self, text: &'t str) -> (Option<i64>, &'t str) {
        if let Some(tail) = text.strip_prefix('*') {
            let value = self.next().unwrap_or_default();
            return (Some(self.integer(&value)), tail);
        }
        let tail = text.trim_start_matches(|c: char| c.is_ascii_digit());
        (text[..text.len() - tail.len()].parse().ok(), tail)
    }

    fn convert(&mut self, kind: char, spec: Spec) {
        match kind {
            's' => {
                let value = self.next().unwrap_or_default();
                let cut: String = value
                    .chars()
                    .take(spec.precision.unwrap_or(usize::MAX))
                    .collect();
                self.pad(
                    cut.into_bytes(),
                    Spec {
                        zero: false,
                        ..spec
                    },
                );
            }
            'b' => {
                let expanded = expand(&self.next().unwrap_or_default(), Style::Echo);
                self.pad(
                    expanded.bytes,
                    Spec {
                        zero: false,
                        ..spec
                    },
                );
                self.ended = expanded.ended;
            }
            'c' => {
                let value = self.next().unwrap_or_default();
                self.pad(
                    value.chars().take(1).collect::<String>().into_bytes(),
                    Spec {
                        zero: false,
                        ..spec
                    },
                );
            }
            'd' | 'i' => {
                let text = self.next().unwrap_or_default();
                let value = self.integer(&text);
                let sign = sign(value < 0, spec);
                self.digits(sign, &value.unsigned_abs().to_string(), spec);
            }
            'u' | 'o' | 'x' | 'X' => {
                let text = self.next().unwrap_or_default();
                let value = self.integer(&text).cast_unsigned();
                let (prefix, digits) = match kind {
                    'o' => ("0", format!("{value:o}")),
                    'x' => ("0x", format!("{value:x}")),
                    'X' => ("0X", format!("{value:X}")),
                    _ => ("", value.to_string()),
                };
                self.digits(
                    if spec.alternate && value != 0 {
                        prefix
                    } else {
                        ""
                    },
                    &digits,
                    spec,
                );
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let text = self.next().unwrap_or_default();
                let value = self.float(&text);
                let digits = crate::float::format(
                    value.abs(),
                    kind,
                    spec.precision.unwrap_or(6),
                    spec.alternate,
                );
                let sign = sign(value.is_sign_negative(), spec);
                self.digits(
                    sign,
                    &digits,
                    Spec {
                        precision: None,
                        ..spec
                    },
                );
            }
            other => {
                self.out
                    .complaints
                    .push(format!("%{other}: invalid format"));
                self.ended = true;
            }
        }
    }

    fn digits(&mut self, sign: &str, digits: &str, spec: Spec) {
        let mut digits = digits.to_owned();
        if let Some(precision) = spec.precision {
            digits = format!(
                "{}{digits}",
                "0".repeat(precision.saturating_sub(digits.len()))
            );
        } else if spec.zero && !spec.left {
            digits = format!(
                "{}{digits}",
                "0".repeat(spec.width.saturating_sub(sign.len() + digits.len()))
            );
        }
        self.pad(
            format!("{sign}{digits}").into_bytes(),
            Spec {
                zero: false,
                ..spec
            },
        );
    }

    fn pad(&mut self, bytes: Vec<u8>, spec: Spec) {
        let length = String::from_utf8_lossy(&bytes).chars().count();
        let fill = vec![b' '; spec.width.saturating_sub(length)];
        let (before, after) = if spec.left {
            (bytes, fill)
        } else {
            (fill, bytes)
        };
        self.out.bytes.extend(before);
        self.out.bytes.extend(after);
    }

    /// An argument as an integer: decimal, octal, hexadecimal, or a quote and a character.
    fn integer(&mut self, text: &str) -> i64 {
        let text = text.trim_start();
        if let Some(c) = text.strip_prefix(['\'', '"']) {
            return c.chars().next().map_or(0, |c| i64::from(u32::from(c)));
        }
        let (negative, digits) = text
            .strip_prefix('-')
            .map_or((false, text.strip_prefix('+').unwrap_or(text)), |digits| {
                (true, digits)
            });
        let (radix, digits) = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
            Some(hex) => (16, hex),
            None if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
            None => (10, digits),
        };
        let valid = digits.chars().take_while(|c| c.is_digit(radix)).count();
        let value = u64::from_str_radix(&digits[..valid], radix)
            .unwrap_or(0)
            .cast_signed();
        if (valid < digits.len() || valid == 0) && !text.is_empty() {
            self.out.complaints.push(format!("{text}: invalid number"));
        }
        if negative {
            value.wrapping_neg()
        } else {
            value
        }
    }

    fn float(&mut self, text: &str) -> f64 {
        if text.is_empty() {
            return 0.0;
        }
        text.trim().parse().unwrap_or_else(|_| {
            self.out.complaints.push(format!("{text}: invalid number"));
            0.0
        })
    }
}

fn sign(negative: bool, spec: Spec) -> &'static str {
    match (negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    }
}
