//! Effects as bytes between nodes: one protobuf message each, written and read by hand, since what is read borrows from
//! what arrived. What an effect means is said by the effect; which partition it is of, and its number, by what carries it.
//!
//! Effects that follow upon each other are the elements of one repeated field:
//!
//! ```proto
//! message Effects { repeated Effect effects = 1; }
//!
//! message Effect {
//!   uint32 number = 1;                // which effect; never 0
//!   uint32 database = 2;
//!   bytes key = 3;
//!   bytes field = 4;                  // of a hash
//!   bytes value = 5;                  // value, element, member, bytes of a patch
//!   optional uint64 deadline_ms = 6;  // none: the key stays
//!   uint64 place = 7;                 // offset, index; the other database of a swap
//!   uint64 count = 8;
//!   fixed64 bits = 9;                 // of a score; an order of databases
//!   bool created = 10;
//!   bool right = 11;                  // the end of a list: right, else left
//! }
//! ```
//!
//! Fields that hold zero are left out, unknown ones are passed over; an unknown number is an error, since a copy that
//! left out an effect would differ from its owner.

use std::fmt;

use super::{Effect, Order, Side};
use crate::score::Score;
use crate::time::{Deadline, Millis};

/// Why bytes are no effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They end in the midst of one, or are none.
    Malformed,
    /// An effect that this version does not know.
    Unknown {
        /// Its number.
        number: u64,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the bytes are no effects"),
            Self::Unknown { number } => {
                write!(f, "effect {number} is not known to this version of larder: upgrade this node")
            }
        }
    }
}

impl std::error::Error for DecodeError {}

/// Adds an effect on a database, `0..16`, to `out`.
pub fn encode(database: u8, effect: &Effect<'_>, out: &mut Vec<u8>) {
    Fields::of(database, effect).write(out);
}

/// Reads the first of some effects: its database, `0..16`, itself, and what follows it.
///
/// # Errors
/// The bytes begin with no effect, or with one that is not known.
pub fn decode(bytes: &[u8]) -> Result<(u8, Effect<'_>, &[u8]), DecodeError> {
    let (Part::Bytes(EFFECTS, body), rest) = Part::read(bytes)? else { return Err(DecodeError::Malformed) };
    let fields = Fields::read(body)?;
    let database = u8::try_from(fields.database).ok().filter(|&database| database < DATABASES);
    let database = database.ok_or(DecodeError::Malformed)?;
    Ok((database, fields.effect()?, rest))
}

/// Reads effects to the end of the bytes; after an error there are no more.
pub fn decode_all(bytes: &[u8]) -> impl Iterator<Item = Result<(u8, Effect<'_>), DecodeError>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        Some(decode(rest).inspect_err(|_| rest = &[]).map(|(database, effect, after)| {
            rest = after;
            (database, effect)
        }))
    })
}

/// The message.
#[derive(Default)]
struct Fields<'a> {
    number: u64,
    database: u64,
    key: &'a [u8],
    field: &'a [u8],
    value: &'a [u8],
    deadline_ms: Option<u64>,
    place: u64,
    count: u64,
    bits: u64,
    created: bool,
    right: bool,
}

