//! Fragments: statements that several policies share.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::element::Step;
use super::statement::Statement;

/// The texts of fragments by their ids.
#[derive(Clone, Default)]
pub struct Fragments {
    texts: HashMap<String, String>,
}

impl Fragments {
    /// No fragments.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the text of a fragment, `<fragment>…</fragment>`, or changes it. It is read when a policy
    /// includes it.
    #[must_use]
    pub fn with(mut self, id: impl Into<String>, text: impl Into<String>) -> Self {
        self.texts.insert(id.into(), text.into());
        self
    }

    pub(super) fn text(&self, id: &str) -> Option<&str> {
        self.texts.get(id).map(String::as_str)
    }
}

impl fmt::Debug for Fragments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ids: Vec<&String> = self.texts.keys().collect();
        ids.sort();
        f.debug_set().entries(ids).finish()
    }
}

/// A fragment that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// Its id.
    pub id: Arc<str>,
    /// Its statements.
    pub steps: Vec<Step>,
}

impl Fragment {
    /// A fragment that has not been read yet, or could not be.
    pub(super) fn empty(id: Arc<str>) -> Arc<Self> {
        Arc::new(Self { id, steps: Vec::new() })
    }
}

/// The fragments that these statements include, with the places, those within statements too.
pub(super) fn included(steps: &[Step], found: &mut Vec<(Arc<str>, super::Location)>) {
    for step in steps {
        if let Statement::IncludeFragment(include) = &step.statement
            // Without an id it has been told already.
            && !include.fragment.id.is_empty()
        {
            found.push((include.fragment.id.clone(), step.location.clone()));
        }
        for block in step.statement.blocks() {
            included(block, found);
        }
    }
}

/// Puts the fragments that have been read where they are included.
pub(super) fn put_in(steps: &mut [Step], fragments: &HashMap<Arc<str>, Arc<Fragment>>) {
    for step in steps {
        if let Statement::IncludeFragment(include) = &mut step.statement
            && let Some(fragment) = fragments.get(&include.fragment.id)
        {
            include.fragment = fragment.clone();
        }
        for block in step.statement.blocks_mut() {
            put_in(block, fragments);
        }
    }
}
