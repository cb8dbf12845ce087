//! Each change and each step with its preconditions, by example and by chance.

use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::topology::{CopyState, Replica, Row, RowChange};
use proptest::prelude::*;

use super::*;

fn member(port: u16, run: u64) -> Member {
    Member {
        host: "127.0.0.1".into(),
        port,
        zone: String::new(),
        incarnation: Incarnation(run),
        state: MemberState::Up,
        version: 1,
    }
}

/// A cluster of so many members that are up, numbered from 1.
fn cluster(members: u16) -> State {
    let mut state = State::default();
    let found = Change::Found {
        cluster: ClusterId(9),
        epoch: Epoch(0),
        node: NodeId(1),
        member: member(1, 1),
        expected: u32::from(members),
        replicas: 1,
    };
    assert_eq!(state.apply(1, found), Answer::Applied { epoch: Epoch(1), done: 1 });
    for number in 1..=members {
        if number > 1 {
            let answer = state.apply(u64::from(number), Change::Admit { member: member(number, 1) });
            assert_eq!(answer, Answer::Admitted(NodeId(u64::from(number))));
        }
        assert!(!state.formed);
        let up = Change::Up { node: NodeId(u64::from(number)), member: member(number, 1) };
        assert!(matches!(state.apply(50, up), Answer::Applied { done: 1, .. }));
    }
    assert!(state.formed);
    state
}

fn partition() -> Partition {
    Partition::new(5).unwrap()
}

fn row(state: &State) -> &Row {
    state.topology.row(partition())
}

/// One step of the row under its present term; whether it took effect.
fn step(state: &mut State, change: RowChange) -> bool {
    let term = row(state).since;
    step_of_term(state, term, change)
}

fn step_of_term(state: &mut State, term: Epoch, change: RowChange) -> bool {
    let before = state.clone();
    let answer = state.apply(60, Change::Steps(vec![Step { partition: partition(), term, change }]));
    let Answer::Applied { epoch, done } = answer else { panic!("{answer:?}") };
    assert_eq!(epoch.0, before.topology.epoch.0 + u64::from(done));
    assert!(done == 1 || *state == before);
    done == 1
}

fn down(state: &mut State, node: u64) {
    let change = Change::CallDown { node: NodeId(node), incarnation: Incarnation(1) };
    assert!(matches!(state.apply(70, change), Answer::Applied { done: 1, .. }));
}

/// Owned by node 1, with an in-sync copy at node 2 and one that fills at node 3.
fn settled() -> State {
    let mut state = cluster(4);
    assert!(step(&mut state, RowChange::TakeOver { to: NodeId(1) }));
    for node in [2, 3] {
        assert!(step(&mut state, RowChange::AddCopy { node: NodeId(node) }));
    }
    let since = row(&state).copy(NodeId(2)).unwrap().since;
    assert!(step(&mut state, RowChange::MarkInSync { node: NodeId(2), since }));
    assert_eq!(state.topology.lost, 0, "a row that had no owner has nothing to lose");
    state
}

#[test]
fn nothing_happens_before_a_cluster_is_founded_and_no_second_one_is() {
    let mut state = State::default();
    assert_eq!(state.apply(2, Change::Admit { member: member(1, 1) }), Answer::Refused(Refusal::NotFounded));
    let mut state = cluster(1);
    let again = Change::Found {
        cluster: ClusterId(8),
        epoch: Epoch(0),
        node: NodeId(1),
        member: member(1, 1),
        expected: 1,
        replicas: 1,
    };
    assert_eq!(state.apply(2, again), Answer::Refused(Refusal::Founded));
}

#[test]
fn a_copy_is_added_only_at_a_member_that_is_up_and_holds_none() {
    let mut state = settled();
    let add = |node| RowChange::AddCopy { node: NodeId(node) };
    for node in [1, 2, 3, 99] {
        assert!(!step(&mut state, add(node)), "{node}");
    }
    assert!(!step_of_term(&mut state, Epoch(1), add(4)), "another term");
    down(&mut state, 4);
    assert!(!step(&mut state, add(4)));
    let mut state = cluster(2);
    assert!(!step(&mut state, add(2)), "no owner");
    let mut state = settled();
    assert!(step(&mut state, add(4)));
    let copy = *row(&state).copy(NodeId(4)).unwrap();
    assert_eq!(copy, Replica { node: NodeId(4), state: CopyState::Filling, since: state.topology.epoch });
}

