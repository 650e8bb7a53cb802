//! `read [-r] [-p PROMPT] NAME …`.

use super::super::state::{Exec, Flow, Shell};
use super::super::text::{is_name, reason};

pub(super) fn read(shell: &mut Shell, args: &[String]) -> Exec {
    let mut raw = false;
    let mut names = Vec::new();
    let mut rest = args.iter().skip(1);
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "-r" => raw = true,
            "-p" => {
                let prompt = rest.next().map_or("", String::as_str);
                // A prompt that cannot be shown is no reason not to read.
                let _ = shell.fds.write(2, prompt.as_bytes());
            }
            name if is_name(name) => names.push(name),
            other => {
                shell.complain(format_args!("read: {other}: bad variable name or option"));
                return Ok(2);
            }
        }
    }
    if names.is_empty() {
        names.push("REPLY");
    }
    let (line, ended) = match line(shell, raw) {
        Ok(line) => line,
        Err(e) => {
            shell.complain(format_args!("read: {}", reason(&e)));
            return Ok(1);
        }
    };
    assign(shell, &line, &names)?;
    Ok(u8::from(ended))
}

/// A line's characters, each with whether a backslash protects it, and whether the input ended before the line did.
fn line(shell: &Shell, raw: bool) -> std::io::Result<(Vec<(u8, bool)>, bool)> {
    let mut line = Vec::new();
    loop {
        match shell.fds.read_byte(0)? {
            None => return Ok((line, true)),
            Some(b'\n') => return Ok((line, false)),
            Some(b'\\') if !raw => match shell.fds.read_byte(0)? {
                None => return Ok((line, true)),
                Some(b'\n') => {}
                Some(byte) => line.push((byte, true)),
            },
            Some(byte) => line.push((byte, false)),
        }
    }
}

/// Splits the line among the variables; the last one gets the rest.
fn assign(shell: &mut Shell, line: &[(u8, bool)], names: &[&str]) -> Result<(), Flow> {
    let ifs = shell.vars.var("IFS").map_or_else(
        || " \t\n".to_owned(),
        |ifs| ifs.value.as_deref().unwrap_or_default().to_owned(),
    );
    let separates =
        |(byte, escaped): (u8, bool)| !escaped && byte.is_ascii() && ifs.as_bytes().contains(&byte);
    let space = |item: (u8, bool)| separates(item) && matches!(item.0, b' ' | b'\t' | b'\n');
    let text = |part: &[(u8, bool)]| {
        String::from_utf8_lossy(&part.iter().map(|(byte, _)| *byte).collect::<Vec<_>>())
            .into_owned()
    };
    let skip_spaces = |part: &mut &[(u8, bool)]| {
        while let Some((&first, rest)) = part.split_first()
            && space(first)
        {
            *part = rest;
        }
    };
    let mut rest = line;
    skip_spaces(&mut rest);
    for (index, name) in names.iter().enumerate() {
        let value;
        if index + 1 == names.len() {
            while let Some((&last, before)) = rest.split_last()
                && space(last)
            {
                rest = before;
            }
            // One separator that only ends the last field is not part of it: `a:b:` read into x and y gives y=b.
            let ends = rest
                .iter()
                .filter(|item| separates(**item) && !space(**item))
                .count()
                == 1;
            if ends && rest.last().is_some_and(|&last| separates(last)) {
                rest = &rest[..rest.len() - 1];
            }
            value = text(rest);
        } else {
            let end = rest
                .iter()
                .position(|&item| separates(item))
                .unwrap_or(rest.len());
            value = text(&rest[..end]);
            rest = &rest[end..];
            skip_spaces(&mut rest);
            if let Some((&first, after)) = rest.split_first()
                && separates(first)
            {
                rest = after;
                skip_spaces(&mut rest);
            }
        }
        shell.assign(name, &value)?;
    }
    Ok(())
}
