//! What travels on a stream of effects, as bytes: protobuf messages. Those that each write makes are written and read by
//! hand, since their parts are borrowed; the others are rare.
//!
//! ```proto
//! message Effects {            // of one request on one partition
//!   uint32 partition = 1;
//!   uint64 term = 2;           // of ownership, in which the sender owns the partition
//!   uint64 sequence = 3;       // number of the first effect
//!   bytes effects = 4;         // the message Effects of proto::effect
//!   uint64 origin_node = 5;    // the write's number, if it has one
//!   fixed64 origin_run = 6;
//!   uint64 number = 7;
//!   uint64 answered_below = 8;
//!   bytes reply = 9;
//! }
//! message Keys { uint32 partition = 1; uint64 term = 2; bytes effects = 4; }
//! ```

use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::topology::Epoch;
use prost::Message;

use crate::commands::ports::{Origin, WriteId};
use crate::link::FrameError;

/// Kinds of frames on a stream. The numbers never change.
pub(super) mod kind {
    /// The sender says which feed it goes on with.
    pub(in super::super) const OPEN: u8 = 1;
    /// The receiver says how many of its messages it has.
    pub(in super::super) const RESUME: u8 = 2;
    /// What a request changed.
    pub(in super::super) const EFFECTS: u8 = 3;
    /// A copy begins to be filled.
    pub(in super::super) const BEGIN: u8 = 4;
    /// Keys as they are, for a copy that is filled.
    pub(in super::super) const KEYS: u8 = 5;
    /// Numbers of writes that were carried out, for a copy that is filled.
    pub(in super::super) const REMEMBERED: u8 = 6;
    /// A copy in sync goes on with a new owner.
    pub(in super::super) const CONTINUE: u8 = 7;
    /// The receiver has so many messages.
    pub(in super::super) const ACKNOWLEDGED: u8 = 8;
    /// The receiver did not take a message.
    pub(in super::super) const REJECTED: u8 = 9;
}

/// What a request changed in one partition, or keys as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effects<'m> {
    pub(super) partition: u64,
    pub(super) term: Epoch,
    /// Number of the first effect; of keys none.
    pub(super) sequence: u64,
    pub(super) effects: &'m [u8],
    /// The number of the write and its reply.
    pub(super) write: Option<(WriteId, &'m [u8])>,
}

impl<'m> Effects<'m> {
    /// Appends the message.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        put_number(to, 1, self.partition);
        put_number(to, 2, self.term.0);
        put_number(to, 3, self.sequence);
        put_bytes(to, 4, self.effects);
        if let Some((id, reply)) = &self.write {
            put_number(to, 5, id.origin.node);
            to.push(6 << 3 | FIXED);
            to.extend_from_slice(&id.origin.run.to_le_bytes());
            put_number(to, 7, id.number);
            put_number(to, 8, id.answered_below);
            put_bytes(to, 9, reply);
        }
    }

    /// Reads the message.
    pub(super) fn decode(mut from: &'m [u8]) -> Result<Self, FrameError> {
        let mut message = Self::default();
        let mut origin = Origin { node: 0, run: 0 };
        let (mut number, mut answered_below, mut reply, mut has_run) = (0, 0, &[][..], false);
        while !from.is_empty() {
            match field(&mut from).ok_or(MALFORMED)? {
                (1, Field::Number(value)) => message.partition = value,
                (2, Field::Number(value)) => message.term = Epoch(value),
                (3, Field::Number(value)) => message.sequence = value,
                (4, Field::Bytes(bytes)) => message.effects = bytes,
                (5, Field::Number(value)) => origin.node = value,
                (6, Field::Number(value)) => (origin.run, has_run) = (value, true),
                (7, Field::Number(value)) => number = value,
                (8, Field::Number(value)) => answered_below = value,
                (9, Field::Bytes(bytes)) => reply = bytes,
                _ => {}
            }
        }
        message.write =
            has_run.then_some((WriteId { origin, number, answered_below, ..WriteId::default() }, reply));
        Ok(message)
    }
}

/// The sender goes on with a feed.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Open {
    /// Its number, which grows: a newer one takes the place of an older one.
    #[prost(uint64, tag = "1")]
    pub(super) feed: u64,
}

/// A position in a stream.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Position {
    /// How many messages.
    #[prost(uint64, tag = "1")]
    pub(super) position: u64,
}

