//! `string.Format`: `{0}`, `{1,10}`, `{2,-5:F2}`, and `{{` for a brace.

use super::{bounded, pad_left, pad_right};
use crate::dotnet::Exception;

/// What can be put into a text with a format.
pub trait Formattable {
    /// `value.ToString(format)`; an empty format is none.
    ///
    /// # Errors
    ///
    /// `FormatException` for a format that the type does not have.
    fn to_text(&self, format: &str) -> Result<String, Exception>;
}

/// `string.Format(template, values)`
///
/// # Errors
///
/// `FormatException` for a brace that stands alone, a number without a value, or a format that the
/// value does not have; `OutOfMemoryException`.
pub fn format<V: Formattable>(template: &str, values: &[V]) -> Result<String, Exception> {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(wrong());
        }
        let (item, after) = Item::read(rest)?;
        let value = values
            .get(item.index)
            .ok_or_else(|| Exception::format("the format has a number for which there is no value"))?;
        out.push_str(&aligned(value.to_text(&item.format)?, item.width)?);
        bounded(out.len())?;
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The text in a field: to the right for a width above 0, to the left for one below.
///
/// # Errors
///
/// `OutOfMemoryException`
pub fn aligned(text: String, width: i32) -> Result<String, Exception> {
    match width {
        0 => Ok(text),
        1.. => pad_left(&text, width, ' '),
        _ => pad_right(&text, width.checked_neg().unwrap_or(i32::MAX), ' '),
    }
}

struct Item {
    index: usize,
    width: i32,
    format: String,
}

impl Item {
    /// Reads up to the closing brace; gives the text behind it.
    fn read(text: &str) -> Result<(Self, &str), Exception> {
        let (index, rest) = number(text)?;
        let mut rest = rest.trim_start_matches(' ');
        let mut width = 0;
        if let Some(after) = rest.strip_prefix(',') {
            let after = after.trim_start_matches(' ');
            let left = after.strip_prefix('-');
            let (value, after) = number(left.unwrap_or(after))?;
            width = i32::try_from(value).map_err(|_| wrong())? * if left.is_some() { -1 } else { 1 };
            rest = after.trim_start_matches(' ');
        }
        let mut format = "";
        if let Some(after) = rest.strip_prefix(':') {
            let end = after.find(['{', '}']).ok_or_else(wrong)?;
            (format, rest) = after.split_at(end);
        }
        let rest = rest.strip_prefix('}').ok_or_else(wrong)?;
        Ok((Self { index, width, format: format.to_owned() }, rest))
    }
}

/// Numbers below a million, as in .NET.
fn number(text: &str) -> Result<(usize, &str), Exception> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    match digits.parse() {
        Ok(value) if value < 1_000_000 => Ok((value, rest)),
        _ => Err(wrong()),
    }
}

fn wrong() -> Exception {
    Exception::format("the format has a brace that stands alone, or is no number within braces")
}
