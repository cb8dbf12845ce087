//! Making a text from a text: trimmed, padded, replaced, in another case, joined.

use super::Comparison;
use super::compare::{folded, lower};
use super::search::span;
use super::units::{Place, between, length, place};
use crate::dotnet::Exception;
use crate::dotnet::limits::TEXT_BYTES_MAX;

/// `text.Trim(characters)`; blanks where none are given.
#[must_use]
pub fn trim<'a>(text: &'a str, characters: &[char]) -> &'a str {
    trim_start(trim_end(text, characters), characters)
}

/// `text.TrimStart(characters)`
#[must_use]
pub fn trim_start<'a>(text: &'a str, characters: &[char]) -> &'a str {
    if characters.is_empty() { text.trim_start() } else { text.trim_start_matches(characters) }
}

/// `text.TrimEnd(characters)`
#[must_use]
pub fn trim_end<'a>(text: &'a str, characters: &[char]) -> &'a str {
    if characters.is_empty() { text.trim_end() } else { text.trim_end_matches(characters) }
}

/// `text.ToUpperInvariant()`: character by character, ß stays ß.
#[must_use]
pub fn to_upper(text: &str) -> String {
    folded(text)
}

/// `text.ToLowerInvariant()`: character by character.
#[must_use]
pub fn to_lower(text: &str) -> String {
    text.chars().map(lower).collect()
}

/// `text.PadLeft(width, filler)`
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for a width below 0, `OutOfMemoryException` for one beyond
/// [`TEXT_BYTES_MAX`].
pub fn pad_left(text: &str, width: i32, filler: char) -> Result<String, Exception> {
    Ok(padding(text, width, filler)? + text)
}

/// `text.PadRight(width, filler)`
///
/// # Errors
///
/// As [`pad_left`].
pub fn pad_right(text: &str, width: i32, filler: char) -> Result<String, Exception> {
    Ok(text.to_owned() + &padding(text, width, filler)?)
}

/// `new string(character, count)`
///
/// # Errors
///
/// As [`pad_left`].
pub fn repeat(character: char, count: i32) -> Result<String, Exception> {
    padding("", count, character)
}

/// `text.Insert(index, value)`
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for a place outside of the text; `OutOfMemoryException`.
pub fn insert(text: &str, index: i32, value: &str) -> Result<String, Exception> {
    bounded(text.len().saturating_add(value.len()))?;
    let at = place(text, index)?;
    Ok(between(text, START, at) + value + &between(text, at, end(text)))
}

/// `text.Remove(start)` and `text.Remove(start, count)`
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for a part that is not within the text.
pub fn remove(text: &str, start: i32, count: Option<i32>) -> Result<String, Exception> {
    let count = count.unwrap_or_else(|| length(text).saturating_sub(start.max(0)));
    let (first, last) = span(text, start, count)?;
    Ok(between(text, START, first) + &between(text, last, end(text)))
}

/// `text.Replace(old, new, comparison)`
///
/// # Errors
///
/// `ArgumentException` where `old` is empty; `OutOfMemoryException`.
pub fn replace(text: &str, old: &str, new: &str, comparison: Comparison) -> Result<String, Exception> {
    if old.is_empty() {
        return Err(Exception::argument("the text to replace is empty"));
    }
    let (haystack, needle) = match comparison.ignores_case() {
        true => (folded(text), folded(old)),
        false => (text.to_owned(), old.to_owned()),
    };
    let count = haystack.matches(&needle).count();
    bounded(text.len().saturating_add(count.saturating_mul(new.len())))?;
    let needle_chars = needle.chars().count();
    let mut out = String::new();
    // A folded text has as many characters as the text, not as many bytes.
    let mut rest = text.chars();
    let mut at = 0;
    for (byte, _) in haystack.match_indices(&needle) {
        out.extend(rest.by_ref().take(haystack[at..byte].chars().count()));
        out.push_str(new);
        rest.by_ref().take(needle_chars).for_each(drop);
        at = byte + needle.len();
    }
    out.push_str(rest.as_str());
    Ok(out)
}

/// `string.Join(separator, parts)`, and `string.Concat(parts)` with an empty separator.
///
/// # Errors
///
/// `OutOfMemoryException`
pub fn join<S: AsRef<str>>(separator: &str, parts: &[S]) -> Result<String, Exception> {
    let between = separator.len().saturating_mul(parts.len());
    bounded(parts.iter().fold(between, |sum, part| sum.saturating_add(part.as_ref().len())))?;
    let mut out = String::new();
    for (place, part) in parts.iter().enumerate() {
        out.push_str(if place == 0 { "" } else { separator });
        out.push_str(part.as_ref());
    }
    Ok(out)
}

/// Refuses to make a text of so many bytes.
pub(in crate::dotnet) fn bounded(bytes: usize) -> Result<(), Exception> {
    match bytes {
        0..=TEXT_BYTES_MAX => Ok(()),
        _ => Err(Exception::memory("the text would be longer than 16 MiB")),
    }
}

fn padding(text: &str, width: i32, filler: char) -> Result<String, Exception> {
    let width = usize::try_from(width).map_err(|_| Exception::range("the width is negative"))?;
    let missing = width.saturating_sub(usize::try_from(length(text)).unwrap_or(0));
    bounded(text.len().saturating_add(missing.saturating_mul(filler.len_utf8())))?;
    Ok(std::iter::repeat_n(filler, missing).collect())
}

const START: Place = Place { byte: 0, half: false };

fn end(text: &str) -> Place {
    Place { byte: text.len(), half: false }
}
