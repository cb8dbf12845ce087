//! A text that is read: what its author wrote, what became of it when named values were put in, and the
//! way back from one to the other. What is quoted in errors is always what was written.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use super::position::Location;
use crate::expression::Position;

/// The text of a document or of a fragment.
pub(super) struct Source {
    fragment: Option<Arc<str>>,
    written: Arc<str>,
    /// What is read; every offset elsewhere is one of this text.
    text: String,
    replaced: Vec<Replaced>,
    /// Where the lines of `written` begin.
    lines: Vec<usize>,
    /// The bytes of `written` that continue a character.
    continued: Vec<usize>,
    /// The number of the line that was asked for last: the next is mostly the same, or near.
    near: Cell<usize>,
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
        let bytes = written.as_bytes();
        let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', bytes).map(|at| at + 1)).collect();
        let mut continued = Vec::new();
        if !bytes.is_ascii() {
            continued.extend((0..bytes.len()).filter(|at| !written.is_char_boundary(*at)));
        }
        Self { fragment, written, text, replaced, lines, continued, near: Cell::new(0) }
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
        let line = self.line_at(at);
        let start = self.lines.get(line).copied().unwrap_or(0);
        // Each character of the line counts once, however many bytes it has.
        let column = at - start - (self.continued_before(at) - self.continued_before(start));
        let counted = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
        Position { line: counted(line), column: counted(column) }
    }

    /// The number of the line in which a byte stands, from 0.
    fn line_at(&self, at: usize) -> usize {
        let is_in = |line: usize| {
            self.lines.get(line).is_some_and(|start| *start <= at)
                && self.lines.get(line + 1).is_none_or(|next| at < *next)
        };
        let near = self.near.get();
        let line = (near..near + LINES_NEAR).find(|line| is_in(*line));
        let line = line.unwrap_or_else(|| self.lines.partition_point(|start| *start <= at).saturating_sub(1));
        self.near.set(line);
        line
    }

    /// The first byte that has so many characters between itself and this one.
    fn behind(&self, start: usize, characters: usize) -> usize {
        let (mut least, mut most) = (start, self.written.len());
        while least < most {
            let middle = least.midpoint(most);
            let continued = self.continued_before(middle) - self.continued_before(start);
            match middle - start - continued < characters {
                true => least = middle + 1,
                false => most = middle,
            }
        }
        least
    }

    fn continued_before(&self, at: usize) -> usize {
        self.continued.partition_point(|continued| *continued < at)
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
        let number = usize::try_from(position.line).unwrap_or(usize::MAX).saturating_sub(1);
        let start = self.lines.get(number).copied().unwrap_or(self.written.len());
        let columns = usize::try_from(position.column).unwrap_or(usize::MAX).saturating_sub(1);
        let end = self.lines.get(number.saturating_add(1)).map_or(self.written.len(), |next| next - 1);
        let at = self.written.ceil_char_boundary(self.behind(start, columns).min(end));
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

/// Lines that are looked at one by one before the line of a byte is searched for.
const LINES_NEAR: usize = 4;
/// What an error quotes at most.
const QUOTE_CHARACTERS: usize = 40;
/// What an error shows of a line at most.
const LINE_CHARACTERS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::position::after;

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