impl<'a> Fields<'a> {
    fn of(database: u8, effect: &Effect<'a>) -> Self {
        let fields = Self {
            number: effect.number().into(),
            database: database.into(),
            key: effect.key().unwrap_or_default(),
            ..Self::default()
        };
        let milliseconds = |deadline: Deadline| deadline.moment().map(|moment| moment.0);
        let right = |side| side == Side::Right;
        match *effect {
            Effect::Delete { .. } | Effect::Flush => fields,
            Effect::Set { value, deadline, .. } => {
                Self { value, deadline_ms: milliseconds(deadline), ..fields }
            }
            Effect::Deadline { deadline, .. } => Self { deadline_ms: milliseconds(deadline), ..fields },
            Effect::Patch { offset, bytes, .. } => Self { place: offset, value: bytes, ..fields },
            Effect::HashSet { field, value, created, .. } => Self { field, value, created, ..fields },
            Effect::HashDelete { field, .. } => Self { field, ..fields },
            Effect::SetAdd { member, created, .. } => Self { value: member, created, ..fields },
            Effect::SetRemove { member, .. } | Effect::SortedSetRemove { member, .. } => {
                Self { value: member, ..fields }
            }
            Effect::SortedSetAdd { member, score, created, .. } => {
                Self { value: member, bits: score.get().to_bits(), created, ..fields }
            }
            Effect::Swap { with } => Self { place: with.into(), ..fields },
            Effect::ListPush { side, value, created, .. } => {
                Self { right: right(side), value, created, ..fields }
            }
            Effect::ListPop { side, count, .. } => Self { right: right(side), count, ..fields },
            Effect::ListSet { index, value, .. } | Effect::ListInsert { index, value, .. } => {
                Self { place: index, value, ..fields }
            }
            Effect::ListRemove { side, value, count, .. } => {
                Self { right: right(side), value, count, ..fields }
            }
            Effect::Clear { order } => Self { bits: order.number(), ..fields },
        }
    }

    fn effect(&self) -> Result<Effect<'a>, DecodeError> {
        let Self { key, field, value, created, count, .. } = *self;
        let (index, member) = (self.place, value);
        let side = if self.right { Side::Right } else { Side::Left };
        let deadline = self.deadline_ms.map_or(Deadline::NEVER, |ms| Deadline::at(Millis(ms)));
        Ok(match self.number {
            1 => Effect::Set { key, value, deadline },
            2 => Effect::Delete { key },
            3 => Effect::Deadline { key, deadline },
            4 => Effect::Patch { key, offset: self.place, bytes: value },
            5 => Effect::HashSet { key, field, value, created },
            6 => Effect::HashDelete { key, field },
            7 => Effect::Flush,
            8 => Effect::Swap { with: self.other_database()? },
            9 => Effect::ListPush { key, side, value, created },
            10 => Effect::ListPop { key, side, count },
            11 => Effect::ListSet { key, index, value },
            12 => Effect::ListInsert { key, index, value },
            13 => Effect::ListRemove { key, side, value, count },
            15 => Effect::SetAdd { key, member, created },
            16 => Effect::SetRemove { key, member },
            18 => {
                let score = Score::new(f64::from_bits(self.bits)).ok_or(DecodeError::Malformed)?;
                Effect::SortedSetAdd { key, member, score, created }
            }
            19 => Effect::SortedSetRemove { key, member },
            20 => Effect::Clear { order: Order::new(self.bits).ok_or(DecodeError::Malformed)? },
            number => return Err(DecodeError::Unknown { number }),
        })
    }

    fn other_database(&self) -> Result<u8, DecodeError> {
        u8::try_from(self.place).ok().filter(|&other| other < DATABASES).ok_or(DecodeError::Malformed)
    }

    fn read(body: &'a [u8]) -> Result<Self, DecodeError> {
        let (mut fields, mut rest) = (Self::default(), body);
        while !rest.is_empty() {
            let (part, after) = Part::read(rest)?;
            rest = after;
            match part {
                Part::Number(1, number) => fields.number = number,
                Part::Number(2, number) => fields.database = number,
                Part::Bytes(3, bytes) => fields.key = bytes,
                Part::Bytes(4, bytes) => fields.field = bytes,
                Part::Bytes(5, bytes) => fields.value = bytes,
                Part::Number(6, number) => fields.deadline_ms = Some(number),
                Part::Number(7, number) => fields.place = number,
                Part::Number(8, number) => fields.count = number,
                Part::Fixed(9, number) => fields.bits = number,
                Part::Number(10, number) => fields.created = number != 0,
                Part::Number(11, number) => fields.right = number != 0,
                Part::Number(..=11, _) | Part::Bytes(..=11, _) | Part::Fixed(..=11, _) => {
                    return Err(DecodeError::Malformed);
                }
                _ => {}
            }
        }
        Ok(fields)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let body: usize = self.parts().map(|part| part.bytes()).sum();
        write_varint(u64::from(EFFECTS) << 3 | LENGTH, out);
        write_varint(body as u64, out);
        out.reserve(body);
        self.parts().for_each(|part| part.write(out));
    }

    /// The fields that do not hold zero, in the order of their numbers.
    fn parts(&self) -> impl Iterator<Item = Part<'a>> {
        let number = |field, number| (number != 0).then_some(Part::Number(field, number));
        let bytes = |field, bytes: &'a [u8]| (!bytes.is_empty()).then_some(Part::Bytes(field, bytes));
        [
            number(1, self.number),
            number(2, self.database),
            bytes(3, self.key),
            bytes(4, self.field),
            bytes(5, self.value),
            self.deadline_ms.map(|ms| Part::Number(6, ms)),
            number(7, self.place),
            number(8, self.count),
            (self.bits != 0).then_some(Part::Fixed(9, self.bits)),
            number(10, self.created.into()),
            number(11, self.right.into()),
        ]
        .into_iter()
        .flatten()
    }
}

