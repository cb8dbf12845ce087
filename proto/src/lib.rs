//! The words that Larder's nodes and clients share. No socket, no lock, no clock, no thread: everything here is
//! a plain function or a plain value, and every floor above may use it.

pub mod effect;
pub mod envelope;
pub mod error;
pub mod external;
pub mod glob;
pub mod record;
pub mod resp;
pub mod score;
pub mod slot;
pub mod time;
pub mod topology;
pub mod window;
