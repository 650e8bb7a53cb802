//! From the text of a configuration to its directives, includes followed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A file that includes itself ends here.
const DEPTH_MAX: usize = 16;
/// No configuration is longer; what is, is another kind of file.
const BYTES_MAX: u64 = 4 << 20;

/// A fault of the configuration, in nginx's words.
#[derive(Debug)]
pub(crate) struct Fault {
    text: String,
    place: Option<(Rc<Path>, usize)>,
}

impl Fault {
    /// A fault of the configuration as a whole.
    pub(crate) fn whole(text: impl Into<String>) -> Fault {
        Fault {
            text: text.into(),
            place: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some((file, line)) => write!(f, "{} in {}:{line}", self.text, file.display()),
            None => f.write_str(&self.text),
        }
    }
}

/// `name args…;` or `name args… { block }`.
#[derive(Debug)]
pub(crate) struct Directive {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    pub(crate) block: Option<Vec<Directive>>,
    file: Rc<Path>,
    line: usize,
}

impl Directive {
    /// A fault of this directive.
    pub(crate) fn fault(&self, text: impl Into<String>) -> Fault {
        Fault {
            text: text.into(),
            place: Some((Rc::clone(&self.file), self.line)),
        }
    }

    /// The argument at `index`; which there are was checked before.
    pub(crate) fn arg(&self, index: usize) -> &str {
        self.args.get(index).map_or("", String::as_str)
    }
}

/// Reads a configuration file.
pub(crate) fn read(path: &Path) -> Result<Vec<Directive>, Fault> {
    let text = text(path).map_err(Fault::whole)?;
    parse(path, &text, path.parent().unwrap_or(path), 0)
}

/// Reads what is given on the command line.
pub(crate) fn read_line(text: &str) -> Result<Vec<Directive>, Fault> {
    parse(Path::new("command line"), text, Path::new("/"), 0)
}

