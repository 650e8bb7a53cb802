//! Resource quantities: `250m`, `1.5Gi`, `1e6`. Exact, in thousand-millionths, with the API server's limits and spelling.

use std::cmp::Ordering;

/// What the API server answers to a text that is no quantity (rule K60).
pub const QUANTITY_FORM: &str = "quantities must match the regular expression \
    '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX: &str = "unable to parse quantity's suffix";

const NANO: i128 = 1_000_000_000;
const MILLI: i128 = 1_000_000;
/// Larger quantities are capped, not refused.
const MAX: i128 = ((1 << 63) - 1) * NANO;

/// An amount with the way it was written, which decides how it is printed.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    nanos: i128,
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

/// How many units one is: a number of nanos, a number of units, or a part of a nano.
#[derive(Clone, Copy)]
enum Scale {
    Nanos(i128),
    Units(i128),
    PartOfNano(i128),
}

impl Amount {
    /// Parses strictly; an error is the API server's text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, suffix) = rest.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if number.is_empty() || fraction.contains('.') || (whole.is_empty() && fraction.is_empty())
        {
            return Err(QUANTITY_FORM);
        }
        let tail = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
        let tail = tail.strip_prefix(['-', '+']).unwrap_or(tail);
        if !tail.bytes().all(|b| b.is_ascii_digit()) {
            return Err(QUANTITY_FORM);
        }
        let (scale, format) = scale(suffix).ok_or(SUFFIX)?;
        let nanos = magnitude(whole, fraction, scale).min(MAX);
        Ok(Self {
            nanos: if negative { -nanos } else { nanos },
            format,
        })
    }

    /// Below zero.
    pub const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// Zero, which for requests and limits means unset.
    pub const fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// Without a fraction.
    pub const fn is_whole(self) -> bool {
        self.nanos % NANO == 0
    }

    /// Rounded up to thousandths, as the API server does with every request and limit.
    pub fn rounded_to_milli(self) -> Self {
        Self {
            nanos: div_away(self.nanos, MILLI).saturating_mul(MILLI),
            ..self
        }
    }

    /// Thousandths, rounded up and capped as the API server does; none for a negative amount.
    pub fn millis(self) -> Option<u64> {
        let most = i128::from(i64::MAX);
        u64::try_from(div_away(self.nanos, MILLI).min(most)).ok()
    }

    /// Units, rounded up; none for a negative amount.
    pub fn units(self) -> Option<u64> {
        u64::try_from(div_away(self.nanos, NANO)).ok()
    }

    /// The sum, printed like `self`.
    pub fn plus(self, other: Self) -> Self {
        Self {
            nanos: (self.nanos + other.nanos).clamp(-MAX, MAX),
            ..self
        }
    }

    /// Compares the amounts, not how they are written.
    pub fn compare(self, other: Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }

    /// As the API server prints it: no fraction, the largest suffix that fits (`1500m`, `64Mi`, `1M`).
    pub fn canonical(self) -> String {
        if self.nanos == 0 {
            return "0".to_owned();
        }
        let small = self.nanos.abs() < 1024 * NANO;
        if self.format == Format::Binary && !small && self.is_whole() {
            let mut number = self.nanos / NANO;
            let mut power = 0;
            while number % 1024 == 0 && power < 6 {
                number /= 1024;
                power += 1;
            }
            let suffix = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]
                .get(power)
                .copied()
                .unwrap_or_default();
            return format!("{number}{suffix}");
        }
        let mut number = self.nanos;
        let mut power: usize = 0;
        while number % 1000 == 0 && power < 9 {
            number /= 1000;
            power += 1;
        }
        let (si, exponent) = [
            ("n", "e-9"),
            ("u", "e-6"),
            ("m", "e-3"),
            ("", ""),
            ("k", "e3"),
            ("M", "e6"),
            ("G", "e9"),
            ("T", "e12"),
            ("P", "e15"),
            ("E", "e18"),
        ]
        .get(power)
        .copied()
        .unwrap_or_default();
        if self.format == Format::Exponent {
            format!("{number}{exponent}")
        } else {
            format!("{number}{si}")
        }
    }
}

