//! The form of what a node writes and later reads back itself: version, length, checksum, then the value in bincode.
//! Where the bytes lie is left to those who write them. What nodes of different versions tell each other is protobuf, but
//! for entries of Raft's log, which travel as they lie on the disk.
//!
//! ```text
//! 1 byte version │ 4 bytes length of the value │ 4 bytes CRC-32 of all the rest │ the value      (little endian)
//! ```

use std::fmt;

use bincode::config;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version that [`encode`] writes. A change of the layout above takes another number; a change of what is inside is
/// its type's part, which adds variants at the end and takes none away.
pub const VERSION: u8 = 1;

/// Bytes of a value. More is refused on both sides.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes in front of the value.
pub const HEAD_BYTES: usize = 9;

/// Why bytes are no record, or a value cannot become one. No state has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// They end too early: so many bytes are there.
    Short {
        /// How many.
        bytes: usize,
    },
    /// So many bytes follow after the record's end.
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A newer program wrote them, or nobody did.
    Version {
        /// The version that they name.
        found: u8,
    },
    /// The value is larger than [`VALUE_BYTES_MAX`].
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// They are not what was written.
    Checksum,
    /// The checksum is right, but this is not a value of the wanted type: most likely a newer program wrote it.
    Value {
        /// What the reader says.
        reason: String,
    },
}

/// A value as a record.
///
/// # Errors
/// The value is too long, or cannot be written in this form.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, RecordError> {
    let mut bytes = vec![0; HEAD_BYTES];
    bincode::serde::encode_into_std_write(value, &mut bytes, config::standard())
        .map_err(|error| RecordError::Value { reason: error.to_string() })?;
    let length = bytes.len() - HEAD_BYTES;
    let stated = u32::try_from(length).ok().filter(|_| length <= VALUE_BYTES_MAX);
    let Some(stated) = stated else {
        return Err(RecordError::TooLong { bytes: length });
    };
    bytes[0] = VERSION;
    bytes[1..5].copy_from_slice(&stated.to_le_bytes());
    let sum = checksum(&bytes);
    bytes[5..HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
    Ok(bytes)
}

/// The value of a record.
///
/// # Errors
/// These bytes are not exactly one record of such a value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    let (value, rest) = decode_first(bytes)?;
    if rest.is_empty() { Ok(value) } else { Err(RecordError::Trailing { bytes: rest.len() }) }
}

/// The value of the first record, and what follows after it.
///
/// # Errors
/// These bytes do not begin with a record of such a value.
pub fn decode_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), RecordError> {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
        return Err(RecordError::Short { bytes: bytes.len() });
    };
    let [version, l0, l1, l2, l3, c0, c1, c2, c3] = *head;
    if version != VERSION {
        return Err(RecordError::Version { found: version });
    }
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if length > VALUE_BYTES_MAX {
        return Err(RecordError::TooLong { bytes: length });
    }
    let Some((record, rest)) = bytes.split_at_checked(HEAD_BYTES + length) else {
        return Err(RecordError::Short { bytes: bytes.len() });
    };
    if checksum(record) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(RecordError::Checksum);
    }
    Ok((value(&record[HEAD_BYTES..])?, rest))
}

fn value<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RecordError> {
    let limited = config::standard().with_limit::<VALUE_BYTES_MAX>();
    let (value, read) = bincode::serde::decode_from_slice(bytes, limited)
        .map_err(|error| RecordError::Value { reason: error.to_string() })?;
    if read == bytes.len() { Ok(value) } else { Err(RecordError::Trailing { bytes: bytes.len() - read }) }
}

