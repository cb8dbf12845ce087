//! The leaves of a sorted set's tree, under numbers without gaps. In which order they stand is left to the tree.
//!
//! They lie in blocks, so that growing never moves what is there. The number of a leaf that goes is taken over by the
//! last one.

use super::chunk::Chunk;
use crate::store::value::heap_bytes;

/// The leaves.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// All of them full but the last, and none empty.
    blocks: Vec<Vec<Chunk>>,
    /// Bytes on the heap of all chunks.
    chunk_bytes: usize,
}

impl Clone for Leaves {
    /// A copy that takes as much memory, since the memory is counted.
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        for chunk in self.blocks.iter().flatten() {
            copy.add(chunk.clone());
        }
        copy
    }
}

impl Leaves {
    pub(super) fn get(&self, leaf: u32) -> Option<&Chunk> {
        self.blocks.get(leaf as usize / BLOCK)?.get(leaf as usize % BLOCK)
    }

    /// Changes a leaf.
    pub(super) fn edit<R: Default>(&mut self, leaf: u32, edit: impl FnOnce(&mut Chunk) -> R) -> R {
        let block = self.blocks.get_mut(leaf as usize / BLOCK);
        let Some(chunk) = block.and_then(|block| block.get_mut(leaf as usize % BLOCK)) else {
            return R::default();
        };
        let before = chunk.heap_bytes();
        let result = edit(chunk);
        self.chunk_bytes = self.chunk_bytes + chunk.heap_bytes() - before;
        result
    }

    /// Adds a leaf and returns its number.
    pub(super) fn add(&mut self, chunk: Chunk) -> u32 {
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        self.chunk_bytes += chunk.heap_bytes();
        if let Some(block) = self.blocks.last_mut() {
            block.push(chunk);
        }
        self.len() as u32 - 1
    }

    /// The last leaf, with its number.
    pub(super) fn last(&self) -> Option<(u32, &Chunk)> {
        let chunk = self.blocks.last()?.last()?;
        Some((self.len() as u32 - 1, chunk))
    }

    /// Removes a leaf. The last one takes over its number.
    pub(super) fn remove(&mut self, leaf: u32) {
        let Some(last) = self.pop() else { return };
        if self.len() != leaf as usize {
            self.edit(leaf, |chunk| *chunk = last);
        }
    }

    /// Takes the last leaf out.
    pub(super) fn pop(&mut self) -> Option<Chunk> {
        let block = self.blocks.last_mut()?;
        let chunk = block.pop()?;
        self.chunk_bytes -= chunk.heap_bytes();
        if block.is_empty() {
            self.blocks.pop();
        }
        Some(chunk)
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.chunk_bytes
            + self.blocks.len() * heap_bytes(BLOCK * size_of::<Chunk>())
            + heap_bytes(self.blocks.capacity() * size_of::<Vec<Chunk>>())
    }

    fn len(&self) -> usize {
        let last = self.blocks.last().map_or(BLOCK, Vec::len);
        self.blocks.len() * BLOCK + last - BLOCK
    }
}

/// Leaves of a block.
const BLOCK: usize = 32;

#[cfg(test)]
impl Leaves {
    /// Panics if the bytes counted are not those that are there.
    pub(super) fn assert_counted(&self) {
        let chunks: usize = self.blocks.iter().flatten().map(Chunk::heap_bytes).sum();
        assert_eq!(self.chunk_bytes, chunks);
        assert!(self.blocks.iter().all(|block| block.capacity() == BLOCK && !block.is_empty()));
    }
}
