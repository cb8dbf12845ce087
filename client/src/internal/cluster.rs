//! The internal cache: the regional Larder cluster. Every endpoint serves every key, so one
//! connection to any of them will do; which one is left to chance, so that gateways spread, and
//! when it fails the next is taken.

use crate::backend::RedisBackend;
use crate::external::{ConnectionString, Parts, link_settings, start};
use crate::limits;
use crate::link::TlsError;

/// Starts the backend of the cluster.
pub(crate) fn internal_backend(string: &ConnectionString, parts: &Parts) -> Result<RedisBackend, TlsError> {
    let mut settings = link_settings("internal", string, parts)?;
    // The remainder of a list's length fits what the length fits.
    settings.first = (parts.random.next() % settings.endpoints.len() as u64) as usize;
    if string.options().connect_timeout.is_none() {
        settings.connect_timeout = limits::INTERNAL_CONNECT_TIMEOUT;
    }
    Ok(start(settings, string, parts))
}
