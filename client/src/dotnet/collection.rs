//! Collections of values, shared as references are in .NET: lists, dictionaries, records; and when two
//! values are equal. What queries do with them is left to the members.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use super::json::JValue;
use super::limits::{RECORD_DEPTH_MAX, RECORD_PARTS_HASHED, RECORD_PARTS_MAX, TEXT_BYTES_MAX};
use super::text::{Formattable, to_upper};
use super::{Datum, Exception};

/// `List<T>`, an array, or the result of a query.
pub struct List {
    type_name: Arc<str>,
    items: Mutex<Vec<Datum>>,
}

impl List {
    /// A list of the type with this name in C#, as `List<string>` or `int[]`.
    #[must_use]
    pub fn of(type_name: impl Into<Arc<str>>, items: Vec<Datum>) -> Arc<Self> {
        Arc::new(Self { type_name: type_name.into(), items: Mutex::new(items) })
    }

    /// The name of its type in C#.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The elements. No other lock may be taken, and no expression run, while this one is held.
    pub fn items(&self) -> MutexGuard<'_, Vec<Datum>> {
        lock(&self.items)
    }
}

/// `Dictionary<K, V>`.
pub struct Dictionary {
    type_name: Arc<str>,
    ignores_case: bool,
    entries: Mutex<IndexMap<Key, Datum>>,
}

impl Dictionary {
    /// An empty dictionary of the type with this name in C#; texts are compared without case if
    /// `ignores_case`.
    #[must_use]
    pub fn new(type_name: impl Into<Arc<str>>, ignores_case: bool) -> Arc<Self> {
        Arc::new(Self { type_name: type_name.into(), ignores_case, entries: Mutex::default() })
    }

    /// The name of its type in C#.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The key under which a value is found here.
    #[must_use]
    pub fn key(&self, value: Datum) -> Key {
        Key { value, ignores_case: self.ignores_case }
    }

    /// The entries. As [`List::items`], a lock that is held alone.
    pub fn entries(&self) -> MutexGuard<'_, IndexMap<Key, Datum>> {
        lock(&self.entries)
    }
}

/// An object with named members that do not change.
pub struct Record {
    type_name: Arc<str>,
    /// Names and values, in their order.
    pub members: Vec<(Arc<str>, Datum)>,
    /// Whether it prints as an anonymous object does.
    anonymous: bool,
}

impl Record {
    /// `new { a = 1 }`
    #[must_use]
    pub fn anonymous(members: Vec<(Arc<str>, Datum)>) -> Arc<Self> {
        Arc::new(Self { type_name: "<anonymous>".into(), members, anonymous: true })
    }

    /// A `KeyValuePair` or a `Tuple`.
    #[must_use]
    pub fn of(type_name: impl Into<Arc<str>>, members: Vec<(Arc<str>, Datum)>) -> Arc<Self> {
        Arc::new(Self { type_name: type_name.into(), members, anonymous: false })
    }

    /// The name of its type in C#.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// `{ a = 1 }` of an anonymous object, `[k, v]` of a pair, `(1, 2)` of a tuple.
    pub(super) fn to_text(&self) -> Result<String, Exception> {
        self.to_text_within(RECORD_DEPTH_MAX, &mut TEXT_BYTES_MAX.clone())
    }

    /// `left`: the bytes that may still be made. An object that stands in many places is printed as often.
    fn to_text_within(&self, levels: usize, left: &mut usize) -> Result<String, Exception> {
        let deeper = levels.checked_sub(1);
        let levels =
            deeper.ok_or_else(|| Exception::memory("the object is nested too deep to be printed"))?;
        let mut parts = Vec::with_capacity(self.members.len());
        for (name, value) in &self.members {
            let value = match value {
                Datum::Record(record) => record.to_text_within(levels, left)?,
                other => other.to_text("")?,
            };
            let made = left.checked_sub(name.len() + value.len() + BYTES_OF_PART);
            *left = made.ok_or_else(|| Exception::memory("the text would be longer than 16 MiB"))?;
            parts.push(if self.anonymous { format!("{name} = {value}") } else { value });
        }
        let parts = parts.join(", ");
        Ok(match (self.anonymous, self.type_name.starts_with("KeyValuePair")) {
            (true, _) => format!("{{ {parts} }}"),
            (false, true) => format!("[{parts}]"),
            (false, false) => format!("({parts})"),
        })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        dismantle(std::mem::take(self.items.get_mut().unwrap_or_else(PoisonError::into_inner)));
    }
}

