//! A value as a whole, told as effects that replace whatever is there. Who is told is left to the caller.

use larder_proto::effect::{Effect, Side};
use larder_proto::time::Deadline;

use super::value::Value;
use super::view::{Item, ValueRef};

/// Tells an item.
pub(super) fn tell_item(item: &Item<'_>, tell: impl FnMut(&Effect<'_>)) {
    let (key, deadline) = (item.key(), item.deadline());
    match item.value {
        ValueRef::String { bytes, edited } => tell_string(key, (bytes, edited), deadline, tell),
        ValueRef::Collection(value) => tell_value(key, value, deadline, tell),
    }
}

/// Tells a value that appears under a key.
pub(super) fn tell_value(key: &[u8], value: &Value, deadline: Deadline, mut tell: impl FnMut(&Effect<'_>)) {
    match value {
        Value::String(text) => return tell_string(key, (&text.bytes, text.edited), deadline, tell),
        Value::Hash(hash) => {
            for (number, (field, value)) in hash.iter().enumerate() {
                tell(&Effect::HashSet { key, field, value, created: number == 0 });
            }
        }
        Value::Set(set) => {
            for (number, member) in set.iter().enumerate() {
                tell(&Effect::SetAdd { key, member: &member, created: number == 0 });
            }
        }
        Value::SortedSet(set) => {
            for (number, entry) in set.iter().enumerate() {
                let (member, score) = (entry.member, entry.score);
                tell(&Effect::SortedSetAdd { key, member, score, created: number == 0 });
            }
        }
        Value::List(list) => {
            for (number, value) in list.iter_from(0).enumerate() {
                tell(&Effect::ListPush { key, side: Side::Right, value, created: number == 0 });
            }
        }
    }
    // Effects on collections carry no deadline.
    if deadline != Deadline::NEVER {
        tell(&Effect::Deadline { key, deadline });
    }
}

/// Tells a string; of one that was edited, that it was, which OBJECT ENCODING shows.
pub(super) fn tell_string(
    key: &[u8],
    (value, edited): (&[u8], bool),
    deadline: Deadline,
    mut tell: impl FnMut(&Effect<'_>),
) {
    tell(&Effect::Set { key, value, deadline });
    if edited {
        tell(&Effect::Patch { key, offset: value.len() as u64, bytes: &[] });
    }
}
