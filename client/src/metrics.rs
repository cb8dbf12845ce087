//! Counters and times of a cache, as plain atomics: nothing is allocated and nothing locked when a
//! call is counted. Printing gives the Prometheus text format.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::outcome::{
    Cause, Lookup, LookupResult, Remove, RemoveResult, SkipReason, Store, StoreResult, StoreUsed,
};

/// What can become of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
#[non_exhaustive]
pub enum Event {
    /// A lookup found a value.
    LookupHit,
    /// A lookup found none.
    LookupMiss,
    /// A lookup found none and gave the default.
    LookupDefault,
    /// A lookup could not ask.
    LookupUnavailable,
    /// A lookup found a value that is too large.
    LookupTooLarge,
    /// A lookup had nobody to ask.
    LookupNotConfigured,
    /// A value was stored.
    StoreStored,
    /// A value was sent on its way.
    StoreQueued,
    /// A value was too large, or has no envelope.
    StoreTooLarge,
    /// A value was past its end.
    StoreExpired,
    /// A store could not ask.
    StoreUnavailable,
    /// A store had nobody to ask.
    StoreNotConfigured,
    /// A value was removed.
    RemoveRemoved,
    /// There was nothing to remove.
    RemoveAbsent,
    /// A removal could not ask.
    RemoveUnavailable,
    /// A removal had nobody to ask.
    RemoveNotConfigured,
    /// A rate limit let calls through; without a store it was counted in this process.
    TakeAllowed,
    /// A rate limit let calls not through; without a store it was counted in this process.
    TakeRefused,
    /// A rate limit could not ask its store and was counted in this process.
    TakeUnavailable,
}

impl Event {
    /// Every event with its operation and result, as the labels say them, in the order of the enum.
    pub const ALL: [(Event, &'static str, &'static str); 19] = [
        (Self::LookupHit, "lookup", "hit"),
        (Self::LookupMiss, "lookup", "miss"),
        (Self::LookupDefault, "lookup", "default"),
        (Self::LookupUnavailable, "lookup", "unavailable"),
        (Self::LookupTooLarge, "lookup", "too_large"),
        (Self::LookupNotConfigured, "lookup", "not_configured"),
        (Self::StoreStored, "store", "stored"),
        (Self::StoreQueued, "store", "queued"),
        (Self::StoreTooLarge, "store", "skipped_too_large"),
        (Self::StoreExpired, "store", "skipped_expired"),
        (Self::StoreUnavailable, "store", "unavailable"),
        (Self::StoreNotConfigured, "store", "not_configured"),
        (Self::RemoveRemoved, "remove", "removed"),
        (Self::RemoveAbsent, "remove", "absent"),
        (Self::RemoveUnavailable, "remove", "unavailable"),
        (Self::RemoveNotConfigured, "remove", "not_configured"),
        (Self::TakeAllowed, "take", "allowed"),
        (Self::TakeRefused, "take", "refused"),
        (Self::TakeUnavailable, "take", "unavailable"),
    ];

    /// The operation and the result, as the labels and the spans say them.
    #[must_use]
    pub fn labels(self) -> (&'static str, &'static str) {
        let (_, operation, result) = Self::ALL[self as usize];
        (operation, result)
    }
}

impl From<&Lookup> for Event {
    fn from(lookup: &Lookup) -> Self {
        match &lookup.result {
            LookupResult::Hit(_) => Self::LookupHit,
            LookupResult::Miss => Self::LookupMiss,
            LookupResult::Default(_) => Self::LookupDefault,
            LookupResult::Unavailable { cause: Cause::TooLarge { .. }, .. } => Self::LookupTooLarge,
            LookupResult::Unavailable { .. } => Self::LookupUnavailable,
            LookupResult::NotConfigured { .. } => Self::LookupNotConfigured,
        }
    }
}

