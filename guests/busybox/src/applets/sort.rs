//! `sort [-bcdfghMnrRsuz] [-k KEY] [-t SEPARATOR] [-o FILE] [FILE …]`, bytes compared as bytes.

use std::cmp::Ordering;
use std::io::{Read, Write};

use super::io::{complain, open, print, reason};
use super::options::{self, Options};

/// How two keys are compared.
#[derive(Clone, Copy, Debug, Default)]
struct Order {
    numeric: bool,
    general: bool,
    human: bool,
    fold: bool,
    blanks: bool,
    dictionary: bool,
    reverse: bool,
}

impl Order {
    fn set(&mut self, letter: char) -> bool {
        match letter {
            'n' => self.numeric = true,
            'g' => self.general = true,
            'h' => self.human = true,
            'f' => self.fold = true,
            'b' => self.blanks = true,
            'd' => self.dictionary = true,
            'r' => self.reverse = true,
            _ => return false,
        }
        true
    }

    fn is_plain(self) -> bool {
        !(self.numeric
            || self.general
            || self.human
            || self.fold
            || self.blanks
            || self.dictionary
            || self.reverse)
    }
}

/// `-k FIELD[.CHARACTER][,FIELD[.CHARACTER]]`, counted from 1; an end without a character is the field's end.
#[derive(Clone, Copy, Debug)]
struct Key {
    start: (usize, usize),
    end: Option<(usize, usize)>,
    order: Order,
}

struct Sort {
    keys: Vec<Key>,
    order: Order,
    separator: Option<u8>,
    unique: bool,
    stable: bool,
}

pub(super) fn sort(args: &[String]) -> i32 {
    let long = [
        ("reverse", 'r'),
        ("numeric-sort", 'n'),
        ("unique", 'u'),
        ("key", 'k'),
        ("field-separator", 't'),
        ("output", 'o'),
        ("check", 'c'),
    ];
    let options = options::parse(args, "bcCdfghnrsuzk:t:o:S:T:", &long);
    match options.and_then(|options| Ok((what(&options)?, options))) {
        Ok((sort, options)) => sort.run(&options),
        Err(why) => {
            complain("sort", why);
            2
        }
    }
}

fn what(options: &Options) -> Result<Sort, String> {
    let mut sort = Sort {
        keys: Vec::new(),
        order: Order::default(),
        separator: None,
        unique: options.has('u'),
        stable: options.has('s'),
    };
    for (letter, value) in &options.given {
        match (letter, value) {
            ('k', Some(text)) => sort.keys.push(key(text)?),
            ('t', Some(text)) => {
                sort.separator = Some(*text.as_bytes().first().ok_or("the separator is empty")?)
            }
            (letter, _) => {
                sort.order.set(*letter);
            }
        }
    }
    for key in sort.keys.iter_mut().filter(|key| key.order.is_plain()) {
        key.order = sort.order;
    }
    Ok(sort)
}

fn key(text: &str) -> Result<Key, String> {
    let mut order = Order::default();
    let mut position = |text: &str| {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let known = text[digits.len()..].chars().all(|letter| order.set(letter));
        let (field, character) = digits.split_once('.').unwrap_or((digits, "0"));
        field
            .parse::<usize>()
            .ok()
            .zip(character.parse::<usize>().ok())
            .filter(|(field, _)| known && *field > 0)
    };
    let (start, end) = text
        .split_once(',')
        .map_or((text, None), |(start, end)| (start, Some(end)));
    let bad = || format!("invalid key '{text}'");
    let start = position(start).ok_or_else(bad)?;
    let end = end.map(|end| position(end).ok_or_else(bad)).transpose()?;
    Ok(Key { start, end, order })
}

impl Sort {
    fn run(&self, options: &Options) -> i32 {
        let paths = if options.operands.is_empty() {
            vec!["-".to_owned()]
        } else {
            options.operands.clone()
        };
        let mut text = Vec::new();
        for path in &paths {
            if let Err(e) = open(path).and_then(|mut file| file.read_to_end(&mut text)) {
                complain("sort", format_args!("{path}: {}", reason(&e)));
                return 2;
            }
            // A last line without its newline must not run into the next file.
            if text.last().is_some_and(|&byte| byte != b'\n') {
                text.push(b'\n');
            }
        }
        let end = if options.has('z') { b'\0' } else { b'\n' };
        let mut lines: Vec<&[u8]> = text.split(|&byte| byte == end).collect();
        lines.pop();
        if options.has('c') || options.has('C') {
            let ordered = lines.is_sorted_by(|one, other| {
                self.compare(one, other).is_le()
                    && !(self.unique && self.compare_keys(one, other).is_eq())
            });
            return i32::from(!ordered);
        }
        lines.sort_by(|one, other| self.compare(one, other));
        if self.unique {
            lines.dedup_by(|one, other| self.compare_keys(one, other).is_eq());
        }
        let mut out = Vec::with_capacity(text.len());
        for line in lines {
            out.extend_from_slice(line);
            out.push(end);
        }
        match options.value('o') {
            None => print(&out),
            Some(path) => {
                match std::fs::File::create(path).and_then(|mut file| file.write_all(&out)) {
                    Ok(()) => 0,
                    Err(e) => {
                        complain("sort", format_args!("{path}: {}", reason(&e)));
                        2
                    }
                }
            }
        }
    }

