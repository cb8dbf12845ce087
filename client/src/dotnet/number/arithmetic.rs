//! Arithmetic as C# does it outside of `checked`: whole numbers wrap, `decimal` never does, and of two
//! types the wider one counts. Which pairs C# refuses to compile is the checker's business; here
//! `double` wins over `decimal`.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Rem, Sub};

use larder_proto::envelope::Decimal;

use crate::dotnet::{Exception, ExceptionKind, decimal};

/// A number of one of the types that expressions calculate with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// `int`
    Int(i32),
    /// `long`
    Long(i64),
    /// `double`
    Double(f64),
    /// `decimal`
    Decimal(Decimal),
}

/// An operator between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// How two numbers compare: `None` where one is NaN, and every comparison but `!=` is false.
pub type Ordered = Option<Ordering>;

impl Number {
    /// The number as a double; a decimal loses what does not fit.
    #[must_use]
    pub fn to_double(self) -> f64 {
        match self {
            Self::Int(value) => f64::from(value),
            Self::Long(value) => value as f64,
            Self::Double(value) => value,
            Self::Decimal(value) => decimal::to_double(value),
        }
    }

    /// `(int)number`: whole numbers wrap; doubles are cut, and stop at the ends of the range, as since
    /// .NET 9.
    ///
    /// # Errors
    ///
    /// `OverflowException` for a decimal out of range.
    pub fn to_int(self) -> Result<i32, Exception> {
        match self {
            Self::Int(value) => Ok(value),
            Self::Long(value) => Ok(value as i32),
            Self::Double(value) => Ok(value as i32),
            Self::Decimal(value) => {
                let whole = decimal::truncate(value).mantissa();
                i32::try_from(whole).map_err(|_| Exception::overflow("the decimal does not fit into 32 bits"))
            }
        }
    }

    /// `(long)number`, as [`to_int`](Self::to_int).
    ///
    /// # Errors
    ///
    /// `OverflowException` for a decimal out of range.
    pub fn to_long(self) -> Result<i64, Exception> {
        match self {
            Self::Int(value) => Ok(i64::from(value)),
            Self::Long(value) => Ok(value),
            Self::Double(value) => Ok(value as i64),
            Self::Decimal(value) => {
                let whole = decimal::truncate(value).mantissa();
                i64::try_from(whole).map_err(|_| Exception::overflow("the decimal does not fit into 64 bits"))
            }
        }
    }

    /// `(decimal)number`: of a double, fifteen digits count.
    ///
    /// # Errors
    ///
    /// `OverflowException` for a double out of range.
    pub fn to_decimal(self) -> Result<Decimal, Exception> {
        match self {
            Self::Int(value) => Ok(decimal::from_long(i64::from(value))),
            Self::Long(value) => Ok(decimal::from_long(value)),
            Self::Double(value) => decimal::from_double(value),
            Self::Decimal(value) => Ok(value),
        }
    }
}

/// `left operator right`, in the wider of both types.
///
/// # Errors
///
/// `DivideByZeroException` for whole numbers and decimals; `OverflowException` for decimals, and for the
/// lowest `int` or `long` divided by -1.
pub fn binary(operator: Operator, left: Number, right: Number) -> Result<Number, Exception> {
    use Number::{Decimal, Double, Int, Long};
    match (left, right) {
        (Double(_), _) | (_, Double(_)) => {
            Ok(Double(floating(operator, left.to_double(), right.to_double())))
        }
        (Decimal(_), _) | (_, Decimal(_)) => {
            decimal::binary(operator, left.to_decimal()?, right.to_decimal()?).map(Decimal)
        }
        (Int(left), Int(right)) => i32::calculate(operator, left, right).map(Int),
        _ => i64::calculate(operator, left.to_long()?, right.to_long()?).map(Long),
    }
}

/// Compares in the wider of both types.
///
/// # Errors
///
/// None for numbers of one kind; `OverflowException` where a number does not fit into `decimal`.
pub fn compare(left: Number, right: Number) -> Result<Ordered, Exception> {
    use Number::{Decimal, Double};
    match (left, right) {
        (Double(_), _) | (_, Double(_)) => Ok(left.to_double().partial_cmp(&right.to_double())),
        (Decimal(_), _) | (_, Decimal(_)) => {
            Ok(Some(decimal::compare(left.to_decimal()?, right.to_decimal()?)))
        }
        _ => Ok(Some(left.to_long()?.cmp(&right.to_long()?))),
    }
}

/// A type of whole numbers that expressions calculate with.
pub trait Whole: Sized {
    /// `left operator right`: what does not fit wraps.
    ///
    /// # Errors
    ///
    /// `DivideByZeroException`; `OverflowException` for the lowest number divided by -1.
    fn calculate(operator: Operator, left: Self, right: Self) -> Result<Self, Exception>;
}

macro_rules! whole {
    ($($type:ty),*) => {$(
        impl Whole for $type {
            fn calculate(operator: Operator, left: Self, right: Self) -> Result<Self, Exception> {
                Ok(match operator {
                    Operator::Add => left.wrapping_add(right),
                    Operator::Subtract => left.wrapping_sub(right),
                    Operator::Multiply => left.wrapping_mul(right),
                    Operator::Divide | Operator::Remainder if right == 0 => return Err(by_zero()),
                    Operator::Divide => left.checked_div(right).ok_or_else(lowest)?,
                    Operator::Remainder => left.checked_rem(right).ok_or_else(lowest)?,
                })
            }
        }
    )*};
}

whole!(i32, u32, i64, u64);

/// `left operator right` of two `float`s or two `double`s.
pub fn floating<T>(operator: Operator, left: T, right: T) -> T
where
    T: Add<Output = T> + Sub<Output = T> + Mul<Output = T> + Div<Output = T> + Rem<Output = T>,
{
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
    }
}

/// `x / 0`
pub(in crate::dotnet) fn by_zero() -> Exception {
    Exception::new(ExceptionKind::DivideByZero, "a number was divided by zero")
}

fn lowest() -> Exception {
    Exception::overflow("the lowest number divided by -1 does not fit its type")
}