impl Drop for Dictionary {
    fn drop(&mut self) {
        let entries = std::mem::take(self.entries.get_mut().unwrap_or_else(PoisonError::into_inner));
        dismantle(entries.into_iter().flat_map(|(key, value)| [key.value, value]).collect());
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        dismantle(std::mem::take(&mut self.members).into_iter().map(|(_, value)| value).collect());
    }
}

/// Frees values one by one, whatever they hold: collections within one another, thousands deep, would
/// otherwise be freed by as many calls within one another.
pub fn dismantle(values: Vec<Datum>) {
    let mut pending = values;
    while let Some(value) = pending.pop() {
        match value {
            Datum::List(list) => {
                if let Some(mut list) = Arc::into_inner(list) {
                    pending.append(list.items.get_mut().unwrap_or_else(PoisonError::into_inner));
                }
            }
            Datum::Dictionary(dictionary) => {
                if let Some(mut dictionary) = Arc::into_inner(dictionary) {
                    let entries = dictionary.entries.get_mut().unwrap_or_else(PoisonError::into_inner);
                    pending.extend(
                        std::mem::take(entries).into_iter().flat_map(|(key, value)| [key.value, value]),
                    );
                }
            }
            Datum::Record(record) => {
                if let Some(mut record) = Arc::into_inner(record) {
                    pending.extend(std::mem::take(&mut record.members).into_iter().map(|(_, value)| value));
                }
            }
            Datum::Object(mut object) => {
                if let Some(object) = Arc::get_mut(&mut object) {
                    pending.append(&mut object.take_items());
                }
            }
            _ => {}
        }
    }
}

/// A value as the key of a dictionary or an element of a set: equal as [`equals`] says.
#[derive(Debug, Clone)]
pub struct Key {
    /// The value.
    pub value: Datum,
    ignores_case: bool,
}

impl Key {
    /// A key whose case counts.
    #[must_use]
    pub fn of(value: Datum) -> Self {
        Self { value, ignores_case: false }
    }

    /// A key that takes large for small letters if `ignores_case`.
    #[must_use]
    pub fn with_case(value: Datum, ignores_case: bool) -> Self {
        Self { value, ignores_case }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Datum::String(left), Datum::String(right)) if self.ignores_case => {
                left.eq_ignore_ascii_case(right) || to_upper(left) == to_upper(right)
            }
            (left, right) => equals(left, right),
        }
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.value {
            Datum::String(text) if self.ignores_case => to_upper(text).hash(state),
            other => hash(other, RECORD_DEPTH_MAX, &mut RECORD_PARTS_HASHED.clone(), state),
        }
    }
}

