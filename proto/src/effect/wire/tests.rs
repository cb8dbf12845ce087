//! Tests of effects as bytes: what is written is read, as another encoder of protobuf reads and writes it; bytes that
//! older nodes wrote stay readable; no bytes make the reader panic.

use proptest::prelude::*;
use prost::Message;

use super::*;

#[derive(Clone, PartialEq, Message)]
struct Many {
    #[prost(message, repeated, tag = "1")]
    effects: Vec<One>,
}

#[derive(Clone, PartialEq, Message)]
struct One {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(uint32, tag = "2")]
    database: u32,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    field: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    value: Vec<u8>,
    #[prost(uint64, optional, tag = "6")]
    deadline_ms: Option<u64>,
    #[prost(uint64, tag = "7")]
    place: u64,
    #[prost(uint64, tag = "8")]
    count: u64,
    #[prost(fixed64, tag = "9")]
    bits: u64,
    #[prost(bool, tag = "10")]
    created: bool,
    #[prost(bool, tag = "11")]
    right: bool,
}

/// What effects are made of.
#[derive(Debug, Clone)]
struct Seed {
    kind: usize,
    database: u8,
    key: Vec<u8>,
    field: Vec<u8>,
    value: Vec<u8>,
    number: u64,
    deadline: u64,
    flags: (bool, bool),
}

fn seed() -> impl Strategy<Value = Seed> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    let number = prop_oneof![Just(0), 0..300_u64, any::<u64>()];
    let deadline = prop_oneof![Just(0), Just(u64::MAX), 0..1_u64 << 41];
    (0..KINDS, 0..16_u8, bytes(), bytes(), bytes(), number, deadline, any::<(bool, bool)>()).prop_map(
        |(kind, database, key, field, value, number, deadline, flags)| Seed {
            kind,
            database,
            key,
            field,
            value,
            number,
            deadline,
            flags,
        },
    )
}

const KINDS: usize = 18;

impl Seed {
    fn effect(&self) -> Effect<'_> {
        let (key, field, value, member) = (&self.key[..], &self.field[..], &self.value[..], &self.value[..]);
        let (created, index, count) = (self.flags.0, self.number, self.number);
        let side = if self.flags.1 { Side::Right } else { Side::Left };
        let deadline =
            if self.deadline == u64::MAX { Deadline::NEVER } else { Deadline::at(Millis(self.deadline)) };
        let other = (self.number % 16) as u8;
        let score = Score::new(f64::from_bits(self.number)).unwrap_or(Score::of(-7));
        match self.kind {
            0 => Effect::Set { key, value, deadline },
            1 => Effect::Delete { key },
            2 => Effect::Deadline { key, deadline },
            3 => Effect::Patch { key, offset: index, bytes: value },
            4 => Effect::HashSet { key, field, value, created },
            5 => Effect::HashDelete { key, field },
            6 => Effect::Flush,
            7 => Effect::Swap { with: other },
            8 => Effect::ListPush { key, side, value, created },
            9 => Effect::ListPop { key, side, count },
            10 => Effect::ListSet { key, index, value },
            11 => Effect::ListInsert { key, index, value },
            12 => Effect::ListRemove { key, side, value, count },
            13 => Effect::SetAdd { key, member, created },
            14 => Effect::SetRemove { key, member },
            15 => Effect::SortedSetAdd { key, member, score, created },
            16 => Effect::SortedSetRemove { key, member },
            _ => Effect::Clear { order: Order::FIRST.swapped(self.database, other) },
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_by_us_and_by_others(seeds in proptest::collection::vec(seed(), 0..9)) {
        let mut bytes = Vec::new();
        seeds.iter().for_each(|seed| encode(seed.database, &seed.effect(), &mut bytes));
        let read: Vec<_> = decode_all(&bytes).collect::<Result<_, _>>().unwrap();
        let written: Vec<_> = seeds.iter().map(|seed| (seed.database, seed.effect())).collect();
        prop_assert_eq!(read, written);
        let other = Many::decode(&bytes[..]).unwrap();
        prop_assert_eq!(other.effects.len(), seeds.len());
        prop_assert_eq!(other.encode_to_vec(), bytes);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..80),
        seed in seed(),
        cut in any::<prop::sample::Index>(),
        changed in any::<(prop::sample::Index, u8)>(),
    ) {
        let _ = decode_all(&bytes).count();
        let mut written = Vec::new();
        encode(seed.database, &seed.effect(), &mut written);
        prop_assert!(decode(&written[..cut.index(written.len())]).is_err(), "an effect cut short is none");
        let place = changed.0.index(written.len());
        written[place] = changed.1;
        let _ = decode_all(&written).count();
    }
}

