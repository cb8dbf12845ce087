//! Rate limits: one atomic step in the cluster, in a Redis, or in this process; the same algorithm in
//! all three.

mod limit;
mod local;
mod script;
mod take;
mod window;

pub use limit::{RateLimit, Take, Taken};
pub(crate) use local::LocalLimits;
pub(crate) use script::LimitScript;
pub(crate) use take::{LimitAnswer, LimitQuestion};
