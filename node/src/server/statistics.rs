//! What the node counts and times. Each worker has counters of its own, which it alone writes; whoever asks adds them up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_proto::error::ErrorCode;
use larder_proto::time::Millis;
use parking_lot::Mutex;

use super::stalls::{TurnTotals, Turns};
use crate::commands::ports::{Histogram, SlowEntry};
use crate::commands::table::CommandId;
use crate::store::Lookups;

/// Counters of the node: one set for each worker, and the slow log.
#[derive(Debug)]
pub struct NodeStatistics {
    workers: Vec<Arc<WorkerStatistics>>,
    slow: Mutex<SlowLog>,
    /// Error replies by the place of their word. Errors are rare: all workers share them.
    errors: [AtomicU64; ErrorCode::ALL.len()],
    /// Steps of the sweep.
    pub(super) sweep_turns: Turns,
}

#[derive(Debug, Default)]
struct SlowLog {
    entries: VecDeque<SlowEntry>,
    next_id: u64,
}

/// Counters of one worker. Written by that worker alone, so that adding is a load and a store.
#[derive(Debug)]
pub(super) struct WorkerStatistics {
    commands: Box<[CommandCounters]>,
    hits: AtomicU64,
    misses: AtomicU64,
    effects: AtomicU64,
    input_bytes: AtomicU64,
    output_bytes: AtomicU64,
    /// Requests of one connection that were carried out in one go.
    pub(super) turns: Turns,
}

#[derive(Debug, Default)]
struct CommandCounters {
    calls: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
    took_ns: AtomicU64,
    /// Calls by the number of bits of their microseconds.
    buckets: [AtomicU64; BUCKETS],
}

/// Sums over workers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Commands carried out.
    pub commands: u64,
    /// Keys found.
    pub hits: u64,
    /// Keys not found.
    pub misses: u64,
    /// Effects of writes.
    pub effects: u64,
    /// Bytes received from clients.
    pub input_bytes: u64,
    /// Bytes sent to clients.
    pub output_bytes: u64,
}

/// Sums over workers for one command.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CommandTotals {
    /// Times it was carried out, failures included.
    pub calls: u64,
    /// Times it failed.
    pub failed: u64,
    /// Times it was refused before it began.
    pub rejected: u64,
    /// Nanoseconds of all calls.
    pub took_ns: u64,
}

impl NodeStatistics {
    /// Counters for so many workers and commands.
    #[must_use]
    pub fn new(workers: usize, commands: usize) -> Self {
        let worker = || Arc::new(WorkerStatistics::new(commands));
        Self {
            workers: (0..workers).map(|_| worker()).collect(),
            slow: Mutex::default(),
            errors: Default::default(),
            sweep_turns: Turns::default(),
        }
    }

    pub(super) fn worker(&self, number: usize) -> Arc<WorkerStatistics> {
        Arc::clone(&self.workers[number])
    }

