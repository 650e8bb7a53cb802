//! Numbers with a fraction, as C's printf writes them.

/// A number that is not negative, by a conversion of `e`, `f`, `g` or their capitals.
pub(crate) fn format(value: f64, kind: char, precision: usize, keep_zeros: bool) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "nan" } else { "inf" }.to_owned();
    }
    let text = match kind.to_ascii_lowercase() {
        'e' => exponential(value, precision),
        'g' => general(value, precision.max(1), keep_zeros),
        _ => format!("{value:.precision$}"),
    };
    if kind.is_ascii_uppercase() {
        text.to_uppercase()
    } else {
        text
    }
}

/// `1.5e+02`: Rust writes `1.5e2`.
fn exponential(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// The shorter of the two, without trailing zeros.
fn general(value: f64, precision: usize, keep_zeros: bool) -> String {
    let scientific = exponential(value, precision - 1);
    let exponent = scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i64>().ok())
        .unwrap_or(0);
    let fits = exponent >= -4
        && usize::try_from(exponent.max(0)).is_ok_and(|exponent| exponent < precision);
    let trim = |text: &str| match text.contains('.') && !keep_zeros {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if fits {
        let decimals = i64::try_from(precision).unwrap_or(0) - 1 - exponent;
        return trim(&format!(
            "{value:.*}",
            usize::try_from(decimals).unwrap_or(0)
        ));
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
    format!("{}e{exponent}", trim(mantissa))
}
