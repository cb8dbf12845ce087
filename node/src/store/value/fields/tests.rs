//! Tests of the dictionary: it behaves like a map, counts its bytes, and a scan misses nothing that stays.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::super::heap_bytes;
use super::*;

fn bytes(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

fn members(numbers: impl Iterator<Item = u32>) -> Members {
    let mut members = Members::default();
    numbers.for_each(|number| assert!(members.set(&bytes(number), b"")));
    members
}

/// What is counted on the way must be what is there, and every pair in the leaf where it is looked for.
fn check<const VALUED: bool>(dictionary: &Dictionary<VALUED>) {
    let leaves = &dictionary.leaves;
    let blocks: usize = leaves.iter().map(Leaf::block_bytes).sum();
    let heap: usize = leaves.iter().map(Leaf::heap_bytes).sum();
    assert_eq!((dictionary.block_bytes, dictionary.leaf_bytes), (blocks, heap));
    assert_eq!(dictionary.iter().count(), dictionary.len());
    for (number, leaf) in leaves.iter().enumerate() {
        for pair in leaf.pairs() {
            let hash = dictionary.hash(pair.field);
            assert_eq!(dictionary.number(hash), number);
            assert_eq!(hash & !(u64::MAX << dictionary.bits_of(number)), number as u64);
        }
    }
}

fn scan_all(members: &Members, count: usize) -> Vec<Vec<u8>> {
    let (mut cursor, mut seen) = (0, Vec::new());
    loop {
        cursor = members.scan(cursor, count, |member, _| seen.push(member.to_vec()));
        if cursor == 0 {
            return seen;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn behaves_like_a_map(
        steps in proptest::collection::vec((0..6_u8, 0..300_u32, 0..90_usize, 1..60_u32), 0..30),
    ) {
        let (mut fields, mut model) = (Fields::default(), BTreeMap::new());
        for (kind, from, length, count) in steps {
            let value = vec![kind; if kind == 5 { length * 40 } else { length }];
            for number in from..from + count {
                let field = bytes(number);
                match kind {
                    0 | 1 => prop_assert_eq!(fields.remove(&field), model.remove(&field).is_some()),
                    2 => fields = fields.clone(),
                    _ => {
                        prop_assert_eq!(fields.set(&field, &value), model.insert(field, value.clone()).is_none());
                    }
                }
            }
            check(&fields);
            let all: BTreeMap<_, _> = fields.iter().map(|(f, v)| (f.try_into().unwrap(), v.to_vec())).collect();
            prop_assert_eq!(&all, &model);
            prop_assert!(model.iter().all(|(field, value)| fields.get(field) == Some(value)));
            prop_assert_eq!(fields.get(&bytes(1_000)), None);
        }
    }

    #[test]
    fn a_scan_visits_what_stays_once_while_leaves_come_and_go(
        staying in 1..400_u32,
        count in 1..40_usize,
        waves in proptest::collection::vec((any::<bool>(), 0..1_500_u32), 1..12),
    ) {
        let mut members = members(0..staying);
        let (mut cursor, mut seen, mut waves) = (0, BTreeMap::<_, u32>::new(), waves.iter().cycle().take(40));
        loop {
            cursor = members.scan(cursor, count, |member, _| *seen.entry(member.to_vec()).or_default() += 1);
            if cursor == 0 {
                break;
            }
            if let Some(&(adds, others)) = waves.next() {
                for number in 10_000..10_000 + others {
                    if adds { members.set(&bytes(number), b"") } else { members.remove(&bytes(number)) };
                }
            }
        }
        prop_assert!((0..staying).all(|number| seen.get(&bytes(number)[..]) == Some(&1)));
    }
}

#[test]
fn it_grows_and_shrinks_by_one_leaf_and_stays_dense() {
    let mut members = Members::default();
    for number in 0..20_000 {
        let leaves = members.leaves.len();
        members.set(&bytes(number), b"");
        assert!(members.leaves.len() <= leaves + 1);
    }
    check(&members);
    assert_eq!(members.leaves.len(), 20_000 / PAIRS_MEAN_MAX);
    for number in 0..19_999 {
        let leaves = members.leaves.len();
        members.remove(&bytes(number));
        assert!(members.leaves.len() + 1 >= leaves);
    }
    check(&members);
    assert_eq!((members.leaves.len(), members.len()), (1, 1));
}

#[test]
fn a_member_costs_a_few_bytes() {
    let members = members(0..100_000);
    let overhead = members.heap_bytes() as f64 / 100_000.0 - 4.0;
    assert!(overhead < 4.5, "{overhead} bytes for each member");
}

#[test]
fn long_pairs_stand_apart_and_leave_leaves_small() {
    let mut fields = Fields::default();
    for number in 0..2_000 {
        fields.set(&bytes(number), &[7; 200]);
        fields.set(&bytes(number + 10_000), &[7; 3_000]);
    }
    check(&fields);
    let largest = fields.leaves.iter().map(Leaf::block_bytes).max();
    assert!(largest < Some(16 * BLOCK_BYTES_MEAN_MAX), "{largest:?}");
    let needed = 2_000 * (heap_bytes(3_008) + 4 + 200);
    assert!(fields.heap_bytes() < needed + needed / 20, "{} of {needed}", fields.heap_bytes());
    (0..2_000).for_each(|number| assert!(!fields.set(&bytes(number), b"")));
    (0..2_000).for_each(|number| assert!(fields.remove(&bytes(number + 10_000))));
    check(&fields);
    assert!(fields.heap_bytes() < 2_000 * 24, "{}", fields.heap_bytes());
}

#[test]
fn cursors_are_small_and_any_number_is_one() {
    let members = members(0..5_000);
    let seen = scan_all(&members, 1);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 5_000);
    assert_eq!(seen.len(), 5_000);
    let mut cursor = 0;
    for strange in [1, 77, u64::MAX, u64::MAX - 1, 1 << 63, 0x5555_5555_5555_5555] {
        cursor = members.scan(strange, 1, |_, _| ());
        assert!(cursor < 512, "{cursor}");
    }
    assert!(cursor != 0);
    assert_eq!(Members::default().scan(9, 10, |_, _| panic!("nothing is there")), 0);
}

#[test]
fn a_call_of_a_scan_is_short_whatever_was_removed() {
    let mut members = members(0..50_000);
    (1..50_000).for_each(|number| assert!(members.remove(&bytes(number))));
    let mut visited = 0;
    members.scan(0, 10, |_, _| visited += 1);
    assert!(visited <= 1);
    let (mut longest, mut cursor) = (0, 0);
    let members = self::members(0..50_000);
    loop {
        let mut visited = 0;
        cursor = members.scan(cursor, 10, |_, _| visited += 1);
        longest = longest.max(visited);
        if cursor == 0 {
            break;
        }
    }
    assert!(longest < 150, "{longest} at once");
}

#[test]
fn each_pair_is_picked_about_as_often() {
    let members = members(0..1_000);
    let mut random = Rng::with_seed(5);
    let mut times = BTreeMap::<_, u32>::new();
    for _ in 0..200_000 {
        let (member, _) = members.pick(&mut random).unwrap();
        *times.entry(member.to_vec()).or_default() += 1;
    }
    // 200 each, with a deviation of 14: six of them to each side.
    assert_eq!(times.len(), 1_000);
    let (least, most) = (times.values().min().unwrap(), times.values().max().unwrap());
    assert!(*least > 115 && *most < 285, "{least} to {most}");
    assert!(Members::default().pick(&mut random).is_none());
}

#[test]
fn it_is_drained_in_pieces() {
    let mut fields = Fields::default();
    (0..10_000).for_each(|number| assert!(fields.set(&bytes(number), &[1; 100])));
    let mut steps = 1;
    while !fields.drain_some(100) {
        check_drained(&fields);
        steps += 1;
    }
    assert!((60..=100).contains(&steps), "{steps}");
    assert_eq!((fields.len(), fields.block_bytes, fields.leaf_bytes), (0, 0, 0));
    assert!(fields.drain_some(1));
}

fn check_drained(fields: &Fields) {
    assert_eq!(fields.iter().count(), fields.len());
    assert_eq!(fields.leaves.iter().map(Leaf::heap_bytes).sum::<usize>(), fields.leaf_bytes);
}
