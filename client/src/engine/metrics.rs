//! Counters of an engine, as plain atomics. Printing gives the Prometheus text format.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;

use super::failure::EXPRESSION_FAILURE;

/// The counters of one [`Engine`](super::Engine). Written by every request, read by whoever likes.
#[derive(Debug, Default)]
pub struct EngineMetrics {
    /// By the first digit of the status; the first is for all others.
    answers: [AtomicU64; CLASSES.len()],
    /// By reason; the last is for those of others.
    failures: [AtomicU64; REASONS.len() + 1],
    limited: AtomicU64,
    made: AtomicU64,
    joined: AtomicU64,
    stale: AtomicU64,
}

impl EngineMetrics {
    /// Requests answered.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.answers.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Statements that failed for this reason; those of other reasons than the documented ones are
    /// counted as `other`.
    #[must_use]
    pub fn failures(&self, reason: &str) -> u64 {
        self.failures[reason_index(reason)].load(Ordering::Relaxed)
    }

    /// Calls that a rate limit refused.
    #[must_use]
    pub fn rate_limited(&self) -> u64 {
        self.limited.load(Ordering::Relaxed)
    }

    /// Values that the statements of a `cache-value` made.
    #[must_use]
    pub fn values_made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Requests that waited for a value that another one made.
    #[must_use]
    pub fn values_joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    /// Requests that used a value past its refresh while another one made it anew.
    #[must_use]
    pub fn values_stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    pub(super) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        let class = if class < CLASSES.len() { class } else { 0 };
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, reason: &str) {
        self.failures[reason_index(reason)].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn made(&self) {
        self.made.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for EngineMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# HELP {REQUESTS} Requests answered, by class of status.\n# TYPE {REQUESTS} counter")?;
        for (count, class) in self.answers.iter().zip(CLASSES) {
            writeln!(f, "{REQUESTS}{{status=\"{class}\"}} {}", count.load(Ordering::Relaxed))?;
        }
        writeln!(f, "# HELP {FAILURES} Statements that failed, by reason.\n# TYPE {FAILURES} counter")?;
        for (count, reason) in self.failures.iter().zip(REASONS.into_iter().chain(["other"])) {
            writeln!(f, "{FAILURES}{{reason=\"{reason}\"}} {}", count.load(Ordering::Relaxed))?;
        }
        for (name, help, count) in [
            ("larder_engine_rate_limited_total", "Calls that a rate limit refused.", &self.limited),
            ("larder_engine_values_made_total", "Values that a cache-value made.", &self.made),
            ("larder_engine_values_joined_total", "Requests that waited for such a value.", &self.joined),
            ("larder_engine_values_stale_total", "Requests that used one past its refresh.", &self.stale),
        ] {
            let count = count.load(Ordering::Relaxed);
            writeln!(f, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {count}")?;
        }
        Ok(())
    }
}

fn reason_index(reason: &str) -> usize {
    REASONS.iter().position(|known| *known == reason).unwrap_or(REASONS.len())
}

const REQUESTS: &str = "larder_engine_requests_total";
const FAILURES: &str = "larder_engine_failures_total";
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
const REASONS: [&str; 12] = [
    EXPRESSION_FAILURE,
    "RateLimitExceeded",
    "BackendConnectionFailure",
    "Timeout",
    "ClientConnectionFailure",
    "ForwardRefused",
    "BackendErrorStatusCode",
    "CacheRemovalFailure",
    "ResponseVariableNotSet",
    "InvalidHeader",
    "InvalidResponse",
    "TooDeep",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_printed() {
        let metrics = EngineMetrics::default();
        metrics.answered(StatusCode::OK);
        metrics.answered(StatusCode::from_u16(999).unwrap());
        metrics.failed(EXPRESSION_FAILURE);
        metrics.failed("of a handler");
        metrics.made();
        assert_eq!((metrics.requests(), metrics.failures("of another handler")), (2, 1));
        let text = metrics.to_string();
        for line in [
            "larder_engine_requests_total{status=\"2xx\"} 1",
            "larder_engine_requests_total{status=\"other\"} 1",
            "larder_engine_failures_total{reason=\"ExpressionValueEvaluationFailure\"} 1",
            "larder_engine_failures_total{reason=\"other\"} 1",
            "larder_engine_values_made_total 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
