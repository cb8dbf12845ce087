//! `Enumerable`: sums, averages, least and greatest, order.

use indexmap::IndexSet;

use super::misc::Comparer;
use super::query::{needs_one, selected, sequence, stepped};
use super::{Call, Member, TypeRow, class, member, more, refused};
use crate::dotnet::collection::Key;
use crate::dotnet::linq::{self, Direction, Ordered};
use crate::dotnet::number::Number;
use crate::dotnet::{Datum, Exception, decimal, order};
use crate::expression::compile::default_of;

pub(super) static TYPES: &[TypeRow] = &[
    class("System.Linq", "interface IOrderedEnumerable<T> : IEnumerable<T>", &[]),
    more("static class Enumerable", WHOLE),
    more("static class Enumerable", FRACTIONS),
    more("static class Enumerable", ORDER),
    more("static class Enumerable", BY),
];

/// `Sum` and `Average` of a type, with and without null, with and without a selector.
macro_rules! sums {
    ($keyword:literal, $average:literal, $zero:expr) => {
        [
            member(concat!("static ", $keyword, " Sum(this IEnumerable<", $keyword, "> source)"), |call| {
                sum(call, $zero, false)
            }),
            member(concat!("static ", $keyword, "? Sum(this IEnumerable<", $keyword, "?> source)"), |call| {
                sum(call, $zero, false)
            }),
            member(
                concat!(
                    "static ",
                    $keyword,
                    " Sum<T>(this IEnumerable<T> source, Func<T, ",
                    $keyword,
                    "> selector)"
                ),
                |call| sum(call, $zero, true),
            ),
            member(
                concat!(
                    "static ",
                    $keyword,
                    "? Sum<T>(this IEnumerable<T> source, Func<T, ",
                    $keyword,
                    "?> selector)"
                ),
                |call| sum(call, $zero, true),
            ),
            member(
                concat!("static ", $average, " Average(this IEnumerable<", $keyword, "> source)"),
                |call| average(call, false)?.ok_or_else(linq::none),
            ),
            member(
                concat!("static ", $average, "? Average(this IEnumerable<", $keyword, "?> source)"),
                |call| Ok(average(call, false)?.unwrap_or(Datum::Null)),
            ),
            member(
                concat!(
                    "static ",
                    $average,
                    " Average<T>(this IEnumerable<T> source, Func<T, ",
                    $keyword,
                    "> selector)"
                ),
                |call| average(call, true)?.ok_or_else(linq::none),
            ),
            member(
                concat!(
                    "static ",
                    $average,
                    "? Average<T>(this IEnumerable<T> source, Func<T, ",
                    $keyword,
                    "?> selector)"
                ),
                |call| Ok(average(call, true)?.unwrap_or(Datum::Null)),
            ),
        ]
    };
}

static WHOLE: &[Member] = {
    static ROWS: [[Member; 8]; 2] =
        [sums!("int", "double", Number::Int(0)), sums!("long", "double", Number::Long(0))];
    ROWS.as_flattened()
};

static FRACTIONS: &[Member] = {
    static ROWS: [[Member; 8]; 2] = [
        sums!("double", "double", Number::Double(0.0)),
        sums!("decimal", "decimal", Number::Decimal(decimal::from_long(0))),
    ];
    ROWS.as_flattened()
};

static ORDER: &[Member] = &[
    member("static T Max<T>(this IEnumerable<T> source)", |call| extreme(call, None, true)),
    member("static R Max<T, R>(this IEnumerable<T> source, Func<T, R> selector)", |call| {
        extreme(call, Some(1), true)
    }),
    member("static T Min<T>(this IEnumerable<T> source)", |call| extreme(call, None, false)),
    member("static R Min<T, R>(this IEnumerable<T> source, Func<T, R> selector)", |call| {
        extreme(call, Some(1), false)
    }),
    member(
        "static IOrderedEnumerable<T> OrderBy<T, K>(this IEnumerable<T> source, Func<T, K> keySelector)",
        |call| ordered(call, false),
    ),
    member(
        "static IOrderedEnumerable<T> OrderByDescending<T, K>(this IEnumerable<T> source, Func<T, K> keySelector)",
        |call| ordered(call, true),
    ),
    member(
        "static IOrderedEnumerable<T> OrderBy<T>(this IEnumerable<T> source, Func<T, string> keySelector, IComparer<string> comparer)",
        |call| ordered(call, false),
    ),
    member(
        "static IOrderedEnumerable<T> OrderByDescending<T>(this IEnumerable<T> source, Func<T, string> keySelector, IComparer<string> comparer)",
        |call| ordered(call, true),
    ),
    member(
        "static IOrderedEnumerable<T> ThenBy<T, K>(this IOrderedEnumerable<T> source, Func<T, K> keySelector)",
        |call| then_ordered(call, false),
    ),
    member(
        "static IOrderedEnumerable<T> ThenByDescending<T, K>(this IOrderedEnumerable<T> source, Func<T, K> keySelector)",
        |call| then_ordered(call, true),
    ),
];

