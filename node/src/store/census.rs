//! How many keys each partition holds, and how many of them have a deadline: read without any lock by a choice that is
//! to be uniform over keys, which partitions, thin or thick, are not. Which key it is, is left to eviction.

use std::sync::atomic::{AtomicU32, Ordering};

use fastrand::Rng;
use larder_proto::slot::{PARTITIONS, Partition};

use super::roster::Roster;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Keys,
    Deadlines,
}

/// The counts. Each is written under the lock of its partition, by whoever changed the roster.
#[derive(Debug)]
pub(super) struct Census {
    keys: Box<[AtomicU32]>,
    deadlines: Box<[AtomicU32]>,
}

impl Census {
    pub(super) fn new() -> Self {
        let zeros = || (0..PARTITIONS).map(|_| AtomicU32::new(0)).collect();
        Self { keys: zeros(), deadlines: zeros() }
    }

    /// Takes over what a roster, whose partition is locked for writing, holds now.
    #[inline]
    pub(super) fn publish(&self, partition: Partition, roster: &Roster) {
        self.keys[partition.index()].store(roster.taken(), Ordering::Relaxed);
        let deadlines = &self.deadlines[partition.index()];
        if deadlines.load(Ordering::Relaxed) != roster.deadlines() {
            deadlines.store(roster.deadlines(), Ordering::Relaxed);
        }
    }

    /// How many a partition holds.
    pub(super) fn count(&self, counted: Counted, partition: Partition) -> u32 {
        self.counts(counted)[partition.index()].load(Ordering::Relaxed)
    }

    /// How many all partitions hold.
    pub(super) fn total(&self, counted: Counted) -> u64 {
        self.groups(counted).iter().sum()
    }

    /// Two partitions, perhaps the same twice, each as likely as it is full; `None` if all are empty.
    ///
    /// The plain version walks the counts until they add up to a random number below their sum. Here groups of counts
    /// are summed up first, so that each walk passes the groups and then one group's counts.
    pub(super) fn draw_two(&self, counted: Counted, random: &mut Rng) -> Option<[Partition; 2]> {
        let groups = self.groups(counted);
        let total: u64 = groups.iter().sum();
        if total == 0 {
            return None;
        }
        let mut draw = || self.find(counted, &groups, random.u64(..total));
        Some([draw()?, draw()?])
    }

    /// The partition that holds the key of this number, as far as the counts have not changed since they were summed.
    fn find(&self, counted: Counted, groups: &[u64; GROUPS], number: u64) -> Option<Partition> {
        let mut left = number;
        let group = groups.iter().position(|&sum| passes(&mut left, sum))?;
        let members = &self.counts(counted)[group * GROUP..][..GROUP];
        let at = members.iter().position(|count| passes(&mut left, count.load(Ordering::Relaxed).into()));
        Partition::new((group * GROUP + at.unwrap_or(0)) as u16)
    }

    fn groups(&self, counted: Counted) -> [u64; GROUPS] {
        let mut groups = [0; GROUPS];
        for (sum, members) in groups.iter_mut().zip(self.counts(counted).chunks_exact(GROUP)) {
            *sum = members.iter().map(|count| u64::from(count.load(Ordering::Relaxed))).sum();
        }
        groups
    }

    const fn counts(&self, counted: Counted) -> &[AtomicU32] {
        match counted {
            Counted::Keys => &self.keys,
            Counted::Deadlines => &self.deadlines,
        }
    }
}

/// Whether the walk ends within a step this wide; if not, the step is taken.
const fn passes(left: &mut u64, width: u64) -> bool {
    if *left < width {
        return true;
    }
    *left -= width;
    false
}

/// Counts summed up together.
const GROUP: usize = 32;

const GROUPS: usize = PARTITIONS as usize / GROUP;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_drawn_as_often_as_it_is_full() {
        let (census, mut random) = (Census::new(), Rng::with_seed(7));
        assert_eq!(census.draw_two(Counted::Keys, &mut random), None);
        for (partition, count) in [(0, 100), (31, 300), (32, 0), (1_023, 600)] {
            census.keys[partition].store(count, Ordering::Relaxed);
        }
        assert_eq!(census.total(Counted::Keys), 1_000);
        let mut drawn = vec![0_u32; usize::from(PARTITIONS)];
        for _ in 0..5_000 {
            for partition in census.draw_two(Counted::Keys, &mut random).unwrap() {
                drawn[partition.index()] += 1;
            }
        }
        assert!(drawn[0].abs_diff(1_000) < 150, "{} of 10000", drawn[0]);
        assert!(drawn[31].abs_diff(3_000) < 250, "{} of 10000", drawn[31]);
        assert_eq!(drawn[0] + drawn[31] + drawn[1_023], 10_000, "no empty one is drawn");
    }
}
