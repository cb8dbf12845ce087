//! Operators on two values whose common type is settled. Whole numbers wrap, as C# does by default.

use std::cmp::Ordering;
use std::sync::Arc;

use larder_proto::envelope::Decimal;

use crate::dotnet::collection::equals;
use crate::dotnet::number::{Operator, Whole, floating};
use crate::dotnet::{Datum, Exception, ExceptionKind, decimal};

/// The type in which numbers are calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Kind {
    Int,
    UInt,
    Long,
    ULong,
    Float,
    Double,
    Decimal,
}

/// `+`, `-`, `*`, `/`, `%`
pub(in crate::expression) type Arithmetic = Operator;

/// `&`, `|`, `^`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Bits {
    And,
    Or,
    Xor,
}

/// `<`, `<=`, `>`, `>=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An operator between two values of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::expression) enum Operation {
    Arithmetic(Arithmetic, Kind),
    /// Of whole numbers, `bool` and enumerations.
    Bits(Bits),
    /// The right operand is an `int`.
    ShiftLeft,
    ShiftRight,
    Compare(Comparison, Kind),
    /// Of numbers.
    Equal(Kind),
    /// `==` of everything but numbers: values by what they are, references by which they are.
    Same {
        /// Whether texts are compared by what they are, and JSON, too: the static types say so.
        by_value: bool,
    },
    /// `!=` of numbers.
    NotEqual(Kind),
    /// `!=` of everything else.
    NotSame {
        by_value: bool,
    },
}

impl Operation {
    /// Whether the result is a truth value even where an operand is null.
    pub(super) fn is_comparison(self) -> bool {
        !matches!(self, Self::Arithmetic(..) | Self::Bits(_) | Self::ShiftLeft | Self::ShiftRight)
    }
}

/// Carries out an operator on operands that are not null, or on any for `==` and `!=`.
pub(in crate::expression) fn operate(
    operation: Operation,
    left: &Datum,
    right: &Datum,
) -> Result<Datum, Exception> {
    Ok(match operation {
        Operation::Arithmetic(operator, kind) => return arithmetic(operator, kind, left, right),
        Operation::Bits(bits) => return self::bits(bits, left, right),
        Operation::ShiftLeft => return shift(left, right, true),
        Operation::ShiftRight => return shift(left, right, false),
        Operation::Compare(comparison, kind) => {
            Datum::Bool(compare(kind, left, right)?.is_some_and(|ordering| match comparison {
                Comparison::Less => ordering.is_lt(),
                Comparison::LessOrEqual => ordering.is_le(),
                Comparison::Greater => ordering.is_gt(),
                Comparison::GreaterOrEqual => ordering.is_ge(),
            }))
        }
        Operation::Equal(kind) => Datum::Bool(numbers_equal(kind, left, right)?),
        Operation::NotEqual(kind) => Datum::Bool(!numbers_equal(kind, left, right)?),
        Operation::Same { by_value } => Datum::Bool(same(left, right, by_value)),
        Operation::NotSame { by_value } => Datum::Bool(!same(left, right, by_value)),
    })
}

/// `==` where the static types say whether values count. Boxed values are references of their own, but no
/// policy means that: what was boxed is compared by value.
fn same(left: &Datum, right: &Datum, by_value: bool) -> bool {
    match (left, right) {
        (Datum::Json(left), Datum::Json(right)) if !by_value => left.is(right),
        // .NET has one empty text, and one text for all equal literals of an expression.
        (Datum::String(left), Datum::String(right)) if !by_value => {
            Arc::ptr_eq(left, right) || left.is_empty() && right.is_empty()
        }
        _ => equals(left, right),
    }
}

fn numbers_equal(kind: Kind, left: &Datum, right: &Datum) -> Result<bool, Exception> {
    if left.is_null() || right.is_null() {
        return Ok(left.is_null() && right.is_null());
    }
    Ok(compare(kind, left, right)? == Some(Ordering::Equal))
}

fn compare(kind: Kind, left: &Datum, right: &Datum) -> Result<Option<Ordering>, Exception> {
    Ok(match kind {
        Kind::Int => Some(int(left)?.cmp(&int(right)?)),
        Kind::UInt => Some(uint(left)?.cmp(&uint(right)?)),
        Kind::Long => Some(long(left)?.cmp(&long(right)?)),
        Kind::ULong => Some(ulong(left)?.cmp(&ulong(right)?)),
        Kind::Float => float(left)?.partial_cmp(&float(right)?),
        Kind::Double => double(left)?.partial_cmp(&double(right)?),
        Kind::Decimal => Some(decimal::compare(decimal_of(left)?, decimal_of(right)?)),
    })
}

