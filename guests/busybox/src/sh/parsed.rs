//! Words and expressions that have been parsed before: in a loop each is parsed once. (brush keeps 64 of them, but copies what it keeps.)

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use brush_parser::ParserOptions;
use brush_parser::ast::ArithmeticExpr;
use brush_parser::word::{self, WordPieceWithSource};

/// How many are kept before all are forgotten: a script's own words are fewer; made-up ones (`eval`) must not pile up.
const MOST: usize = 1000;

/// A kind of text, each with its own grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A word, with a tilde at its start.
    Word,
    /// A value that is assigned, with tildes after colons as well.
    Assigned,
    /// As if between double quotes.
    Quoted,
}

type Cache<K, V> = RefCell<HashMap<K, Rc<V>>>;

thread_local! {
    static WORDS: [Cache<String, Vec<WordPieceWithSource>>; 3] = Default::default();
    static EXPRESSIONS: Cache<String, ArithmeticExpr> = RefCell::default();
}

fn cached<V>(
    cache: &Cache<String, V>,
    text: &str,
    parse: impl FnOnce() -> Option<V>,
) -> Option<Rc<V>> {
    if let Some(known) = cache.borrow().get(text) {
        return Some(Rc::clone(known));
    }
    let parsed = Rc::new(parse()?);
    let mut cache = cache.borrow_mut();
    if cache.len() >= MOST {
        cache.clear();
    }
    cache.insert(text.to_owned(), Rc::clone(&parsed));
    Some(parsed)
}

/// A word's parts; none where it is not well formed.
pub(super) fn word(text: &str, kind: Kind) -> Option<Rc<Vec<WordPieceWithSource>>> {
    let options = || ParserOptions {
        enable_extended_globbing: false,
        tilde_expansion_after_colon: kind == Kind::Assigned,
        // The expansions that POSIX lacks and most shells have (`${x/a/b}`, `${x:1:2}`).
        ..ParserOptions::default()
    };
    WORDS.with(|[words, assigned, quoted]| match kind {
        Kind::Word => cached(words, text, || word::parse(text, &options()).ok()),
        Kind::Assigned => cached(assigned, text, || word::parse(text, &options()).ok()),
        Kind::Quoted => cached(quoted, text, || word::parse_heredoc(text, &options()).ok()),
    })
}

/// An arithmetic expression; none where it is not well formed.
pub(super) fn expression(text: &str) -> Option<Rc<ArithmeticExpr>> {
    EXPRESSIONS.with(|cache| cached(cache, text, || brush_parser::arithmetic::parse(text).ok()))
}
