//! Field paths, as the API server spells them: `spec.containers[0].resources.limits[cpu]`.

use std::fmt;

/// A place inside a document. A link to its parent, so walking a pod that has no fault costs no allocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// A top-level field.
    pub(super) const fn root(field: &'a str) -> Self {
        Self {
            parent: None,
            step: Step::Field(field),
        }
    }

    /// `self.field`.
    pub(super) const fn field(&'a self, field: &'a str) -> Self {
        self.step(Step::Field(field))
    }

    /// `self[index]`.
    pub(super) const fn index(&'a self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// `self[key]`, for maps whose keys the user chose.
    pub(super) const fn key(&'a self, key: &'a str) -> Self {
        self.step(Step::Key(key))
    }

    const fn step(&'a self, step: Step<'a>) -> Self {
        Self {
            parent: Some(self),
            step,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Field(field) if self.parent.is_some() => write!(f, ".{field}"),
            Step::Field(field) => f.write_str(field),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => write!(f, "[{key}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_path_prints_as_the_api_server_spells_it() {
        let spec = Path::root("spec");
        let containers = spec.field("containers");
        let first = containers.index(0);
        let resources = first.field("resources");
        let limits = resources.field("limits");
        assert_eq!(
            limits.key("cpu").to_string(),
            "spec.containers[0].resources.limits[cpu]"
        );
    }
}
