//! Properties of a partition that is copied while commands go on: the copy is the same in the end, and goes on being the
//! same, whatever comes between its pieces.

use std::collections::BTreeMap;

use fastrand::Rng;
use larder_proto::slot::Partition;
use proptest::prelude::*;

use super::model::{Step, steps};
use super::properties::{other_line, run};
use super::testing::{Bench, Replica};
use crate::store::{Access, Contents, Database, Plain, Run, Store, Walker};

/// What the owner does between two commands.
#[derive(Debug, Clone)]
enum Move {
    /// Begins to copy a partition, anew if it was copied already.
    Begin(usize),
    /// Copies a piece of so many bytes.
    Piece(usize),
    /// Both reclaim what can be reclaimed.
    Sweep,
}

fn moves(count_max: usize) -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        2 => any::<usize>().prop_map(Move::Begin),
        8 => prop_oneof![Just(0), 1..4_000_usize].prop_map(Move::Piece),
        1 => Just(Move::Sweep),
    ];
    proptest::collection::vec(one, 1..count_max)
}

/// An owner, a copy, and how far each partition was copied.
struct Copying {
    owner: Bench,
    /// By partition: where the next piece begins.
    under_way: BTreeMap<Partition, u64>,
    done: Vec<Partition>,
    random: Rng,
}

impl Copying {
    /// The copy has so much memory.
    fn new(seed: u64, memory_bytes: usize) -> Self {
        let mut owner = Bench::new();
        owner.effects.1 = Some(Replica::idle(owner.now, memory_bytes));
        // What the copy holds at first is not the owner's.
        for (number, partition) in Partition::all().enumerate() {
            let mut guard = owner.copy().store.lock_partition(partition, Access::Write, owner.now);
            guard.set_sequence(number as u64);
        }
        for number in 0..150 {
            owner.run(&format!("set {{x}}{number} {}", "v".repeat(number % 70)));
            owner.run(&format!("set k{number} v"));
        }
        Self { owner, under_way: BTreeMap::new(), done: Vec::new(), random: Rng::with_seed(seed) }
    }

    fn make(&mut self, step: &Move) {
        match *step {
            Move::Begin(number) => self.begin(COPIED[number % COPIED.len()]),
            Move::Piece(bytes_max) => {
                let count = self.under_way.len();
                let chosen = self.under_way.keys().nth(self.random.usize(..count.max(1))).copied();
                chosen.into_iter().for_each(|partition| self.piece(partition, bytes_max));
            }
            Move::Sweep => {
                self.owner.store.sweep_all(self.owner.now);
                self.owner.copy().store.sweep_all(self.owner.now);
            }
        }
    }

    /// From here on the copy gets every effect of the partition.
    fn begin(&mut self, key: &str) {
        let partition = Partition::of(key.as_bytes());
        let guard = self.owner.store.lock_partition(partition, Access::Write, self.owner.now);
        let copy = self.owner.effects.1.as_mut().unwrap();
        copy.follows[partition.index()] = true;
        let mut copied = copy.store.lock_partition(partition, Access::Write, self.owner.now);
        copied.clear();
        copied.set_sequence(guard.sequence());
        self.under_way.insert(partition, 0);
        self.done.retain(|done| *done != partition);
    }

    fn piece(&mut self, partition: Partition, bytes_max: usize) {
        let guard = self.owner.store.lock_partition(partition, Access::Read, self.owner.now);
        let mut bytes = Vec::new();
        let piece = guard.copy_out(self.under_way[&partition], bytes_max, &mut bytes);
        drop(guard);
        let parts = (self.owner.now, &mut self.random);
        let filled = self.owner.copy().store.fill(partition, &bytes, parts);
        self.owner.copy_mut().go_on(partition, filled);
        match piece.next {
            Some(next) => {
                assert!(next > self.under_way[&partition], "a piece goes on");
                self.under_way.insert(partition, next);
            }
            None => {
                self.under_way.remove(&partition);
                self.done.push(partition);
            }
        }
    }

    /// Takes steps, lines and moves in turn, then copies what is left.
    fn play(&mut self, steps: Vec<Step>, lines: Vec<String>, moves: Vec<Move>, check: impl Fn(&Self)) {
        let (mut steps, mut lines, mut moves) = (steps.into_iter(), lines.into_iter(), moves.into_iter());
        self.begin(COPIED[0]);
        loop {
            let (step, line, chosen): (Option<Step>, _, _) = (steps.next(), lines.next(), moves.next());
            if step.is_none() && line.is_none() && chosen.is_none() {
                break;
            }
            step.iter().for_each(|step| drop(run(&mut self.owner, step)));
            line.iter().for_each(|line| drop(self.owner.run(line)));
            if let Some(chosen) = chosen {
                self.make(&chosen);
                check(self);
            }
        }
        while let Some(&partition) = self.under_way.keys().next() {
            self.piece(partition, 500);
        }
        assert!(!self.done.is_empty());
        check(self);
    }

