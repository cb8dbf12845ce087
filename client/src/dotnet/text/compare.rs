//! Comparing texts: by code units, or as people order words.

use std::cmp::Ordering;

/// `StringComparison`. The current culture is the invariant one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `Ordinal`: code unit by code unit.
    Ordinal,
    /// `OrdinalIgnoreCase`: code unit by code unit, in upper case.
    OrdinalIgnoreCase,
    /// `InvariantCulture` and `CurrentCulture`. Order: signs, digits, letters, small before large; of
    /// other than ASCII characters, the code decides. Equal are only equal texts.
    Invariant,
    /// `InvariantCultureIgnoreCase` and `CurrentCultureIgnoreCase`.
    InvariantIgnoreCase,
}

impl Comparison {
    pub(super) fn ignores_case(self) -> bool {
        matches!(self, Self::OrdinalIgnoreCase | Self::InvariantIgnoreCase)
    }
}

/// `string.Compare(left, right, comparison)`, of which only the sign means something; null is less than
/// everything else.
#[must_use]
pub fn compare(left: Option<&str>, right: Option<&str>, comparison: Comparison) -> Ordering {
    let (Some(left), Some(right)) = (left, right) else {
        return left.is_some().cmp(&right.is_some());
    };
    match comparison {
        Comparison::Ordinal => left.encode_utf16().cmp(right.encode_utf16()),
        Comparison::OrdinalIgnoreCase => folded(left).encode_utf16().cmp(folded(right).encode_utf16()),
        Comparison::InvariantIgnoreCase => by_rank(left, right),
        Comparison::Invariant => by_rank(left, right).then_with(|| small_first(left, right)),
    }
}

/// `string.Equals(left, right, comparison)`
#[must_use]
pub fn equals(left: Option<&str>, right: Option<&str>, comparison: Comparison) -> bool {
    match (left, right) {
        (Some(left), Some(right)) if comparison.ignores_case() => {
            left.chars().map(upper).eq(right.chars().map(upper))
        }
        _ => left == right,
    }
}

/// `string.IsNullOrEmpty(text)`
#[must_use]
pub fn is_null_or_empty(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

/// `string.IsNullOrWhiteSpace(text)`
#[must_use]
pub fn is_null_or_white_space(text: Option<&str>) -> bool {
    text.is_none_or(|text| text.chars().all(char::is_whitespace))
}

/// The character in upper case, where that is one character. The dotless i stays, as in .NET.
pub(super) fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) if character != '\u{131}' => one,
        _ => character,
    }
}

/// The character in lower case, where that is one character. The large i with a dot stays.
pub(super) fn lower(character: char) -> char {
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) if character != '\u{130}' => one,
        _ => character,
    }
}

/// The text with each character in upper case: as many characters and code units as before.
pub(super) fn folded(text: &str) -> String {
    text.chars().map(upper).collect()
}

fn by_rank(left: &str, right: &str) -> Ordering {
    left.chars().map(rank).cmp(right.chars().map(rank))
}

/// Of texts that differ in case alone, the one with the first small letter goes first.
fn small_first(left: &str, right: &str) -> Ordering {
    let large = |character: char| character != lower(character);
    left.chars().map(large).cmp(right.chars().map(large)).then_with(|| left.cmp(right))
}

/// The place of a character among those of ASCII, in the order of the Unicode collation.
fn rank(character: char) -> u32 {
    const SIGNS: &str = "\t\n\u{b}\u{c}\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789";
    match SIGNS.chars().position(|sign| sign == character) {
        Some(place) => u32::try_from(place).unwrap_or(0),
        None => 128 + u32::from(lower(character)),
    }
}
