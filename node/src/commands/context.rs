//! What a handler sees: the keys it may read or change, or the connection and the node. No lock, no socket, no await.

use fastrand::Rng;
use larder_proto::time::Millis;

use super::error::CommandError;
use super::ports::Node;
use super::session::Session;
use crate::store::{Keyspace, PartitionSet, Store, Walker, Writer};

/// For a command that reads the keys it names.
pub struct ReadCx<'c, 's> {
    /// The keys.
    pub keys: &'c Keyspace<'s>,
    /// Source of choices.
    pub random: &'c mut Rng,
}

/// For a command that changes the keys it names.
pub struct WriteCx<'c, 's> {
    /// The keys.
    pub keys: Writer<'c, 's>,
    /// What the node lets a client do.
    pub limits: ValueLimits,
    /// Source of choices.
    pub random: &'c mut Rng,
}

impl WriteCx<'_, '_> {
    /// Makes sure that so many bytes more fit the memory limit, before anything is changed. For changes that take more
    /// than the request itself brings, which admission has made room for.
    ///
    /// # Errors
    /// They do not fit now: the command is carried out again once there is room.
    pub fn reserve(&self, bytes: usize) -> Result<(), CommandError> {
        if self.keys.fits(bytes) { Ok(()) } else { Err(CommandError::NeedsMemory { bytes }) }
    }
}

/// For a command that walks the keys of the database.
pub struct WalkCx<'c, 's> {
    /// The keys.
    pub keys: Walker<'c, 's>,
    /// The partitions that are walked, where other nodes have the others.
    pub among: Option<&'c PartitionSet>,
    /// Source of choices.
    pub random: &'c mut Rng,
}

/// For a command that concerns the connection or the node.
pub struct SessionCx<'c> {
    /// The connection's state.
    pub session: &'c mut Session,
    /// The store, for counts and watches; such a command locks no more than one partition at a time.
    pub store: &'c Store,
    /// The rest of the node.
    pub node: &'c dyn Node,
    /// The moment of the request.
    pub now: Millis,
}

/// What a value may be at most.
#[derive(Clone, Copy, Debug)]
pub struct ValueLimits {
    /// Bytes of a string (`proto-max-bulk-len`).
    pub string_bytes_max: usize,
}
