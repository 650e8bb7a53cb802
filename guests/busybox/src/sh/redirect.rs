//! Redirections.

use std::io::{self, ErrorKind};

use brush_parser::ast::{
    IoFileRedirectKind, IoFileRedirectTarget, IoHereDocument, IoRedirect, RedirectList,
};
use peapod_guest::process::Open;

use super::fd::Fd;
use super::state::{Exec, Flow, Shell};
use super::text::reason;

impl Shell {
    /// Runs something with the redirections of a compound command.
    pub(crate) fn redirected(
        &mut self,
        redirects: Option<&RedirectList>,
        run: impl FnOnce(&mut Self) -> Exec,
    ) -> Exec {
        match redirects {
            None => run(self),
            Some(list) => self.redirected_by(list.0.iter(), run),
        }
    }

    /// Runs something with redirections, which are undone afterwards. It is not run where one of them fails.
    pub(crate) fn redirected_by<'a>(
        &mut self,
        redirects: impl Iterator<Item = &'a IoRedirect>,
        run: impl FnOnce(&mut Self) -> Exec,
    ) -> Exec {
        let mut redirects = redirects.peekable();
        if redirects.peek().is_none() {
            return run(self);
        }
        let before = self.fds.clone();
        let end = match self.redirect(redirects) {
            Ok(()) => run(self),
            Err(status) => Ok(status),
        };
        self.fds = before;
        end
    }

    /// Redirects for good. The status where one fails; the message is written.
    pub(crate) fn redirect<'a>(
        &mut self,
        redirects: impl Iterator<Item = &'a IoRedirect>,
    ) -> Result<(), u8> {
        for redirect in redirects {
            match self.redirect_one(redirect) {
                Ok(()) => {}
                Err(Flow::Exit(status)) => return Err(status),
                Err(_) => return Err(1),
            }
        }
        Ok(())
    }

    fn redirect_one(&mut self, redirect: &IoRedirect) -> Result<(), Flow> {
        match redirect {
            IoRedirect::File(number, kind, target) => {
                let default = match kind {
                    IoFileRedirectKind::Read
                    | IoFileRedirectKind::ReadAndWrite
                    | IoFileRedirectKind::DuplicateInput => 0,
                    _ => 1,
                };
                let number = number.unwrap_or(default);
                match (kind, target) {
                    (_, IoFileRedirectTarget::Duplicate(word)) => {
                        let source = self.string(&word.value)?;
                        self.duplicate(number, &source)
                    }
                    (_, IoFileRedirectTarget::Fd(source)) => {
                        self.duplicate(number, &source.to_string())
                    }
                    (_, IoFileRedirectTarget::Filename(word)) => {
                        let path = self.string(&word.value)?;
                        self.open_file(number, kind, &path)
                    }
                    (_, IoFileRedirectTarget::ProcessSubstitution(..)) => {
                        self.refuse("process substitution is not supported")
                    }
                }
            }
            IoRedirect::HereDocument(number, document) => {
                let text = self.here_document(document)?;
                self.fds.set(number.unwrap_or(0), Fd::text(&text));
                Ok(())
            }
            IoRedirect::HereString(number, word) => {
                let text = self.string(&word.value)?;
                self.fds
                    .set(number.unwrap_or(0), Fd::text(&format!("{text}\n")));
                Ok(())
            }
            IoRedirect::OutputAndError(word, append) => {
                let path = self.string(&word.value)?;
                let kind = if *append {
                    IoFileRedirectKind::Append
                } else {
                    IoFileRedirectKind::Write
                };
                self.open_file(1, &kind, &path)?;
                self.duplicate(2, "1")
            }
        }
    }

    fn refuse<T>(&self, text: impl std::fmt::Display) -> Result<T, Flow> {
        self.complain(text);
        Err(Flow::Exit(1))
    }

    fn here_document(&mut self, document: &IoHereDocument) -> Result<String, Flow> {
        if document.requires_expansion {
            self.here_text(&document.doc.value)
        } else {
            Ok(document.doc.value.clone())
        }
    }

    /// `n>&m`, `n>&-`.
    fn duplicate(&mut self, number: i32, source: &str) -> Result<(), Flow> {
        if source == "-" {
            self.fds.close(number);
            return Ok(());
        }
        let fd = source
            .parse()
            .ok()
            .and_then(|source| self.fds.get(source))
            .cloned();
        match fd {
            Some(fd) => {
                self.fds.set(number, fd);
                Ok(())
            }
            None => self.refuse(format_args!("{source}: Bad file descriptor")),
        }
    }

    fn open_file(
        &mut self,
        number: i32,
        kind: &IoFileRedirectKind,
        path: &str,
    ) -> Result<(), Flow> {
        // The shell's own descriptors, as redirected so far: the host only knows those of the process.
        if let Some(source) = special_file(path) {
            return self.duplicate(number, source);
        }
        let absolute = self.absolute(path);
        let open = match kind {
            IoFileRedirectKind::Append => Open::default().write().create().append(),
            IoFileRedirectKind::Write
                if self.options.noclobber && std::path::Path::new(&absolute).is_file() =>
            {
                return self.refuse(format_args!("can't create {path}: File exists"));
            }
            IoFileRedirectKind::Write | IoFileRedirectKind::Clobber => {
                Open::default().write().create().truncate()
            }
            IoFileRedirectKind::ReadAndWrite => Open::default().read().write().create(),
            IoFileRedirectKind::Read
            | IoFileRedirectKind::DuplicateInput
            | IoFileRedirectKind::DuplicateOutput => Open::default().read(),
        };
        match open.open(&absolute) {
            Ok(stream) => {
                self.fds.set(number, Fd::stream(stream));
                Ok(())
            }
            Err(e) => self.refuse(cannot_open(kind, path, &e)),
        }
    }
}

/// The descriptor that a name in /dev stands for.
fn special_file(path: &str) -> Option<&str> {
    match path {
        "/dev/stdin" => Some("0"),
        "/dev/stdout" => Some("1"),
        "/dev/stderr" => Some("2"),
        _ => path.strip_prefix("/dev/fd/"),
    }
}

fn cannot_open(kind: &IoFileRedirectKind, path: &str, e: &io::Error) -> String {
    match (kind, e.kind()) {
        (IoFileRedirectKind::Read, ErrorKind::NotFound) => {
            format!("can't open {path}: no such file")
        }
        (IoFileRedirectKind::Read, _) => format!("can't open {path}: {}", reason(e)),
        (_, ErrorKind::NotFound) => format!("can't create {path}: nonexistent directory"),
        _ => format!("can't create {path}: {}", reason(e)),
    }
}
