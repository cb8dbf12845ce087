//! Policies run end to end: a request, a document, a real cache behind it, a backend of the test's own.
//! Tests are named after the rows of the reference's tables.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod cache_value;
mod documents;
mod errors;
mod flow;
mod gateway;
mod handlers;
mod messages;
mod own_responses;
mod rate_limits;
mod records;
mod responses;
mod values;