/// Of version, length and value.
fn checksum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record[..5]);
    hasher.update(&record[HEAD_BYTES..]);
    hasher.finalize()
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { bytes } => write!(f, "the record is cut off after {bytes} bytes"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes follow after the record"),
            Self::Version { found } => {
                write!(f, "the record has version {found}, this program reads version {VERSION}")
            }
            Self::TooLong { bytes } => {
                write!(f, "a value of {bytes} bytes is longer than the limit of {VALUE_BYTES_MAX}")
            }
            Self::Checksum => f.write_str("the record is damaged: its checksum does not match"),
            Self::Value { reason } => {
                write!(f, "the record's value cannot be read, perhaps a newer version wrote it: {reason}")
            }
        }
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Sample {
        Nothing,
        Numbers { small: u8, large: u64, signed: i64 },
        Names(BTreeMap<u64, String>),
        Bytes(Vec<u8>, Option<bool>),
    }

    fn sample() -> impl Strategy<Value = Sample> {
        prop_oneof![
            Just(Sample::Nothing),
            any::<(u8, u64, i64)>().prop_map(|(small, large, signed)| Sample::Numbers {
                small,
                large,
                signed
            }),
            proptest::collection::btree_map(any::<u64>(), ".{0,9}", 0..5).prop_map(Sample::Names),
            (proptest::collection::vec(any::<u8>(), 0..40), any::<Option<bool>>())
                .prop_map(|(bytes, flag)| Sample::Bytes(bytes, flag)),
        ]
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(value in sample(), behind in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut bytes = encode(&value).unwrap();
            prop_assert_eq!(decode::<Sample>(&bytes), Ok(value.clone()));
            bytes.extend_from_slice(&behind);
            prop_assert_eq!(decode_first::<Sample>(&bytes), Ok((value, &behind[..])));
            if !behind.is_empty() {
                prop_assert_eq!(decode::<Sample>(&bytes), Err(RecordError::Trailing { bytes: behind.len() }));
            }
        }

        #[test]
        fn one_changed_bit_is_noticed(value in sample(), at in any::<prop::sample::Index>(), bit in 0..8) {
            let mut bytes = encode(&value).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert!(decode::<Sample>(&bytes).is_err());
        }

        #[test]
        fn any_cut_is_noticed(value in sample(), at in any::<prop::sample::Index>()) {
            let bytes = encode(&value).unwrap();
            let at = at.index(bytes.len());
            prop_assert_eq!(decode::<Sample>(&bytes[..at]), Err(RecordError::Short { bytes: at }));
        }

        #[test]
        fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(decode::<Sample>(&noise).is_err());
        }
    }

    /// Records of the first version, as they lie on disks.
    #[test]
    fn bytes_on_disks_stay_readable() {
        let names = BTreeMap::from([(7, "seven".to_owned()), (300, String::new())]);
        for (value, golden) in [
            (Sample::Nothing, "0101000000b65bfe4700"),
            (Sample::Numbers { small: 9, large: 70_000, signed: -3 }, "01080000005b3b538f0109fc7011010005"),
            (Sample::Names(names), "010d000000d5d30f0002020705736576656efb2c0100"),
            (Sample::Bytes(vec![1, 2, 255], Some(true)), "0107000000b123da3903030102ff0101"),
        ] {
            let bytes = encode(&value).unwrap();
            let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(text, golden, "{value:?}");
            assert_eq!(decode::<Sample>(&bytes), Ok(value));
        }
    }

    #[test]
    fn another_version_is_refused() {
        let mut bytes = encode(&Sample::Nothing).unwrap();
        bytes[0] = 2;
        assert_eq!(decode::<Sample>(&bytes), Err(RecordError::Version { found: 2 }));
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        let bytes = encode(&200_u8).unwrap();
        assert!(matches!(decode::<Sample>(&bytes), Err(RecordError::Value { .. })));
        // Read in part, the rest left over.
        let bytes = encode(&(1_u8, 2_u8)).unwrap();
        assert_eq!(decode::<u8>(&bytes), Err(RecordError::Trailing { bytes: 1 }));
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
        let mut bytes = encode(&Sample::Nothing).unwrap();
        bytes[1..5].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode::<Sample>(&bytes), Err(RecordError::TooLong { bytes: u32::MAX as usize }));
    }

    #[test]
    fn a_value_beyond_the_limit_is_not_written() {
        let value = vec![0_u8; VALUE_BYTES_MAX];
        assert!(matches!(encode(&value), Err(RecordError::TooLong { .. })));
    }

    #[test]
    fn a_false_count_inside_takes_no_memory() {
        // A list that says it has 2^40 members.
        let mut bytes = vec![0; HEAD_BYTES];
        bytes.push(253);
        bytes.extend_from_slice(&(1_u64 << 40).to_le_bytes());
        bytes[0] = VERSION;
        bytes[1..5].copy_from_slice(&9_u32.to_le_bytes());
        let sum = checksum(&bytes);
        bytes[5..HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
        assert!(matches!(decode::<Vec<u64>>(&bytes), Err(RecordError::Value { .. })));
    }
}
