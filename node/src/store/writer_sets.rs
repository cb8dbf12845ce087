//! What a request may change of the sets under the keys it holds.

use larder_proto::effect::Effect;

use super::keyspace::WrongType;
use super::value::Set;
use super::writer::Writer;

impl Writer<'_, '_> {
    /// Adds a member to the set under a key, which is made if the key is not there; whether the member is new. So many
    /// members are about to be added, this one included: see [`Set::prepare`].
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn set_add(&mut self, key: &[u8], member: &[u8], additions: usize) -> Result<bool, WrongType> {
        let limits = self.collection_limits().set;
        let (is_new, created) = self.edit_or_create(key, |set: &mut Set, created| {
            set.prepare(member, additions, limits);
            (set.add(member, limits), created)
        })?;
        if is_new {
            self.tell(key, &Effect::SetAdd { key, member, created });
        }
        Ok(is_new)
    }

    /// Removes a member of the set under a key, and the key with its last member; whether it was there.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn set_remove(&mut self, key: &[u8], member: &[u8]) -> Result<bool, WrongType> {
        let removed = self.edit(key, |set: &mut Set| set.remove(member))?.unwrap_or(false);
        if removed {
            self.tell(key, &Effect::SetRemove { key, member });
        }
        Ok(removed)
    }
}
