//! Values that every node may read and no disk may hold in the clear: how external caches are reached, passwords included. What
//! is agreed upon, and so lies in Raft's log and in snapshots, is encrypted under a key that follows from the cluster's secret.

use std::fmt::{self, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::link::Secret;

/// An encrypted text. It can be made by [`Sealed::new`] alone, so nothing else gets into a change.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// The text was not encrypted under this secret and this name, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOurs;

impl Sealed {
    /// Encrypts a text that belongs to a name.
    ///
    /// # Errors
    /// The text is too long for the cipher: gigabytes.
    pub fn new(secret: &Secret, name: &str, text: &str) -> Result<Self, NotOurs> {
        // The same for the same name and text, which is all that it tells; never the same for others.
        let label =
            [b"nonce ".as_slice(), &(name.len() as u64).to_be_bytes(), name.as_bytes(), text.as_bytes()];
        let digest = secret.key(&label.concat());
        let nonce: [u8; NONCE_LEN] = *digest.first_chunk().ok_or(NotOurs)?;
        let mut bytes = text.as_bytes().to_vec();
        let nonced = Nonce::assume_unique_for_key(nonce);
        key(secret)?
            .seal_in_place_append_tag(nonced, Aad::from(name.as_bytes()), &mut bytes)
            .map_err(|_| NotOurs)?;
        let mut sealed = VERSION.to_owned();
        nonce.iter().chain(&bytes).for_each(|byte| {
            let _ = write!(sealed, "{byte:02x}");
        });
        Ok(Self(sealed))
    }

    /// The text that was encrypted for this name.
    ///
    /// # Errors
    /// See [`NotOurs`].
    pub fn open(&self, secret: &Secret, name: &str) -> Result<String, NotOurs> {
        let digits = self.0.strip_prefix(VERSION).ok_or(NotOurs)?.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let mut bytes: Vec<u8> = digits.chunks(2).map(byte).collect::<Option<_>>().ok_or(NotOurs)?;
        let nonce: [u8; NONCE_LEN] = *bytes.first_chunk().ok_or(NotOurs)?;
        let opened = key(secret)?
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                bytes.get_mut(NONCE_LEN..).ok_or(NotOurs)?,
            )
            .map_err(|_| NotOurs)?;
        String::from_utf8(opened.to_vec()).map_err(|_| NotOurs)
    }

    /// Bytes that it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was encrypted under another cluster secret, or is damaged")
    }
}

impl std::error::Error for NotOurs {}

fn key(secret: &Secret) -> Result<LessSafeKey, NotOurs> {
    let key = UnboundKey::new(&AES_256_GCM, &secret.key(b"sealed values 1")).map_err(|_| NotOurs)?;
    Ok(LessSafeKey::new(key))
}

/// What sealed texts begin with: AES-256-GCM; the nonce, the encrypted text and its tag follow in hexadecimal digits.
const VERSION: &str = "1:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_under_its_secret_and_its_name_alone() {
        let (secret, other) = (Secret::new("one"), Secret::new("two"));
        let sealed = Sealed::new(&secret, "cache", "host:6380,password=hunter2").unwrap();
        assert_eq!(sealed.open(&secret, "cache").as_deref(), Ok("host:6380,password=hunter2"));
        assert_eq!(sealed.open(&other, "cache"), Err(NotOurs));
        assert_eq!(sealed.open(&secret, "another"), Err(NotOurs));
        assert_eq!(Sealed::new(&secret, "cache", "").unwrap().open(&secret, "cache").as_deref(), Ok(""));
        let again = Sealed::new(&secret, "cache", "host:6380,password=hunter3").unwrap();
        assert_ne!(again.0[..26], sealed.0[..26], "a nonce comes once");
        for at in [0, 3, 20, sealed.0.len() - 1] {
            let mut damaged = sealed.0.clone().into_bytes();
            damaged[at] = if damaged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(Sealed(String::from_utf8(damaged).unwrap()).open(&secret, "cache"), Err(NotOurs));
        }
        assert_eq!(format!("{sealed:?}"), "Sealed");
    }

    #[test]
    fn what_was_sealed_before_stays_readable() {
        let sealed = Sealed::new(&Secret::new("one"), "n", "v").unwrap();
        assert_eq!(sealed.0, SEALED_V1);
        assert_eq!(Sealed(SEALED_V1.into()).open(&Secret::new("one"), "n").as_deref(), Ok("v"));
    }

    const SEALED_V1: &str = "1:6394a4565af27c40940f701d8545b3e1a1d95d603e4173354378c516a3";
}
