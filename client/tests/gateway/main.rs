//! The gateway as its users run it: the program itself, in front of a real backend, with real Redis servers as caches.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/mod.rs"]
mod support;

mod backend;
mod check;
mod client;
mod framing;
mod life;
mod limits;
mod policies;
mod process;
mod proxying;
mod routes;
mod settings;
mod slow;
mod tls;