    /// What was copied, as it is in this store.
    fn done_in(&self, store: &Store) -> Contents {
        let copied = |key: &[u8]| {
            let partition = Partition::of(key);
            self.done.contains(&partition) && self.owner.copy().follows[partition.index()]
        };
        store.contents(self.owner.now).into_iter().filter(|((_, key), _)| copied(key)).collect()
    }

    /// What was copied is the same.
    fn check_same(&self) {
        assert_eq!(self.done_in(&self.owner.store), self.done_in(&self.owner.copy().store));
        assert!(self.owner.copy().follows[Partition::of(COPIED[0].as_bytes()).index()]);
        self.check_numbers();
    }

    /// Strings that were edited are known as such.
    fn check_strings(&self) {
        let owner = &self.owner.store;
        for ((database, key), (value, _)) in self.done_in(owner) {
            let encoding = |store: &Store| {
                let database = Database::new(database as i64).unwrap();
                let keyspace = store.lock_one(&key, None, Access::Read, (database, self.owner.now));
                keyspace.peek(&key).map(|item| item.value.encoding())
            };
            if matches!(value, Plain::String(_)) {
                assert_eq!(encoding(owner), encoding(&self.owner.copy().store), "{key:?}");
            }
        }
    }

    /// What is left of what was copied is the same.
    fn check_what_is_left(&self) {
        let owned = self.done_in(&self.owner.store);
        for (place, value) in self.done_in(&self.owner.copy().store) {
            assert_eq!(owned.get(&place), Some(&value), "{place:?}");
        }
        self.check_numbers();
    }

    fn check_numbers(&self) {
        let (owner, copy) = (&self.owner.store, self.owner.copy());
        for &partition in self.done.iter().filter(|partition| copy.follows[partition.index()]) {
            let sequence =
                |store: &Store| store.lock_partition(partition, Access::Read, self.owner.now).sequence();
            assert_eq!(sequence(owner), sequence(&copy.store));
        }
        assert_eq!(copy.store.counted(), copy.store.recount());
    }

    /// A scan that begins at the owner and goes on at the copy, which has other locks, visits each key once.
    fn check_scan(&mut self, database: Database) {
        let (owner, copy) = (&self.owner.store, &self.owner.copy().store);
        let contents = owner.contents(self.owner.now);
        for &partition in &self.done {
            let wanted = contents
                .keys()
                .filter(|(number, key)| *number == database.number() && Partition::of(key) == partition);
            let wanted: Vec<_> = wanted.map(|(_, key)| String::from_utf8_lossy(key).into_owned()).collect();
            let (mut keys, mut from, mut left) = (Vec::new(), Some(0), self.random.usize(..60));
            while let Some(tag) = from {
                let store = if left > 0 { owner } else { copy };
                left = left.saturating_sub(1);
                let walker = Walker::new(store, database, self.owner.now);
                from = walker.scan_run(Run { first: partition, partitions: 1 }, tag, 2, |key, _| {
                    keys.push(String::from_utf8_lossy(key).into_owned());
                });
            }
            keys.sort_unstable();
            assert_eq!(keys, wanted);
        }
    }
}

/// Keys of the partitions that are copied; most keys are of the first.
const COPIED: [&str; 5] = ["{x}1", "a", "b", "{x}1", "k1"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_copy_made_in_pieces_under_commands_is_the_same(
        seed in any::<u64>(),
        steps in steps(60),
        lines in proptest::collection::vec(other_line(), 0..60),
        moves in moves(90),
    ) {
        let mut copying = Copying::new(seed, 16 << 20);
        copying.play(steps, lines, moves, Copying::check_same);
        copying.check_strings();
        Database::all().take(4).for_each(|database| copying.check_scan(database));
    }

    #[test]
    fn a_copy_that_evicts_has_nothing_that_differs(
        seed in any::<u64>(),
        steps in steps(60),
        lines in proptest::collection::vec(other_line(), 0..60),
        moves in moves(90),
        pages in 2..7_usize,
    ) {
        let mut copying = Copying::new(seed, pages * 4_096);
        // What is flushed need not leave.
        let lines = lines.into_iter().filter(|line| !line.starts_with("flush")).collect();
        copying.play(steps, lines, moves, Copying::check_what_is_left);
    }
}

#[test]
fn what_its_owner_has_evicted_is_deleted_at_a_copy_too() {
    let mut bench = Bench::new();
    bench.store.set_copied();
    bench.effects.1 = Some(Replica::new(bench.now));
    bench.run("set k v");
    // As eviction does, this tells nobody.
    bench.store.lock_partition(Partition::of(b"k"), Access::Write, bench.now).clear();
    assert_eq!(bench.run("del k"), ":0|");
    let copy = bench.effects.1.take().expect("a copy");
    assert!(copy.store.contents(bench.now).is_empty());
}
