//! `$(NAME)` references (rule H2).

/// No text may come to more: each variable can name the ones before it twice, so a page of them would come to more than there is memory.
const EXPANDED_BYTES_MAX: usize = 1 << 20;

/// A text would come to too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument list too long: a value with its variables is longer than 1 MiB")]
pub struct TooLong;

/// Replaces every `$(NAME)` that `lookup` knows; others stay as they are, `$$` becomes `$`, an unterminated `$(` stays.
pub fn expand<'a>(text: &str, lookup: impl Fn(&str) -> Option<&'a str>) -> Result<String, TooLong> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            match lookup(name) {
                Some(value) if out.len() + value.len() > EXPANDED_BYTES_MAX => return Err(TooLong),
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{TooLong, expand};

    #[test]
    fn h2_references_expand_as_kubernetes_expands_them() {
        let lookup = |name: &str| match name {
            "A" => Some("1"),
            "EMPTY" => Some(""),
            _ => None,
        };
        for (text, expected) in [
            ("$(A)", "1"),
            ("x$(A)y$(A)", "x1y1"),
            ("$(UNKNOWN)", "$(UNKNOWN)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$$$$(A)", "$$(A)"),
            ("$(A", "$(A"),
            ("$A", "$A"),
            ("cost: 5$", "cost: 5$"),
            ("$(EMPTY)!", "!"),
            ("$()", "$()"),
        ] {
            assert_eq!(expand(text, lookup).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_would_not_fit_into_memory_is_refused_before_it_is_built() {
        let value = "x".repeat(1000);
        let lookup = |_: &str| Some(value.as_str());
        assert!(expand(&"$(A)".repeat(1000), lookup).is_ok());
        assert_eq!(expand(&"$(A)".repeat(2000), lookup), Err(TooLong));
    }
}