/// One field of a message, by its number.
#[derive(Clone, Copy)]
enum Part<'a> {
    Number(u32, u64),
    Fixed(u32, u64),
    Bytes(u32, &'a [u8]),
    /// Four bytes, which no field of ours has.
    Other,
}

impl<'a> Part<'a> {
    /// The first field of some bytes, and what follows it.
    fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), DecodeError> {
        let (key, rest) = read_varint(bytes)?;
        let field = u32::try_from(key >> 3).map_err(|_| DecodeError::Malformed)?;
        match key & 0b111 {
            _ if field == 0 => Err(DecodeError::Malformed),
            NUMBER => read_varint(rest).map(|(number, rest)| (Self::Number(field, number), rest)),
            FIXED => {
                let (number, rest) = rest.split_first_chunk().ok_or(DecodeError::Malformed)?;
                Ok((Self::Fixed(field, u64::from_le_bytes(*number)), rest))
            }
            LENGTH => {
                let (length, rest) = read_varint(rest)?;
                let length = usize::try_from(length).map_err(|_| DecodeError::Malformed)?;
                let (bytes, rest) = rest.split_at_checked(length).ok_or(DecodeError::Malformed)?;
                Ok((Self::Bytes(field, bytes), rest))
            }
            FIXED_FOUR => Ok((Self::Other, rest.get(4..).ok_or(DecodeError::Malformed)?)),
            _ => Err(DecodeError::Malformed),
        }
    }

    /// Bytes that it takes.
    fn bytes(self) -> usize {
        // The numbers of our fields fit one byte.
        match self {
            Self::Number(_, number) => 1 + varint_bytes(number),
            Self::Fixed(..) => 1 + 8,
            Self::Bytes(_, bytes) => 1 + varint_bytes(bytes.len() as u64) + bytes.len(),
            Self::Other => 0,
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Number(field, number) => {
                write_varint(u64::from(field) << 3 | NUMBER, out);
                write_varint(number, out);
            }
            Self::Fixed(field, number) => {
                write_varint(u64::from(field) << 3 | FIXED, out);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Self::Bytes(field, bytes) => {
                write_varint(u64::from(field) << 3 | LENGTH, out);
                write_varint(bytes.len() as u64, out);
                out.extend_from_slice(bytes);
            }
            Self::Other => {}
        }
    }
}

const fn varint_bytes(number: u64) -> usize {
    (u64::BITS - (number | 1).leading_zeros()).div_ceil(7) as usize
}

fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &[u8]) -> Result<(u64, &[u8]), DecodeError> {
    let mut number = 0;
    for (place, &byte) in bytes.iter().take(VARINT_BYTES_MAX).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            // The tenth byte has room for one bit.
            let fits = place < VARINT_BYTES_MAX - 1 || byte <= 1;
            return if fits { Ok((number, &bytes[place + 1..])) } else { Err(DecodeError::Malformed) };
        }
    }
    Err(DecodeError::Malformed)
}

/// The repeated field.
const EFFECTS: u32 = 1;

/// Databases of a service.
const DATABASES: u8 = 16;

/// How a field is written, as protobuf numbers it.
const NUMBER: u64 = 0;
const FIXED: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_FOUR: u64 = 5;

const VARINT_BYTES_MAX: usize = 10;

#[cfg(test)]
mod tests;
