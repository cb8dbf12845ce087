//! Response caching end to end on real Redis servers: every attribute and every row of the reference, bodies
//! that stream, requests that come together, and the layer in axum.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod axum_example;
mod bed;
mod complaints;
mod conditional;
mod format;
mod guarding;
mod key_properties;
mod layer;
mod sharing;
mod streaming;
#[path = "../support/mod.rs"]
mod support;
mod table_2_1;
mod table_2_2;
mod table_3;
