//! POSIX regular expressions, basic and extended, in the syntax of the `regex` crate.

/// Which of POSIX's two syntaxes a pattern is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    Basic,
    Extended,
}

/// Translates a pattern. Back-references have no translation: the crate's automata have no memory of what matched.
pub(super) fn translate(pattern: &str, syntax: Syntax) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    // At the start of an expression `*` stands for itself, and in the basic syntax `^` is an anchor only there.
    let mut start = true;
    while let Some(c) = chars.next() {
        let was_start = std::mem::replace(&mut start, false);
        match c {
            '[' => bracket(&mut chars, &mut out)?,
            '\\' => {
                let Some(escaped) = chars.next() else {
                    return Err("trailing backslash".to_owned());
                };
                match (escaped, syntax) {
                    ('(' | '|', Syntax::Basic) => {
                        out.push(escaped);
                        start = true;
                    }
                    (')' | '{' | '}' | '+' | '?', Syntax::Basic) => out.push(escaped),
                    ('1'..='9', _) => return Err("back-references are not supported".to_owned()),
                    ('<', _) => out.push_str(r"\b{start}"),
                    ('>', _) => out.push_str(r"\b{end}"),
                    ('w' | 'W' | 's' | 'S' | 'b' | 'B', _) => {
                        out.push('\\');
                        out.push(escaped);
                    }
                    ('n', _) => out.push('\n'),
                    ('t', _) => out.push('\t'),
                    ('`', _) => out.push_str(r"\A"),
                    ('\'', _) => out.push_str(r"\z"),
                    (other, _) => literal(other, &mut out),
                }
            }
            '*' if was_start => out.push_str(r"\*"),
            '.' | '*' => out.push(c),
            '^' if was_start || syntax == Syntax::Extended => {
                out.push('^');
                start = true;
            }
            '$' => {
                let rest: String = chars.clone().take(2).collect();
                let end =
                    rest.is_empty() || syntax == Syntax::Extended || rest == r"\)" || rest == r"\|";
                out.push_str(if end { "$" } else { r"\$" });
            }
            '(' | '|' if syntax == Syntax::Extended => {
                out.push(c);
                start = true;
            }
            '{' if syntax == Syntax::Extended => match chars.peek() {
                Some('0'..='9' | ',') => out.push('{'),
                _ => out.push_str(r"\{"),
            },
            ')' | '+' | '?' | '}' if syntax == Syntax::Extended => out.push(c),
            other => literal(other, &mut out),
        }
    }
    Ok(out)
}

fn literal(c: char, out: &mut String) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

/// A bracket expression, whose `[` has been read: a backslash in it stands for itself, and a `]` that comes first, too.
fn bracket(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
) -> Result<(), String> {
    const UNFINISHED: &str = "unmatched [";
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let c = chars.next().ok_or(UNFINISHED)?;
        match c {
            ']' if !first => break,
            '[' if matches!(chars.peek(), Some(':' | '.' | '=')) => {
                let kind = chars.next().ok_or(UNFINISHED)?;
                let mut name = String::new();
                while !name.ends_with(&[kind, ']'].iter().collect::<String>()) {
                    name.push(chars.next().ok_or(UNFINISHED)?);
                }
                let name = &name[..name.len() - 2];
                if kind == ':' {
                    out.push_str(&format!("[:{name}:]"));
                } else {
                    name.chars().for_each(|c| in_bracket(c, out));
                }
            }
            // A range's hyphen is the only one that is followed and preceded by something.
            '-' if !first && chars.peek() != Some(&']') => out.push('-'),
            c => in_bracket(c, out),
        }
        first = false;
    }
    out.push(']');
    Ok(())
}

fn in_bracket(c: char, out: &mut String) {
    if !c.is_alphanumeric() && c.is_ascii() && !c.is_whitespace() {
        out.push('\\');
    }
    out.push(c);
}
