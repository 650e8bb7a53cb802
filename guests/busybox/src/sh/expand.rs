//! Expansion: from a word as it is written to the pieces of text that it stands for.

use brush_parser::word::{TildeExpr, WordPiece, WordPieceWithSource};

use super::capture::Capture;
use super::fd::Fd;
use super::parsed::{self, Kind};
use super::pattern::Pattern;
use super::state::{Flow, Shell};
use crate::escape;

/// A piece of an expanded word, with what may still happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// It stays as it is.
    Quoted(String),
    /// Written in the script without quotes: a pattern, not split.
    Literal(String),
    /// The value of an unquoted expansion: split into fields, then a pattern.
    Expanded(String),
    /// Here one parameter of `$@` ends and another begins; where there is only one field it becomes the string.
    Boundary(String),
}

impl Piece {
    /// The value of an expansion.
    pub(crate) fn value(value: impl Into<String>, quoted: bool) -> Self {
        if quoted {
            Self::Quoted(value.into())
        } else {
            Self::Expanded(value.into())
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Quoted(text)
            | Self::Literal(text)
            | Self::Expanded(text)
            | Self::Boundary(text) => text,
        }
    }
}

impl Shell {
    /// A word's pieces.
    pub(crate) fn pieces(&mut self, word: &str) -> Result<Vec<Piece>, Flow> {
        self.pieces_of(word, Kind::Word)
    }

    fn pieces_of(&mut self, word: &str, kind: Kind) -> Result<Vec<Piece>, Flow> {
        if !word.contains(['\'', '"', '\\', '$', '`', '~']) {
            return Ok(vec![Piece::Literal(word.to_owned())]);
        }
        match parsed::word(word, kind) {
            Some(parts) => self.expand(&parts, false),
            None => self.bad_substitution(word),
        }
    }

    /// A word as one string, without splitting and patterns.
    pub(crate) fn string(&mut self, word: &str) -> Result<String, Flow> {
        Ok(self.pieces(word)?.iter().map(Piece::text).collect())
    }

    /// As [`Self::string`], for the right side of an assignment, or for all of `name=value`.
    pub(crate) fn assigned(&mut self, word: &str) -> Result<String, Flow> {
        if let Some((name, value)) = word.split_once('=')
            && super::text::is_name(name)
        {
            return Ok(format!("{name}={}", self.assigned(value)?));
        }
        Ok(self
            .pieces_of(word, Kind::Assigned)?
            .iter()
            .map(Piece::text)
            .collect())
    }

    /// A word as a pattern: what is quoted in it matches only itself.
    pub(crate) fn pattern(&mut self, word: &str) -> Result<Pattern, Flow> {
        Ok(Pattern::new(&self.pieces(word)?))
    }

    /// A here-document's text.
    pub(crate) fn here_text(&mut self, text: &str) -> Result<String, Flow> {
        if !text.contains(['\\', '$', '`']) {
            return Ok(text.to_owned());
        }
        Ok(self
            .as_if_quoted(&without_line_ends(text))?
            .iter()
            .map(Piece::text)
            .collect())
    }

    /// A text as if between double quotes, a quote in it being an ordinary character.
    pub(crate) fn as_if_quoted(&mut self, text: &str) -> Result<Vec<Piece>, Flow> {
        match parsed::word(text, Kind::Quoted) {
            Some(parts) => self.expand(&parts, true),
            None => self.bad_substitution(text),
        }
    }

    /// The word of `${x:-word}`.
    pub(crate) fn nested(&mut self, word: Option<&str>, quoted: bool) -> Result<Vec<Piece>, Flow> {
        let word = word.unwrap_or_default();
        if quoted && !word.contains('"') {
            return self.as_if_quoted(&word.replace("\\}", "}"));
        }
        let again = |piece| match piece {
            Piece::Literal(text) | Piece::Expanded(text) => Piece::value(text, quoted),
            piece => piece,
        };
        Ok(self.pieces(word)?.into_iter().map(again).collect())
    }

    pub(crate) fn bad_substitution<T>(&self, word: &str) -> Result<T, Flow> {
        self.complain(format_args!("{word}: bad substitution"));
        Err(Flow::Exit(2))
    }

