//! The background task that reclaims expired and flushed keys, every partition once a second, a few at a time, and
//! evicts what a lowered memory limit leaves too much.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_proto::slot::Partition;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval};

use super::node::Shared;
use crate::clock::Clock;
use crate::limits::{SWEEP_ROUND_MS, SWEEP_STEP_MS};
use crate::store::Store;

/// Sweeps until the node stops. Owns nothing; locks one partition at a time, for a bounded number of keys, and lets the
/// thread's other tasks run after each such step.
pub async fn sweep_forever(shared: Arc<Shared>, mut random: Rng) {
    let mut tick = interval(Duration::from_millis(SWEEP_STEP_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let steps = (SWEEP_ROUND_MS / SWEEP_STEP_MS) as usize;
    let per_step = Partition::all().len().div_ceil(steps);
    let mut partitions = Partition::all().cycle();
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = shared.stop.cancelled() => return,
        }
        shrink(&shared.store, &*shared.clock, &mut random).await;
        for partition in partitions.by_ref().take(per_step) {
            sweep(&shared.store, partition, &*shared.clock).await;
        }
    }
}

/// Evicts what is above the memory limit, as far as one tick may.
async fn shrink(store: &Store, clock: &dyn Clock, random: &mut Rng) {
    for _ in 0..SHRINK_STEPS_MAX {
        if store.shrink(clock.now(), random) == 0 {
            return;
        }
        yield_now().await;
    }
}

/// Sweeps one partition to its end.
async fn sweep(store: &Store, partition: Partition, clock: &dyn Clock) {
    let mut from = Some(0);
    while let Some(place) = from {
        from = store.sweep(partition, place, clock.now()).resume;
        yield_now().await;
    }
}

/// Steps of eviction in one tick: some 200,000 keys a second.
const SHRINK_STEPS_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use larder_proto::effect::{Effect, EffectSink, Stamp};
    use larder_proto::time::{Deadline, Millis};

    use super::*;
    use crate::store::{
        Access, CollectionLimits, Database, Eviction, HashLimits, PartitionSet, SetLimits, StoreSettings,
        Writer,
    };

    struct Nowhere;

    impl EffectSink for Nowhere {
        fn effect(&mut self, _: Stamp, _: &Effect<'_>) {}
    }

    struct At(Millis);

    impl Clock for At {
        fn now(&self) -> Millis {
            self.0
        }

        fn monotonic_ns(&self) -> u64 {
            self.0.0 * 1_000_000
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
                set: SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 },
            },
        });
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
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { tokio::join!(task, other) });
        turns.get()
    }

    #[test]
    fn sweeping_one_huge_partition_lets_others_run() {
        let store = crowded(Deadline::at(Millis(5)));
        let turns = turns_beside(sweep(&store, Partition::of(b"{t}"), &At(Millis(10))));
        assert_eq!(store.size(Database::default()).keys, 0);
        assert!(turns >= KEYS / 1_000, "others ran {turns} times");
        let store = crowded(Deadline::NEVER);
        let turns = turns_beside(sweep(&store, Partition::of(b"{t}"), &At(Millis(10))));
        assert_eq!(store.size(Database::default()).keys, KEYS);
        assert!(turns >= 2, "others ran {turns} times while nothing was found");
    }

    #[test]
    fn evicting_above_a_lowered_limit_lets_others_run() {
        let (store, mut random) = (crowded(Deadline::NEVER), Rng::with_seed(1));
        let limit = store.memory().used() - 100_000;
        store.memory().set_limit(limit);
        let turns = turns_beside(shrink(&store, &At(Millis(10)), &mut random));
        assert!(store.memory().used() <= limit);
        assert!(turns >= 2, "others ran {turns} times");
    }
}
