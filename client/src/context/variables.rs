//! Variables: what policies remember for each other during one request.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::dotnet::Datum;

/// `context.Variables`: names without order that matters, values of any type. Names have case.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: IndexMap<Arc<str>, Datum>,
}

impl Variables {
    /// The value; none if the variable is not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Datum> {
        self.values.get(name)
    }

    /// Whether the variable is set, be it to null.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Sets a variable in place of what it held.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: Datum) {
        self.values.insert(name.into(), value);
    }

    /// Takes a variable away; gives what it held, if it was set.
    pub fn remove(&mut self, name: &str) -> Option<Datum> {
        self.values.swap_remove(name)
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Datum)> {
        self.values.iter()
    }

    /// How many are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
