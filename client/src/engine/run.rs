//! One request on its way through its policies: sections, scopes, blocks of statements, and what
//! happens when one of them fails. What each statement does is left to the other files.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use super::failure::{Failed, StatementError};
use super::forward::{ForwardOptions, Forwarder};
use super::handle::Shared;
use super::handler::{Call, Decision};
use super::late_counts::LateCounts;
use super::policies::Policies;
use super::rate::Settled;
use super::record::{Event, Outcome, Record};
use crate::context::{Context, Response};
use crate::http::{Pending, SkipReason};
use crate::limits;
use crate::outcome::{Cause, StoreUsed};
use crate::policy::statement::{Choose, ReturnResponse, SetVariable};
use crate::policy::{Element, Section, Statement, Step};

/// One request.
pub(super) struct Run<'a> {
    pub(super) engine: &'a Shared,
    policies: &'a Policies,
    pub(super) context: &'a mut Context,
    pub(super) forwarder: &'a dyn Forwarder,
    pub(super) section: Section,
    /// The scope whose statements run.
    pub(super) scope: usize,
    /// Blocks within one another.
    depth: usize,
    pub(super) record: Record,
    /// What rate limits want to count when the response is there.
    pub(super) uncounted: LateCounts<'a>,
    /// The counters of `rate-limit` in which it has been counted.
    pub(super) counted: Vec<Settled>,
    /// What rate limits tell the client.
    pub(super) limit_headers: Vec<(HeaderName, HeaderValue)>,
    /// A response lookup that missed, until its response is there.
    pub(super) pending: Option<Pending>,
    /// What the backend answered, as long as the response is its.
    pub(super) forwarded: Option<StatusCode>,
    /// Why a response was not looked up.
    pub(super) skipped: Option<SkipReason>,
    /// Whether it makes a value that others may wait for: then it waits for none.
    pub(super) is_making: bool,
}

/// What comes after a statement.
#[derive(Debug)]
pub(super) enum Flow {
    /// The next one.
    Next,
    /// The rest of `inbound` and `backend` are left out; `outbound` runs with this response.
    Found(Response),
    /// This response, at once.
    Respond(Response),
}

pub(super) type Ran = Result<Flow, Failed>;
type Block<'b> = Pin<Box<dyn Future<Output = Ran> + Send + 'b>>;

