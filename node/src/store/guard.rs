//! One partition, held: what the parts that copy it between nodes do with it. When to do what is left to them.
//!
//! A partition travels as effects that replace: [`PartitionGuard::copy_out`] tells it piece by piece, each tag of its keys in
//! one piece, while requests go on between the pieces. Whoever applies every effect of the partition from before the
//! first piece on, each piece in its place among them, holds the same at the end. For: what was changed before its piece
//! comes is in the piece, whatever the copy made of the effect; what is changed afterwards is changed in the copy too,
//! since it has the key. Changes of whole databases do not touch the order of the pieces.

use std::ops::Range;

use fastrand::Rng;
use larder_proto::effect::{self, DecodeError, Effect, EffectSink, Order, Stamp};
use larder_proto::slot::Partition;
use larder_proto::time::Millis;
use smallvec::SmallVec;

use super::course::Course;
use super::databases::{Database, DatabaseSize};
use super::engine::{Access, Hint, PartitionSet, Store};
use super::held::Held;
use super::keyspace::Keyspace;
use super::shard::Shard;
use super::table::{ENTRY_BYTES, Entry, Tag};
use super::told::tell_item;
use super::view::{Item, ValueRef};
use super::writer::Writer;

/// One partition, locked. Made by [`Store::lock_partition`].
pub struct PartitionGuard<'s> {
    keyspace: Keyspace<'s>,
    partition: Partition,
}

/// A piece of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOut {
    /// Where the next piece begins; `None` after the last.
    pub next: Option<u64>,
    /// Keys in this piece.
    pub keys: usize,
}

/// Why effects were not applied. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// The first is not the next of the partition.
    Gap {
        /// Number of the last effect that the partition has.
        have: u64,
        /// Number of the first effect that was to be applied.
        got: u64,
    },
    /// The bytes are not effects of this partition.
    Malformed(DecodeError),
    /// They do not fit the memory limit, and nothing may leave.
    OutOfMemory,
}

impl std::fmt::Display for ApplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gap { have, got } => write!(f, "effect {got} does not follow upon effect {have}"),
            Self::Malformed(error) => error.fmt(f),
            Self::OutOfMemory => f.write_str("the memory limit is reached and nothing may be evicted"),
        }
    }
}

impl std::error::Error for ApplyError {}

impl From<DecodeError> for ApplyError {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

/// Effects of one partition that were read, for which there is room. Made by [`Store::prepare`].
#[derive(Debug)]
pub struct Prepared<'b> {
    partition: Partition,
    /// With what is known of the key of each.
    effects: SmallVec<[(Database, Effect<'b>, Option<Hint>); 1]>,
    /// Bytes that they add.
    added: usize,
}

impl Prepared<'_> {
    /// How many effects.
    #[must_use]
    pub fn count(&self) -> usize {
        self.effects.len()
    }

    /// Finds out nothing anew, but has the items fetched that the effects change.
    pub fn hint_items(&self, store: &Store) {
        self.effects.iter().filter_map(|(_, _, hint)| *hint).for_each(|hint| store.hint_item(&hint));
    }
}

impl Store {
    /// Locks one partition.
    #[must_use]
    pub fn lock_partition(&self, partition: Partition, access: Access, now: Millis) -> PartitionGuard<'_> {
        self.common.ranking.observe(now);
        let held = (Held::one(self, partition, access), PartitionSet::one(partition));
        PartitionGuard { keyspace: Keyspace::new(self, held, Database::default(), now), partition }
    }

