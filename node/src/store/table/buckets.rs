//! The memory of a table: a row of buckets that grows and shrinks at its end.

use super::bucket::Bucket;
use crate::store::arena::Row;

/// A row of buckets. New ones are empty.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    row: Row<Bucket>,
}

impl Buckets {
    #[inline]
    pub(super) fn as_slice(&self) -> &[Bucket] {
        self.row.as_slice()
    }

    #[inline]
    pub(super) fn as_mut_slice(&mut self) -> &mut [Bucket] {
        self.row.as_mut_slice()
    }

    /// Changes the number of buckets. Those that go must be empty.
    ///
    /// # Panics
    /// The kernel has no addresses left, of which there are 128 TiB.
    pub(super) fn resize(&mut self, buckets: usize) {
        debug_assert!(self.as_slice().iter().skip(buckets).all(Bucket::is_empty), "entries are lost");
        if let Err(error) = self.row.resize(buckets) {
            panic!("no addresses for a table of {buckets} buckets: {error}");
        }
    }

    /// Bytes resident.
    pub(super) fn bytes(&self) -> usize {
        self.row.bytes()
    }
}
