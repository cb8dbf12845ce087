//! Further members of lists and dictionaries, the functions of `Array`, and tuples.

use std::sync::Arc;

use super::misc::ignores_case;
use super::query::{number, stepped};
use super::{Call, Member, TypeRow, class, member, more};
use crate::dotnet::collection::{Dictionary, List, Record, equals};
use crate::dotnet::{Datum, Exception, order};
use crate::expression::compile::default_of;
use crate::expression::types::Type;

pub(super) static TYPES: &[TypeRow] = &[
    more("class List<T>", LIST),
    class("System", "static class Array", ARRAY),
    more("class Dictionary<K, V>", DICTIONARY),
    more("interface IReadOnlyDictionary<K, V>", READ_ONLY_DICTIONARY),
    class("System.Collections.Generic", "static class CollectionExtensions", EXTENSIONS),
    class("System", "static class Tuple", TUPLE),
    class("System", "class Tuple<T1>", ONE),
    class("System", "class Tuple<T1, T2>", TWO),
    class("System", "class Tuple<T1, T2, T3>", THREE),
    class("System", "class Tuple<T1, T2, T3, T4>", FOUR),
];

static LIST: &[Member] = &[
    member("T[] ToArray()", |call| {
        let (items, name) = (call.items(0)?, element_name(call.list(0)?));
        if name == "byte" {
            let byte = |item: &Datum| if let Datum::Byte(byte) = item { Some(*byte) } else { None };
            let bytes: Vec<u8> = items.iter().filter_map(byte).collect();
            return call.made_bytes(bytes);
        }
        call.made_list(format!("{name}[]"), items)
    }),
    member("void Reverse()", |call| {
        call.list(0)?.items().reverse();
        Ok(Datum::Null)
    }),
    member("void Sort()", sort),
    member("void Sort(Comparison<T> comparison)", |call| {
        let items = call.items(0)?;
        let sorted = sorted_by(call, items)?;
        *call.list(0)?.items() = sorted;
        Ok(Datum::Null)
    }),
    member("T Find(Predicate<T> match)", |call| {
        let place = found(call)?;
        let list = call.list(0)?;
        let item = place.and_then(|place| list.items().get(place).cloned());
        Ok(item.unwrap_or_else(|| default_of(&Type::of_keyword(&element_name(list)).unwrap_or(Type::Object))))
    }),
    member("int FindIndex(Predicate<T> match)", |call| Ok(found(call)?.map_or(Datum::Int(-1), number))),
    member("List<T> FindAll(Predicate<T> match)", |call| {
        let name: Arc<str> = call.list(0)?.type_name().into();
        let (kept, _) = parted(call)?;
        call.made_list(name, kept)
    }),
    member("bool Exists(Predicate<T> match)", |call| Ok(Datum::Bool(found(call)?.is_some()))),
    member("bool TrueForAll(Predicate<T> match)", |call| Ok(Datum::Bool(parted(call)?.1.is_empty()))),
    member("int RemoveAll(Predicate<T> match)", |call| {
        let (removed, kept) = parted(call)?;
        *call.list(0)?.items() = kept;
        Ok(number(removed.len()))
    }),
    member("void ForEach(Action<T> action)", |call| {
        for item in call.items(0)? {
            call.invoke(1, &[item])?;
        }
        Ok(Datum::Null)
    }),
    member("List<R> ConvertAll<R>(Func<T, R> converter)", |call| {
        let converted = super::query::selected(call, 1)?;
        let name = format!("List<{}>", call.type_argument(0));
        call.made_list(name, converted)
    }),
    member("void InsertRange(int index, IEnumerable<T> collection)", |call| {
        let (index, more) = (call.int(1)?, call.items(2)?);
        let mut items = call.list(0)?.items();
        let at = usize::try_from(index).ok().filter(|at| *at <= items.len()).ok_or_else(outside)?;
        items.splice(at..at, more);
        Ok(Datum::Null)
    }),
    member("List<T> GetRange(int index, int count)", |call| {
        let name: Arc<str> = call.list(0)?.type_name().into();
        let (start, end) = range(call)?;
        let part = call.list(0)?.items().get(start..end).map(<[Datum]>::to_vec).unwrap_or_default();
        call.made_list(name, part)
    }),
    member("void RemoveRange(int index, int count)", |call| {
        let (start, end) = range(call)?;
        call.list(0)?.items().drain(start..end);
        Ok(Datum::Null)
    }),
];

