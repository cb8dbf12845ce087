//! From a key to its slot and its partition. Which node serves a partition is not known here.
//!
//! The rule is that of the Redis Cluster specification: CRC16 (XMODEM) of the key, or of the part between the
//! first `{` and the next `}` if that part is not empty, modulo 16,384.

use std::fmt;

/// Slots of a cluster, as Redis Cluster counts them.
pub const SLOTS: u16 = 16_384;

/// Neighbouring slots that form one partition: 16. The simulation may be built with fewer, larger partitions, since most of what a
/// seed costs is done once for each.
pub const SLOTS_PER_PARTITION: u16 = if cfg!(feature = "few-partitions") { 256 } else { 16 };

/// Partitions of a cluster: one lock, one order of writes, one owner each.
pub const PARTITIONS: u16 = SLOTS / SLOTS_PER_PARTITION;

/// A hash slot, `0..16384`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot of a client's key.
    #[must_use]
    #[inline]
    pub fn of(key: &[u8]) -> Self {
        Self(crc16(hash_tag(key).unwrap_or(key)) % SLOTS)
    }

    /// The slot with this number, if there is one.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SLOTS { Some(Self(number)) } else { None }
    }

    /// The slot as a number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The partition that the slot belongs to.
    #[must_use]
    pub const fn partition(self) -> Partition {
        Partition(self.0 / SLOTS_PER_PARTITION)
    }
}

/// A run of 16 neighbouring slots, `0..1024`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u16")]
pub struct Partition(u16);

/// A number that is no partition's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPartition(u16);

impl std::fmt::Display for NoPartition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "there is no partition {}, the last one is {}", self.0, PARTITIONS - 1)
    }
}

impl std::error::Error for NoPartition {}

impl TryFrom<u16> for Partition {
    type Error = NoPartition;

    /// What another node sent, or a disk kept, is looked at before it is used as an index.
    fn try_from(number: u16) -> Result<Self, NoPartition> {
        Self::new(number).ok_or(NoPartition(number))
    }
}

impl Partition {
    /// The partition of a client's key.
    #[must_use]
    #[inline]
    pub fn of(key: &[u8]) -> Self {
        Slot::of(key).partition()
    }

    /// The partition with this number, if there is one.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < PARTITIONS { Some(Self(number)) } else { None }
    }

    /// All partitions, ascending.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator + Clone {
        (0..PARTITIONS).map(Self)
    }

    /// The partition's place in an array of all partitions.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The part of the key that is hashed in place of the whole, if the key has a tag.
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    if !has_open_brace(key) {
        return None;
    }
    let open = key.iter().position(|&byte| byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|&byte| byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

/// Whether a `{` is in the key, eight bytes a step: most keys have none.
///
/// A byte of `mixed` is zero where the key has `{`. Subtracting one from each byte sets the top bit of the lowest zero
/// byte, which had it clear.
#[inline]
fn has_open_brace(key: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut found = 0;
    let mut look = |chunk: [u8; 8]| {
        let mixed = u64::from_le_bytes(chunk) ^ (ONES * b'{' as u64);
        found |= mixed.wrapping_sub(ONES) & !mixed & (ONES << 7);
    };
    match key.last_chunk::<8>() {
        // The last step looks at some bytes twice.
        Some(&last) => {
            key.as_chunks::<8>().0.iter().for_each(|&chunk| look(chunk));
            look(last);
        }
        None => return key.contains(&b'{'),
    }
    found != 0
}

/// CRC16/XMODEM, eight bytes a step, then four, then one.
///
/// The plain version is `crc = (crc << 8) ^ TABLE[0][(crc >> 8) ^ byte]` for each byte. Its steps depend on each
/// other, so a key of 24 bytes would cost 24 loads in a row. Table `n` holds what a byte does after `n` more bytes of
/// zero, so the eight look-ups of a step do not wait for each other.
#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0_u16;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(chunk[0] ^ high)]
            ^ TABLES[6][usize::from(chunk[1] ^ low)]
            ^ TABLES[5][usize::from(chunk[2])]
            ^ TABLES[4][usize::from(chunk[3])]
            ^ TABLES[3][usize::from(chunk[4])]
            ^ TABLES[2][usize::from(chunk[5])]
            ^ TABLES[1][usize::from(chunk[6])]
            ^ TABLES[0][usize::from(chunk[7])];
    }
    let (chunks, rest) = rest.as_chunks::<4>();
    for chunk in chunks {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[3][usize::from(chunk[0] ^ high)]
            ^ TABLES[2][usize::from(chunk[1] ^ low)]
            ^ TABLES[1][usize::from(chunk[2])]
            ^ TABLES[0][usize::from(chunk[3])];
    }
    for &byte in rest {
        let [high, _] = crc.to_be_bytes();
        crc = (crc << 8) ^ TABLES[0][usize::from(high ^ byte)];
    }
    crc
}

const POLYNOMIAL: u16 = 0x1021;

static TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0_u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ POLYNOMIAL };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_answers() {
        // The check value of the specification, and slots that `CLUSTER KEYSLOT` gives.
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(Slot::of(b"somekey").number(), 11_058);
        assert_eq!(Slot::of(b"foo{hash_tag}").number(), 2_515);
        assert_eq!(Slot::of(b"").number(), 0);
    }

    #[test]
    fn an_empty_tag_is_no_tag() {
        assert_ne!(Slot::of(b"{}a"), Slot::of(b"{}b"));
        assert_eq!(Slot::of(b"x{a}y"), Slot::of(b"z{a}{b}"));
    }

    #[test]
    fn partitions_cover_all_slots() {
        assert_eq!(Partition::all().len(), usize::from(PARTITIONS));
        assert_eq!(Slot(SLOTS - 1).partition().index(), usize::from(PARTITIONS) - 1);
        assert_eq!(Partition::new(PARTITIONS), None);
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference(key in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(Slot::of(&key).number(), redis_protocol::redis_keyslot(&key));
        }

        #[test]
        fn agrees_with_the_reference_on_tags(key in "[a-c{}]{0,12}") {
            prop_assert_eq!(Slot::of(key.as_bytes()).number(), redis_protocol::redis_keyslot(key.as_bytes()));
        }
    }

    #[test]
    fn a_number_that_is_no_partition_is_not_read() {
        let last = crate::record::encode(&(PARTITIONS - 1)).unwrap();
        assert_eq!(crate::record::decode::<Partition>(&last).ok(), Partition::new(PARTITIONS - 1));
        let beyond = crate::record::encode(&PARTITIONS).unwrap();
        assert!(crate::record::decode::<Partition>(&beyond).is_err());
    }
}
