//! What must be mended: rows without an owner, copies that are missing, members that leave, copies too many.

use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::topology::CopyState;

use super::deal::Deal;
use super::draft::Draft;
use super::{BALANCE_HAND_OVERS_MAX, FILLING_MAX, LEAVING_HAND_OVERS_MAX};

/// Rows whose owner is down or gone, or that never had one: to an in-sync copy, else to whom they would be dealt.
pub(super) fn give_owners(draft: &mut Draft<'_>) {
    let deal = Deal::new(draft);
    let receivers = draft.receivers().count().max(1);
    let fair = usize::from(PARTITIONS).div_ceil(receivers);
    for partition in draft.open() {
        if draft.owner(partition).is_some() {
            continue;
        }
        let rank = |place: &usize| (!draft.nodes[*place].receives, draft.nodes[*place].owners, *place);
        let heir = draft.in_sync(partition).min_by_key(rank);
        let dealt = deal.owner(partition).filter(|place| draft.nodes[*place].owners < fair);
        let any = || (0..draft.nodes.len()).filter(|place| draft.nodes[*place].serves).min_by_key(rank);
        if let Some(to) = heir.or(dealt).or_else(any) {
            draft.take_over(partition, to);
        }
    }
}

/// Copies that are missing, and one to hand over to where an owner leaves that has none.
pub(super) fn add_missing(draft: &mut Draft<'_>) {
    let deal = Deal::new(draft);
    for partition in draft.open() {
        let Some(owner) = draft.owner(partition) else { continue };
        let mut holders = draft.lasting(partition);
        let mut missing = (draft.wanted + 1).saturating_sub(holders.len());
        let heirs = holders.iter().filter(|place| draft.nodes[**place].receives && **place != owner).count();
        if !draft.nodes[owner].receives && heirs == 0 {
            missing = missing.max(1);
        }
        if missing > 0 {
            draft.touch(partition);
        }
        for _ in 0..missing {
            let Some(at) = candidate(draft, &deal, partition, &holders) else { break };
            // One that is busy is waited for: the next best would have to be moved again.
            if draft.nodes[at].filling < FILLING_MAX {
                draft.add_copy(partition, at);
            }
            holders.push(at);
        }
    }
}

/// The best member to hold one more copy of the partition: in another zone, as it would be dealt, with little to hold.
fn candidate(draft: &Draft<'_>, deal: &Deal, partition: Partition, holders: &[usize]) -> Option<usize> {
    let row = draft.row(partition);
    let dealt = match draft.owner(partition) {
        Some(owner) if deal.owner(partition) == Some(owner) => deal.copies(draft, partition),
        _ => Vec::new(),
    };
    let full = draft.fair_weight() / 20 * 21 + draft.weight(partition);
    let free = |place: &usize| {
        let id = draft.nodes[*place].id;
        row.owner != Some(id) && row.copy(id).is_none() && !holders.contains(place)
    };
    let rank = |place: &usize| {
        let node = &draft.nodes[*place];
        let same_zone = holders.iter().any(|holder| draft.nodes[*holder].zone == node.zone);
        (same_zone, !(dealt.contains(place) && node.held <= full), node.held, *place)
    };
    draft.receivers().filter(free).min_by_key(rank)
}

/// What members own that leave goes to copies that stay.
pub(super) fn relieve_leaving(draft: &mut Draft<'_>) {
    for partition in Partition::all() {
        let leaves = |place: usize| !draft.nodes[place].receives;
        if draft.owner(partition).is_some_and(leaves) {
            draft.hand_over(partition, LEAVING_HAND_OVERS_MAX);
        }
    }
}

/// Copies that nobody needs: at members that leave for good, and more than are wanted.
pub(super) fn drop_surplus(draft: &mut Draft<'_>) {
    for partition in draft.open() {
        let Some(owner) = draft.owner(partition) else { continue };
        let copies = &draft.row(partition).copies;
        let in_sync = draft.in_sync(partition).filter(|place| draft.nodes[*place].lasts).count();
        let enough = in_sync >= draft.wanted && draft.nodes[owner].lasts;
        for copy in copies {
            let leaves = draft.place(copy.node).is_none_or(|place| !draft.nodes[place].lasts);
            let gone = draft.place(copy.node).is_none_or(|place| !draft.nodes[place].serves);
            if gone || leaves && (enough || copy.state == CopyState::Filling) {
                draft.drop_copy(partition, copy.node);
            }
        }
        if draft.is_open(partition) {
            shed(draft, partition);
        }
    }
}

/// Takes what the row holds too much off whoever holds most. While something fills there, it is only counted.
fn shed(draft: &mut Draft<'_>, partition: Partition) {
    let mut holders = draft.lasting(partition);
    let surplus = holders.len().saturating_sub(draft.wanted + 1);
    let ready = draft.is_quiet(partition);
    for dropped in 0..surplus {
        let Some(victim) = victim(draft, partition, &holders) else { return };
        holders.retain(|place| *place != victim);
        draft.nodes[victim].held -= draft.weight(partition);
        let node = draft.nodes[victim].id;
        draft.touch(partition);
        if ready && draft.row(partition).owner == Some(node) {
            // Once a copy goes, it may be the one that would take over: the next round knows which are left.
            if dropped == 0 {
                draft.hand_over(partition, BALANCE_HAND_OVERS_MAX);
            }
            return;
        } else if ready {
            draft.drop_copy(partition, node);
        }
    }
}

/// Whose going leaves the most zones, then who holds most, then a copy rather than the owner. What fills is spared.
fn victim(draft: &Draft<'_>, partition: Partition, holders: &[usize]) -> Option<usize> {
    let row = draft.row(partition);
    let settled =
        |place: &&usize| row.copy(draft.nodes[**place].id).is_none_or(|copy| copy.state == CopyState::InSync);
    let rank = |place: &&usize| {
        let rest: Vec<usize> = holders.iter().copied().filter(|other| other != *place).collect();
        let node = &draft.nodes[**place];
        (draft.zones(&rest), node.held, row.owner != Some(node.id), **place)
    };
    holders.iter().filter(settled).max_by_key(rank).copied()
}
