//! What all types of values that hold many elements have in common.

use super::kinds::Value;

/// A value of many elements. The store keeps none that is empty.
pub trait Collection: Default {
    /// The collection in a value of this type.
    fn of(value: &Value) -> Option<&Self>;

    /// The collection in a value of this type, to be changed.
    fn of_mut(value: &mut Value) -> Option<&mut Self>;

    /// The collection as a value.
    fn into_value(self: Box<Self>) -> Value;

    /// Whether there is no element.
    fn is_empty(&self) -> bool;
}