#[test]
fn a_copy_is_marked_only_as_the_one_that_was_filled() {
    let mut state = settled();
    let since = row(&state).copy(NodeId(3)).unwrap().since;
    let mark = |node, since| RowChange::MarkInSync { node: NodeId(node), since };
    assert!(!step(&mut state, mark(3, Epoch(since.0 + 1))));
    assert!(!step_of_term(&mut state, Epoch(1), mark(3, since)));
    assert!(!step(&mut state, mark(4, since)));
    // Dropped and added again in the meantime.
    assert!(step(&mut state, RowChange::DropCopy { node: NodeId(3), since }));
    assert!(step(&mut state, RowChange::AddCopy { node: NodeId(3) }));
    assert!(!step(&mut state, mark(3, since)));
    let since = row(&state).copy(NodeId(3)).unwrap().since;
    assert!(step(&mut state, mark(3, since)));
    assert!(!step(&mut state, mark(3, since)), "it is already");
}

#[test]
fn only_the_owner_hands_over_and_only_to_an_in_sync_copy() {
    let mut state = settled();
    let copied = row(&state).copy(NodeId(2)).unwrap().since;
    let hand = |from, to| RowChange::HandOver { from: NodeId(from), to: NodeId(to), since: copied };
    assert!(!step(&mut state, hand(1, 3)), "it fills");
    assert!(!step(&mut state, hand(2, 2)));
    assert!(!step(&mut state, hand(1, 4)));
    let older = RowChange::HandOver { from: NodeId(1), to: NodeId(2), since: Epoch(copied.0 - 1) };
    assert!(!step(&mut state, older), "a copy from before");
    let term = row(&state).since;
    let emptied = row(&state).emptied;
    assert!(step(&mut state, hand(1, 2)));
    let epoch = state.topology.epoch;
    let filling = Replica { node: NodeId(3), state: CopyState::Filling, since: epoch };
    let former = Replica { node: NodeId(1), state: CopyState::InSync, since: epoch };
    assert_eq!(
        *row(&state),
        Row { owner: Some(NodeId(2)), since: epoch, emptied, copies: vec![former, filling] }
    );
    assert!(!step_of_term(&mut state, term, hand(1, 2)), "an old term");
    assert!(!step_of_term(&mut state, term, RowChange::TakeOver { to: NodeId(3) }));
    let mut state = settled();
    down(&mut state, 1);
    assert!(!step(&mut state, hand(1, 2)), "whoever is called down hands nothing over");
}

#[test]
fn a_failover_takes_an_in_sync_copy_while_there_is_one() {
    let mut state = settled();
    let take = |to| RowChange::TakeOver { to: NodeId(to) };
    assert!(!step(&mut state, take(2)), "the owner is up");
    down(&mut state, 1);
    assert!(!step(&mut state, take(3)), "it fills, and another is in sync");
    assert!(!step(&mut state, take(1)), "it is down");
    let emptied = row(&state).emptied;
    assert!(step(&mut state, take(2)));
    let since = state.topology.epoch;
    let others = vec![Replica { node: NodeId(3), state: CopyState::Filling, since }];
    assert_eq!(*row(&state), Row { owner: Some(NodeId(2)), since, emptied, copies: others });
    assert_eq!(state.topology.lost, 0);
}

#[test]
fn without_an_in_sync_copy_the_row_counts_as_lost() {
    let mut state = settled();
    down(&mut state, 1);
    down(&mut state, 2);
    assert!(step(&mut state, RowChange::TakeOver { to: NodeId(4) }));
    assert_eq!(state.topology.lost, 1);
    let since = state.topology.epoch;
    let others = vec![Replica { node: NodeId(3), state: CopyState::Filling, since }];
    assert_eq!(*row(&state), Row { owner: Some(NodeId(4)), since, emptied: since, copies: others });
}

