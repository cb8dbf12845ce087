//! What went wrong, as `on-error` sees it.

use std::sync::Arc;

/// `context.LastError`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastError {
    /// The statement that failed, by its name.
    pub source: Arc<str>,
    /// A word for programs, `ExpressionValueEvaluationFailure` for example.
    pub reason: Arc<str>,
    /// A sentence for people. It holds no value of the request.
    pub message: Arc<str>,
    /// The scope of the statement: `global`, `product`, `api`, `operation`, or what the gateway calls it.
    pub scope: Arc<str>,
    /// The section of the statement: `inbound`, `backend`, `outbound`, `on-error`.
    pub section: Arc<str>,
    /// Where in the section: `choose[1]/when[2]/set-variable[1]`, for example.
    pub path: Arc<str>,
    /// The `id` attribute of the statement, if it has one.
    pub policy_id: Arc<str>,
}
