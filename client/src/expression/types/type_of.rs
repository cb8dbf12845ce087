//! What the compiler knows of a value before the expression runs.

use std::fmt;
use std::sync::Arc;

use super::table::{Class, ClassKind, Delegate, class_named, info, table};
use crate::expression::syntax::Predefined;

/// A type of C#, as far as expressions have it. It prints as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the types with a keyword are called by it")]
pub enum Type {
    /// What a method without a result has.
    Void,
    /// The type of `null`: it fits every reference and nullable type.
    Null,
    /// The type of `throw`: it fits every type.
    Never,
    /// After an error that has been told: it fits everything.
    Unknown,
    Object,
    Bool,
    Char,
    String,
    SByte,
    Byte,
    Short,
    UShort,
    Int,
    UInt,
    Long,
    ULong,
    Float,
    Double,
    Decimal,
    /// `int?`
    Nullable(Arc<Type>),
    /// `string[]`
    Array(Arc<Type>),
    /// Any other type of .NET or of the gateway, with what stands in `<…>`.
    Class(Class, Arc<[Type]>),
    /// `new { a = 1 }`: names and types.
    Anonymous(Arc<[(Arc<str>, Type)]>),
    /// A type parameter in the declaration of a class or member: those of the class first.
    Parameter(u8),
}

impl Type {
    /// A class without type arguments.
    pub(in crate::expression) fn class(class: Class) -> Self {
        Self::Class(class, Arc::default())
    }

    /// The class with this name and these type arguments.
    pub(in crate::expression) fn named(name: &str, arguments: &[Type]) -> Self {
        match class_named(name, arguments.len()) {
            Some(class) if arguments.is_empty() => Self::class(class),
            Some(class) => Self::Class(class, arguments.into()),
            None => Self::Unknown,
        }
    }

    /// `T[]`
    pub(in crate::expression) fn array(element: Type) -> Self {
        Self::Array(Arc::new(element))
    }

    /// `T?`
    pub(in crate::expression) fn nullable(inner: Type) -> Self {
        Self::Nullable(Arc::new(inner))
    }

    /// Whether this is the class of this name, whatever its type arguments.
    pub(in crate::expression) fn is_class(&self, name: &str) -> bool {
        matches!(self, Self::Class(class, _) if &*info(*class).name == name)
    }

    /// The type arguments, if it is the class of this name.
    pub(in crate::expression) fn arguments_of(&self, name: &str) -> Option<&[Type]> {
        match self {
            Self::Class(class, arguments) if &*info(*class).name == name => Some(arguments),
            _ => None,
        }
    }

    /// `int` of `int?`; other types are themselves.
    pub(in crate::expression) fn without_null(&self) -> &Type {
        match self {
            Self::Nullable(inner) => inner,
            other => other,
        }
    }

    /// Whether null is one of its values.
    pub(in crate::expression) fn takes_null(&self) -> bool {
        !self.is_value() || matches!(self, Self::Nullable(_))
    }

    /// Whether it is a value type, nullable ones among them.
    pub(in crate::expression) fn is_value(&self) -> bool {
        match self {
            Self::Class(class, _) => info(*class).kind.is_value(),
            Self::Nullable(_) | Self::Bool | Self::Char => true,
            other => other.is_number(),
        }
    }

    /// Whether it is a number; `char` is none.
    pub(in crate::expression) fn is_number(&self) -> bool {
        self.is_whole() || matches!(self, Self::Float | Self::Double | Self::Decimal)
    }

    /// Whether it is a whole number; `char` is none.
    pub(in crate::expression) fn is_whole(&self) -> bool {
        matches!(
            self,
            Self::SByte
                | Self::Byte
                | Self::Short
                | Self::UShort
                | Self::Int
                | Self::UInt
                | Self::Long
                | Self::ULong
        )
    }

    /// Whether an error has been told where it comes from, so that nothing more is said.
    pub(in crate::expression) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// The type with these in place of its type parameters; one without its type stays.
    pub(in crate::expression) fn with(&self, arguments: &[Type]) -> Type {
        if !self.is_open() {
            return self.clone();
        }
        match self {
            Self::Parameter(number) => {
                arguments.get(usize::from(*number)).cloned().unwrap_or_else(|| self.clone())
            }
            Self::Nullable(inner) => Self::nullable(inner.with(arguments)),
            Self::Array(element) => Self::array(element.with(arguments)),
            Self::Class(class, own) => {
                Self::Class(*class, own.iter().map(|own| own.with(arguments)).collect())
            }
            other => other.clone(),
        }
    }

    /// The class whose members it has, and its type arguments.
    pub(in crate::expression) fn as_class(&self) -> Option<(Class, Arc<[Type]>)> {
        table().class_of(self)
    }

    /// Its type arguments as that class: itself, or what it derives from.
    pub(in crate::expression) fn arguments_as(&self, class: Class) -> Option<Arc<[Type]>> {
        let (own, arguments) = self.as_class()?;
        if own == class {
            return Some(arguments);
        }
        info(own).ancestors().iter().find_map(|base| match base {
            Self::Class(known, open) if *known == class => {
                Some(open.iter().map(|of| of.with(&arguments)).collect())
            }
            _ => None,
        })
    }

