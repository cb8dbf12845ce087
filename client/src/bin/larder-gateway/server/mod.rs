//! The proxy itself: connections of clients, and one request from its head to its answer.

mod answer;
mod drain;
mod forward;
mod gateway;
mod listener;
mod refusal;
mod statements;
mod stream;
mod target;

pub(crate) use drain::Drain;
pub(crate) use gateway::Gateway;
pub(crate) use listener::{Limits, serve};
pub(crate) use statements::Statements;