#[test]
fn a_restarted_node_comes_up_only_after_it_was_called_down_and_others_took_over() {
    let mut state = settled();
    let again = || Change::Up { node: NodeId(1), member: member(1, 2) };
    assert_eq!(state.apply(80, again()), Answer::Refused(Refusal::NotDown(NodeId(1))));
    down(&mut state, 1);
    assert_eq!(state.apply(81, again()), Answer::Refused(Refusal::StillOwner(NodeId(1))));
    assert!(step(&mut state, RowChange::TakeOver { to: NodeId(2) }));
    assert!(matches!(state.apply(82, again()), Answer::Applied { done: 1, .. }));
    assert_eq!(state.topology.members[&NodeId(1)].incarnation, Incarnation(2));
    assert!(!row::names(&state.topology, NodeId(1)));
    let late = Change::CallDown { node: NodeId(1), incarnation: Incarnation(1) };
    assert_eq!(state.apply(83, late), Answer::Refused(Refusal::OtherIncarnation(NodeId(1))));
}

#[test]
fn what_only_a_restarted_node_had_is_lost_once() {
    let mut state = cluster(1);
    assert!(step(&mut state, RowChange::TakeOver { to: NodeId(1) }));
    down(&mut state, 1);
    assert!(matches!(
        state.apply(80, Change::Up { node: NodeId(1), member: member(1, 2) }),
        Answer::Applied { .. }
    ));
    assert_eq!((row(&state).owner, state.topology.lost), (None, 1));
    assert!(step(&mut state, RowChange::TakeOver { to: NodeId(1) }));
    assert_eq!((row(&state).owner, state.topology.lost), (Some(NodeId(1)), 1));
}

#[test]
fn who_lost_its_state_is_a_new_node_and_the_old_one_goes() {
    let mut state = settled();
    let join = || Change::Admit { member: member(1, 2) };
    assert_eq!(state.apply(90, join()), Answer::Refused(Refusal::AddressInUse(NodeId(1))));
    down(&mut state, 1);
    assert_eq!(state.apply(91, join()), Answer::Refused(Refusal::StillOwner(NodeId(1))));
    assert!(step(&mut state, RowChange::TakeOver { to: NodeId(2) }));
    assert_eq!(state.apply(92, join()), Answer::Admitted(NodeId(92)));
    assert_eq!(state.apply(93, join()), Answer::Admitted(NodeId(92)), "asked twice");
    assert!(!state.topology.members.contains_key(&NodeId(1)));
    assert_eq!(state.topology.members[&NodeId(92)].state, MemberState::Down);
}

#[test]
fn an_address_may_change_but_not_to_one_in_use() {
    let mut state = settled();
    let up = |port| Change::Up { node: NodeId(1), member: member(port, 1) };
    assert!(matches!(state.apply(80, up(77)), Answer::Applied { done: 1, .. }));
    assert!(matches!(state.apply(81, up(77)), Answer::Applied { done: 0, .. }));
    assert_eq!(row(&state).owner, Some(NodeId(1)), "it keeps what it has");
    assert_eq!(state.apply(82, up(2)), Answer::Refused(Refusal::AddressInUse(NodeId(2))));
}

#[test]
fn a_member_is_removed_when_it_holds_nothing() {
    let mut state = settled();
    let leave = Change::Leave { node: NodeId(2), incarnation: Incarnation(1), kind: Some(Leave::Rebuild) };
    assert_eq!(
        state.apply(80, Change::Remove { node: NodeId(4) }),
        Answer::Refused(Refusal::NotDown(NodeId(4)))
    );
    assert!(matches!(state.apply(80, leave), Answer::Applied { done: 1, .. }));
    assert!(!step(&mut state, RowChange::AddCopy { node: NodeId(2) }), "who leaves gets nothing");
    assert_eq!(
        state.apply(80, Change::Remove { node: NodeId(2) }),
        Answer::Refused(Refusal::NotDown(NodeId(2)))
    );
    let since = row(&state).copy(NodeId(2)).unwrap().since;
    assert!(step(&mut state, RowChange::DropCopy { node: NodeId(2), since }));
    assert!(matches!(state.apply(81, Change::Remove { node: NodeId(2) }), Answer::Applied { done: 1, .. }));
    assert!(state.leaving.is_empty());
    let mut state = cluster(1);
    assert_eq!(state.apply(80, Change::Remove { node: NodeId(1) }), Answer::Refused(Refusal::Last));
}

#[test]
fn an_owner_that_was_called_down_has_no_copy_dropped() {
    let mut state = settled();
    let since = row(&state).copy(NodeId(2)).unwrap().since;
    let drop = RowChange::DropCopy { node: NodeId(2), since };
    let mut served = state.clone();
    assert!(step(&mut served, drop));
    down(&mut state, 1);
    assert!(!step(&mut state, drop), "it is the one that takes over");
    assert!(step(&mut state, RowChange::TakeOver { to: NodeId(2) }));
    assert_eq!(state.topology.lost, 0);
}

