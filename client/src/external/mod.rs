//! External caches: how they are written down, and which of them serves a region.

mod azure;
pub mod connection_string;
mod endpoint;
mod error;
pub mod options;
mod redis;
mod region;
mod resolution;
mod secret;
mod url;

pub use connection_string::ConnectionString;
pub use endpoint::Endpoint;
pub use error::{ConnectionStringError, Problem};
pub use options::{Effect, OPTION_ROWS, OptionRow, Options, Protocol, Proxy, TlsVersion};
pub use region::Region;
pub use resolution::{EntryReport, EntryState, Resolution, UseFrom, resolve};
pub use secret::Secret;

pub(crate) use redis::{Parts, external_backend, link_settings, start};
