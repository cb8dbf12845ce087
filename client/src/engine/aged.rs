//! The stored form of `cache-value`: a value with the time when it was made, and its two durations as
//! they were evaluated then. So its age does not depend on which gateway asks, or since when it runs.
//!
//! The bytes stand in the engine's manual, under its statements.

use std::time::Duration;

use bytes::Bytes;

use crate::{EnvelopeError, Value};

/// A value and its age.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Aged {
    pub(super) value: Value,
    /// When it was made, since 1970.
    pub(super) made: Duration,
    pub(super) refresh_after: u32,
    pub(super) expires_after: u32,
}

/// How old a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// Younger than its refresh.
    Fresh,
    /// Past its refresh, and not expired.
    Stale,
    /// At its end, or past it.
    Expired,
}

impl Aged {
    /// The value to store.
    pub(super) fn to_value(&self) -> Result<Value, EnvelopeError> {
        let value = self.value.encode()?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + value.len());
        bytes.extend_from_slice(&MAGIC);
        let made = u64::try_from(self.made.as_millis()).unwrap_or(u64::MAX);
        bytes.extend_from_slice(&made.to_le_bytes());
        bytes.extend_from_slice(&self.refresh_after.to_le_bytes());
        bytes.extend_from_slice(&self.expires_after.to_le_bytes());
        bytes.extend_from_slice(&value);
        Ok(Value::Bytes(Bytes::from(bytes)))
    }

    /// Reads what [`to_value`](Self::to_value) made; anything else is given back as it is.
    pub(super) fn read(stored: Value) -> Result<Self, Value> {
        let Value::Bytes(bytes) = &stored else { return Err(stored) };
        match Self::read_bytes(bytes) {
            Some(aged) => Ok(aged),
            None => Err(stored),
        }
    }

    fn read_bytes(bytes: &Bytes) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<HEADER_BYTES>()?;
        let rest = header.strip_prefix(&MAGIC)?;
        let (made, rest) = rest.split_first_chunk::<8>()?;
        let (refresh_after, rest) = rest.split_first_chunk::<4>()?;
        let (expires_after, _) = rest.split_first_chunk::<4>()?;
        Some(Self {
            value: Value::decode(&bytes.slice(HEADER_BYTES..)).ok()?,
            made: Duration::from_millis(u64::from_le_bytes(*made)),
            refresh_after: u32::from_le_bytes(*refresh_after),
            expires_after: u32::from_le_bytes(*expires_after),
        })
    }

    /// How old it is now. At its very end a value is past it. A clock behind the maker's takes it as new.
    pub(super) fn freshness(&self, now: Duration) -> Freshness {
        let age = now.saturating_sub(self.made);
        if age >= Duration::from_secs(self.expires_after.into()) {
            Freshness::Expired
        } else if age >= Duration::from_secs(self.refresh_after.into()) {
            Freshness::Stale
        } else {
            Freshness::Fresh
        }
    }
}

const MAGIC: [u8; 4] = [b'L', b'C', b'V', 1];
const HEADER_BYTES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn aged(value: Value) -> Aged {
        Aged { value, made: Duration::from_millis(1_700_000_000_123), refresh_after: 10, expires_after: 60 }
    }

    #[test]
    fn the_layout_never_changes() {
        let Value::Bytes(bytes) = aged("ab".into()).to_value().unwrap() else { panic!() };
        let expected = [
            b"LCV\x01".as_slice(),
            &[0x7B, 0x68, 0xE5, 0xCF, 0x8B, 1, 0, 0],
            &[10, 0, 0, 0, 60, 0, 0, 0],
            b"ab",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn every_type_comes_back_with_its_age() {
        for value in [Value::from("ab"), Value::Long(7), Value::Json("{}".to_owned()), Value::Bool(false)] {
            let aged = aged(value);
            assert_eq!(Aged::read(aged.to_value().unwrap()), Ok(aged));
        }
    }

    #[test]
    fn what_is_none_is_given_back() {
        let cut = Value::Bytes(Bytes::from_static(b"LCV\x01\0\0"));
        let other = Value::Bytes(Bytes::from(vec![0; 40]));
        for value in [Value::from("text"), Value::Int(1), cut, other] {
            assert_eq!(Aged::read(value.clone()), Err(value));
        }
    }

    #[test]
    fn a_value_is_fresh_then_stale_then_expired() {
        let value = aged("v".into());
        let at = |millis: u64| value.freshness(Duration::from_millis(1_700_000_000_123 + millis));
        assert_eq!(at(0), Freshness::Fresh);
        assert_eq!(at(9_999), Freshness::Fresh);
        assert_eq!(at(10_000), Freshness::Stale);
        assert_eq!(at(59_999), Freshness::Stale);
        assert_eq!(at(60_000), Freshness::Expired);
        assert_eq!(value.freshness(Duration::ZERO), Freshness::Fresh);
    }
}