/// What a statement tells of itself.
#[derive(Default)]
pub(super) struct Told {
    pub(super) store: Option<StoreUsed>,
    pub(super) cause: Option<Cause>,
    pub(super) took: Duration,
    pub(super) key: Option<Arc<str>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        engine: &'a Shared,
        policies: &'a Policies,
        context: &'a mut Context,
        forwarder: &'a dyn Forwarder,
    ) -> Self {
        Self {
            engine,
            policies,
            context,
            forwarder,
            section: Section::Inbound,
            scope: 0,
            depth: 0,
            record: Record::default(),
            uncounted: LateCounts::new(engine),
            counted: Vec::new(),
            limit_headers: Vec::new(),
            pending: None,
            forwarded: None,
            skipped: None,
            is_making: false,
        }
    }

    /// From request to response.
    pub(super) async fn pipeline(&mut self) -> Response {
        let response = match self.sections().await {
            Ok(response) => response,
            Err(failed) => {
                // Its response is none of the backend: whoever waits for that one takes over.
                self.pending = None;
                self.on_error(failed).await
            }
        };
        let response = self.count_after(response).await;
        let response = self.pass(response);
        self.finish(response)
    }

    pub(super) fn into_record(self) -> Record {
        self.record
    }

    async fn sections(&mut self) -> Result<Response, Failed> {
        match self.section(Section::Inbound).await? {
            Flow::Respond(response) => return Ok(response),
            Flow::Found(response) => self.context.response = Some(response),
            Flow::Next => match self.section(Section::Backend).await? {
                Flow::Respond(response) => return Ok(response),
                Flow::Found(response) => self.context.response = Some(response),
                // No `forward-request` in any `backend`: an empty 200, as if it had been answered.
                Flow::Next => {
                    self.context.response.get_or_insert_with(|| Response::new(StatusCode::OK));
                }
            },
        }
        match self.section(Section::Outbound).await? {
            Flow::Respond(response) | Flow::Found(response) => Ok(response),
            Flow::Next => Ok(self.taken_response()),
        }
    }

    /// `on-error`, with the response that the client gets unless it says otherwise.
    async fn on_error(&mut self, failed: Failed) -> Response {
        let (error, response) = failed.into_parts();
        self.engine.metrics.failed(&error.reason);
        self.context.last_error = Some(error);
        self.context.response = Some(response);
        match self.section(Section::OnError).await {
            Ok(Flow::Respond(response) | Flow::Found(response)) => response,
            Ok(Flow::Next) => self.taken_response(),
            Err(failed) => {
                // The error within `on-error` is the last one; what it changed before does not count.
                let (error, response) = failed.into_parts();
                self.engine.metrics.failed(&error.reason);
                self.context.last_error = Some(error);
                response
            }
        }
    }

    pub(super) fn taken_response(&mut self) -> Response {
        self.context.response.take().unwrap_or_else(|| Response::new(StatusCode::OK))
    }

    fn finish(&mut self, mut response: Response) -> Response {
        for (name, value) in self.limit_headers.drain(..) {
            response.headers.insert(name, value);
        }
        if self.engine.debug_headers {
            let cache = HeaderValue::from_static(self.record.cache.as_str());
            response.headers.insert(HeaderName::from_static("x-larder-cache-use"), cache);
            let millis = self.record.cache_time.as_millis().min(u128::from(u64::MAX)) as u64;
            response
                .headers
                .insert(HeaderName::from_static("x-larder-cache-time"), HeaderValue::from(millis));
        }
        self.engine.metrics.answered(response.status);
        response
    }

    async fn section(&mut self, section: Section) -> Ran {
        self.section = section;
        self.scoped(0).await
    }

    /// The section as the scopes from this one outwards have it.
    fn scoped(&mut self, from: usize) -> Block<'_> {
        let (section, policies) = (self.section, self.policies);
        let Some((place, scope, steps)) = policies.section(section, from) else {
            return Box::pin(self.beyond_scopes());
        };
        Box::pin(async move {
            let before = std::mem::replace(&mut self.scope, place);
            let ran = self.block(steps).await;
            self.scope = before;
            ran.map_err(|failed| failed.in_section(&scope.name, section))
        })
    }

    /// What stands around all documents: the call of the backend.
    async fn beyond_scopes(&mut self) -> Ran {
        if self.section != Section::Backend {
            return Ok(Flow::Next);
        }
        let forwarded = self.forward(ForwardOptions::default(), None).await;
        forwarded.map_err(|error| Failed::from(error).in_section(&GLOBAL.into(), Section::Backend))
    }

    /// Statements in their order, until one of them ends it.
    pub(super) fn block<'b>(&'b mut self, steps: &'b [Step]) -> Block<'b>
    where
        'a: 'b,
    {
        Box::pin(async move {
            if self.depth == limits::ENGINE_DEPTH_MAX {
                let message = format!("more than {} blocks within one another", limits::ENGINE_DEPTH_MAX);
                return Err(StatementError::new("TooDeep", message).into());
            }
            self.depth += 1;
            let ran = self.steps(steps).await;
            self.depth -= 1;
            ran
        })
    }

    async fn steps(&mut self, steps: &[Step]) -> Ran {
        for (place, step) in steps.iter().enumerate() {
            match self.step(step).await {
                Ok(Flow::Next) => {}
                Ok(flow) => return Ok(flow),
                Err(failed) => {
                    let reason = failed.reason().clone();
                    self.tell(step, Outcome::Failed(reason), Told::default());
                    return Err(failed.within(steps, place));
                }
            }
        }
        Ok(Flow::Next)
    }

    /// One statement. Each has a box of its own size: all in one future would be as large as the largest
    /// of them, on the stack for each block within another.
    fn step<'b>(&'b mut self, step: &'b Step) -> Block<'b>
    where
        'a: 'b,
    {
        match &step.statement {
            Statement::Base => self.scoped(self.scope + 1),
            Statement::Choose(choose) => Box::pin(self.choose(choose)),
            Statement::IncludeFragment(include) => self.block(&include.fragment.steps),
            Statement::CacheValue(value) => Box::pin(self.cache_value(step, value)),
            Statement::CacheLookup(lookup) => Box::pin(self.cache_lookup(step, lookup)),
            Statement::ReturnResponse(response) => Box::pin(self.answered(step, response)),
            Statement::Opaque(element) => Box::pin(self.opaque(step, element)),
            Statement::ForwardRequest(forward) => Box::pin(self.forward_request(step, forward)),
            Statement::CacheStore(store) => then_next(self.cache_store(step, store)),
            Statement::CacheLookupValue(lookup) => then_next(self.lookup_value(step, lookup)),
            Statement::CacheStoreValue(store) => then_next(self.store_value(step, store)),
            Statement::CacheRemoveValue(remove) => then_next(self.remove_value(step, remove)),
            Statement::RateLimit(limit) => then_next(self.rate_limit(step, limit)),
            Statement::RateLimitByKey(limit) => then_next(self.rate_limit_by_key(step, limit)),
            Statement::SetHeader(header) => then_next(self.set_header(step, header)),
            Statement::SetStatus(status) => then_next(self.set_status(step, status)),
            Statement::SetBody(body) => then_next(self.set_body(step, body)),
            Statement::SetVariable(variable) => then_next(self.set_variable(step, variable)),
        }
    }

    async fn set_variable(&mut self, step: &Step, statement: &SetVariable) -> Result<(), StatementError> {
        let value = self.any(&statement.value).await?;
        self.context.variables.set(statement.name.clone(), value);
        self.ran(step);
        Ok(())
    }

    async fn answered(&mut self, step: &Step, statement: &ReturnResponse) -> Ran {
        let response = self.return_response(statement).await?;
        self.forwarded = None;
        self.tell(step, Outcome::Answered(response.status.as_u16()), Told::default());
        Ok(Flow::Respond(response))
    }

    async fn choose(&mut self, choose: &Choose) -> Ran {
        for (place, branch) in choose.branches.iter().enumerate() {
            let condition = self.flag(&branch.condition).await;
            if condition.map_err(|error| Failed::from(error).in_element("when", place + 1))? {
                let ran = self.block(&branch.steps).await;
                return ran.map_err(|failed| failed.in_element("when", place + 1));
            }
        }
        if choose.otherwise.is_empty() {
            return Ok(Flow::Next);
        }
        let ran = self.block(&choose.otherwise).await;
        ran.map_err(|failed| failed.in_element("otherwise", 1))
    }

    async fn opaque(&mut self, step: &Step, element: &Element) -> Ran {
        let call = Call { element, section: self.section, context: self.context, engine: self.engine };
        match self.engine.handler.run(call).await? {
            Decision::Continue => {
                self.ran(step);
                Ok(Flow::Next)
            }
            Decision::Respond(response) => {
                self.forwarded = None;
                self.tell(step, Outcome::Answered(response.status.as_u16()), Told::default());
                Ok(Flow::Respond(response))
            }
        }
    }

    /// Notes what a statement did.
    pub(super) fn tell(&mut self, step: &Step, outcome: Outcome, told: Told) {
        let Told { store, cause, took, key } = told;
        let key = key.filter(|_| self.context.is_traced);
        self.record.add(Event {
            statement: step.name.clone(),
            section: self.section,
            location: Some(step.location.clone()),
            outcome,
            store,
            cause,
            took,
            key,
        });
    }

    /// Notes that a statement did what it always does, if somebody traces the request.
    pub(super) fn ran(&mut self, step: &Step) {
        if self.context.is_traced {
            self.tell(step, Outcome::Ran, Told::default());
        }
    }

    /// What the running scope is called.
    pub(super) fn scope_name(&self) -> &str {
        self.policies.scope(self.scope).map_or("", |scope| &scope.name)
    }
}

/// The statement, and after it the next one.
fn then_next<'b>(statement: impl Future<Output = Result<(), StatementError>> + Send + 'b) -> Block<'b> {
    Box::pin(async move {
        statement.await?;
        Ok(Flow::Next)
    })
}

const GLOBAL: &str = "global";
