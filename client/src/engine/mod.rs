//! Runs policies: a request goes in, a response comes out.
//!
//! ```no_run
//! use larder_client::Cache;
//! use larder_client::context::{Context, Request, Response, Url};
//! use larder_client::engine::{Engine, Forward, ForwardError, ForwardOptions, Policies};
//! use larder_client::policy::{Fragments, NamedValues};
//!
//! struct Backend;
//!
//! impl Forward for Backend {
//!     async fn forward(&self, context: &mut Context, _: &ForwardOptions) -> Result<Response, ForwardError> {
//!         // Sends `context.request` with the HTTP client that the gateway has.
//!         Ok(Response::new(http::StatusCode::NO_CONTENT))
//!     }
//! }
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::builder("West Europe").internal("127.0.0.1:6379").build()?;
//! let engine = Engine::builder(cache).build();
//! let policy = engine.read(include_str!("example.xml"), &NamedValues::new(), &Fragments::new())?;
//! let policies = Policies::of(&policy);
//! // For each request:
//! let url = Url::parse("http://api.example/users/42").ok_or("no URL")?;
//! let mut context = Context::new(Request::new(http::Method::GET, url));
//! let response = engine.run(&policies, &mut context, &Backend).await;
//! # Ok(())
//! # }
//! ```
//!
//! # The flow
//!
//! `inbound`, `backend`, `outbound`, each as the scopes say ([`Policies`]). Where no scope says anything
//! else, `backend` is `forward-request`.
//!
//! - *`return-response`*, and a handler that [responds](Decision::Respond), end it at once: no further
//!   section runs.
//! - *A hit of `cache-lookup`* leaves out the rest of `inbound` and all of `backend`; `outbound` runs.
//! - *A statement that fails* leads to `on-error`, where `context.LastError` says what it was and
//!   `context.Response` is what the client will get: 500 and
//!   `{ "statusCode": 500, "message": "Internal server error" }`, or what the table below says.
//!   Statements there may change it, or return another one. If one of them fails, its own response
//!   is the answer.
//! - *What wants to see the response* before it counts ([`rate-limit-by-key`](#statements)) runs last.
//!
//! | what fails | `LastError.Reason` | answer |
//! |---|---|---|
//! | an expression, or what it gives is out of range, or a body that it needs is too long | `ExpressionValueEvaluationFailure` | 500 |
//! | a call beyond a rate limit | `RateLimitExceeded` | 429 with `Retry-After` |
//! | the backend: no connection; no answer in time; the client's request broke off | `BackendConnectionFailure`, `Timeout`, `ClientConnectionFailure` | 502, 504, 400 |
//! | the gateway did not send the request, or not all of it | `ForwardRefused` | what the gateway says |
//! | an error status where `fail-on-error-status-code` is on | `BackendErrorStatusCode` | the backend's |
//! | a removal where `fail-on-cache-removal-error` is on | `CacheRemovalFailure` | 500 |
//! | a name or value that no header can have | `InvalidHeader` | 500 |
//! | `response-variable-name`: no response; one that cannot be sent | `ResponseVariableNotSet`, `InvalidResponse` | 500 |
//! | more than [`ENGINE_DEPTH_MAX`](crate::limits::ENGINE_DEPTH_MAX) blocks within one another | `TooDeep` | 500 |
//! | a statement of the gateway | the handler's | the handler's, else 500 |
//!
//! `LastError.Source` is the statement's name, `Scope` the name of its document's scope, `Section` its
//! section, `Path` its place in the document (`choose[1]/when[2]/set-variable[1]`), `PolicyId` its `id`.
//! Neither the message nor the answer tells a value. A cache that cannot be asked fails nothing: it is
//! a miss.
//!
//! # Statements
//!
//! In `inbound` and `backend` statements change the request, in `outbound` and `on-error` the response.
//! [`policy::rows`](crate::policy::rows) lists their attributes.
//!
//! | statement | what it does to the request |
//! |---|---|
//! | `base` | runs the section of the next scope outwards |
//! | `choose` | runs the first branch whose condition holds; later conditions are not evaluated |
//! | `include-fragment` | runs the statements of the fragment |
//! | `set-variable` | sets a variable; the value of an expression keeps its type |
//! | `set-header` | sets, adds to, keeps or removes a header; a null value is none |
//! | `set-status` | sets status and reason; without a response it has no effect, and the trace says so |
//! | `set-body` | sets the body: text, bytes, or what `ToString()` gives; `Content-Length`, `Transfer-Encoding` and `Content-Encoding` of the old one go |
//! | `return-response` | ends it with a response made from 200 without a body, or from the one a variable holds |
//! | `forward-request` | calls the backend ([`Forward`]); without a time-out it gets 300 s |
//! | `cache-lookup` | answers from the cache, or takes conditions off the request: see [`http`](crate::http) |
//! | `cache-store` | stores the response as it is now, while its body goes to the client; without a lookup that has missed, nothing |
//! | `cache-lookup-value` | hit: sets the variable, with its type; miss: sets the default, which is evaluated only then, or leaves the variable as it is |
//! | `cache-store-value` | stores a value with its type; null removes what the key held, so that it reads as null |
//! | `cache-remove-value` | removes the key; that there was none is no error |
//! | `cache-value` | sets the variable from the cache, or lets its statements make the value, once at a time for a key of this process |
//! | `rate-limit` | lets the call through, or fails with 429; counted for each subscription, without one for each API |
//! | `rate-limit-by-key` | the same for each value of its key; `increment-condition` and `increment-count` that speak of `Response` are evaluated when it is there, and a call whose condition then fails counts as one |
//! | any other | the gateway's [`Handler`] runs it. If that does not know it, the document is refused when it is read |
//!
//! An expression that looks at a body has it read before, up to
//! [`body_bytes_max`](EngineBuilder::body_bytes_max). All expressions are compiled when a document is
//! read ([`Engine::read`], [`Policy::read`]), and what is wrong with them is among its errors. Keys that are
//! null or empty, and numbers out of their range, are errors when the statement runs.
//!
//! `cache-value` in full: an entry younger than `refresh-after` is used. Past it, the first request that
//! sees it runs the statements, while others use the entry; without an entry, or past
//! `expires-after`, one runs them and the others wait for it. If they set nothing, or null, the entry
//! stays and is used, else the default. Both durations are evaluated again after the statements;
//! before, one that cannot be evaluated yet is no error. The entry carries its time and both durations,
//! so that its age survives a restart and is the same for all gateways.
//!
//! An entry of `cache-value` is a value of bytes (the [envelope](crate::Value)'s), in which numbers are
//! little-endian:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | `4C 43 56 01`: `LCV` and the version |
//! | 4 | 8 | when it was made: milliseconds since 1970, u64 |
//! | 12 | 4 | `refresh-after` in seconds, u32 |
//! | 16 | 4 | `expires-after` in seconds, u32; the cache itself forgets the entry then, too |
//! | 20 | n | the value as `cache-store-value` would store it |
//!
//! Whatever else stands under the key has no known age: it is taken as past its refresh.
//!
//! # Rate limits
//!
//! | statement | counts for each |
//! |---|---|
//! | `rate-limit` | subscription (without one: API) in the scope that the statement stands in |
//! | an `api`, an `operation` in it | the same, and that API, that operation of it; all limits that apply must have room |
//! | `rate-limit-by-key` | value of `counter-key`: one counter in all scopes |
//!
//! The scope is what [`Policies::within`] calls it, and where that is `operation`, `api` or `product`, that one
//! operation, API or product of the request. Counters are told apart by `calls` and the period as well: another
//! number is another counter. Two equal statements of one scope share one, and a call counts once in it.
//!
//! Where several limits apply, all are asked before any counts, and a call refused then counts nowhere. The
//! calls of others may come between asking and counting: a call that an inner limit refuses only then stays
//! counted in the outer ones. Never more than `calls` get through; a few less may, under such a rush.
//!
//! A call that waits for its response to be counted, and whose client leaves once the backend is asked, counts
//! as one: nobody escapes a limit by hanging up. At most
//! [`ENGINE_LATE_COUNTS_MAX`](crate::limits::ENGINE_LATE_COUNTS_MAX) such requests are counted at once.
//! [`Cache::flush`](crate::Cache::flush) waits for them.
//!
//! # Statements of your own
//!
//! ```
//! use larder_client::context::Datum;
//! use larder_client::engine::{Call, Decision, Handled, Handler, StatementError};
//!
//! /// `<require-header name="X-Team" />`: 403 without it; the variable `team` has its value.
//! struct Own;
//!
//! impl Handler for Own {
//!     fn knows(&self, name: &str) -> bool {
//!         name == "require-header"
//!     }
//!
//!     fn run<'a>(&'a self, mut call: Call<'a>) -> Handled<'a> {
//!         Box::pin(async move {
//!             let name = call.text("name").await?;
//!             let name = name.ok_or_else(|| StatementError::new("NoName", "name is missing"))?;
//!             let headers = &call.context().request.headers;
//!             match larder_client::context::joined(headers, &name) {
//!                 None => Ok(Decision::Respond(larder_client::context::Response::new(http::StatusCode::FORBIDDEN))),
//!                 Some(value) => {
//!                     call.context().variables.set("team", Datum::from(&*value));
//!                     Ok(Decision::Continue)
//!                 }
//!             }
//!         })
//!     }
//! }
//! # let _ = Own;
//! ```
//!
//! # What is told
//!
//! [`Engine::answer`] gives a [`Record`] besides the response: the columns `Cache` and `CacheTime` for the
//! log, and what each statement did, with the store it used and why a cache could not be asked. Keys are in
//! it if `context.is_traced`; values never are. [`EngineMetrics`] counts requests, failures by reason, and
//! what `cache-value` did; the [cache](crate::Metrics) and the [response cache](crate::http::ResponseMetrics)
//! count their own.

mod aged;
mod backend;
mod builder;
mod cache_value;
mod convert;
mod evaluate;
mod failure;
mod flights;
mod forward;
mod handle;
mod handler;
mod late_counts;
mod message;
mod metrics;
mod policies;
mod rate;
mod record;
mod responses;
mod run;
mod values;

pub use builder::EngineBuilder;
pub use failure::StatementError;
pub use forward::{Forward, ForwardError, ForwardOptions};
pub use handle::{Answer, Engine};
pub use handler::{Call, Decision, Handled, Handler};
pub use metrics::EngineMetrics;
pub use policies::{Policies, Policy};
pub use record::{CacheUse, Event, Outcome, Record};
