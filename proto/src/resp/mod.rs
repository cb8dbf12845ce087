//! RESP, the protocol of Redis: requests in, replies out.

mod out;
mod request;

pub use out::{Out, Version};
pub use request::{ArgRange, Limits, Progress, ProtocolError, RequestParser};
