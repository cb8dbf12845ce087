//! Properties of sorted sets of both forms: they agree with a plain ordered set, and count their memory.

use std::collections::{BTreeMap, BTreeSet};

use larder_proto::score::Score;
use proptest::prelude::*;

use super::chunk::Entry;
use super::edge::{Edge, MemberEdge};
use super::form::{SortedSet, SortedSetLimits};

const SMALL: SortedSetLimits = SortedSetLimits { entries_max: 8, member_bytes_max: 16 };
const NONE: SortedSetLimits = SortedSetLimits { entries_max: 0, member_bytes_max: 0 };

/// Scores of members, and the same in order.
#[derive(Default)]
struct Model {
    scores: BTreeMap<Vec<u8>, Score>,
    order: BTreeSet<(Score, Vec<u8>)>,
}

impl Model {
    fn set(&mut self, member: &[u8], score: Score) -> Option<Score> {
        let old = self.remove(member);
        self.scores.insert(member.to_vec(), score);
        self.order.insert((score, member.to_vec()));
        old
    }

    fn remove(&mut self, member: &[u8]) -> Option<Score> {
        let old = self.scores.remove(member)?;
        self.order.remove(&(old, member.to_vec()));
        Some(old)
    }

    fn count_before(&self, edge: &Edge<'_>) -> usize {
        self.order.iter().filter(|(score, member)| edge.is_after(*score, || member)).count()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Set(u16, Score),
    Remove(u16),
    /// Many at once, so that leaves are cut and joined.
    SetRange(u16, u16, Score),
    RemoveRange(u16, u16),
    PopFirst(u8),
}

fn score() -> impl Strategy<Value = Score> {
    let number = prop_oneof![
        4 => (-3_i32..3).prop_map(f64::from),
        2 => (0_i32..1_000).prop_map(f64::from),
        1 => any::<i64>().prop_map(|number| number as f64),
        2 => (-40_i32..40).prop_map(|number| f64::from(number) / 8.0),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), Just(0.1), Just(1e300)],
    ];
    number.prop_map(|number| Score::new(number).unwrap())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u16..600, score()).prop_map(|(member, score)| Step::Set(member, score)),
        4 => (0_u16..600).prop_map(Step::Remove),
        1 => (0_u16..500, 0_u16..300, score()).prop_map(|(from, count, score)| Step::SetRange(from, count, score)),
        1 => (0_u16..500, 0_u16..300).prop_map(|(from, count)| Step::RemoveRange(from, count)),
        1 => any::<u8>().prop_map(Step::PopFirst),
    ]
}

/// Short names, long ones, and some that fill a leaf by themselves.
fn name(number: u16) -> Vec<u8> {
    let length = match number % 50 {
        49 => 3_000,
        48 => 700,
        45..48 => 130,
        _ => 0,
    };
    let mut name = format!("{:03}", number.wrapping_mul(31) % 601).into_bytes();
    name.resize(name.len() + length, b'.');
    name
}

fn perform(
    set: &mut SortedSet,
    model: &mut Model,
    step: &Step,
    limits: SortedSetLimits,
) -> Result<(), TestCaseError> {
    let mut put = |set: &mut SortedSet, number: u16, score: Score| {
        let name = name(number);
        prop_assert_eq!(set.set(Entry { score, member: &name }, limits), model.set(&name, score));
        Ok(())
    };
    match *step {
        Step::Set(number, score) => put(set, number, score)?,
        Step::SetRange(from, count, score) => {
            for number in from..from + count {
                put(set, number, Score::new(score.get() + f64::from(number % 7)).unwrap())?;
            }
        }
        Step::Remove(number) => prop_assert_eq!(set.remove(&name(number)), model.remove(&name(number))),
        Step::RemoveRange(from, count) => {
            for number in from..from + count {
                prop_assert_eq!(set.remove(&name(number)), model.remove(&name(number)));
            }
        }
        Step::PopFirst(count) => {
            for _ in 0..count {
                let Some(first) = set.at_rank(0).map(|entry| entry.member.to_vec()) else { break };
                prop_assert_eq!(set.remove(&first), model.remove(&first));
            }
        }
    }
    Ok(())
}

fn agree(set: &SortedSet, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(set.len(), model.order.len());
    let upwards: Vec<_> = set.iter().map(|entry| (entry.score, entry.member.to_vec())).collect();
    prop_assert!(upwards.iter().eq(model.order.iter()));
    if !set.is_empty() {
        let downwards = set.descending(set.len() - 1, usize::MAX);
        prop_assert!(
            downwards.map(|entry| (entry.score, entry.member.to_vec())).eq(upwards.into_iter().rev())
        );
    }
    for number in (0..600).step_by(7) {
        prop_assert_eq!(set.score(&name(number)), model.scores.get(&name(number)).copied());
    }
    Ok(())
}

