//! `JContainer.Merge`: one tree put into another.

use super::{JToken, JTokenKind};
use crate::dotnet::{Exception, ExceptionKind};

/// `target.Merge(content)`: properties of objects are merged, elements of arrays appended; any other value
/// takes the place of the old one, null does not.
///
/// # Errors
///
/// `ArgumentException` where one is an object and the other an array; `InvalidOperationException` where
/// the tree gets too deep.
pub fn merge(target: &JToken, content: &JToken) -> Result<(), Exception> {
    match (target.kind(), content.kind()) {
        (JTokenKind::Object, JTokenKind::Object) => {
            for (name, value) in content.properties() {
                match target.get(&name)? {
                    Some(old) if old.kind() == value.kind() && old.scalar().is_none() => merge(&old, &value)?,
                    Some(_) if value.kind() == JTokenKind::Null => {}
                    _ => target.set(&name, &value)?,
                }
            }
            Ok(())
        }
        (JTokenKind::Array, JTokenKind::Array) => {
            content.children().iter().try_for_each(|item| target.push(item))
        }
        _ => Err(Exception::new(ExceptionKind::Argument, "only objects merge, and only arrays")),
    }
}