    fn expand(&mut self, parsed: &[WordPieceWithSource], quoted: bool) -> Result<Vec<Piece>, Flow> {
        let mut pieces = Vec::with_capacity(parsed.len());
        for part in parsed {
            match &part.piece {
                WordPiece::Text(text) if quoted => pieces.push(Piece::Quoted(text.clone())),
                WordPiece::Text(text) => pieces.push(Piece::Literal(text.clone())),
                WordPiece::SingleQuotedText(text) => pieces.push(Piece::Quoted(text.clone())),
                WordPiece::AnsiCQuotedText(text) => {
                    let bytes = escape::expand(text, escape::Style::Dollar).bytes;
                    pieces.push(Piece::Quoted(String::from_utf8_lossy(&bytes).into_owned()));
                }
                WordPiece::DoubleQuotedSequence(inner)
                | WordPiece::GettextDoubleQuotedSequence(inner) => {
                    let inner_pieces = self.expand(inner, true)?;
                    // "" is an empty field; "$@" without parameters is none.
                    if inner_pieces.is_empty()
                        && !inner.iter().any(|part| is_all_parameters(&part.piece))
                    {
                        pieces.push(Piece::Quoted(String::new()));
                    }
                    pieces.extend(inner_pieces);
                }
                WordPiece::TildeExpansion(tilde) => pieces.push(Piece::Quoted(self.tilde(tilde))),
                WordPiece::ParameterExpansion(expression) => {
                    pieces.extend(self.parameter(expression, quoted)?)
                }
                WordPiece::CommandSubstitution(text) => {
                    pieces.push(Piece::value(self.substitute(text)?, quoted))
                }
                WordPiece::BackquotedCommandSubstitution(text) => {
                    let mut text = text.replace("\\\\", "\\").replace("\\$", "$");
                    if quoted {
                        text = text.replace("\\\"", "\"");
                    }
                    pieces.push(Piece::value(self.substitute(&text)?, quoted));
                }
                // A backslash before the end of a line joins lines.
                WordPiece::EscapeSequence(text) if text == "\\\n" => {}
                WordPiece::EscapeSequence(text) => {
                    pieces.push(Piece::Quoted(text.chars().skip(1).collect()))
                }
                WordPiece::ArithmeticExpression(expression) => {
                    pieces.push(Piece::value(
                        self.arithmetic(&expression.value)?.to_string(),
                        quoted,
                    ));
                }
            }
        }
        Ok(pieces)
    }

    /// `$( … )`: run here, by a clone, with its output caught.
    fn substitute(&mut self, text: &str) -> Result<String, Flow> {
        let capture = std::rc::Rc::new(Capture::default());
        let mut shell = self.subshell();
        shell.fds.set(1, Fd::Capture(std::rc::Rc::clone(&capture)));
        // The substitution's own failures are for the command around it to look at, as its status.
        self.status = shell.run_to_end(|shell| shell.eval(text));
        Ok(capture.finish())
    }

    fn tilde(&self, tilde: &TildeExpr) -> String {
        let var = |name: &str, otherwise: &str| {
            self.vars
                .get(name)
                .map_or_else(|| otherwise.to_owned(), ToString::to_string)
        };
        match tilde {
            TildeExpr::Home => var("HOME", "~"),
            TildeExpr::UserHome(user) if user == "root" => "/root".to_owned(),
            TildeExpr::UserHome(user) => format!("~{user}"),
            TildeExpr::WorkingDir => var("PWD", "~+"),
            TildeExpr::OldWorkingDir => var("OLDPWD", "~-"),
            TildeExpr::NthDirFromTopOfDirStack { n, plus_used } => {
                format!("~{}{n}", if *plus_used { "+" } else { "" })
            }
            TildeExpr::NthDirFromBottomOfDirStack { n } => format!("~-{n}"),
        }
    }
}

/// Joins the lines that end in a backslash, which brush leaves to do in a here-document.
fn without_line_ends(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            result.push(c);
        } else if chars.next_if_eq(&'\n').is_none() {
            result.push(c);
            // What is escaped is not itself the start of an escape.
            result.extend(chars.next());
        }
    }
    result
}

/// Whether it is `$@`, plainly.
fn is_all_parameters(piece: &WordPiece) -> bool {
    use brush_parser::word::{Parameter, ParameterExpr, SpecialParameter};
    let all = Parameter::Special(SpecialParameter::AllPositionalParameters { concatenate: false });
    matches!(piece, WordPiece::ParameterExpansion(ParameterExpr::Parameter { parameter, .. }) if parameter.to_string() == all.to_string())
}
