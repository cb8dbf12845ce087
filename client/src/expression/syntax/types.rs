//! Types as they are written.

use super::Identifier;
use crate::expression::position::Span;

/// A type as it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// What it is.
    pub kind: TypeKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// `string`
    Predefined(Predefined),
    /// `JObject`, `System.Guid`, `Dictionary<string, object>`: one part or more, joined by points.
    Named(Vec<NamePart>),
    /// `int?`
    Nullable(Box<Type>),
    /// `byte[]`; `int[][]` is an array of arrays.
    Array(Box<Type>),
}

/// One part of the name of a type.
#[derive(Debug, Clone, PartialEq)]
pub struct NamePart {
    /// The name.
    pub name: Identifier,
    /// What stands in `<…>` after it; nothing if that is missing.
    pub type_arguments: Vec<Type>,
}

/// The types that C# has a keyword for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the keyword of its name")]
pub enum Predefined {
    Bool,
    Byte,
    Char,
    Decimal,
    Double,
    Float,
    Int,
    Long,
    Object,
    SByte,
    Short,
    String,
    UInt,
    ULong,
    UShort,
}

impl Predefined {
    /// The type of this keyword.
    #[must_use]
    pub fn of(keyword: &str) -> Option<Self> {
        PREDEFINED.iter().find(|(_, name)| *name == keyword).map(|(predefined, _)| *predefined)
    }

    /// Its keyword.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        PREDEFINED.iter().find(|(predefined, _)| *predefined == self).map_or("", |(_, name)| name)
    }
}

const PREDEFINED: &[(Predefined, &str)] = &[
    (Predefined::Bool, "bool"),
    (Predefined::Byte, "byte"),
    (Predefined::Char, "char"),
    (Predefined::Decimal, "decimal"),
    (Predefined::Double, "double"),
    (Predefined::Float, "float"),
    (Predefined::Int, "int"),
    (Predefined::Long, "long"),
    (Predefined::Object, "object"),
    (Predefined::SByte, "sbyte"),
    (Predefined::Short, "short"),
    (Predefined::String, "string"),
    (Predefined::UInt, "uint"),
    (Predefined::ULong, "ulong"),
    (Predefined::UShort, "ushort"),
];