impl From<&Store> for Event {
    fn from(store: &Store) -> Self {
        match &store.result {
            StoreResult::Stored => Self::StoreStored,
            StoreResult::Queued => Self::StoreQueued,
            StoreResult::Skipped(SkipReason::AlreadyExpired) => Self::StoreExpired,
            StoreResult::Skipped(_) => Self::StoreTooLarge,
            StoreResult::Unavailable(_) => Self::StoreUnavailable,
            StoreResult::NotConfigured => Self::StoreNotConfigured,
        }
    }
}

impl From<&Remove> for Event {
    fn from(remove: &Remove) -> Self {
        match &remove.result {
            RemoveResult::Removed => Self::RemoveRemoved,
            RemoveResult::Absent => Self::RemoveAbsent,
            RemoveResult::Unavailable(_) => Self::RemoveUnavailable,
            RemoveResult::NotConfigured => Self::RemoveNotConfigured,
        }
    }
}

/// The counters of one [`Cache`](crate::Cache). Written by every call, read by whoever likes.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: [[AtomicU64; Event::ALL.len()]; STORES.len()],
    times: [[Histogram; OPERATIONS.len()]; STORES.len()],
    /// 1 if external entries are configured and none is for this region; set by the switcher.
    pub(crate) external_unresolved: AtomicU64,
    /// How often another external cache came into use; counted by the switcher.
    pub(crate) external_changes: AtomicU64,
    /// How often a call turned to the internal cache since the external one failed.
    pub(crate) failovers: AtomicU64,
    /// How often a source of external entries could not be used; counted by the switcher.
    pub(crate) external_troubles: AtomicU64,
}

