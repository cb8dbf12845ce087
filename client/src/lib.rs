//! The client library for gateways: value caching on the external Redis of a region, or on the
//! regional Larder cluster, as the caching policies say.
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
//! # What a call does
//!
//! | `caching-type` | an external entry is for this region | none is |
//! |---|---|---|
//! | [`prefer-external`](CachingType::PreferExternal) (default) | external | internal |
//! | [`external`](CachingType::External) | external | nothing: lookups miss, stores and removals do nothing |
//! | [`internal`](CachingType::Internal) | internal | internal |
//!
//! - *Configuration decides, not reachability.* While a configured Redis is down, its lookups miss with
//!   a [`Cause`]; they do not go to the internal cache, which would split the data.
//! - *No call fails.* Each ends within the time budget with an outcome that tells the result, the
//!   store and the time. Connections are made and made again in the background.
//! - *Which entry* is used, and why, the [`StartupReport`] tells: the entry of the gateway's own region
//!   goes before `Default` ([`external::resolve`]). Names are compared without case and blanks.
//! - *Values* have a type ([`Value`]). Strings are stored as they are, so that `redis-cli` reads and
//!   writes them; every other type has a documented envelope.
//! - *Keys* of the service `default` are stored as they are; those of other services get `@SERVICE/`
//!   in front, and a default key that begins with `@` one more `@`.
//!
//! # Limits
//!
//! See [`limits`]. A single Redis is spoken to; a Redis Cluster that answers MOVED is a
//! [`Cause::Refused`].

mod backend;
mod builder;
mod cache;
mod caching_type;
pub mod context;
#[doc(hidden)]
pub mod dotnet;
pub mod expression;
pub mod external;
mod guard;
mod internal;
mod key;
pub mod limits;
mod link;
mod metrics;
mod outcome;
pub mod policy;
mod report;
mod text;

pub use builder::{BuildError, CacheBuilder};
pub use cache::{Cache, StoreMode};
pub use caching_type::{CachingType, UnknownCachingType};
pub use guard::{Clock, Random, SystemClock, SystemRandom};
pub use key::DEFAULT_SERVICE;
pub use larder_proto::envelope::{Date, DateKind, Decimal, EnvelopeError, Guid, Response, Value, ValueType};
pub use link::TlsError;
pub use metrics::{Event, Metrics};
pub use outcome::{
    Cause, Lookup, LookupResult, Remove, RemoveResult, SkipReason, Store, StoreResult, StoreUsed,
};
pub use report::StartupReport;