    fn compare(&self, one: &[u8], other: &[u8]) -> Ordering {
        let by_keys = self.compare_keys(one, other);
        if by_keys.is_ne() || self.stable || self.unique {
            return by_keys;
        }
        // Lines whose keys are the same are told apart by all of them.
        let last = one.cmp(other);
        if self.order.reverse {
            last.reverse()
        } else {
            last
        }
    }

    fn compare_keys(&self, one: &[u8], other: &[u8]) -> Ordering {
        if self.keys.is_empty() {
            return compare(one, other, self.order);
        }
        let by = |key: &Key| compare(self.part(one, key), self.part(other, key), key.order);
        self.keys
            .iter()
            .map(by)
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// The part of a line that a key names.
    fn part<'l>(&self, line: &'l [u8], key: &Key) -> &'l [u8] {
        let fields = self.fields(line);
        let (field, character) = key.start;
        let start = fields.get(field - 1).map_or(line.len(), |&(start, end)| {
            (start + character.saturating_sub(1)).min(end)
        });
        let end = match key.end {
            None => line.len(),
            Some((field, character)) => {
                fields
                    .get(field - 1)
                    .map_or(line.len(), |&(start, end)| match character {
                        0 => end,
                        character => (start + character).min(end),
                    })
            }
        };
        line.get(start..end).unwrap_or_default()
    }

    /// Where the fields of a line start and end; without a separator the blanks before a field belong to it.
    fn fields(&self, line: &[u8]) -> Vec<(usize, usize)> {
        let mut fields = Vec::new();
        let mut start = 0;
        for (index, byte) in line.iter().enumerate() {
            match self.separator {
                Some(separator) if *byte == separator => {
                    fields.push((start, index));
                    start = index + 1;
                }
                None if is_blank(byte) && index > start && !is_blank(&line[index - 1]) => {
                    fields.push((start, index));
                    start = index;
                }
                _ => {}
            }
        }
        fields.push((start, line.len()));
        fields
    }
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn compare(one: &[u8], other: &[u8], order: Order) -> Ordering {
    let number = |text: &[u8]| value(text, order);
    let result = if order.numeric || order.general || order.human {
        number(one).total_cmp(&number(other))
    } else if order.fold || order.blanks || order.dictionary {
        let keep = |byte: &u8| !order.dictionary || byte.is_ascii_alphanumeric() || is_blank(byte);
        let skip = |text: &[u8]| {
            if order.blanks {
                text.iter()
                    .position(|byte| !is_blank(byte))
                    .unwrap_or(text.len())
            } else {
                0
            }
        };
        let fold = |byte: &u8| {
            if order.fold {
                byte.to_ascii_uppercase()
            } else {
                *byte
            }
        };
        let key = |text: &[u8]| {
            text[skip(text)..]
                .iter()
                .filter(|byte| keep(byte))
                .map(fold)
                .collect::<Vec<_>>()
        };
        key(one).cmp(&key(other))
    } else {
        one.cmp(other)
    };
    if order.reverse {
        result.reverse()
    } else {
        result
    }
}

/// The number at the start of a text, 0 where there is none.
fn value(text: &[u8], order: Order) -> f64 {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_start();
    let allowed = |c: char| {
        c.is_ascii_digit()
            || matches!(c, '.' | '-')
            || order.general && matches!(c, '+' | 'e' | 'E')
    };
    let digits = text.split(|c: char| !allowed(c)).next().unwrap_or_default();
    let number: f64 = digits.parse().unwrap_or(0.0);
    if !order.human {
        return number;
    }
    let power = text[digits.len()..]
        .chars()
        .next()
        .and_then(|unit| "KMGTPE".find(unit.to_ascii_uppercase()))
        .map_or(0, |index| index + 1);
    number * 1024_f64.powi(i32::try_from(power).unwrap_or(0))
}
