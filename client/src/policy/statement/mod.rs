//! The statements: each with its row and what the row's element becomes.

pub mod flow;
pub mod forward;
pub mod rate_limit;
pub mod response;
pub mod response_caching;
mod statements;
pub mod value_caching;

pub use flow::{Branch, Choose, IncludeFragment, SetVariable};
pub use forward::ForwardRequest;
pub use rate_limit::{RateLimit, RateLimitByKey, RateLimitPart, RateLimitReport};
pub use response::{ExistsAction, ReturnResponse, SetBody, SetHeader, SetStatus};
pub use response_caching::{CacheLookup, CacheStore, DownstreamCaching};
pub use statements::Statement;
pub use value_caching::{CacheLookupValue, CacheRemoveValue, CacheStoreValue, CacheValue};
