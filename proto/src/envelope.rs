//! The typed value that gateways store: its types, and the bytes they have in a cache. Where the
//! bytes are kept, and under which key, is the client's business.
//!
//! # Two forms
//!
//! **Plain**: the bytes themselves, with nothing before them. Read as a string when they are valid
//! UTF-8, as bytes when not. This is what any Redis client reads and writes, and how strings are
//! stored (unless they begin like an envelope).
//!
//! **Envelope**: everything else. All numbers are little-endian.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic `00 4C 56 45` (`\0LVE`); no text begins with a zero byte |
//! | 4 | 1 | version, [`VERSION`] |
//! | 5 | 1 | type tag, see below; numbered for ever, never reused |
//! | 6 | 4 | length of the payload, u32; exactly as many bytes follow |
//! | 10 | n | payload |
//!
//! | tag | type | payload |
//! |---|---|---|
//! | 1 | string | UTF-8 |
//! | 2 | bool | one byte, 0 or 1 |
//! | 3 | int | i32 |
//! | 4 | long | i64 |
//! | 5 | double | IEEE 754 binary64, its bits kept (NaN too) |
//! | 6 | decimal | scale u8 (0..=28), then the mantissa as i128, its magnitude below 2^96 |
//! | 7 | date | ticks i64 (100 ns since 0001-01-01T00:00:00, 0..=3155378975999999999), kind u8 (0 unspecified, 1 UTC, 2 local) |
//! | 8 | GUID | 16 bytes in the order they are written as text (RFC 9562), not that of .NET's `ToByteArray` |
//! | 9 | bytes | the bytes |
//! | 10 | JSON | UTF-8 text, stored as given; it is not parsed here |
//! | 11 | response | status u16 (100..=999); reason: u16 length, UTF-8; u16 number of headers, each name: u16 length, UTF-8, and value: u32 length, bytes; the rest is the body |
//!
//! A reader refuses an envelope of another version, an unknown tag, a length that does not match
//! and a payload that is not of its type: see [`EnvelopeError`]. No input makes it panic.

mod error;
mod read;
mod value;

pub use error::EnvelopeError;
pub use value::{Date, DateKind, Decimal, Guid, Response, Value, ValueType};

use bytes::Bytes;
use read::Payload;

/// The first bytes of every envelope. The leading zero is what no text begins with.
pub const MAGIC: [u8; 4] = [0x00, b'L', b'V', b'E'];

/// The version of the layout that this code writes, and the only one it reads.
pub const VERSION: u8 = 1;

/// Bytes before the payload: magic, version, tag, length.
pub const HEADER_BYTES: usize = 10;

impl Value {
    /// The bytes to store, in one allocation of the right size; the value is copied once.
    ///
    /// A string is written plain, so that any Redis client can read it, unless it begins with
    /// [`MAGIC`], when it gets an envelope so that it is read back as it was.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError::TooLong`] if a part is longer than its length field can say.
    pub fn encode(&self) -> Result<Vec<u8>, EnvelopeError> {
        match self {
            Value::String(text) if self.is_plain() => Ok(text.as_bytes().to_vec()),
            _ => self.encode_envelope(),
        }
    }

    /// Reads what [`encode`](Value::encode) wrote, or what any Redis client wrote.
    ///
    /// Bytes and the body of a response share the given buffer; text is copied once.
    ///
    /// # Errors
    ///
    /// The bytes begin like an envelope and are none that can be read.
    pub fn decode(stored: &Bytes) -> Result<Value, EnvelopeError> {
        let Some(rest) = stored.strip_prefix(&MAGIC) else {
            return Ok(plain(stored));
        };
        let [version, tag, length @ ..] = rest else { return Err(truncated(stored.len())) };
        if *version != VERSION {
            return Err(EnvelopeError::UnknownVersion(*version));
        }
        let kind = ValueType::from_tag(*tag).ok_or(EnvelopeError::UnknownType(*tag))?;
        let Some((length, payload)) = length.split_first_chunk::<4>() else {
            return Err(truncated(stored.len()));
        };
        let expected = u32::from_le_bytes(*length) as usize;
        match payload.len() {
            have if have < expected => Err(EnvelopeError::Truncated { expected, have }),
            have if have > expected => Err(EnvelopeError::TrailingBytes { extra: have - expected }),
            _ => Payload::new(stored.slice(HEADER_BYTES..)).value(kind),
        }
    }

