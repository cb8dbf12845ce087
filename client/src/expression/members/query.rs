//! `Enumerable`: queries over anything that can be walked through. Each gives its elements at once.

use super::{Call, Member, TypeRow, class, member, refused};
use crate::dotnet::collection::equals;
use crate::dotnet::linq::{self, Grouping};
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::compile::default_of;
use crate::expression::run::{Conversion, Test};
use crate::expression::types::Type;

pub(super) static TYPES: &[TypeRow] = &[
    class("System.Linq", "static class Enumerable", ENUMERABLE),
    class("System.Linq", "interface IGrouping<K, T> : IEnumerable<T>", GROUPING),
];

static ENUMERABLE: &[Member] = &[
    member("static IEnumerable<int> Range(int start, int count)", |call| {
        let (start, count) = (call.int(0)?, call.int(1)?);
        let end = i64::from(start) + i64::from(count);
        if count < 0 || end - 1 > i64::from(i32::MAX) {
            return Err(Exception::range("the range has no numbers of int"));
        }
        charged(call, count)?;
        let numbers = (i64::from(start)..end).filter_map(|number| i32::try_from(number).ok());
        call.made_list("IEnumerable<int>", numbers.map(Datum::Int).collect())
    }),
    member("static IEnumerable<T> Repeat<T>(T element, int count)", |call| {
        let (element, count) = (call.take(0), call.int(1)?);
        charged(call, count)?;
        sequence(call, 0, vec![element; usize::try_from(count).unwrap_or(0)])
    }),
    member("static IEnumerable<T> Empty<T>()", |call| sequence(call, 0, Vec::new())),
    member("static IEnumerable<T> Where<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        let kept = filtered(call, false)?;
        sequence(call, 0, kept)
    }),
    member(
        "static IEnumerable<T> Where<T>(this IEnumerable<T> source, Func<T, int, bool> predicate)",
        |call| {
            let kept = filtered(call, true)?;
            sequence(call, 0, kept)
        },
    ),
    member("static IEnumerable<R> Select<T, R>(this IEnumerable<T> source, Func<T, R> selector)", |call| {
        let selected = selected(call, 1)?;
        sequence(call, 1, selected)
    }),
    member(
        "static IEnumerable<R> Select<T, R>(this IEnumerable<T> source, Func<T, int, R> selector)",
        |call| {
            let mut selected = Vec::new();
            for (place, item) in call.items(0)?.into_iter().enumerate() {
                selected.push(call.invoke(1, &[item, number(place)])?);
            }
            sequence(call, 1, selected)
        },
    ),
    member(
        "static IEnumerable<R> SelectMany<T, R>(this IEnumerable<T> source, Func<T, IEnumerable<R>> selector)",
        |call| {
            let mut all = Vec::new();
            for part in selected(call, 1)? {
                all.extend(walked(call, &part)?);
            }
            sequence(call, 1, all)
        },
    ),
    member(
        "static IEnumerable<R> SelectMany<T, C, R>(this IEnumerable<T> source, Func<T, IEnumerable<C>> collectionSelector, Func<T, C, R> resultSelector)",
        |call| {
            let mut all = Vec::new();
            for item in call.items(0)? {
                let part = call.invoke(1, std::slice::from_ref(&item))?;
                for inner in walked(call, &part)? {
                    all.push(call.invoke(2, &[item.clone(), inner])?);
                }
            }
            sequence(call, 2, all)
        },
    ),
    member("static T First<T>(this IEnumerable<T> source)", |call| first(call)?.ok_or_else(linq::none)),
    member("static T First<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        first(call)?.ok_or_else(linq::none)
    }),
    member("static T FirstOrDefault<T>(this IEnumerable<T> source)", |call| {
        let found = first(call)?;
        Ok(found.unwrap_or_else(|| default_of(call.type_argument(0))))
    }),
    member("static T FirstOrDefault<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        let found = first(call)?;
        Ok(found.unwrap_or_else(|| default_of(call.type_argument(0))))
    }),
    member("static T Last<T>(this IEnumerable<T> source)", |call| {
        matching(call)?.pop().ok_or_else(linq::none)
    }),
    member("static T Last<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        matching(call)?.pop().ok_or_else(linq::none)
    }),
    member("static T LastOrDefault<T>(this IEnumerable<T> source)", |call| {
        let found = matching(call)?.pop();
        Ok(found.unwrap_or_else(|| default_of(call.type_argument(0))))
    }),
    member("static T LastOrDefault<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        let found = matching(call)?.pop();
        Ok(found.unwrap_or_else(|| default_of(call.type_argument(0))))
    }),
    member("static T Single<T>(this IEnumerable<T> source)", |call| single(call)?.ok_or_else(linq::none)),
    member("static T Single<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        single(call)?.ok_or_else(linq::none)
    }),
    member("static T SingleOrDefault<T>(this IEnumerable<T> source)", |call| {
        let found = single(call)?;
        Ok(found.unwrap_or_else(|| default_of(call.type_argument(0))))
    }),
    member("static T SingleOrDefault<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        let found = single(call)?;
        Ok(found.unwrap_or_else(|| default_of(call.type_argument(0))))
    }),
    member("static T ElementAt<T>(this IEnumerable<T> source, int index)", |call| {
        element_at(call)?.ok_or_else(|| Exception::range("the index is outside of the sequence"))
    }),
    member("static T ElementAtOrDefault<T>(this IEnumerable<T> source, int index)", |call| {
        let found = element_at(call)?;
        Ok(found.unwrap_or_else(|| default_of(call.type_argument(0))))
    }),
    member("static bool Any<T>(this IEnumerable<T> source)", |call| Ok(Datum::Bool(first(call)?.is_some()))),
    member("static bool Any<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        Ok(Datum::Bool(first(call)?.is_some()))
    }),
    member("static bool All<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        for item in call.items(0)? {
            if !holds(&call.invoke(1, &[item])?) {
                return Ok(Datum::Bool(false));
            }
        }
        Ok(Datum::Bool(true))
    }),
    member("static int Count<T>(this IEnumerable<T> source)", |call| Ok(number(matching(call)?.len()))),
    member("static int Count<T>(this IEnumerable<T> source, Func<T, bool> predicate)", |call| {
        Ok(number(matching(call)?.len()))
    }),
    member("static long LongCount<T>(this IEnumerable<T> source)", |call| {
        Ok(Datum::Long(i64::try_from(call.items(0)?.len()).unwrap_or(i64::MAX)))
    }),
    member("static bool Contains<T>(this IEnumerable<T> source, T value)", |call| {
        let items = stepped(call, 0)?;
        Ok(Datum::Bool(items.iter().any(|item| equals(item, call.get(1)))))
    }),
    member(
        "static bool Contains(this IEnumerable<string> source, string value, StringComparer comparer)",
        |call| {
            let ignores_case = super::misc::ignores_case(call, 2)?;
            let items = stepped(call, 0)?;
            let wanted = folded(call.take(1), ignores_case);
            Ok(Datum::Bool(items.into_iter().any(|item| equals(&folded(item, ignores_case), &wanted))))
        },
    ),
    member("static IEnumerable<T> Distinct<T>(this IEnumerable<T> source)", |call| {
        let items = stepped(call, 0)?;
        sequence(call, 0, linq::distinct(items))
    }),
    member(
        "static IEnumerable<string> Distinct(this IEnumerable<string> source, StringComparer comparer)",
        |call| {
            let ignores_case = super::misc::ignores_case(call, 1)?;
            let mut seen = Vec::new();
            let mut kept = Vec::new();
            for item in call.items(0)? {
                call.steps(seen.len() / 16 + 1)?;
                call.comparisons(std::slice::from_ref(&item), 1)?;
                let key = folded(item.clone(), ignores_case);
                if !seen.iter().any(|known| equals(known, &key)) {
                    seen.push(key);
                    kept.push(item);
                }
            }
            call.made_list("IEnumerable<string>", kept)
        },
    ),
    member("static IEnumerable<T> Union<T>(this IEnumerable<T> first, IEnumerable<T> second)", |call| {
        let (mut all, second) = (stepped(call, 0)?, stepped(call, 1)?);
        all.extend(second);
        sequence(call, 0, linq::distinct(all))
    }),
    member("static IEnumerable<T> Intersect<T>(this IEnumerable<T> first, IEnumerable<T> second)", |call| {
        let (first, second) = (stepped(call, 0)?, stepped(call, 1)?);
        sequence(call, 0, linq::intersect(first, second))
    }),
    member("static IEnumerable<T> Except<T>(this IEnumerable<T> first, IEnumerable<T> second)", |call| {
        let (first, second) = (stepped(call, 0)?, stepped(call, 1)?);
        sequence(call, 0, linq::except(first, second))
    }),
    member("static IEnumerable<T> Concat<T>(this IEnumerable<T> first, IEnumerable<T> second)", |call| {
        let (mut all, second) = (call.items(0)?, call.items(1)?);
        all.extend(second);
        sequence(call, 0, all)
    }),
    member("static IEnumerable<T> Append<T>(this IEnumerable<T> source, T element)", |call| {
        let mut all = call.items(0)?;
        all.push(call.take(1));
        sequence(call, 0, all)
    }),
    member("static IEnumerable<T> Prepend<T>(this IEnumerable<T> source, T element)", |call| {
        let mut all = call.items(0)?;
        all.insert(0, call.take(1));
        sequence(call, 0, all)
    }),
    member("static IEnumerable<T> DefaultIfEmpty<T>(this IEnumerable<T> source, T defaultValue)", |call| {
        let mut all = call.items(0)?;
        if all.is_empty() {
            all.push(call.take(1));
        }
        sequence(call, 0, all)
    }),
    member("static IEnumerable<T> Skip<T>(this IEnumerable<T> source, int count)", |call| {
        let count = usize::try_from(call.int(1)?).unwrap_or(0);
        let kept = call.items(0)?.into_iter().skip(count).collect();
        sequence(call, 0, kept)
    }),
    member("static IEnumerable<T> Take<T>(this IEnumerable<T> source, int count)", |call| {
        let count = usize::try_from(call.int(1)?).unwrap_or(0);
        let kept = call.items(0)?.into_iter().take(count).collect();
        sequence(call, 0, kept)
    }),
    member(
        "static IEnumerable<T> SkipWhile<T>(this IEnumerable<T> source, Func<T, bool> predicate)",
        |call| {
            let items = call.items(0)?;
            let count = leading(call, &items)?;
            sequence(call, 0, items.into_iter().skip(count).collect())
        },
    ),
    member(
        "static IEnumerable<T> TakeWhile<T>(this IEnumerable<T> source, Func<T, bool> predicate)",
        |call| {
            let items = call.items(0)?;
            let count = leading(call, &items)?;
            sequence(call, 0, items.into_iter().take(count).collect())
        },
    ),
    member("static IEnumerable<T> Reverse<T>(this IEnumerable<T> source)", |call| {
        let mut items = call.items(0)?;
        items.reverse();
        sequence(call, 0, items)
    }),
    member("static bool SequenceEqual<T>(this IEnumerable<T> first, IEnumerable<T> second)", |call| {
        let (first, second) = (stepped(call, 0)?, call.items(1)?);
        let same = first.len() == second.len();
        Ok(Datum::Bool(same && first.iter().zip(&second).all(|(left, right)| equals(left, right))))
    }),
    member(
        "static IEnumerable<R> Zip<T, U, R>(this IEnumerable<T> first, IEnumerable<U> second, Func<T, U, R> resultSelector)",
        |call| {
            let (first, second) = (call.items(0)?, call.items(1)?);
            let mut made = Vec::new();
            for (left, right) in first.into_iter().zip(second) {
                made.push(call.invoke(2, &[left, right])?);
            }
            sequence(call, 2, made)
        },
    ),
    member("static T Aggregate<T>(this IEnumerable<T> source, Func<T, T, T> func)", |call| {
        let mut items = call.items(0)?.into_iter();
        let mut all = items.next().ok_or_else(linq::none)?;
        for item in items {
            all = call.invoke(1, &[all, item])?;
        }
        Ok(all)
    }),
    member("static A Aggregate<T, A>(this IEnumerable<T> source, A seed, Func<A, T, A> func)", aggregated),
    member(
        "static R Aggregate<T, A, R>(this IEnumerable<T> source, A seed, Func<A, T, A> func, Func<A, R> resultSelector)",
        |call| {
            let all = aggregated(call)?;
            call.invoke(3, &[all])
        },
    ),
    member(
        "static IEnumerable<IGrouping<K, T>> GroupBy<T, K>(this IEnumerable<T> source, Func<T, K> keySelector)",
        |call| {
            let keys = selected(call, 1)?;
            let items = call.items(0)?;
            groups(call, items, keys, 0)
        },
    ),
    member(
        "static IEnumerable<IGrouping<K, E>> GroupBy<T, K, E>(this IEnumerable<T> source, Func<T, K> keySelector, Func<T, E> elementSelector)",
        |call| {
            let (keys, items) = (selected(call, 1)?, selected(call, 2)?);
            groups(call, items, keys, 2)
        },
    ),
    member("static IEnumerable<R> Cast<R>(this IEnumerable<object> source)", |call| {
        let conversion = Conversion::Unbox(Test::of(call.type_argument(0)));
        let items = stepped(call, 0)?;
        let cast: Result<Vec<Datum>, Exception> =
            items.into_iter().map(|item| conversion.apply(item)).collect();
        sequence(call, 0, cast?)
    }),
    member("static IEnumerable<R> OfType<R>(this IEnumerable<object> source)", |call| {
        let test = Test::of(call.type_argument(0));
        let items = stepped(call, 0)?;
        sequence(call, 0, items.into_iter().filter(|item| test.passes(item)).collect())
    }),
    member("static List<T> ToList<T>(this IEnumerable<T> source)", |call| {
        let items = call.items(0)?;
        let name = format!("List<{}>", call.type_argument(0));
        call.made_list(name, items)
    }),
    member("static T[] ToArray<T>(this IEnumerable<T> source)", |call| {
        let items = call.items(0)?;
        super::sets::array(call, items, 0)
    }),
    member("static IEnumerable<T> AsEnumerable<T>(this IEnumerable<T> source)", |call| Ok(call.take(0))),
    refused(
        "static IEnumerable<R> Join<T, U, K, R>(this IEnumerable<T> outer, IEnumerable<U> inner, Func<T, K> outerKeySelector, Func<U, K> innerKeySelector, Func<T, U, R> resultSelector)",
        "nested queries do the same",
    ),
];

