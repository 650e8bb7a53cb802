//! Forms of names and values, with what the API server says about a text that has another. Each check returns the messages.

const MAX_LABEL: usize = 63;
const MAX_SUBDOMAIN: usize = 253;

/// What an IP address must be.
pub(in crate::manifest) const IP: &str =
    "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";

/// A range of numbers, in the server's words.
pub(super) fn range(min: i64, max: i64) -> String {
    format!("must be between {min} and {max}, inclusive")
}

fn characters(max: usize) -> String {
    format!("must be no more than {max} characters")
}

fn bytes(max: usize) -> String {
    format!("must be no more than {max} bytes")
}

/// The double space between two examples is the server's.
fn form(message: &str, regex: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!(
        "{message} (e.g. {}regex used for validation is '{regex}')",
        examples.join(" or ")
    )
}

fn is_lower(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

fn is_label(text: &str) -> bool {
    let ends = |b: Option<u8>| b.is_some_and(is_lower);
    ends(text.bytes().next())
        && ends(text.bytes().next_back())
        && text.bytes().all(|b| is_lower(b) || b == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// `[A-Za-z0-9]` at both ends, `-`, `_` and `.` between.
fn is_name_part(text: &str) -> bool {
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    ends(text.bytes().next())
        && ends(text.bytes().next_back())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// What is wrong with a label.
pub(in crate::manifest) fn label_faults(key: &str, value: &str) -> Vec<String> {
    [qualified_name(key), label_value(value)].concat()
}

/// An RFC 1123 label: names of containers and volumes, hostnames (LBL).
pub(super) fn label(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > MAX_LABEL {
        out.push(characters(MAX_LABEL));
    }
    if !is_label(text) {
        // K8: whoever wrote a subdomain is told the one thing that is wrong with it.
        out.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            form(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
                 and must start and end with an alphanumeric character",
                "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
                &["my-name", "123-abc"],
            )
        });
    }
    out
}

/// An RFC 1123 subdomain: names of most objects (SUB).
pub(super) fn subdomain(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > MAX_SUBDOMAIN {
        out.push(characters(MAX_SUBDOMAIN));
    }
    if !is_subdomain(text) {
        out.push(form(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
             and must start and end with an alphanumeric character",
            r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
            &["example.com"],
        ));
    }
    out
}

/// A subdomain whose labels may hold underscores: search domains of the resolver.
pub(super) fn search_domain(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > MAX_SUBDOMAIN {
        out.push(characters(MAX_SUBDOMAIN));
    }
    let is_part = |part: &str| {
        let inner = part.strip_prefix('_').unwrap_or(part);
        let ends = |b: Option<u8>| b.is_some_and(is_lower);
        ends(inner.bytes().next())
            && ends(inner.bytes().next_back())
            && inner
                .bytes()
                .all(|b| is_lower(b) || matches!(b, b'-' | b'_'))
    };
    if !text.split('.').all(is_part) {
        out.push(form(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', \
             and must start and end with an alphanumeric character",
            r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*",
            &["example.com"],
        ));
    }
    out
}

/// A subdomain to which something will be appended: it may end in a dash.
pub(super) fn subdomain_prefix(text: &str) -> Vec<String> {
    match text.strip_suffix('-') {
        Some(head) if !head.is_empty() => subdomain(&format!("{head}a")),
        _ => subdomain(text),
    }
}

/// A name with an optional DNS prefix: keys of labels and annotations, condition types, resources.
pub(super) fn qualified_name(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let part = || {
        form(
            "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
             alphanumeric character",
            "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
            &["MyName", "my.name", "123-abc"],
        )
    };
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        ["", name] => {
            out.push("prefix part must be non-empty".to_owned());
            name
        }
        [prefix, name] => {
            // Inside a key the server counts bytes, elsewhere characters.
            out.extend(
                subdomain(prefix)
                    .into_iter()
                    .map(|m| format!("prefix part {}", m.replace("253 characters", "253 bytes"))),
            );
            name
        }
        _ => {
            return vec![format!(
                "a valid label key {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                part()
            )];
        }
    };
    if name.is_empty() {
        out.push("name part must be non-empty".to_owned());
    } else if name.len() > MAX_LABEL {
        out.push(format!("name part {}", bytes(MAX_LABEL)));
    }
    if !is_name_part(name) {
        out.push(format!("name part {}", part()));
    }
    out
}

/// The value of a label.
pub(super) fn label_value(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > MAX_LABEL {
        out.push(bytes(MAX_LABEL));
    }
    if !text.is_empty() && !is_name_part(text) {
        out.push(form(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
             and must start and end with an alphanumeric character",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    out
}

/// The name of an environment variable (H4).
pub(super) fn env_name(text: &str) -> Vec<String> {
    if !text.is_empty()
        && text
            .bytes()
            .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
    {
        return Vec::new();
    }
    vec![
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
            .to_owned(),
    ]
}

/// A key of a ConfigMap or Secret.
pub(super) fn config_key(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > MAX_SUBDOMAIN {
        out.push(characters(MAX_SUBDOMAIN));
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if text.is_empty() || !text.bytes().all(fits) {
        out.push(form(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    match text {
        "." => out.push("must not be '.'".to_owned()),
        ".." => out.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => out.push("must not start with '..'".to_owned()),
        _ => {}
    }
    out
}

/// The name of a port (K27).
pub(super) fn port_name(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if text.len() > 15 {
        out.push(characters(15));
    }
    let mut no = |bad: bool, message: &str| {
        if bad {
            out.push(message.to_owned());
        }
    };
    no(
        text.is_empty() || !text.bytes().all(|b| is_lower(b) || b == b'-'),
        "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
    );
    no(
        !text.bytes().any(|b| b.is_ascii_lowercase()),
        "must contain at least one letter (a-z)",
    );
    no(text.contains("--"), "must not contain consecutive hyphens");
    no(
        text.starts_with('-') || text.ends_with('-'),
        "must not begin or end with a hyphen",
    );
    out
}

/// The name of an HTTP header.
pub(super) fn header_name(text: &str) -> Vec<String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Vec::new();
    }
    vec![form(
        "a valid HTTP header must consist of alphanumeric characters or '-'",
        "[-A-Za-z0-9]+",
        &["X-Header-Name"],
    )]
}

/// A port number.
pub(super) fn port_number(number: i32) -> Option<String> {
    (!(1..=65535).contains(&number)).then(|| range(1, 65535))
}

/// A user or group id.
pub(super) fn id(number: i64) -> Option<String> {
    let max = i64::from(i32::MAX);
    (!(0..=max).contains(&number)).then(|| range(0, max))
}

/// A path below some folder: relative, without `..` (K18).
pub(super) fn descending_path(path: &str) -> Vec<String> {
    let mut out = Vec::new();
    if path.starts_with('/') {
        out.push("must be a relative path".to_owned());
    }
    out.extend(no_backsteps(path));
    out
}

/// A path without `..`.
pub(super) fn no_backsteps(path: &str) -> Option<String> {
    path.split('/')
        .any(|part| part == "..")
        .then(|| "must not contain '..'".to_owned())
}

/// A path of a file the host writes: names that start with `..` are its own (G5, K25).
pub(super) fn file_path(path: &str) -> Vec<String> {
    let mut out = descending_path(path);
    if path.starts_with("..") && !path.starts_with("../") {
        out.push("must not start with '..'".to_owned());
    }
    out
}
