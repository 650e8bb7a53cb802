//! `find [PATH …] [-name PATTERN] [-path PATTERN] [-type d|f|l] [-maxdepth N] [-mindepth N] [-empty] [!] [-print | -print0 | -delete]`:
//! tests that all have to hold. There is neither `-o` nor `-exec` (`find … | xargs` does).

use std::path::Path;

use super::io::{complain, print, reason};
use crate::sh;

/// One test.
enum Test {
    Name(String),
    Path(String),
    Type(char),
    Empty,
    Not(Box<Test>),
}

/// What to do with what is found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Print(char),
    Delete,
}

struct Find {
    tests: Vec<Test>,
    action: Action,
    depths: std::ops::RangeInclusive<usize>,
    status: i32,
}

pub(super) fn find(args: &[String]) -> i32 {
    let rest = args.get(1..).unwrap_or_default();
    let count = rest
        .iter()
        .take_while(|arg| !arg.starts_with('-') && *arg != "!" && *arg != "(")
        .count();
    let (paths, expression) = rest.split_at(count);
    let mut find = match parse(expression) {
        Ok(find) => find,
        Err(why) => {
            complain("find", why);
            return 1;
        }
    };
    let here = [".".to_owned()];
    for path in if paths.is_empty() { &here } else { paths } {
        match Path::new(path).symlink_metadata() {
            Ok(_) => find.walk(path, 0),
            Err(e) => {
                complain("find", format_args!("{path}: {}", reason(&e)));
                find.status = 1;
            }
        }
    }
    find.status
}

fn parse(expression: &[String]) -> Result<Find, String> {
    let mut find = Find {
        tests: Vec::new(),
        action: Action::Print('\n'),
        depths: 0..=usize::MAX,
        status: 0,
    };
    let mut words = expression.iter();
    let mut negate = false;
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .cloned()
                .ok_or_else(|| format!("{word}: argument missing"))
        };
        let number = |text: String| {
            text.parse::<usize>()
                .map_err(|_| format!("invalid number '{text}'"))
        };
        let test = match word.as_str() {
            "!" | "-not" => {
                negate = !negate;
                continue;
            }
            "-a" | "-and" => continue,
            "-name" => Test::Name(value()?),
            "-path" | "-wholename" => Test::Path(value()?),
            "-type" => Test::Type(value()?.chars().next().unwrap_or('f')),
            "-empty" => Test::Empty,
            "-maxdepth" => {
                find.depths = *find.depths.start()..=number(value()?)?;
                continue;
            }
            "-mindepth" => {
                find.depths = number(value()?)?..=*find.depths.end();
                continue;
            }
            "-print" => continue,
            "-print0" => {
                find.action = Action::Print('\0');
                continue;
            }
            "-delete" => {
                find.action = Action::Delete;
                continue;
            }
            other => return Err(format!("unrecognized: {other}")),
        };
        find.tests.push(if std::mem::take(&mut negate) {
            Test::Not(Box::new(test))
        } else {
            test
        });
    }
    Ok(find)
}

impl Test {
    fn holds(&self, path: &str) -> bool {
        let metadata = Path::new(path).symlink_metadata();
        match self {
            Self::Name(pattern) => sh::matches(
                pattern,
                path.trim_end_matches('/')
                    .rsplit('/')
                    .next()
                    .unwrap_or_default(),
            ),
            Self::Path(pattern) => sh::matches(pattern, path),
            Self::Type('d') => metadata.is_ok_and(|metadata| metadata.is_dir()),
            Self::Type('l') => metadata.is_ok_and(|metadata| metadata.is_symlink()),
            Self::Type(_) => metadata.is_ok_and(|metadata| metadata.is_file()),
            Self::Empty => metadata.is_ok_and(|metadata| match metadata.is_dir() {
                true => Path::new(path)
                    .read_dir()
                    .is_ok_and(|mut entries| entries.next().is_none()),
                false => metadata.len() == 0,
            }),
            Self::Not(test) => !test.holds(path),
        }
    }
}

impl Find {
    fn walk(&mut self, path: &str, depth: usize) {
        // What is deleted goes before the directory it lies in.
        if self.action != Action::Delete {
            self.visit(path, depth);
        }
        let is_dir = Path::new(path)
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir());
        if is_dir && depth < *self.depths.end() {
            match Path::new(path).read_dir() {
                Ok(entries) => {
                    let mut names: Vec<_> = entries
                        .flatten()
                        .map(|entry| entry.file_name().to_string_lossy().into_owned())
                        .collect();
                    names.sort_unstable();
                    for name in names {
                        self.walk(&format!("{}/{name}", path.trim_end_matches('/')), depth + 1);
                    }
                }
                Err(e) => {
                    complain("find", format_args!("{path}: {}", reason(&e)));
                    self.status = 1;
                }
            }
        }
        if self.action == Action::Delete {
            self.visit(path, depth);
        }
    }

    fn visit(&mut self, path: &str, depth: usize) {
        if !self.depths.contains(&depth) || !self.tests.iter().all(|test| test.holds(path)) {
            return;
        }
        match self.action {
            Action::Print(end) => {
                self.status = self.status.max(print(format!("{path}{end}").as_bytes()))
            }
            Action::Delete => {
                let is_dir = Path::new(path)
                    .symlink_metadata()
                    .is_ok_and(|metadata| metadata.is_dir());
                let gone = if is_dir {
                    std::fs::remove_dir(path)
                } else {
                    std::fs::remove_file(path)
                };
                if let Err(e) = gone {
                    complain("find", format_args!("{path}: {}", reason(&e)));
                    self.status = 1;
                }
            }
        }
    }
}
