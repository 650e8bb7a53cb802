//! Parameters: `$x`, `$@`, `${x:-word}` and its family.

use brush_parser::word::{
    Parameter, ParameterExpr, ParameterTestType, SpecialParameter, SubstringMatchKind,
};

use super::expand::Piece;
use super::state::{Flow, Shell};

/// What a parameter holds.
enum Value {
    One(String),
    /// `$@`, or `$*` with what joins it between quotes.
    All {
        values: Vec<String>,
        join: Option<String>,
    },
}

impl Value {
    fn is_empty(&self) -> bool {
        match self {
            Self::One(value) => value.is_empty(),
            Self::All { values, .. } => values.iter().all(String::is_empty),
        }
    }

    fn into_pieces(self, quoted: bool) -> Vec<Piece> {
        match self {
            Self::One(value) => vec![Piece::value(value, quoted)],
            Self::All {
                values,
                join: Some(join),
            } if quoted => vec![Piece::Quoted(values.join(&join))],
            Self::All { values, join } => {
                let mut pieces = Vec::with_capacity(values.len() * 2);
                for (index, value) in values.into_iter().enumerate() {
                    if index > 0 {
                        pieces.push(Piece::Boundary(
                            join.clone().unwrap_or_else(|| " ".to_owned()),
                        ));
                    }
                    pieces.push(Piece::value(value, quoted));
                }
                pieces
            }
        }
    }

    fn map(self, change: impl Fn(&str) -> String) -> Self {
        match self {
            Self::One(value) => Self::One(change(&value)),
            Self::All { values, join } => Self::All {
                values: values.iter().map(|value| change(value)).collect(),
                join,
            },
        }
    }
}

impl Shell {
    /// The pieces that a parameter expansion stands for.
    pub(crate) fn parameter(
        &mut self,
        expression: &ParameterExpr,
        quoted: bool,
    ) -> Result<Vec<Piece>, Flow> {
        use ParameterExpr as E;
        match expression {
            E::Parameter {
                parameter,
                indirect: false,
            } => Ok(self.needed(parameter)?.into_pieces(quoted)),
            E::UseDefaultValues {
                parameter,
                indirect: false,
                test_type,
                default_value,
            } => match self.usable(parameter, test_type)? {
                Some(value) => Ok(value.into_pieces(quoted)),
                None => self.nested(default_value.as_deref(), quoted),
            },
            E::UseAlternativeValue {
                parameter,
                indirect: false,
                test_type,
                alternative_value,
            } => match self.usable(parameter, test_type)? {
                Some(_) => self.nested(alternative_value.as_deref(), quoted),
                None => Ok(Vec::new()),
            },
            E::AssignDefaultValues {
                parameter,
                indirect: false,
                test_type,
                default_value,
            } => match self.usable(parameter, test_type)? {
                Some(value) => Ok(value.into_pieces(quoted)),
                None => {
                    let Parameter::Named(name) = parameter else {
                        return self.bad_substitution(&parameter.to_string());
                    };
                    let value: String = self
                        .nested(default_value.as_deref(), quoted)?
                        .iter()
                        .map(Piece::text)
                        .collect();
                    self.assign(name, &value)?;
                    Ok(vec![Piece::value(value, quoted)])
                }
            },
            E::IndicateErrorIfNullOrUnset {
                parameter,
                indirect: false,
                test_type,
                error_message,
            } => match self.usable(parameter, test_type)? {
                Some(value) => Ok(value.into_pieces(quoted)),
                None => {
                    let message: String = self
                        .nested(error_message.as_deref(), true)?
                        .iter()
                        .map(Piece::text)
                        .collect();
                    let null = matches!(test_type, ParameterTestType::UnsetOrNull);
                    let standard = if null {
                        "parameter null or not set"
                    } else {
                        "parameter not set"
                    };
                    self.complain(format_args!(
                        "{}: {}",
                        plain(parameter),
                        if message.is_empty() {
                            standard
                        } else {
                            &message
                        }
                    ));
                    Err(Flow::Exit(2))
                }
            },
            E::ParameterLength {
                parameter,
                indirect: false,
            } => {
                let length = match self.needed(parameter)? {
                    Value::One(value) => value.chars().count(),
                    Value::All { values, .. } => values.len(),
                };
                Ok(vec![Piece::value(length.to_string(), quoted)])
            }
            E::RemoveSmallestPrefixPattern {
                parameter,
                indirect: false,
                pattern,
            } => self.stripped(parameter, pattern, quoted, true, false),
            E::RemoveLargestPrefixPattern {
                parameter,
                indirect: false,
                pattern,
            } => self.stripped(parameter, pattern, quoted, true, true),
            E::RemoveSmallestSuffixPattern {
                parameter,
                indirect: false,
                pattern,
            } => self.stripped(parameter, pattern, quoted, false, false),
            E::RemoveLargestSuffixPattern {
                parameter,
                indirect: false,
                pattern,
            } => self.stripped(parameter, pattern, quoted, false, true),
            E::Substring {
                parameter,
                indirect: false,
                offset,
                length,
            } => {
                let offset = self.arithmetic(&offset.value)?;
                let length = length
                    .as_ref()
                    .map(|length| self.arithmetic(&length.value))
                    .transpose()?;
                Ok(substring(self.needed(parameter)?, offset, length).into_pieces(quoted))
            }
            E::ReplaceSubstring {
                parameter,
                indirect: false,
                pattern,
                replacement,
                match_kind,
            } => {
                let value = self.needed(parameter)?;
                let replacement: String = self
                    .nested(replacement.as_deref(), true)?
                    .iter()
                    .map(Piece::text)
                    .collect();
                let (before, after) = match match_kind {
                    SubstringMatchKind::Prefix => ("^", ""),
                    SubstringMatchKind::Suffix => ("", "$"),
                    SubstringMatchKind::FirstOccurrence | SubstringMatchKind::Anywhere => ("", ""),
                };
                let limit = usize::from(!matches!(match_kind, SubstringMatchKind::Anywhere));
                let Some(regex) = self.pattern(pattern)?.within(before, after) else {
                    return self.bad_substitution(pattern);
                };
                let replace = |text: &str| {
                    regex
                        .replacen(text, limit, regex::NoExpand(&replacement))
                        .into_owned()
                };
                Ok(value.map(replace).into_pieces(quoted))
            }
            E::UppercasePattern {
                parameter,
                indirect: false,
                pattern: None,
            } => Ok(self
                .needed(parameter)?
                .map(str::to_uppercase)
                .into_pieces(quoted)),
            E::LowercasePattern {
                parameter,
                indirect: false,
                pattern: None,
            } => Ok(self
                .needed(parameter)?
                .map(str::to_lowercase)
                .into_pieces(quoted)),
            _ => self.bad_substitution("${…}"),
        }
    }

