//! Fields: splitting what expansions gave, and pathname expansion.

use brush_parser::ast::Word;

use super::expand::Piece;
use super::glob;
use super::state::{Flow, Shell};

/// One field in the making: texts, and whether each is quoted.
#[derive(Default)]
struct Field(Vec<Piece>);

/// Splits pieces into fields.
struct Splitter<'a> {
    separators: &'a str,
    done: Vec<Field>,
    current: Option<Field>,
    /// White space has just ended a field: a separator that follows belongs to it.
    after_space: bool,
}

impl Splitter<'_> {
    fn keep(&mut self, piece: Piece) {
        self.after_space = false;
        self.current.get_or_insert_default().0.push(piece);
    }

    fn end(&mut self) -> bool {
        let ended = self.current.take();
        let any = ended.is_some();
        self.done.extend(ended);
        any
    }

    fn split(&mut self, text: &str) {
        let mut start = 0;
        for (index, c) in text
            .char_indices()
            .filter(|&(_, c)| self.separators.contains(c))
            .collect::<Vec<_>>()
        {
            if start < index {
                self.keep(Piece::Expanded(text[start..index].to_owned()));
            }
            start = index + c.len_utf8();
            let space = matches!(c, ' ' | '\t' | '\n');
            let ended = self.end();
            match (space, ended) {
                (true, true) => self.after_space = true,
                (true, false) => {}
                // Two separators in a row have an empty field between them.
                (false, false) if !self.after_space => self.done.push(Field::default()),
                (false, _) => self.after_space = false,
            }
        }
        if start < text.len() {
            self.keep(Piece::Expanded(text[start..].to_owned()));
        }
    }
}

impl Shell {
    /// The fields that words stand for.
    pub(crate) fn fields(&mut self, words: &[Word]) -> Result<Vec<String>, Flow> {
        let mut fields = Vec::with_capacity(words.len());
        for word in words {
            self.fields_into(&word.value, &mut fields)?;
        }
        Ok(fields)
    }

    /// The fields that one word stands for.
    pub(crate) fn fields_into(&mut self, word: &str, fields: &mut Vec<String>) -> Result<(), Flow> {
        let pieces = self.pieces(word)?;
        let separators = self
            .vars
            .var("IFS")
            .map_or(" \t\n", |ifs| ifs.value.as_deref().unwrap_or_default());
        let mut splitter = Splitter {
            separators,
            done: Vec::new(),
            current: None,
            after_space: false,
        };
        for piece in pieces {
            match piece {
                Piece::Expanded(text) => splitter.split(&text),
                Piece::Literal(text) if text.is_empty() => {}
                Piece::Boundary(_) => {
                    splitter.end();
                    splitter.after_space = false;
                }
                piece => splitter.keep(piece),
            }
        }
        splitter.end();
        for Field(pieces) in splitter.done {
            match if self.options.noglob {
                None
            } else {
                glob::paths(&pieces, &self.cwd)
            } {
                Some(paths) => fields.extend(paths),
                None => fields.push(pieces.iter().map(Piece::text).collect()),
            }
        }
        Ok(())
    }
}
