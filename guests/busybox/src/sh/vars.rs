//! Variables, and the scopes that `local` makes.

use std::collections::BTreeMap;
use std::rc::Rc;

/// A variable. Without a value it only has attributes, as after `export x`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Var {
    pub(crate) value: Option<Rc<str>>,
    pub(crate) exported: bool,
    pub(crate) readonly: bool,
}

/// A readonly variable stands in the way.
#[derive(Debug, thiserror::Error)]
#[error("{0}: is read only")]
pub(crate) struct ReadOnly(String);

/// What one call of a function hid, with what was there before.
type Hidden = Vec<(String, Option<Var>)>;

/// The variables of a shell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vars {
    all: Rc<BTreeMap<String, Var>>,
    /// What `local` hid, per call of a function, to be put back.
    hidden: Rc<Vec<Hidden>>,
}

impl Vars {
    /// The environment, exported.
    pub(crate) fn from_environment(environment: impl Iterator<Item = (String, String)>) -> Self {
        let var = |value: String| Var {
            value: Some(value.into()),
            exported: true,
            readonly: false,
        };
        let all = environment
            .filter(|(name, _)| super::text::is_name(name))
            .map(|(name, value)| (name, var(value)))
            .collect();
        Self {
            all: Rc::new(all),
            hidden: Rc::default(),
        }
    }

    /// Sets a variable where the environment did not.
    pub(crate) fn init(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.set_unchecked(name, value);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Rc<str>> {
        self.all.get(name)?.value.as_ref()
    }

    pub(crate) fn var(&self, name: &str) -> Option<&Var> {
        self.all.get(name)
    }

    /// The variable, made where it is not there, whatever its attributes.
    pub(crate) fn entry(&mut self, name: &str) -> &mut Var {
        Rc::make_mut(&mut self.all)
            .entry(name.to_owned())
            .or_default()
    }

    pub(crate) fn set_unchecked(&mut self, name: &str, value: &str) {
        self.entry(name).value = Some(value.into());
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), ReadOnly> {
        self.writable(name)?;
        self.set_unchecked(name, value);
        Ok(())
    }

    pub(crate) fn unset(&mut self, name: &str) -> Result<(), ReadOnly> {
        self.writable(name)?;
        Rc::make_mut(&mut self.all).remove(name);
        Ok(())
    }

    fn writable(&self, name: &str) -> Result<(), ReadOnly> {
        match self.all.get(name) {
            Some(var) if var.readonly => Err(ReadOnly(name.to_owned())),
            _ => Ok(()),
        }
    }

    /// Puts a variable back as it was.
    pub(crate) fn restore(&mut self, name: &str, before: Option<Var>) {
        let all = Rc::make_mut(&mut self.all);
        match before {
            Some(var) => all.insert(name.to_owned(), var),
            None => all.remove(name),
        };
    }

    /// A function is entered.
    pub(crate) fn enter(&mut self) {
        Rc::make_mut(&mut self.hidden).push(Vec::new());
    }

    /// A function is left: what it declared local is as before.
    pub(crate) fn leave(&mut self) {
        for (name, before) in Rc::make_mut(&mut self.hidden)
            .pop()
            .unwrap_or_default()
            .into_iter()
            .rev()
        {
            self.restore(&name, before);
        }
    }

    /// Makes a variable local to the current function; false outside any. It keeps its value until it gets another, as in dash.
    pub(crate) fn make_local(&mut self, name: &str) -> bool {
        let before = self.all.get(name).cloned();
        match Rc::make_mut(&mut self.hidden).last_mut() {
            None => return false,
            Some(scope) if scope.iter().any(|(hidden, _)| hidden == name) => {}
            Some(scope) => scope.push((name.to_owned(), before)),
        }
        true
    }

    /// All variables, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Var)> {
        self.all.iter()
    }

    /// The environment for a child.
    pub(crate) fn exported(&self) -> Vec<(String, String)> {
        let exported = |(name, var): (&String, &Var)| match &var.value {
            Some(value) if var.exported => Some((name.clone(), value.to_string())),
            _ => None,
        };
        self.iter().filter_map(exported).collect()
    }
}
