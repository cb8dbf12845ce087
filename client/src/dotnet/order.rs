//! `Comparer<T>.Default`: how values are put in order.

use std::cmp::Ordering;

use super::json::{JToken, JValue};
use super::number::{self, Number};
use super::text::{self, Comparison};
use super::{Datum, Exception, ExceptionKind, decimal};

/// `Comparer<T>.Default.Compare(left, right)`: null goes before everything, NaN before other numbers,
/// texts as people order words.
///
/// # Errors
///
/// `InvalidOperationException` for values of types that have no order, or of two types.
pub fn compare(left: &Datum, right: &Datum) -> Result<Ordering, Exception> {
    Ok(match (left, right) {
        (Datum::Null, Datum::Null) => Ordering::Equal,
        (Datum::Null, _) => Ordering::Less,
        (_, Datum::Null) => Ordering::Greater,
        (Datum::String(left), Datum::String(right)) => {
            text::compare(Some(left), Some(right), Comparison::Invariant)
        }
        (Datum::Bool(left), Datum::Bool(right)) => left.cmp(right),
        (Datum::Date(left), Datum::Date(right)) => left.ticks().cmp(&right.ticks()),
        (Datum::DateOffset(left), Datum::DateOffset(right)) => left.cmp(right),
        (Datum::Span(left), Datum::Span(right)) => left.cmp(right),
        (Datum::Guid(left), Datum::Guid(right)) => left.0.cmp(&right.0),
        (Datum::Enum(left), Datum::Enum(right)) => left.number.cmp(&right.number),
        (Datum::Json(left), Datum::Json(right)) => tokens(left, right)?,
        (Datum::Record(left), Datum::Record(right)) if left.type_name().starts_with("Tuple") => {
            let mut pairs = left.members.iter().zip(&right.members);
            let first = pairs.find_map(|(left, right)| match compare(&left.1, &right.1) {
                Ok(Ordering::Equal) => None,
                other => Some(other),
            });
            return first.unwrap_or(Ok(Ordering::Equal));
        }
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => numbers(left, right)?,
            _ => return Err(no_order()),
        },
    })
}

/// `left.CompareTo(right)` of numbers: NaN is less than every other one.
///
/// # Errors
///
/// `OverflowException` where a double is compared with a decimal that cannot hold it.
pub fn numbers(left: Number, right: Number) -> Result<Ordering, Exception> {
    Ok(match number::compare(left, right)? {
        Some(ordering) => ordering,
        None => right.to_double().is_nan().cmp(&left.to_double().is_nan()),
    })
}

/// `JValue.CompareTo`: null first; texts by code units; anything beside a text as text.
fn tokens(left: &JToken, right: &JToken) -> Result<Ordering, Exception> {
    let (Some(left), Some(right)) = (left.scalar(), right.scalar()) else { return Err(no_order()) };
    Ok(match (&left, &right) {
        (JValue::Null, JValue::Null) => Ordering::Equal,
        (JValue::Null, _) => Ordering::Less,
        (_, JValue::Null) => Ordering::Greater,
        (JValue::Bool(left), JValue::Bool(right)) => left.cmp(right),
        (JValue::Integer(left), JValue::Integer(right)) => left.cmp(right),
        (JValue::Decimal(left), JValue::Decimal(right)) => decimal::compare(*left, *right),
        _ => match (number_of(&left), number_of(&right)) {
            (Some(left), Some(right)) => numbers(left, right)?,
            _ => text::compare(Some(&left.to_text()), Some(&right.to_text()), Comparison::Ordinal),
        },
    })
}

fn number_of(value: &JValue) -> Option<Number> {
    Some(match value {
        JValue::Integer(value) => Number::Long(*value),
        JValue::Float(value) => Number::Double(*value),
        JValue::Decimal(value) => Number::Double(decimal::to_double(*value)),
        _ => return None,
    })
}

fn no_order() -> Exception {
    Exception::new(ExceptionKind::InvalidOperation, "values of these types have no order")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotnet::json;

    #[test]
    fn values_are_put_in_order() {
        for (left, right) in [
            (Datum::Null, Datum::Int(-5)),
            (Datum::Int(1), Datum::Int(2)),
            (Datum::Double(f64::NAN), Datum::Double(f64::NEG_INFINITY)),
            (Datum::text("a"), Datum::text("B")),
            (Datum::Bool(false), Datum::Bool(true)),
            (Datum::Char(65), Datum::Char(66)),
            (Datum::Json(json::parse("2").unwrap()), Datum::Json(json::parse("10.5").unwrap())),
            (Datum::Json(json::parse("'10'").unwrap()), Datum::Json(json::parse("'9'").unwrap())),
        ] {
            assert_eq!(compare(&left, &right).unwrap(), Ordering::Less, "{left:?} {right:?}");
            assert_eq!(compare(&right, &left).unwrap(), Ordering::Greater, "{left:?} {right:?}");
            assert_eq!(compare(&left, &left).unwrap(), Ordering::Equal, "{left:?}");
        }
        let object = Datum::Json(json::parse("{}").unwrap());
        assert_eq!(compare(&object, &object).unwrap_err().kind, ExceptionKind::InvalidOperation);
        assert_eq!(
            compare(&Datum::Int(1), &Datum::text("1")).unwrap_err().kind,
            ExceptionKind::InvalidOperation
        );
    }
}
