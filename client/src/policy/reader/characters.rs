//! Text: between tags and in attributes, with the expressions in it and its references replaced.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3, memmem};

use super::entity;
use super::scan::Reader;
use crate::expression::{ScanError, begins, end_of, end_of_escaped};
use crate::limits::POLICY_PROBLEMS_MAX;
use crate::policy::problem::ProblemKind;
use crate::policy::setting::Code;
use crate::policy::tree::{Form, Value};

/// An attribute's value that does not end, or holds an expression that does not.
pub(super) enum NoValue {
    /// The expression at this byte.
    Expression(usize, ScanError),
    /// The value, which ends at most at this byte.
    Quote(usize),
}

impl Reader<'_> {
    /// Text up to the next tag.
    pub(super) fn characters(&mut self) {
        let (start, mut from) = (self.at, self.at);
        let bytes = self.text.as_bytes();
        loop {
            let Some(found) = memchr2(b'<', b'@', &bytes[from..]).map(|found| from + found) else {
                self.at = self.text.len();
                return self.add(start..self.at, false);
            };
            if bytes[found] == b'<' {
                self.at = found;
                return self.add(start..found, false);
            }
            from = found + 1;
            if !begins(&bytes[found..]) || self.open.is_empty() {
                continue;
            }
            let is_first = self.is_blank_before(start..found);
            if !is_first && self.attempts >= ATTEMPTS_MAX {
                continue;
            }
            match end_of_escaped(&self.text[found..], entity::decode) {
                Ok(length) => {
                    self.add(start..found, false);
                    self.add(found..found + length, true);
                    self.at = found + length;
                    return;
                }
                Err(error) if is_first => return self.text_expression(found, error),
                Err(_) => self.attempts += 1,
            }
        }
    }

    /// The value of an attribute that begins here and ends with this quote; then goes behind it.
    pub(super) fn attribute_value(&mut self, quote: u8) -> Result<Value, NoValue> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut value = self.empty(start);
        let (mut from, mut copied) = (start, start);
        loop {
            let Some(found) = memchr3(quote, b'<', b'@', &bytes[from..]).map(|found| from + found) else {
                return Err(NoValue::Quote(self.text.len()));
            };
            if bytes[found] == b'<' {
                return Err(NoValue::Quote(found));
            }
            if bytes[found] == quote {
                self.extend(&mut value, copied..found, false, true);
                self.at = found + 1;
                return Ok(value);
            }
            from = found + 1;
            let is_first = is_blank(&self.text[start..found]);
            if !begins(&bytes[found..]) || (!is_first && self.attempts >= ATTEMPTS_MAX) {
                continue;
            }
            match end_of_escaped(&self.text[found..], entity::decode) {
                Ok(length) => {
                    self.extend(&mut value, copied..found, false, true);
                    self.extend(&mut value, found..found + length, true, true);
                    (from, copied) = (found + length, found + length);
                }
                Err(error) if is_first => return Err(NoValue::Expression(found, error)),
                Err(_) => self.attempts += 1,
            }
        }
    }

    /// Text in which nothing is replaced and no expression is looked for before it is complete.
    pub(super) fn add_plain(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        let blanks = text.len() - text.trim_start().len();
        let inner = text.trim();
        let whole = begins(inner.as_bytes()) && end_of(inner).is_ok_and(|length| length == inner.len());
        let Some(mut value) = self.take_text(range.start) else { return self.no_text_here(range) };
        if whole {
            let start = range.start + blanks;
            join(&mut value, start..start + inner.len(), true, &inner.replace("\r\n", "\n"), self);
        } else {
            join(&mut value, range, false, &text.replace("\r\n", "\n"), self);
        }
        self.put_text(value);
    }

    /// Adds to the text of the element that is open.
    fn add(&mut self, range: Range<usize>, is_expression: bool) {
        let is_new = self.open.last().is_none_or(|open| open.text.is_none());
        if is_new && !is_expression && is_blank(&self.text[range.clone()]) {
            return;
        }
        match self.take_text(range.start) {
            Some(mut value) => {
                self.extend(&mut value, range, is_expression, false);
                self.put_text(value);
            }
            None => self.no_text_here(range),
        }
    }

    fn take_text(&mut self, start: usize) -> Option<Value> {
        let text = self.open.last_mut()?.text.take();
        Some(text.unwrap_or_else(|| self.empty(start)))
    }

    fn put_text(&mut self, value: Value) {
        if let Some(open) = self.open.last_mut() {
            open.text = Some(value);
        }
    }

    /// Outside the outermost element.
    fn no_text_here(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        if !is_blank(text) {
            let start = range.start + (text.len() - text.trim_start().len());
            let found = format!("{:?}", self.source.quote(start..range.end));
            let problem = self.problem(ProblemKind::Text, start).found(found);
            self.problems.add(problem.expected("nothing outside the outermost element"));
        }
    }

    fn empty(&self, start: usize) -> Value {
        let location = self.source.location(start);
        Value {
            text: String::new(),
            form: Form::Literal,
            location,
            span: start..start,
            code: Code::default(),
        }
    }

    /// Appends a piece, its references replaced.
    fn extend(&mut self, value: &mut Value, range: Range<usize>, is_expression: bool, is_attribute: bool) {
        let piece = &self.text[range.clone()];
        let has_blanks = is_attribute && !is_expression && memchr2(b'\n', b'\t', piece.as_bytes()).is_some();
        if !has_blanks && memchr2(b'&', b'\r', piece.as_bytes()).is_none() {
            return join(value, range, is_expression, piece, self);
        }
        let mut text = String::with_capacity(piece.len());
        let mut at = range.start;
        while at < range.end {
            let rest = &self.text.as_bytes()[at..range.end];
            let plain = rest.iter().position(|byte| matches!(byte, b'&' | b'\r' | b'\n' | b'\t'));
            let end = plain.map_or(range.end, |plain| at + plain);
            text.push_str(&self.text[at..end]);
            at = end;
            match rest.get(plain.unwrap_or(rest.len())) {
                Some(b'&') => at += self.reference(at, range.end, is_expression, &mut text),
                Some(b'\r') if self.text.as_bytes().get(at + 1) == Some(&b'\n') => at += 1,
                Some(b'\r' | b'\n' | b'\t') if is_attribute && !is_expression => {
                    text.push(' ');
                    at += 1;
                }
                Some(byte) => {
                    text.push(char::from(*byte));
                    at += 1;
                }
                None => {}
            }
        }
        join(value, range, is_expression, &text, self);
    }

    /// One reference, and its length. In an expression an `&` alone is C#'s.
    fn reference(&mut self, at: usize, end: usize, is_expression: bool, text: &mut String) -> usize {
        let rest = &self.text.as_bytes()[at..end];
        if let Some((character, length)) = entity::decode(rest) {
            text.push(character);
            return length;
        }
        text.push('&');
        if !is_expression {
            let word = rest
                .iter()
                .skip(1)
                .take(12)
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#');
            let shown =
                Some(1 + word.count()).filter(|end| rest.get(*end) == Some(&b';')).map_or(1, |end| end + 1);
            let found = self.source.quote(at..at + shown);
            let problem = self.problem(ProblemKind::Reference, at).found(found);
            self.problems.add(problem.expected("&amp; &lt; &gt; &quot; &apos; or &#NUMBER;"));
        }
        1
    }

    /// An expression at the beginning of a text that does not end: goes on at the element's end tag.
    fn text_expression(&mut self, at: usize, error: ScanError) {
        let problem = self.problem(ProblemKind::Expression, at + error.at);
        let found = self.source.quote(at + error.at..(at + error.at + 60).min(self.text.len()));
        self.problems.add(problem.found(found).expected(error.problem.expected()));
        let Some(open) = self.open.last_mut() else { return };
        open.element.is_broken = true;
        let end_tag = format!("</{}", open.element.name);
        let end = memmem::find(&self.text.as_bytes()[at..], end_tag.as_bytes());
        match end.map(|end| at + end) {
            Some(end) => self.at = end,
            None => {
                open.is_uncertain = true;
                self.at = self.next_line_tag(at);
            }
        }
    }

    /// The next line that begins with a tag, else the end.
    pub(super) fn next_line_tag(&mut self, from: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while let Some(line) = memchr(b'\n', &bytes[at..]) {
            at += line + 1;
            let blanks = bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
            at += blanks;
            if bytes.get(at) == Some(&b'<') {
                return at;
            }
        }
        self.is_lost = true;
        bytes.len()
    }

    fn is_blank_before(&self, range: Range<usize>) -> bool {
        let before = self.open.last().and_then(|open| open.text.as_ref());
        is_blank(&self.text[range]) && before.is_none_or(|value| is_blank(&value.text))
    }
}

/// Appends a piece that has been made ready; its blanks do not make an expression less of one.
fn join(value: &mut Value, range: Range<usize>, is_expression: bool, text: &str, reader: &Reader<'_>) {
    match (value.form, is_expression) {
        (Form::Literal, true) if is_blank(&value.text) => {
            value.location = reader.source.location(range.start);
            (value.text, value.span, value.form) = (text.to_owned(), range, Form::Expression);
            return;
        }
        (Form::Expression, false) if is_blank(text) => return,
        (Form::Literal, false) => {}
        _ => value.form = Form::Mixed,
    }
    value.text.push_str(text);
    value.span.end = range.end;
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// So often an expression is looked for in the middle of a text, and none is found.
const ATTEMPTS_MAX: usize = POLICY_PROBLEMS_MAX;
