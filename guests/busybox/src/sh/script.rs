//! From text to commands.

use std::io;

use brush_parser::ast::Program;
use brush_parser::{ParseError, ParserOptions};

use super::state::{Exec, Flow, Shell};

/// How commands are parsed: as POSIX has it, so that `( (a) )` is two subshells and `a &> b` runs a in the background.
pub(crate) fn posix() -> ParserOptions {
    ParserOptions {
        enable_extended_globbing: false,
        posix_mode: true,
        sh_mode: true,
        ..ParserOptions::default()
    }
}

/// A text that is no program.
pub(crate) enum Syntax {
    /// It may become one when more lines follow.
    Incomplete(String),
    Wrong(String),
}

/// Parses a whole text.
pub(crate) fn parse(text: &str) -> Result<Program, Syntax> {
    let with = |options: &ParserOptions| {
        brush_parser::Parser::new(text.as_bytes(), options).parse_program()
    };
    let refused = match with(&posix()) {
        Ok(program) => return Ok(program),
        Err(e) => e,
    };
    // What is no POSIX shell's syntax may still be of the wider one: `<<<`, `function f`.
    if let Ok(program) = with(&ParserOptions {
        enable_extended_globbing: false,
        ..ParserOptions::default()
    }) {
        return Ok(program);
    }
    Err(match refused {
        ParseError::ParsingAtEndOfInput => {
            Syntax::Incomplete("syntax error: unexpected end of file".to_owned())
        }
        ParseError::Tokenizing { inner, .. } if inner.is_incomplete() => {
            Syntax::Incomplete(format!("syntax error: {inner}"))
        }
        ParseError::ParsingNear(position) => {
            Syntax::Wrong(format!("line {}: syntax error", position.line))
        }
        other @ ParseError::Tokenizing { .. } => Syntax::Wrong(other.to_string()),
    })
}

impl Shell {
    /// Runs a text. One that is wrong somewhere runs up to there, as elsewhere.
    pub(crate) fn eval(&mut self, text: &str) -> Exec {
        self.eval_by(text, Self::program)
    }

    /// As [`eval`](Self::eval), with another way to run a text that is right as a whole.
    pub(crate) fn eval_by(&mut self, text: &str, run: fn(&mut Self, &Program) -> Exec) -> Exec {
        if self.options.verbose {
            // As with a trace: it must not change what the script does.
            let _ = self.fds.write(2, text.as_bytes());
        }
        match parse(text) {
            Ok(program) => run(self, &program),
            Err(_) => {
                let mut lines = text.split_inclusive('\n');
                self.run_lines(false, |_| Ok(lines.next().map(str::to_owned)))
            }
        }
    }

    fn program(&mut self, program: &Program) -> Exec {
        for list in &program.complete_commands {
            self.list(list)?;
        }
        Ok(self.status)
    }

    /// Runs a text that comes line by line: each command as soon as its last line is there. Who types it gets another chance after a mistake.
    /// `next_line` is told what there is of the command already.
    pub(crate) fn run_lines(
        &mut self,
        typed: bool,
        mut next_line: impl FnMut(&str) -> io::Result<Option<String>>,
    ) -> Exec {
        let mut text = String::new();
        let mut fault = None;
        loop {
            match next_line(&text) {
                Ok(Some(line)) => text.push_str(&line),
                Ok(None) => break,
                Err(e) => {
                    self.complain(format_args!("cannot read: {}", super::text::reason(&e)));
                    return Err(Flow::Exit(2));
                }
            }
            match parse(&text) {
                Ok(program) => {
                    text.clear();
                    fault = None;
                    self.program(&program)?;
                }
                Err(Syntax::Incomplete(why)) => fault = Some(why),
                Err(Syntax::Wrong(why)) if typed => {
                    text.clear();
                    fault = None;
                    self.complain(why);
                    self.status = 2;
                }
                Err(Syntax::Wrong(why)) => {
                    fault = Some(why);
                    break;
                }
            }
        }
        match fault {
            None => Ok(self.status),
            Some(why) => {
                self.complain(why);
                Err(Flow::Exit(2))
            }
        }
    }
}
