//! Small text: reasons and quoting.

use std::io::ErrorKind;

/// An error's reason without std's `(os error 2)`, in the words of `strerror`.
pub(crate) fn reason(e: &std::io::Error) -> String {
    match e.kind() {
        ErrorKind::NotFound => "No such file or directory".to_owned(),
        _ => {
            let text = e.to_string();
            text.split(" (os error")
                .next()
                .unwrap_or_default()
                .to_owned()
        }
    }
}

/// A value as a word that reads back as itself: `it's` becomes `'it'\''s'`.
pub(crate) fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// As [`quote`], where it is needed.
pub(crate) fn quote_if_needed(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+./:=@%,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        quote(value)
    }
}

/// Whether it can be a variable's name.
pub(crate) fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}