    /// The sums.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for worker in &self.workers {
            totals.commands += worker.commands.iter().map(|command| load(&command.calls)).sum::<u64>();
            totals.hits += load(&worker.hits);
            totals.misses += load(&worker.misses);
            totals.effects += load(&worker.effects);
            totals.input_bytes += load(&worker.input_bytes);
            totals.output_bytes += load(&worker.output_bytes);
        }
        totals
    }

    /// The sums of one command.
    #[must_use]
    pub fn command(&self, id: CommandId) -> CommandTotals {
        let mut totals = CommandTotals::default();
        for counters in self.workers.iter().filter_map(|worker| worker.commands.get(usize::from(id))) {
            totals.calls += load(&counters.calls);
            totals.failed += load(&counters.failed);
            totals.rejected += load(&counters.rejected);
            totals.took_ns += load(&counters.took_ns);
        }
        totals
    }

    /// Latencies of one command, in powers of two.
    #[must_use]
    pub fn histogram(&self, id: CommandId) -> Histogram {
        let mut histogram = Histogram::default();
        for bucket in 0..BUCKETS {
            let in_bucket =
                |worker: &Arc<WorkerStatistics>| load(&worker.commands[usize::from(id)].buckets[bucket]);
            let calls: u64 = self.workers.iter().map(in_bucket).sum();
            if calls > 0 {
                histogram.calls += calls;
                histogram.buckets.push((1 << bucket, histogram.calls));
            }
        }
        histogram
    }

    /// Sets all counters to zero. Calls that run meanwhile may survive in a counter.
    pub fn reset(&self) {
        for worker in &self.workers {
            worker.all().for_each(|counter| counter.store(0, Ordering::Relaxed));
            worker.turns.reset();
        }
        self.errors.iter().for_each(|counter| counter.store(0, Ordering::Relaxed));
        self.sweep_turns.reset();
    }

    /// How long workers and the sweep were busy with one thing.
    #[must_use]
    pub fn turns(&self) -> TurnTotals {
        let mut totals = TurnTotals::default();
        self.workers.iter().for_each(|worker| worker.turns.add_to(&mut totals));
        self.sweep_turns.add_to(&mut totals);
        totals
    }

    /// Error replies by their word, those that occurred.
    pub(super) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counted =
            ErrorCode::ALL.iter().zip(&self.errors).map(|(code, counter)| (code.word(), load(counter)));
        counted.filter(|(_, count)| *count > 0)
    }

    pub(super) fn count_error(&self, code: ErrorCode) {
        self.errors[code.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_slow(&self, mut entry: SlowEntry, entries_max: usize) {
        let mut slow = self.slow.lock();
        entry.id = slow.next_id;
        slow.next_id += 1;
        slow.entries.push_front(entry);
        slow.entries.truncate(entries_max);
    }

    pub(super) fn slow_entries(&self, count: usize) -> Vec<SlowEntry> {
        self.slow.lock().entries.iter().take(count).cloned().collect()
    }

    pub(super) fn slow_length(&self) -> usize {
        self.slow.lock().entries.len()
    }

    pub(super) fn slow_reset(&self) {
        self.slow.lock().entries.clear();
    }
}

impl WorkerStatistics {
    fn new(commands: usize) -> Self {
        Self {
            commands: (0..commands).map(|_| CommandCounters::default()).collect(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            effects: AtomicU64::new(0),
            input_bytes: AtomicU64::new(0),
            output_bytes: AtomicU64::new(0),
            turns: Turns::default(),
        }
    }

    #[inline]
    pub(super) fn count_call(&self, id: CommandId, took_ns: u64, failed: bool) {
        let counters = &self.commands[usize::from(id)];
        add(&counters.calls, 1);
        add(&counters.took_ns, took_ns);
        add(&counters.buckets[bucket(took_ns)], 1);
        if failed {
            add(&counters.failed, 1);
        }
    }

    /// Counts so many calls that took so long together.
    #[inline]
    pub(super) fn count_calls(&self, id: CommandId, calls: u64, took_ns: u64) {
        if calls > 0 {
            let counters = &self.commands[usize::from(id)];
            add(&counters.calls, calls);
            add(&counters.took_ns, took_ns);
            add(&counters.buckets[bucket(took_ns / calls)], calls);
        }
    }

    pub(super) fn count_rejected(&self, id: CommandId) {
        add(&self.commands[usize::from(id)].rejected, 1);
    }

    pub(super) fn count_batch(&self, lookups: Lookups, effects: u64) {
        for (counter, amount) in
            [(&self.hits, u64::from(lookups.hits)), (&self.misses, u64::from(lookups.misses))]
        {
            add(counter, amount);
        }
        add(&self.effects, effects);
    }

    pub(super) fn count_input(&self, bytes: usize) {
        add(&self.input_bytes, bytes as u64);
    }

    pub(super) fn count_output(&self, bytes: usize) {
        add(&self.output_bytes, bytes as u64);
    }

    fn all(&self) -> impl Iterator<Item = &AtomicU64> {
        let commands = self.commands.iter().flat_map(|command| {
            let fixed = [&command.calls, &command.failed, &command.rejected, &command.took_ns];
            fixed.into_iter().chain(&command.buckets)
        });
        let fixed = [&self.hits, &self.misses, &self.effects, &self.input_bytes, &self.output_bytes];
        commands.chain(fixed)
    }
}

/// An entry of the slow log, before it has a number.
pub(super) fn slow_entry(
    words: Vec<Vec<u8>>,
    took_ns: u64,
    now: Millis,
    address: String,
    name: &str,
) -> SlowEntry {
    SlowEntry {
        id: 0,
        at_seconds: now.seconds(),
        took_us: took_ns / 1_000,
        words,
        address,
        client_name: name.to_owned(),
    }
}

/// The bucket of a call that took so long.
#[inline]
fn bucket(took_ns: u64) -> usize {
    let bits = u64::BITS - (took_ns / 1_000).leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[inline]
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
}

/// Up to 2^30 microseconds, some 18 minutes.
const BUCKETS: usize = 31;