static ARRAY: &[Member] = &[
    member("static T[] Empty<T>()", |call| super::sets::array(call, Vec::new(), 0)),
    member("static int IndexOf<T>(T[] array, T value)", |call| {
        let items = stepped(call, 0)?;
        Ok(items.iter().position(|item| equals(item, call.get(1))).map_or(Datum::Int(-1), number))
    }),
    member("static void Sort<T>(T[] array)", sort),
    member("static void Reverse<T>(T[] array)", |call| {
        call.list(0)?.items().reverse();
        Ok(Datum::Null)
    }),
    member("static bool Exists<T>(T[] array, Predicate<T> match)", |call| {
        Ok(Datum::Bool(found(call)?.is_some()))
    }),
    member("static int FindIndex<T>(T[] array, Predicate<T> match)", |call| {
        Ok(found(call)?.map_or(Datum::Int(-1), number))
    }),
    member("static T Find<T>(T[] array, Predicate<T> match)", |call| {
        let items = call.items(0)?;
        let place = found(call)?;
        let item = place.and_then(|place| items.get(place).cloned());
        Ok(item.unwrap_or_else(|| default_of(call.type_argument(0))))
    }),
    member("static T[] FindAll<T>(T[] array, Predicate<T> match)", |call| {
        let (kept, _) = parted(call)?;
        super::sets::array(call, kept, 0)
    }),
    member("static R[] ConvertAll<T, R>(T[] array, Func<T, R> converter)", |call| {
        let converted = super::query::selected(call, 1)?;
        super::sets::array(call, converted, 1)
    }),
];

static DICTIONARY: &[Member] = &[
    member("new(IEqualityComparer<K> comparer)", |call| {
        let ignores = ignores_case(call, 0)?;
        Ok(Datum::Dictionary(dictionary(call, ignores)))
    }),
    member("new(IReadOnlyDictionary<K, V> dictionary, IEqualityComparer<K> comparer)", |call| {
        let ignores = ignores_case(call, 1)?;
        let made = dictionary(call, ignores);
        for entry in stepped(call, 0)? {
            let Datum::Record(entry) = entry else { continue };
            let [(_, key), (_, value)] = &*entry.members else { continue };
            if made.entries().insert(made.key(key.clone()), value.clone()).is_some() {
                return Err(Exception::argument("two entries have the same key"));
            }
        }
        Ok(Datum::Dictionary(made))
    }),
    member("bool TryAdd(K key, V value)", |call| {
        let (key, value) = (call.take(1), call.take(2));
        if key.is_null() {
            return Err(super::call::null());
        }
        call.charge(2 * size_of::<Datum>())?;
        let dictionary = call.dictionary(0)?;
        let mut entries = dictionary.entries();
        let is_new = !entries.contains_key(&dictionary.key(key.clone()));
        if is_new {
            entries.insert(dictionary.key(key), value);
        }
        Ok(Datum::Bool(is_new))
    }),
    member("bool ContainsValue(V value)", |call| {
        let size = call.dictionary(0)?.entries().len();
        call.steps(size)?;
        let entries = call.dictionary(0)?.entries().clone();
        Ok(Datum::Bool(entries.values().any(|value| equals(value, call.get(1)))))
    }),
];

static READ_ONLY_DICTIONARY: &[Member] = &[member("V GetValueOrDefault(K key, V defaultValue)", |call| {
    Ok(value_of_key(call)?.unwrap_or_else(|| call.take(2)))
})];

static EXTENSIONS: &[Member] =
    &[member("static V GetValueOrDefault<K, V>(this IReadOnlyDictionary<K, V> dictionary, K key)", |call| {
        Ok(value_of_key(call)?.unwrap_or_else(|| default_of(call.type_argument(1))))
    })];

/// The value of the key that is the first argument.
fn value_of_key(call: &mut Call<'_, '_>) -> Result<Option<Datum>, Exception> {
    let key = call.take(1);
    if key.is_null() {
        return Err(super::call::null());
    }
    let dictionary = call.dictionary(0)?;
    let entries = dictionary.entries();
    Ok(entries.get(&dictionary.key(key)).cloned())
}

static TUPLE: &[Member] = &[
    member("static Tuple<A> Create<A>(A item1)", tuple),
    member("static Tuple<A, B> Create<A, B>(A item1, B item2)", tuple),
    member("static Tuple<A, B, C> Create<A, B, C>(A item1, B item2, C item3)", tuple),
    member("static Tuple<A, B, C, D> Create<A, B, C, D>(A item1, B item2, C item3, D item4)", tuple),
];

static ONE: &[Member] = &[member("new(T1 item1)", tuple), member("T1 Item1", |call| item(call, 0))];

