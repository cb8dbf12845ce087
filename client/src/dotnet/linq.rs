//! `Enumerable`, where it is more than a loop: sums and averages, least and greatest, sets, order and
//! groups. Elements are there at once, not when they are asked for; lambdas are the caller's part.

use std::borrow::Cow;
use std::cmp::Ordering;

use indexmap::{IndexMap, IndexSet};

use super::collection::{Key, dismantle};
use super::number::{self, Number, Operator};
use super::object::Instance;
use super::order;
use super::text::{self, Comparison};
use super::{Datum, Exception, ExceptionKind};

/// `Sum()` of numbers of one type, given its zero; nulls count nothing.
///
/// # Errors
///
/// `OverflowException` of whole numbers and decimals.
pub fn sum(items: &[Datum], zero: Number) -> Result<Number, Exception> {
    let mut sum = zero;
    for number in items.iter().filter_map(Datum::number) {
        sum = match (sum, number) {
            (Number::Int(sum), Number::Int(number)) => {
                Number::Int(sum.checked_add(number).ok_or_else(too_large)?)
            }
            (Number::Long(sum), other) => {
                Number::Long(sum.checked_add(other.to_long()?).ok_or_else(too_large)?)
            }
            (sum, number) => number::binary(Operator::Add, sum, number)?,
        };
    }
    Ok(sum)
}

/// `Average()`: of decimals a decimal, else a double. Nulls do not count; nothing where no element does.
///
/// # Errors
///
/// `OverflowException` where the sum is too large.
pub fn average(items: &[Datum]) -> Result<Option<Number>, Exception> {
    let numbers: Vec<Number> = items.iter().filter_map(Datum::number).collect();
    let Some(first) = numbers.first() else { return Ok(None) };
    let zero = match first {
        Number::Int(_) | Number::Long(_) => Number::Long(0),
        Number::Double(_) => Number::Double(0.0),
        Number::Decimal(_) => Number::Decimal(super::decimal::from_long(0)),
    };
    let sum = sum(items, zero)?;
    let count = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
    let sum = if let Number::Long(sum) = sum { Number::Double(sum as f64) } else { sum };
    number::binary(Operator::Divide, sum, Number::Long(count)).map(Some)
}

/// `Max()` if `greatest`, else `Min()`, by the default order. Nulls do not count; null where no element
/// does.
///
/// # Errors
///
/// `InvalidOperationException` for values that have no order.
pub fn extreme(items: &[Datum], greatest: bool) -> Result<Datum, Exception> {
    let wanted = if greatest { Ordering::Greater } else { Ordering::Less };
    let mut best = Datum::Null;
    for item in items.iter().filter(|item| !item.is_null()) {
        if best.is_null() || order::compare(item, &best)? == wanted {
            best = item.clone();
        }
    }
    Ok(best)
}

/// `Distinct()`: the first of equal elements.
#[must_use]
pub fn distinct(items: Vec<Datum>) -> Vec<Datum> {
    set(items).into_iter().map(|key| key.value).collect()
}

/// `first.Except(second)`
#[must_use]
pub fn except(first: Vec<Datum>, second: Vec<Datum>) -> Vec<Datum> {
    let out = set(second);
    set(first).into_iter().filter(|key| !out.contains(key)).map(|key| key.value).collect()
}

/// `first.Intersect(second)`
#[must_use]
pub fn intersect(first: Vec<Datum>, second: Vec<Datum>) -> Vec<Datum> {
    let both = set(second);
    set(first).into_iter().filter(|key| both.contains(key)).map(|key| key.value).collect()
}

fn set(items: Vec<Datum>) -> IndexSet<Key> {
    items.into_iter().map(Key::of).collect()
}

/// Elements with the keys by which they are in order: what `OrderBy` gives and `ThenBy` takes.
#[derive(Debug)]
pub struct Ordered {
    element: String,
    /// Each element behind its keys, the most important one first.
    rows: Vec<(Vec<Datum>, Datum)>,
    directions: Vec<Direction>,
}

