//! `getopts OPTSTRING NAME [ARG …]`.

use super::super::state::{Exec, Shell};

pub(super) fn getopts(shell: &mut Shell, args: &[String]) -> Exec {
    let (Some(known), Some(name)) = (args.get(1), args.get(2)) else {
        shell.complain("getopts: usage: getopts OPTSTRING NAME [ARG …]");
        return Ok(2);
    };
    let own = args.get(3..).filter(|own| !own.is_empty());
    let words = own.map_or_else(|| shell.args.to_vec(), <[String]>::to_vec);
    let index = shell
        .vars
        .get("OPTIND")
        .and_then(|index| index.parse::<usize>().ok())
        .unwrap_or(1)
        .max(1);
    // How far into a cluster (`-abc`) the last call came is remembered in a variable, so that a copy of the shell has it, too.
    let within = shell
        .vars
        .get("_OPTPOS")
        .and_then(|at| at.split_once(':'))
        .and_then(|(at, pos)| Some((at.parse::<usize>().ok()?, pos.parse::<usize>().ok()?)));
    let position = within
        .filter(|(at, _)| *at == index)
        .map_or(1, |(_, position)| position);
    let word = words
        .get(index - 1)
        .filter(|word| word.len() > 1 && word.starts_with('-') && *word != "--");
    let Some(word) = word else {
        let end = index + usize::from(words.get(index - 1).is_some_and(|word| word == "--"));
        shell.assign("OPTIND", &end.to_string())?;
        shell.assign(name, "?")?;
        return Ok(1);
    };
    let letter = word.chars().nth(position).unwrap_or('?');
    let rest: String = word.chars().skip(position + 1).collect();
    let silent = known.starts_with(':');
    let takes = known
        .split_once(letter)
        .filter(|_| letter != ':')
        .map(|(_, after)| after.starts_with(':'));
    let (mut next, mut value, mut result) = (index, None, letter.to_string());
    match takes {
        Some(true) if !rest.is_empty() => {
            value = Some(rest);
            next += 1;
        }
        Some(true) => {
            value = words.get(index).cloned();
            next += 2;
            if value.is_none() {
                if silent {
                    (result, value) = (":".to_owned(), Some(letter.to_string()));
                } else {
                    result = "?".to_owned();
                    shell.complain(format_args!("No arg for -{letter} option"));
                }
            }
        }
        Some(false) | None => {
            if takes.is_none() {
                result = "?".to_owned();
                value = silent.then(|| letter.to_string());
                if !silent {
                    shell.complain(format_args!("Illegal option -{letter}"));
                }
            }
            if rest.is_empty() {
                next += 1;
            } else {
                shell
                    .vars
                    .set_unchecked("_OPTPOS", &format!("{index}:{}", position + 1));
            }
        }
    }
    shell.assign("OPTIND", &next.to_string())?;
    match value {
        Some(value) => shell.assign("OPTARG", &value)?,
        // An option without a value has an empty one, what is no option has none.
        None if result == "?" => drop(shell.vars.unset("OPTARG")),
        None => shell.assign("OPTARG", "")?,
    }
    shell.assign(name, &result)?;
    Ok(0)
}
