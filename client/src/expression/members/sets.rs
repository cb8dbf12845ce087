//! `HashSet`, `Queue`, `Stack`, and what makes collections of queries.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexSet;

use super::misc::ignores_case;
use super::query::{number, selected, stepped};
use super::{Call, Member, TypeRow, class, member, more};
use crate::dotnet::collection::{Dictionary, Key, dismantle};
use crate::dotnet::object::Instance;
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::types::Type;

pub(super) static TYPES: &[TypeRow] = &[
    class("System.Collections.Generic", "interface ISet<T> : ICollection<T>", &[]),
    class("System.Collections.Generic", "class HashSet<T> : ISet<T>, IReadOnlyCollection<T>", HASH_SET),
    class("System.Collections.Generic", "class Queue<T> : IReadOnlyCollection<T>", QUEUE),
    class("System.Collections.Generic", "class Stack<T> : IReadOnlyCollection<T>", STACK),
    more("static class Enumerable", COLLECTED),
];

static COLLECTED: &[Member] = &[
    member("static HashSet<T> ToHashSet<T>(this IEnumerable<T> source)", |call| {
        let items = stepped(call, 0)?;
        set_of(call, items, false)
    }),
    member(
        "static Dictionary<K, T> ToDictionary<T, K>(this IEnumerable<T> source, Func<T, K> keySelector)",
        |call| {
            let (keys, values) = (selected(call, 1)?, call.items(0)?);
            dictionary(call, keys, values, 0, false)
        },
    ),
    member(
        "static Dictionary<K, V> ToDictionary<T, K, V>(this IEnumerable<T> source, Func<T, K> keySelector, Func<T, V> elementSelector)",
        |call| {
            let (keys, values) = (selected(call, 1)?, selected(call, 2)?);
            dictionary(call, keys, values, 2, false)
        },
    ),
    member(
        "static Dictionary<K, V> ToDictionary<T, K, V>(this IEnumerable<T> source, Func<T, K> keySelector, Func<T, V> elementSelector, IEqualityComparer<K> comparer)",
        |call| {
            let ignores = ignores_case(call, 3)?;
            let (keys, values) = (selected(call, 1)?, selected(call, 2)?);
            dictionary(call, keys, values, 2, ignores)
        },
    ),
];

static HASH_SET: &[Member] = &[
    member("new()", |call| set_of(call, Vec::new(), false)),
    member("new(IEnumerable<T> collection)", |call| {
        let items = stepped(call, 0)?;
        set_of(call, items, false)
    }),
    member("new(IEqualityComparer<T> comparer)", |call| {
        let ignores = ignores_case(call, 0)?;
        set_of(call, Vec::new(), ignores)
    }),
    member("new(IEnumerable<T> collection, IEqualityComparer<T> comparer)", |call| {
        let ignores = ignores_case(call, 1)?;
        let items = stepped(call, 0)?;
        set_of(call, items, ignores)
    }),
    member("int Count", |call| Ok(number(call.object::<Set>(0)?.items().len()))),
    member("bool Add(T item)", |call| {
        let item = call.take(1);
        call.charge(size_of::<Datum>())?;
        let set = call.object::<Set>(0)?;
        Ok(Datum::Bool(set.items().insert(set.key(item))))
    }),
    member("bool Remove(T item)", |call| {
        let item = call.take(1);
        let set = call.object::<Set>(0)?;
        Ok(Datum::Bool(set.items().shift_remove(&set.key(item))))
    }),
    member("bool Contains(T item)", |call| {
        let item = call.take(1);
        let set = call.object::<Set>(0)?;
        Ok(Datum::Bool(set.items().contains(&set.key(item))))
    }),
    member("void Clear()", |call| {
        call.object::<Set>(0)?.items().clear();
        Ok(Datum::Null)
    }),
    member("void UnionWith(IEnumerable<T> other)", |call| {
        let other = other(call)?;
        call.object::<Set>(0)?.items().extend(other);
        Ok(Datum::Null)
    }),
    member("void IntersectWith(IEnumerable<T> other)", |call| {
        let other = other(call)?;
        call.object::<Set>(0)?.items().retain(|key| other.contains(key));
        Ok(Datum::Null)
    }),
    member("void ExceptWith(IEnumerable<T> other)", |call| {
        let other = other(call)?;
        call.object::<Set>(0)?.items().retain(|key| !other.contains(key));
        Ok(Datum::Null)
    }),
    member("bool SetEquals(IEnumerable<T> other)", |call| {
        compared(call, |own, other| own.len() == other.len() && own.is_subset(other))
    }),
    member("bool IsSubsetOf(IEnumerable<T> other)", |call| compared(call, IndexSet::is_subset)),
    member("bool IsSupersetOf(IEnumerable<T> other)", |call| compared(call, IndexSet::is_superset)),
    member("bool Overlaps(IEnumerable<T> other)", |call| {
        compared(call, |own, other| !own.is_disjoint(other))
    }),
];

static QUEUE: &[Member] = &[
    member("new()", |call| line_of(call, "Queue", Vec::new())),
    member("new(IEnumerable<T> collection)", |call| {
        let items = call.items(0)?;
        line_of(call, "Queue", items)
    }),
    member("int Count", count),
    member("void Enqueue(T item)", put),
    member("T Dequeue()", |call| call.object::<Line>(0)?.items().pop_front().ok_or_else(empty)),
    member("T Peek()", |call| call.object::<Line>(0)?.items().front().cloned().ok_or_else(empty)),
    member("void Clear()", clear),
];

