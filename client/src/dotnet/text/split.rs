//! `string.Split`.

use crate::dotnet::Exception;
use crate::dotnet::limits::PARTS_MAX;

/// `StringSplitOptions`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SplitOptions {
    /// `RemoveEmptyEntries`
    pub remove_empty: bool,
    /// `TrimEntries`; done before empty ones are removed.
    pub trim: bool,
}

/// `text.Split(separators, count, options)`: at blanks where no separator is given, into any number of
/// parts where no count is. The last of so many parts is the whole rest.
///
/// # Errors
///
/// `ArgumentOutOfRangeException` for a count below 0, `OutOfMemoryException` for more than
/// [`PARTS_MAX`] parts.
pub fn split<'a>(
    text: &'a str,
    separators: &[&str],
    count: Option<i32>,
    options: SplitOptions,
) -> Result<Vec<&'a str>, Exception> {
    let most = match count {
        None => usize::MAX,
        Some(count) => usize::try_from(count).map_err(|_| Exception::range("the count is negative"))?,
    };
    let mut parts = Vec::new();
    if most == 0 {
        return Ok(parts);
    }
    let mut rest = text;
    while parts.len() + 1 < most {
        let Some((at, length)) = next(rest, separators) else {
            break;
        };
        keep(&mut parts, &rest[..at], options)?;
        rest = &rest[at + length..];
    }
    if parts.len() + 1 == most && options.remove_empty {
        rest = without_empty(rest, separators, options);
    }
    keep(&mut parts, rest, options)?;
    Ok(parts)
}

/// The separator that begins first, in bytes; of several at one place, the one given first.
fn next(text: &str, separators: &[&str]) -> Option<(usize, usize)> {
    if separators.is_empty() {
        let blank = text.char_indices().find(|(_, character)| character.is_whitespace());
        return blank.map(|(at, character)| (at, character.len_utf8()));
    }
    text.char_indices().find_map(|(at, _)| {
        let here = |separator: &&&str| !separator.is_empty() && text[at..].starts_with(**separator);
        separators.iter().find(here).map(|separator| (at, separator.len()))
    })
}

/// Before the last part, parts that are dropped do not count: the rest begins behind them.
fn without_empty<'a>(mut rest: &'a str, separators: &[&str], options: SplitOptions) -> &'a str {
    while let Some((at, length)) = next(rest, separators) {
        let part = &rest[..at];
        let empty = if options.trim { part.trim().is_empty() } else { part.is_empty() };
        if !empty {
            break;
        }
        rest = &rest[at + length..];
    }
    rest
}

fn keep<'a>(parts: &mut Vec<&'a str>, part: &'a str, options: SplitOptions) -> Result<(), Exception> {
    let part = if options.trim { part.trim() } else { part };
    if part.is_empty() && options.remove_empty {
        return Ok(());
    }
    if parts.len() == PARTS_MAX {
        return Err(Exception::memory("the text would be split into more than 1,000,000 parts"));
    }
    parts.push(part);
    Ok(())
}
