//! Cuts the `syntax` of a row into words and brackets, and finds out what may be repeated. Making arguments of them is
//! `syntax`'s.

/// A word, a bracket, or a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// A token or the name of a value.
    Word(&'static str),
    /// `[`
    Open,
    /// `]`
    Close,
    /// `<`
    ChoiceOpen,
    /// `>`
    ChoiceClose,
    /// `|`
    Bar,
    /// `...`; one that is left over is an error.
    Dots,
    /// Before what may be repeated.
    ManyOpen,
    /// After it.
    ManyClose,
    /// At the end of a group that may be repeated.
    Again,
}

/// The pieces of a syntax, with marks around what may be repeated.
///
/// # Errors
/// A bracket is not closed.
pub(super) fn pieces(syntax: &'static str) -> Result<Vec<Piece>, &'static str> {
    mark_repeats(&split(syntax))
}

fn split(syntax: &'static str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = syntax.trim_start();
    while let Some(first) = rest.chars().next() {
        let bracket = match first {
            '[' => Some(Piece::Open),
            ']' => Some(Piece::Close),
            '<' => Some(Piece::ChoiceOpen),
            '>' => Some(Piece::ChoiceClose),
            '|' => Some(Piece::Bar),
            _ => None,
        };
        let length = match bracket {
            Some(_) => 1,
            None => rest.find([' ', '[', ']', '<', '>', '|']).unwrap_or(rest.len()),
        };
        let word = &rest[..length];
        pieces.push(bracket.unwrap_or(if word == "..." { Piece::Dots } else { Piece::Word(word) }));
        rest = rest[length..].trim_start();
    }
    pieces
}

/// Replaces `x [x ...]`, `[x ...]` and `[...]` by marks that say what may be repeated.
fn mark_repeats(pieces: &[Piece]) -> Result<Vec<Piece>, &'static str> {
    let mut marked = Vec::new();
    // Where each piece so far went.
    let mut places: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        let repeated = repeated_at(pieces, at)?;
        let Some(repeated) = repeated else {
            places.push(marked.len());
            marked.push(pieces[at]);
            at += 1;
            continue;
        };
        let start = at - repeated.len().min(at);
        let end = at + repeated.len() + 3;
        if repeated.is_empty() {
            places.resize(end, marked.len());
            marked.push(Piece::Again);
        } else if pieces[start..at] == *repeated {
            let place = places[start];
            marked.insert(place, Piece::ManyOpen);
            places[start..].iter_mut().for_each(|place| *place += 1);
            places.resize(end, marked.len());
            marked.push(Piece::ManyClose);
        } else {
            places.resize(end, marked.len());
            marked.extend([Piece::Open, Piece::ManyOpen]);
            marked.extend(mark_repeats(repeated)?);
            marked.extend([Piece::ManyClose, Piece::Close]);
        }
        at = end;
    }
    Ok(marked)
}

/// What the bracket that opens here wants repeated, if it ends with dots.
fn repeated_at(pieces: &[Piece], at: usize) -> Result<Option<&[Piece]>, &'static str> {
    if pieces[at] != Piece::Open {
        return Ok(None);
    }
    let mut depth = 0_usize;
    for (offset, piece) in pieces[at..].iter().enumerate() {
        match piece {
            Piece::Open => depth += 1,
            Piece::Close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let inside = &pieces[at + 1..at + offset];
            return Ok(inside.strip_suffix(&[Piece::Dots]));
        }
    }
    Err("a bracket is not closed")
}
