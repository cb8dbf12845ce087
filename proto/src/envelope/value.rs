//! The types a stored value can have. How they become bytes is told in the module above.

use bytes::Bytes;

/// A value with its type, as a gateway stores it and gets it back.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Text.
    String(String),
    /// A truth value.
    Bool(bool),
    /// A 32-bit integer.
    Int(i32),
    /// A 64-bit integer.
    Long(i64),
    /// A binary floating-point number.
    Double(f64),
    /// A decimal number of 96 bits.
    Decimal(Decimal),
    /// A point in time, or a calendar date.
    Date(Date),
    /// A globally unique identifier.
    Guid(Guid),
    /// Bytes without further meaning.
    Bytes(Bytes),
    /// A JSON document as text; nobody has checked that it is one.
    Json(String),
    /// A whole response.
    Response(Box<Response>),
}

impl Value {
    /// The type of this value.
    #[must_use]
    pub fn kind(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::Bool(_) => ValueType::Bool,
            Self::Int(_) => ValueType::Int,
            Self::Long(_) => ValueType::Long,
            Self::Double(_) => ValueType::Double,
            Self::Decimal(_) => ValueType::Decimal,
            Self::Date(_) => ValueType::Date,
            Self::Guid(_) => ValueType::Guid,
            Self::Bytes(_) => ValueType::Bytes,
            Self::Json(_) => ValueType::Json,
            Self::Response(_) => ValueType::Response,
        }
    }

    /// The text of a string; nothing for every other type.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

/// The type of a value. The numbers are those of the envelope's type tag and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum ValueType {
    /// See [`Value::String`].
    String = 1,
    /// See [`Value::Bool`].
    Bool = 2,
    /// See [`Value::Int`].
    Int = 3,
    /// See [`Value::Long`].
    Long = 4,
    /// See [`Value::Double`].
    Double = 5,
    /// See [`Value::Decimal`].
    Decimal = 6,
    /// See [`Value::Date`].
    Date = 7,
    /// See [`Value::Guid`].
    Guid = 8,
    /// See [`Value::Bytes`].
    Bytes = 9,
    /// See [`Value::Json`].
    Json = 10,
    /// See [`Value::Response`].
    Response = 11,
}

impl ValueType {
    /// Every type, in the order of the tags.
    pub const ALL: [ValueType; 11] = [
        Self::String,
        Self::Bool,
        Self::Int,
        Self::Long,
        Self::Double,
        Self::Decimal,
        Self::Date,
        Self::Guid,
        Self::Bytes,
        Self::Json,
        Self::Response,
    ];

    /// The number that stands for the type in an envelope.
    #[must_use]
    pub fn tag(self) -> u8 {
        self as u8
    }

    /// The type that the number stands for, if any.
    #[must_use]
    pub fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.tag() == tag)
    }
}

/// A decimal number: mantissa / 10^scale, of the range of .NET's `System.Decimal`.
///
/// Scales are kept (1.0 and 1.00 differ, as they do when printed); a negative zero is not: it is
/// zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i128,
    scale: u8,
}

impl Decimal {
    /// The largest magnitude of a mantissa: 96 bits.
    pub const MANTISSA_MAX: i128 = (1 << 96) - 1;
    /// The most digits after the point.
    pub const SCALE_MAX: u8 = 28;
    /// Zero, without decimals.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// The number, if it lies in range.
    #[must_use]
    pub fn new(mantissa: i128, scale: u8) -> Option<Self> {
        let fits = (-Self::MANTISSA_MAX..=Self::MANTISSA_MAX).contains(&mantissa);
        (fits && scale <= Self::SCALE_MAX).then_some(Self { mantissa, scale })
    }

    /// The digits, as a whole number.
    #[must_use]
    pub fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// How many of the digits stand after the point.
    #[must_use]
    pub fn scale(self) -> u8 {
        self.scale
    }
}

/// What a date's clock reading refers to, as .NET's `DateTimeKind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DateKind {
    /// Not said.
    Unspecified = 0,
    /// Coordinated universal time.
    Utc = 1,
    /// The local time of whoever wrote it.
    Local = 2,
}

impl DateKind {
    /// The kind that the number stands for in an envelope.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [Self::Unspecified, Self::Utc, Self::Local].into_iter().find(|kind| *kind as u8 == number)
    }
}

/// A point in time between the years 1 and 9999, in ticks of 100 ns since 0001-01-01T00:00:00, as
/// .NET's `DateTime.Ticks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Date {
    ticks: i64,
    kind: DateKind,
}

impl Date {
    /// The last tick of the year 9999.
    pub const TICKS_MAX: i64 = 3_155_378_975_999_999_999;
    /// 0001-01-01T00:00:00 in UTC.
    pub const START_UTC: Self = Self { ticks: 0, kind: DateKind::Utc };

    /// The date, if it lies in range.
    #[must_use]
    pub fn new(ticks: i64, kind: DateKind) -> Option<Self> {
        (0..=Self::TICKS_MAX).contains(&ticks).then_some(Self { ticks, kind })
    }

    /// Ticks of 100 ns since 0001-01-01T00:00:00.
    #[must_use]
    pub fn ticks(self) -> i64 {
        self.ticks
    }

    /// What the ticks refer to.
    #[must_use]
    pub fn kind(self) -> DateKind {
        self.kind
    }
}

/// A globally unique identifier: sixteen bytes in the order in which they are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Guid(pub [u8; 16]);

/// A whole response, kept to be answered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status, 100 to 999.
    pub status: u16,
    /// The reason phrase, up to 65,535 bytes; often empty.
    pub reason: String,
    /// Names and values in their order, up to 65,535 of them; a name may occur again.
    pub headers: Vec<(String, Bytes)>,
    /// The body.
    pub body: Bytes,
}
