//! Reads the payload of an envelope whose header is known to be right. Every read is checked
//! against what is left; nothing here panics.

use bytes::Bytes;

use super::{Date, DateKind, Decimal, EnvelopeError, Guid, Response, Value, ValueType};

/// What is left of a payload.
pub(super) struct Payload {
    rest: Bytes,
}

impl Payload {
    pub(super) fn new(rest: Bytes) -> Self {
        Self { rest }
    }

    /// The value of the type given; all of the payload must belong to it.
    pub(super) fn value(mut self, kind: ValueType) -> Result<Value, EnvelopeError> {
        let value = match kind {
            ValueType::String => Value::String(self.text_to_end()?),
            ValueType::Json => Value::Json(self.text_to_end()?),
            ValueType::Bool => Value::Bool(self.bool()?),
            ValueType::Int => Value::Int(i32::from_le_bytes(self.array()?)),
            ValueType::Long => Value::Long(i64::from_le_bytes(self.array()?)),
            ValueType::Double => Value::Double(f64::from_bits(u64::from_le_bytes(self.array()?))),
            ValueType::Decimal => Value::Decimal(self.decimal()?),
            ValueType::Date => Value::Date(self.date()?),
            ValueType::Guid => Value::Guid(Guid(self.array()?)),
            ValueType::Bytes => Value::Bytes(self.remainder()),
            ValueType::Response => Value::Response(Box::new(self.response()?)),
        };
        match self.rest.len() {
            0 => Ok(value),
            extra => Err(EnvelopeError::TrailingBytes { extra }),
        }
    }

    fn bool(&mut self) -> Result<bool, EnvelopeError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(EnvelopeError::Invalid("a bool is 0 or 1")),
        }
    }

    fn decimal(&mut self) -> Result<Decimal, EnvelopeError> {
        let [scale] = self.array()?;
        let mantissa = i128::from_le_bytes(self.array()?);
        Decimal::new(mantissa, scale)
            .ok_or(EnvelopeError::Invalid("a decimal has 96 bits and a scale of 0 to 28"))
    }

    fn date(&mut self) -> Result<Date, EnvelopeError> {
        let ticks = i64::from_le_bytes(self.array()?);
        let [kind] = self.array()?;
        DateKind::from_number(kind)
            .and_then(|kind| Date::new(ticks, kind))
            .ok_or(EnvelopeError::Invalid("a date lies in the years 1 to 9999 and has a kind of 0 to 2"))
    }

    fn response(&mut self) -> Result<Response, EnvelopeError> {
        let status = u16::from_le_bytes(self.array()?);
        check_status(status)?;
        let reason = self.text_u16()?;
        let count = u16::from_le_bytes(self.array()?);
        // The room is not taken on the word of the input: each header has at least six bytes.
        let mut headers = Vec::with_capacity(usize::from(count).min(self.rest.len() / 6));
        for _ in 0..count {
            let name = self.text_u16()?;
            let length = u32::from_le_bytes(self.array()?) as usize;
            headers.push((name, self.take(length)?));
        }
        Ok(Response { status, reason, headers, body: self.remainder() })
    }

    fn text_u16(&mut self) -> Result<String, EnvelopeError> {
        let length = u16::from_le_bytes(self.array()?);
        text(&self.take(usize::from(length))?)
    }

    fn text_to_end(&mut self) -> Result<String, EnvelopeError> {
        text(&self.remainder())
    }

    fn remainder(&mut self) -> Bytes {
        std::mem::take(&mut self.rest)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EnvelopeError> {
        let have = self.rest.len();
        let Some(array) = self.rest.first_chunk::<N>().copied() else {
            return Err(EnvelopeError::Truncated { expected: N, have });
        };
        let _ = self.rest.split_to(N);
        Ok(array)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, EnvelopeError> {
        match self.rest.len() {
            have if have < length => Err(EnvelopeError::Truncated { expected: length, have }),
            _ => Ok(self.rest.split_to(length)),
        }
    }
}

pub(super) fn check_status(status: u16) -> Result<(), EnvelopeError> {
    match status {
        100..=999 => Ok(()),
        _ => Err(EnvelopeError::Invalid("a status lies between 100 and 999")),
    }
}

fn text(bytes: &[u8]) -> Result<String, EnvelopeError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(EnvelopeError::Invalid("text is UTF-8")),
    }
}