    /// How many bytes [`encode`](Value::encode) gives.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        let header = if self.is_plain() { 0 } else { HEADER_BYTES };
        header + self.payload_bytes()
    }

    /// Whether the value is stored as it is: text that does not look like an envelope.
    fn is_plain(&self) -> bool {
        matches!(self, Value::String(text) if !text.as_bytes().starts_with(&MAGIC))
    }

    /// How many bytes the payload of this value takes.
    fn payload_bytes(&self) -> usize {
        match self {
            Value::String(text) | Value::Json(text) => text.len(),
            Value::Bool(_) => 1,
            Value::Int(_) => 4,
            Value::Long(_) | Value::Double(_) => 8,
            Value::Decimal(_) => 17,
            Value::Date(_) => 9,
            Value::Guid(_) => 16,
            Value::Bytes(bytes) => bytes.len(),
            Value::Response(response) => response_bytes(response),
        }
    }

    fn encode_envelope(&self) -> Result<Vec<u8>, EnvelopeError> {
        let length = self.payload_bytes();
        let mut out = Vec::with_capacity(HEADER_BYTES + length);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[VERSION, self.kind().tag()]);
        out.extend_from_slice(&length_u32("payload", length)?.to_le_bytes());
        match self {
            Value::String(text) | Value::Json(text) => out.extend_from_slice(text.as_bytes()),
            Value::Bool(value) => out.push(u8::from(*value)),
            Value::Int(value) => out.extend_from_slice(&value.to_le_bytes()),
            Value::Long(value) => out.extend_from_slice(&value.to_le_bytes()),
            Value::Double(value) => out.extend_from_slice(&value.to_bits().to_le_bytes()),
            Value::Decimal(value) => {
                out.push(value.scale());
                out.extend_from_slice(&value.mantissa().to_le_bytes());
            }
            Value::Date(value) => {
                out.extend_from_slice(&value.ticks().to_le_bytes());
                out.push(value.kind() as u8);
            }
            Value::Guid(Guid(bytes)) => out.extend_from_slice(bytes),
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            Value::Response(response) => write_response(&mut out, response)?,
        }
        debug_assert_eq!(out.len(), HEADER_BYTES + length, "the size is known before writing");
        Ok(out)
    }
}

fn plain(stored: &Bytes) -> Value {
    match std::str::from_utf8(stored) {
        Ok(text) => Value::String(text.to_owned()),
        Err(_) => Value::Bytes(stored.clone()),
    }
}

fn truncated(have: usize) -> EnvelopeError {
    EnvelopeError::Truncated { expected: HEADER_BYTES, have }
}

fn response_bytes(response: &Response) -> usize {
    let headers: usize = response.headers.iter().map(|(name, value)| 6 + name.len() + value.len()).sum();
    2 + 2 + response.reason.len() + 2 + headers + response.body.len()
}

fn write_response(out: &mut Vec<u8>, response: &Response) -> Result<(), EnvelopeError> {
    read::check_status(response.status)?;
    out.extend_from_slice(&response.status.to_le_bytes());
    out.extend_from_slice(&length_u16("reason", response.reason.len())?.to_le_bytes());
    out.extend_from_slice(response.reason.as_bytes());
    out.extend_from_slice(&length_u16("headers", response.headers.len())?.to_le_bytes());
    for (name, value) in &response.headers {
        out.extend_from_slice(&length_u16("header name", name.len())?.to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&length_u32("header value", value.len())?.to_le_bytes());
        out.extend_from_slice(value);
    }
    out.extend_from_slice(&response.body);
    Ok(())
}

fn length_u16(part: &'static str, length: usize) -> Result<u16, EnvelopeError> {
    u16::try_from(length).map_err(|_| EnvelopeError::TooLong { part, length })
}

fn length_u32(part: &'static str, length: usize) -> Result<u32, EnvelopeError> {
    u32::try_from(length).map_err(|_| EnvelopeError::TooLong { part, length })
}
