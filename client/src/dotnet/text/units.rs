//! Places in a text, counted in UTF-16 code units.

use crate::dotnet::{Exception, ExceptionKind};

/// A place in UTF-8 that stands for one in UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The byte, at a boundary of characters.
    pub(super) byte: usize,
    /// Whether the place lies in the middle of the character that begins there.
    pub(super) half: bool,
}

/// `text.Length`
#[must_use]
pub fn length(text: &str) -> i32 {
    let units = if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() };
    i32::try_from(units).unwrap_or(i32::MAX)
}

/// `text[index]`
///
/// # Errors
///
/// `IndexOutOfRangeException`
pub fn unit_at(text: &str, index: i32) -> Result<u16, Exception> {
    let out = || Exception::new(ExceptionKind::IndexOutOfRange, "the index is outside of the text");
    let index = usize::try_from(index).map_err(|_| out())?;
    let unit = match text.is_ascii() {
        true => text.as_bytes().get(index).map(|byte| u16::from(*byte)),
        false => text.encode_utf16().nth(index),
    };
    unit.ok_or_else(out)
}

/// The character of a code unit; U+FFFD for half of a pair.
#[must_use]
pub fn to_char(unit: u16) -> char {
    char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// `text.Substring(start)` and `text.Substring(start, count)`.
///
/// # Errors
///
/// `ArgumentOutOfRangeException` where the part is not within the text.
pub fn substring(text: &str, start: i32, count: Option<i32>) -> Result<String, Exception> {
    let first = place(text, start)?;
    let last = match count {
        None => Place { byte: text.len(), half: false },
        Some(count) if count < 0 => return Err(outside()),
        Some(count) => place(text, start.checked_add(count).ok_or_else(outside)?)?,
    };
    Ok(between(text, first, last))
}

/// Where the unit of this number begins; the end of the text counts.
pub(super) fn place(text: &str, index: i32) -> Result<Place, Exception> {
    let index = usize::try_from(index).map_err(|_| outside())?;
    if text.is_ascii() {
        return if index <= text.len() { Ok(Place { byte: index, half: false }) } else { Err(outside()) };
    }
    let mut units = 0;
    for (byte, character) in text.char_indices() {
        if units == index {
            return Ok(Place { byte, half: false });
        }
        units += character.len_utf16();
        if units == index + 1 && character.len_utf16() == 2 {
            return Ok(Place { byte, half: true });
        }
    }
    if units == index { Ok(Place { byte: text.len(), half: false }) } else { Err(outside()) }
}

/// The text between two places, of which the first is not behind the last.
pub(super) fn between(text: &str, first: Place, last: Place) -> String {
    let mut out = String::new();
    if first == last {
        return out;
    }
    let mut start = first.byte;
    if first.half {
        out.push(char::REPLACEMENT_CHARACTER);
        start += text[start..].chars().next().map_or(0, char::len_utf8);
    }
    out.push_str(text.get(start..last.byte).unwrap_or(""));
    if last.half {
        out.push(char::REPLACEMENT_CHARACTER);
    }
    out
}

/// The number of the unit that begins at a byte.
pub(super) fn index_of_byte(text: &str, byte: usize) -> i32 {
    length(text.get(..byte).unwrap_or(text))
}

pub(super) fn outside() -> Exception {
    Exception::range("the place or the number of characters is outside of the text")
}
