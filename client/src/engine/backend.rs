//! `forward-request`: the call of the backend, as a statement says or where no scope says anything.

use std::time::Duration;

use super::failure::{StatementError, told};
use super::forward::{ForwardError, ForwardOptions};
use super::record::{Event, Outcome};
use super::run::{Flow, Ran, Run, Told};
use crate::policy::Step;
use crate::policy::statement::ForwardRequest;
use crate::policy::statement::forward::{TIMEOUT_MILLISECONDS, TIMEOUT_SECONDS};

impl Run<'_> {
    pub(super) async fn forward_request(&mut self, step: &Step, statement: &ForwardRequest) -> Ran {
        let (options, buffer, is_strict) = self.forward_options(statement).await?;
        if buffer {
            let read = self.context.request.body.buffer(self.engine.body_bytes_max).await;
            read.map_err(|error| forward_failed(&ForwardError::Client(error.to_string())))?;
        }
        match self.forward(options, Some(step)).await? {
            Flow::Next => {}
            flow => return Ok(flow),
        }
        let status = self.context.response.as_ref().map_or(0, |response| response.status.as_u16());
        if is_strict && (400..600).contains(&status) {
            let error =
                StatementError::new("BackendErrorStatusCode", format!("The backend answered {status}."));
            let response = self.taken_response();
            return Err(error.answer(response).into());
        }
        Ok(Flow::Next)
    }

    async fn forward_options(
        &mut self,
        statement: &ForwardRequest,
    ) -> Result<(ForwardOptions, bool, bool), StatementError> {
        let mut options = ForwardOptions::default();
        if let Some(seconds) = &statement.timeout {
            options.timeout = Duration::from_secs(self.number(seconds, TIMEOUT_SECONDS).await?.into());
        }
        if let Some(millis) = &statement.timeout_ms {
            options.timeout = Duration::from_millis(self.number(millis, TIMEOUT_MILLISECONDS).await?.into());
        }
        if let Some(seconds) = &statement.continue_timeout {
            let seconds = self.number(seconds, TIMEOUT_SECONDS).await?;
            options.continue_timeout = Some(Duration::from_secs(seconds.into()));
        }
        options.http_version = statement.http_version.clone();
        options.follow_redirects = self.flag_or(&statement.follow_redirects, false).await?;
        options.buffer_response = self.flag_or(&statement.buffer_response, true).await?;
        let buffer = self.flag_or(&statement.buffer_request_body, false).await?;
        let is_strict = self.flag_or(&statement.fail_on_error_status_code, false).await?;
        Ok((options, buffer, is_strict))
    }

    /// Calls the backend; `step` is none where no statement says so.
    pub(super) async fn forward(
        &mut self,
        options: ForwardOptions,
        step: Option<&Step>,
    ) -> Result<Flow, StatementError> {
        let started = self.engine.clock.now();
        self.uncounted.forwarded();
        let forwarded = tokio::time::timeout(options.timeout, self.forwarder.forward(self.context, &options));
        let forwarded = forwarded.await.unwrap_or(Err(ForwardError::Timeout));
        let took = self.engine.clock.now().saturating_sub(started);
        self.record.backend_time += took;
        let response = match forwarded {
            Ok(response) => response,
            Err(error) => match self.stand_in() {
                Some(response) => return Ok(Flow::Found(response)),
                None => return Err(forward_failed(&error)),
            },
        };
        self.forwarded = Some(response.status);
        let outcome = Outcome::Forwarded(response.status.as_u16());
        self.context.response = Some(response);
        match step {
            Some(step) => self.tell(step, outcome, Told { took, ..Told::default() }),
            None => self.record.add(Event {
                statement: FORWARD_REQUEST.into(),
                section: self.section,
                location: None,
                outcome,
                store: None,
                cause: None,
                took,
                key: None,
            }),
        }
        Ok(Flow::Next)
    }
}

fn forward_failed(error: &ForwardError) -> StatementError {
    let status = error.status();
    let text = status.canonical_reason().unwrap_or_default();
    StatementError::new(error.reason(), error.to_string()).answer(told(status, text))
}

const FORWARD_REQUEST: &str = "forward-request";
