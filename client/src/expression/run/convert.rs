//! Conversions and tests of types at run time.

use std::sync::Arc;

use larder_proto::envelope::Decimal;

use crate::dotnet::json::{JToken, JTokenKind};
use crate::dotnet::number::Number;
use crate::dotnet::object::EnumType;
use crate::dotnet::{Datum, Exception, ExceptionKind, decimal};
use crate::expression::types::{Type, derives};

/// How a value becomes one of another type.
#[derive(Debug, Clone)]
pub(in crate::expression) enum Conversion {
    /// A number, `char` or enumeration becomes a number of this type: what does not fit is cut.
    Number(Type),
    /// A number becomes a value of an enumeration.
    Enum(&'static EnumType),
    /// An `object` or a base becomes what it is; else `InvalidCastException`. Null passes where the type
    /// takes it.
    Unbox(Test),
    /// `-a`
    Negate,
    /// `~a`
    Complement,
    /// `a.Value` of `int?`
    NotNull,
    /// The same, and then something else.
    NotNullThen(Box<Conversion>),
}

/// Whether a value is of a type.
#[derive(Debug, Clone)]
pub(in crate::expression) struct Test {
    /// The type; of a nullable one, that of its values.
    pub(in crate::expression) of: Type,
    /// Its name, if it has no keyword.
    name: Arc<str>,
    /// Whether null passes as an unboxed value: of reference types and nullable ones.
    pub(in crate::expression) takes_null: bool,
}

impl Test {
    pub(in crate::expression) fn of(target: &Type) -> Self {
        let of = target.without_null().clone();
        let name = if of.keyword().is_some() { String::new() } else { of.to_string() };
        Self { name: name.into(), takes_null: target.takes_null(), of }
    }

    /// Whether a value is of the type. Null is of none.
    pub(in crate::expression) fn passes(&self, value: &Datum) -> bool {
        match (&self.of, value) {
            (_, Datum::Null) => false,
            (Type::Object, _)
            | (Type::Bool, Datum::Bool(_))
            | (Type::Char, Datum::Char(_))
            | (Type::String, Datum::String(_))
            | (Type::SByte, Datum::SByte(_))
            | (Type::Byte, Datum::Byte(_))
            | (Type::Short, Datum::Short(_))
            | (Type::UShort, Datum::UShort(_))
            | (Type::Int, Datum::Int(_))
            | (Type::UInt, Datum::UInt(_))
            | (Type::Long, Datum::Long(_))
            | (Type::ULong, Datum::ULong(_))
            | (Type::Float, Datum::Float(_))
            | (Type::Double, Datum::Double(_))
            | (Type::Decimal, Datum::Decimal(_)) => true,
            (Type::Class(..) | Type::Array(_), Datum::Json(token)) => self.is_json(token),
            (Type::Class(..) | Type::Array(_), value) => {
                *value.type_name() == *self.name || derives(&value.type_name(), &self.of)
            }
            _ => false,
        }
    }

