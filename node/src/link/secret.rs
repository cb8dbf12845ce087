//! The secret that all nodes of a cluster share, and how one side proves to the other that it knows it without sending it.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The cluster's secret. Shown nowhere, not even by `Debug`.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

/// Random bytes that one side challenges the other with.
pub(super) type Challenge = [u8; 32];

/// A proof of the secret.
pub(super) type Proof = [u8; 32];

/// Which side of a connection somebody is. Part of what is proved, so that a proof cannot be thrown back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Who opened it.
    Caller,
    /// Who was called.
    Answerer,
}

impl Secret {
    /// The secret with this text, which may be empty: whether that is allowed here is the caller's to say.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let keyed = Hmac::new_from_slice(text.as_bytes());
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        Self(keyed.expect("a key of any length"))
    }

    /// A number that follows from the secret and a label, and tells nothing about the secret.
    #[must_use]
    pub fn number(&self, label: &[u8]) -> u64 {
        let digest = self.digest(&[b"larder number", label]);
        digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// A key that follows from the secret and a label, and tells nothing about the secret.
    #[must_use]
    pub fn key(&self, label: &[u8]) -> [u8; 32] {
        self.digest(&[b"larder key", label])
    }

    /// A challenge made of these random bytes. It tells nothing about them, so that none who sees it learns the state of a
    /// source that was not made to be unpredictable.
    pub(super) fn challenge(&self, random: &[u8]) -> Challenge {
        self.digest(&[b"larder challenge", random])
    }

    /// What this side sends to prove that it knows the secret.
    pub(super) fn proof(&self, side: Side, caller: &Challenge, answerer: &Challenge) -> Proof {
        self.digest(&[side.word(), caller, answerer])
    }

    /// Whether this side knows the secret. Takes the same time whatever is wrong.
    pub(super) fn is_proved(
        &self,
        side: Side,
        caller: &Challenge,
        answerer: &Challenge,
        proof: &Proof,
    ) -> bool {
        let mut mac = self.0.clone();
        [side.word(), caller, answerer].iter().for_each(|part| mac.update(part));
        mac.verify_slice(proof).is_ok()
    }

    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Side {
    const fn word(self) -> &'static [u8] {
        match self {
            Self::Caller => b"larder caller 1",
            Self::Answerer => b"larder answerer 1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_side_its_challenges_and_its_secret_alone() {
        let (secret, other) = (Secret::new("one"), Secret::new("two"));
        let (caller, answerer) = (secret.challenge(b"a"), secret.challenge(b"b"));
        assert_ne!(caller, answerer);
        let proof = secret.proof(Side::Caller, &caller, &answerer);
        assert!(secret.is_proved(Side::Caller, &caller, &answerer, &proof));
        assert!(!secret.is_proved(Side::Answerer, &caller, &answerer, &proof));
        assert!(!secret.is_proved(Side::Caller, &answerer, &caller, &proof));
        assert!(!other.is_proved(Side::Caller, &caller, &answerer, &proof));
    }

    #[test]
    fn debug_does_not_show_it() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret");
    }
}
