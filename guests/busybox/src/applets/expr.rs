//! `expr EXPRESSION`.

use regex::Regex;

use super::io::{complain, print};
use super::posix_regex::{Syntax, translate};

/// Operators by how tightly they bind, the loosest first.
const LEVELS: [&[&str]; 5] = [
    &["|"],
    &["&"],
    &["<", "<=", "=", "==", "!=", ">=", ">"],
    &["+", "-"],
    &["*", "/", "%"],
];

pub(super) fn expr(args: &[String]) -> i32 {
    let mut words = Words(args.get(1..).unwrap_or_default());
    let value = words.level(0).and_then(|value| {
        if words.0.is_empty() {
            Ok(value)
        } else {
            Err("syntax error".to_owned())
        }
    });
    match value {
        Ok(value) => print(format!("{value}\n").as_bytes()).max(i32::from(is_false(&value))),
        Err(why) => {
            complain("expr", why);
            2
        }
    }
}

fn is_false(value: &str) -> bool {
    value.is_empty() || value.parse() == Ok(0_i64)
}

struct Words<'a>(&'a [String]);

impl Words<'_> {
    fn next(&mut self) -> Result<String, String> {
        let (first, rest) = self
            .0
            .split_first()
            .ok_or("syntax error: missing argument")?;
        self.0 = rest;
        Ok(first.clone())
    }

    fn level(&mut self, level: usize) -> Result<String, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.matching();
        };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = self
            .0
            .first()
            .filter(|word| operators.contains(&word.as_str()))
            .cloned()
        {
            self.next()?;
            let right = self.level(level + 1)?;
            left = apply(&operator, &left, &right)?;
        }
        Ok(left)
    }

    fn matching(&mut self) -> Result<String, String> {
        let mut left = self.atom()?;
        while self.0.first().is_some_and(|word| word == ":") {
            self.next()?;
            let pattern = self.atom()?;
            left = matched(&left, &pattern)?;
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<String, String> {
        let word = self.next()?;
        match word.as_str() {
            "(" => {
                let value = self.level(0)?;
                if self.next()? == ")" {
                    Ok(value)
                } else {
                    Err("syntax error: ) expected".to_owned())
                }
            }
            "length" if !self.0.is_empty() => Ok(self.atom()?.chars().count().to_string()),
            "match" if self.0.len() > 1 => {
                let text = self.atom()?;
                let pattern = self.atom()?;
                matched(&text, &pattern)
            }
            "substr" if self.0.len() > 2 => {
                let (text, start, length) = (self.atom()?, self.atom()?, self.atom()?);
                let number = |text: &str| text.parse::<usize>().unwrap_or(0);
                let Some(skip) = number(&start).checked_sub(1) else {
                    return Ok(String::new());
                };
                Ok(text.chars().skip(skip).take(number(&length)).collect())
            }
            "index" if self.0.len() > 1 => {
                let (text, wanted) = (self.atom()?, self.atom()?);
                Ok(text
                    .chars()
                    .position(|c| wanted.contains(c))
                    .map_or(0, |index| index + 1)
                    .to_string())
            }
            _ => Ok(word),
        }
    }
}

fn apply(operator: &str, left: &str, right: &str) -> Result<String, String> {
    let truth = |is: bool| Ok(i64::from(is).to_string());
    let numbers = left.parse::<i64>().ok().zip(right.parse::<i64>().ok());
    let order = numbers.map_or_else(|| left.cmp(right), |(left, right)| left.cmp(&right));
    match operator {
        "|" => {
            return Ok(if is_false(left) {
                if is_false(right) { "0" } else { right }
            } else {
                left
            }
            .to_owned());
        }
        "&" => {
            return Ok(if is_false(left) || is_false(right) {
                "0"
            } else {
                left
            }
            .to_owned());
        }
        "<" => return truth(order.is_lt()),
        "<=" => return truth(order.is_le()),
        "=" | "==" => return truth(order.is_eq()),
        "!=" => return truth(order.is_ne()),
        ">=" => return truth(order.is_ge()),
        ">" => return truth(order.is_gt()),
        _ => {}
    }
    let (left, right) = numbers.ok_or("non-integer argument")?;
    let value = match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        _ if right == 0 => return Err("division by zero".to_owned()),
        "/" => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    value
        .map(|value| value.to_string())
        .ok_or_else(|| "integer overflow".to_owned())
}

/// `text : pattern`: what the first group matches, or how many characters the pattern does. It has to match at the start.
fn matched(text: &str, pattern: &str) -> Result<String, String> {
    let regex = translate(pattern, Syntax::Basic).and_then(|pattern| {
        Regex::new(&format!("^(?:{pattern})")).map_err(|_| "bad regex".to_owned())
    })?;
    let groups = regex.captures_len() > 1;
    Ok(match regex.captures(text) {
        Some(captures) if groups => captures
            .get(1)
            .map_or("", |group| group.as_str())
            .to_owned(),
        Some(captures) => captures
            .get(0)
            .map_or(0, |all| all.as_str().chars().count())
            .to_string(),
        None => {
            if groups {
                String::new()
            } else {
                "0".to_owned()
            }
        }
    })
}
