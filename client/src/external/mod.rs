//! External caches: how they are written down, who configures them, and which of them serves a region.

mod azure;
pub mod connection_string;
mod endpoint;
mod entry;
mod error;
mod file;
pub mod options;
mod redis;
mod region;
mod resolution;
mod secret;
mod sources;
mod url;

pub use connection_string::ConnectionString;
pub use endpoint::Endpoint;
pub use entry::{EntrySource, EntryText, ExternalEntry, ExternalError};
pub use error::{ConnectionStringError, Problem};
pub use options::{Effect, OPTION_ROWS, OptionRow, Options, Protocol, Proxy, TlsVersion};
pub use region::Region;
pub use resolution::{EntryReport, EntryState, Resolution, UseFrom, resolve};
pub use secret::Secret;

pub(crate) use entry::{ReadEntry, read_all, read_leniently};
pub(crate) use file::EntryFile;
pub(crate) use redis::{Parts, external_backend, link_settings, start};
pub(crate) use sources::{Plan, Sources};
