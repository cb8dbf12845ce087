//! What a request may change of sorted sets. Which command wants what is left to the commands.

use larder_proto::effect::Effect;
use larder_proto::score::Score;

use super::keyspace::WrongType;
use super::value::{Entry, SortedSet};
use super::writer::Writer;

impl Writer<'_, '_> {
    /// Changes the score of a member of the sorted set under a key, which is made if the key is not there. `decide` gets
    /// the member's score, if it has one, and gives the new one; with `None` nothing is changed. Returns what `decide` got
    /// and gave.
    ///
    /// # Errors
    /// The key holds another type, or `decide` failed; nothing was changed.
    pub fn sorted_set_change<E: From<WrongType>>(
        &mut self,
        key: &[u8],
        member: &[u8],
        decide: impl FnOnce(Option<Score>) -> Result<Option<Score>, E>,
    ) -> Result<(Option<Score>, Option<Score>), E> {
        let limits = self.collection_limits().sorted_set;
        let changed = self.edit_or_create(key, |set: &mut SortedSet, created| -> Result<_, E> {
            let old = set.score(member);
            let new = decide(old)?;
            // The same number is no change, be it the other zero.
            if let Some(score) = new.filter(|new| old != Some(*new)) {
                set.set(Entry { score, member }, limits);
            }
            Ok((old, new, created))
        })?;
        let (old, new, created) = changed?;
        if let Some(score) = new.filter(|new| old != Some(*new)) {
            self.tell(key, &Effect::SortedSetAdd { key, member, score, created });
        }
        Ok((old, new))
    }

    /// Removes a member of the sorted set under a key, and the key with its last member; the score that it had.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn sorted_set_remove(&mut self, key: &[u8], member: &[u8]) -> Result<Option<Score>, WrongType> {
        let removed = self.edit(key, |set: &mut SortedSet| set.remove(member))?.flatten();
        if removed.is_some() {
            self.tell(key, &Effect::SortedSetRemove { key, member });
        }
        Ok(removed)
    }

    /// Removes the entry of this rank, the lowest being 0, and the key with its last entry; the entry.
    ///
    /// # Errors
    /// The key holds another type; nothing was changed.
    pub fn sorted_set_take(
        &mut self,
        key: &[u8],
        rank: usize,
    ) -> Result<Option<(Vec<u8>, Score)>, WrongType> {
        let taken = self.edit(key, |set: &mut SortedSet| {
            let member = set.at_rank(rank)?.member.to_vec();
            let score = set.remove(&member)?;
            Some((member, score))
        })?;
        if let Some((member, _)) = taken.as_ref().and_then(Option::as_ref) {
            self.tell(key, &Effect::SortedSetRemove { key, member });
        }
        Ok(taken.flatten())
    }
}
