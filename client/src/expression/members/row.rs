//! The rows themselves, and those of the types that everything else is made of.

use super::Call;
use crate::dotnet::object::EnumType;
use crate::dotnet::{Datum, Exception};

/// A type that expressions can name.
#[derive(Debug)]
pub(in crate::expression) struct TypeRow {
    /// Its namespace, which may be written in front of its name.
    pub(in crate::expression) namespace: &'static str,
    /// `class List<T> : IList<T>`, `static class Math`, `struct Guid`, `interface IUrl`,
    /// `delegate R Func<T, R>(T argument)`; empty for enumerations.
    pub(in crate::expression) declaration: &'static str,
    /// What it has.
    pub(in crate::expression) members: &'static [Member],
    /// The enumeration that it is.
    pub(in crate::expression) enumeration: Option<&'static EnumType>,
    /// Why it cannot be used here, if it is documented and cannot.
    pub(in crate::expression) refused: Option<&'static str>,
    /// Whether it only adds bases and members to a type that another row declares.
    pub(in crate::expression) adds: bool,
}

/// A member.
#[derive(Debug)]
pub(in crate::expression) struct Member {
    /// How C# declares it.
    pub(in crate::expression) declaration: &'static str,
    /// What it does.
    pub(in crate::expression) run: Run,
}

/// What a member does.
#[derive(Debug, Clone, Copy)]
pub(in crate::expression) enum Run {
    /// It is called.
    Call(Function),
    /// It is documented and cannot be here, for this reason.
    Refused(&'static str),
}

/// A member as a function.
pub(in crate::expression) type Function = fn(&mut Call<'_, '_>) -> Result<Datum, Exception>;

/// A type and its members.
pub(in crate::expression) const fn class(
    namespace: &'static str,
    declaration: &'static str,
    members: &'static [Member],
) -> TypeRow {
    TypeRow { namespace, declaration, members, enumeration: None, refused: None, adds: false }
}

/// Further bases and members of a type that another row declares.
pub(in crate::expression) const fn more(declaration: &'static str, members: &'static [Member]) -> TypeRow {
    TypeRow { namespace: "", declaration, members, enumeration: None, refused: None, adds: true }
}

/// An enumeration; its values are its members.
pub(in crate::expression) const fn enumeration(
    namespace: &'static str,
    enumeration: &'static EnumType,
) -> TypeRow {
    TypeRow {
        namespace,
        declaration: "",
        members: &[],
        enumeration: Some(enumeration),
        refused: None,
        adds: false,
    }
}

/// A type that is documented and cannot be used here.
pub(in crate::expression) const fn refused_type(
    namespace: &'static str,
    declaration: &'static str,
    reason: &'static str,
) -> TypeRow {
    TypeRow { namespace, declaration, members: &[], enumeration: None, refused: Some(reason), adds: false }
}

/// A member.
pub(in crate::expression) const fn member(declaration: &'static str, run: Function) -> Member {
    Member { declaration, run: Run::Call(run) }
}

/// A member that is documented and cannot be used here.
pub(in crate::expression) const fn refused(declaration: &'static str, reason: &'static str) -> Member {
    Member { declaration, run: Run::Refused(reason) }
}

/// Types that other declarations need, without members of their own.
pub(super) static BASICS: &[TypeRow] = &[
    class("System", "delegate void Action()", &[]),
    class("System", "delegate void Action<T>(T argument)", &[]),
    class("System", "delegate void Action<T1, T2>(T1 first, T2 second)", &[]),
    class("System", "delegate R Func<R>()", &[]),
    class("System", "delegate R Func<T, R>(T argument)", &[]),
    class("System", "delegate R Func<T1, T2, R>(T1 first, T2 second)", &[]),
    class("System", "delegate R Func<T1, T2, T3, R>(T1 first, T2 second, T3 third)", &[]),
    class("System", "delegate bool Predicate<T>(T argument)", &[]),
    class("System", "delegate int Comparison<T>(T left, T right)", &[]),
];
