//! Options in the way of getopt: clusters, values within the word or after it, `--`, and options after operands.

/// What a command line holds.
#[derive(Debug, Default)]
pub struct Options {
    /// Each option's letter, with its value if it takes one. A long option has its letter from the table.
    pub given: Vec<(char, Option<String>)>,
    pub operands: Vec<String>,
}

impl Options {
    /// Whether the option is there.
    pub fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(given, _)| *given == letter)
    }

    /// The option's last value.
    pub fn value(&self, letter: char) -> Option<&str> {
        self.given
            .iter()
            .rev()
            .find(|(given, _)| *given == letter)
            .and_then(|(_, value)| value.as_deref())
    }
}

/// Reads `args` (with the command's name first) by a table in the way of getopt (`"n:f"`: n takes a value, f does not) and one of long
/// options.
pub fn parse(args: &[String], letters: &str, long: &[(&str, char)]) -> Result<Options, String> {
    let takes_value = |letter: char| {
        letters
            .split_once(letter)
            .filter(|_| letter != ':')
            .map(|(_, after)| after.starts_with(':'))
    };
    let mut options = Options::default();
    let mut rest = args.iter().skip(1);
    while let Some(arg) = rest.next() {
        if arg == "--" {
            options.operands.extend(rest.cloned());
            break;
        }
        if let Some(name) = arg.strip_prefix("--") {
            let (name, mut value) = name
                .split_once('=')
                .map_or((name, None), |(name, value)| (name, Some(value.to_owned())));
            let known = long
                .iter()
                .find(|(long, _)| *long == name)
                .ok_or_else(|| format!("unrecognized option '{arg}'"))?;
            if takes_value(known.1) == Some(true) && value.is_none() {
                value = Some(
                    rest.next()
                        .cloned()
                        .ok_or_else(|| format!("option '{arg}' requires an argument"))?,
                );
            }
            options.given.push((known.1, value));
            continue;
        }
        let Some(cluster) = arg.strip_prefix('-').filter(|cluster| !cluster.is_empty()) else {
            options.operands.push(arg.clone());
            continue;
        };
        for (index, letter) in cluster.char_indices() {
            match takes_value(letter) {
                None => return Err(format!("invalid option -- '{letter}'")),
                Some(false) => options.given.push((letter, None)),
                Some(true) => {
                    let within = &cluster[index + letter.len_utf8()..];
                    let value = if within.is_empty() {
                        rest.next().cloned()
                    } else {
                        Some(within.to_owned())
                    };
                    options.given.push((
                        letter,
                        Some(
                            value.ok_or_else(|| {
                                format!("option requires an argument -- '{letter}'")
                            })?,
                        ),
                    ));
                    break;
                }
            }
        }
    }
    Ok(options)
}
