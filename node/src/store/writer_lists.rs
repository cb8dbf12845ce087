//! What a request may change of lists. Which command wants what is left to the commands.

use larder_proto::effect::{Effect, Side};

use super::keyspace::WrongType;
use super::value::{Collection, List};
use super::writer::Writer;

impl Writer<'_, '_> {
    /// Adds elements at an end of the list under a key, one after the other; the list is made if the key is not there.
    /// Returns the list's new length.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn list_push<'v>(
        &mut self,
        key: &[u8],
        side: Side,
        values: impl Iterator<Item = &'v [u8]> + Clone,
    ) -> Result<usize, WrongType> {
        let limits = self.collection_limits().list;
        let (length, mut created) = self.edit_or_create(key, |list: &mut List, created| {
            values.clone().for_each(|value| list.push(side, value, limits));
            (list.len(), created)
        })?;
        for value in values {
            self.tell(key, &Effect::ListPush { key, side, value, created });
            created = false;
        }
        Ok(length)
    }

    /// Removes up to `count` elements at an end of the list under a key, and the key with its last element. Returns how
    /// many were removed.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn list_pop(&mut self, key: &[u8], side: Side, count: usize) -> Result<usize, WrongType> {
        let limits = self.collection_limits().list;
        let popped = self.edit(key, |list: &mut List| {
            let count = count.min(list.len());
            (count, list.cut(side, count, limits))
        })?;
        let Some((popped, dropped)) = popped else { return Ok(0) };
        if let Some(dropped) = dropped {
            self.drop_later(Box::new(dropped).into_value());
        }
        if popped > 0 {
            self.tell(key, &Effect::ListPop { key, side, count: popped as u64 });
        }
        Ok(popped)
    }

    /// Replaces the element at an index from the left; whether there is one.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn list_set(&mut self, key: &[u8], index: usize, value: &[u8]) -> Result<bool, WrongType> {
        let limits = self.collection_limits().list;
        let changed = self.edit(key, |list: &mut List| list.set(index, value, limits))?.unwrap_or(false);
        if changed {
            self.tell(key, &Effect::ListSet { key, index: index as u64, value });
        }
        Ok(changed)
    }

    /// Puts an element before the one at an index from the left; whether there is one.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn list_insert(&mut self, key: &[u8], index: usize, value: &[u8]) -> Result<bool, WrongType> {
        let limits = self.collection_limits().list;
        let changed = self.edit(key, |list: &mut List| list.insert(index, value, limits))?.unwrap_or(false);
        if changed {
            self.tell(key, &Effect::ListInsert { key, index: index as u64, value });
        }
        Ok(changed)
    }

    /// Removes up to `count` elements equal to `value`, those nearest to an end, and the key with its last element.
    /// Returns how many were removed.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn list_remove(
        &mut self,
        key: &[u8],
        side: Side,
        value: &[u8],
        count: usize,
    ) -> Result<usize, WrongType> {
        let limits = self.collection_limits().list;
        let removed =
            self.edit(key, |list: &mut List| list.remove_equal(value, side, count, limits))?.unwrap_or(0);
        if removed > 0 {
            self.tell(key, &Effect::ListRemove { key, side, value, count: removed as u64 });
        }
        Ok(removed)
    }
}