fn scale(suffix: &str) -> Option<(Scale, Format)> {
    use Scale::{Nanos, Units};
    let binary = |shift: u32| Some((Units(1i128 << shift), Format::Binary));
    let decimal = |scale| Some((scale, Format::Decimal));
    match suffix {
        "" => decimal(Units(1)),
        "n" => decimal(Nanos(1)),
        "u" => decimal(Nanos(1_000)),
        "m" => decimal(Nanos(MILLI)),
        "k" => decimal(Units(1_000)),
        "M" => decimal(Units(1_000_000)),
        "G" => decimal(Units(NANO)),
        "T" => decimal(Units(NANO * 1_000)),
        "P" => decimal(Units(NANO * 1_000_000)),
        "E" => decimal(Units(NANO * NANO)),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = |n: i32| {
                u32::try_from(n.min(30))
                    .ok()
                    .and_then(|n| 10i128.checked_pow(n))
            };
            let scale = if exponent >= 0 {
                Units(power(exponent)?)
            } else if exponent >= -9 {
                Nanos(power(9 + exponent)?)
            } else {
                Scale::PartOfNano(power(exponent.checked_add(9)?.checked_neg()?)?)
            };
            Some((scale, Format::Exponent))
        }
    }
}

/// `whole.fraction` of what one is, in nanos, rounded up and capped.
fn magnitude(whole: &str, fraction: &str, scale: Scale) -> i128 {
    let mut units: i128 = 0;
    for digit in whole.bytes() {
        units = units
            .saturating_mul(10)
            .saturating_add(i128::from(digit - b'0'))
            .min(MAX);
    }
    // 18 digits are all that can matter under the largest suffix; whatever follows only rounds up.
    let mut part: i128 = 0;
    for at in 0..18 {
        let digit = fraction.as_bytes().get(at).map_or(0, |b| b - b'0');
        part = part * 10 + i128::from(digit);
    }
    if fraction.bytes().skip(18).any(|b| b != b'0') {
        part += 1;
    }
    let billion_billion = NANO * NANO;
    match scale {
        Scale::Units(one) => {
            let scaled = part.saturating_mul(one);
            let rest = div_away((scaled % billion_billion) * NANO, billion_billion);
            units
                .saturating_mul(one)
                .saturating_add(scaled / billion_billion)
                .saturating_mul(NANO)
                .saturating_add(rest)
        }
        Scale::Nanos(one) => units
            .saturating_mul(one)
            .saturating_add(div_away(part * one, billion_billion)),
        Scale::PartOfNano(parts) => {
            let sticky = i128::from(part > 0);
            div_away(units.saturating_add(sticky), parts)
        }
    }
}

/// Division rounded away from zero.
const fn div_away(n: i128, by: i128) -> i128 {
    let quotient = n / by;
    if n % by == 0 {
        quotient
    } else if n < 0 {
        quotient - 1
    } else {
        quotient + 1
    }
}

#[cfg(test)]
mod tests {
    use super::{Amount, QUANTITY_FORM, SUFFIX};

    #[test]
    fn quantities_print_as_the_api_server_prints_them() {
        for (written, printed) in [
            ("0", "0"),
            ("1", "1"),
            ("500m", "500m"),
            ("0.5", "500m"),
            ("1.5", "1500m"),
            ("2.0", "2"),
            (".5", "500m"),
            ("5.", "5"),
            ("1500m", "1500m"),
            ("2000m", "2"),
            ("64Mi", "64Mi"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("100Ki", "100Ki"),
            ("1000000", "1M"),
            ("1e6", "1e6"),
            ("12E2", "1200"),
            ("0.1m", "100u"),
            ("0.0000000001", "1n"),
            ("1e-12", "1e-9"),
            ("-1", "-1"),
            ("+3k", "3k"),
            ("0.5Ki", "512"),
            ("9999999999999999999999", "9223372036854775807"),
            ("9Ei", "9223372036854775807"),
            ("1e400", "9223372036854775807"),
            ("1.0000000000000000000000001", "1000000001n"),
        ] {
            let amount = Amount::parse(written).unwrap();
            assert_eq!(amount.canonical(), printed, "{written}");
        }
    }

    #[test]
    fn k60_text_that_is_no_quantity_is_refused() {
        for text in ["", "lots", "1 Gi", "--1", "1..2", "1.2.3", ".", "1Gi!", "٣"] {
            assert_eq!(Amount::parse(text).err(), Some(QUANTITY_FORM), "{text}");
        }
        for text in ["1GiB", "1K", "1ki", "1mm", "1e", "1ee5"] {
            assert!(
                matches!(Amount::parse(text).err(), Some(e) if e == SUFFIX || e == QUANTITY_FORM),
                "{text}"
            );
        }
    }

    #[test]
    fn sub_milli_cpu_rounds_up_to_one_milli() {
        let amount = Amount::parse("0.1m").unwrap().rounded_to_milli();
        assert_eq!(amount.canonical(), "1m");
        assert_eq!(amount.millis(), Some(1));
        let huge = Amount::parse("9Ei").unwrap();
        assert_eq!(huge.millis(), Some(i64::MAX as u64), "not unset");
        assert_eq!(Amount::parse("-2").unwrap().units(), None);
    }
}
