//! Files of variables that containers write for others: `fileKeyRef`.

use std::io::ErrorKind;

use crate::model::FileKey;
use crate::ports::PodVolumes;

/// Half a megabyte of one variable would be no variable any more.
const FILE_VALUE_BYTES_MAX: usize = 32 << 10;

/// The value in a file that another container wrote; none if it or the file is missing and optional.
pub(super) fn variable(
    volumes: &dyn PodVolumes,
    wanted: &FileKey,
) -> Result<Option<String>, String> {
    let FileKey {
        volume, path, key, ..
    } = wanted;
    let failed = |why: String| {
        format!(
            "failed to parse environment variable file \"{path}\" of volume \"{volume}\": {why}"
        )
    };
    let text = match volumes.read(volume, path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && wanted.optional => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    match value(&text, key).map_err(failed)? {
        Some(value) if value.len() > FILE_VALUE_BYTES_MAX => Err(format!(
            "environment variable value for key \"{key}\" exceeds maximum size of 32KB"
        )),
        Some(value) => Ok(Some(value.to_owned())),
        None if wanted.optional => Ok(None),
        None => Err(format!(
            "environment variable key \"{key}\" not found in file \"{path}\" of volume \"{volume}\""
        )),
    }
}

/// The value of a variable in the text of such a file: lines of `NAME='value'`, which may hold anything but a quote, line ends too; comments
/// begin with `#`. None if it is not there. What stands behind it is not looked at.
fn value<'t>(text: &'t str, wanted: &str) -> Result<Option<&'t str>, String> {
    let mut rest = text;
    let mut line = 1;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let (this, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if this.trim_end().is_empty() || this.starts_with('#') {
            if this.len() == rest.len() {
                return Ok(None);
            }
            (rest, line) = (after, line + 1);
            continue;
        }
        let malformed = || format!("invalid environment variable format at line {line}");
        let (name, behind) = this.split_once('=').ok_or_else(malformed)?;
        if name.is_empty() {
            return Err(malformed());
        }
        if name.ends_with(char::is_whitespace) {
            return Err(format!(
                "whitespace before '=' is not allowed at line {line}"
            ));
        }
        if !behind.starts_with('\'') {
            return Err(format!(
                "value must be enclosed in single quotes at line {line}"
            ));
        }
        // It may go on in the next lines.
        let (value, behind) = rest[name.len() + 2..]
            .split_once('\'')
            .ok_or_else(|| format!("unclosed single quote at line {line}"))?;
        line += value.matches('\n').count();
        let (end, after) = behind.split_once('\n').unwrap_or((behind, ""));
        let comment = end.trim_start();
        let apart = comment.len() < end.len() && comment.starts_with('#');
        if !comment.is_empty() && !apart {
            return Err(format!(
                "unexpected content after closing quote at line {line}"
            ));
        }
        if name == wanted {
            return Ok(Some(value));
        }
        (rest, line) = (after, line + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn values_stand_in_single_quotes_and_are_taken_as_they_are() {
        let text = "# comment\n\n  A='1'\n\tB='# $HOME ${X} \\n \"q\" =' # comment\r\n   \nEMPTY=''\nLINES='one\n\n  two '\nLAST='ü'";
        for (name, expected) in [
            ("A", Some("1")),
            ("B", Some("# $HOME ${X} \\n \"q\" =")),
            ("EMPTY", Some("")),
            ("LINES", Some("one\n\n  two ")),
            ("LAST", Some("ü")),
            ("NONE", None),
            ("two", None),
        ] {
            assert_eq!(value(text, name), Ok(expected), "{name}");
        }
        assert_eq!(value("", "A"), Ok(None));
        assert_eq!(value("A='1'", "A"), Ok(Some("1")));
        assert_eq!(value("A='1'\nA='2'\n", "A"), Ok(Some("1")), "the first one");
    }

    #[test]
    fn what_a_shell_would_read_in_another_way_is_refused_with_its_line() {
        for (text, why) in [
            (
                "A='1'\nnothing\n",
                "invalid environment variable format at line 2",
            ),
            ("='1'\n", "invalid environment variable format at line 1"),
            ("A ='1'\n", "whitespace before '=' is not allowed at line 1"),
            (
                "\nA=1\n",
                "value must be enclosed in single quotes at line 2",
            ),
            (
                "A=\"1\"\n",
                "value must be enclosed in single quotes at line 1",
            ),
            (
                "A= '1'\n",
                "value must be enclosed in single quotes at line 1",
            ),
            ("A='1\n", "unclosed single quote at line 1"),
            (
                "A='1''2'\n",
                "unexpected content after closing quote at line 1",
            ),
            (
                "A='1'#2\n",
                "unexpected content after closing quote at line 1",
            ),
            (
                "A='1\nB='2'\n",
                "unexpected content after closing quote at line 2",
            ),
        ] {
            assert_eq!(value(text, "B"), Err(why.to_owned()), "{text:?}");
        }
    }
}
