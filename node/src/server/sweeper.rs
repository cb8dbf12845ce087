//! The background task that reclaims what nobody can read any more, gives back memory piece by piece, and evicts what a
//! lowered memory limit leaves too much.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::info::resident_bytes;
use super::node::Shared;
use super::stalls::Turns;
use crate::clock::Clock;
use crate::limits::{REFRESH_ROUND_MS, SWEEP_ROUND_MS, SWEEP_STEP_MS};
use crate::store::Store;

/// Sweeps until the node stops. Owns nothing; locks one part of the store at a time, for a bounded number of keys, and
/// leaves the processor to others for as long as it took itself.
pub async fn sweep_forever(shared: Arc<Shared>, mut random: Rng) {
    let mut tick = interval(Duration::from_millis(SWEEP_ROUND_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refreshed = 0;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shared.stop.cancelled() => return,
        }
        shared.store.memory().observe_resident(resident_bytes());
        let mut pace = Pace::new(&*shared.clock, shared.sweep_turns());
        shrink(&shared.store, &mut pace, &mut random).await;
        sweep(&shared.store, &mut pace).await;
        refreshed = refresh(&shared.store, refreshed, &mut pace).await;
    }
}

/// Evicts what is above the memory limit, as far as one round may.
async fn shrink(store: &Store, pace: &mut Pace<'_>, random: &mut Rng) {
    for _ in 0..SHRINK_STEPS_MAX {
        if store.shrink(pace.clock.now(), random) == 0 {
            return;
        }
        pace.rest().await;
    }
}

/// Sweeps every part to its end, and drops what was removed.
async fn sweep(store: &Store, pace: &mut Pace<'_>) {
    for part in 0..store.sweep_parts() {
        while store.sweep(part, pace.clock.now()).more {
            pace.rest().await;
        }
        pace.rest().await;
    }
    while store.drop_removed() {
        pace.rest().await;
    }
}

/// Keeps the times of use of the next few parts from being taken for later ones; the part to go on with.
async fn refresh(store: &Store, from: usize, pace: &mut Pace<'_>) -> usize {
    let parts = store.sweep_parts();
    let some = parts.div_ceil((REFRESH_ROUND_MS / SWEEP_ROUND_MS) as usize);
    for part in (0..some).map(|offset| (from + offset) % parts) {
        let mut next = Some(0);
        while let Some(at) = next {
            next = store.refresh_usages(part, at);
            pace.rest().await;
        }
    }
    (from + some) % parts
}

/// Works for a while, then rests for a while.
struct Pace<'c> {
    clock: &'c dyn Clock,
    turns: &'c Turns,
    since_ns: u64,
    step_ns: u64,
}

impl<'c> Pace<'c> {
    fn new(clock: &'c dyn Clock, turns: &'c Turns) -> Self {
        let now_ns = clock.monotonic_ns();
        Self { clock, turns, since_ns: now_ns, step_ns: now_ns }
    }

    /// Called after each step: rests if the steps since the last rest took long.
    async fn rest(&mut self) {
        let now_ns = self.clock.monotonic_ns();
        self.turns.note(now_ns.saturating_sub(self.step_ns));
        self.step_ns = now_ns;
        if now_ns - self.since_ns >= SWEEP_STEP_MS * 1_000_000 {
            sleep(Duration::from_millis(SWEEP_STEP_MS)).await;
            self.since_ns = self.clock.monotonic_ns();
            self.step_ns = self.since_ns;
        }
    }
}

/// Steps of eviction in one round.
const SHRINK_STEPS_MAX: usize = 2_000;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    use larder_proto::effect::{Effect, EffectSink, Stamp};
    use larder_proto::time::{Deadline, Millis};

    use tokio::task::yield_now;

    use super::*;
    use crate::store::{
        Access, CollectionLimits, Database, Eviction, HashLimits, ListLimits, PartitionSet, SetLimits,
        SortedSetLimits, StoreSettings, Writer,
    };

    struct Nowhere;

    impl EffectSink for Nowhere {
        fn effect(&mut self, _: Stamp, _: &Effect<'_>) {}
    }

    /// A time of day that stands still; each look at the other clock finds it a millisecond later.
    struct At(Millis, AtomicU64);

    impl At {
        const fn new(moment: Millis) -> Self {
            Self(moment, AtomicU64::new(0))
        }
    }

    impl Clock for At {
        fn now(&self) -> Millis {
            self.0
        }

        fn monotonic_ns(&self) -> u64 {
            self.1.fetch_add(1_000_000, Ordering::Relaxed)
        }
    }

    const KEYS: usize = 20_000;

    /// A store with all its keys in one partition.
    fn crowded(deadline: Deadline) -> Store {
        let store = Store::new(&StoreSettings {
            memory_bytes_max: 64 << 20,
            eviction: Eviction::SEGMENT_MERGE,
            collection_limits: CollectionLimits {
                hash: HashLimits { entries_max: 512, value_bytes_max: 64 },
                list: ListLimits::of_setting(-2),
                set: SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 },
                sorted_set: SortedSetLimits { entries_max: 128, member_bytes_max: 64 },
            },
            hash_seed: None,
        })
        .unwrap();
        for key in (0..KEYS).map(|number| format!("{{t}}{number}")) {
            let partitions = PartitionSet::of(key.as_bytes());
            let mut keyspace = store.lock(&partitions, Access::Write, Database::default(), Millis(1));
            Writer::new(&mut keyspace, &mut Nowhere).set(key.as_bytes(), b"value", deadline);
        }
        store
    }

    /// How often another task of the thread ran before this one had ended.
    fn turns_beside(task: impl Future<Output = ()>) -> usize {
        let (turns, ended) = (Cell::new(0), Cell::new(false));
        let task = async {
            task.await;
            ended.set(true);
        };
        let other = async {
            while !ended.get() {
                turns.set(turns.get() + 1);
                yield_now().await;
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::join!(task, other) });
        turns.get()
    }

    #[test]
    fn sweeping_one_huge_partition_lets_others_run() {
        let store = crowded(Deadline::at(Millis(5)));
        let clock = At::new(Millis(10));
        let turns = turns_beside(async { sweep(&store, &mut Pace::new(&clock, &Turns::default())).await });
        assert_eq!(store.size(Database::default()).keys, 0);
        assert!(turns >= KEYS / 2_000, "others ran {turns} times");
    }

    #[test]
    fn what_a_flush_left_is_removed_in_small_steps() {
        let store = crowded(Deadline::NEVER);
        let mut keyspace = store.lock(&PartitionSet::all(), Access::Write, Database::default(), Millis(1));
        Writer::new(&mut keyspace, &mut Nowhere).flush(Database::default());
        drop(keyspace);
        let mut removed = Vec::new();
        for part in 0..store.sweep_parts() {
            let mut more = true;
            while more {
                let swept = store.sweep(part, Millis(2));
                removed.push(swept.keys);
                more = swept.more;
            }
        }
        assert!(removed.iter().all(|&keys| keys <= 1_000), "{removed:?}");
        assert_eq!(removed.iter().sum::<usize>(), KEYS, "{removed:?}");
    }

    #[test]
    fn evicting_above_a_lowered_limit_lets_others_run() {
        let (store, mut random) = (crowded(Deadline::NEVER), Rng::with_seed(1));
        let limit = store.memory().used() - 200_000;
        store.memory().set_limit(limit);
        let clock = At::new(Millis(10));
        let turns = turns_beside(async {
            shrink(&store, &mut Pace::new(&clock, &Turns::default()), &mut random).await
        });
        assert!(store.memory().used() <= limit);
        assert!(turns >= 2, "others ran {turns} times");
    }
}
