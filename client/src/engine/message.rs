//! `set-header`, `set-status`, `set-body`, `return-response`. In `inbound` and `backend` they change the
//! request, in `outbound` and `on-error` the response.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::convert;
use super::evaluate::into_text;
use super::failure::StatementError;
use super::record::Outcome;
use super::run::{Run, Told};
use crate::context::{Content, Response};
use crate::dotnet::Datum;
use crate::policy::statement::response::STATUS;
use crate::policy::statement::{ExistsAction, ReturnResponse, SetBody, SetHeader, SetStatus};
use crate::policy::{Section, Step};

/// A header as a statement wants it.
struct Header {
    name: HeaderName,
    action: ExistsAction,
    values: Vec<HeaderValue>,
}

impl Run<'_> {
    pub(super) async fn set_header(&mut self, step: &Step, header: &SetHeader) -> Result<(), StatementError> {
        let header = self.header(header).await?;
        match self.headers() {
            Some(headers) => {
                header.set(headers);
                self.ran(step);
            }
            None => self.without_response(step),
        }
        Ok(())
    }

    pub(super) async fn set_status(&mut self, step: &Step, status: &SetStatus) -> Result<(), StatementError> {
        let (code, reason) = self.status(status).await?;
        match &mut self.context.response {
            Some(response) => {
                (response.status, response.reason) = (code, reason);
                self.ran(step);
            }
            None => self.without_response(step),
        }
        Ok(())
    }

    pub(super) async fn set_body(&mut self, step: &Step, body: &SetBody) -> Result<(), StatementError> {
        let content = self.body(body).await?;
        let is_request = self.changes_request();
        let (place, headers) = match &mut self.context.response {
            _ if is_request => (&mut self.context.request.body, &mut self.context.request.headers),
            Some(response) => (&mut response.body, &mut response.headers),
            None => {
                self.without_response(step);
                return Ok(());
            }
        };
        *place = content;
        forget_body(headers);
        self.ran(step);
        Ok(())
    }

    /// The response of a `return-response`; the context keeps its own.
    pub(super) async fn return_response(
        &mut self,
        statement: &ReturnResponse,
    ) -> Result<Response, StatementError> {
        let mut response = match &statement.response_variable {
            None => Response::new(StatusCode::OK),
            Some(name) => match self.context.variables.get(name) {
                Some(Datum::Response(response)) => convert::response(response)?,
                _ => {
                    let message = "The variable of response-variable-name holds no response.";
                    return Err(StatementError::new("ResponseVariableNotSet", message));
                }
            },
        };
        if let Some(status) = &statement.status {
            (response.status, response.reason) = self.status(status).await?;
        }
        for header in &statement.headers {
            self.header(header).await?.set(&mut response.headers);
        }
        if let Some(body) = &statement.body {
            response.body = self.body(body).await?;
            forget_body(&mut response.headers);
        }
        Ok(response)
    }

    /// The headers that the section's statements change; none without a response.
    fn headers(&mut self) -> Option<&mut HeaderMap> {
        if self.changes_request() {
            return Some(&mut self.context.request.headers);
        }
        self.context.response.as_mut().map(|response| &mut response.headers)
    }

    fn changes_request(&self) -> bool {
        matches!(self.section, Section::Inbound | Section::Backend)
    }

    fn without_response(&mut self, step: &Step) {
        self.tell(step, Outcome::NoEffect("there is no response yet"), Told::default());
    }

    async fn header(&mut self, header: &SetHeader) -> Result<Header, StatementError> {
        let name = self.text(&header.name).await?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| StatementError::new(BAD_HEADER, "This cannot be the name of a header."))?;
        let action = self.word(&header.exists_action, ExistsAction::find).await?;
        let mut values = Vec::with_capacity(header.values.len());
        for value in &header.values {
            // Null is no value.
            let Some(text) = self.optional_text(value).await? else { continue };
            values.push(
                convert::header_value(&text).ok_or_else(|| {
                    StatementError::new(BAD_HEADER, "This cannot be the value of a header.")
                })?,
            );
        }
        Ok(Header { name, action, values })
    }

    async fn status(&mut self, status: &SetStatus) -> Result<(StatusCode, Option<Arc<str>>), StatementError> {
        let code = self.number(&status.code, STATUS).await?;
        let code = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
        let reason = match &status.reason {
            Some(reason) => self.optional_text(reason).await?,
            None => None,
        };
        Ok((code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), reason))
    }

    /// A body of bytes or of text; null is none.
    async fn body(&mut self, body: &SetBody) -> Result<Content, StatementError> {
        Ok(match self.any(&body.body).await? {
            Datum::Bytes(bytes) => Content::Bytes(bytes),
            other => match into_text(other)? {
                Some(text) => Content::Bytes(Bytes::copy_from_slice(text.as_bytes())),
                None => Content::Absent,
            },
        })
    }
}

impl Header {
    fn set(self, headers: &mut HeaderMap) {
        let Self { name, action, values } = self;
        match action {
            ExistsAction::Skip if headers.contains_key(&name) => return,
            ExistsAction::Override | ExistsAction::Delete => {
                headers.remove(&name);
            }
            ExistsAction::Append | ExistsAction::Skip => {}
        }
        if action != ExistsAction::Delete {
            for value in values {
                headers.append(&name, value);
            }
        }
    }
}

/// What headers say of a body that has been replaced: its length and how it was encoded.
fn forget_body(headers: &mut HeaderMap) {
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, CONTENT_ENCODING] {
        headers.remove(name);
    }
}

const BAD_HEADER: &str = "InvalidHeader";
