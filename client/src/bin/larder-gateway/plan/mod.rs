//! What the settings come to: routes with their policies and backends, subscriptions. A plan is made as a whole, at the
//! start and on SIGHUP, and never changes; answering requests by it is left to `server`.

mod build;
mod entities;
mod policies;
mod route;
mod subscriptions;
mod template;

pub(crate) use build::{Plan, Problems};
pub(crate) use entities::product;
pub(crate) use policies::Policy;
pub(crate) use route::{Found, Route};
pub(crate) use subscriptions::Caller;
pub(crate) use template::Parameters;