/// The same for equal values, and as different as may be for others: a set of many values would take long
/// to fill if they shared a place.
fn hash<H: Hasher>(value: &Datum, levels: usize, left: &mut usize, state: &mut H) {
    std::mem::discriminant(value).hash(state);
    match value {
        Datum::Null => {}
        Datum::Bool(value) => value.hash(state),
        Datum::Char(value) | Datum::UShort(value) => value.hash(state),
        Datum::SByte(value) => value.hash(state),
        Datum::Byte(value) => value.hash(state),
        Datum::Short(value) => value.hash(state),
        Datum::Int(value) => value.hash(state),
        Datum::UInt(value) => value.hash(state),
        Datum::Long(value) => value.hash(state),
        Datum::ULong(value) => value.hash(state),
        Datum::Float(value) => hash_fraction(f64::from(*value), state),
        Datum::Double(value) => hash_fraction(*value, state),
        // 1.0 is 1.00, and the nearest double is the same.
        Datum::Decimal(value) => hash_fraction(super::decimal::to_double(*value), state),
        Datum::String(text) => text.hash(state),
        Datum::Date(value) => value.ticks().hash(state),
        Datum::DateOffset(value) => value.utc().ticks().hash(state),
        Datum::Span(value) => value.ticks().hash(state),
        Datum::Guid(value) => value.0.hash(state),
        Datum::Enum(value) => value.number.hash(state),
        Datum::Part(value) => value.hash(state),
        Datum::Json(token) => match token.scalar() {
            Some(JValue::Float(value)) => hash_fraction(value, state),
            Some(JValue::Decimal(value)) => hash_fraction(super::decimal::to_double(value), state),
            Some(value) => value.to_text().hash(state),
            None => token.address().hash(state),
        },
        Datum::Bytes(value) => value.as_ptr().hash(state),
        Datum::List(value) => Arc::as_ptr(value).hash(state),
        Datum::Dictionary(value) => Arc::as_ptr(value).hash(state),
        Datum::Response(value) => Arc::as_ptr(value).hash(state),
        Datum::Match(value) => Arc::as_ptr(value).hash(state),
        Datum::Regex(value) => value.pattern().hash(state),
        Datum::Record(value) => {
            if let Some(levels) = levels.checked_sub(1) {
                for (_, value) in &value.members {
                    if spend(left, value) {
                        hash(value, levels, left, state);
                    }
                }
            }
        }
        Datum::Object(value) => match value.equality() {
            Some(common) => common.hash(state),
            None => Arc::as_ptr(value).cast::<()>().hash(state),
        },
    }
}

/// 0 is -0, and NaN is NaN.
fn hash_fraction<H: Hasher>(value: f64, state: &mut H) {
    let same = if value == 0.0 { 0.0 } else { value };
    if same.is_nan() { f64::NAN.to_bits().hash(state) } else { same.to_bits().hash(state) }
}

/// `object.Equals(left, right)`: values of one type by what they are, objects by which they are. Anonymous
/// objects nested deeper than [`RECORD_DEPTH_MAX`], or with more than [`RECORD_PARTS_MAX`] members in all, are not equal.
#[must_use]
pub fn equals(left: &Datum, right: &Datum) -> bool {
    equals_within(left, right, RECORD_DEPTH_MAX, &mut RECORD_PARTS_MAX.clone())
}

fn equals_within(left: &Datum, right: &Datum, levels: usize, parts: &mut usize) -> bool {
    use Datum::{
        Bool, Byte, Bytes, Char, Date, DateOffset, Decimal, Dictionary, Double, Enum, Float, Guid, Int, Json,
        List, Long, Match, Null, Object, Part, Record, Regex, Response, SByte, Short, Span, String, UInt,
        ULong, UShort,
    };
    match (left, right) {
        (Null, Null) => true,
        (Bool(left), Bool(right)) => left == right,
        (Char(left), Char(right)) | (UShort(left), UShort(right)) => left == right,
        (SByte(left), SByte(right)) => left == right,
        (Byte(left), Byte(right)) => left == right,
        (Short(left), Short(right)) => left == right,
        (Int(left), Int(right)) => left == right,
        (UInt(left), UInt(right)) => left == right,
        (Long(left), Long(right)) => left == right,
        (ULong(left), ULong(right)) => left == right,
        (Float(left), Float(right)) => left == right || (left.is_nan() && right.is_nan()),
        (Double(left), Double(right)) => left == right || (left.is_nan() && right.is_nan()),
        (Decimal(left), Decimal(right)) => super::decimal::compare(*left, *right).is_eq(),
        (String(left), String(right)) => left == right,
        (Date(left), Date(right)) => left.ticks() == right.ticks(),
        (DateOffset(left), DateOffset(right)) => left == right,
        (Span(left), Span(right)) => left == right,
        (Guid(left), Guid(right)) => left == right,
        (Enum(left), Enum(right)) => left == right,
        (Part(left), Part(right)) => left == right,
        (Json(left), Json(right)) => json_equals(left, right),
        (Record(left), Record(right)) => {
            Arc::ptr_eq(left, right) || records_equal(left, right, levels, parts)
        }
        (Bytes(left), Bytes(right)) => left.as_ptr() == right.as_ptr() && left.len() == right.len(),
        (List(left), List(right)) => Arc::ptr_eq(left, right),
        (Dictionary(left), Dictionary(right)) => Arc::ptr_eq(left, right),
        (Response(left), Response(right)) => Arc::ptr_eq(left, right),
        (Regex(left), Regex(right)) => left.pattern() == right.pattern(),
        (Match(left), Match(right)) => Arc::ptr_eq(left, right),
        (Object(left), Object(right)) => Arc::ptr_eq(left, right) || left.equals(right.as_ref()),
        _ => false,
    }
}

