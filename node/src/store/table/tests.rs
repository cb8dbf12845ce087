//! A table against a plain map, with hashes as good and as bad as can be, and its invariants after every step.

use std::collections::HashMap;
use std::sync::atomic::AtomicU16;

use fastrand::Rng;
use proptest::prelude::*;

use super::bucket::PLACES;
use super::{Entry, Place, Table, Tag};

/// How the tags of a test are spread.
#[derive(Clone, Copy, Debug)]
enum Spread {
    Uniform,
    Low,
    High,
    Equal(u32),
    /// Half of them equal, the others anywhere.
    Mixed(u32),
}

impl Spread {
    fn tag(self, random: &mut Rng) -> Tag {
        let end = Tag::END.number();
        Tag::new(match self {
            Self::Uniform => random.u32(..end),
            Self::Low => random.u32(..40),
            Self::High => end - 1 - random.u32(..40),
            Self::Equal(tag) => tag,
            Self::Mixed(tag) => {
                if random.bool() {
                    tag
                } else {
                    random.u32(..end)
                }
            }
        })
    }
}

/// A table and what should be in it.
#[derive(Default)]
struct Pair {
    table: Table,
    /// Tag and usage by `at`.
    model: HashMap<u32, (Tag, u16)>,
    /// The keys of `model`, to choose from.
    known: Vec<u32>,
    next_at: u32,
}

impl Pair {
    fn insert(&mut self, tag: Tag) {
        self.next_at += 1;
        let (at, usage) = (self.next_at, (self.next_at % 1_000) as u16);
        let place = self.table.insert(tag, at, usage);
        assert_eq!(
            (self.table.at(place), self.table.usage(place)),
            (at, usage),
            "the place of the new entry"
        );
        self.model.insert(at, (tag, usage));
        self.known.push(at);
    }

    fn place(&self, at: u32) -> Place {
        let (tag, _) = self.model[&at];
        self.table.find(tag, |found| found == at).unwrap_or_else(|| panic!("{at} with {tag:?} is lost"))
    }

    fn choose(&self, random: &mut Rng) -> Option<u32> {
        (!self.known.is_empty()).then(|| self.known[random.usize(..self.known.len())])
    }

    fn remove(&mut self, random: &mut Rng) {
        if self.known.is_empty() {
            return;
        }
        let at = self.known.swap_remove(random.usize(..self.known.len()));
        let place = self.place(at);
        let (tag, usage) = self.model.remove(&at).unwrap();
        assert_eq!(self.table.remove(place), Some(Entry { tag, at, usage }));
        assert_eq!(self.table.find(tag, |found| found == at), None);
    }

    /// Changes an entry in its place: moves the item, or notes a use.
    fn update(&mut self, random: &mut Rng) {
        let Some(at) = self.choose(random) else { return };
        let place = self.place(at);
        self.table.set_usage(place, 7_777);
        let (tag, _) = self.model.remove(&at).unwrap();
        self.next_at += 1;
        self.table.set_at(place, self.next_at);
        self.model.insert(self.next_at, (tag, 7_777));
        *self.known.iter_mut().find(|known| **known == at).unwrap() = self.next_at;
    }

    /// Everything that has to hold between two operations.
    fn check(&self) {
        let row = self.table.buckets.as_slice();
        assert_eq!(self.table.len(), self.model.len());
        assert_eq!(row.iter().map(|bucket| bucket.entries().count()).sum::<usize>(), self.model.len());
        for (index, bucket) in row.iter().enumerate() {
            for entry in bucket.entries() {
                assert_eq!(self.model.get(&entry.at), Some(&(entry.tag, entry.usage)));
                let home = self.table.layout.home(entry.tag);
                assert!(home <= index && row[home..index].iter().all(|bucket| bucket.is_full()));
                assert!(index - home <= row[home].reach());
            }
            assert!(bucket.reach() == 0 || bucket.is_full(), "an empty bucket must be all zero");
            for place in bucket.len()..PLACES {
                assert_eq!(bucket.entry(place), Entry { tag: Tag::default(), at: 0, usage: 0 });
            }
        }
        for (&at, &(tag, usage)) in &self.model {
            let place = self.place(at);
            assert_eq!((self.table.at(place), self.table.usage(place)), (at, usage));
            assert!(self.table.candidate(tag).is_some());
        }
        self.check_size();
    }