fn text(path: &Path) -> Result<String, String> {
    let failed = |e: std::io::Error| {
        format!(
            "open() \"{}\" failed ({})",
            path.display(),
            web::error_text(&e)
        )
    };
    let len = std::fs::metadata(path).map_err(failed)?.len();
    if len > BYTES_MAX {
        return Err(format!("\"{}\" is too long: {len} bytes", path.display()));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn parse(path: &Path, text: &str, base: &Path, depth: usize) -> Result<Vec<Directive>, Fault> {
    let mut parser = Parser {
        file: path.into(),
        base: base.into(),
        rest: text.chars().peekable(),
        line: 1,
        depth,
    };
    parser.block(false)
}

enum Token {
    Word(String),
    Semicolon,
    Open,
    Close,
    End,
}

struct Parser<'a> {
    file: Rc<Path>,
    /// The folder of the first file: what relative includes are relative to.
    base: Rc<Path>,
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    depth: usize,
}

impl Parser<'_> {
    fn fault(&self, text: impl Into<String>) -> Fault {
        Fault {
            text: text.into(),
            place: Some((Rc::clone(&self.file), self.line)),
        }
    }

    /// The directives up to the closing brace, or to the end of the file.
    fn block(&mut self, inside: bool) -> Result<Vec<Directive>, Fault> {
        let mut directives = Vec::new();
        loop {
            let name = match self.token()? {
                Token::Word(name) => name,
                Token::Close if inside => return Ok(directives),
                Token::End if !inside => return Ok(directives),
                Token::End => return Err(self.fault("unexpected end of file, expecting \"}\"")),
                Token::Semicolon => return Err(self.fault("unexpected \";\"")),
                Token::Open => return Err(self.fault("unexpected \"{\"")),
                Token::Close => return Err(self.fault("unexpected \"}\"")),
            };
            let mut args = Vec::new();
            let block = loop {
                match self.token()? {
                    Token::Word(word) => args.push(word),
                    Token::Semicolon => break None,
                    Token::Open if self.depth >= DEPTH_MAX => {
                        return Err(self.fault("nested too deeply"));
                    }
                    Token::Open => {
                        self.depth += 1;
                        let block = self.block(true)?;
                        self.depth -= 1;
                        break Some(block);
                    }
                    Token::Close => return Err(self.fault("unexpected \"}\"")),
                    Token::End => {
                        return Err(self.fault("unexpected end of file, expecting \";\" or \"}\""));
                    }
                }
            };
            let directive = Directive {
                name,
                args,
                block,
                file: Rc::clone(&self.file),
                line: self.line,
            };
            if directive.name == "include" {
                directives.extend(self.include(&directive)?);
            } else {
                directives.push(directive);
            }
        }
    }

    fn include(&self, directive: &Directive) -> Result<Vec<Directive>, Fault> {
        if directive.args.len() != 1 || directive.block.is_some() {
            return Err(directive.fault("invalid number of arguments in \"include\" directive"));
        }
        if self.depth >= DEPTH_MAX {
            return Err(directive.fault("included too deeply"));
        }
        let path = self.base.join(directive.arg(0));
        let mut all = Vec::new();
        for file in included(&path) {
            let text = text(&file).map_err(|it| directive.fault(it))?;
            all.extend(parse(&file, &text, &self.base, self.depth + 1)?);
        }
        Ok(all)
    }

    fn token(&mut self) -> Result<Token, Fault> {
        while let Some(&c) = self.rest.peek() {
            match c {
                '#' => while self.rest.next_if(|it| *it != '\n').is_some() {},
                c if c.is_whitespace() => {
                    self.next();
                }
                _ => break,
            }
        }
        Ok(match self.rest.peek() {
            None => Token::End,
            Some(';') => self.single(Token::Semicolon),
            Some('{') => self.single(Token::Open),
            Some('}') => self.single(Token::Close),
            Some(&quote @ ('"' | '\'')) => {
                self.next();
                Token::Word(self.quoted(quote)?)
            }
            Some(_) => Token::Word(self.plain()),
        })
    }

    fn single(&mut self, token: Token) -> Token {
        self.next();
        token
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.next();
        if c == Some('\n') {
            self.line += 1;
        }
        c
    }

    fn quoted(&mut self, quote: char) -> Result<String, Fault> {
        let mut word = String::new();
        loop {
            match self.next() {
                None => return Err(self.fault("unexpected end of file, expecting \";\" or \"}\"")),
                Some(c) if c == quote => return Ok(word),
                Some('\\') => self.escaped(&mut word),
                Some(c) => word.push(c),
            }
        }
    }

    fn plain(&mut self) -> String {
        let mut word = String::new();
        while let Some(&c) = self.rest.peek() {
            // `${name}` is no block.
            if c == '{' && word.ends_with('$') {
                while let Some(c) = self.next() {
                    word.push(c);
                    if c == '}' {
                        break;
                    }
                }
            } else if c.is_whitespace() || matches!(c, ';' | '{' | '}') {
                break;
            } else {
                self.next();
                match c {
                    '\\' => self.escaped(&mut word),
                    c => word.push(c),
                }
            }
        }
        word
    }

    fn escaped(&mut self, word: &mut String) {
        match self.next() {
            Some('t') => word.push('\t'),
            Some('n') => word.push('\n'),
            Some('r') => word.push('\r'),
            Some(c @ ('"' | '\'' | '\\' | ';' | ' ' | '{' | '}' | '#')) => word.push(c),
            Some(c) => word.extend(['\\', c]),
            None => word.push('\\'),
        }
    }
}

/// The files an include names: one, or by `*` in the last part any number, in order.
fn included(path: &Path) -> Vec<PathBuf> {
    let name = path
        .file_name()
        .and_then(|it| it.to_str())
        .unwrap_or_default();
    let (Some((start, end)), Some(folder)) = (name.split_once('*'), path.parent()) else {
        return vec![path.to_owned()];
    };
    let matches = |name: &str| {
        name.len() >= start.len() + end.len()
            && name.starts_with(start)
            && name.ends_with(end)
            && !name.starts_with('.')
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path())
        .filter(|it| {
            it.file_name()
                .and_then(|it| it.to_str())
                .is_some_and(matches)
        })
        .collect();
    files.sort();
    files
}
