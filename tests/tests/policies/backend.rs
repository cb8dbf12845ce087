//! The backend of a case: it answers what the case says, in this order, and notes what it is asked. Also the
//! gateway's own statement, `send-request`, which asks the same backend.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use larder_client::context::{Content, Context, Response};
use larder_client::dotnet::Datum;
use larder_client::engine::{
    Call, Decision, Forward, ForwardError, ForwardOptions, Handled, Handler, StatementError,
};
use larder_client::policy::Element;
use larder_client::{Response as Kept, Value};

use crate::case;
use crate::compare::{self, Failure, Seen};
use crate::pattern::Names;

/// What the backend of one case is going to answer. Clones are the same backend.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backend {
    state: Arc<Mutex<State>>,
}

/// Status, headers, body.
type Reply = (u16, Vec<(String, String)>, Option<String>);

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<case::Call>,
    failures: Vec<Failure>,
    /// The line of the request that is under way.
    line: usize,
    /// How long it takes to answer.
    pause: Duration,
    /// What the names of the case stand for.
    names: Names,
}

impl Backend {
    /// Gives it the answers for a request. Where several come at once it takes its time, so that all of them are
    /// under way before the first has its answer.
    pub(crate) fn expect(&self, exchange: &case::Exchange) {
        let mut state = self.state();
        state.answers = exchange.calls.clone().into();
        state.line = exchange.line;
        state.pause = if exchange.at_once > 1 { SLOW_ANSWER } else { Duration::ZERO };
    }

    /// What is answered to this: status, headers, body, or nothing at all.
    pub(crate) async fn reply(&self, seen: &Seen) -> Option<Reply> {
        let pause = self.state().pause;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        match self.answer(seen) {
            Some(call) => Some((call.status?, call.headers, call.body)),
            None => Some((StatusCode::NOT_IMPLEMENTED.as_u16(), Vec::new(), None)),
        }
    }

    /// What went wrong with the request; an answer that was not asked for is wrong, too.
    pub(crate) fn finish(&self) -> Vec<Failure> {
        let mut state = self.state();
        let left: Vec<usize> = state.answers.drain(..).map(|call| call.line).collect();
        let unasked = left.into_iter().map(|line| Failure::new(line, "the backend is asked", "it is not"));
        let mut failures = std::mem::take(&mut state.failures);
        failures.extend(unasked);
        failures
    }

    /// What the names of the case stand for, to be read and learned.
    pub(crate) fn with_names<T>(&self, look: impl FnOnce(&mut Names) -> T) -> T {
        look(&mut self.state().names)
    }

    fn answer(&self, seen: &Seen) -> Option<case::Call> {
        let mut state = self.state();
        let Some(call) = state.answers.pop_front() else {
            let failure = Failure::new(state.line, "the backend is not asked (again)", &seen.start);
            state.failures.push(failure);
            return None;
        };
        if let Some(expected) = &call.asked {
            let failures = compare::message(expected, seen, &mut state.names);
            state.failures.extend(failures);
        }
        Some(call)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Forward for Backend {
    async fn forward(&self, context: &mut Context, _: &ForwardOptions) -> Result<Response, ForwardError> {
        let request = &mut context.request;
        let read = request.body.buffer(BODY_BYTES_MAX).await;
        read.map_err(|error| ForwardError::Client(error.to_string()))?;
        let url = &request.url;
        let seen = Seen {
            start: format!("{} {}{}", request.method, url.path, url.query_string()),
            headers: request.headers.clone(),
            body: request.body.bytes().cloned().unwrap_or_default(),
        };
        match self.reply(&seen).await {
            None => Err(ForwardError::Connection("the connection ended".to_owned())),
            Some((status, headers, body)) => {
                let mut response = Response::new(StatusCode::from_u16(status).expect("a status"));
                response.headers = header_map(&headers);
                response.body = streamed(body);
                Ok(response)
            }
        }
    }
}

impl Handler for Backend {
    fn knows(&self, name: &str) -> bool {
        name == SEND_REQUEST
    }

    fn run<'a>(&'a self, call: Call<'a>) -> Handled<'a> {
        Box::pin(self.send_request(call))
    }
}

impl Backend {
    async fn send_request(&self, mut call: Call<'_>) -> Result<Decision, StatementError> {
        let element = call.element();
        let method = text_of(&mut call, element, "set-method").await?.unwrap_or_else(|| "GET".to_owned());
        let url = text_of(&mut call, element, "set-url").await?.unwrap_or_default();
        let body = text_of(&mut call, element, "set-body").await?.unwrap_or_default();
        let mut headers = HeaderMap::new();
        for header in element.elements().filter(|element| element.name == "set-header") {
            let name = header.attribute("name").map(|name| name.text.clone()).unwrap_or_default();
            let value = text_of(&mut call, header, "value").await?.unwrap_or_default();
            headers.insert(header_name(&name), header_value(&value));
        }
        let seen = Seen { start: format!("{method} {url}"), headers, body: body.into() };
        let variable = call.text("response-variable-name").await?.unwrap_or_default();
        let value = match self.reply(&seen).await {
            None => Datum::Null,
            Some((status, headers, body)) => {
                let headers = headers.into_iter().map(|(name, value)| (name, value.into())).collect();
                let body = Bytes::from(body.unwrap_or_default());
                let kept = Kept { status, reason: String::new(), headers, body };
                Datum::from_value(Value::Response(Box::new(kept))).expect("a response is a value")
            }
        };
        call.context().variables.set(variable, value);
        Ok(Decision::Continue)
    }
}

/// What the first element of this name says.
async fn text_of(
    call: &mut Call<'_>,
    element: &Element,
    name: &str,
) -> Result<Option<String>, StatementError> {
    let Some(text) = element.elements().find(|inner| inner.name == name).and_then(Element::text) else {
        return Ok(None);
    };
    match call.value(text).await? {
        Datum::String(text) => Ok(Some(text.to_string())),
        _ => Err(StatementError::new("SendRequest", format!("{name} is no text"))),
    }
}

/// Headers as a case writes them.
pub(crate) fn header_map(headers: &[(String, String)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (header_name(name), header_value(value))).collect()
}

/// A body that is still to be read, as it is in a gateway.
pub(crate) fn streamed(body: Option<String>) -> Content {
    body.map_or(Content::Absent, |body| {
        Content::Stream(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync())
    })
}

fn header_name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap_or_else(|_| panic!("{name:?} is no name of a header"))
}

fn header_value(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|_| panic!("{value:?} is no value of a header"))
}

const SLOW_ANSWER: Duration = Duration::from_millis(100);
const SEND_REQUEST: &str = "send-request";
pub(crate) const BODY_BYTES_MAX: usize = 1024 * 1024;