static GROUPING: &[Member] = &[member("K Key", |call| Ok(call.object::<Grouping>(0)?.key().clone()))];

/// A result whose elements have this type argument of the member.
pub(super) fn sequence(
    call: &mut Call<'_, '_>,
    argument: usize,
    items: Vec<Datum>,
) -> Result<Datum, Exception> {
    let name = format!("IEnumerable<{}>", call.type_argument(argument));
    call.made_list(name, items)
}

/// What the lambda with this number gives for each element.
pub(super) fn selected(call: &mut Call<'_, '_>, number: usize) -> Result<Vec<Datum>, Exception> {
    let items = call.items(0)?;
    let mut selected = Vec::with_capacity(items.len());
    for item in items {
        selected.push(call.invoke(number, &[item])?);
    }
    Ok(selected)
}

/// The elements, each of which counts as a step.
pub(super) fn stepped(call: &mut Call<'_, '_>, number: usize) -> Result<Vec<Datum>, Exception> {
    let items = call.items(number)?;
    call.comparisons(&items, 1)?;
    Ok(items)
}

/// Whether an element type has values for which nothing stands, so that an empty sequence is an error.
pub(super) fn needs_one(of: &Type) -> bool {
    of.is_value() && !of.takes_null()
}

fn walked(call: &mut Call<'_, '_>, collection: &Datum) -> Result<Vec<Datum>, Exception> {
    if collection.is_null() {
        return Err(Exception::new(ExceptionKind::NullReference, "null has no elements"));
    }
    call.machine.items(collection)
}

