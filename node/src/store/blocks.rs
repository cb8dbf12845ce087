//! Which blocks of a shard's address space are in use: a buddy allocator of power-of-two blocks. Addresses cost nothing
//! until they are touched, so its rounding wastes none of the memory.

use std::collections::BTreeSet;

/// The blocks, each named by the number of its first smallest block.
#[derive(Debug)]
pub(super) struct Blocks {
    /// Free blocks by order: order `n` is `2^n` smallest blocks long.
    free: Vec<BTreeSet<u32>>,
}

impl Blocks {
    /// A space of `2^order` smallest blocks, all free.
    pub(super) fn new(order: u32) -> Self {
        let mut free = vec![BTreeSet::new(); order as usize + 1];
        free[order as usize].insert(0);
        Self { free }
    }

    /// Takes the lowest free block of an order; `None` if there is none.
    pub(super) fn take(&mut self, order: u32) -> Option<u32> {
        let found = (order as usize..self.free.len()).find(|&at| !self.free[at].is_empty())?;
        let block = self.free[found].pop_first()?;
        for half in (order as usize..found).rev() {
            self.free[half].insert(block + (1 << half));
        }
        Some(block)
    }

    /// Gives a block back that was taken with this order.
    pub(super) fn give(&mut self, mut block: u32, order: u32) {
        let mut order = order as usize;
        while order + 1 < self.free.len() && self.free[order].remove(&(block ^ 1 << order)) {
            block &= !(1 << order);
            order += 1;
        }
        self.free[order].insert(block);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_never_overlap_and_all_come_back(steps in proptest::collection::vec((any::<bool>(), 0_u32..4, any::<usize>()), 0..200)) {
            const ORDER: u32 = 5;
            let (mut blocks, mut taken) = (Blocks::new(ORDER), Vec::<(u32, u32)>::new());
            for (take, order, pick) in steps {
                if take {
                    let used = |block: u32| taken.iter().any(|&(at, size)| block >= at && block < at + (1 << size));
                    match blocks.take(order) {
                        Some(block) => {
                            prop_assert_eq!(block % (1 << order), 0);
                            prop_assert!((block..block + (1 << order)).all(|part| part < 1 << ORDER && !used(part)));
                            taken.push((block, order));
                        }
                        None => {
                            let fits = (0..1 << ORDER).step_by(1 << order).any(|at| (at..at + (1 << order)).all(|part| !used(part)));
                            prop_assert!(!fits, "a free block was not found");
                        }
                    }
                } else if !taken.is_empty() {
                    let (block, order) = taken.swap_remove(pick % taken.len());
                    blocks.give(block, order);
                }
            }
            for (block, order) in taken {
                blocks.give(block, order);
            }
            prop_assert_eq!(blocks.take(ORDER), Some(0), "all parts have merged again");
        }
    }
}
