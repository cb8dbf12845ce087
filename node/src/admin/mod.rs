//! Floor 3: the admin port. Health for orchestrators, metrics for Prometheus; status, drain and external caches for
//! operators.

mod ask;
mod caches;
mod limited;
mod metrics;
mod operate;
mod routes;
mod status;
mod status_text;

pub use ask::{Asked, Asking};
pub use caches::{
    CacheChange, CacheChanges, CacheList, Done, ListedCache, UnwantedCache, WantedCache, WantedCaches,
};
pub use routes::serve;
pub use status::{MemberStatus, Move, Partitions, Status};
pub use status_text::bar;
