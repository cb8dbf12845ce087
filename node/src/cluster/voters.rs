//! Who votes in Raft: an odd number of members, up to five, spread over zones, up rather than down. Pure; who changes Raft's
//! membership accordingly is the leader.

use std::collections::{BTreeMap, BTreeSet};

use larder_proto::topology::{Member, MemberState, NodeId};

use super::machine::{Leave, State};

/// Who should vote, given who votes now. Everybody else learns.
#[must_use]
pub fn voters(state: &State, present: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let members = &state.topology.members;
    let stays = |node: &NodeId| state.leaving.get(node) != Some(&Leave::Rebuild);
    let able: BTreeMap<NodeId, &Member> =
        members.iter().filter(|(node, _)| stays(node)).map(|(node, member)| (*node, member)).collect();
    // An even number stands the loss of no more members than one fewer.
    let count = VOTERS_MAX.min(able.len().saturating_sub(1) | 1);
    let mut chosen = BTreeSet::new();
    while chosen.len() < count {
        let rank = |(node, member): &(&NodeId, &&Member)| {
            let zone = chosen.iter().filter(|other| able[*other].zone == member.zone).count();
            (standing(member), zone, !present.contains(node), **node)
        };
        let free = able.iter().filter(|(node, _)| !chosen.contains(*node));
        let Some((node, _)) = free.min_by_key(rank) else { break };
        chosen.insert(*node);
    }
    settle(&able, present, chosen)
}

/// Keeps those who vote where a change would gain nothing: the same standings and as many zones.
fn settle(
    able: &BTreeMap<NodeId, &Member>,
    present: &BTreeSet<NodeId>,
    chosen: BTreeSet<NodeId>,
) -> BTreeSet<NodeId> {
    let worth = |nodes: &BTreeSet<NodeId>| {
        let zones: BTreeSet<&str> = nodes.iter().map(|node| able[node].zone.as_str()).collect();
        (nodes.iter().map(|node| usize::from(standing(able[node]))).sum::<usize>(), usize::MAX - zones.len())
    };
    let fits = present.len() == chosen.len() && present.iter().all(|node| able.contains_key(node));
    if fits && worth(present) <= worth(&chosen) { present.clone() } else { chosen }
}

/// The lower the better.
const fn standing(member: &Member) -> u8 {
    match member.state {
        MemberState::Up => 0,
        MemberState::Leaving => 1,
        MemberState::Down => 2,
    }
}

/// Members that vote: two may be lost at once.
const VOTERS_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use larder_proto::topology::{ClusterId, Incarnation, Topology};
    use proptest::prelude::*;

    use super::*;

    fn state(members: &[(MemberState, u8)]) -> State {
        let mut topology = Topology::new(ClusterId(1), 1);
        for (number, (state, zone)) in members.iter().enumerate() {
            let member = Member {
                host: number.to_string(),
                port: 1,
                zone: zone.to_string(),
                incarnation: Incarnation(1),
                state: *state,
                version: 1,
            };
            topology.members.insert(NodeId(number as u64 + 1), member);
        }
        State { topology: Arc::new(topology), ..State::default() }
    }

    fn up(count: usize) -> Vec<(MemberState, u8)> {
        vec![(MemberState::Up, 0); count]
    }

    fn set(nodes: &[u64]) -> BTreeSet<NodeId> {
        nodes.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn an_odd_number_votes() {
        for (members, wanted) in [(1, 1), (2, 1), (3, 3), (4, 3), (5, 5), (6, 5), (100, 5)] {
            assert_eq!(voters(&state(&up(members)), &set(&[])).len(), wanted, "{members}");
        }
    }

    #[test]
    fn who_votes_goes_on_while_it_is_up() {
        assert_eq!(voters(&state(&up(8)), &set(&[2, 4, 5, 6, 8])), set(&[2, 4, 5, 6, 8]));
        assert_eq!(voters(&state(&up(2)), &set(&[2])), set(&[2]));
    }

    #[test]
    fn who_is_down_is_replaced_only_by_who_is_up() {
        let mut members = up(4);
        members[1].0 = MemberState::Down;
        assert_eq!(voters(&state(&members), &set(&[1, 2, 3])), set(&[1, 3, 4]));
        members.pop();
        assert_eq!(voters(&state(&members), &set(&[1, 2, 3])), set(&[1, 2, 3]));
    }

    #[test]
    fn who_leaves_for_good_does_not_vote_and_the_last_vote_goes_to_who_stays() {
        let mut leaving = state(&[(MemberState::Leaving, 0), (MemberState::Up, 0)]);
        assert_eq!(voters(&leaving, &set(&[1])), set(&[2]));
        leaving.leaving.insert(NodeId(1), Leave::Rebuild);
        assert_eq!(voters(&leaving, &set(&[1])), set(&[2]));
    }

    #[test]
    fn votes_are_spread_over_zones() {
        let members: Vec<(MemberState, u8)> =
            [0, 0, 0, 1, 2].iter().map(|zone| (MemberState::Up, *zone)).collect();
        let three = state(&members[..4]);
        assert_eq!(voters(&three, &set(&[1, 2, 3])), set(&[1, 2, 4]));
    }

    proptest! {
        #[test]
        fn nothing_changes_twice(members in prop::collection::vec((0..3u8, 0..3u8), 1..9), first in 0..512u32) {
            let states = [MemberState::Up, MemberState::Leaving, MemberState::Down];
            let members: Vec<_> = members.iter().map(|(s, z)| (states[usize::from(*s)], *z)).collect();
            let state = state(&members);
            let present: BTreeSet<NodeId> =
                state.topology.members.keys().copied().filter(|node| first >> node.0 & 1 == 1).collect();
            let once = voters(&state, &present);
            prop_assert_eq!(once.len(), VOTERS_MAX.min((members.len() - 1) | 1));
            prop_assert_eq!(voters(&state, &once), once);
        }
    }
}