/// A copy begins to be filled, or goes on under a new owner.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Start {
    #[prost(uint32, tag = "1")]
    pub(super) partition: u32,
    /// Of ownership.
    #[prost(uint64, tag = "2")]
    pub(super) term: u64,
    /// The number of the last effect that it has, or is about to have.
    #[prost(uint64, tag = "3")]
    pub(super) sequence: u64,
    /// Since when the copy is one; only where it begins to be filled.
    #[prost(uint64, tag = "4")]
    pub(super) since: u64,
}

/// Writes of one origin that were carried out.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Writes {
    #[prost(uint32, tag = "1")]
    pub(super) partition: u32,
    #[prost(uint64, tag = "2")]
    pub(super) term: u64,
    #[prost(uint64, tag = "3")]
    pub(super) origin_node: u64,
    #[prost(fixed64, tag = "4")]
    pub(super) origin_run: u64,
    /// Below this all are answered.
    #[prost(uint64, tag = "5")]
    pub(super) answered_below: u64,
    /// Up to this some were forgotten.
    #[prost(uint64, tag = "6")]
    pub(super) forgotten: u64,
    #[prost(message, repeated, tag = "7")]
    pub(super) writes: Vec<Write>,
}

/// A write that was carried out.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Write {
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    /// None if it is not known any more.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) reply: Option<Vec<u8>>,
}

/// A message that was not taken.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Rejected {
    #[prost(uint32, tag = "1")]
    pub(super) partition: u32,
    #[prost(uint64, tag = "2")]
    pub(super) position: u64,
}

/// Reads a message that is not borrowed.
pub(super) fn read<M: Message + Default>(payload: &[u8]) -> Result<M, FrameError> {
    M::decode(payload).map_err(|_| MALFORMED)
}

/// Appends a whole frame, as it travels, with this message.
pub(super) fn frame(to: &mut Vec<u8>, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = to.len();
    to.extend_from_slice(&[0, 0, 0, 0, kind]);
    write(to);
    let length = (to.len() - start - LENGTH_BYTES) as u32;
    to[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// Appends a message that is not borrowed.
pub(super) fn put(to: &mut Vec<u8>, message: &impl Message) {
    // Memory grows, so there is room.
    let _ = message.encode(to);
}

/// The partition with this number.
pub(super) fn partition(number: u64) -> Result<Partition, FrameError> {
    u16::try_from(number)
        .ok()
        .filter(|&number| number < PARTITIONS)
        .and_then(Partition::new)
        .ok_or(FrameError::Message("number of a partition"))
}

enum Field<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

/// Takes one field off the front. Unknown ones of any kind are read too, so that they can be passed over.
fn field<'m>(from: &mut &'m [u8]) -> Option<(u64, Field<'m>)> {
    let key = take_varint(from)?;
    let value = match (key & 7) as u8 {
        VARINT => Field::Number(take_varint(from)?),
        FIXED => Field::Number(u64::from_le_bytes(take(from, 8)?.try_into().ok()?)),
        BYTES => {
            let length = usize::try_from(take_varint(from)?).ok()?;
            Field::Bytes(take(from, length)?)
        }
        FIXED_SHORT => Field::Bytes(take(from, 4)?),
        _ => return None,
    };
    Some((key >> 3, value))
}

fn take<'m>(from: &mut &'m [u8], length: usize) -> Option<&'m [u8]> {
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

fn put_number(to: &mut Vec<u8>, tag: u8, value: u64) {
    if value != 0 {
        to.push(tag << 3 | VARINT);
        put_varint(to, value);
    }
}

fn put_bytes(to: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        to.push(tag << 3 | BYTES);
        put_varint(to, bytes.len() as u64);
        to.extend_from_slice(bytes);
    }
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Bytes before a frame that tell its length.
pub(super) const LENGTH_BYTES: usize = 4;

const MALFORMED: FrameError = FrameError::Message("on a stream of effects");

