//! Backends: where a request goes that no policy answers. Bounded connections, time limits, bodies that are passed on as
//! they come.

mod backend;
mod body;
mod connector;
mod error;

pub(crate) use backend::{Backend, Pool, Question, has_dot_segments};
pub(crate) use body::Paced;
pub(crate) use error::BackendError;
