//! What could be better: copies in the same zone, nodes that hold or own more than others. Every move brings two nodes nearer
//! to each other, so that moves come to an end.

use larder_proto::slot::{PARTITIONS, Partition};

use super::draft::Draft;
use super::{BALANCE_FILLING_MAX, BALANCE_HAND_OVERS_MAX, TOLERANCE_PERCENT};

/// A copy in another zone for each row whose holders share one without need. The surplus goes when it is in sync.
pub(super) fn spread_zones(draft: &mut Draft<'_>) {
    for partition in draft.open() {
        let holders = draft.lasting(partition);
        let zones = draft.zones(&holders);
        if zones == holders.len() || !draft.is_quiet(partition) {
            continue;
        }
        let held: Vec<usize> = holders.iter().map(|holder| draft.nodes[*holder].zone).collect();
        let apart = |place: &usize| !held.contains(&draft.nodes[*place].zone);
        let best = draft.receivers().filter(apart).min_by_key(|place| (draft.nodes[*place].held, *place));
        let Some(at) = best.filter(|at| draft.nodes[*at].filling < BALANCE_FILLING_MAX) else { continue };
        draft.add_copy(partition, at);
        draft.touch(partition);
        let shares = |place: &usize| {
            let rest: Vec<usize> = holders.iter().copied().filter(|other| other != place).collect();
            draft.zones(&rest) == zones
        };
        let leaver = holders.iter().copied().filter(shares).max_by_key(|place| draft.nodes[*place].held);
        if let Some(leaver) = leaver {
            draft.nodes[leaver].held -= draft.weight(partition);
        }
    }
}

/// Moves what nodes hold from those that hold more than the mean to those that hold less.
pub(super) fn even_bytes(draft: &mut Draft<'_>) {
    let mean = draft.held_mean();
    let tolerance = mean * TOLERANCE_PERCENT / 100;
    let mut light: Vec<usize> = draft.receivers().filter(|place| draft.nodes[*place].held < mean).collect();
    let mut heavy: Vec<usize> = draft.receivers().filter(|place| draft.nodes[*place].held > mean).collect();
    light.sort_by_key(|place| (draft.nodes[*place].held, *place));
    heavy.sort_by_key(|place| (u64::MAX - draft.nodes[*place].held, *place));
    let spread = |draft: &Draft<'_>| {
        let held = || draft.receivers().map(|place| draft.nodes[place].held);
        held().max().unwrap_or(0) - held().min().unwrap_or(0)
    };
    if spread(draft) <= tolerance {
        return;
    }
    let rows = held_by(draft);
    for to in &light {
        for from in &heavy {
            move_between(draft, (*from, *to), (mean, tolerance), &rows[*from]);
        }
    }
}

/// The open and quiet rows that each member holds.
fn held_by(draft: &Draft<'_>) -> Vec<Vec<Partition>> {
    let mut rows = vec![Vec::new(); draft.nodes.len()];
    for partition in draft.open() {
        if draft.is_quiet(partition) {
            draft.lasting(partition).into_iter().for_each(|place| rows[place].push(partition));
        }
    }
    rows
}

fn move_between(
    draft: &mut Draft<'_>,
    (from, to): (usize, usize),
    (mean, tolerance): (u64, u64),
    rows: &[Partition],
) {
    for partition in rows {
        let (more, less) = (draft.nodes[from].held, draft.nodes[to].held);
        let gap = more.saturating_sub(less);
        if gap <= tolerance || more <= mean || less >= mean || draft.nodes[to].filling >= BALANCE_FILLING_MAX
        {
            return;
        }
        let weight = draft.weight(*partition);
        if weight * 4 < gap * 3 && draft.is_open(*partition) && may_move(draft, *partition, (from, to)) {
            draft.add_copy(*partition, to);
            draft.nodes[from].held -= weight;
            draft.touch(*partition);
        }
    }
}

/// Whether the row may leave one member for the other, and is in as many zones then.
fn may_move(draft: &Draft<'_>, partition: Partition, (from, to): (usize, usize)) -> bool {
    let holders = draft.lasting(partition);
    let moved: Vec<usize> = holders.iter().map(|holder| if *holder == from { to } else { *holder }).collect();
    !holders.contains(&to) && draft.zones(&moved) >= draft.zones(&holders)
}

/// Asks who owns more than a copy's node, by two or more, to hand over to it, while the nodes differ too much.
pub(super) fn even_owners(draft: &mut Draft<'_>) {
    let receivers = draft.receivers().count().max(1);
    let tolerance = (usize::from(PARTITIONS) * TOLERANCE_PERCENT as usize / 100 / receivers).max(1);
    let spread = |draft: &Draft<'_>| {
        let owners = || draft.receivers().map(|place| draft.nodes[place].owners);
        owners().max().unwrap_or(0) - owners().min().unwrap_or(0)
    };
    for partition in draft.open() {
        if spread(draft) <= tolerance {
            return;
        }
        let Some(from) = draft.owner(partition).filter(|_| draft.is_quiet(partition)) else { continue };
        let least = draft.in_sync(partition).map(|place| draft.nodes[place].owners).min();
        if least.is_some_and(|least| least + 1 < draft.nodes[from].owners) {
            draft.hand_over(partition, BALANCE_HAND_OVERS_MAX);
        }
    }
}
