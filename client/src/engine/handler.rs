//! Statements that belong to others: how a gateway runs its own.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::evaluate;
use super::failure::StatementError;
use super::handle::Shared;
use crate::context::{Context, Response};
use crate::dotnet::Datum;
use crate::policy::{Element, Section, Value};

/// Runs statements that Larder does not know.
///
/// A statement that neither Larder nor the handler knows is an error when the document is read: none is
/// ever left out in silence.
pub trait Handler: Send + Sync {
    /// Whether it runs statements of this name. Larder's own names are not asked for.
    fn knows(&self, name: &str) -> bool;

    /// Runs a statement.
    ///
    /// # Errors
    ///
    /// What `context.LastError` will say; the request goes to `on-error`.
    fn run<'a>(&'a self, call: Call<'a>) -> Handled<'a>;
}

/// What a handler gives.
pub type Handled<'a> = Pin<Box<dyn Future<Output = Result<Decision, StatementError>> + Send + 'a>>;

/// What comes after a statement.
#[derive(Debug)]
pub enum Decision {
    /// The next statement.
    Continue,
    /// This response, at once: no further statement and no further section runs.
    Respond(Response),
}

/// One call of a handler: the statement, the request, and a way to evaluate what the statement says.
pub struct Call<'a> {
    pub(super) element: &'a Element,
    pub(super) section: Section,
    pub(super) context: &'a mut Context,
    pub(super) engine: &'a Shared,
}

impl<'a> Call<'a> {
    /// The statement's element, with all that stands in it.
    #[must_use]
    pub fn element(&self) -> &'a Element {
        self.element
    }

    /// The section it runs in.
    #[must_use]
    pub fn section(&self) -> Section {
        self.section
    }

    /// The request, its variables, and the response if there is one.
    pub fn context(&mut self) -> &mut Context {
        self.context
    }

    /// What an attribute or a text of the element says: the value of its expression, or its text.
    ///
    /// # Errors
    ///
    /// The expression failed, or needs a body that could not be read.
    pub async fn value(&mut self, value: &Value) -> Result<Datum, StatementError> {
        match &value.code.0 {
            Some(code) => {
                evaluate::prepare(code, self.context, self.engine.body_bytes_max).await?;
                evaluate::evaluate(code, self.context, self.engine)
            }
            None => Ok(Datum::text(&value.text)),
        }
    }

    /// What an attribute or a text of the element says, as text; none if it is null.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    pub async fn value_text(&mut self, value: &Value) -> Result<Option<Arc<str>>, StatementError> {
        evaluate::into_text(self.value(value).await?)
    }

    /// What an attribute says, as text; none if it is absent, or null.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value).
    pub async fn text(&mut self, attribute: &str) -> Result<Option<Arc<str>>, StatementError> {
        match self.element.attribute(attribute) {
            Some(value) => self.value_text(value).await,
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("name", &self.element.name).finish_non_exhaustive()
    }
}

/// Knows no statement.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NoHandler;

impl Handler for NoHandler {
    fn knows(&self, _: &str) -> bool {
        false
    }

    fn run<'a>(&'a self, call: Call<'a>) -> Handled<'a> {
        let message = format!("nobody runs {}", call.element.name);
        Box::pin(async move { Err(StatementError::new("UnknownStatement", message)) })
    }
}
