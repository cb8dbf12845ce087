//! The value envelope: what is written is read back, no input panics, and the bytes never change.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use larder_proto::envelope::{
    Date, DateKind, Decimal, EnvelopeError, Guid, HEADER_BYTES, MAGIC, Response, VERSION, Value, ValueType,
};
use proptest::prelude::*;

fn response() -> Response {
    Response {
        status: 404,
        reason: "No".into(),
        headers: vec![("a".into(), Bytes::from_static(b"\xff1")), ("a".into(), Bytes::new())],
        body: Bytes::from_static(b"hi"),
    }
}

/// One value of each type, and the payload it has had since version 1.
fn golden() -> Vec<(Value, &'static str)> {
    let date = Date::new(0x0102_0304_0506_0708, DateKind::Utc).unwrap();
    vec![
        (Value::String("\0LVE!".into()), "01 05000000 004c564521"),
        (Value::Bool(true), "02 01000000 01"),
        (Value::Int(-2), "03 04000000 feffffff"),
        (Value::Long(1 << 40), "04 08000000 0000000000010000"),
        (Value::Double(1.5), "05 08000000 000000000000f83f"),
        (
            Value::Decimal(Decimal::new(-12_345, 2).unwrap()),
            "06 11000000 02 c7cfffffffffffffffffffffffffffff",
        ),
        (Value::Date(date), "07 09000000 0807060504030201 01"),
        (Value::Guid(Guid(*b"0123456789abcdef")), "08 10000000 30313233343536373839616263646566"),
        (Value::Bytes(Bytes::from_static(b"ab\0")), "09 03000000 616200"),
        (Value::Json("{}".into()), "0a 02000000 7b7d"),
        (
            Value::Response(Box::new(response())),
            "0b 1a000000 9401 0200 4e6f 0200 0100 61 02000000 ff31 0100 61 00000000 6869",
        ),
    ]
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn decode(bytes: &[u8]) -> Result<Value, EnvelopeError> {
    Value::decode(&Bytes::copy_from_slice(bytes))
}

#[test]
fn the_bytes_of_every_type_are_pinned() {
    let golden = golden();
    let types: Vec<ValueType> = golden.iter().map(|(value, _)| value.kind()).collect();
    assert_eq!(types, ValueType::ALL, "every type is pinned, in the order of the tags");
    for (value, payload) in golden {
        let mut expected = MAGIC.to_vec();
        expected.push(VERSION);
        expected.extend(from_hex(payload));
        assert_eq!(value.encode().unwrap(), expected, "{value:?}");
        assert_eq!(decode(&expected).unwrap(), value);
    }
    assert_eq!(MAGIC, [0, 0x4c, 0x56, 0x45]);
}

#[test]
fn the_tags_are_numbered_for_ever() {
    for (number, kind) in (1..).zip(ValueType::ALL) {
        assert_eq!(kind.tag(), number);
        assert_eq!(ValueType::from_tag(number), Some(kind));
    }
    assert_eq!(ValueType::from_tag(0), None);
    assert_eq!(ValueType::from_tag(12), None);
}

#[test]
fn plain_bytes_are_strings_or_bytes() {
    assert_eq!(Value::from("grüß").encode().unwrap(), "grüß".as_bytes(), "strings are written plain");
    assert_eq!(decode("grüß".as_bytes()).unwrap(), Value::from("grüß"));
    assert_eq!(decode(b"").unwrap(), Value::from(""));
    assert_eq!(decode(b"\xff\xfe").unwrap(), Value::Bytes(Bytes::from_static(b"\xff\xfe")));
    assert_eq!(decode(b"\0LV").unwrap(), Value::from("\0LV"), "shorter than the magic: text");
}

#[test]
fn wrong_envelopes_are_named() {
    let with = |rest: &[u8]| decode(&[&MAGIC[..], rest].concat()).unwrap_err();
    assert_eq!(with(&[]), EnvelopeError::Truncated { expected: HEADER_BYTES, have: 4 });
    assert_eq!(with(&[1, 2, 0, 0]), EnvelopeError::Truncated { expected: HEADER_BYTES, have: 8 });
    assert_eq!(with(&[2, 2, 0]), EnvelopeError::UnknownVersion(2));
    assert_eq!(with(&[1, 99, 0, 0, 0, 0]), EnvelopeError::UnknownType(99));
    assert_eq!(with(&[1, 2, 1, 0, 0, 0]), EnvelopeError::Truncated { expected: 1, have: 0 });
    assert_eq!(with(&[1, 2, 1, 0, 0, 0, 1, 1]), EnvelopeError::TrailingBytes { extra: 1 });
    assert_eq!(with(&[1, 2, 2, 0, 0, 0, 1, 1]), EnvelopeError::TrailingBytes { extra: 1 });
    assert_eq!(with(&[1, 3, 1, 0, 0, 0, 1]), EnvelopeError::Truncated { expected: 4, have: 1 });
    assert!(matches!(with(&[1, 2, 1, 0, 0, 0, 7]), EnvelopeError::Invalid(_)));
    assert!(matches!(with(&[1, 1, 1, 0, 0, 0, 0xff]), EnvelopeError::Invalid(_)));
    assert_eq!(
        with(&[1, 99, 0, 0, 0, 0]).to_string(),
        "envelope type 99 is unknown",
        "the text names the type and no value"
    );
}

#[test]
fn numbers_keep_to_their_range() {
    assert!(Decimal::new(Decimal::MANTISSA_MAX, 28).is_some());
    assert!(Decimal::new(-Decimal::MANTISSA_MAX, 0).is_some());
    assert!(Decimal::new(Decimal::MANTISSA_MAX + 1, 0).is_none());
    assert!(Decimal::new(1, 29).is_none());
    assert!(Date::new(Date::TICKS_MAX, DateKind::Local).is_some());
    assert!(Date::new(Date::TICKS_MAX + 1, DateKind::Local).is_none());
    assert!(Date::new(-1, DateKind::Utc).is_none());
    let nan = Value::Double(f64::from_bits(0x7ff8_0000_0000_0001)).encode().unwrap();
    assert!(matches!(decode(&nan), Ok(Value::Double(d)) if d.to_bits() == 0x7ff8_0000_0000_0001));
}

#[test]
fn parts_too_long_for_their_length_are_refused() {
    let long = Response { reason: "x".repeat(65_536), ..response() };
    let error = Value::Response(Box::new(long)).encode().unwrap_err();
    assert_eq!(error, EnvelopeError::TooLong { part: "reason", length: 65_536 });
    let no_status = Response { status: 42, ..response() };
    assert!(matches!(Value::Response(Box::new(no_status)).encode(), Err(EnvelopeError::Invalid(_))));
}

#[test]
fn bodies_share_the_buffer_they_were_read_into() {
    let stored = Bytes::from(Value::Bytes(Bytes::from(vec![7; 4096])).encode().unwrap());
    let Ok(Value::Bytes(bytes)) = Value::decode(&stored) else { panic!("bytes are expected") };
    assert_eq!(bytes.as_ptr(), stored[HEADER_BYTES..].as_ptr());
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..64).prop_map(Bytes::from)
}