/// What the first version wrote, for ever.
#[test]
fn old_bytes_stay_readable() {
    let key = b"k".as_slice();
    let golden: [(Effect<'_>, &str); KINDS] = [
        (
            Effect::Set { key, value: b"v", deadline: Deadline::at(Millis(300)) },
            "0a0d080110021a016b2a017630ac02",
        ),
        (Effect::Delete { key }, "0a07080210021a016b"),
        (Effect::Deadline { key, deadline: Deadline::NEVER }, "0a07080310021a016b"),
        (Effect::Patch { key, offset: 9, bytes: b"v" }, "0a0c080410021a016b2a01763809"),
        (
            Effect::HashSet { key, field: b"f", value: b"v", created: true },
            "0a0f080510021a016b2201662a01765001",
        ),
        (Effect::HashDelete { key, field: b"f" }, "0a0a080610021a016b220166"),
        (Effect::Flush, "0a0408071002"),
        (Effect::Swap { with: 3 }, "0a06080810023803"),
        (
            Effect::ListPush { key, side: Side::Right, value: b"v", created: true },
            "0a0e080910021a016b2a017650015801",
        ),
        (Effect::ListPop { key, side: Side::Left, count: 2 }, "0a09080a10021a016b4002"),
        (Effect::ListSet { key, index: 1, value: b"v" }, "0a0c080b10021a016b2a01763801"),
        (Effect::ListInsert { key, index: 0, value: b"v" }, "0a0a080c10021a016b2a0176"),
        (
            Effect::ListRemove { key, side: Side::Right, value: b"v", count: 5 },
            "0a0e080d10021a016b2a017640055801",
        ),
        (Effect::SetAdd { key, member: b"m", created: false }, "0a0a080f10021a016b2a016d"),
        (Effect::SetRemove { key, member: b"m" }, "0a0a081010021a016b2a016d"),
        (
            Effect::SortedSetAdd { key, member: b"m", score: Score::of(1), created: true },
            "0a15081210021a016b2a016d49000000000000f03f5001",
        ),
        (Effect::SortedSetRemove { key, member: b"m" }, "0a0a081310021a016b2a016d"),
        (Effect::Clear { order: Order::FIRST }, "0a0d08141002491032547698badcfe"),
    ];
    for (effect, text) in golden {
        let mut bytes = Vec::new();
        encode(2, &effect, &mut bytes);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, text, "{effect:?}");
        assert_eq!(decode(&bytes), Ok((2, effect, &[][..])));
    }
}

#[test]
fn unknown_fields_are_passed_over_and_unknown_effects_are_not() {
    // Fields 12 to 15: a number, eight bytes, some bytes, four bytes.
    let fields = [0x60, 5, 0x69, 1, 2, 3, 4, 5, 6, 7, 8, 0x72, 2, 1, 2, 0x7d, 1, 2, 3, 4];
    let with = |body: &[u8]| {
        let body = [body, &fields].concat();
        [&[0x0a, body.len() as u8], &body[..]].concat()
    };
    assert_eq!(decode(&with(&[8, 2, 0x1a, 1, b'k'])), Ok((0, Effect::Delete { key: b"k" }, &[][..])));
    for number in [0, 14, 21, 99] {
        let error = decode(&with(&[8, number])).unwrap_err();
        assert_eq!(error, DecodeError::Unknown { number: number.into() });
        assert!(error.to_string().contains(&format!("effect {number} ")));
    }
    // A database beyond the last, a key that is a number, an order that has one twice.
    for body in [&[8, 7, 16, 16][..], &[8, 2, 0x18, 1], &[8, 20, 0x49, 0, 0, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(decode(&with(body)), Err(DecodeError::Malformed));
    }
}
