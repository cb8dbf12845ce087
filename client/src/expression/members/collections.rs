//! Arrays, lists, dictionaries and their interfaces. Queries over them are rows of their own.

use std::sync::Arc;

use super::{Call, Member, TypeRow, class, member};
use crate::dotnet::collection::{Dictionary, equals};
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::run::pair;

pub(super) static TYPES: &[TypeRow] = &[
    class("System.Collections.Generic", "interface IEnumerable<T>", &[]),
    class("System.Collections.Generic", "interface ICollection<T> : IEnumerable<T>", COLLECTION),
    class("System.Collections.Generic", "interface IReadOnlyCollection<T> : IEnumerable<T>", COUNTED),
    class(
        "System.Collections.Generic",
        "interface IReadOnlyList<T> : IReadOnlyCollection<T>",
        READ_ONLY_LIST,
    ),
    class("System.Collections.Generic", "interface IList<T> : ICollection<T>", LIST_INTERFACE),
    class("System.Collections.Generic", "class List<T> : IList<T>, IReadOnlyList<T>", LIST),
    class("System", "class Array<T> : IList<T>, IReadOnlyList<T>", ARRAY),
    class("System.Collections.Generic", "struct KeyValuePair<K, V>", PAIR),
    class(
        "System.Collections.Generic",
        "interface IReadOnlyDictionary<K, V> : IEnumerable<KeyValuePair<K, V>>",
        READ_ONLY,
    ),
    class(
        "System.Collections.Generic",
        "interface IDictionary<K, V> : IReadOnlyDictionary<K, V>",
        DICTIONARY_INTERFACE,
    ),
    class("System.Collections.Generic", "class Dictionary<K, V> : IDictionary<K, V>", DICTIONARY),
];

static COUNTED: &[Member] = &[member("int Count", count)];

static COLLECTION: &[Member] = &[
    member("int Count", count),
    member("void Add(T item)", add),
    member("void Clear()", clear),
    member("bool Remove(T item)", remove),
];

static READ_ONLY_LIST: &[Member] = &[member("T this[int index]", at)];

static LIST_INTERFACE: &[Member] = &[
    member("T this[int index]", at),
    member("set T this[int index]", set_at),
    member("int IndexOf(T item)", index_of),
];

static LIST: &[Member] = &[
    member("new()", new_list),
    member("new(int capacity)", new_list),
    member("new(IEnumerable<T> collection)", |call| {
        let items = call.items(0)?;
        let name = format!("List<{}>", call.type_argument(0));
        call.made_list(name, items)
    }),
    member("int Count", count),
    member("T this[int index]", at),
    member("set T this[int index]", set_at),
    member("void Add(T item)", add),
    member("void AddRange(IEnumerable<T> collection)", |call| {
        let more = call.items(1)?;
        call.list(0)?.items().extend(more);
        Ok(Datum::Null)
    }),
    member("void Insert(int index, T item)", |call| {
        let (index, item) = (call.int(1)?, call.take(2));
        call.charge(size_of::<Datum>())?;
        let mut items = call.list(0)?.items();
        let place = usize::try_from(index).ok().filter(|place| *place <= items.len()).ok_or_else(outside)?;
        items.insert(place, item);
        Ok(Datum::Null)
    }),
    member("void RemoveAt(int index)", |call| {
        let index = call.int(1)?;
        let mut items = call.list(0)?.items();
        let place = usize::try_from(index).ok().filter(|place| *place < items.len()).ok_or_else(outside)?;
        items.remove(place);
        Ok(Datum::Null)
    }),
];

static ARRAY: &[Member] =
    &[member("int Length", count), member("T this[int index]", at), member("set T this[int index]", set_at)];

static PAIR: &[Member] = &[
    member("new(K key, V value)", |call| Ok(pair(call.take(0), call.take(1)))),
    member("K Key", |call| part(call, 0)),
    member("V Value", |call| part(call, 1)),
];

static READ_ONLY: &[Member] = &[
    member("int Count", |call| Ok(Datum::Int(int(call.items(0)?.len())))),
    member("V this[K key]", found),
    member("bool ContainsKey(K key)", |call| {
        let key = call.take(1);
        Ok(Datum::Bool(look_up(call, &key)?.is_some()))
    }),
    member("bool TryGetValue(K key, out V value)", |call| {
        let key = call.take(1);
        let found = look_up(call, &key)?;
        let is_there = found.is_some();
        // Before, it holds the default of its type.
        if let Some(value) = found {
            call.set_out(2, value);
        }
        Ok(Datum::Bool(is_there))
    }),
    member("IEnumerable<K> Keys", |call| parts(call, 0)),
    member("IEnumerable<V> Values", |call| parts(call, 1)),
];

static DICTIONARY_INTERFACE: &[Member] = &[
    member("set V this[K key]", set),
    member("void Add(K key, V value)", add_entry),
    member("bool Remove(K key)", remove_entry),
];

