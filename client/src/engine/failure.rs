//! A statement that failed: what it says, where it stands, and what the client is told if `on-error`
//! says nothing else.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::context::{Content, LastError, Response};
use crate::policy::{Section, Step};

/// Why a statement failed.
#[derive(Debug)]
pub struct StatementError {
    /// `context.LastError.Reason`: a word for programs.
    pub reason: Arc<str>,
    /// `context.LastError.Message`: a sentence for people, without values of the request.
    pub message: Arc<str>,
    /// What the client gets if `on-error` does not decide otherwise: 500 with a short body, unless
    /// [`answer`](Self::answer) said otherwise.
    pub response: Option<Box<Response>>,
}

impl StatementError {
    /// A failure with a reason and a message.
    #[must_use]
    pub fn new(reason: impl Into<Arc<str>>, message: impl Into<Arc<str>>) -> Self {
        Self { reason: reason.into(), message: message.into(), response: None }
    }

    /// The same with another answer than 500.
    #[must_use]
    pub fn answer(mut self, response: Response) -> Self {
        self.response = Some(Box::new(response));
        self
    }

    /// An expression that failed, or gave what its attribute cannot take.
    pub(super) fn expression(message: impl Into<Arc<str>>) -> Self {
        Self::new(EXPRESSION_FAILURE, message)
    }
}

/// A statement's failure on its way out of the blocks around it.
#[derive(Debug)]
pub(super) struct Failed(Box<Failure>);

#[derive(Debug)]
struct Failure {
    error: StatementError,
    source: Option<Arc<str>>,
    policy_id: Option<Arc<str>>,
    scope: Option<Arc<str>>,
    section: Option<Section>,
    /// Elements with their numbers among those of the same name, the innermost first.
    path: Vec<(Arc<str>, usize)>,
}

impl From<StatementError> for Failed {
    fn from(error: StatementError) -> Self {
        let (source, policy_id, scope, section) = (None, None, None, None);
        Self(Box::new(Failure { error, source, policy_id, scope, section, path: Vec::new() }))
    }
}

impl Failed {
    /// Notes a statement in which it happened; the first one is the one that failed.
    pub(super) fn within(mut self, steps: &[Step], place: usize) -> Self {
        let Some(step) = steps.get(place) else { return self };
        if self.0.source.is_none() {
            self.0.source = Some(step.name.clone());
            self.0.policy_id = step.id.clone();
        }
        let before = steps[..place].iter().filter(|other| other.name == step.name).count();
        self.in_element(step.name.clone(), before + 1)
    }

    /// Notes an element around it: the `number`th of its name, from 1.
    pub(super) fn in_element(mut self, name: impl Into<Arc<str>>, number: usize) -> Self {
        // What the outer scope's `<base />` stands in is not part of the path.
        if self.0.scope.is_none() {
            self.0.path.push((name.into(), number));
        }
        self
    }

    /// Notes the document and section; the first ones are those of the statement.
    pub(super) fn in_section(mut self, scope: &Arc<str>, section: Section) -> Self {
        self.0.scope.get_or_insert_with(|| scope.clone());
        self.0.section.get_or_insert(section);
        self
    }

    pub(super) fn reason(&self) -> &Arc<str> {
        &self.0.error.reason
    }

    /// What `on-error` sees, and the answer if it does nothing about it.
    pub(super) fn into_parts(self) -> (LastError, Response) {
        let Failure { error, source, policy_id, scope, section, path } = *self.0;
        let StatementError { reason, message, response } = error;
        let response = match response {
            Some(response) => *response,
            None => told(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL_ERROR),
        };
        let path: Vec<String> = path.iter().rev().map(|(name, number)| format!("{name}[{number}]")).collect();
        let error = LastError {
            source: source.unwrap_or_default(),
            reason,
            message,
            scope: scope.unwrap_or_default(),
            section: section.map_or("", Section::as_str).into(),
            path: path.join("/").into(),
            policy_id: policy_id.unwrap_or_default(),
        };
        (error, response)
    }
}

/// A response that tells its status and a sentence as JSON.
pub(super) fn told(status: StatusCode, message: &str) -> Response {
    let mut response = Response::new(status);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = format!("{{ \"statusCode\": {}, \"message\": \"{message}\" }}", status.as_u16());
    response.body = Content::Bytes(Bytes::from(body));
    response
}

/// What the reference calls an expression that throws.
pub(super) const EXPRESSION_FAILURE: &str = "ExpressionValueEvaluationFailure";
const INTERNAL_ERROR: &str = "Internal server error";
