//! The time a call has left. It is kept on the runtime's clock, which tests can stop.

use std::time::Duration;

use tokio::time::Instant;

/// A moment by which a call must be over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    until: Instant,
}

impl Budget {
    /// A budget that starts now.
    pub(crate) fn start(limit: Duration) -> Self {
        Self { until: Instant::now() + limit }
    }

    /// The same budget, or less: at most this long from now.
    pub(crate) fn at_most(self, limit: Duration) -> Self {
        Self { until: self.until.min(Instant::now() + limit) }
    }

    /// Whether it is spent.
    pub(crate) fn is_spent(self) -> bool {
        Instant::now() >= self.until
    }

    /// Runs the future until the budget is spent; none if it was.
    pub(crate) async fn run<T>(self, future: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout_at(self.until, future).await.ok()
    }
}
