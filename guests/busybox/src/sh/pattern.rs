//! Patterns (`*`, `?`, `[…]`): brush's grammar turns them into regular expressions.

use std::cell::RefCell;
use std::collections::HashMap;

use brush_parser::pattern::pattern_to_regex_str;
use regex::{Regex, RegexBuilder};

use super::expand::Piece;

/// A pattern of the shell.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// Without any special character; most are.
    Text(String),
    /// `*`.
    Anything,
    Regex {
        /// Matches a whole string.
        whole: Regex,
        /// Matches anywhere.
        part: String,
    },
}

thread_local! {
    /// A pattern in a loop is compiled once.
    static COMPILED: RefCell<HashMap<String, Pattern>> = RefCell::default();
}

/// Whether an unquoted text has special characters. A bracket alone is none: the command `[` must not cost a look at the directory.
pub(crate) fn is_special(text: &str) -> bool {
    text.contains(['*', '?'])
        || text
            .split_once('[')
            .is_some_and(|(_, rest)| rest.contains(']'))
}

/// The pattern's source, in which what was quoted is escaped.
pub(crate) fn source(pieces: &[Piece]) -> String {
    let mut source = String::new();
    for piece in pieces {
        match piece {
            Piece::Quoted(text) | Piece::Boundary(text) => {
                for c in text.chars() {
                    if !c.is_ascii_alphanumeric() && c.is_ascii() {
                        source.push('\\');
                    }
                    source.push(c);
                }
            }
            Piece::Literal(text) | Piece::Expanded(text) => source.push_str(text),
        }
    }
    source
}

impl Pattern {
    pub(crate) fn new(pieces: &[Piece]) -> Self {
        let special = |piece: &Piece| match piece {
            Piece::Literal(text) | Piece::Expanded(text) => text.contains(['*', '?', '[', '\\']),
            Piece::Quoted(_) | Piece::Boundary(_) => false,
        };
        if !pieces.iter().any(special) {
            return Self::Text(pieces.iter().map(Piece::text).collect());
        }
        Self::parse(&source(pieces))
    }

    /// A pattern from its source.
    pub(crate) fn parse(source: &str) -> Self {
        if source == "*" {
            return Self::Anything;
        }
        if let Some(known) = COMPILED.with_borrow(|compiled| compiled.get(source).cloned()) {
            return known;
        }
        let part = pattern_to_regex_str(&closing_brackets(source), false).ok();
        let compile = |part: &str| {
            RegexBuilder::new(&format!("^(?:{part})$"))
                .dot_matches_new_line(true)
                .build()
                .ok()
        };
        let pattern = match part.and_then(|part| compile(&part).map(|whole| (whole, part))) {
            Some((whole, part)) => Self::Regex { whole, part },
            // What is no pattern after all (`[z-a]`) is a text.
            None => Self::Text(source.replace('\\', "")),
        };
        COMPILED.with_borrow_mut(|compiled| compiled.insert(source.to_owned(), pattern.clone()));
        pattern
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Text(own) => own == text,
            Self::Anything => true,
            Self::Regex { whole, .. } => whole.is_match(text),
        }
    }

    /// The text without its shortest (or longest) beginning that matches.
    pub(crate) fn strip_prefix<'t>(&self, text: &'t str, longest: bool) -> &'t str {
        let cuts = text
            .char_indices()
            .map(|(index, _)| index)
            .chain([text.len()]);
        let cut = |index: &usize| self.matches(&text[..*index]);
        let found = if longest {
            cuts.collect::<Vec<_>>().into_iter().rev().find(cut)
        } else {
            cuts.into_iter().find(|index| cut(index))
        };
        &text[found.unwrap_or(0)..]
    }

    /// The text without its shortest (or longest) end that matches.
    pub(crate) fn strip_suffix<'t>(&self, text: &'t str, longest: bool) -> &'t str {
        let cuts = text
            .char_indices()
            .map(|(index, _)| index)
            .chain([text.len()]);
        let cut = |index: &usize| self.matches(&text[*index..]);
        let found = if longest {
            cuts.into_iter().find(|index| cut(index))
        } else {
            cuts.collect::<Vec<_>>().into_iter().rev().find(cut)
        };
        &text[..found.unwrap_or(text.len())]
    }

    /// A regular expression that finds it within a text, with these anchors around it.
    pub(crate) fn within(&self, before: &str, after: &str) -> Option<Regex> {
        let part = match self {
            Self::Text(text) => regex::escape(text),
            Self::Anything => ".*".to_owned(),
            Self::Regex { part, .. } => part.clone(),
        };
        RegexBuilder::new(&format!("{before}(?:{part}){after}"))
            .dot_matches_new_line(true)
            .build()
            .ok()
    }
}

/// Escapes a `]` that comes first in brackets, where it stands for itself: `[]x]`, `[!]]`.
fn closing_brackets(source: &str) -> String {
    let mut result = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(index) = rest.find(['\\', '[']) {
        let (before, after) = rest.split_at(index);
        result.push_str(before);
        let skipped = if after.starts_with('\\') {
            after.chars().take(2).map(char::len_utf8).sum()
        } else {
            1
        };
        let (head, tail) = after.split_at(skipped);
        result.push_str(head);
        rest = tail;
        if head == "[" {
            if let Some(tail) = rest.strip_prefix(['!', '^']) {
                result.push('!');
                rest = tail;
            }
            if rest.starts_with(']') && rest[1..].contains(']') {
                result.push_str("\\]");
                rest = &rest[1..];
            }
        }
    }
    result + rest
}