    fn is_json(&self, token: &JToken) -> bool {
        match &*self.name {
            "JToken" => true,
            "JContainer" => matches!(token.kind(), JTokenKind::Object | JTokenKind::Array),
            "JObject" => token.kind() == JTokenKind::Object,
            "JArray" => token.kind() == JTokenKind::Array,
            "JValue" => !matches!(token.kind(), JTokenKind::Object | JTokenKind::Array),
            _ => derives(&Datum::Json(token.clone()).type_name(), &self.of),
        }
    }
}

impl Conversion {
    /// Converts a value.
    pub(in crate::expression) fn apply(&self, value: Datum) -> Result<Datum, Exception> {
        match self {
            Self::Unbox(test) => match value {
                Datum::Null if test.takes_null => Ok(Datum::Null),
                Datum::Null => Err(Exception::new(
                    ExceptionKind::NullReference,
                    format!("null is no value of {}", test.of),
                )),
                value if test.passes(&value) => Ok(value),
                value => {
                    let text = format!("a value of type {} is no {}", value.type_name(), test.of);
                    Err(Exception::new(ExceptionKind::InvalidCast, text))
                }
            },
            Self::NotNull | Self::NotNullThen(_) if value.is_null() => {
                Err(Exception::new(ExceptionKind::InvalidOperation, "a nullable value is null"))
            }
            Self::NotNull => Ok(value),
            Self::NotNullThen(then) => then.apply(value),
            _ if value.is_null() => Ok(Datum::Null),
            Self::Number(target) => to_number(&value, target),
            Self::Enum(kind) => Ok(Datum::Enum(kind.number(i32::try_from(whole(&value)?).unwrap_or(0)))),
            Self::Negate => super::operate::negate(&value),
            Self::Complement => super::operate::complement(&value),
        }
    }
}

/// `(T)number` outside of `checked`.
fn to_number(value: &Datum, target: &Type) -> Result<Datum, Exception> {
    if let Type::Decimal | Type::Double | Type::Float = target {
        return to_fraction(value, target);
    }
    let whole = whole(value)?;
    Ok(match target {
        Type::SByte => Datum::SByte(whole as i8),
        Type::Byte => Datum::Byte(whole as u8),
        Type::Short => Datum::Short(whole as i16),
        Type::UShort => Datum::UShort(whole as u16),
        Type::Char => Datum::Char(whole as u16),
        Type::Int if is_fraction(value) => {
            Datum::Int(fits(value, i64::from(i32::MIN), i64::from(i32::MAX), whole)? as i32)
        }
        Type::Int => Datum::Int(whole as i32),
        Type::UInt => Datum::UInt(whole as u32),
        Type::Long => Datum::Long(whole as i64),
        Type::ULong => Datum::ULong(whole as u64),
        _ => return Err(Exception::new(ExceptionKind::InvalidCast, "the value is no number")),
    })
}

fn is_fraction(value: &Datum) -> bool {
    matches!(value, Datum::Float(_) | Datum::Double(_) | Datum::Decimal(_))
}

/// Doubles stop at the ends of the range; decimals throw there.
fn fits(value: &Datum, least: i64, most: i64, whole: i128) -> Result<i128, Exception> {
    let within = whole.clamp(least.into(), most.into());
    if within != whole && matches!(value, Datum::Decimal(_)) {
        return Err(Exception::new(ExceptionKind::Overflow, "the decimal does not fit into 32 bits"));
    }
    Ok(within)
}

fn to_fraction(value: &Datum, target: &Type) -> Result<Datum, Exception> {
    let value = match value {
        Datum::Enum(value) => Datum::Int(value.number),
        other => other.clone(),
    };
    let number = value.number();
    let number =
        number.ok_or_else(|| Exception::new(ExceptionKind::InvalidCast, "the value is no number"))?;
    Ok(match target {
        Type::Decimal => Datum::Decimal(number.to_decimal()?),
        Type::Float => Datum::Float(number.to_double() as f32),
        _ => Datum::Double(number.to_double()),
    })
}

/// The whole part of a number.
fn whole(value: &Datum) -> Result<i128, Exception> {
    Ok(match value {
        Datum::Enum(value) => value.number.into(),
        Datum::ULong(value) => i128::from(*value),
        Datum::Float(value) => i128::from(*value as i64),
        Datum::Double(value) => i128::from(*value as i64),
        Datum::Decimal(value) => decimal_whole(*value)?,
        other => match other.number() {
            Some(Number::Int(value)) => value.into(),
            Some(Number::Long(value)) => value.into(),
            _ => return Err(Exception::new(ExceptionKind::InvalidCast, "the value is no number")),
        },
    })
}

fn decimal_whole(value: Decimal) -> Result<i128, Exception> {
    let whole = decimal::truncate(value).mantissa();
    let fits = i128::from(i64::MIN) <= whole && whole <= i128::from(u64::MAX);
    if fits {
        Ok(whole)
    } else {
        Err(Exception::new(ExceptionKind::Overflow, "the decimal does not fit into 64 bits"))
    }
}
