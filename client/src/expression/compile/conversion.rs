//! Which conversions there are between two types. Putting them into the tree is left to `convert`.

use super::binder::Bound;
use crate::dotnet::Datum;
use crate::expression::run::{Conversion, Test};
use crate::expression::types::{MemberInfo, MemberKind, Type, info};

/// How a value of one type becomes one of another.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// It is one already.
    Same,
    /// Something happens to it.
    By(Conversion),
    /// A conversion that a type declares, between others.
    Member(Box<Way>, &'static MemberInfo, Box<Way>),
}

/// The implicit conversion, if there is one.
pub(super) fn implicit(from: &Type, to: &Type, constant: Option<&Datum>) -> Option<Way> {
    standard(from, to, constant).or_else(|| declared(from, to, constant, false))
}

/// The conversion that a cast takes.
pub(super) fn explicit(from: &Type, to: &Type, constant: Option<&Datum>) -> Option<Way> {
    implicit(from, to, constant)
        .or_else(|| standard_explicit(from, to))
        .or_else(|| declared(from, to, constant, true))
}

/// Whether there is an implicit conversion.
pub(super) fn converts(from: &Type, to: &Type) -> bool {
    implicit(from, to, None).is_some()
}

/// Whether a bound expression converts implicitly.
pub(super) fn fits(bound: &Bound, to: &Type) -> bool {
    implicit(&bound.of, to, bound.constant()).is_some()
}

fn standard(from: &Type, to: &Type, constant: Option<&Datum>) -> Option<Way> {
    if from == to || matches!(from, Type::Never | Type::Unknown) || to.is_unknown() {
        return Some(Way::Same);
    }
    if matches!(from, Type::Void) || matches!(to, Type::Void) {
        return None;
    }
    if matches!(from, Type::Null) {
        return to.takes_null().then_some(Way::Same);
    }
    if *to == Type::Object {
        return Some(Way::Same);
    }
    if widens(from, to) || narrows(to, constant) {
        return Some(Way::By(Conversion::Number(to.clone())));
    }
    if let (Type::Nullable(to), from) = (to, from.without_null()) {
        return standard(from, to, constant);
    }
    if from.is_value() {
        // A boxed value is what it was.
        return (!to.is_value() && from.without_null().derives_from(to)).then_some(Way::Same);
    }
    (from.derives_from(to) || elements_derive(from, to)).then_some(Way::Same)
}

/// `string[]` is an `object[]`, and an `IEnumerable<object>`.
fn elements_derive(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Array(from), Type::Array(to)) => !from.is_value() && from.derives_from(to),
        _ => false,
    }
}

/// A constant `int` fits into a shorter type where its value does.
fn narrows(to: &Type, constant: Option<&Datum>) -> bool {
    let whole = match constant {
        Some(Datum::Int(value)) => i64::from(*value),
        Some(Datum::Long(value)) => return *to == Type::ULong && *value >= 0,
        _ => return false,
    };
    match to {
        Type::SByte => i8::try_from(whole).is_ok(),
        Type::Byte => u8::try_from(whole).is_ok(),
        Type::Short => i16::try_from(whole).is_ok(),
        Type::UShort => u16::try_from(whole).is_ok(),
        Type::UInt => u32::try_from(whole).is_ok(),
        Type::ULong => whole >= 0,
        _ => false,
    }
}

fn widens(from: &Type, to: &Type) -> bool {
    use Type::{Byte, Char, Decimal, Double, Float, Int, Long, SByte, Short, UInt, ULong, UShort};
    match from {
        SByte => matches!(to, Short | Int | Long | Float | Double | Decimal),
        Byte => matches!(to, Short | UShort | Int | UInt | Long | ULong | Float | Double | Decimal),
        Short => matches!(to, Int | Long | Float | Double | Decimal),
        UShort => matches!(to, Int | UInt | Long | ULong | Float | Double | Decimal),
        Char => matches!(to, UShort | Int | UInt | Long | ULong | Float | Double | Decimal),
        Int => matches!(to, Long | Float | Double | Decimal),
        UInt => matches!(to, Long | ULong | Float | Double | Decimal),
        Long | ULong => matches!(to, Float | Double | Decimal),
        Float => matches!(to, Double),
        _ => false,
    }
}

