//! Tests of sets: they behave like sets in every form, and leave the compact ones as Redis 7.2 does.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;

const LIMITS: SetLimits = SetLimits { integers_max: 6, entries_max: 4, value_bytes_max: 8 };

fn set(members: &[&str]) -> Set {
    let mut set = Set::default();
    members.iter().for_each(|member| assert!(set.add(member.as_bytes(), LIMITS)));
    set
}

#[test]
fn forms_change_as_in_redis() {
    for (members, encoding) in [
        (&["1", "2", "3", "4", "5", "6"][..], "intset"),
        (&["1", "2", "3", "4", "5", "6", "7"], "hashtable"),
        (&["1", "2", "3", "a"], "listpack"),
        (&["1", "2", "3", "4", "a"], "hashtable"),
        (&["a", "1", "2", "3"], "listpack"),
        (&["a", "1", "2", "3", "4"], "hashtable"),
        (&["01"], "listpack"),
        (&["12345678"], "intset"),
        (&["123456789", "a"], "hashtable"),
        (&["-12345678", "a"], "hashtable"),
        (&["abcdefgh"], "listpack"),
        (&["abcdefghi"], "hashtable"),
        (&["9223372036854775807"], "intset"),
        (&["", "9223372036854775808"], "hashtable"),
    ] {
        let set = set(members);
        assert_eq!(set.encoding(), encoding, "{members:?}");
        let sorted = |mut all: Vec<Vec<u8>>| {
            all.sort();
            all
        };
        let expected = sorted(members.iter().map(|member| member.as_bytes().to_vec()).collect());
        assert_eq!(sorted(set.iter().map(|member| member.to_vec()).collect()), expected);
    }
    let mut full = set(&["a", "b", "c", "d"]);
    assert!(!full.add(b"a", LIMITS));
    assert_eq!(full.encoding(), "listpack", "a member that is there is no more");
}

#[test]
fn what_is_to_come_decides_the_form() {
    for (first, additions, encoding) in [
        ("1", 1, "intset"),
        ("1", 6, "intset"),
        ("1", 7, "hashtable"),
        ("a", 4, "listpack"),
        ("a", 5, "hashtable"),
    ] {
        let mut set = Set::default();
        set.prepare(first.as_bytes(), additions, LIMITS);
        set.add(first.as_bytes(), LIMITS);
        assert_eq!(set.encoding(), encoding, "{first} {additions}");
    }
    let few = SetLimits { integers_max: 2, ..LIMITS };
    for (member, additions, encoding) in
        [("1", 3, "listpack"), ("1", 4, "listpack"), ("1", 5, "hashtable"), ("1", 2, "intset")]
    {
        let mut set = Set::default();
        set.prepare(member.as_bytes(), additions, few);
        set.add(member.as_bytes(), few);
        assert_eq!(set.encoding(), encoding);
    }
    let mut grown = set(&["1", "2"]);
    grown.prepare(b"3", 7, LIMITS);
    assert_eq!(grown.encoding(), "hashtable");
    let mut grown = set(&["a"]);
    grown.prepare(b"3", 4, LIMITS);
    assert_eq!(grown.encoding(), "listpack");
    grown.prepare(b"3", 5, LIMITS);
    assert_eq!((grown.encoding(), grown.len()), ("hashtable", 1));
}

#[test]
fn every_member_is_picked_in_every_form() {
    for members in [&["1", "2", "3"][..], &["a", "b", "c"], &["a", "b", "longer than eight"]] {
        let set = set(members);
        let mut random = Rng::with_seed(3);
        let mut times = BTreeMap::<Vec<u8>, u32>::new();
        for _ in 0..3_000 {
            *times.entry(set.pick(&mut random).unwrap().to_vec()).or_default() += 1;
        }
        assert_eq!(times.len(), 3);
        assert!(times.values().all(|times| (850..1_150).contains(times)), "{times:?}");
    }
    assert!(Set::default().pick(&mut Rng::with_seed(1)).is_none());
}

#[test]
fn a_compact_set_is_small() {
    let limits = SetLimits { integers_max: 512, entries_max: 128, value_bytes_max: 64 };
    let mut integers = Set::default();
    (0..512).for_each(|number| assert!(integers.add(number.to_string().as_bytes(), limits)));
    assert_eq!(integers.heap_bytes(), heap_bytes(1_024));
    let mut words = Set::default();
    (0..128).for_each(|number| assert!(words.add(format!("word{number:04}").as_bytes(), limits)));
    assert_eq!((words.encoding(), words.heap_bytes()), ("listpack", heap_bytes(128 * 9)));
}

#[test]
fn any_form_is_drained() {
    for members in [&["1"][..], &["a"], &["a", "longer than eight"]] {
        let mut set = set(members);
        assert!(set.drain_some(10));
    }
}

proptest! {
    #[test]
    fn behaves_like_a_set(
        steps in proptest::collection::vec((any::<bool>(), prop_oneof![
            4 => (-4..9_i64).prop_map(|number| number.to_string().into_bytes()),
            2 => (0..6_u8).prop_map(|letter| vec![b'a' + letter]),
            1 => (0..3_usize).prop_map(|more| vec![b'x'; 8 + more]),
        ]), 0..60),
    ) {
        let (mut set, mut model) = (Set::default(), BTreeSet::new());
        for (adds, member) in steps {
            if adds {
                prop_assert_eq!(set.add(&member, LIMITS), model.insert(member.clone()));
            } else {
                prop_assert_eq!(set.remove(&member), model.remove(&member));
            }
            prop_assert_eq!(set.contains(&member), adds);
            prop_assert_eq!(set.len(), model.len());
            let all: BTreeSet<_> = set.iter().map(|member| member.to_vec()).collect();
            prop_assert_eq!(&all, &model);
            prop_assert!(model.iter().all(|member| set.contains(member)));
            let mut scanned = BTreeSet::new();
            let mut cursor = 0;
            loop {
                cursor = set.scan(cursor, 2, |member| assert!(scanned.insert(member.to_vec())));
                if cursor == 0 {
                    break;
                }
            }
            prop_assert_eq!(&scanned, &model);
        }
    }
}