static TWO: &[Member] = &[
    member("new(T1 item1, T2 item2)", tuple),
    member("T1 Item1", |call| item(call, 0)),
    member("T2 Item2", |call| item(call, 1)),
];

static THREE: &[Member] = &[
    member("new(T1 item1, T2 item2, T3 item3)", tuple),
    member("T1 Item1", |call| item(call, 0)),
    member("T2 Item2", |call| item(call, 1)),
    member("T3 Item3", |call| item(call, 2)),
];

static FOUR: &[Member] = &[
    member("new(T1 item1, T2 item2, T3 item3, T4 item4)", tuple),
    member("T1 Item1", |call| item(call, 0)),
    member("T2 Item2", |call| item(call, 1)),
    member("T3 Item3", |call| item(call, 2)),
    member("T4 Item4", |call| item(call, 3)),
];

fn tuple(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let types: Vec<String> = call.types.iter().map(ToString::to_string).collect();
    let names = ["Item1", "Item2", "Item3", "Item4"].into_iter().map(Arc::from);
    let members: Vec<(Arc<str>, Datum)> = names.zip(call.arguments.iter().cloned()).collect();
    call.charge(members.len() * size_of::<Datum>())?;
    Ok(Datum::Record(Record::of(format!("Tuple<{}>", types.join(", ")), members)))
}

fn item(call: &Call<'_, '_>, number: usize) -> Result<Datum, Exception> {
    match call.get(0) {
        Datum::Record(record) => {
            Ok(record.members.get(number).map_or(Datum::Null, |(_, value)| value.clone()))
        }
        _ => Ok(Datum::Null),
    }
}

fn dictionary(call: &Call<'_, '_>, ignores_case: bool) -> Arc<Dictionary> {
    let name = format!("Dictionary<{}, {}>", call.type_argument(0), call.type_argument(1));
    Dictionary::new(name, ignores_case)
}

/// The name of the type of the elements of a list.
fn element_name(list: &List) -> String {
    let name = list.type_name();
    let inner = name.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
    inner.unwrap_or("object").to_owned()
}

/// The place of the first element that the predicate takes.
fn found(call: &mut Call<'_, '_>) -> Result<Option<usize>, Exception> {
    for (place, item) in call.items(0)?.into_iter().enumerate() {
        if matches!(call.invoke(1, &[item])?, Datum::Bool(true)) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// The elements that the predicate takes, and the others.
fn parted(call: &mut Call<'_, '_>) -> Result<(Vec<Datum>, Vec<Datum>), Exception> {
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for item in call.items(0)? {
        let is_taken = matches!(call.invoke(1, std::slice::from_ref(&item))?, Datum::Bool(true));
        if is_taken { taken.push(item) } else { left.push(item) }
    }
    Ok((taken, left))
}

fn sort(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let mut items = call.items(0)?;
    call.comparisons(&items, 16)?;
    let mut failed = None;
    items.sort_by(|left, right| {
        order::compare(left, right).unwrap_or_else(|error| {
            failed = Some(error);
            std::cmp::Ordering::Equal
        })
    });
    match failed {
        Some(error) => Err(error),
        None => {
            *call.list(0)?.items() = items;
            Ok(Datum::Null)
        }
    }
}

/// Merges sorted halves: a comparison by a lambda may fail, and need not be an order at all.
fn sorted_by(call: &mut Call<'_, '_>, mut items: Vec<Datum>) -> Result<Vec<Datum>, Exception> {
    let mut width = 1;
    while width < items.len() {
        let mut merged = Vec::with_capacity(items.len());
        for pair in items.chunks(width.saturating_mul(2)) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let ([first, left_rest @ ..], [second, right_rest @ ..]) = (left, right) {
                let ordering = call.invoke(1, &[first.clone(), second.clone()])?;
                if matches!(ordering, Datum::Int(sign) if sign > 0) {
                    merged.push(second.clone());
                    right = right_rest;
                } else {
                    merged.push(first.clone());
                    left = left_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        items = merged;
        width = width.saturating_mul(2);
    }
    Ok(items)
}

/// A part of the list, by index and count.
fn range(call: &Call<'_, '_>) -> Result<(usize, usize), Exception> {
    let size = call.list(0)?.items().len();
    let start = usize::try_from(call.int(1)?).map_err(|_| outside())?;
    let count = usize::try_from(call.int(2)?).map_err(|_| outside())?;
    match start.checked_add(count) {
        Some(end) if end <= size => Ok((start, end)),
        _ => Err(Exception::argument("the part is not within the list")),
    }
}

fn outside() -> Exception {
    Exception::range("the index is outside of the collection")
}