static BY: &[Member] = &[
    member("static T MaxBy<T, K>(this IEnumerable<T> source, Func<T, K> keySelector)", |call| by(call, true)),
    member("static T MinBy<T, K>(this IEnumerable<T> source, Func<T, K> keySelector)", |call| {
        by(call, false)
    }),
    member(
        "static IEnumerable<T> DistinctBy<T, K>(this IEnumerable<T> source, Func<T, K> keySelector)",
        |call| {
            let (items, keys) = (call.items(0)?, selected(call, 1)?);
            let mut seen = IndexSet::new();
            let pairs = items.into_iter().zip(keys);
            let kept = pairs.filter_map(|(item, key)| seen.insert(Key::of(key)).then_some(item)).collect();
            sequence(call, 0, kept)
        },
    ),
    member("static IEnumerable<T> SkipLast<T>(this IEnumerable<T> source, int count)", |call| {
        let items = call.items(0)?;
        let kept = items.len().saturating_sub(usize::try_from(call.int(1)?).unwrap_or(0));
        sequence(call, 0, items.into_iter().take(kept).collect())
    }),
    member("static IEnumerable<T> TakeLast<T>(this IEnumerable<T> source, int count)", |call| {
        let items = call.items(0)?;
        let lost = items.len().saturating_sub(usize::try_from(call.int(1)?).unwrap_or(0));
        sequence(call, 0, items.into_iter().skip(lost).collect())
    }),
    member("static IEnumerable<T> DefaultIfEmpty<T>(this IEnumerable<T> source)", |call| {
        let mut items = call.items(0)?;
        if items.is_empty() {
            items.push(default_of(call.type_argument(0)));
        }
        sequence(call, 0, items)
    }),
    refused(
        "static IEnumerable<IGrouping<K, T>> ToLookup<T, K>(this IEnumerable<T> source, Func<T, K> keySelector)",
        "GroupBy does the same",
    ),
];

/// The first of the elements with the least or greatest key.
fn by(call: &mut Call<'_, '_>, greatest: bool) -> Result<Datum, Exception> {
    let (items, keys) = (call.items(0)?, selected(call, 1)?);
    let mut best: Option<(Datum, Datum)> = None;
    for (item, key) in items.into_iter().zip(keys) {
        let is_better = match &best {
            None => true,
            Some((least, _)) => {
                let ordering = order::compare(&key, least)?;
                if greatest { ordering.is_gt() } else { ordering.is_lt() }
            }
        };
        if is_better {
            best = Some((key, item));
        }
    }
    match best {
        Some((_, item)) => Ok(item),
        None if needs_one(call.type_argument(0)) => Err(linq::none()),
        None => Ok(Datum::Null),
    }
}

fn numbers(call: &mut Call<'_, '_>, with_selector: bool) -> Result<Vec<Datum>, Exception> {
    if with_selector { selected(call, 1) } else { stepped(call, 0) }
}

fn sum(call: &mut Call<'_, '_>, zero: Number, with_selector: bool) -> Result<Datum, Exception> {
    let items = numbers(call, with_selector)?;
    linq::sum(&items, zero).map(Datum::from)
}

fn average(call: &mut Call<'_, '_>, with_selector: bool) -> Result<Option<Datum>, Exception> {
    let items = numbers(call, with_selector)?;
    Ok(linq::average(&items)?.map(Datum::from))
}

/// With a selector, the second type argument is that of the result.
fn extreme(call: &mut Call<'_, '_>, selector: Option<usize>, greatest: bool) -> Result<Datum, Exception> {
    let items = match selector {
        Some(number) => {
            let items = selected(call, number)?;
            call.comparisons(&items, 1)?;
            items
        }
        None => stepped(call, 0)?,
    };
    let needs_one = needs_one(call.type_argument(usize::from(selector.is_some())));
    if items.is_empty() && needs_one {
        return Err(linq::none());
    }
    linq::extreme(&items, greatest)
}

fn ordered(call: &mut Call<'_, '_>, descending: bool) -> Result<Datum, Exception> {
    let keys = selected(call, 1)?;
    let items = call.items(0)?;
    compared(call, &keys)?;
    let element = call.type_argument(0).to_string();
    let comparison = match call.get(2) {
        Datum::Null => None,
        _ => Some(call.object::<Comparer>(2)?.0),
    };
    Ordered::by(element, items, keys, Direction { descending, comparison }).map(Datum::object)
}

fn then_ordered(call: &mut Call<'_, '_>, descending: bool) -> Result<Datum, Exception> {
    let keys = selected(call, 1)?;
    compared(call, &keys)?;
    let direction = Direction { descending, comparison: None };
    call.object::<Ordered>(0)?.then_by(keys, direction).map(Datum::object)
}

/// Sorting compares each element with about as many others as its number has binary digits.
fn compared(call: &mut Call<'_, '_>, keys: &[Datum]) -> Result<(), Exception> {
    let count = keys.len();
    let digits = usize::BITS.saturating_sub(count.leading_zeros());
    call.comparisons(keys, usize::try_from(digits).unwrap_or(1))?;
    call.charge(count.saturating_mul(2 * size_of::<Datum>()))
}
