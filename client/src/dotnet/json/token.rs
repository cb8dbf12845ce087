//! A token of a JSON tree: what it holds, its place in the tree, and every change to it. Text is
//! read and written next door.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use indexmap::IndexMap;
use larder_proto::envelope::Decimal;

use crate::dotnet::limits::JSON_DEPTH_MAX;
use crate::dotnet::{Exception, ExceptionKind};

/// A handle of a token: an object, an array or a value. Clones are the same token.
#[derive(Debug, Clone)]
pub struct JToken(Arc<Node>);

#[derive(Debug)]
struct Node {
    /// Written when the token is put into a container, or taken out.
    parent: Mutex<Weak<Node>>,
    /// Written by every change of the token itself.
    content: Mutex<Content>,
}

#[derive(Debug)]
pub(super) enum Content {
    Object(IndexMap<Arc<str>, JToken>),
    Array(Vec<JToken>),
    Value(JValue),
}

/// What a token that has no children holds.
#[derive(Debug, Clone, PartialEq)]
pub enum JValue {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number that was written with a point or an exponent.
    Float(f64),
    /// A number that an expression put in as `decimal`.
    Decimal(Decimal),
    /// Text.
    String(Arc<str>),
}

/// What Newtonsoft calls `JTokenType`, as far as it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JTokenKind {
    /// An object.
    Object,
    /// An array.
    Array,
    /// A whole number.
    Integer,
    /// Another number.
    Float,
    /// Text.
    String,
    /// `true` or `false`
    Boolean,
    /// `null`
    Null,
}

impl JTokenKind {
    /// The name in `JTokenType`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Object => "Object",
            Self::Array => "Array",
            Self::Integer => "Integer",
            Self::Float => "Float",
            Self::String => "String",
            Self::Boolean => "Boolean",
            Self::Null => "Null",
        }
    }
}

impl JToken {
    /// `new JObject()`
    #[must_use]
    pub fn object() -> Self {
        Self::of(Content::Object(IndexMap::new()))
    }

    /// `new JArray()`
    #[must_use]
    pub fn array() -> Self {
        Self::of(Content::Array(Vec::new()))
    }

    /// `new JValue(value)`
    #[must_use]
    pub fn value(value: JValue) -> Self {
        Self::of(Content::Value(value))
    }