fn filtered(call: &mut Call<'_, '_>, with_place: bool) -> Result<Vec<Datum>, Exception> {
    let mut kept = Vec::new();
    for (place, item) in call.items(0)?.into_iter().enumerate() {
        let passes = match with_place {
            true => call.invoke(1, &[item.clone(), number(place)])?,
            false => call.invoke(1, std::slice::from_ref(&item))?,
        };
        if holds(&passes) {
            kept.push(item);
        }
    }
    Ok(kept)
}

/// The elements, or those that pass the predicate if there is one.
fn matching(call: &mut Call<'_, '_>) -> Result<Vec<Datum>, Exception> {
    if call.arguments.len() > 1 { filtered(call, false) } else { call.items(0) }
}

fn first(call: &mut Call<'_, '_>) -> Result<Option<Datum>, Exception> {
    let has_predicate = call.arguments.len() > 1;
    for item in call.items(0)? {
        if !has_predicate || holds(&call.invoke(1, std::slice::from_ref(&item))?) {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

fn single(call: &mut Call<'_, '_>) -> Result<Option<Datum>, Exception> {
    let mut found = matching(call)?;
    if found.len() > 1 { Err(linq::several()) } else { Ok(found.pop()) }
}

fn element_at(call: &mut Call<'_, '_>) -> Result<Option<Datum>, Exception> {
    let index = usize::try_from(call.int(1)?).ok();
    let items = call.items(0)?;
    Ok(index.and_then(|index| items.get(index).cloned()))
}

/// How many elements pass before the first that does not.
fn leading(call: &mut Call<'_, '_>, items: &[Datum]) -> Result<usize, Exception> {
    for (place, item) in items.iter().enumerate() {
        if !holds(&call.invoke(1, std::slice::from_ref(item))?) {
            return Ok(place);
        }
    }
    Ok(items.len())
}

fn aggregated(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let mut all = call.take(1);
    for item in call.items(0)? {
        all = call.invoke(2, &[all, item])?;
    }
    Ok(all)
}

fn groups(
    call: &mut Call<'_, '_>,
    items: Vec<Datum>,
    keys: Vec<Datum>,
    element: usize,
) -> Result<Datum, Exception> {
    call.comparisons(&keys, 1)?;
    let types = format!("{}, {}", call.type_argument(1), call.type_argument(element));
    let found = Grouping::by(&types, items, keys).into_iter().map(Datum::object).collect();
    call.made_list(format!("IEnumerable<IGrouping<{types}>>"), found)
}

/// So many elements are about to be made.
fn charged(call: &mut Call<'_, '_>, count: i32) -> Result<(), Exception> {
    let count = usize::try_from(count).map_err(|_| Exception::range("the count is negative"))?;
    call.steps(count)?;
    call.charge(count.saturating_mul(size_of::<Datum>()))
}

fn holds(value: &Datum) -> bool {
    matches!(value, Datum::Bool(true))
}

fn folded(text: Datum, ignores_case: bool) -> Datum {
    match text {
        Datum::String(text) if ignores_case => Datum::text(&crate::dotnet::text::to_upper(&text)),
        other => other,
    }
}

pub(super) fn number(size: usize) -> Datum {
    Datum::Int(i32::try_from(size).unwrap_or(i32::MAX))
}
