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
        Self { until: after(limit) }
    }

    /// The same budget, or less: at most this long from now.
    pub(crate) fn at_most(self, limit: Duration) -> Self {
        Self { until: self.until.min(after(limit)) }
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

/// This long from now, or as far ahead as the clock goes for certain.
fn after(limit: Duration) -> Instant {
    Instant::now() + limit.min(LIMIT_MAX)
}

/// Whoever waits for longer waits for ever.
const LIMIT_MAX: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_budget_without_end_is_never_spent() {
        let budget = Budget::start(Duration::MAX);
        assert!(!budget.is_spent() && !budget.at_most(Duration::MAX).is_spent());
        assert_eq!(budget.run(tokio::time::sleep(Duration::from_secs(1_000_000))).await, Some(()));
    }
}
