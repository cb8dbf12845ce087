//! Values written out in the text.

use std::sync::Arc;

use larder_proto::envelope::Decimal;

/// A value written out in the text, of the type that C# gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// `1`, `0xFF`, `0b11`, and `-2147483648` as a whole.
    Int(i32),
    /// `1u`, or a whole number too large for `int`.
    UInt(u32),
    /// `1L`, a whole number too large for `uint`, and `-9223372036854775808` as a whole.
    Long(i64),
    /// `1uL`, or a whole number too large for `long`.
    ULong(u64),
    /// `1.5f`
    Float(f32),
    /// `1.5`, `1e3` or `1d`
    Double(f64),
    /// `1.50m`; the zeros at the end are kept.
    Decimal(Decimal),
    /// `'a'`; a character that .NET holds in one unit, and no surrogate.
    Char(char),
    /// `"…"` or `@"…"`, its escapes resolved.
    String(Arc<str>),
}