#[derive(Debug, Default)]
struct Histogram {
    /// Calls by the first bound they are under; the last is for the rest.
    buckets: [AtomicU64; BOUNDS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

impl Metrics {
    pub(crate) fn count(&self, event: Event, store: &StoreUsed, took: Duration) {
        let store = store_index(store);
        let (operation, _) = event.labels();
        self.counts[store][event as usize].fetch_add(1, Ordering::Relaxed);
        let operation = OPERATIONS.iter().position(|known| *known == operation).unwrap_or(0);
        self.times[store][operation].note(took);
    }

    /// Counts what became of a call whose time was counted before.
    pub(crate) fn count_only(&self, event: Event, store: &StoreUsed) {
        self.counts[store_index(store)][event as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often this happened with stores of this kind (the entry's name does not matter).
    #[must_use]
    pub fn get(&self, event: Event, store: &StoreUsed) -> u64 {
        self.counts[store_index(store)][event as usize].load(Ordering::Relaxed)
    }

    /// How often a call turned to the internal cache since the external one failed; see
    /// [`CacheBuilder::failover`](crate::CacheBuilder::failover).
    #[must_use]
    pub fn failovers(&self) -> u64 {
        self.failovers.load(Ordering::Relaxed)
    }

    /// How often another external cache came into use since the start.
    #[must_use]
    pub fn external_changes(&self) -> u64 {
        self.external_changes.load(Ordering::Relaxed)
    }

    /// How often a source of external entries, the file or the cluster, could not be used.
    #[must_use]
    pub fn external_troubles(&self) -> u64 {
        self.external_troubles.load(Ordering::Relaxed)
    }

    /// Whether external caches are configured, but none for this region.
    #[must_use]
    pub fn external_is_unresolved(&self) -> bool {
        self.external_unresolved.load(Ordering::Relaxed) == 1
    }
}

impl Histogram {
    fn note(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, labels: &str) -> fmt::Result {
        let mut count = 0;
        for (place, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            match BOUNDS_MICROS.get(place) {
                Some(bound) => {
                    writeln!(f, "{SECONDS}_bucket{{{labels},le=\"{}\"}} {count}", seconds(*bound))?
                }
                None => writeln!(f, "{SECONDS}_bucket{{{labels},le=\"+Inf\"}} {count}")?,
            }
        }
        writeln!(f, "{SECONDS}_sum{{{labels}}} {}", seconds(self.sum_micros.load(Ordering::Relaxed)))?;
        writeln!(f, "{SECONDS}_count{{{labels}}} {count}")
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# HELP {CALLS} Calls by operation, result and store.\n# TYPE {CALLS} counter")?;
        for (counts, store) in self.counts.iter().zip(STORES) {
            for (event, operation, result) in Event::ALL {
                let count = counts[event as usize].load(Ordering::Relaxed);
                writeln!(
                    f,
                    "{CALLS}{{operation=\"{operation}\",result=\"{result}\",store=\"{store}\"}} {count}"
                )?;
            }
        }
        writeln!(f, "# HELP {SECONDS} Time taken by calls.\n# TYPE {SECONDS} histogram")?;
        for (times, store) in self.times.iter().zip(STORES) {
            for (histogram, operation) in times.iter().zip(OPERATIONS) {
                histogram.write(f, &format!("operation=\"{operation}\",store=\"{store}\""))?;
            }
        }
        writeln!(
            f,
            "# HELP {UNRESOLVED} 1 if no external cache is for this region, though some are configured."
        )?;
        writeln!(f, "# TYPE {UNRESOLVED} gauge")?;
        writeln!(f, "{UNRESOLVED} {}", self.external_unresolved.load(Ordering::Relaxed))?;
        let (changes, troubles) = (&self.external_changes, &self.external_troubles);
        counter(f, CHANGES, "Times another external cache came into use.", changes)?;
        counter(f, TROUBLES, "Times a source of external caches could not be used.", troubles)?;
        counter(
            f,
            FAILOVERS,
            "Calls that turned from the external cache to the internal one.",
            &self.failovers,
        )
    }
}

fn counter(f: &mut fmt::Formatter<'_>, name: &str, help: &str, count: &AtomicU64) -> fmt::Result {
    let count = count.load(Ordering::Relaxed);
    writeln!(f, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {count}")
}

fn store_index(store: &StoreUsed) -> usize {
    match store {
        StoreUsed::None => 0,
        StoreUsed::Internal => 1,
        StoreUsed::External(_) => 2,
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

const STORES: [&str; 3] = ["none", "internal", "external"];
const OPERATIONS: [&str; 4] = ["lookup", "store", "remove", "take"];
const CALLS: &str = "larder_client_calls_total";
const SECONDS: &str = "larder_client_call_seconds";
const UNRESOLVED: &str = "larder_client_external_unresolved";
const CHANGES: &str = "larder_client_external_changes_total";
const FAILOVERS: &str = "larder_client_failovers_total";
const TROUBLES: &str = "larder_client_external_troubles_total";

/// Upper bounds of the times, in microseconds.
const BOUNDS_MICROS: [u64; 13] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_at_the_place_of_their_event() {
        for (place, (event, _, _)) in Event::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, place);
        }
    }

    #[test]
    fn calls_are_counted_and_printed() {
        let metrics = Metrics::default();
        let external = StoreUsed::External("Default".into());
        metrics.count(Event::LookupHit, &external, Duration::from_micros(250));
        metrics.count(Event::LookupHit, &external, Duration::from_secs(2));
        metrics.count(Event::StoreTooLarge, &StoreUsed::Internal, Duration::ZERO);
        assert_eq!(metrics.get(Event::LookupHit, &external), 2);
        assert_eq!(metrics.get(Event::LookupHit, &StoreUsed::Internal), 0);
        let text = metrics.to_string();
        for line in [
            "larder_client_calls_total{operation=\"lookup\",result=\"hit\",store=\"external\"} 2",
            "larder_client_calls_total{operation=\"store\",result=\"skipped_too_large\",store=\"internal\"} 1",
            "larder_client_call_seconds_bucket{operation=\"lookup\",store=\"external\",le=\"0.0001\"} 0",
            "larder_client_call_seconds_bucket{operation=\"lookup\",store=\"external\",le=\"0.00025\"} 1",
            "larder_client_call_seconds_bucket{operation=\"lookup\",store=\"external\",le=\"+Inf\"} 2",
            "larder_client_call_seconds_sum{operation=\"lookup\",store=\"external\"} 2.00025",
            "larder_client_call_seconds_count{operation=\"lookup\",store=\"external\"} 2",
            "larder_client_external_unresolved 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
        }
    }
}
