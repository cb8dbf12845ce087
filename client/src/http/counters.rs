//! Counters of response caching, as plain atomics. Printing gives the Prometheus text format; the
//! calls to the stores are counted by the cache itself.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::reason::{NotStored, SkipReason};

/// What can become of a request or a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseEvent {
    /// Answered from an entry.
    Hit,
    /// Answered with 304 from an entry.
    NotModified,
    /// Answered from an entry that was past its freshness: the backend failed.
    Stale,
    /// Sent to the backend.
    Miss,
    /// Waited for the entry that another request was getting, and answered from it. Counted as a hit, too.
    Shared,
    /// Refused with 503: too many requests were at the backend.
    Refused,
    /// Not looked up.
    Skipped(SkipReason),
    /// Stored.
    Stored,
    /// Not stored.
    NotStored(NotStored),
}

/// The counters of one [`Responses`](super::Responses).
#[derive(Debug, Default)]
pub struct ResponseMetrics {
    plain: [AtomicU64; PLAIN.len()],
    skipped: [AtomicU64; SkipReason::ALL.len()],
    not_stored: [AtomicU64; NotStored::ALL.len()],
}

impl ResponseMetrics {
    /// How often this happened.
    #[must_use]
    pub fn get(&self, event: ResponseEvent) -> u64 {
        self.counter(event).load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, event: ResponseEvent) {
        self.counter(event).fetch_add(1, Ordering::Relaxed);
    }

    fn counter(&self, event: ResponseEvent) -> &AtomicU64 {
        match event {
            ResponseEvent::Skipped(reason) => &self.skipped[reason as usize],
            ResponseEvent::NotStored(reason) => &self.not_stored[reason as usize],
            ResponseEvent::Hit => &self.plain[0],
            ResponseEvent::NotModified => &self.plain[1],
            ResponseEvent::Stale => &self.plain[2],
            ResponseEvent::Miss => &self.plain[3],
            ResponseEvent::Shared => &self.plain[4],
            ResponseEvent::Refused => &self.plain[5],
            ResponseEvent::Stored => &self.plain[6],
        }
    }
}

impl fmt::Display for ResponseMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# HELP {NAME} Requests and responses by what response caching did.")?;
        writeln!(f, "# TYPE {NAME} counter")?;
        for (counter, event) in self.plain.iter().zip(PLAIN) {
            line(f, event, "", counter)?;
        }
        for (counter, (_, reason, _)) in self.skipped.iter().zip(SkipReason::ALL) {
            line(f, "skipped", reason, counter)?;
        }
        for (counter, (_, reason, _)) in self.not_stored.iter().zip(NotStored::ALL) {
            line(f, "not_stored", reason, counter)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, event: &str, reason: &str, counter: &AtomicU64) -> fmt::Result {
    let count = counter.load(Ordering::Relaxed);
    writeln!(f, "{NAME}{{event=\"{event}\",reason=\"{reason}\"}} {count}")
}

const NAME: &str = "larder_client_responses_total";

/// The events without a reason, in the order of their counters.
const PLAIN: [&str; 7] = ["hit", "not_modified", "stale", "miss", "shared", "refused", "stored"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_apart_and_printed() {
        let metrics = ResponseMetrics::default();
        let events = [
            ResponseEvent::Hit,
            ResponseEvent::NotModified,
            ResponseEvent::Stale,
            ResponseEvent::Miss,
            ResponseEvent::Shared,
            ResponseEvent::Refused,
            ResponseEvent::Stored,
            ResponseEvent::Skipped(SkipReason::Range),
            ResponseEvent::NotStored(NotStored::TooLarge),
        ];
        for (place, event) in events.into_iter().enumerate() {
            (0..=place).for_each(|_| metrics.count(event));
        }
        for (place, event) in events.into_iter().enumerate() {
            assert_eq!(metrics.get(event), place as u64 + 1, "{event:?}");
        }
        let text = metrics.to_string();
        for line in [
            "larder_client_responses_total{event=\"stored\",reason=\"\"} 7",
            "larder_client_responses_total{event=\"skipped\",reason=\"range\"} 8",
            "larder_client_responses_total{event=\"not_stored\",reason=\"too-large\"} 9",
            "larder_client_responses_total{event=\"not_stored\",reason=\"status\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
