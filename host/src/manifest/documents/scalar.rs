//! What a plain YAML scalar means, as kubectl reads it: YAML 1.1, so `0644` is octal and `yes` is a boolean.

use serde_json::{Number, Value};

/// The value of a plain (unquoted, untagged) scalar; an error names what JSON cannot hold.
pub(super) fn resolve(text: &str) -> Result<Value, String> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Ok(Value::Bool(true));
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Ok(Value::Bool(false));
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => {
            return Err(format!("{text}: not a number JSON can hold"));
        }
        _ => {}
    }
    let numeric = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.'));
    if numeric {
        let digits = text.replace('_', "");
        if let Some(number) = integer(&digits).or_else(|| float(&digits)) {
            return Ok(Value::Number(number));
        }
    }
    Ok(Value::String(text.to_owned()))
}

/// Decimal, or with a prefix: `0x` hexadecimal, `0b` binary, `0o` or a bare `0` octal.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, text.get(1..)?),
        [b'+', ..] => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        Some(Number::from(0i64.checked_sub_unsigned(magnitude)?))
    } else {
        Some(Number::from(magnitude))
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`. A whole value stays an integer: Go prints `1e6` as 1000000.
fn float(text: &str) -> Option<Number> {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (rest.get(..at)?, Some(rest.get(at + 1..)?)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if let Some(exponent) = exponent {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if exponent.is_empty() || !digits(exponent) {
            return None;
        }
    }
    let value: f64 = text.strip_prefix('+').unwrap_or(text).parse().ok()?;
    if value.fract() == 0.0 && value.abs() < 1e21 {
        // Through text, because there is no lossless cast: `{:.0}` of a whole number is exactly that number.
        let text = format!("{value:.0}");
        if let Ok(whole) = text.parse::<i64>() {
            return Some(Number::from(whole));
        }
        if let Ok(whole) = text.parse::<u64>() {
            return Some(Number::from(whole));
        }
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::resolve;

    #[test]
    fn plain_scalars_mean_what_kubectl_takes_them_for() {
        for (text, value) in [
            ("0644", json!(420)),
            ("0o644", json!(420)),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("-7", json!(-7)),
            ("1_000", json!(1000)),
            ("0", json!(0)),
            ("1e6", json!(1_000_000)),
            ("1.5", json!(1.5)),
            (".5", json!(0.5)),
            ("yes", json!(true)),
            ("Off", json!(false)),
            ("~", json!(null)),
            ("", json!(null)),
            ("0899", json!(899)),
            ("10m", json!("10m")),
            ("1.2.3", json!("1.2.3")),
            ("-", json!("-")),
            ("+-1", json!("+-1")),
            ("2001-01-01", json!("2001-01-01")),
            ("12:30:45", json!("12:30:45")),
            ("1e", json!("1e")),
        ] {
            assert_eq!(resolve(text), Ok(value), "{text}");
        }
        assert!(resolve(".nan").is_err());
    }
}
