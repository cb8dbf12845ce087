//! Settings that may change while the node runs, as the server reads them: one load each, no lock.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::limits::RETRY_MS;

/// Written by CONFIG SET through `app`; read by every worker.
#[derive(Debug, Default)]
pub struct Tunables {
    /// Connections at the same time.
    pub clients_max: AtomicUsize,
    /// Seconds without a request after which a connection is closed; 0 for never.
    pub idle_seconds_max: AtomicU64,
    /// Seconds in which a begun request has to be whole, and a reply taken.
    pub frame_seconds_max: AtomicU64,
    /// Bytes of a value, or of any argument.
    pub value_bytes_max: AtomicUsize,
    /// Bytes of a reply.
    pub reply_bytes_max: AtomicUsize,
    /// Bytes of a key.
    pub key_bytes_max: AtomicUsize,
    /// Microseconds from which a command counts as slow; negative for never.
    pub slow_us_min: AtomicI64,
    /// Entries of the slow log.
    pub slow_entries_max: AtomicUsize,
    /// Milliseconds that a request waits for a node that serves its keys; 0 for the default.
    pub retry_ms_max: AtomicU64,
    /// Connections get their replies before the copies have the change, unless they ask otherwise.
    pub hasty: AtomicBool,
}

impl Tunables {
    pub(super) fn retry_time(&self) -> Duration {
        match self.retry_ms_max.load(Ordering::Relaxed) {
            0 => Duration::from_millis(RETRY_MS),
            milliseconds => Duration::from_millis(milliseconds),
        }
    }

    pub(super) fn value_bytes_max(&self) -> usize {
        self.value_bytes_max.load(Ordering::Relaxed)
    }

    pub(super) fn reply_bytes_max(&self) -> usize {
        self.reply_bytes_max.load(Ordering::Relaxed)
    }

    pub(super) fn slow_us_min(&self) -> i64 {
        self.slow_us_min.load(Ordering::Relaxed)
    }

    pub(super) fn slow_entries_max(&self) -> usize {
        self.slow_entries_max.load(Ordering::Relaxed)
    }

    pub(super) fn key_bytes_max(&self) -> usize {
        self.key_bytes_max.load(Ordering::Relaxed)
    }
}