    /// Reads effects of a partition, encoded one after the other, and makes room for what they add. The caller holds no
    /// partition.
    ///
    /// # Errors
    /// The bytes are not effects of this partition, or they do not fit.
    pub fn prepare<'b>(
        &self,
        partition: Partition,
        bytes: &'b [u8],
        (now, random): (Millis, &mut Rng),
    ) -> Result<Prepared<'b>, ApplyError> {
        let mut prepared = Prepared { partition, effects: SmallVec::new(), added: 0 };
        self.read_effects(bytes, &mut prepared, |database, effect| Some(self.gap(database, effect)))?;
        self.make_room_for(&prepared, (now, random))?;
        Ok(prepared)
    }

    /// Reads effects of a partition ahead of others that are applied before, and has the lines of the table fetched that
    /// they need. No room is made yet: see [`Store::make_room_for`]. `None` if they have to be prepared at their turn.
    #[must_use]
    pub fn prepare_ahead<'b>(&self, partition: Partition, bytes: &'b [u8]) -> Option<Prepared<'b>> {
        let mut prepared = Prepared { partition, effects: SmallVec::new(), added: 0 };
        let gap = |_: Database, effect: &Effect<'_>| match effect {
            // How much it adds depends on what is applied before.
            Effect::Patch { offset, .. } if *offset > GAP_BYTES_MIN => None,
            _ => Some(0),
        };
        self.read_effects(bytes, &mut prepared, gap).ok()?;
        for (_, _, hint) in &prepared.effects {
            hint.iter().for_each(|hint| self.fetch(hint));
        }
        Some(prepared)
    }

    /// Makes room for what effects add. The caller holds no partition.
    ///
    /// # Errors
    /// They do not fit.
    pub fn make_room_for(
        &self,
        prepared: &Prepared<'_>,
        (now, random): (Millis, &mut Rng),
    ) -> Result<(), ApplyError> {
        match prepared.added {
            0 => Ok(()),
            added => self.make_room(added, now, random).map_err(|_| ApplyError::OutOfMemory),
        }
    }

    fn read_effects<'b>(
        &self,
        bytes: &'b [u8],
        prepared: &mut Prepared<'b>,
        gap: impl Fn(Database, &Effect<'_>) -> Option<usize>,
    ) -> Result<(), ApplyError> {
        for effect in effect::decode_all(bytes) {
            let (database, effect) = effect?;
            let database = Database::new(database.into()).ok_or(DecodeError::Malformed)?;
            let hint = effect.key().map(|key| self.find_out(database, key));
            if hint.is_some_and(|hint| hint.partition != prepared.partition) {
                return Err(DecodeError::Malformed.into());
            }
            let gap = gap(database, &effect).ok_or(DecodeError::Malformed)?;
            prepared.added = effect.bytes_added().saturating_add(gap).saturating_add(prepared.added);
            prepared.effects.push((database, effect, hint));
        }
        Ok(())
    }

    /// Zeros that a patch far behind the end of a string adds in front of its own bytes.
    fn gap(&self, database: Database, effect: &Effect<'_>) -> usize {
        match *effect {
            Effect::Patch { key, offset, .. } if offset > GAP_BYTES_MIN => {
                let keyspace = self.lock_one(key, None, Access::Read, (database, Millis(0)));
                let length = match keyspace.peek(key).map(|item| item.value) {
                    Some(ValueRef::String { bytes, .. }) => bytes.len() as u64,
                    // A patch of what is not there is dropped.
                    Some(ValueRef::Collection(_)) | None => offset,
                };
                usize::try_from(offset.saturating_sub(length)).unwrap_or(usize::MAX)
            }
            _ => 0,
        }
    }

    /// Prepares effects of a partition, locks it and applies them: see [`PartitionGuard::apply`].
    ///
    /// # Errors
    /// See [`ApplyError`]; nothing was changed.
    pub fn apply(
        &self,
        partition: Partition,
        first: u64,
        effects: &[u8],
        (now, random): (Millis, &mut Rng),
    ) -> Result<(), ApplyError> {
        let prepared = self.prepare(partition, effects, (now, random))?;
        self.lock_partition(partition, Access::Write, now).apply(first, &prepared)
    }

    /// Prepares a piece of a partition, locks it and takes the piece in: see [`PartitionGuard::fill`].
    ///
    /// # Errors
    /// See [`ApplyError`]; nothing was changed.
    pub fn fill(
        &self,
        partition: Partition,
        piece: &[u8],
        (now, random): (Millis, &mut Rng),
    ) -> Result<(), ApplyError> {
        let prepared = self.prepare(partition, piece, (now, random))?;
        self.lock_partition(partition, Access::Write, now).fill(&prepared)
    }
}