const VARINT: u8 = 0;
const FIXED: u8 = 1;
const BYTES: u8 = 2;
const FIXED_SHORT: u8 = 5;

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;

    /// The same message as prost makes it.
    #[derive(Clone, PartialEq, Message)]
    struct Oracle {
        #[prost(uint32, tag = "1")]
        partition: u32,
        #[prost(uint64, tag = "2")]
        term: u64,
        #[prost(uint64, tag = "3")]
        sequence: u64,
        #[prost(bytes = "vec", tag = "4")]
        effects: Vec<u8>,
        #[prost(uint64, tag = "5")]
        origin_node: u64,
        #[prost(fixed64, tag = "6")]
        origin_run: u64,
        #[prost(uint64, tag = "7")]
        number: u64,
        #[prost(uint64, tag = "8")]
        answered_below: u64,
        #[prost(bytes = "vec", tag = "9")]
        reply: Vec<u8>,
    }

    #[test]
    fn effects_are_what_prost_makes_of_them() {
        let mut random = Rng::with_seed(3);
        let mut number = || random.u64(..) >> random.u32(..64);
        for _ in 0..1_000 {
            let oracle = Oracle {
                partition: (number() % 1024) as u32,
                term: number(),
                sequence: number(),
                effects: vec![7; (number() % 300) as usize],
                origin_node: number(),
                origin_run: number() | 1,
                number: number(),
                answered_below: number(),
                reply: vec![8; (number() % 300) as usize],
            };
            let origin = Origin { node: oracle.origin_node, run: oracle.origin_run };
            let (number, answered_below) = (oracle.number, oracle.answered_below);
            let id = WriteId { origin, number, answered_below, ..WriteId::default() };
            let message = Effects {
                partition: oracle.partition.into(),
                term: Epoch(oracle.term),
                sequence: oracle.sequence,
                effects: &oracle.effects,
                write: Some((id, &oracle.reply)),
            };
            let mut bytes = Vec::new();
            message.encode(&mut bytes);
            assert_eq!(bytes, oracle.encode_to_vec());
            assert_eq!(Effects::decode(&bytes), Ok(message));
        }
    }

    #[test]
    fn bytes_on_the_wire_never_change() {
        let id = WriteId {
            origin: Origin { node: 2, run: 3 },
            number: 300,
            answered_below: 5,
            ..WriteId::default()
        };
        let whole = Effects {
            partition: 9,
            term: Epoch(4),
            sequence: 1,
            effects: b"ab",
            write: Some((id, b"+OK\r\n")),
        };
        let golden = b"\x08\x09\x10\x04\x18\x01\x22\x02ab\x28\x02\x31\x03\0\0\0\0\0\0\0\x38\xac\x02\x40\x05\
            \x4a\x05+OK\r\n";
        let mut bytes = Vec::new();
        whole.encode(&mut bytes);
        assert_eq!(bytes, golden);
        assert_eq!(Effects::decode(golden), Ok(whole));
        let encoded = |message: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            message(&mut bytes);
            bytes
        };
        assert_eq!(encoded(&|to| put(to, &Open { feed: 7 })), b"\x08\x07");
        assert_eq!(encoded(&|to| put(to, &Position { position: 300 })), b"\x08\xac\x02");
        let start = Start { partition: 1, term: 2, sequence: 3, since: 4 };
        assert_eq!(encoded(&|to| put(to, &start)), b"\x08\x01\x10\x02\x18\x03\x20\x04");
        assert_eq!(encoded(&|to| put(to, &Rejected { partition: 1, position: 2 })), b"\x08\x01\x10\x02");
        let writes = Writes {
            partition: 1,
            term: 2,
            origin_node: 3,
            origin_run: 4,
            answered_below: 5,
            forgotten: 6,
            writes: vec![Write { number: 7, reply: Some(b"r".to_vec()) }],
        };
        let golden =
            b"\x08\x01\x10\x02\x18\x03\x21\x04\0\0\0\0\0\0\0\x28\x05\x30\x06\x3a\x05\x08\x07\x12\x01r";
        assert_eq!(encoded(&|to| put(to, &writes)), golden);
        assert_eq!(encoded(&|to| frame(to, kind::ACKNOWLEDGED, |to| to.push(1))), b"\x02\0\0\0\x08\x01");
    }

    #[test]
    fn any_bytes_are_read_without_a_panic_and_unknown_fields_passed_over() {
        let mut random = Rng::with_seed(5);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.usize(..30)).map(|_| random.u8(..)).collect();
            let _ = Effects::decode(&bytes);
        }
        let later = b"\x08\x09\x78\x01\x7a\x02hi\x7d\x01\x02\x03\x04\x79\x01\x02\x03\x04\x05\x06\x07\x08";
        assert_eq!(Effects::decode(later), Ok(Effects { partition: 9, ..Effects::default() }));
        assert!(Effects::decode(b"\x22\x7f").is_err() && partition(1024).is_err());
    }
}