/// How a key counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direction {
    /// Whether the greatest goes first.
    pub descending: bool,
    /// How keys that are texts are compared, if it is said.
    pub comparison: Option<Comparison>,
}

impl Ordered {
    /// `OrderBy`: elements with a key each; `element` is the name of their type in C#. Elements with equal
    /// keys keep their order.
    ///
    /// # Errors
    ///
    /// `InvalidOperationException` for keys that have no order.
    pub fn by(
        element: String,
        items: Vec<Datum>,
        keys: Vec<Datum>,
        direction: Direction,
    ) -> Result<Self, Exception> {
        let rows = items.into_iter().zip(keys).map(|(item, key)| (vec![key], item)).collect();
        Self { element, rows, directions: vec![direction] }.sorted()
    }

    /// `ThenBy`: a further key for each element.
    ///
    /// # Errors
    ///
    /// As [`by`](Self::by).
    pub fn then_by(&self, keys: Vec<Datum>, direction: Direction) -> Result<Self, Exception> {
        let mut rows = self.rows.clone();
        for (row, key) in rows.iter_mut().zip(keys) {
            row.0.push(key);
        }
        let directions = self.directions.iter().copied().chain([direction]).collect();
        Self { element: self.element.clone(), rows, directions }.sorted()
    }

    fn sorted(mut self) -> Result<Self, Exception> {
        let mut failed = None;
        let directions = &self.directions;
        self.rows.sort_by(|left, right| {
            let keys = left.0.iter().zip(&right.0).zip(directions);
            for ((left, right), direction) in keys {
                match direction.compare(left, right) {
                    Ok(Ordering::Equal) => {}
                    Ok(ordering) => return if direction.descending { ordering.reverse() } else { ordering },
                    Err(error) => failed = Some(error),
                }
            }
            Ordering::Equal
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }
}

impl Direction {
    fn compare(&self, left: &Datum, right: &Datum) -> Result<Ordering, Exception> {
        match (self.comparison, left, right) {
            (Some(comparison), Datum::String(left), Datum::String(right)) => {
                Ok(text::compare(Some(left), Some(right), comparison))
            }
            _ => order::compare(left, right),
        }
    }
}

impl Drop for Ordered {
    fn drop(&mut self) {
        dismantle(self.take_items());
    }
}

impl Instance for Ordered {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Owned(format!("IOrderedEnumerable<{}>", self.element))
    }

    fn items(&self) -> Option<Vec<Datum>> {
        Some(self.rows.iter().map(|(_, item)| item.clone()).collect())
    }

    fn take_items(&mut self) -> Vec<Datum> {
        let rows = std::mem::take(&mut self.rows).into_iter();
        rows.flat_map(|(keys, item)| keys.into_iter().chain([item])).collect()
    }
}

/// `IGrouping<K, T>`: elements that have a key in common.
#[derive(Debug)]
pub struct Grouping {
    types: String,
    key: Datum,
    items: Vec<Datum>,
}

impl Grouping {
    /// `GroupBy`: the elements under their keys, in the order in which keys occur; `types` names the types
    /// of key and element in C#, as `string, int`.
    #[must_use]
    pub fn by(types: &str, items: Vec<Datum>, keys: Vec<Datum>) -> Vec<Self> {
        let mut groups: IndexMap<Key, Vec<Datum>> = IndexMap::new();
        for (item, key) in items.into_iter().zip(keys) {
            groups.entry(Key::of(key)).or_default().push(item);
        }
        let group = |(key, items): (Key, _)| Self { types: types.to_owned(), key: key.value, items };
        groups.into_iter().map(group).collect()
    }

    /// `Key`
    #[must_use]
    pub fn key(&self) -> &Datum {
        &self.key
    }
}

impl Drop for Grouping {
    fn drop(&mut self) {
        dismantle(self.take_items());
    }
}

impl Instance for Grouping {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Owned(format!("IGrouping<{}>", self.types))
    }

