//! The replacement of `Regex.Replace`: `$1`, `${name}`, `$&`, `` $` ``, `$'`, `$+`, `$_` and `$$`.
//! Everything else, and groups that there are not, are text.

use super::{Match, Regex};
use crate::dotnet::Exception;
use crate::dotnet::text::bounded;

/// A replacement taken apart.
pub(super) struct Replacement<'a> {
    pieces: Vec<Piece<'a>>,
}

enum Piece<'a> {
    Text(&'a str),
    Group(usize),
    Before,
    After,
    Whole,
    LastGroup,
}

impl<'a> Replacement<'a> {
    pub(super) fn parse(text: &'a str, regex: &Regex) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            pieces.push(Piece::Text(&rest[..at]));
            let (piece, length) = piece(&rest[at + 1..], regex).unwrap_or((Piece::Text("$"), 0));
            pieces.push(piece);
            rest = &rest[at + 1 + length..];
        }
        pieces.push(Piece::Text(rest));
        Self { pieces }
    }

    /// The work of writing it once, in bytes, besides what is written.
    pub(super) fn weight(&self) -> usize {
        size_of_val(self.pieces.as_slice())
    }

    /// Adds what stands in the place of a match.
    ///
    /// # Errors
    ///
    /// `OutOfMemoryException` as soon as the whole is too long: a piece may stand for the whole text.
    pub(super) fn write(&self, out: &mut String, text: &str, found: &Match) -> Result<(), Exception> {
        let (start, end) = found.range().unwrap_or((0, 0));
        for piece in &self.pieces {
            let piece = match piece {
                Piece::Text(text) => text,
                Piece::Group(number) => found.part(*number).unwrap_or(""),
                Piece::Before => text.get(..start).unwrap_or(""),
                Piece::After => text.get(end..).unwrap_or(""),
                Piece::Whole => text,
                Piece::LastGroup => found.part(found.group_count().saturating_sub(1)).unwrap_or(""),
            };
            bounded(out.len().saturating_add(piece.len()))?;
            out.push_str(piece);
        }
        Ok(())
    }
}

/// What stands behind a dollar sign, and its length in bytes.
fn piece<'a>(text: &'a str, regex: &Regex) -> Option<(Piece<'a>, usize)> {
    let first = text.chars().next()?;
    if first.is_ascii_digit() {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number = number(&text[..end], regex)?;
        return Some((Piece::Group(number), end));
    }
    let single = match first {
        '{' => {
            // Not farther than a name goes: the whole rest would be looked through for every dollar sign.
            let end = text.get(1..)?.find(|c: char| !c.is_alphanumeric() && c != '_')? + 1;
            let number = number(text[end..].starts_with('}').then_some(&text[1..end])?, regex)?;
            return Some((Piece::Group(number), end + 1));
        }
        '$' => Piece::Text("$"),
        '&' => Piece::Group(0),
        '`' => Piece::Before,
        '\'' => Piece::After,
        '+' => Piece::LastGroup,
        '_' => Piece::Whole,
        _ => return None,
    };
    Some((single, 1))
}

/// A group by number, whether it has a name or not, or by name.
fn number(name: &str, regex: &Regex) -> Option<usize> {
    match name.parse::<usize>() {
        Ok(number) => Some(number).filter(|number| *number < regex.group_count()),
        Err(_) => regex.group_number(name),
    }
}