/// The top of a stack is its first element.
static STACK: &[Member] = &[
    member("new()", |call| line_of(call, "Stack", Vec::new())),
    member("new(IEnumerable<T> collection)", |call| {
        let mut items = call.items(0)?;
        items.reverse();
        line_of(call, "Stack", items)
    }),
    member("int Count", count),
    member("void Push(T item)", |call| {
        let item = call.take(1);
        call.charge(size_of::<Datum>())?;
        call.object::<Line>(0)?.items().push_front(item);
        Ok(Datum::Null)
    }),
    member("T Pop()", |call| call.object::<Line>(0)?.items().pop_front().ok_or_else(empty)),
    member("T Peek()", |call| call.object::<Line>(0)?.items().front().cloned().ok_or_else(empty)),
    member("void Clear()", clear),
];

/// `HashSet<T>`, in the order of insertion.
#[derive(Debug)]
struct Set {
    type_name: String,
    ignores_case: bool,
    items: Mutex<IndexSet<Key>>,
}

impl Set {
    fn items(&self) -> MutexGuard<'_, IndexSet<Key>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, value: Datum) -> Key {
        Key::with_case(value, self.ignores_case)
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        dismantle(self.take_items());
    }
}

impl Instance for Set {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.type_name)
    }

    fn items(&self) -> Option<Vec<Datum>> {
        Some(Set::items(self).iter().map(|key| key.value.clone()).collect())
    }

    fn take_items(&mut self) -> Vec<Datum> {
        std::mem::take(&mut *Set::items(self)).into_iter().map(|key| key.value).collect()
    }
}

fn set_of(call: &mut Call<'_, '_>, items: Vec<Datum>, ignores_case: bool) -> Result<Datum, Exception> {
    call.comparisons(&items, 1)?;
    call.charge(items.len().saturating_mul(size_of::<Key>()))?;
    let keys = items.into_iter().map(|item| Key::with_case(item, ignores_case)).collect();
    let type_name = format!("HashSet<{}>", call.type_argument(0));
    Ok(Datum::object(Set { type_name, ignores_case, items: Mutex::new(keys) }))
}

/// The elements of the other collection as keys of the set.
fn other(call: &mut Call<'_, '_>) -> Result<IndexSet<Key>, Exception> {
    let items = stepped(call, 1)?;
    let own = call.object::<Set>(0)?.items().len();
    call.steps(own)?;
    let set = call.object::<Set>(0)?;
    Ok(items.into_iter().map(|item| set.key(item)).collect())
}

fn compared(
    call: &mut Call<'_, '_>,
    test: impl Fn(&IndexSet<Key>, &IndexSet<Key>) -> bool,
) -> Result<Datum, Exception> {
    let other = other(call)?;
    let own = call.object::<Set>(0)?.items();
    Ok(Datum::Bool(test(&own, &other)))
}

/// `Queue<T>` and `Stack<T>`: what comes out next stands first.
#[derive(Debug)]
struct Line {
    type_name: String,
    items: Mutex<VecDeque<Datum>>,
}

impl Line {
    fn items(&self) -> MutexGuard<'_, VecDeque<Datum>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        dismantle(self.take_items());
    }
}

impl Instance for Line {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.type_name)
    }

    fn items(&self) -> Option<Vec<Datum>> {
        Some(Line::items(self).iter().cloned().collect())
    }

    fn take_items(&mut self) -> Vec<Datum> {
        std::mem::take(&mut *Line::items(self)).into()
    }
}

fn line_of(call: &mut Call<'_, '_>, name: &str, items: Vec<Datum>) -> Result<Datum, Exception> {
    call.charge(items.len().saturating_mul(size_of::<Datum>()))?;
    let type_name = format!("{name}<{}>", call.type_argument(0));
    Ok(Datum::object(Line { type_name, items: Mutex::new(items.into()) }))
}

fn count(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(number(call.object::<Line>(0)?.items().len()))
}

fn put(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let item = call.take(1);
    call.charge(size_of::<Datum>())?;
    call.object::<Line>(0)?.items().push_back(item);
    Ok(Datum::Null)
}

fn clear(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    call.object::<Line>(0)?.items().clear();
    Ok(Datum::Null)
}

/// A dictionary of keys and values; the types of both are type arguments of the member.
fn dictionary(
    call: &mut Call<'_, '_>,
    keys: Vec<Datum>,
    values: Vec<Datum>,
    value_type: usize,
    ignores_case: bool,
) -> Result<Datum, Exception> {
    call.steps(keys.len())?;
    call.charge(keys.len().saturating_mul(2 * size_of::<Datum>()))?;
    let name = format!("Dictionary<{}, {}>", call.type_argument(1), call.type_argument(value_type));
    let made = Dictionary::new(name, ignores_case);
    for (key, value) in keys.into_iter().zip(values) {
        if key.is_null() {
            return Err(super::call::null());
        }
        if made.entries().insert(made.key(key), value).is_some() {
            return Err(Exception::new(ExceptionKind::Argument, "two elements have the same key"));
        }
    }
    Ok(Datum::Dictionary(made))
}

/// An array whose elements have this type argument of the member.
pub(super) fn array(call: &mut Call<'_, '_>, items: Vec<Datum>, argument: usize) -> Result<Datum, Exception> {
    let of = call.type_argument(argument);
    if *of == Type::Byte {
        let byte = |item: &Datum| if let Datum::Byte(byte) = item { Some(*byte) } else { None };
        let bytes: Vec<u8> = items.iter().filter_map(byte).collect();
        return call.made_bytes(bytes);
    }
    let name = format!("{of}[]");
    call.made_list(name, items)
}

fn empty() -> Exception {
    Exception::new(ExceptionKind::InvalidOperation, "the collection is empty")
}
