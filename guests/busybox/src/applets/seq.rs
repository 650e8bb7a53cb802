//! `seq [-w] [-s SEPARATOR] [-f FORMAT] [FIRST [STEP]] LAST`.

use super::io::{complain, print};
use crate::sh;

/// What is asked for.
struct Sequence {
    first: f64,
    step: f64,
    last: f64,
    /// How many digits the numbers have after the point.
    decimals: usize,
    separator: String,
    equal_width: bool,
    format: Option<String>,
}

pub(super) fn seq(args: &[String]) -> i32 {
    match parse(args.get(1..).unwrap_or_default()) {
        Ok(sequence) => sequence.print(),
        Err(why) => {
            complain("seq", why);
            1
        }
    }
}

/// Not by the table that others use: `-1` is a number here.
fn parse(args: &[String]) -> Result<Sequence, String> {
    let mut sequence = Sequence {
        first: 1.0,
        step: 1.0,
        last: 0.0,
        decimals: 0,
        separator: "\n".to_owned(),
        equal_width: false,
        format: None,
    };
    let mut rest = args.iter();
    let mut numbers = Vec::new();
    while let Some(arg) = rest.next() {
        let mut value = |within: &str| {
            if within.is_empty() {
                rest.next().cloned().unwrap_or_default()
            } else {
                within.to_owned()
            }
        };
        match arg
            .strip_prefix('-')
            .and_then(|option| option.chars().next())
        {
            Some('w') => sequence.equal_width = true,
            Some('s') => sequence.separator = value(&arg[2..]),
            Some('f') => sequence.format = Some(value(&arg[2..])),
            _ => numbers.push(arg.as_str()),
        }
    }
    let number = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .ok_or_else(|| format!("invalid number '{text}'"))
    };
    match numbers.as_slice() {
        [last] => sequence.last = number(last)?,
        [first, last] => (sequence.first, sequence.last) = (number(first)?, number(last)?),
        [first, step, last] => {
            (sequence.first, sequence.step, sequence.last) =
                (number(first)?, number(step)?, number(last)?)
        }
        _ => return Err("usage: seq [FIRST [STEP]] LAST".to_owned()),
    }
    if sequence.step == 0.0 {
        return Err("the step must not be 0".to_owned());
    }
    let without_last = &numbers[..(numbers.len() - 1).max(1)];
    sequence.decimals = without_last
        .iter()
        .filter_map(|text| text.split_once('.'))
        .map(|(_, digits)| digits.len())
        .max()
        .unwrap_or(0);
    Ok(sequence)
}

impl Sequence {
    fn print(&self) -> i32 {
        let text = |number: f64| format!("{number:.*}", self.decimals);
        let width = if self.equal_width {
            text(self.first).len().max(text(self.last).len())
        } else {
            0
        };
        let mut buffer = String::new();
        let mut status = 0;
        for index in 0_u32.. {
            // Multiplied, not summed up: 0.1 ten times is 1.
            let number = self.first + f64::from(index) * self.step;
            let beyond = (number - self.last) * self.step.signum();
            if beyond > self.step.abs() * 1e-9 {
                break;
            }
            if index > 0 {
                buffer += &self.separator;
            }
            buffer += &match &self.format {
                None => format!("{:0>width$}", text(number)),
                Some(format) => {
                    let args = ["printf", format, &text(number)].map(str::to_owned);
                    String::from_utf8_lossy(&sh::printf::printf(&args).bytes).into_owned()
                }
            };
            if buffer.len() > 16 * 1024 {
                status = print(buffer.as_bytes()).max(status);
                buffer.clear();
            }
        }
        if !buffer.is_empty() {
            buffer.push('\n');
        }
        print(buffer.as_bytes()).max(status)
    }
}