fn any_response() -> impl Strategy<Value = Response> {
    let headers = prop::collection::vec((".{0,8}", any_bytes()), 0..4);
    (100u16..=999, ".{0,12}", headers, any_bytes()).prop_map(|(status, reason, headers, body)| Response {
        status,
        reason,
        headers,
        body,
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let mantissa = -Decimal::MANTISSA_MAX..=Decimal::MANTISSA_MAX;
    let kind = prop::sample::select(vec![DateKind::Unspecified, DateKind::Utc, DateKind::Local]);
    prop_oneof![
        ".{0,40}".prop_map(Value::String),
        ".{0,20}".prop_map(|text| Value::String(format!("\0LVE{text}"))),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::Long),
        any::<f64>().prop_map(Value::Double),
        (mantissa, 0u8..=28).prop_map(|(m, s)| Value::Decimal(Decimal::new(m, s).unwrap())),
        (0..=Date::TICKS_MAX, kind).prop_map(|(t, k)| Value::Date(Date::new(t, k).unwrap())),
        any::<[u8; 16]>().prop_map(|bytes| Value::Guid(Guid(bytes))),
        any_bytes().prop_map(Value::Bytes),
        ".{0,40}".prop_map(Value::Json),
        any_response().prop_map(|response| Value::Response(Box::new(response))),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        let stored = Bytes::from(value.encode().unwrap());
        prop_assert_eq!(stored.len(), value.encoded_bytes());
        prop_assert_eq!(Value::decode(&stored).unwrap(), value);
    }

    #[test]
    fn a_cut_envelope_is_an_error(value in any_value(), share in 0.0f64..1.0) {
        let stored = value.encode().unwrap();
        prop_assume!(stored.starts_with(&MAGIC));
        let cut = MAGIC.len() + ((stored.len() - MAGIC.len()) as f64 * share) as usize;
        prop_assert!(decode(&stored[..cut]).is_err());
    }

    #[test]
    fn random_bytes_never_panic(tag in 0u8..14, version in 0u8..3, rest in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = decode(&rest);
        let length = (rest.len() as u32).to_le_bytes();
        let _ = decode(&[&MAGIC[..], &rest].concat());
        if let Ok(value) = decode(&[&MAGIC[..], &[version, tag], &length, &rest].concat()) {
            prop_assert_eq!(value.kind().tag(), tag);
        }
    }
}