    fn check_size(&self) {
        let places = self.table.layout.homes() as usize * PLACES;
        assert!(self.table.len() * 100 <= places * 95, "{} in {places}", self.table.len());
        assert!(self.table.buckets() <= 24 + self.table.len(), "much too large");
        assert_eq!(self.table.len() == 0, self.table.bytes() == 0);
    }

    /// One pass over all tags, `between` being called between the ranges; how often each entry came.
    fn scan(&mut self, wanted: usize, mut between: impl FnMut(&mut Self)) -> HashMap<u32, usize> {
        let (mut from, mut seen) = (Tag::default(), HashMap::new());
        while from < Tag::END {
            let to = self.table.next_range(from, wanted);
            assert!(to > from, "a scan goes on");
            self.table.visit(from..to, |entry| {
                assert!((from..to).contains(&entry.tag));
                *seen.entry(entry.at).or_default() += 1;
            });
            from = Tag::new(to.number());
            between(self);
        }
        seen
    }
}

fn spreads() -> impl Strategy<Value = Spread> {
    let tag = prop_oneof![Just(0), Just(Tag::END.number() - 1), 0..Tag::END.number()];
    prop_oneof![
        3 => Just(Spread::Uniform),
        1 => Just(Spread::Low),
        1 => Just(Spread::High),
        1 => tag.clone().prop_map(Spread::Equal),
        1 => tag.prop_map(Spread::Mixed),
    ]
}