    fn stripped(
        &mut self,
        parameter: &Parameter,
        pattern: &Option<String>,
        quoted: bool,
        prefix: bool,
        longest: bool,
    ) -> Result<Vec<Piece>, Flow> {
        let value = self.needed(parameter)?;
        let pattern = self.pattern(pattern.as_deref().unwrap_or_default())?;
        let strip = |text: &str| match prefix {
            true => pattern.strip_prefix(text, longest).to_owned(),
            false => pattern.strip_suffix(text, longest).to_owned(),
        };
        Ok(value.map(strip).into_pieces(quoted))
    }

    /// A parameter's value where it passes the test of `:-` or `-`.
    fn usable(
        &self,
        parameter: &Parameter,
        test: &ParameterTestType,
    ) -> Result<Option<Value>, Flow> {
        let value = self.value(parameter)?;
        Ok(match test {
            ParameterTestType::UnsetOrNull => value.filter(|value| !value.is_empty()),
            ParameterTestType::Unset => value
                .filter(|value| !matches!(value, Value::All { values, .. } if values.is_empty())),
        })
    }

    /// A parameter's value; nothing where it has none, which `set -u` makes an error.
    fn needed(&self, parameter: &Parameter) -> Result<Value, Flow> {
        match self.value(parameter)? {
            Some(value) => Ok(value),
            None if self.options.nounset => {
                self.complain(format_args!("{}: parameter not set", plain(parameter)));
                Err(Flow::Exit(2))
            }
            None => Ok(Value::One(String::new())),
        }
    }

    fn value(&self, parameter: &Parameter) -> Result<Option<Value>, Flow> {
        let one = |value: Option<String>| Ok(value.map(Value::One));
        match parameter {
            Parameter::Named(name) => one(self.vars.get(name).map(ToString::to_string)),
            Parameter::Positional(number) => {
                let index = usize::try_from(*number)
                    .ok()
                    .and_then(|number| number.checked_sub(1));
                one(index.and_then(|index| self.args.get(index)).cloned())
            }
            Parameter::Special(special) => match special {
                SpecialParameter::AllPositionalParameters { concatenate } => Ok(Some(Value::All {
                    values: self.args.to_vec(),
                    join: concatenate.then(|| self.joiner()),
                })),
                SpecialParameter::PositionalParameterCount => {
                    one(Some(self.args.len().to_string()))
                }
                SpecialParameter::LastExitStatus => one(Some(self.status.to_string())),
                SpecialParameter::CurrentOptionFlags => one(Some(self.options.flags())),
                SpecialParameter::ProcessId => one(Some(self.pid().to_string())),
                SpecialParameter::LastBackgroundProcessId => {
                    one(self.jobs.last().map(|pid| pid.to_string()))
                }
                SpecialParameter::ShellName => one(Some(self.name.to_string())),
            },
            Parameter::NamedWithIndex { .. } | Parameter::NamedWithAllIndices { .. } => {
                self.bad_substitution(&parameter.to_string())
            }
        }
    }

    /// What joins `"$*"`: the first character of IFS.
    fn joiner(&self) -> String {
        self.vars
            .get("IFS")
            .map_or_else(|| " ".to_owned(), |ifs| ifs.chars().take(1).collect())
    }
}

/// A parameter's name as messages have it.
fn plain(parameter: &Parameter) -> String {
    parameter
        .to_string()
        .trim_matches(['$', '{', '}'])
        .to_owned()
}

/// `${x:offset:length}`; a negative one counts from the end.
fn substring(value: Value, offset: i64, length: Option<i64>) -> Value {
    let range = |count: usize, first: i64| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let start = if offset < 0 {
            (count + offset).max(0)
        } else {
            (offset - first).clamp(0, count)
        };
        let end = match length {
            None => count,
            Some(length) if length < 0 => (count + length).max(start),
            Some(length) => start.saturating_add(length).min(count),
        };
        let index = |number: i64| usize::try_from(number).unwrap_or(0);
        (index(start), index(end - start))
    };
    match value {
        Value::One(text) => {
            let (start, length) = range(text.chars().count(), 0);
            Value::One(text.chars().skip(start).take(length).collect())
        }
        Value::All { values, join } => {
            let (start, length) = range(values.len(), 1);
            Value::All {
                values: values.into_iter().skip(start).take(length).collect(),
                join,
            }
        }
    }
}
