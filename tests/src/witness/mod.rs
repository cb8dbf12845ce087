//! Clients over real connections that note what they saw, while somebody harms the servers. What may be harmed how is the
//! tests' part.

mod client;
mod round;

pub use client::{Speech, Targets};
pub use round::{Round, RoundSettings};
