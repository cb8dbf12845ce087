//! `object`, `T?` and the exceptions.

use super::{Call, Member, TypeRow, class, member};
use crate::dotnet::collection::equals;
use crate::dotnet::text::Formattable;
use crate::dotnet::{Datum, Exception, ExceptionKind};

pub(super) static TYPES: &[TypeRow] = &[
    class("System", "class Object", OBJECT),
    class("System", "struct Nullable<T>", NULLABLE),
    class("System", "class Exception", EXCEPTION),
    class("System", "class SystemException : Exception", &[]),
    class("System", "class ArithmeticException : SystemException", &[]),
    class("System", "class ArgumentException : SystemException", ARGUMENT),
    class("System", "class ArgumentNullException : ArgumentException", ARGUMENT_NULL),
    class("System", "class ArgumentOutOfRangeException : ArgumentException", ARGUMENT_OUT_OF_RANGE),
    class("System", "class DivideByZeroException : ArithmeticException", DIVIDE_BY_ZERO),
    class("System", "class FormatException : SystemException", FORMAT),
    class("System", "class IndexOutOfRangeException : SystemException", INDEX_OUT_OF_RANGE),
    class("System", "class InvalidCastException : SystemException", INVALID_CAST),
    class("System", "class InvalidOperationException : SystemException", INVALID_OPERATION),
    class("System", "class NotSupportedException : SystemException", NOT_SUPPORTED),
    class("System", "class NullReferenceException : SystemException", NULL_REFERENCE),
    class("System", "class OutOfMemoryException : SystemException", &[]),
    class("System", "class OverflowException : ArithmeticException", OVERFLOW),
    class("System", "class TimeoutException : SystemException", TIMEOUT),
    class("System.Collections.Generic", "class KeyNotFoundException : SystemException", KEY_NOT_FOUND),
    class("System.Text.RegularExpressions", "class RegexParseException : ArgumentException", &[]),
    class("Newtonsoft.Json", "class JsonException : Exception", &[]),
    class("Newtonsoft.Json", "class JsonReaderException : JsonException", &[]),
];

static OBJECT: &[Member] = &[
    member("string ToString()", |call| {
        let text = call.get(0).to_text("")?;
        call.made(text)
    }),
    member("bool Equals(object other)", |call| Ok(Datum::Bool(equals(call.get(0), call.get(1))))),
    member("static bool Equals(object left, object right)", |call| {
        Ok(Datum::Bool(equals(call.get(0), call.get(1))))
    }),
];

/// The receiver may be null here.
static NULLABLE: &[Member] = &[
    member("bool HasValue", |call| Ok(Datum::Bool(!call.get(0).is_null()))),
    member("T Value", |call| match call.take(0) {
        Datum::Null => Err(Exception::new(ExceptionKind::InvalidOperation, "a nullable value is null")),
        value => Ok(value),
    }),
    member("T GetValueOrDefault(T defaultValue)", |call| match call.take(0) {
        Datum::Null => Ok(call.take(1)),
        value => Ok(value),
    }),
    member("string ToString()", |call| {
        let text = call.get(0).to_text("")?;
        call.made(text)
    }),
];

static EXCEPTION: &[Member] = &[
    member("new()", |call| exception(call, ExceptionKind::Any)),
    member("new(string message)", |call| exception(call, ExceptionKind::Any)),
    member("new(string message, Exception innerException)", |call| exception(call, ExceptionKind::Any)),
    member("string Message", |call| {
        let text = call.object::<Exception>(0)?.text.clone().into_owned();
        call.made(text)
    }),
    member("string StackTrace", |_| Ok(Datum::text(""))),
    member("Exception InnerException", |_| Ok(Datum::Null)),
];

macro_rules! constructors {
    ($($name:ident $kind:ident),*) => {
        $(static $name: &[Member] = &[
            member("new()", |call| exception(call, ExceptionKind::$kind)),
            member("new(string message)", |call| exception(call, ExceptionKind::$kind)),
        ];)*
    };
}

constructors!(
    ARGUMENT Argument,
    ARGUMENT_NULL ArgumentNull,
    ARGUMENT_OUT_OF_RANGE ArgumentOutOfRange,
    DIVIDE_BY_ZERO DivideByZero,
    FORMAT Format,
    INDEX_OUT_OF_RANGE IndexOutOfRange,
    INVALID_CAST InvalidCast,
    INVALID_OPERATION InvalidOperation,
    KEY_NOT_FOUND KeyNotFound,
    NOT_SUPPORTED NotSupported,
    NULL_REFERENCE NullReference,
    OVERFLOW Overflow,
    TIMEOUT Timeout
);

/// An exception with the text that the expression gives it.
fn exception(call: &mut Call<'_, '_>, kind: ExceptionKind) -> Result<Datum, Exception> {
    let text = call.text_or_null(0)?.unwrap_or("an exception was thrown").to_owned();
    call.charge(text.len())?;
    Ok(Datum::from(Exception::new(kind, text)))
}
