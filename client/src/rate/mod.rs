//! Rate limits: one atomic step in the cluster, in a Redis, or in this process. How calls are counted is
//! [`larder_proto::window`]'s in all three; the script says it once more, in Lua.

mod limit;
mod local;
mod script;
mod take;

pub use limit::{RateLimit, Take, Taken};
pub(crate) use local::LocalLimits;
pub(crate) use script::LimitScript;
pub(crate) use take::{LimitAnswer, LimitQuestion};