/// So many writes, of which this share in a hundred are inserts.
fn phases() -> impl Strategy<Value = Vec<(Spread, usize, u32)>> {
    prop::collection::vec((spreads(), 1..250_usize, prop_oneof![Just(95), Just(50), Just(5)]), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn agrees_with_a_map(phases in phases(), seed: u64) {
        let (mut pair, mut random) = (Pair::default(), Rng::with_seed(seed));
        for (spread, writes, inserts) in phases {
            for _ in 0..writes {
                match random.u32(..100) {
                    choice if choice < inserts => pair.insert(spread.tag(&mut random)),
                    _ => pair.remove(&mut random),
                }
                match random.u8(..8) {
                    0 => pair.update(&mut random),
                    1 => pair.table.step(random.usize(..4)),
                    _ => {}
                }
                pair.check();
            }
        }
    }

    #[test]
    fn a_scan_meets_each_entry_that_stays_once(
        spread in spreads(), wanted in 1..60_usize, grows: bool, seed: u64,
    ) {
        let (mut pair, mut random) = (Pair::default(), Rng::with_seed(seed));
        for _ in 0..700 {
            pair.insert(spread.tag(&mut random));
        }
        let before = pair.known.clone();
        let seen = pair.scan(wanted, |pair| for _ in 0..random.u8(..40) {
            if grows { pair.insert(spread.tag(&mut random)) } else { pair.remove(&mut random) }
        });
        for at in before.iter().filter(|at| pair.model.contains_key(at)) {
            prop_assert_eq!(seen.get(at), Some(&1));
        }
        prop_assert!(seen.values().all(|&times| times == 1));
        pair.check();
    }
}

/// Fills and empties a table, checking now and then; how often it was found growing, and shrinking.
fn up_and_down(spread: Spread, entries: usize) -> (usize, usize) {
    let (mut pair, mut random) = (Pair::default(), Rng::with_seed(5));
    let (mut growing, mut shrinking) = (0, 0);
    for count in 0..entries {
        pair.insert(spread.tag(&mut random));
        pair.check_size();
        if count % 61 == 0 {
            pair.check();
            growing += usize::from(pair.table.needs_step());
        }
    }
    let greatest = pair.table.buckets();
    for count in 0..entries {
        pair.remove(&mut random);
        pair.check_size();
        if count % 61 == 0 {
            pair.check();
            shrinking += usize::from(pair.table.needs_step());
        }
        if count == entries / 4 * 3 {
            assert!(pair.table.buckets() < greatest, "nothing was given back");
        }
    }
    assert_eq!((pair.table.len(), pair.table.buckets()), (0, 0));
    (growing, shrinking)
}

#[test]
fn grows_and_shrinks_with_good_hashes() {
    let (growing, shrinking) = up_and_down(Spread::Uniform, 12_000);
    assert!(growing > 5 && shrinking > 5, "looked in the middle of {growing} and {shrinking} changes");
}

#[test]
fn grows_and_shrinks_with_bad_hashes() {
    let last = Tag::END.number() - 1;
    for spread in [Spread::Low, Spread::High, Spread::Equal(0), Spread::Equal(last), Spread::Mixed(9_999_999)]
    {
        up_and_down(spread, 300);
    }
}

#[test]
fn an_empty_table_has_no_memory_and_finds_nothing() {
    let table = Table::default();
    assert_eq!((table.len(), table.buckets(), table.bytes()), (0, 0, 0));
    assert_eq!(table.find(Tag::new(5), |_| true), None);
    assert_eq!(table.next_range(Tag::default(), 10), Tag::END);
    assert_eq!(table.random(&mut Rng::with_seed(1)), None);
    assert_eq!(table.refresh(0, 10, |usage| usage), None);
    assert!(!table.needs_step());
}

#[test]
fn shrinks_on_by_steps_alone() {
    let (mut pair, mut random) = (Pair::default(), Rng::with_seed(6));
    (0..5_000).for_each(|_| pair.insert(Spread::Uniform.tag(&mut random)));
    let before = pair.table.layout.homes();
    while !pair.table.needs_step() {
        pair.remove(&mut random);
    }
    assert!(pair.table.len() > 1_000);
    for _ in 0..before {
        pair.table.step(1);
        pair.check();
    }
    assert!(!pair.table.needs_step());
    let homes = pair.table.layout.homes() as usize;
    assert!(homes < before as usize && pair.table.buckets() < homes + 20, "{homes} of {before}");
    let percent = pair.table.len() * 100 / (homes * PLACES);
    assert!((75..=80).contains(&percent), "{percent} %");
}

#[test]
fn ranges_have_about_as_many_entries_as_wanted() {
    let (mut pair, mut random) = (Pair::default(), Rng::with_seed(7));
    (0..20_000).for_each(|_| pair.insert(Spread::Uniform.tag(&mut random)));
    for wanted in [1, 10, 100, 1_000] {
        let mut from = Tag::default();
        while from < Tag::END {
            let (to, mut entries) = (pair.table.next_range(from, wanted), 0);
            pair.table.visit(from..to, |_| entries += 1);
            assert!(entries <= wanted + 100, "{entries} for {wanted}");
            assert!(to == Tag::END || wanted < 100 || entries >= wanted - 100, "{entries} for {wanted}");
            from = to;
        }
    }
}

#[test]
fn every_entry_is_equally_likely_to_be_picked() {
    let (mut pair, mut random) = (Pair::default(), Rng::with_seed(8));
    (0..200).for_each(|_| pair.insert(Spread::Mixed(77).tag(&mut random)));
    let mut picked = HashMap::<u32, usize>::new();
    for _ in 0..200 * 200 {
        *picked.entry(pair.table.random(&mut random).unwrap().at).or_default() += 1;
    }
    assert_eq!(picked.len(), 200);
    assert!(picked.values().all(|times| (120..300).contains(times)), "{picked:?}");
}

#[test]
fn a_refresh_meets_each_usage_once() {
    let (mut pair, mut random) = (Pair::default(), Rng::with_seed(9));
    (0..3_000).for_each(|_| pair.insert(Spread::Uniform.tag(&mut random)));
    let (mut from, calls) = (Some(0), AtomicU16::new(0));
    while let Some(bucket) = from {
        from = pair.table.refresh(bucket, 50, |usage| {
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            usage / 2
        });
    }
    assert_eq!(calls.into_inner(), 3_000);
    pair.model.values_mut().for_each(|(_, usage)| *usage /= 2);
    pair.check();
}

#[test]
fn a_place_without_an_entry_gives_none() {
    let mut table = Table::default();
    let place = table.insert(Tag::of_hash(u64::MAX), 1, 2);
    assert_eq!(table.remove(place), Some(Entry { tag: Tag::new(0xff_ffff), at: 1, usage: 2 }));
    assert_eq!(table.remove(place), None);
}