    /// Whether it is that type or derives from it. Sequences of references are sequences of their bases.
    pub(in crate::expression) fn derives_from(&self, target: &Type) -> bool {
        if *target == Type::Object || self.is_as(target) {
            return true;
        }
        let Some((class, arguments)) = self.as_class() else { return false };
        let may_be = |base: &&Type| match (base, target) {
            (Self::Class(base, _), Self::Class(class, _)) => base == class,
            (base, target) => *base == target,
        };
        let mut ancestors = info(class).ancestors().iter().filter(may_be);
        ancestors.any(|base| base.with(&arguments).is_as(target))
    }

    /// Whether it is that type, or differs from it only in type arguments that may vary.
    fn is_as(&self, target: &Type) -> bool {
        let (Self::Class(own, arguments), Self::Class(class, wanted)) = (self, target) else {
            return self == target;
        };
        own == class
            && (arguments == wanted
                || (VARIES.contains(&&*info(*class).name)
                    && arguments.len() == wanted.len()
                    && arguments
                        .iter()
                        .zip(wanted.iter())
                        .all(|(own, wanted)| own == wanted || (!own.is_value() && own.derives_from(wanted)))))
    }

    /// What a lambda of this type takes and gives, if it is a delegate.
    pub(in crate::expression) fn delegate(&self) -> Option<Delegate> {
        let Self::Class(class, arguments) = self else { return None };
        let ClassKind::Delegate(delegate) = &info(*class).kind else { return None };
        let parameters = delegate.parameters.iter().map(|parameter| parameter.with(arguments)).collect();
        Some(Delegate { parameters, result: delegate.result.with(arguments) })
    }

    /// Whether a type parameter is left in it.
    pub(in crate::expression) fn is_open(&self) -> bool {
        match self {
            Self::Parameter(_) => true,
            Self::Nullable(inner) | Self::Array(inner) => inner.is_open(),
            Self::Class(_, arguments) => arguments.iter().any(Self::is_open),
            _ => false,
        }
    }
}

impl From<Predefined> for Type {
    fn from(predefined: Predefined) -> Self {
        match predefined {
            Predefined::Bool => Self::Bool,
            Predefined::Byte => Self::Byte,
            Predefined::Char => Self::Char,
            Predefined::Decimal => Self::Decimal,
            Predefined::Double => Self::Double,
            Predefined::Float => Self::Float,
            Predefined::Int => Self::Int,
            Predefined::Long => Self::Long,
            Predefined::Object => Self::Object,
            Predefined::SByte => Self::SByte,
            Predefined::Short => Self::Short,
            Predefined::String => Self::String,
            Predefined::UInt => Self::UInt,
            Predefined::ULong => Self::ULong,
            Predefined::UShort => Self::UShort,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Void => f.write_str("void"),
            Self::Null => f.write_str("null"),
            Self::Never => f.write_str("throw"),
            Self::Unknown => f.write_str("?"),
            Self::Nullable(inner) => write!(f, "{inner}?"),
            Self::Array(element) => write!(f, "{element}[]"),
            Self::Anonymous(_) => f.write_str("<anonymous>"),
            Self::Parameter(number) => write!(f, "T{number}"),
            Self::Class(class, arguments) => {
                f.write_str(&info(*class).name)?;
                for (at, argument) in arguments.iter().enumerate() {
                    f.write_str(if at == 0 { "<" } else { ", " })?;
                    argument.fmt(f)?;
                }
                f.write_str(if arguments.is_empty() { "" } else { ">" })
            }
            keyword => f.write_str(keyword.keyword().unwrap_or("?")),
        }
    }
}

impl Type {
    /// The keyword, of the types that have one.
    pub(in crate::expression) fn keyword(&self) -> Option<&'static str> {
        KEYWORDS.iter().find(|(known, _)| known == self).map(|(_, keyword)| *keyword)
    }

    /// The type with a keyword that this class is.
    pub(in crate::expression) fn of_class(name: &str) -> Option<Self> {
        CLASSES.iter().find(|(_, known)| *known == name).map(|(known, _)| known.clone())
    }

    /// The type of this keyword.
    pub(in crate::expression) fn of_keyword(keyword: &str) -> Option<Self> {
        KEYWORDS.iter().find(|(_, known)| *known == keyword).map(|(known, _)| known.clone())
    }
}

const KEYWORDS: &[(Type, &str)] = &[
    (Type::Void, "void"),
    (Type::Object, "object"),
    (Type::Bool, "bool"),
    (Type::Char, "char"),
    (Type::String, "string"),
    (Type::SByte, "sbyte"),
    (Type::Byte, "byte"),
    (Type::Short, "short"),
    (Type::UShort, "ushort"),
    (Type::Int, "int"),
    (Type::UInt, "uint"),
    (Type::Long, "long"),
    (Type::ULong, "ulong"),
    (Type::Float, "float"),
    (Type::Double, "double"),
    (Type::Decimal, "decimal"),
];

/// The classes whose type arguments may be bases of those that are asked for.
const VARIES: &[&str] = &["IEnumerable", "IReadOnlyList", "IReadOnlyCollection", "Func", "Action"];

/// The rows of the types with a keyword.
pub(super) const CLASSES: &[(Type, &str)] = &[
    (Type::Object, "Object"),
    (Type::Bool, "Boolean"),
    (Type::Char, "Char"),
    (Type::String, "String"),
    (Type::SByte, "SByte"),
    (Type::Byte, "Byte"),
    (Type::Short, "Int16"),
    (Type::UShort, "UInt16"),
    (Type::Int, "Int32"),
    (Type::UInt, "UInt32"),
    (Type::Long, "Int64"),
    (Type::ULong, "UInt64"),
    (Type::Float, "Single"),
    (Type::Double, "Double"),
    (Type::Decimal, "Decimal"),
];
