//! Where one call goes, and where else if that fails and failing over was opted in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{Span, field};

use crate::backend::Backend;
use crate::guard::Budget;
use crate::metrics::{Event, Metrics};
use crate::outcome::{Cause, StoreUsed};

/// The store of one call, and its time.
pub(crate) struct Target {
    pub(crate) store: StoreUsed,
    pub(crate) backend: Arc<dyn Backend>,
    /// The store to turn to.
    other: Option<(StoreUsed, Arc<dyn Backend>)>,
    whole: Budget,
    /// What the first store may take of it while there is another.
    half: Duration,
}

impl Target {
    /// A call whose time starts now.
    pub(crate) fn new(
        (store, backend): (StoreUsed, Arc<dyn Backend>),
        other: Option<(StoreUsed, Arc<dyn Backend>)>,
        time_budget: Duration,
    ) -> Self {
        Self { store, backend, other, whole: Budget::start(time_budget), half: time_budget / 2 }
    }

    /// The time that the present store has.
    pub(crate) fn budget(&self) -> Budget {
        if self.other.is_some() { self.whole.at_most(self.half) } else { self.whole }
    }

    /// The time that the call has in all.
    pub(crate) fn whole_budget(&self) -> Budget {
        self.whole
    }

    /// Turns to the other store if there is one and the cause lies with the present one, once. What the
    /// present one did is counted as `event`.
    pub(crate) fn turn(&mut self, cause: &Cause, event: Event, metrics: &Metrics) -> bool {
        if !cause.is_outage() {
            return false;
        }
        let Some((store, backend)) = self.other.take() else { return false };
        metrics.count_only(event, &self.store);
        metrics.failovers.fetch_add(1, Ordering::Relaxed);
        Span::current().record("failed_over", field::display(cause));
        (self.store, self.backend) = (store, backend);
        true
    }
}
