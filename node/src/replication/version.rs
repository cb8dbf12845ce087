//! Tells whether places have changed, or are changing, since somebody looked at them.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of changes begun and ended, and how many go on. Several may go on at a time, on several threads.
#[derive(Debug, Default)]
pub(super) struct Version {
    turns: AtomicU64,
    changing: AtomicU64,
}

/// A change that goes on until this is dropped.
pub(super) struct Changing<'v>(&'v Version);

impl Version {
    /// To be called before the first place changes; what is returned is kept until after the last one.
    pub(super) fn change(&self) -> Changing<'_> {
        self.changing.fetch_add(1, Ordering::SeqCst);
        self.turns.fetch_add(1, Ordering::SeqCst);
        Changing(self)
    }

    /// The number: another one after any change, odd while one goes on.
    pub(super) fn get(&self) -> u64 {
        let turns = self.turns.load(Ordering::SeqCst);
        2 * turns + u64::from(self.changing.load(Ordering::SeqCst) > 0)
    }
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        self.0.turns.fetch_add(1, Ordering::SeqCst);
        self.0.changing.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_odd_while_something_changes_and_another_one_afterwards() {
        let version = Version::default();
        let before = version.get();
        let one = version.change();
        let two = version.change();
        assert_eq!(version.get() % 2, 1);
        drop(one);
        assert_eq!(version.get() % 2, 1);
        drop(two);
        assert_eq!(version.get() % 2, 0);
        assert_ne!(version.get(), before);
    }
}
