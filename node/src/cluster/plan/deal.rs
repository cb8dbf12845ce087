//! How partitions are dealt out to members of whom nobody holds anything: neighbouring partitions to the same owner, so that
//! the list of slots that clients read is short, and their copies in runs over all others.

use larder_proto::slot::{PARTITIONS, Partition};

use super::draft::Draft;

/// Owner and copies of each partition, by the members' places in the draft.
pub(super) struct Deal {
    places: Vec<usize>,
    wanted: usize,
}

impl Deal {
    pub(super) fn new(draft: &Draft<'_>) -> Self {
        Self { places: draft.receivers().collect(), wanted: draft.wanted }
    }

    /// The owner of a partition, if anybody may own it.
    pub(super) fn owner(&self, partition: Partition) -> Option<usize> {
        self.places.get(self.run(partition)).copied()
    }

    /// Its copies.
    pub(super) fn copies(&self, draft: &Draft<'_>, partition: Partition) -> Vec<usize> {
        let (count, run) = (self.places.len(), self.run(partition));
        let Some(owner) = self.places.get(run).copied().filter(|_| count > 1) else { return Vec::new() };
        let (first, next) = (self.first(run), self.first(run + 1));
        let shift = (partition.index() - first) * (count - 1) / (next - first).max(1);
        let others: Vec<usize> =
            (0..count - 1).map(|at| self.places[(run + 1 + (shift + at) % (count - 1)) % count]).collect();
        let mut chosen = vec![owner];
        while chosen.len() <= self.wanted.min(count - 1) {
            let zones: Vec<usize> = chosen.iter().map(|place| draft.nodes[*place].zone).collect();
            let fresh = |place: &&usize| !chosen.contains(place);
            let apart = |place: &&usize| !zones.contains(&draft.nodes[**place].zone);
            let best = others.iter().filter(fresh).find(apart).or_else(|| others.iter().find(fresh));
            match best {
                Some(place) => chosen.push(*place),
                None => break,
            }
        }
        chosen.split_off(1)
    }

    /// Which member's run the partition is in.
    fn run(&self, partition: Partition) -> usize {
        // The inverse of `first`: the last run that begins at the partition or before.
        let count = self.places.len();
        ((partition.index() + 1) * count).saturating_sub(1) / usize::from(PARTITIONS)
    }

    /// The first partition of a member's run.
    fn first(&self, run: usize) -> usize {
        run * usize::from(PARTITIONS) / self.places.len()
    }
}