static DICTIONARY: &[Member] = &[
    member("new()", |call| Ok(Datum::Dictionary(new_dictionary(call)))),
    member("new(int capacity)", |call| Ok(Datum::Dictionary(new_dictionary(call)))),
    member("new(IReadOnlyDictionary<K, V> dictionary)", |call| {
        let entries = call.items(0)?;
        let made = new_dictionary(call);
        for entry in entries {
            let Datum::Record(entry) = entry else { continue };
            if let [(_, key), (_, value)] = &*entry.members {
                made.entries().insert(made.key(key.clone()), value.clone());
            }
        }
        Ok(Datum::Dictionary(made))
    }),
    member("int Count", |call| Ok(Datum::Int(int(call.dictionary(0)?.entries().len())))),
    member("void Clear()", |call| {
        call.dictionary(0)?.entries().clear();
        Ok(Datum::Null)
    }),
];

fn new_list(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let name = format!("List<{}>", call.type_argument(0));
    call.made_list(name, Vec::new())
}

fn new_dictionary(call: &Call<'_, '_>) -> Arc<Dictionary> {
    let name = format!("Dictionary<{}, {}>", call.type_argument(0), call.type_argument(1));
    Dictionary::new(name, false)
}

fn count(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    Ok(Datum::Int(int(match call.get(0) {
        Datum::List(list) => list.items().len(),
        Datum::Bytes(bytes) => bytes.len(),
        _ => call.items(0)?.len(),
    })))
}

fn at(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let index = usize::try_from(call.int(1)?).map_err(|_| outside())?;
    match call.get(0) {
        Datum::List(list) => list.items().get(index).cloned().ok_or_else(outside),
        Datum::Bytes(bytes) => bytes.get(index).map(|byte| Datum::Byte(*byte)).ok_or_else(outside),
        _ => call.items(0)?.get(index).cloned().ok_or_else(outside),
    }
}

/// The bytes of an array are shared with the request and the cache: they do not change.
fn set_at(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let (index, value) = (usize::try_from(call.int(1)?).map_err(|_| outside())?, call.take(2));
    if let Datum::Bytes(_) = call.get(0) {
        return Err(Exception::new(
            ExceptionKind::NotSupported,
            "the elements of a byte[] cannot be changed",
        ));
    }
    *call.list(0)?.items().get_mut(index).ok_or_else(outside)? = value;
    Ok(Datum::Null)
}

fn add(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let item = call.take(1);
    call.charge(size_of::<Datum>())?;
    call.list(0)?.items().push(item);
    Ok(Datum::Null)
}

fn clear(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    call.list(0)?.items().clear();
    Ok(Datum::Null)
}

fn place_of(call: &mut Call<'_, '_>) -> Result<Option<usize>, Exception> {
    let (wanted, items) = (call.take(1), call.items(0)?);
    call.steps(items.len())?;
    Ok(items.iter().position(|item| equals(item, &wanted)))
}

fn remove(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let place = place_of(call)?;
    if let Some(place) = place {
        call.list(0)?.items().remove(place);
    }
    Ok(Datum::Bool(place.is_some()))
}

fn index_of(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let place = place_of(call)?;
    Ok(Datum::Int(place.map_or(-1, int)))
}

fn part(call: &Call<'_, '_>, number: usize) -> Result<Datum, Exception> {
    match call.get(0) {
        Datum::Record(record) => {
            Ok(record.members.get(number).map_or(Datum::Null, |(_, value)| value.clone()))
        }
        // A default pair.
        _ => Ok(Datum::Null),
    }
}

fn parts(call: &mut Call<'_, '_>, number: usize) -> Result<Datum, Exception> {
    let entries = call.items(0)?;
    let part = |entry| match entry {
        Datum::Record(entry) => entry.members.get(number).map(|(_, value)| value.clone()),
        _ => None,
    };
    let found: Vec<Datum> = entries.into_iter().filter_map(part).collect();
    call.made_list("IEnumerable", found)
}

fn look_up(call: &Call<'_, '_>, key: &Datum) -> Result<Option<Datum>, Exception> {
    if key.is_null() {
        return Err(super::call::null());
    }
    let dictionary = call.dictionary(0)?;
    Ok(dictionary.entries().get(&dictionary.key(key.clone())).cloned())
}

fn found(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let key = call.take(1);
    let missing = || Exception::new(ExceptionKind::KeyNotFound, "the dictionary does not have this key");
    look_up(call, &key)?.ok_or_else(missing)
}

fn set(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let (key, value) = (call.take(1), call.take(2));
    if key.is_null() {
        return Err(super::call::null());
    }
    call.charge(2 * size_of::<Datum>())?;
    let dictionary = call.dictionary(0)?;
    dictionary.entries().insert(dictionary.key(key), value);
    Ok(Datum::Null)
}

fn add_entry(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let key = call.get(1).clone();
    if look_up(call, &key)?.is_some() {
        return Err(Exception::new(ExceptionKind::Argument, "the dictionary has this key already"));
    }
    set(call)
}

fn remove_entry(call: &mut Call<'_, '_>) -> Result<Datum, Exception> {
    let key = call.take(1);
    let dictionary = call.dictionary(0)?;
    let removed = dictionary.entries().shift_remove(&dictionary.key(key));
    Ok(Datum::Bool(removed.is_some()))
}

fn int(size: usize) -> i32 {
    i32::try_from(size).unwrap_or(i32::MAX)
}

fn outside() -> Exception {
    Exception::new(ExceptionKind::ArgumentOutOfRange, "the index is outside of the collection")
}
