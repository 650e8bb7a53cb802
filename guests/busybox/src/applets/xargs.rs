//! `xargs [-0rt] [-n COUNT] [-I WORD] [COMMAND …]`, and how a command starts another.

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use peapod_guest::process::{Command, Open};

use super::io::{complain, cwd, reason};
use super::options;

/// A command line as a child to be: a command of this image, a file in PATH, or a path.
pub(super) fn command(
    words: &[String],
    variables: &[(String, String)],
    cwd: &str,
) -> io::Result<Command<'static>> {
    let name = words.first().map_or("", String::as_str);
    let last = name.rsplit('/').next().unwrap_or_default();
    let path = variables
        .iter()
        .find(|(name, _)| name == "PATH")
        .map_or("/usr/local/bin:/usr/bin:/bin", |(_, path)| path);
    let file = if name.contains('/') {
        Some(Path::new(cwd).join(name)).filter(|path| path.exists())
    } else {
        path.split(':')
            .map(|folder| Path::new(folder).join(name))
            .find(|path| path.is_file())
    };
    let command = match file {
        _ if super::is_applet(name) => Command::this(words.iter().cloned()),
        Some(file) => Command::file(file.to_string_lossy(), words.iter().cloned()),
        None if super::is_applet(last) => {
            Command::this(std::iter::once(last.to_owned()).chain(words.iter().skip(1).cloned()))
        }
        None => return Err(ErrorKind::NotFound.into()),
    };
    Ok(command.environment(variables.to_vec()).directory(cwd))
}

pub(super) fn xargs(args: &[String]) -> i32 {
    // The command's own options are not xargs': what is read here ends at the first operand.
    let own = args.iter().skip(1).scan(false, |value_follows, arg| {
        let goes_on = *value_follows || arg.starts_with('-') && arg != "--";
        *value_follows =
            !*value_follows && matches!(arg.as_str(), "-n" | "-I" | "-P" | "-L" | "-d");
        goes_on.then_some(())
    });
    let count = own.count() + 1;
    let (own, rest) = args.split_at(count.min(args.len()));
    let options = match options::parse(
        own,
        "0rtn:I:P:L:d:",
        &[
            ("null", '0'),
            ("no-run-if-empty", 'r'),
            ("max-args", 'n'),
            ("delimiter", 'd'),
        ],
    ) {
        Ok(options) => options,
        Err(why) => {
            complain("xargs", why);
            return 1;
        }
    };
    let fixed: Vec<String> = rest
        .iter()
        .skip(usize::from(rest.first().is_some_and(|arg| arg == "--")))
        .cloned()
        .collect();
    let fixed = if fixed.is_empty() {
        vec!["echo".to_owned()]
    } else {
        fixed
    };
    let mut text = Vec::new();
    if let Err(e) = io::stdin().read_to_end(&mut text) {
        complain("xargs", reason(&e));
        return 1;
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let separator = options
        .value('d')
        .and_then(|text| text.chars().next())
        .or(options.has('0').then_some('\0'));
    let items = match (separator, options.value('I')) {
        (Some(separator), _) => text
            .strip_suffix(separator)
            .unwrap_or(&text)
            .split(separator)
            .map(str::to_owned)
            .filter(|item| !item.is_empty())
            .collect(),
        (None, Some(_)) => text
            .lines()
            .map(|line| line.trim_start().to_owned())
            .filter(|line| !line.is_empty())
            .collect(),
        (None, None) => words(&text),
    };
    let lines: Vec<Vec<String>> = match options.value('I') {
        Some(mark) => items
            .iter()
            .map(|item| fixed.iter().map(|word| word.replace(mark, item)).collect())
            .collect(),
        None => {
            let most = options
                .value('n')
                .or(options.value('L'))
                .and_then(|count| count.parse().ok())
                .filter(|&count| count > 0)
                .unwrap_or(5000);
            let with = |chunk: &[String]| fixed.iter().chain(chunk).cloned().collect();
            let lines: Vec<Vec<String>> = items.chunks(most).map(with).collect();
            if lines.is_empty() && !options.has('r') {
                vec![fixed]
            } else {
                lines
            }
        }
    };
    run_all(&lines, options.has('t'))
}

fn run_all(lines: &[Vec<String>], trace: bool) -> i32 {
    let variables: Vec<(String, String)> = std::env::vars().collect();
    let Ok(nothing) = Open::default().read().open("/dev/null") else {
        return 1;
    };
    let mut status = 0;
    for words in lines {
        if trace {
            complain("+", words.join(" "));
        }
        match command(words, &variables, &cwd())
            .and_then(|command| command.stdin(&nothing).spawn()?.wait())
        {
            Ok(0) => {}
            // Statuses as POSIX has them: 255 stops, a signal is 125, any other failure is 123.
            Ok(255) => return 124,
            Ok(128..) => return 125,
            Ok(_) => status = 123,
            Err(e) => {
                complain("xargs", format_args!("{}: {}", words[0], reason(&e)));
                return if e.kind() == ErrorKind::NotFound {
                    127
                } else {
                    126
                };
            }
        }
    }
    status
}

/// Words between blanks, with quotes and backslashes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