    fn items(&self) -> Option<Vec<Datum>> {
        Some(self.items.clone())
    }

    fn take_items(&mut self) -> Vec<Datum> {
        let key = std::mem::replace(&mut self.key, Datum::Null);
        std::mem::take(&mut self.items).into_iter().chain([key]).collect()
    }
}

/// What `First()` and the like throw where there is no element.
#[must_use]
pub fn none() -> Exception {
    Exception::new(ExceptionKind::InvalidOperation, "the sequence has no such element")
}

/// What `Single()` throws where there are several elements.
#[must_use]
pub fn several() -> Exception {
    Exception::new(ExceptionKind::InvalidOperation, "the sequence has more than one such element")
}

fn too_large() -> Exception {
    Exception::overflow("the sum does not fit the type of the numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotnet::text::Formattable;

    fn ints(numbers: &[i32]) -> Vec<Datum> {
        numbers.iter().map(|number| Datum::Int(*number)).collect()
    }

    fn shown(items: &[Datum]) -> String {
        items.iter().map(|item| item.to_text("").unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sums_are_checked() {
        assert_eq!(sum(&ints(&[1, 2]), Number::Int(0)).unwrap(), Number::Int(3));
        let error = sum(&ints(&[i32::MAX, 1]), Number::Int(0)).unwrap_err();
        assert_eq!(error.kind, ExceptionKind::Overflow);
        assert_eq!(average(&ints(&[1, 2])).unwrap(), Some(Number::Double(1.5)));
        assert_eq!(average(&[Datum::Null]).unwrap(), None);
        let halves = [Datum::Double(0.5), Datum::Null, Datum::Double(1.5)];
        assert_eq!(sum(&halves, Number::Double(0.0)).unwrap(), Number::Double(2.0));
    }

    #[test]
    fn least_and_greatest() {
        assert_eq!(shown(&[extreme(&ints(&[2, 3, 1]), true).unwrap()]), "3");
        assert_eq!(shown(&[extreme(&[Datum::text("b"), Datum::text("A")], false).unwrap()]), "A");
        assert!(extreme(&[], true).unwrap().is_null());
    }

    #[test]
    fn sets_keep_the_order() {
        assert_eq!(shown(&distinct(ints(&[3, 1, 3, 2, 1]))), "3 1 2");
        assert_eq!(shown(&except(ints(&[3, 1, 3, 2]), ints(&[1]))), "3 2");
        assert_eq!(shown(&intersect(ints(&[3, 1, 3, 2]), ints(&[2, 3]))), "3 2");
    }

    #[test]
    fn order_is_stable_and_by_several_keys() {
        let words = ["bb", "a", "cc", "aa"].map(Datum::text).to_vec();
        let lengths = ints(&[2, 1, 2, 2]);
        let ordered = Ordered::by(
            "string".to_owned(),
            words,
            lengths,
            Direction { descending: true, comparison: None },
        )
        .unwrap();
        assert_eq!(shown(&ordered.items().unwrap()), "bb cc aa a");
        let keys = ordered.items().unwrap();
        let ordered = ordered.then_by(keys, Direction::default()).unwrap();
        assert_eq!(shown(&ordered.items().unwrap()), "aa bb cc a");
        assert_eq!(ordered.type_name(), "IOrderedEnumerable<string>");
        let mixed = vec![Datum::Int(1), Datum::text("a")];
        assert!(Ordered::by("object".to_owned(), mixed.clone(), mixed, Direction::default()).is_err());
    }

    #[test]
    fn groups_are_in_the_order_of_their_keys() {
        let groups = Grouping::by("int, int", ints(&[3, 4, 5]), ints(&[1, 0, 1]));
        let shown: Vec<String> =
            groups.iter().map(|group| format!("{:?}:{}", group.key(), shown(&group.items))).collect();
        assert_eq!(shown, ["Int(1):3 5", "Int(0):4"]);
    }
}
