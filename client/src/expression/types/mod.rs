//! The static types of expressions, and the table of classes and their members that the rows of
//! [`members`](super::members) declare. Conversions between types are left to the compiler.

mod inherited;
mod signature;
mod table;
mod type_of;

pub use table::Class;
pub use type_of::Type;

#[cfg(test)]
pub(in crate::expression) use table::ClassInfo;

pub(in crate::expression) use signature::{CONSTRUCTOR, INDEXER};
pub(in crate::expression) use table::{
    ClassKind, MemberInfo, MemberKind, Mode, class_derives, class_named, derives, info, table,
};
