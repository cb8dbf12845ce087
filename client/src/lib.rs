//! The client library for gateways: caching policies as they are published, on the external Redis of a region
//! or on the regional Larder cluster.
//!
//! It has three layers, each of use without the next:
//!
//! | layer | what it does |
//! |---|---|
//! | the cache, [`Cache`] | keeps values and counts rate limits, in the store that `caching-type` and the configuration choose |
//! | response caching, [`http`] | keeps whole responses, around any `tower` service or for policies |
//! | policies, [`engine`] | runs documents, C# expressions included, for each request |
//!
//! # Where to go
//!
//! | module | what its pages say |
//! |---|---|
//! | [`engine`] | how a request passes a policy, what each statement does, what fails how, [statements of your own](engine#statements-of-your-own) |
//! | [`policy`] | how a document is read and what is wrong with it; [each statement](policy::rows) with its table and an example |
//! | [`expression`] | the C# of expressions; [each member](mod@expression::reference) of .NET that they know |
//! | [`http`] | what is cached, under which key, in which form, and how the backend is guarded |
//! | [`context`] | what policies see of a request: the gateway fills it in |
//! | [`external`] | connection strings, and which entry a region uses |
//! | [`limits`] | every bound of the crate, but for those of single members of .NET |
//!
//! In axum: `client/examples/axum` lays the response cache around a router,
//! `client/examples/engine_in_axum.rs` runs a policy for each request
//! (`cargo run -p larder-client --example engine_in_axum`). The program `larder-gateway` in
//! `client/src/bin` is a whole gateway.
//!
//! # Getting started: the cache
//!
//! ```no_run
//! use larder_client::{Cache, CachingType, Value};
//!
//! # async fn example() -> Result<(), larder_client::BuildError> {
//! let cache = Cache::builder("West Europe")
//!     .internal("127.0.0.1:6379")
//!     .external("Default", "cache.example.net:6380,password=secret,ssl=True")
//!     .build()?;
//! let found = cache.lookup_value("userprofile-42", CachingType::PreferExternal, None).await;
//! if !found.is_hit() {
//!     cache.store_value("userprofile-42", &Value::from("Ada"), 3600, CachingType::PreferExternal).await;
//! }
//! println!("{:?} from {}", found.result, found.store);
//! # Ok(())
//! # }
//! ```
//!
//! # Getting started: a policy
//!
//! ```no_run
//! # use larder_client::Cache;
//! use larder_client::context::{Context, Request, Url};
//! use larder_client::engine::{Engine, Forward, Policies};
//! use larder_client::policy::{Fragments, NamedValues};
//!
//! # async fn example(cache: Cache, backend: impl Forward) -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::builder(cache).build();
//! let text = std::fs::read_to_string("userprofile.xml")?;
//! let policy = engine.read(&text, &NamedValues::new(), &Fragments::new())?;
//! let policies = Policies::of(&policy);
//! // For each request; `backend` is the gateway's own `Forward`:
//! let url = Url::parse("https://api.example/users/42").ok_or("no URL")?;
//! let mut context = Context::new(Request::new(http::Method::GET, url));
//! let response = engine.run(&policies, &mut context, &backend).await;
//! # drop(response);
//! # Ok(())
//! # }
//! ```
//!
//! # What a call does
//!
//! | `caching-type` | an external entry is for this region | none is |
//! |---|---|---|
//! | [`prefer-external`](CachingType::PreferExternal) (default) | external | internal |
//! | [`external`](CachingType::External) | external | nothing: lookups miss, stores and removals do nothing |
//! | [`internal`](CachingType::Internal) | internal | internal |
//!
//! - *Configuration decides, not reachability.* While a configured Redis is down, its lookups miss with
//!   a [`Cause`]; they do not go to the internal cache, which would split the data. Who wants that all the
//!   same opts in ([`CacheBuilder::failover`]).
//! - *A gateway reads what it wrote.* With [`StoreMode::Wait`] a store has ended when the call has; with
//!   [`StoreMode::Background`] lookups of the same gateway give the value that is under way.
//! - *No call fails.* Each ends within the time budget with an outcome that tells the result, the
//!   store and the time. Connections are made and made again in the background.
//! - *Which entry* is used, and why, the [`StartupReport`] tells: the entry of the gateway's own region
//!   goes before `Default` ([`external::resolve`]). Names are compared without case and blanks.
//! - *Entries may change* while calls run: by [`Cache::set_external`], by a
//!   [file](CacheBuilder::external_file), by the [internal cluster](CacheBuilder::watch_external), which
//!   goes before the file, and that before the settings, location by location. No call fails because of a
//!   change.
//! - *Values* have a type ([`Value`]). Strings are stored as they are, so that `redis-cli` reads and
//!   writes them; every other type has a documented envelope.
//! - *Whole responses* are cached by [`http`], for any `tower` service and for the policy engine.
//! - *Keys* of the service `default` are stored as they are; those of other services get `@SERVICE/`
//!   in front, and a default key that begins with `@` one more `@`.
//! - *Rate limits* ([`Cache::take`]) are counted exactly, in one atomic step of the cluster, under
//!   `@+limit/PERIOD-MS/KEY`, where no value's key can be.
//!
//! # Limits
//!
//! See [`limits`].
//!
//! # Redis Cluster and Sentinel
//!
//! An endpoint of a Redis Cluster is recognised by its first redirection. From then on every node that
//! owns slots has a connection with its own limits, MOVED and ASK are followed, and a node that is down
//! costs its own slots only, until another owns them. Lookups may go to replicas
//! ([`CacheBuilder::read_from_replicas`]). With `serviceName` the endpoints are sentinels: the primary they
//! name is followed.

mod backend;
mod build_error;
mod builder;
mod cache;
mod caching_type;
mod calls;
pub mod context;
#[doc(hidden)]
pub mod dotnet;
pub mod engine;
pub mod expression;
pub mod external;
mod guard;
pub mod http;
mod internal;
mod key;
pub mod limits;
mod link;
mod metrics;
mod nodes;
mod outcome;
pub mod policy;
mod rate;
mod report;
mod switch;
mod target;
mod text;
mod under_way;
mod write;

pub use build_error::BuildError;
pub use builder::CacheBuilder;
pub use cache::{Cache, StoreMode};
pub use caching_type::{CachingType, UnknownCachingType};
pub use guard::{Clock, Random, SystemClock, SystemRandom, SystemWallClock, WallClock};
pub use key::DEFAULT_SERVICE;
pub use larder_proto::envelope::{Date, DateKind, Decimal, EnvelopeError, Guid, Response, Value, ValueType};
pub use link::{TlsClient, TlsError, TlsStream};
pub use metrics::{Event, Metrics};
pub use outcome::{
    Cause, Lookup, LookupResult, Remove, RemoveResult, SkipReason, Store, StoreResult, StoreUsed,
};
pub use rate::{RateLimit, Take, Taken};
pub use report::StartupReport;
