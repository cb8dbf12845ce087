//! The custody of a worker as its batches use it: counts effects, and asks the cluster if there is one.

use std::cell::RefMut;

use larder_proto::effect::{Effect, EffectSink, Stamp};
use larder_proto::slot::Partition;

use crate::commands::ports::{Custody, Entry, Left, WriteId};
use crate::store::Access;

/// Counts effects on their way. Of a node that is alone, nobody else wants them.
pub(super) struct CountingCustody<'c> {
    pub(super) effects: u64,
    inner: Option<RefMut<'c, Box<dyn Custody>>>,
}

impl<'c> CountingCustody<'c> {
    pub(super) const fn new(inner: Option<RefMut<'c, Box<dyn Custody>>>) -> Self {
        Self { effects: 0, inner }
    }
}

impl EffectSink for CountingCustody<'_> {
    #[inline]
    fn effect(&mut self, stamp: Stamp, effect: &Effect<'_>) {
        self.effects += 1;
        if let Some(inner) = &mut self.inner {
            inner.effect(stamp, effect);
        }
    }
}

impl Custody for CountingCustody<'_> {
    fn begin(&mut self, id: Option<WriteId>) {
        self.inner.iter_mut().for_each(|inner| inner.begin(id));
    }

    fn serves(&self, partition: Partition) -> bool {
        self.inner.as_ref().is_none_or(|inner| inner.serves(partition))
    }

    fn enter(&mut self, partitions: &[Partition], access: Access) -> Entry {
        self.inner.as_mut().map_or(Entry::Go, |inner| inner.enter(partitions, access))
    }

    fn left_ns(&self) -> Option<u64> {
        self.inner.as_ref().and_then(|inner| inner.left_ns())
    }

    fn leave(&mut self, partitions: &[Partition], reply: &[u8]) -> Left {
        self.inner.as_mut().map_or(Left::Free, |inner| inner.leave(partitions, reply))
    }
}