fn edges_agree(set: &SortedSet, model: &Model, at: Score, number: u16) -> Result<(), TestCaseError> {
    let member = &name(number);
    for after in [false, true] {
        for edge in [Edge::Score { score: at, after }, Edge::Entry { score: at, member, after }] {
            let rank = set.count_before(&edge);
            prop_assert_eq!(rank, model.count_before(&edge), "{:?}", edge);
            let entry = set.at_rank(rank).map(|entry| (entry.score, entry.member.to_vec()));
            prop_assert_eq!(entry.as_ref(), model.order.iter().nth(rank));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn behaves_like_an_ordered_set(
        steps in proptest::collection::vec(step(), 1..60),
        edges in proptest::collection::vec((score(), 0_u16..600), 1..4),
        small in any::<bool>(),
    ) {
        let limits = if small { SMALL } else { NONE };
        let (mut set, mut model) = (SortedSet::default(), Model::default());
        for step in &steps {
            perform(&mut set, &mut model, step, limits)?;
            set.assert_sound();
            for (at, number) in &edges {
                edges_agree(&set, &model, *at, *number)?;
            }
        }
        agree(&set, &model)?;
        let copy = set.clone();
        copy.assert_sound();
        agree(&copy, &model)?;
        prop_assert_eq!(copy.len(), set.len());
    }

    #[test]
    fn members_of_one_score_are_in_their_own_order(
        members in proptest::collection::btree_set("[a-c]{0,6}", 0..400),
        at in "[a-c]{0,6}",
        limits in prop_oneof![Just(SMALL), Just(NONE)],
    ) {
        let mut set = SortedSet::default();
        for member in &members {
            set.set(Entry { score: Score::of(5), member: member.as_bytes() }, limits);
        }
        let count = |edge| set.count_before(&Edge::Member(edge));
        prop_assert_eq!(count(MemberEdge::First), 0);
        prop_assert_eq!(count(MemberEdge::Last), members.len());
        prop_assert_eq!(count(MemberEdge::Before(at.as_bytes())), members.range(..at.clone()).count());
        prop_assert_eq!(count(MemberEdge::After(at.as_bytes())), members.range(..=at.clone()).count());
    }

    #[test]
    fn a_scan_meets_what_stays_once(steps in proptest::collection::vec(step(), 0..60), count in 1_usize..60) {
        let (mut set, mut model) = (SortedSet::default(), Model::default());
        let stays = |number: u32| format!("stays {number}").into_bytes();
        for number in 0..500 {
            set.set(Entry { score: Score::of(1), member: &stays(number) }, NONE);
        }
        let (mut cursor, mut seen, mut steps) = (0, Vec::new(), steps.iter());
        loop {
            cursor = set.scan(cursor, count, |entry| seen.push(entry.member.to_vec()));
            if cursor == 0 {
                break;
            }
            if let Some(step) = steps.next().filter(|step| !matches!(step, Step::PopFirst(_))) {
                perform(&mut set, &mut model, step, NONE)?;
            }
        }
        for number in 0..500 {
            prop_assert_eq!(seen.iter().filter(|name| **name == stays(number)).count(), 1, "{}", number);
        }
    }
}

#[test]
fn ascending_entries_fill_their_leaves() {
    let entries = |numbers: &mut dyn Iterator<Item = u32>| {
        let mut set = SortedSet::default();
        for number in numbers {
            let member = format!("member:{number:09}");
            set.set(Entry { score: Score::of(number.into()), member: member.as_bytes() }, NONE);
        }
        set.assert_sound();
        set.heap_bytes()
    };
    let ascending = entries(&mut (0..50_000));
    let scattered = entries(&mut (0..50_000_u32).map(|number| number.wrapping_mul(48_271) % 1_000_003));
    assert!(ascending < 50_000 * 35, "{ascending} bytes");
    assert!(scattered < 50_000 * 42, "{scattered} bytes");
}

#[test]
fn a_sorted_set_is_dropped_piece_by_piece() {
    let mut set = SortedSet::default();
    for number in 0..10_000_u32 {
        set.set(Entry { score: Score::of(1), member: &number.to_be_bytes() }, NONE);
    }
    let (mut pieces, mut before) = (0, set.heap_bytes());
    while !set.drain_some(500) {
        assert!(set.heap_bytes() <= before);
        before = set.heap_bytes();
        pieces += 1;
    }
    assert!((20..100).contains(&pieces), "{pieces} pieces");
    assert_eq!(SortedSet::default().heap_bytes(), 0);
    assert!(SortedSet::default().drain_some(1));
}
