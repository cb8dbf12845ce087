//! A text that is read: what its author wrote, what became of it when named values were put in, and the
//! way back from one to the other. What is quoted in errors is always what was written.

use std::ops::Range;
use std::sync::Arc;

use super::position::{Location, after};
use crate::expression::Position;

/// The text of a document or of a fragment.
pub(super) struct Source {
    fragment: Option<Arc<str>>,
    written: Arc<str>,
    /// What is read; every offset elsewhere is one of this text.
    text: String,
    replaced: Vec<Replaced>,
    /// The position of every `MARK_BYTES`th byte of `written`, so that none is far.
    marks: Vec<Position>,
}

/// A `{{name}}` that became a value: bytes of the text that is read, bytes of the text as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) value: Range<usize>,
    pub(super) name: Range<usize>,
}

impl Source {
    pub(super) fn new(
        fragment: Option<Arc<str>>,
        written: Arc<str>,
        text: String,
        replaced: Vec<Replaced>,
    ) -> Self {
        let mut marks = Vec::with_capacity(written.len() / MARK_BYTES + 1);
        let mut position = Position::START;
        for piece in written.as_bytes().chunks(MARK_BYTES) {
            marks.push(position);
            position = after(position, piece);
        }
        Self { fragment, written, text, replaced, marks }
    }

    /// What is read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn location(&self, at: usize) -> Location {
        Location { fragment: self.fragment.clone(), position: self.position(at) }
    }

    pub(super) fn position(&self, at: usize) -> Position {
        let at = self.written_at(at).min(self.written.len());
        let mark = (at / MARK_BYTES).min(self.marks.len().saturating_sub(1));
        let start = self.marks.get(mark).copied().unwrap_or(Position::START);
        after(start, &self.written.as_bytes()[mark * MARK_BYTES..at])
    }

    /// What was written there, cut to one short line, for an error. It shows names, never values.
    pub(super) fn quote(&self, range: Range<usize>) -> String {
        let (start, end) = (self.written_at(range.start), self.written_end(range.end));
        let (start, end) =
            (self.written.floor_char_boundary(start), self.written.floor_char_boundary(end.max(start)));
        let written = &self.written[start..end];
        let line = written.trim_start().lines().next().unwrap_or_default();
        let mut quote: String = line.chars().take(QUOTE_CHARACTERS).collect();
        if quote.len() < written.trim().len() {
            quote.push('…');
        }
        quote
    }

    /// The same range without the blanks at its beginning.
    pub(super) fn without_blanks(&self, range: Range<usize>) -> Range<usize> {
        let text = self.text.get(range.clone()).unwrap_or_default();
        range.start + (text.len() - text.trim_start().len())..range.end
    }

    /// Whether named values were put into this range.
    pub(super) fn has_values_in(&self, range: Range<usize>) -> bool {
        self.replaced.iter().any(|one| one.value.start < range.end && one.value.end > range.start)
    }

    /// Whether this was written somewhere, so that showing it tells no value.
    pub(super) fn holds(&self, text: &str) -> bool {
        memchr::memmem::find(self.written.as_bytes(), text.as_bytes()).is_some()
    }

    /// The line of a position as written, cut to a part around it, and the column of the position in
    /// that part, from 0.
    pub(super) fn line(&self, position: Position) -> (String, usize) {
        let mark = self.marks.partition_point(|mark| *mark <= position).saturating_sub(1);
        let mut place = self.marks.get(mark).copied().unwrap_or(Position::START);
        // A mark within a character has the position behind it.
        let mut at = self.written.ceil_char_boundary((mark * MARK_BYTES).min(self.written.len()));
        for character in self.written[at..].chars() {
            if place >= position {
                break;
            }
            place = after(place, character.encode_utf8(&mut [0; 4]).as_bytes());
            at += character.len_utf8();
        }
        let in_line = |character: &char| *character != '\n' && *character != '\r';
        let (before, behind) = self.written.split_at(at);
        let mut line: Vec<char> =
            before.chars().rev().take_while(in_line).take(LINE_CHARACTERS / 2).collect();
        line.reverse();
        let column = line.len();
        line.extend(behind.chars().take_while(in_line).take(LINE_CHARACTERS - column));
        let shown = line.into_iter().map(|character| if character.is_control() { ' ' } else { character });
        (shown.collect(), column)
    }

    /// The place as written of a byte that is read; of a value, the beginning of its name.
    fn written_at(&self, at: usize) -> usize {
        match self.before(at) {
            None => at,
            Some(last) if at < last.value.end => last.name.start,
            Some(last) => last.name.end + (at - last.value.end),
        }
    }

    /// The same for the end of a range: of a value, the end of its name.
    fn written_end(&self, at: usize) -> usize {
        match self.before(at) {
            Some(last) if at > last.value.start && at < last.value.end => last.name.end,
            _ => self.written_at(at),
        }
    }

    /// The last value that begins at this byte or before.
    fn before(&self, at: usize) -> Option<&Replaced> {
        let count = self.replaced.partition_point(|replaced| replaced.value.start <= at);
        count.checked_sub(1).and_then(|last| self.replaced.get(last))
    }
}

/// So long, and no longer, is the way from a mark to a position.
const MARK_BYTES: usize = 64;
/// What an error quotes at most.
const QUOTE_CHARACTERS: usize = 40;
/// What an error shows of a line at most.
const LINE_CHARACTERS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_long_text_has_its_position() {
        let written = "<é a=\"1\">\n  text 😀\r\n".repeat(60);
        let source = Source::new(None, written.as_str().into(), written.clone(), Vec::new());
        for at in (0..=written.len()).filter(|at| written.is_char_boundary(*at)) {
            assert_eq!(source.position(at), after(Position::START, &written.as_bytes()[..at]), "{at}");
        }
    }

    #[test]
    fn what_follows_a_value_is_where_it_was_written() {
        // "a{{n}}b{{m}}" became "aVALUEb".
        let replaced = vec![Replaced { value: 1..6, name: 1..6 }, Replaced { value: 7..7, name: 7..12 }];
        let source = Source::new(None, "a{{n}}b{{m}}c".into(), "aVALUEbc".to_owned(), replaced);
        let columns: Vec<u32> = (0..=8).map(|at| source.position(at).column).collect();
        assert_eq!(columns, [1, 2, 2, 2, 2, 2, 7, 13, 14]);
        assert_eq!(source.quote(0..3), "a{{n}}");
        assert_eq!(source.quote(2..8), "{{n}}b{{m}}c");
    }

    #[test]
    fn quotes_and_lines_are_short() {
        let written = format!("x\n{}é\n", "y".repeat(300));
        let source = Source::new(None, written.as_str().into(), written.clone(), Vec::new());
        assert_eq!(source.quote(0..written.len()), "x…");
        let (line, column) = source.line(Position { line: 2, column: 301 });
        assert_eq!((line.chars().count(), line.chars().nth(column)), (51, Some('é')));
    }
}