#[test]
fn an_owner_does_not_say_goodbye() {
    let mut state = settled();
    let goodbye = |node| Change::Goodbye { node: NodeId(node), incarnation: Incarnation(1) };
    assert_eq!(state.apply(80, goodbye(1)), Answer::Refused(Refusal::StillOwner(NodeId(1))));
    let since = row(&state).copy(NodeId(2)).unwrap().since;
    assert!(step(&mut state, RowChange::HandOver { from: NodeId(1), to: NodeId(2), since }));
    assert!(matches!(state.apply(81, goodbye(1)), Answer::Applied { done: 1, .. }));
    assert_eq!(state.topology.members[&NodeId(1)].state, MemberState::Down);
    assert!(matches!(state.apply(82, goodbye(1)), Answer::Applied { done: 0, .. }));
}

#[test]
fn settings_are_bounded() {
    let mut state = cluster(1);
    let set = |name: &str, value: Option<&str>| Change::Setting {
        name: name.into(),
        value: value.map(String::from),
    };
    assert!(matches!(state.apply(9, set("a", Some("1"))), Answer::Applied { done: 1, .. }));
    assert!(matches!(state.apply(9, set("a", Some("1"))), Answer::Applied { done: 0, .. }));
    assert_eq!(
        state.apply(9, set("b", Some(&"x".repeat(SETTINGS.value_bytes_max + 1)))),
        Answer::Refused(Refusal::TooLong)
    );
    for number in 1..SETTINGS.entries_max {
        state.apply(9, set(&number.to_string(), Some("")));
    }
    assert_eq!(state.apply(9, set("one more", Some(""))), Answer::Refused(Refusal::TooMany));
    assert!(matches!(state.apply(9, set("a", None)), Answer::Applied { done: 1, .. }));
    assert!(matches!(state.apply(9, set("one more", Some(""))), Answer::Applied { done: 1, .. }));
}

/// The longest entry that is let in fits, and as many as are let in.
#[test]
fn external_caches_are_bounded() {
    use crate::external::{ENTRIES_MAX, Entry};
    use crate::link::Secret;
    let mut state = cluster(1);
    // Nothing takes more bytes than characters of four bytes.
    let (name, connection, description) = ("𐍈".repeat(256), "𐍈".repeat(300), "𐍈".repeat(2_000));
    let entry = Entry::parse(&name, &connection, &description).unwrap();
    let sealed = Sealed::new(&Secret::new("s"), entry.use_from.as_str(), &entry.to_text()).unwrap();
    let set = |name: String| Change::Cache { name, value: Some(sealed.clone()) };
    let first = entry.use_from.as_str().to_owned();
    assert!(matches!(state.apply(9, set(first)), Answer::Applied { done: 1, .. }));
    for number in 1..ENTRIES_MAX {
        assert!(matches!(state.apply(9, set(number.to_string())), Answer::Applied { done: 1, .. }));
    }
    assert_eq!(state.apply(9, set("one more".into())), Answer::Refused(Refusal::TooMany));
}

/// A change that may or may not fit; numbers are taken from what the state holds.
fn change() -> impl Strategy<Value = (u8, u8, u8, u8)> {
    (0..20u8, 0..8u8, 0..8u8, 0..4u8)
}