    /// `new JValue(text)`
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::value(JValue::String(text.into()))
    }

    /// `JValue.CreateNull()`
    #[must_use]
    pub fn null() -> Self {
        Self::value(JValue::Null)
    }

    fn of(content: Content) -> Self {
        Self(Arc::new(Node { parent: Mutex::new(Weak::new()), content: Mutex::new(content) }))
    }

    /// `Type`
    #[must_use]
    pub fn kind(&self) -> JTokenKind {
        match &*self.content() {
            Content::Object(_) => JTokenKind::Object,
            Content::Array(_) => JTokenKind::Array,
            Content::Value(JValue::Null) => JTokenKind::Null,
            Content::Value(JValue::Bool(_)) => JTokenKind::Boolean,
            Content::Value(JValue::Integer(_)) => JTokenKind::Integer,
            Content::Value(JValue::Float(_) | JValue::Decimal(_)) => JTokenKind::Float,
            Content::Value(JValue::String(_)) => JTokenKind::String,
        }
    }

    /// `((JValue)token).Value`; nothing for objects and arrays.
    #[must_use]
    pub fn scalar(&self) -> Option<JValue> {
        match &*self.content() {
            Content::Value(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// Whether both are one token: what `==` asks in C#.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Where the token lies: the same for its handles, another for other tokens.
    pub(in crate::dotnet) fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// How many tokens the tree has, this one counted.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size_within(JSON_DEPTH_MAX + 1)
    }

    fn size_within(&self, left: usize) -> usize {
        match left {
            0 => 1,
            _ => 1 + self.children().iter().map(|child| child.size_within(left - 1)).sum::<usize>(),
        }
    }

    /// `Count`: the properties or elements; 0 for values.
    #[must_use]
    pub fn count(&self) -> usize {
        match &*self.content() {
            Content::Object(members) => members.len(),
            Content::Array(items) => items.len(),
            Content::Value(_) => 0,
        }
    }

    /// `token["name"]`: nothing where the object has no such property.
    ///
    /// # Errors
    ///
    /// `ArgumentException` for arrays, `InvalidOperationException` for values.
    pub fn get(&self, name: &str) -> Result<Option<JToken>, Exception> {
        match &*self.content() {
            Content::Object(members) => Ok(members.get(name).cloned()),
            Content::Array(_) => Err(array_by_name()),
            Content::Value(_) => Err(child_of_value()),
        }
    }

    /// `token[index]`.
    ///
    /// # Errors
    ///
    /// `ArgumentOutOfRangeException` beyond an array's end, `ArgumentException` for objects,
    /// `InvalidOperationException` for values.
    pub fn at(&self, index: i32) -> Result<JToken, Exception> {
        match &*self.content() {
            Content::Array(items) => {
                let item = usize::try_from(index).ok().and_then(|index| items.get(index));
                item.cloned().ok_or_else(beyond_array)
            }
            Content::Object(_) => Err(object_by_index()),
            Content::Value(_) => Err(child_of_value()),
        }
    }

    /// Names and values of an object's properties, in their order; nothing for others.
    #[must_use]
    pub fn properties(&self) -> Vec<(Arc<str>, JToken)> {
        match &*self.content() {
            Content::Object(members) => members.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            _ => Vec::new(),
        }
    }

    /// `Children()`: the values of an object's properties, or an array's elements.
    #[must_use]
    pub fn children(&self) -> Vec<JToken> {
        match &*self.content() {
            Content::Object(members) => members.values().cloned().collect(),
            Content::Array(items) => items.clone(),
            Content::Value(_) => Vec::new(),
        }
    }

    /// `token["name"] = value`: in place of the property, or as the last one.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and `InvalidOperationException` where the tree gets too deep.
    pub fn set(&self, name: &str, value: &JToken) -> Result<(), Exception> {
        let value = self.adopt(value)?;
        let old = match &mut *self.content() {
            Content::Object(members) => members.insert(name.into(), value.clone()),
            Content::Array(_) => return Err(array_by_name()),
            Content::Value(_) => return Err(child_of_value()),
        };
        value.set_parent(self);
        release(old);
        Ok(())
    }

    /// `token[index] = value`.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at), and `InvalidOperationException` where the tree gets too deep.
    pub fn set_at(&self, index: i32, value: &JToken) -> Result<(), Exception> {
        let value = self.adopt(value)?;
        let old = match &mut *self.content() {
            Content::Array(items) => {
                let place = usize::try_from(index).ok().and_then(|index| items.get_mut(index));
                std::mem::replace(place.ok_or_else(beyond_array)?, value.clone())
            }
            Content::Object(_) => return Err(object_by_index()),
            Content::Value(_) => return Err(child_of_value()),
        };
        value.set_parent(self);
        release(Some(old));
        Ok(())
    }

    /// `JObject.Add(name, value)`.
    ///
    /// # Errors
    ///
    /// `ArgumentException` where the property is there, and those of [`set`](Self::set).
    pub fn add(&self, name: &str, value: &JToken) -> Result<(), Exception> {
        match self.get(name)? {
            Some(_) => Err(Exception::argument("the object has a property of this name already")),
            None => self.set(name, value),
        }
    }

    /// `JArray.Insert(index, value)`.
    ///
    /// # Errors
    ///
    /// `ArgumentOutOfRangeException` beyond the end, `InvalidOperationException` where this is no array
    /// or the tree gets too deep.
    pub fn insert(&self, index: i32, value: &JToken) -> Result<(), Exception> {
        let value = self.adopt(value)?;
        match &mut *self.content() {
            Content::Array(items) => {
                let at = usize::try_from(index).ok().filter(|at| *at <= items.len());
                items.insert(at.ok_or_else(beyond_array)?, value.clone());
            }
            _ => return Err(Exception::new(ExceptionKind::InvalidOperation, "only an array takes elements")),
        }
        value.set_parent(self);
        Ok(())
    }

    /// `JArray.Add(value)`.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub fn push(&self, value: &JToken) -> Result<(), Exception> {
        self.insert(i32::try_from(self.count()).unwrap_or(i32::MAX), value)
    }

    /// `JObject.Remove(name)`: whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let old = match &mut *self.content() {
            Content::Object(members) => members.shift_remove(name),
            _ => None,
        };
        release(old)
    }

    /// `JArray.RemoveAt(index)`.
    ///
    /// # Errors
    ///
    /// As [`at`](Self::at).
    pub fn remove_at(&self, index: i32) -> Result<(), Exception> {
        self.at(index)?;
        let old = match &mut *self.content() {
            Content::Array(items) => {
                usize::try_from(index).ok().filter(|at| *at < items.len()).map(|at| items.remove(at))
            }
            _ => None,
        };
        release(old);
        Ok(())
    }

    /// `Parent`, without the property in between that Newtonsoft has.
    #[must_use]
    pub fn parent(&self) -> Option<JToken> {
        lock(&self.0.parent).upgrade().map(JToken)
    }

    /// `DeepClone()`: a tree of its own.
    #[must_use]
    pub fn deep_clone(&self) -> JToken {
        self.clone_within(JSON_DEPTH_MAX)
    }

    /// `JToken.DeepEquals`: the order of properties does not count; 1 and 1.0 differ.
    #[must_use]
    pub fn deep_equals(&self, other: &JToken) -> bool {
        // One more than the levels of containers, for the values in the lowest.
        self.is(other) || self.equals_within(other, JSON_DEPTH_MAX + 1)
    }

    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        lock(&self.0.content)
    }

    pub(super) fn from_members(members: IndexMap<Arc<str>, JToken>) -> Self {
        let children: Vec<JToken> = members.values().cloned().collect();
        Self::of(Content::Object(members)).holding(&children)
    }

    pub(super) fn from_items(items: Vec<JToken>) -> Self {
        let children = items.clone();
        Self::of(Content::Array(items)).holding(&children)
    }

    fn holding(self, children: &[JToken]) -> Self {
        for child in children {
            child.set_parent(&self);
        }
        self
    }

    fn set_parent(&self, parent: &JToken) {
        *lock(&self.0.parent) = Arc::downgrade(&parent.0);
    }

    /// The token to put in: a copy where it has a place already or is above this one.
    fn adopt(&self, value: &JToken) -> Result<JToken, Exception> {
        let above = self.ancestors();
        if above.len() + value.height(JSON_DEPTH_MAX) > JSON_DEPTH_MAX {
            return Err(Exception::new(
                ExceptionKind::InvalidOperation,
                "the tree would have more than 64 levels",
            ));
        }
        let taken = value.parent().is_some() || above.iter().any(|token| token.is(value));
        Ok(if taken { value.deep_clone() } else { value.clone() })
    }

    /// How many tokens are made when this value is put in here: a tree that has a place already is copied.
    #[must_use]
    pub fn copied(&self, value: &JToken) -> usize {
        let taken = value.parent().is_some() || self.ancestors().iter().any(|token| token.is(value));
        if taken { value.size() } else { 0 }
    }

    /// This token and those above it, up to one more than the levels that are allowed.
    fn ancestors(&self) -> Vec<JToken> {
        std::iter::successors(Some(self.clone()), JToken::parent).take(JSON_DEPTH_MAX + 1).collect()
    }

    /// Levels of objects and arrays, counted up to one more than those left.
    fn height(&self, left: usize) -> usize {
        if self.scalar().is_some() {
            return 0;
        }
        match left {
            0 => 1,
            _ => 1 + self.children().iter().map(|child| child.height(left - 1)).max().unwrap_or(0),
        }
    }

    fn clone_within(&self, left: usize) -> JToken {
        if let Some(value) = self.scalar() {
            return Self::value(value);
        }
        if left == 0 {
            return Self::null();
        }
        match self.kind() {
            JTokenKind::Array => {
                Self::from_items(self.children().iter().map(|child| child.clone_within(left - 1)).collect())
            }
            _ => {
                let copy = |(name, child): (_, JToken)| (name, child.clone_within(left - 1));
                Self::from_members(self.properties().into_iter().map(copy).collect())
            }
        }
    }

    fn equals_within(&self, other: &JToken, left: usize) -> bool {
        if left == 0 || self.kind() != other.kind() || self.count() != other.count() {
            return false;
        }
        match self.kind() {
            JTokenKind::Object => self.properties().iter().all(|(name, mine)| {
                let theirs = other.get(name).ok().flatten();
                theirs.is_some_and(|theirs| mine.equals_within(&theirs, left - 1))
            }),
            JTokenKind::Array => self
                .children()
                .iter()
                .zip(other.children())
                .all(|(mine, theirs)| mine.equals_within(&theirs, left - 1)),
            _ => self.scalar() == other.scalar(),
        }
    }
}

/// Equal as [`JToken::deep_equals`] says.
impl PartialEq for JToken {
    fn eq(&self, other: &Self) -> bool {
        self.deep_equals(other)
    }
}

/// Drops a child that lost its place; outside of the lock of what it was in.
fn release(child: Option<JToken>) -> bool {
    child.is_some_and(|child| {
        *lock(&child.0.parent) = Weak::new();
        true
    })
}

/// Nothing is left half done under these locks, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn array_by_name() -> Exception {
    Exception::argument("an array's elements have numbers, not names")
}

fn object_by_index() -> Exception {
    Exception::argument("an object's properties have names, not numbers")
}

fn child_of_value() -> Exception {
    Exception::new(ExceptionKind::InvalidOperation, "a JSON value has no children to access")
}

fn beyond_array() -> Exception {
    Exception::range("the index is negative or beyond the end of the array")
}
