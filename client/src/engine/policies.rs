//! The policies of a route: one document for each scope, ready to be run.

use std::sync::Arc;

use crate::policy::{Document, Fragments, NamedValues, Problems, Section, Step};

/// A document whose expressions are compiled and whose statements all have somebody who runs them.
///
/// Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Policy {
    document: Arc<Document>,
}

impl Policy {
    /// Reads a document, `<policies>…</policies>`, to be run. Without an engine, as for a check:
    /// `knows` says which statements the gateway will handle besides those of
    /// [`rows`](crate::policy::rows).
    ///
    /// # Errors
    ///
    /// All that is wrong with it, its fragments and its expressions, and what is doubtful.
    pub fn read(
        text: &str,
        values: &NamedValues,
        fragments: &Fragments,
        knows: impl Fn(&str) -> bool,
    ) -> Result<Self, Problems> {
        let document = Document::read_to_run(text, values, fragments, &knows)?;
        Ok(Self { document: Arc::new(document) })
    }

    /// What was read.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }
}

/// The policies of the scopes that a request lies in, the innermost first: operation, API, product,
/// global, or whatever scopes a gateway has.
///
/// - `<base />` runs the same section of the next scope outwards that has it; beyond the outermost it
///   does nothing, in `backend` it forwards the request.
/// - A document that lacks a section inherits that of the next scope outwards.
/// - A section without `<base />`, be it empty, replaces those of the scopes around it.
///
/// Cloning it is cheap.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    scopes: Arc<[Scope]>,
}

/// One scope: what it is called, and its document.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) name: Arc<str>,
    document: Arc<Document>,
}

impl Policies {
    /// No documents: requests are forwarded, and nothing else.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// One document, in the scope `api`.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self::none().within("api", policy)
    }

    /// The same within one more scope: call it from the innermost to the outermost. The name is what
    /// `context.LastError.Scope` says and what rate limits are counted under: `operation`, `api`,
    /// `product` and `global` are counted for each of theirs, any other name as a whole.
    #[must_use]
    pub fn within(self, scope: impl Into<Arc<str>>, policy: &Policy) -> Self {
        let scope = Scope { name: scope.into(), document: policy.document.clone() };
        Self { scopes: self.scopes.iter().cloned().chain([scope]).collect() }
    }

    /// The statements of a section, in the first scope from this one outwards that has it.
    pub(super) fn section(&self, section: Section, from: usize) -> Option<(usize, &Scope, &[Step])> {
        let mut scopes = self.scopes.iter().enumerate().skip(from);
        let (place, scope) = scopes.find(|(_, scope)| scope.document.has_section(section))?;
        Some((place, scope, scope.document.section(section)))
    }

    pub(super) fn scope(&self, place: usize) -> Option<&Scope> {
        self.scopes.get(place)
    }
}