fn arithmetic(operator: Arithmetic, kind: Kind, left: &Datum, right: &Datum) -> Result<Datum, Exception> {
    Ok(match kind {
        Kind::Int => Datum::Int(i32::calculate(operator, int(left)?, int(right)?)?),
        Kind::UInt => Datum::UInt(u32::calculate(operator, uint(left)?, uint(right)?)?),
        Kind::Long => Datum::Long(i64::calculate(operator, long(left)?, long(right)?)?),
        Kind::ULong => Datum::ULong(u64::calculate(operator, ulong(left)?, ulong(right)?)?),
        Kind::Float => Datum::Float(floating(operator, float(left)?, float(right)?)),
        Kind::Double => Datum::Double(floating(operator, double(left)?, double(right)?)),
        Kind::Decimal => Datum::Decimal(decimal::binary(operator, decimal_of(left)?, decimal_of(right)?)?),
    })
}

fn bits(bits: Bits, left: &Datum, right: &Datum) -> Result<Datum, Exception> {
    Ok(match (left, right) {
        (Datum::Bool(left), Datum::Bool(right)) => Datum::Bool(joined!(bits, *left, *right)),
        (Datum::Int(left), Datum::Int(right)) => Datum::Int(joined!(bits, *left, *right)),
        (Datum::UInt(left), Datum::UInt(right)) => Datum::UInt(joined!(bits, *left, *right)),
        (Datum::Long(left), Datum::Long(right)) => Datum::Long(joined!(bits, *left, *right)),
        (Datum::ULong(left), Datum::ULong(right)) => Datum::ULong(joined!(bits, *left, *right)),
        (Datum::Enum(left), Datum::Enum(right)) => {
            Datum::Enum(left.kind().number(joined!(bits, left.number, right.number)))
        }
        _ => return Err(other()),
    })
}

fn shift(left: &Datum, right: &Datum, is_left: bool) -> Result<Datum, Exception> {
    let count = int(right)? as u32;
    Ok(match left {
        Datum::Int(value) if is_left => Datum::Int(value.wrapping_shl(count)),
        Datum::Int(value) => Datum::Int(value.wrapping_shr(count)),
        Datum::UInt(value) if is_left => Datum::UInt(value.wrapping_shl(count)),
        Datum::UInt(value) => Datum::UInt(value.wrapping_shr(count)),
        Datum::Long(value) if is_left => Datum::Long(value.wrapping_shl(count)),
        Datum::Long(value) => Datum::Long(value.wrapping_shr(count)),
        Datum::ULong(value) if is_left => Datum::ULong(value.wrapping_shl(count)),
        Datum::ULong(value) => Datum::ULong(value.wrapping_shr(count)),
        _ => return Err(other()),
    })
}

/// `-a`; the smallest whole number stays what it is.
pub(in crate::expression) fn negate(value: &Datum) -> Result<Datum, Exception> {
    Ok(match value {
        Datum::Int(value) => Datum::Int(value.wrapping_neg()),
        Datum::Long(value) => Datum::Long(value.wrapping_neg()),
        Datum::Float(value) => Datum::Float(-value),
        Datum::Double(value) => Datum::Double(-value),
        Datum::Decimal(value) => Datum::Decimal(decimal::negate(*value)),
        Datum::Null => Datum::Null,
        _ => return Err(other()),
    })
}

/// `~a`
pub(in crate::expression) fn complement(value: &Datum) -> Result<Datum, Exception> {
    Ok(match value {
        Datum::Int(value) => Datum::Int(!value),
        Datum::UInt(value) => Datum::UInt(!value),
        Datum::Long(value) => Datum::Long(!value),
        Datum::ULong(value) => Datum::ULong(!value),
        Datum::Enum(value) => Datum::Enum(value.kind().number(!value.number)),
        Datum::Null => Datum::Null,
        _ => return Err(other()),
    })
}

fn int(value: &Datum) -> Result<i32, Exception> {
    if let Datum::Int(value) = value { Ok(*value) } else { Err(other()) }
}

fn uint(value: &Datum) -> Result<u32, Exception> {
    if let Datum::UInt(value) = value { Ok(*value) } else { Err(other()) }
}

fn long(value: &Datum) -> Result<i64, Exception> {
    if let Datum::Long(value) = value { Ok(*value) } else { Err(other()) }
}

fn ulong(value: &Datum) -> Result<u64, Exception> {
    if let Datum::ULong(value) = value { Ok(*value) } else { Err(other()) }
}

fn float(value: &Datum) -> Result<f32, Exception> {
    if let Datum::Float(value) = value { Ok(*value) } else { Err(other()) }
}

fn double(value: &Datum) -> Result<f64, Exception> {
    if let Datum::Double(value) = value { Ok(*value) } else { Err(other()) }
}

fn decimal_of(value: &Datum) -> Result<Decimal, Exception> {
    if let Datum::Decimal(value) = value { Ok(*value) } else { Err(other()) }
}

/// The compiler has converted the operands: only a value from outside can be of another type.
fn other() -> Exception {
    Exception::new(ExceptionKind::InvalidCast, "an operand has another type than the expression says")
}

macro_rules! joined {
    ($bits:expr, $left:expr, $right:expr) => {
        match $bits {
            Bits::And => $left & $right,
            Bits::Or => $left | $right,
            Bits::Xor => $left ^ $right,
        }
    };
}

use joined;