fn standard_explicit(from: &Type, to: &Type) -> Option<Way> {
    let numeric = |of: &Type| of.is_number() || *of == Type::Char || enumeration(of).is_some();
    let (from_value, to_value) = (from.without_null(), to.without_null());
    if numeric(from_value) && numeric(to_value) {
        let way = match enumeration(to_value) {
            Some(kind) => Conversion::Enum(kind),
            None => Conversion::Number(to_value.clone()),
        };
        let is_cut = matches!(from, Type::Nullable(_)) && !matches!(to, Type::Nullable(_));
        return Some(if is_cut { Way::By(Conversion::NotNullThen(Box::new(way))) } else { Way::By(way) });
    }
    if let Type::Nullable(inner) = from
        && **inner == *to
    {
        return Some(Way::By(Conversion::NotNull));
    }
    let unboxes = *from == Type::Object
        || (!from.is_value()
            && (to.without_null().derives_from(from) || is_interface(from) || is_interface(to)))
        || elements_derive(to, from);
    (unboxes && !matches!(from, Type::Void | Type::Null)).then(|| Way::By(Conversion::Unbox(Test::of(to))))
}

/// Whether a value of one type may be one of the other without being changed.
pub(super) fn is_reference_way(from: &Type, to: &Type) -> bool {
    let ways = [standard(from, to, None), standard_explicit(from, to)];
    from.without_null() == to
        || ways.iter().flatten().any(|way| matches!(way, Way::Same | Way::By(Conversion::Unbox(_))))
}

fn is_interface(of: &Type) -> bool {
    use crate::expression::types::ClassKind;
    matches!(of, Type::Class(class, _) if matches!(info(*class).kind, ClassKind::Interface))
}

/// The enumeration of a type.
pub(super) fn enumeration(of: &Type) -> Option<&'static crate::dotnet::object::EnumType> {
    use crate::expression::types::ClassKind;
    match of {
        Type::Class(class, _) => match info(*class).kind {
            ClassKind::Enum(kind) => Some(kind),
            _ => None,
        },
        _ => None,
    }
}

/// A conversion that one of both types declares: the one that needs least around it.
fn declared(from: &Type, to: &Type, constant: Option<&Datum>, is_cast: bool) -> Option<Way> {
    let mut best: Option<(usize, Way)> = None;
    for owner in [from, to.without_null()] {
        let Some((class, arguments)) = owner.as_class() else { continue };
        for conversion in info(class).conversions() {
            let row: &'static MemberInfo = &conversion.member;
            if row.kind == MemberKind::Explicit && !is_cast {
                continue;
            }
            let [parameter] = &*row.parameters else { continue };
            let arguments = conversion.owner(&arguments);
            let (takes, gives) = (parameter.of.with(&arguments), row.result.with(&arguments));
            let Some(before) = standard(from, &takes, constant) else { continue };
            let after =
                standard(&gives, to, None).or_else(|| standard_explicit(&gives, to).filter(|_| is_cast));
            let Some(after) = after else { continue };
            let cost = usize::from(*from != takes) + 2 * usize::from(gives != *to);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, Way::Member(Box::new(before), row, Box::new(after))));
            }
        }
    }
    best.map(|(_, way)| way)
}

/// The type of the elements of what can be walked through.
pub(super) fn element_of(of: &Type) -> Option<Type> {
    if let Type::Array(element) = of {
        return Some((**element).clone());
    }
    let all = std::iter::once(of.clone()).chain(ancestors(of));
    all.into_iter().find_map(|base| base.arguments_of("IEnumerable")?.first().cloned())
}

/// All that a type derives from.
pub(super) fn ancestors(of: &Type) -> Vec<Type> {
    let Some((class, arguments)) = of.as_class() else { return Vec::new() };
    info(class).ancestors().iter().map(|base| base.with(&arguments)).collect()
}
