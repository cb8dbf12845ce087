//! One number for everything that happened, so that two runs of a seed can be told apart.

use std::hash::{DefaultHasher, Hasher};

/// The hash of what was noted, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hasher: DefaultHasher,
    events: u64,
}

impl Trace {
    /// Notes an event: what kind it is, and what distinguishes it from others of its kind.
    pub fn note(&mut self, kind: u8, words: &[u64], bytes: &[u8]) {
        self.events += 1;
        self.hasher.write_u8(kind);
        words.iter().for_each(|word| self.hasher.write_u64(*word));
        self.hasher.write(bytes);
    }

    /// The number.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_kind_and_content_count() {
        let hash = |notes: &[(u8, u64, &[u8])]| {
            let mut trace = Trace::default();
            notes.iter().for_each(|(kind, word, bytes)| trace.note(*kind, &[*word], bytes));
            trace.hash()
        };
        let one = hash(&[(1, 2, b"x"), (3, 4, b"y")]);
        assert_eq!(one, hash(&[(1, 2, b"x"), (3, 4, b"y")]));
        for other in
            [&[(3, 4, &b"y"[..]), (1, 2, b"x")], &[(1, 2, b"x"), (3, 4, b"z")], &[(1, 2, b"x"), (2, 4, b"y")]]
        {
            assert_ne!(one, hash(other));
        }
    }
}
