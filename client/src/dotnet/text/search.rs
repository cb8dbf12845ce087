//! Finding a text within a text. Search is by code units, without regard to case if asked; cultures
//! make no difference here.

use super::Comparison;
use super::compare::folded;
use super::units::{index_of_byte, length, outside, place};
use crate::dotnet::Exception;

/// `text.Contains(value, comparison)`
#[must_use]
pub fn contains(text: &str, value: &str, comparison: Comparison) -> bool {
    match comparison.ignores_case() {
        true => folded(text).contains(&folded(value)),
        false => text.contains(value),
    }
}

/// `text.StartsWith(value, comparison)`
#[must_use]
pub fn starts_with(text: &str, value: &str, comparison: Comparison) -> bool {
    match comparison.ignores_case() {
        true => folded(text).starts_with(&folded(value)),
        false => text.starts_with(value),
    }
}

/// `text.EndsWith(value, comparison)`
#[must_use]
pub fn ends_with(text: &str, value: &str, comparison: Comparison) -> bool {
    match comparison.ignores_case() {
        true => folded(text).ends_with(&folded(value)),
        false => text.ends_with(value),
    }
}

/// `text.IndexOf(value, start, comparison)`: -1 where there is none.
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for a start outside of the text.
pub fn index_of(text: &str, value: &str, start: i32, comparison: Comparison) -> Result<i32, Exception> {
    let place = place(text, start)?;
    if value.is_empty() {
        return Ok(start);
    }
    // From the middle of a pair on, the first whole character is the one behind it.
    let from = if place.half { next_boundary(text, place.byte) } else { place.byte };
    let (head, rest) = text.split_at(from);
    let found = match comparison.ignores_case() {
        true => {
            let rest = folded(rest);
            rest.find(&folded(value)).map(|byte| index_of_byte(&rest, byte))
        }
        false => rest.find(value).map(|byte| index_of_byte(rest, byte)),
    };
    Ok(found.map_or(-1, |index| length(head).saturating_add(index)))
}

/// `text.IndexOfAny(characters, start)`: -1 where there is none.
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for a start outside of the text.
pub fn index_of_any(text: &str, characters: &[char], start: i32) -> Result<i32, Exception> {
    let place = place(text, start)?;
    let from = if place.half { next_boundary(text, place.byte) } else { place.byte };
    let found = text[from..].find(characters);
    Ok(found.map_or(-1, |byte| index_of_byte(text, from + byte)))
}

/// `text.LastIndexOf(value, comparison)`: -1 where there is none, the length for an empty value.
#[must_use]
pub fn last_index_of(text: &str, value: &str, comparison: Comparison) -> i32 {
    let found = match comparison.ignores_case() {
        true => {
            let text = folded(text);
            text.rfind(&folded(value)).map(|byte| index_of_byte(&text, byte))
        }
        false => text.rfind(value).map(|byte| index_of_byte(text, byte)),
    };
    found.unwrap_or(-1)
}

/// The character boundary behind the one given, which is not the end.
fn next_boundary(text: &str, byte: usize) -> usize {
    byte + text[byte..].chars().next().map_or(0, char::len_utf8)
}

/// Refuses a start and a count that do not lie within the text; gives the places of both ends.
pub(super) fn span(
    text: &str,
    start: i32,
    count: i32,
) -> Result<(super::units::Place, super::units::Place), Exception> {
    if count < 0 {
        return Err(outside());
    }
    Ok((place(text, start)?, place(text, start.checked_add(count).ok_or_else(outside)?)?))
}
