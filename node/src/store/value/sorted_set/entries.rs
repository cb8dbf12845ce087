//! Walks the entries of a sorted set in order, from either end.

use smallvec::SmallVec;

use super::chunk::{Chunk, Entry};
use super::tree::{Spot, Tree};

/// Entries from some rank on, ascending or descending. Leaf by leaf they are unpacked, since a chunk can be read from
/// its front alone.
#[derive(Debug)]
pub struct Entries<'a> {
    /// Those of the leaf in hand that are still to come, in the order of the set.
    leaf: SmallVec<[Entry<'a>; 64]>,
    at: usize,
    /// Where to go on.
    rest: Option<(&'a Tree, Spot)>,
    descending: bool,
    left: usize,
}

impl<'a> Entries<'a> {
    /// `count` entries of a single chunk.
    pub(super) fn of_chunk(chunk: &'a Chunk, rank: usize, count: usize, descending: bool) -> Self {
        Self::new(chunk, rank, count, descending, None)
    }

    /// `count` entries of a tree.
    pub(super) fn of_tree(tree: &'a Tree, rank: usize, count: usize, descending: bool) -> Self {
        let at = tree.at_rank(rank).and_then(|(spot, within)| Some((spot, tree.chunk(spot)?, within)));
        let Some((spot, chunk, within)) = at else {
            return Self { leaf: SmallVec::new(), at: 0, rest: None, descending, left: 0 };
        };
        Self::new(chunk, within, count, descending, Some((tree, spot)))
    }

    fn new(
        chunk: &'a Chunk,
        rank: usize,
        count: usize,
        descending: bool,
        rest: Option<(&'a Tree, Spot)>,
    ) -> Self {
        let mut entries = Self { leaf: SmallVec::new(), at: 0, rest, descending, left: count };
        entries.unpack(chunk, if descending { rank + 1 } else { rank });
        entries
    }

    /// Takes the entries of a chunk before or behind this gap, whichever the direction needs.
    fn unpack(&mut self, chunk: &'a Chunk, gap: usize) {
        self.leaf.clear();
        if self.descending {
            self.leaf.extend(chunk.iter().take(gap));
            self.at = self.leaf.len();
        } else {
            self.leaf.extend(chunk.iter().skip(gap).take(self.left));
            self.at = 0;
        }
    }

    fn turn(&mut self) -> Option<()> {
        let (tree, spot) = self.rest?;
        let spot = if self.descending { tree.before(spot) } else { tree.after(spot) }?;
        self.rest = Some((tree, spot));
        self.unpack(tree.chunk(spot)?, if self.descending { usize::MAX } else { 0 });
        Some(())
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.left == 0 {
            return None;
        }
        let is_spent = if self.descending { self.at == 0 } else { self.at == self.leaf.len() };
        if is_spent {
            self.turn()?;
        }
        self.left -= 1;
        if self.descending {
            self.at -= 1;
            self.leaf.get(self.at).copied()
        } else {
            self.at += 1;
            self.leaf.get(self.at - 1).copied()
        }
    }
}
