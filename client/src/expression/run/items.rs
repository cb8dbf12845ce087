//! The elements of whatever can be walked through.

use std::sync::Arc;

use super::machine::Machine;
use crate::dotnet::collection::Record;
use crate::dotnet::json::JTokenKind;
use crate::dotnet::{Datum, Exception, ExceptionKind};
use crate::expression::members;

impl Machine<'_> {
    /// The elements, as they are now: a collection that is changed meanwhile is walked through as it was. Their memory
    /// is counted: an element takes many times the byte or character that it is made of, so before they are made.
    pub(in crate::expression) fn items(&mut self, collection: &Datum) -> Result<Vec<Datum>, Exception> {
        let known = match collection {
            Datum::List(list) => list.items().len(),
            Datum::Bytes(bytes) => bytes.len(),
            Datum::String(text) => text.encode_utf16().count(),
            Datum::Dictionary(dictionary) => dictionary.entries().len(),
            Datum::Json(token) => token.count(),
            _ => 0,
        };
        self.charge(known.saturating_mul(size_of::<Datum>()))?;
        let items = self.elements(collection)?;
        // Of the others nothing is known before; they hold as many elements as were paid for when they were made.
        let rest = items.len().saturating_sub(known);
        self.charge(rest.saturating_mul(size_of::<Datum>()))?;
        Ok(items)
    }

    fn elements(&mut self, collection: &Datum) -> Result<Vec<Datum>, Exception> {
        Ok(match collection {
            Datum::List(list) => list.items().clone(),
            Datum::Bytes(bytes) => bytes.iter().map(|byte| Datum::Byte(*byte)).collect(),
            Datum::String(text) => text.encode_utf16().map(Datum::Char).collect(),
            Datum::Dictionary(dictionary) => {
                let entries = dictionary.entries();
                entries.iter().map(|(key, value)| pair(key.value.clone(), value.clone())).collect()
            }
            Datum::Json(token) if token.kind() == JTokenKind::Object => members::properties(token),
            Datum::Json(token) => token.children().into_iter().map(Datum::Json).collect(),
            Datum::Part(part) => members::entries(*part, self.context),
            Datum::Object(object) => object.items().ok_or_else(none)?,
            Datum::Null => {
                return Err(Exception::new(ExceptionKind::NullReference, "null has no elements"));
            }
            _ => return Err(none()),
        })
    }
}

/// `KeyValuePair<K, V>`
pub(in crate::expression) fn pair(key: Datum, value: Datum) -> Datum {
    let name: Arc<str> = "KeyValuePair".into();
    Datum::Record(Record::of(name, vec![("Key".into(), key), ("Value".into(), value)]))
}

fn none() -> Exception {
    Exception::new(ExceptionKind::InvalidCast, "the value has no elements")
}
