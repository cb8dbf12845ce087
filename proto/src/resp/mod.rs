//! RESP, the protocol of Redis: requests in, replies out.

mod inline;
mod out;
mod progress;
mod request;

pub use out::{DECIMAL_BYTES_MAX, Out, Version, decimal};
pub use progress::{Limits, Progress, ProtocolError};
pub use request::{ArgRange, RequestParser};
