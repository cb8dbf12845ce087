//! Applying effects to a copy of a partition: needs neither a clock nor what was asked.
//!
//! Each node evicts and expires for itself, so a copy may lack a key that its owner has. An effect that creates a key
//! therefore replaces whatever the copy holds, and a relative effect on a key that the copy lacks is dropped.

use larder_proto::effect::{Effect, Side};

use super::databases::Database;
use super::keyspace::WrongType;
use super::value::{Collection, Hash, List, Set, SortedSet};
use super::view::ValueRef;
use super::writer::Writer;

impl Writer<'_, '_> {
    /// Makes the change that the effect tells, in the database spoken of.
    pub fn apply(&mut self, effect: &Effect<'_>) {
        match *effect {
            Effect::Set { key, value, deadline } => self.set(key, value, deadline),
            Effect::Delete { key } => {
                self.delete(key);
            }
            Effect::Deadline { key, deadline } => {
                self.set_deadline(key, deadline);
            }
            Effect::Patch { key, offset, bytes } => self.apply_patch(key, offset, bytes),
            Effect::HashSet { key, field, value, created } => {
                if created {
                    self.delete(key);
                }
                if created || self.holds::<Hash>(key) {
                    let _ = self.hash_set(key, field, value);
                }
            }
            Effect::HashDelete { key, field } => {
                let _ = self.hash_remove(key, field);
            }
            Effect::ListPush { .. }
            | Effect::ListPop { .. }
            | Effect::ListSet { .. }
            | Effect::ListInsert { .. }
            | Effect::ListRemove { .. } => self.apply_to_list(effect),
            Effect::SetAdd { key, member, created } => {
                if created {
                    self.delete(key);
                }
                if created || self.holds::<Set>(key) {
                    let _ = self.set_add(key, member, 1);
                }
            }
            Effect::SetRemove { key, member } => {
                let _ = self.set_remove(key, member);
            }
            Effect::SortedSetAdd { key, member, score, created } => {
                if created {
                    self.delete(key);
                }
                if created || self.holds::<SortedSet>(key) {
                    let _ = self.sorted_set_change(key, member, |_| Ok::<_, WrongType>(Some(score)));
                }
            }
            Effect::SortedSetRemove { key, member } => {
                let _ = self.sorted_set_remove(key, member);
            }
            Effect::Flush => self.flush(self.database()),
            Effect::Swap { with } => self.apply_swap(with),
            Effect::Clear { order } => self.clear(order),
        }
    }

    fn apply_swap(&mut self, with: u8) {
        if let Some(other) = Database::new(with.into()) {
            self.swap(self.database(), other);
        }
    }

    fn apply_patch(&mut self, key: &[u8], offset: u64, bytes: &[u8]) {
        let is_string = matches!(self.peek(key).map(|item| item.value), Some(ValueRef::String { .. }));
        if let (true, Ok(offset)) = (is_string, usize::try_from(offset)) {
            let _ = self.patch(key, offset, bytes);
        }
    }

    /// Changes a list; one that the copy lacks, or holds as another type, stays so.
    fn apply_to_list(&mut self, effect: &Effect<'_>) {
        match *effect {
            Effect::ListPush { key, side, value, created } => self.apply_push(key, side, value, created),
            Effect::ListPop { key, side, count } => {
                let _ = self.list_pop(key, side, whole(count));
            }
            Effect::ListSet { key, index, value } => {
                let _ = self.list_set(key, whole(index), value);
            }
            Effect::ListInsert { key, index, value } => {
                let _ = self.list_insert(key, whole(index), value);
            }
            Effect::ListRemove { key, side, value, count } => {
                let _ = self.list_remove(key, side, value, whole(count));
            }
            _ => {}
        }
    }

    fn apply_push(&mut self, key: &[u8], side: Side, value: &[u8], created: bool) {
        if created {
            self.delete(key);
        }
        if created || self.holds::<List>(key) {
            let _ = self.list_push(key, side, std::iter::once(value));
        }
    }

    fn holds<C: Collection>(&self, key: &[u8]) -> bool {
        self.peek(key).is_some_and(|item| item.value.collection::<C>().is_some())
    }
}

/// A number of elements; one that this machine cannot count to is as good as the largest that it can.
fn whole(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
