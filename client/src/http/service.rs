//! The service that a response cache layer makes: one request through the cache, the service within, and
//! back.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

use super::body::{ResponseBody, Watch};
use super::layer::LayerRules;
use super::pending::Pending;
use super::reply::Reply;
use super::responses::{Found, Responses};
use super::storing::{Begun, Came};
use super::view::{Host, View};
use crate::guard::Budget;

/// A service whose responses are cached; made by a [`ResponseCacheLayer`](super::ResponseCacheLayer).
#[derive(Clone)]
pub struct ResponseCache<S> {
    pub(super) inner: S,
    pub(super) rules: Arc<LayerRules>,
}

impl<S, Q, B> Service<Request<Q>> for ResponseCache<S>
where
    S: Service<Request<Q>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    Q: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        // The one that said that it is ready is called, and a clone of it, which has not, stays.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(run(inner, self.rules.clone(), request))
    }
}

async fn run<S, Q, B>(
    mut inner: S,
    rules: Arc<LayerRules>,
    request: Request<Q>,
) -> Result<Response<ResponseBody<B>>, S::Error>
where
    S: Service<Request<Q>, Response = Response<B>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    let (mut parts, body) = request.into_parts();
    let scope = rules.scope(&parts);
    let host = Host::of(&parts.uri, &parts.headers);
    let view = View::of_parts(&parts.method, &parts.uri, &host, &mut parts.headers);
    let responses = &rules.responses;
    match responses.find(view, &rules.lookup, &scope).await {
        Found::Hit(reply) | Found::Refused(reply) => Ok(whole(reply)),
        Found::Skipped(reason) => {
            let response = inner.call(Request::from_parts(parts, body)).await?;
            let (mut head, body) = response.into_parts();
            responses.explain(reason, scope.is_traced, &mut head.headers);
            Ok(Response::from_parts(head, ResponseBody::passed(body, Watch::default(), &rules.ahead)))
        }
        Found::Miss(pending) => {
            let answer = inner.call(Request::from_parts(parts, body));
            let answer = match rules.backend_patience.filter(|_| pending.has_stand_in()) {
                Some(patience) => Budget::start(patience).run(answer).await,
                None => Some(answer.await),
            };
            answered(&rules, pending, answer)
        }
    }
}

/// What the client gets on a miss; the answer is none if it took too long.
fn answered<B, E>(
    rules: &LayerRules,
    pending: Pending,
    answer: Option<Result<Response<B>, E>>,
) -> Result<Response<ResponseBody<B>>, E>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    match answer {
        Some(Ok(response)) => Ok(store(&rules.responses, rules, pending, response)),
        Some(Err(error)) => match rules.responses.stand_in_for(pending) {
            Ok(reply) => Ok(whole(reply)),
            Err(pending) => {
                rules.responses.give_up(pending);
                Err(error)
            }
        },
        None => Ok(match rules.responses.stand_in_for(pending) {
            Ok(reply) => whole(reply),
            // Nobody sets a limit without an entry that stands in.
            Err(pending) => {
                rules.responses.give_up(pending);
                timed_out()
            }
        }),
    }
}

fn store<B>(
    responses: &Responses,
    rules: &LayerRules,
    pending: Pending,
    response: Response<B>,
) -> Response<ResponseBody<B>>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Send,
{
    let (mut head, body) = response.into_parts();
    let store = rules.store(&head);
    let came = Came { status: head.status, reason: None, headers: &mut head.headers };
    match responses.begin(pending, Some(store), came) {
        Begun::StandIn(reply) => whole(reply),
        Begun::Go(watch) => Response::from_parts(head, ResponseBody::passed(body, watch, &rules.ahead)),
    }
}

fn timed_out<B: Body>() -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::whole(None));
    *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    response
}

/// A reason phrase has no place in these types: the server writes its own.
fn whole<B: Body>(reply: Reply) -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::whole(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

impl<S> fmt::Debug for ResponseCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").field("lookup", &self.rules.lookup).finish_non_exhaustive()
    }
}