impl PartitionGuard<'_> {
    /// Which partition.
    #[must_use]
    pub const fn partition(&self) -> Partition {
        self.partition
    }

    /// Number of the partition's last effect; 0 before the first.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.shard().map_or(0, |shard| shard.part(self.partition).sequence)
    }

    /// Sets the number of the partition's last effect. The partition is held for writing.
    pub fn set_sequence(&mut self, sequence: u64) {
        let partition = self.partition;
        if let Some(shard) = self.shard_mut() {
            shard.part_mut(partition).sequence = sequence;
        }
    }

    /// How much a database holds in the partition.
    #[must_use]
    pub fn size(&self, database: Database) -> DatabaseSize {
        self.shard().map_or_else(DatabaseSize::default, |shard| shard.part(self.partition).size(database))
    }

    /// Bytes of memory that keys and values take, as [`Store::each_bytes`] counts them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shard().map_or(0, |shard| shard.part(self.partition).bytes())
    }

    /// Throws away every key at once, untold; their memory comes back in the background. Touches every watched key. The
    /// partition is held for writing.
    pub fn clear(&mut self) {
        self.touch_watches();
        let (store, partition) = (self.keyspace.store, self.partition);
        if let Some(shard) = self.shard_mut() {
            shard.clear(&store.common, partition, Order::FIRST);
        }
    }

    /// Touches every watched key of the partition, there or not: for when it is served elsewhere from now on, and its
    /// changes are not seen here.
    pub fn touch_watches(&self) {
        if let Some(shard) = self.shard() {
            shard.watchers.touch_all(|_, key| Partition::of(key) == self.partition);
        }
    }

    /// Tells a piece of the partition as effects that replace what is there, encoded behind what `out` holds: about as
    /// many keys as fit `bytes_max`, at least one if there is one left, and not too many for one lock. The first piece,
    /// from 0 on, begins with an effect that removes everything.
    pub fn copy_out(&self, from: u64, bytes_max: usize, out: &mut Vec<u8>) -> CopyOut {
        let Some(shard) = self.shard() else { return CopyOut { next: None, keys: 0 } };
        let course = || Course::new(shard.table.bytes() / ENTRY_BYTES, COPY_RANGE);
        let mut course = Course::of_cursor(from).unwrap_or_else(course);
        let mut piece = Piece { end: out.len() + bytes_max, keys: 0, out };
        if from == 0 {
            let order = shard.part(self.partition).order();
            effect::encode(0, &Effect::Clear { order }, piece.out);
        }
        for _ in 0..COPY_RANGES_MAX {
            let Some(tags) = course.rest().filter(|_| !piece.is_full()) else { break };
            let end = shard.table.next_range(tags.start, COPY_RANGE).min(tags.end);
            course.reach(self.copy_range(shard, tags.start..end, &mut piece));
        }
        CopyOut { next: course.cursor(), keys: piece.keys }
    }

    /// Tells the keys of a range of tags in their order, until the piece is full; where to go on.
    fn copy_range(&self, shard: &Shard, tags: Range<Tag>, piece: &mut Piece<'_>) -> Tag {
        let mut entries: SmallVec<[Entry; COPY_RANGE]> = SmallVec::new();
        shard.table.visit(tags.clone(), |entry| entries.push(entry));
        entries.sort_unstable_by_key(|entry| entry.tag);
        let mut last = tags.start;
        for entry in &entries {
            // What has the same tag is not parted.
            if piece.is_full() && entry.tag > last {
                return entry.tag;
            }
            last = entry.tag;
            if let Some((database, item)) = self.item(shard, entry) {
                tell_item(&item, |effect| effect::encode(database.byte(), effect, piece.out));
                piece.keys += 1;
            }
        }
        tags.end
    }

    /// The item of an entry and its database, if it is one of the partition and can be read.
    fn item<'i>(&'i self, shard: &'i Shard, entry: &Entry) -> Option<(Database, Item<'i>)> {
        let item = Item::met(&self.keyspace.store.common, shard, entry)?;
        let seen = !item.deadline().passed(self.keyspace.now) && Partition::of(item.key()) == self.partition;
        let database = seen.then(|| shard.part(self.partition).database(item.namespace()))?;
        Some((database?, item))
    }

    /// Applies effects in their order, of which the first has this number. The partition is held for writing.
    ///
    /// # Errors
    /// There is a gap, or they are another partition's; nothing was changed.
    pub fn apply(&mut self, first: u64, prepared: &Prepared<'_>) -> Result<(), ApplyError> {
        let have = self.sequence();
        if first != have + 1 {
            return Err(ApplyError::Gap { have, got: first });
        }
        self.apply_all(prepared)?;
        self.set_sequence(have + prepared.effects.len() as u64);
        Ok(())
    }

    /// Takes in a piece that [`PartitionGuard::copy_out`] told elsewhere, which counts as no effect of the partition. The
    /// partition is held for writing.
    ///
    /// # Errors
    /// It is another partition's; nothing was changed.
    pub fn fill(&mut self, prepared: &Prepared<'_>) -> Result<(), ApplyError> {
        let sequence = self.sequence();
        self.apply_all(prepared)?;
        self.set_sequence(sequence);
        Ok(())
    }

    /// Applies effects. What they say is so, whatever this node's clock says of a deadline: the owner's counts.
    fn apply_all(&mut self, prepared: &Prepared<'_>) -> Result<(), ApplyError> {
        if prepared.partition != self.partition {
            return Err(DecodeError::Malformed.into());
        }
        let keyspace = &mut self.keyspace;
        let now = std::mem::replace(&mut keyspace.now, Millis(0));
        for (database, effect, hint) in &prepared.effects {
            keyspace.select(*database);
            if let (Some(key), Some(hint)) = (effect.key(), *hint) {
                keyspace.know(key, hint);
            }
            Writer::new(keyspace, &mut Untold).apply(effect);
        }
        keyspace.now = now;
        Ok(())
    }

    fn shard(&self) -> Option<&Shard> {
        self.keyspace.held.shard(self.keyspace.store.shard_of(self.partition))
    }

    fn shard_mut(&mut self) -> Option<&mut Shard> {
        self.keyspace.held.shard_mut(self.keyspace.store.shard_of(self.partition))
    }
}

/// A piece that is being told.
struct Piece<'o> {
    out: &'o mut Vec<u8>,
    /// How long `out` may become.
    end: usize,
    keys: usize,
}

impl Piece<'_> {
    /// Whether it is as long as it may be; one key fits always.
    fn is_full(&self) -> bool {
        self.keys > 0 && self.out.len() >= self.end
    }
}

/// What is applied was told already.
struct Untold;

impl EffectSink for Untold {
    fn effect(&mut self, _: Stamp, _: &Effect<'_>) {}
}

/// Up to here no gap is worth looking for.
const GAP_BYTES_MIN: u64 = 4 << 10;

/// Entries looked at together.
const COPY_RANGE: usize = 128;

/// Ranges of entries looked at under one lock.
const COPY_RANGES_MAX: usize = 4;
