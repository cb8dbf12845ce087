//! RESP, the protocol of Redis: requests in, replies out.

mod out;
mod request;

pub use out::{DECIMAL_BYTES_MAX, Out, Version, decimal};
pub use request::{ArgRange, Limits, Progress, ProtocolError, RequestParser};
