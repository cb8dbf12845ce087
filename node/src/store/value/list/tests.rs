//! Lists of small blocks against `VecDeque`, and their counted bytes against a recount.

use std::collections::VecDeque;

use larder_proto::effect::Side;
use proptest::prelude::*;

use super::*;

/// Blocks of a few short entries.
const LIMITS: ListLimits = ListLimits { bytes_max: 40, entries_max: 6 };

type Model = VecDeque<Vec<u8>>;

#[derive(Debug, Clone)]
enum Step {
    Push(Side, Vec<Vec<u8>>),
    Set(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Cut(Side, usize),
    Remove(Side, Vec<u8>, usize),
    Clone,
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..4_u8).prop_map(|byte| vec![byte]),
        2 => (0..14_usize).prop_map(|length| vec![b'v'; length]),
        1 => (0..200_usize).prop_map(|length| vec![b'w'; length]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let side = || prop_oneof![Just(Side::Left), Just(Side::Right)];
    prop_oneof![
        4 => (side(), proptest::collection::vec(value(), 1..40)).prop_map(|(side, values)| Step::Push(side, values)),
        3 => (any::<usize>(), value()).prop_map(|(at, value)| Step::Set(at, value)),
        4 => (any::<usize>(), value()).prop_map(|(at, value)| Step::Insert(at, value)),
        3 => (side(), prop_oneof![3 => 0..8_usize, 1 => 0..90_usize]).prop_map(|(side, count)| Step::Cut(side, count)),
        2 => (side(), value(), 0..9_usize).prop_map(|(side, value, count)| Step::Remove(side, value, count)),
        1 => Just(Step::Clone),
    ]
}

/// Makes the step with both; what is cut off is looked at too.
fn run(list: &mut List, model: &mut Model, step: Step) -> Result<(), TestCaseError> {
    match step {
        Step::Push(side, values) => {
            for value in values {
                list.push(side, &value, LIMITS);
                match side {
                    Side::Left => model.push_front(value),
                    Side::Right => model.push_back(value),
                }
            }
        }
        Step::Set(at, value) => {
            let at = at % (model.len() + 1);
            prop_assert_eq!(list.set(at, &value, LIMITS), at < model.len());
            if let Some(old) = model.get_mut(at) {
                *old = value;
            }
        }
        Step::Insert(at, value) => {
            let at = at % (model.len() + 1);
            prop_assert_eq!(list.insert(at, &value, LIMITS), at < model.len());
            if at < model.len() {
                model.insert(at, value);
            }
        }
        Step::Cut(side, count) => {
            let dropped = list.cut(side, count, LIMITS);
            let count = count.min(model.len());
            let gone: Model = match side {
                Side::Left => model.drain(..count).collect(),
                Side::Right => model.drain(model.len() - count..).collect(),
            };
            if let Some(dropped) = dropped {
                same(&dropped, &gone)?;
            }
        }
        Step::Remove(side, value, count) => {
            let removed = remove_from(model, side, &value, count);
            prop_assert_eq!(list.remove_equal(&value, side, count, LIMITS), removed);
        }
        Step::Clone => *list = list.clone(),
    }
    Ok(())
}

fn remove_from(model: &mut Model, side: Side, value: &[u8], count: usize) -> usize {
    let is_value = |entry: &Vec<u8>| entry == value;
    let find = |model: &Model| match side {
        Side::Left => model.iter().position(is_value),
        Side::Right => model.iter().rposition(is_value),
    };
    (0..count).map_while(|_| find(model).and_then(|at| model.remove(at))).count()
}

/// The list has the same entries from every index.
fn same_from_everywhere(list: &List, model: &Model) -> Result<(), TestCaseError> {
    for index in 0..=model.len() {
        prop_assert_eq!(list.get(index), model.get(index).map(Vec::as_slice));
        prop_assert!(list.iter_from(index).eq(model.range(index..)), "from {}", index);
        prop_assert!(list.iter_before(index).eq(model.range(..index).rev()), "before {}", index);
    }
    Ok(())
}

/// The list has the same entries from both ends, and its sums are right.
fn same(list: &List, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(list.len(), model.len());
    prop_assert!(list.iter_from_end(Side::Left).eq(model));
    prop_assert!(list.iter_from_end(Side::Right).eq(model.iter().rev()));
    if let Form::Large(chain) = &list.form {
        chain.check();
    }
    Ok(())
}

proptest! {
    #[test]
    fn behaves_like_a_deque(steps in proptest::collection::vec(step(), 0..40)) {
        let (mut list, mut model) = (List::default(), Model::new());
        for step in steps {
            run(&mut list, &mut model, step)?;
            same(&list, &model)?;
        }
        same_from_everywhere(&list, &model)?;
        let (mut rounds, before) = (0, list.len());
        while !list.drain_some(10) {
            rounds += 1;
            prop_assert!(list.len() + rounds * 10 <= before);
        }
        prop_assert!(list.is_empty());
        prop_assert!(list.heap_bytes() < 100, "{} bytes are left", list.heap_bytes());
    }
}

#[test]
fn the_setting_means_what_it_means_in_redis() {
    let sizes = [-9, -5, -2, -1].map(|size| ListLimits::of_setting(size).bytes_max);
    assert_eq!(sizes, [65_536, 65_536, 8_192, 4_096]);
    assert_eq!(ListLimits::of_setting(0), ListLimits { bytes_max: 8_192, entries_max: 1 });
    assert_eq!(ListLimits::of_setting(128).entries_max, 128);
}

#[test]
fn a_list_is_one_block_while_that_suffices() {
    let limits = ListLimits::of_setting(3);
    let mut list = List::default();
    for _ in 0..3 {
        list.push(Side::Right, b"a", limits);
    }
    assert_eq!(list.encoding(), "listpack");
    list.push(Side::Left, b"a", limits);
    assert_eq!(list.encoding(), "quicklist");
    list.cut(Side::Left, 1, limits);
    list.cut(Side::Right, 1, limits);
    assert_eq!(list.encoding(), "quicklist", "two entries are more than half of a block");
    list.cut(Side::Right, 1, limits);
    assert_eq!(list.encoding(), "listpack");
    let mut list = List::default();
    list.push(Side::Right, &[0; 9_000], limits);
    assert_eq!(list.encoding(), "quicklist");
    list.set(0, b"short", limits);
    assert_eq!(list.encoding(), "listpack");
}

#[test]
fn many_entries_take_little_more_than_their_bytes() {
    let limits = ListLimits::of_setting(-2);
    let mut list = List::default();
    for number in 0..100_000_u32 {
        let side = if number % 2 == 0 { Side::Left } else { Side::Right };
        list.push(side, &number.to_be_bytes(), limits);
    }
    assert!(list.heap_bytes() < 615_000, "{} bytes for 4 of value and 2 of lengths", list.heap_bytes());
    assert_eq!(list.get(49_999), Some(&0_u32.to_be_bytes()[..]));
}

#[test]
fn blocks_that_were_split_are_joined_again() {
    let limits = ListLimits::of_setting(-2);
    let mut list = List::default();
    (0..2_000).for_each(|_| list.push(Side::Right, &[1; 10], limits));
    for index in 0..2_000 {
        list.set(index, &[2; 5_000], limits);
    }
    assert!(list.heap_bytes() > 10_000_000);
    for index in 0..2_000 {
        list.set(index, &[3; 10], limits);
    }
    assert!(list.heap_bytes() < 40_000, "{} bytes", list.heap_bytes());
}
