//! Response caching: what `cache-lookup` and `cache-store` do, for the policy engine and for any `tower`
//! service. Reading policies is left to [`policy`](crate::policy), running them to the engine.
//!
//! ```no_run
//! use larder_client::Cache;
//! use larder_client::http::{ResponseCacheLayer, Responses};
//! # use std::{convert::Infallible, future::Ready, task::{Context, Poll}};
//! # use tower_layer::Layer;
//! # #[derive(Clone)] struct Shop;
//! # impl tower_service::Service<http::Request<()>> for Shop {
//! #     type Response = http::Response<http_body_util::Full<bytes::Bytes>>;
//! #     type Error = Infallible;
//! #     type Future = Ready<Result<Self::Response, Infallible>>;
//! #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> { Poll::Ready(Ok(())) }
//! #     fn call(&mut self, _: http::Request<()>) -> Self::Future {
//! #         std::future::ready(Ok(http::Response::new("".into())))
//! #     }
//! # }
//! # fn start(shop: Shop) -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::builder("West Europe").internal("127.0.0.1:6379").build()?;
//! let responses = Responses::builder(cache).conditional(true).build();
//! let layer = ResponseCacheLayer::builder(&responses, "orders", 60)
//!     .vary_by_header("accept")
//!     .vary_by_query_parameter("page;size")
//!     .build()?;
//! let cached = layer.layer(shop); // or `Router::layer(layer)` in axum
//! # drop(cached);
//! # Ok(())
//! # }
//! ```
//!
//! The example `axum` is a whole server. A gateway of another make calls [`Responses::lookup`] before it
//! asks the backend, and [`Responses::store`] with the answer: the layer and the policy engine do no more.
//!
//! # Attributes and elements
//!
//! | `cache-lookup` | default | effect |
//! |---|---|---|
//! | `vary-by-developer` | false | an entry for each account that owns a subscription, one more for requests without |
//! | `vary-by-developer-groups` | false | an entry for each set of groups of that account |
//! | `caching-type` | `prefer-external` | the store; `cache-store` follows it |
//! | `downstream-caching-type` | `none` | the client's `Cache-Control`: see below |
//! | `must-revalidate` | true | adds that directive where downstream caching is on |
//! | `allow-private-response-caching` | false | requests with `Authorization` take part; else they are skipped |
//! | `<vary-by-header>` | none | an entry for each value: names have no case; lines are joined by commas, blanks around commas and at the ends go, the rest is compared as it is; absent and empty differ |
//! | `<vary-by-query-parameter>` | none | an entry for each value: names have case, names and values are compared decoded (`+` is a blank), their order does not matter, the order of one name's values does |
//!
//! | `cache-store` | default | effect |
//! |---|---|---|
//! | `duration` | required | seconds of freshness; 0 or less stores nothing, more than 2,147,483,647 are cut to it; an age equal to it is too old |
//! | `cache-response` | absent | absent: a 200 is stored and nothing else; true: any status; false: nothing |
//!
//! Without `<vary-by-query-parameter>` no parameter counts ([`UnlistedQuery::Ignored`]): the sentence that all
//! do was withdrawn from the reference as untrue. [`UnlistedQuery::Counted`] is the other reading, and
//! the layer's default. Path and query are those that stand at the lookup, after rewrites.
//!
//! | the client's headers | stored, or from an entry | not stored |
//! |---|---|---|
//! | `none` | `Cache-Control: no-store` | the same |
//! | `private`, `public` | `private, max-age=D, must-revalidate`; `Vary` names every `vary-by-header` | as the backend sent them |
//!
//! *D* is the `duration`, plus the age that the response had when it came. The policy's headers replace the
//! backend's `Cache-Control`, `Expires` and `Pragma`, so that no client keeps a response for longer than
//! the gateway; with [`BackendFreshness::Keep`] the backend's go before. For how long the gateway stores a
//! response, `duration` alone decides.
//!
//! # What is looked up and stored
//!
//! - *GET only.* HEAD is answered from entries of GET if [`head`](ResponsesBuilder::head) says so, and never
//!   stored. Requests with a body, a `Range` or an `Upgrade` pass by: an entry is answered whole or not at all.
//!   So do requests to the layer whose target and `Host` name different hosts, or that have user information in
//!   one of them: what is behind the layer may take the other one.
//! - *On a miss* `Cache-Control`, `Pragma` and the five conditions are taken from the request, so that the
//!   backend answers in full; [`Pending::removed_headers`] has them. On a hit the client's conditions are
//!   answered with 304 if [`conditional`](ResponsesBuilder::conditional) says so: `If-None-Match` by weak
//!   comparison, `If-Modified-Since` without it alone (RFC 9110, section 13.2.2).
//! - *Never stored*: 1xx, 206 and 304; a body that broke off, was shorter than announced, has trailers, or whose
//!   client left; `text/event-stream`; what is larger than the limit. The client gets each of them in full.
//! - *Streams*: a body goes to the client chunk by chunk while a copy is kept. It is stored in the
//!   background once it has ended; requests of the same process that come meanwhile get it at once.
//! - *Cookies*: a response with `Set-Cookie` is stored without it. Published semantics say nothing, and
//!   some hosts set one on every response; [`SetCookie::Skip`] stores no such response.
//! - *Shortened*: headers of one connection (RFC 9110, section 7.6.1), `Content-Length` and `Age` are not
//!   stored; `Date` is added if there is none. A hit has `Age` and its own `Content-Length`.
//! - *What others say* counts if told so: [`honour_client`](ResponsesBuilder::honour_client) for `no-cache` and
//!   `no-store` of a request, [`honour_backend`](ResponsesBuilder::honour_backend) for `no-store`, `private` and
//!   `Vary` of a response.
//!
//! # The key
//!
//! Parts with `;` between, in this order. No edit of a policy changes a key, but for the lists of what a
//! response varies by; the number that the gateway's configuration sets does.
//!
//! | part | what | where |
//! |---|---|---|
//! | `1` | the layout | always |
//! | `g=N` or `g=N.M` | the generation: the configuration's *N*; *M* since a purge | always |
//! | `api=`, `rev=` | API, revision | `rev` if there is one |
//! | `op=` | operation | [`KeyParts::operation`] |
//! | `product=` | product | [`KeyParts::product`] |
//! | `host=H:P` | what the client called | [`KeyParts::host`] |
//! | `to=S://H:P` | the backend | [`KeyParts::backend`] |
//! | `path=` | the path | always |
//! | `q`, `q.NAME=VALUE`, `q.NAME` | all count; a parameter; a listed one that is absent | by the rules |
//! | `h.NAME=VALUE`, `h.NAME` | a header; a listed one that is absent | by the rules |
//! | `dev=ID`, `dev` | the developer; none | by the rules |
//! | `groups`, `g.ID` | the developer's groups, sorted | by the rules |
//!
//! `1;g=0;api=orders;host=api.example:443;path=/orders;q.page=2;h.accept=text/html` is an example. Visible
//! ASCII stands as it is; `~`, `;`, every other byte, and `=` in a name are `~` and two digits, so that
//! different parts never make one key. A value of more than 96 bytes, or of a header or parameter that holds
//! secrets (`authorization`, `cookie`, `x-api-key`, `token`, …), is `~#` and its SHA-256. A key of more than
//! 512 bytes keeps its first 160, followed by `;sha256=` and the SHA-256 of the whole.
//!
//! In the cache the key has `@http:SERVICE/` in front. No value of a policy can have such a key, and no
//! policy can read, store or remove a response entry by mistake.
//!
//! `X-Larder-Cache-Key` shows the key, `X-Larder-Cache` what happened: `hit`, `stale`, `miss` or `skip`, then
//! `store=` and `reason=`. Both are off unless [`debug_headers`](ResponsesBuilder::debug_headers) or
//! [`KeyScope::is_traced`] asks for them: keys tell who called.
//!
//! # The entry
//!
//! The envelope of a whole response ([`Value`](crate::Value), tag 11), whose first field is `:larder`, a name
//! that no header can have. Any gateway that writes this shares its entries. Numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | `00 4C 56 45` `01` `0B` | magic, version, tag |
//! | u32 | length of all that follows |
//! | u16 | status |
//! | u16, text | reason phrase, often empty |
//! | u16 | number of fields |
//! | u16, text, u32, bytes | each field: name and value; the first is `:larder` |
//! | the rest | the body, as it was sent, `Content-Encoding` included |
//!
//! An entry with a status that is never stored is none, and headers that are not stored are left out when an
//! entry is read, whoever wrote it.
//!
//! `:larder` is `1 stored=MS fresh=S stale=S age=S`: when it was stored (milliseconds since 1970), the seconds
//! of its freshness, those after it in which it may stand in for a failing backend, and the age that it had
//! when it came. The cache keeps it for `fresh` + `stale` seconds. An entry without `stale` is fresh as
//! long as it is there, by the cache's clock alone; with it, the clocks of gateways should agree to a second.
//! `Age` is `age` and the time since `stored`.
//!
//! # Removing entries
//!
//! [`Responses::remove`] takes a key as the debug header shows it. [`Responses::purge`] begins another
//! generation of an API: all its entries are out of reach, in this process at once, in others within a
//! second. The number lies in the cache under `@http:SERVICE/generation;api=NAME`; a process asks for it once
//! a second and API, and never goes back to a lower one. If it cannot be read, and the process never knew it, every
//! lookup is a miss. [`KeyScope::generation`] does the same by
//! configuration.
//!
//! # Guarding the backend
//!
//! - *Single flight* ([`single_flight`](ResponsesBuilder::single_flight), on): of the requests of one process
//!   for one key one asks, the others wait for its entry, for 5 s at most. If there will be none they go
//!   on at once, and for 10 s nobody waits for that key; if its client leaves, or a policy answers in the
//!   backend's place ([`Pending::not_from_backend`]), the next one asks.
//! - *Origin limit* ([`origin_limit`](ResponsesBuilder::origin_limit), off): so many misses of one API and
//!   operation may be at the backend; others wait, then get 503 with `Retry-After`, or go on.
//! - *Stale if error* ([`stale_if_error`](ResponsesBuilder::stale_if_error), off): an entry is kept longer and
//!   answers for a backend that says 500, 502, 503 or 504, cannot be asked, takes too long
//!   ([`backend_patience`](ResponseCacheLayerBuilder::backend_patience)) or has no place left. It answers
//!   all who wait for that key, without another call.
//!
//! A cache that cannot be asked is a miss, within its time budget.
//!
//! # Limits
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | body | 2 MiB, or [`body_bytes_max`](ResponsesBuilder::body_bytes_max) | not stored, counted as `too-large` |
//! | status, reason and headers | [`RESPONSE_HEAD_BYTES_MAX`](crate::limits::RESPONSE_HEAD_BYTES_MAX) | not stored, `headers-too-large` |
//! | copies being made, together | [`RESPONSE_CAPTURE_BYTES_MAX`](crate::limits::RESPONSE_CAPTURE_BYTES_MAX) | not stored, `overloaded` |
//! | stores under way | [`RESPONSE_STORES_MAX`](crate::limits::RESPONSE_STORES_MAX) | not stored, `overloaded` |
//! | names to vary by | [`VARY_NAMES_MAX`](crate::limits::VARY_NAMES_MAX) of each kind | refused when the policy is loaded |
//! | requests that wait for one entry | [`FLIGHT_WAITERS_MAX`](crate::limits::FLIGHT_WAITERS_MAX) | they ask themselves |
//! | requests that wait for the backend | [`ORIGIN_WAITERS_MAX`](crate::limits::ORIGIN_WAITERS_MAX) a route | as if they had waited |
//!
//! [`ResponseMetrics`] counts each outcome and each [`reason`](NotStored).
//!
//! # What users asked for
//!
//! | complaint about the reference | here |
//! |---|---|
//! | which query parameters count? | written down, a choice, and shown in the key |
//! | product, host and backend in the key unasked | listed, and each can be left out |
//! | any policy edit drops the cache | keys know no edits; a generation is explicit |
//! | no flush | by key and by API |
//! | HEAD is not cached | answered from GET, an option |
//! | `cache-response="false"` stores a 200, or not? | three ways, tested |
//! | `caching-type` of `cache-store` | that of its lookup |
//! | the backend's `Expires` outlives `duration` | replaced; the other precedence is an option |
//! | request headers vanish on a miss | listed, kept for the caller; `Cache-Control` can stay |
//! | a request with `Authorization` is not cached, and nobody says why | every skip has a reason |
//! | short lives have no effect | visible to the same process at once, one call for all |
//! | stampedes | single flight, a limit, entries that stand in |
//! | a client's `no-cache` by hand | a switch |
//! | 2 MiB, unevenly enforced | one limit on the body, checked when storing, counted |
//! | opaque bytes in Redis | a documented key and entry |

mod ahead;
mod body;
mod capture;
mod conditional;
mod counters;
mod date;
mod directives;
mod downstream;
mod entry;
mod flight;
mod generation;
mod hop;
mod key;
mod layer;
mod origin;
mod pending;
mod reason;
mod reply;
mod responses;
mod rules;
mod scope;
mod service;
mod settings;
mod storing;
mod trace;
mod view;

pub use crate::policy::statement::DownstreamCaching;
pub use ahead::{AheadBody, ReadAhead};
pub use body::ResponseBody;
pub use counters::{ResponseEvent, ResponseMetrics};
pub use downstream::BackendFreshness;
pub use hop::HOP_BY_HOP;
pub use key::{KeyParts, ResponseKey};
pub use layer::{ResponseCacheLayer, ResponseCacheLayerBuilder, backend_max_age};
pub use origin::{OriginLimit, WhenFull};
pub use pending::Pending;
pub use reason::{NotStored, SkipReason};
pub use responses::{Looked, Responses};
pub use rules::{LookupRules, StoreRules, UnlistedQuery, Vary, VaryError};
pub use scope::KeyScope;
pub use service::ResponseCache;
pub use settings::{ResponsesBuilder, SetCookie};
