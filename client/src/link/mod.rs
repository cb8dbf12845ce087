//! One multiplexed connection to one of several endpoints, kept alive and made again by itself.
//! What is said on it is left to the backends.

mod answer;
mod bounded;
mod connect;
mod keeper;
mod settings;
mod stream;
mod tls;
mod tls_client;

pub(crate) use answer::{CallError, Refusal, Say};
pub(crate) use bounded::ReplyLimit;
pub(crate) use keeper::Link;
pub(crate) use settings::{LinkSettings, Login, Sentinel};
pub use tls::TlsError;
pub(crate) use tls::{TlsSettings, TlsSource};
pub use tls_client::{TlsClient, TlsStream};