fn build(state: &State, (kind, one, two, which): (u8, u8, u8, u8)) -> Change {
    let nodes: Vec<NodeId> = state.topology.members.keys().copied().collect();
    let node = nodes.get(usize::from(one)).copied().unwrap_or(NodeId(999));
    let other = nodes.get(usize::from(two)).copied().unwrap_or(NodeId(998));
    let partition = Partition::new(u16::from(which)).unwrap();
    let row = state.topology.row(partition);
    let since = row.copy(node).map_or(Epoch(1), |copy| copy.since);
    let run = state.topology.members.get(&node).map_or(Incarnation(0), |member| member.incarnation);
    let step = |change| Change::Steps(vec![Step { partition, term: row.since, change }]);
    match kind {
        0 => Change::Admit { member: member(u16::from(two), u64::from(which)) },
        1..=3 => Change::Up { node, member: member(u16::from(two), run.0 + u64::from(which % 2)) },
        4 => Change::CallDown { node, incarnation: run },
        5 if which == 0 => Change::Goodbye { node, incarnation: run },
        5 => Change::Leave { node, incarnation: run, kind: Some(Leave::Rebuild) },
        6 => Change::Leave { node, incarnation: run, kind: None },
        7 => Change::Remove { node },
        8..=10 => step(RowChange::AddCopy { node }),
        11..=13 => step(RowChange::MarkInSync { node, since }),
        14 => step(RowChange::DropCopy { node, since }),
        15..=16 => step(RowChange::HandOver {
            from: row.owner.unwrap_or(node),
            to: other,
            since: row.copy(other).map_or(Epoch(1), |copy| copy.since),
        }),
        _ => step(RowChange::TakeOver { to: node }),
    }
}

/// What holds of every state.
fn check(state: &State) {
    let members = &state.topology.members;
    assert_eq!(state.topology.rows.len(), usize::from(PARTITIONS));
    for row in &state.topology.rows {
        assert!(row.owner.is_none_or(|owner| members.contains_key(&owner)), "owner is no member: {row:?}");
        assert!(row.owner.is_some() || row.copies.is_empty(), "copies of nothing: {row:?}");
        assert!(row.copies.is_sorted_by(|a, b| a.node < b.node), "twice or unsorted: {row:?}");
        assert!(row.since <= state.topology.epoch);
        for copy in &row.copies {
            assert!(row::is_serving(&state.topology, copy.node) && Some(copy.node) != row.owner, "{row:?}");
            assert!(copy.since <= state.topology.epoch);
        }
    }
    assert!(state.leaving.keys().all(|node| members[node].state == MemberState::Leaving));
}

/// What holds between a state and the next.
fn check_change(before: &State, after: &State, change: &Change) {
    let (old, new) = (&before.topology, &after.topology);
    assert_eq!(new.epoch.0, old.epoch.0 + u64::from(old != new), "{change:?}");
    for (was, is) in old.rows.iter().zip(&new.rows) {
        let may_serve = |node| old.members.get(&node).is_some_and(|it| it.state != MemberState::Down);
        if was.owner != is.owner {
            assert!(is.since == new.epoch, "a new owner without a new term");
            let handed =
                matches!(change, Change::Steps(s) if matches!(s[0].change, RowChange::HandOver { .. }));
            assert!(handed || !was.owner.is_some_and(may_serve), "taken from who may serve: {change:?}");
            let heirs: Vec<NodeId> = was.in_sync().filter(|node| may_serve(*node)).collect();
            assert!(heirs.is_empty() || heirs.contains(&is.owner.unwrap()), "{was:?} {is:?}");
            assert!(!heirs.is_empty() || is.owner.is_none() || is.emptied == new.epoch, "not empty: {is:?}");
            let lost = was.owner.is_some() && heirs.is_empty();
            assert!(new.lost >= old.lost + u64::from(lost));
        }
        for node in was.in_sync().filter(|node| is.copy(*node).is_none() && is.owner != Some(*node)) {
            let dropped = matches!(change, Change::Steps(s) if matches!(s[0].change, RowChange::DropCopy { .. }))
                && was.owner.is_some_and(may_serve);
            let incarnation = old.members[&node].incarnation;
            let called = *change == Change::CallDown { node, incarnation }
                || *change == Change::Goodbye { node, incarnation };
            assert!(dropped || called || !may_serve(node), "an in-sync copy is gone: {change:?} {was:?}");
        }
        for copy in is.in_sync().filter(|node| !was.in_sync().any(|other| other == *node)) {
            let wanted = matches!(change, Change::Steps(s)
                if matches!(s[0].change, RowChange::MarkInSync { .. } | RowChange::HandOver { .. }));
            assert!(wanted, "in sync out of nothing: {copy:?} {change:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_change_breaks_what_holds_of_every_state(changes in prop::collection::vec(change(), 1..150)) {
        let mut state = cluster(4);
        for (number, recipe) in changes.into_iter().enumerate() {
            let change = build(&state, recipe);
            let before = state.clone();
            state.apply(100 + number as u64, change.clone());
            check(&state);
            check_change(&before, &state, &change);
        }
    }
}
