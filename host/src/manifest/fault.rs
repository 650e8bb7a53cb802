//! What is wrong with a document, in one line a user can act on.

use std::fmt;
use std::sync::Arc;

use super::path::Path;

/// One thing wrong with one document. `Display` is one line:
/// `pod.yaml: document 2, line 14: Pod "n": spec.containers[1].name: Duplicate value: "a"`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// The file's name as the user gave it; `-` for standard input.
    pub file: Arc<str>,
    /// Which document of the file, counted from 1; 0 when the fault is the file's as a whole.
    pub document: usize,
    /// The line of the field, or of what it is missing in; none where that is not known, and where the message has it.
    pub line: Option<usize>,
    /// What the document describes, e.g. `Pod "n"`, as far as it could be read.
    pub subject: Option<String>,
    /// The field's path, empty when no single field is at fault.
    pub path: String,
    /// What sort of fault it is.
    pub kind: FaultKind,
    /// What is wrong; for validation, in the API server's words.
    pub message: String,
}

impl Fault {
    /// The text could not be read.
    pub(super) fn is_syntax(&self) -> bool {
        self.kind == FaultKind::Syntax
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        line.push_str(&self.file);
        line.push_str(": ");
        match (self.document, self.line) {
            (0, _) => {}
            (document, None) => line.push_str(&format!("document {document}: ")),
            (document, Some(at)) => line.push_str(&format!("document {document}, line {at}: ")),
        }
        for part in [self.subject.as_deref(), Some(self.path.as_str())]
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
        {
            line.push_str(part);
            line.push_str(": ");
        }
        line.push_str(&self.message);
        // A name or value may hold a newline or an escape sequence: it must neither break the one-line promise nor reach a terminal.
        for c in line.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// What sort of fault it is. The validation ones are the API server's, with [`FaultKind::reason`] their name in a Status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The text is not YAML or JSON, or is too large.
    Syntax,
    /// A kind or apiVersion nobody knows (rule K64).
    UnknownKind,
    /// A value of the wrong type (rule K60).
    Type,
    /// A field nobody knows (rule K57).
    UnknownField,
    /// The same field twice (rule K57).
    DuplicateField,
    /// Kubernetes knows it, this version cannot do it.
    NotSupportedYet,
    /// Validation: a value is missing.
    Required,
    /// Validation: a value has the wrong form or range.
    Invalid,
    /// Validation: a value is none of the allowed ones.
    Unsupported,
    /// Validation: a value that must be unique is not.
    Duplicate,
    /// Validation: a value names something that is not there.
    NotFound,
    /// Validation: a value may not be set here.
    Forbidden,
    /// Validation: a value is too long.
    TooLong,
    /// Validation: a list has too many entries.
    TooMany,
}

impl FaultKind {
    /// `details.causes[].reason` of the API server's Status.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Unsupported => "FieldValueNotSupported",
            Self::Duplicate => "FieldValueDuplicate",
            Self::NotFound => "FieldValueNotFound",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Invalid => "FieldValueInvalid",
            Self::Syntax
            | Self::UnknownKind
            | Self::Type
            | Self::UnknownField
            | Self::DuplicateField
            | Self::NotSupportedYet => "BadRequest",
        }
    }
}

/// A fault before it is known which document it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldFault {
    /// The field's path; may be empty.
    pub(super) path: String,
    /// What sort of fault it is.
    pub(super) kind: FaultKind,
    /// What is wrong.
    pub(super) message: String,
}

/// Collects faults; the methods are the API server's error constructors, with its wording.
#[derive(Debug, Default)]
pub(super) struct Faults {
    list: Vec<FieldFault>,
}

impl Faults {
    /// The faults found, in the order they were found.
    pub(super) fn into_vec(self) -> Vec<FieldFault> {
        self.list
    }

    /// None so far.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many so far.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds one of any kind.
    pub(super) fn push(&mut self, path: &impl fmt::Display, kind: FaultKind, message: String) {
        self.list.push(FieldFault {
            path: path.to_string(),
            kind,
            message,
        });
    }

    /// `Required value[: detail]`.
    pub(super) fn required(&mut self, path: &Path<'_>, detail: &str) {
        self.push(path, FaultKind::Required, with("Required value", detail));
    }

    /// `Forbidden[: detail]`.
    pub(super) fn forbidden(&mut self, path: &Path<'_>, detail: &str) {
        self.push(path, FaultKind::Forbidden, with("Forbidden", detail));
    }

    /// `Invalid value: <value>[: detail]`; `value` as JSON.
    pub(super) fn invalid(&mut self, path: &Path<'_>, value: impl Shown, detail: &str) {
        let head = format!("Invalid value: {}", value.shown());
        self.push(path, FaultKind::Invalid, with(&head, detail));
    }

    /// `Duplicate value: <value>`.
    pub(super) fn duplicate(&mut self, path: &Path<'_>, value: &str) {
        self.duplicate_of(path, value);
    }

    /// The same for a value that is no text; `value` as JSON.
    pub(super) fn duplicate_of(&mut self, path: &Path<'_>, value: impl Shown) {
        let message = format!("Duplicate value: {}", value.shown());
        self.push(path, FaultKind::Duplicate, message);
    }

    /// `Not found: <value>`.
    pub(super) fn not_found(&mut self, path: &Path<'_>, value: &str) {
        let message = format!("Not found: {}", value.shown());
        self.push(path, FaultKind::NotFound, message);
    }

    /// `Unsupported value: <value>: supported values: "a", "b"`, in the order given.
    pub(super) fn unsupported(&mut self, path: &Path<'_>, value: &str, supported: &[&str]) {
        let list: Vec<String> = supported.iter().map(|s| s.shown()).collect();
        let message = format!(
            "Unsupported value: {}: supported values: {}",
            value.shown(),
            list.join(", ")
        );
        self.push(path, FaultKind::Unsupported, message);
    }

    /// `Too long: may not be more than <limit> bytes`.
    pub(super) fn too_long(&mut self, path: &Path<'_>, limit: usize) {
        let message = format!("Too long: may not be more than {limit} bytes");
        self.push(path, FaultKind::TooLong, message);
    }

    /// Reports `value` unless it is one of `supported`.
    pub(super) fn one_of(&mut self, path: &Path<'_>, value: &str, supported: &[&str]) {
        if !supported.contains(&value) {
            self.unsupported(path, value, supported);
        }
    }
}

fn with(head: &str, detail: &str) -> String {
    if detail.is_empty() {
        head.to_owned()
    } else {
        format!("{head}: {detail}")
    }
}

/// A value as the API server prints it inside a message.
pub(super) trait Shown {
    /// The printed form.
    fn shown(&self) -> String;
}

impl Shown for str {
    fn shown(&self) -> String {
        serde_json::Value::from(self).to_string()
    }
}

impl Shown for &str {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

impl Shown for &String {
    fn shown(&self) -> String {
        self.as_str().shown()
    }
}

impl Shown for i32 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for i64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        self.to_string()
    }
}

/// Text that is JSON already.
pub(super) struct Json(pub(super) String);

impl Shown for Json {
    fn shown(&self) -> String {
        self.0.clone()
    }
}