/// `JValue.Equals`: by value; objects and arrays are equal only to themselves.
fn json_equals(left: &super::json::JToken, right: &super::json::JToken) -> bool {
    left.is(right) || (left.scalar().is_some() && left.scalar() == right.scalar())
}

fn records_equal(left: &Record, right: &Record, levels: usize, parts: &mut usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else { return false };
    left.type_name == right.type_name
        && left.members.len() == right.members.len()
        && left
            .members
            .iter()
            .zip(&right.members)
            .all(|(l, r)| l.0 == r.0 && spend(parts, &l.1) && equals_within(&l.1, &r.1, levels, parts))
}

/// Counts a member that is looked at, a long text as several; whether it may be.
fn spend(left: &mut usize, value: &Datum) -> bool {
    let parts = match value {
        Datum::String(text) => 1 + text.len() / BYTES_COMPARED,
        _ => 1,
    };
    let is_left = *left > 0;
    *left = left.saturating_sub(parts);
    is_left
}

/// What stands between the parts of an object that is printed, about.
const BYTES_OF_PART: usize = 16;
/// Bytes of a text that are compared as fast as a member.
const BYTES_COMPARED: usize = 1024;

/// A holder that panicked left the values as they are, each whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What it is and how much is in it: the elements may hold itself.
impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} elements)", self.type_name, self.items().len())
    }
}

impl fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} entries)", self.type_name, self.entries().len())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} members)", self.type_name, self.members.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_equal_as_their_values_are() {
        let dictionary = Dictionary::new("Dictionary<string, int>", true);
        dictionary.entries().insert(dictionary.key(Datum::text("Key")), Datum::Int(1));
        assert!(dictionary.entries().contains_key(&dictionary.key(Datum::text("kEY"))));
        let exact = Dictionary::new("Dictionary<object, int>", false);
        exact.entries().insert(exact.key(Datum::Int(1)), Datum::Int(1));
        assert!(exact.entries().contains_key(&exact.key(Datum::Int(1))));
        assert!(!exact.entries().contains_key(&exact.key(Datum::Long(1))));
    }

    #[test]
    fn objects_are_equal_to_themselves_and_records_to_their_likes() {
        let list = Datum::List(List::of("int[]", vec![Datum::Int(1)]));
        assert!(equals(&list, &list.clone()));
        assert!(!equals(&list, &Datum::List(List::of("int[]", vec![Datum::Int(1)]))));
        let record = |value| Datum::Record(Record::anonymous(vec![("a".into(), Datum::Int(value))]));
        assert!(equals(&record(1), &record(1)) && !equals(&record(1), &record(2)));
        assert_eq!(record(1).to_text("").unwrap(), "{ a = 1 }");
        let hash_of = |value: Datum| {
            use std::hash::BuildHasher;
            std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().hash_one(Key::of(value))
        };
        let decimal =
            |mantissa, scale| Datum::Decimal(larder_proto::envelope::Decimal::new(mantissa, scale).unwrap());
        assert!(equals(&decimal(10, 1), &decimal(100, 2)));
        assert_eq!(hash_of(decimal(10, 1)), hash_of(decimal(100, 2)));
        assert_eq!(hash_of(Datum::Double(0.0)), hash_of(Datum::Double(-0.0)));
        assert_eq!(hash_of(record(1)), hash_of(record(1)));
        assert!(equals(&Datum::Double(f64::NAN), &Datum::Double(f64::NAN)));
    }
}
