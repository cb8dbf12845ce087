//! Tags: their names and attributes, and where to go on after one that cannot be read.

use std::ops::Range;

use memchr::memchr2;

use super::characters::NoValue;
use super::scan::Reader;
use crate::limits::{POLICY_ATTRIBUTES_MAX, POLICY_ELEMENTS_MAX};
use crate::policy::problem::{Problem, ProblemKind};
use crate::policy::tree::{Attribute, Element};

/// How a start tag ended.
enum End {
    /// With `>`.
    Open,
    /// With `/>`.
    Closed,
    /// It could not be read, and was skipped: whether it ended with `/>`.
    Broken { is_closed: bool },
}

/// Why the rest of a tag is skipped, and from where.
enum Fault {
    /// At this byte something else was expected; the tag ends with the next `>`.
    Markup(usize),
    /// From this byte on a quote or bracket is open, so that a `>` says nothing.
    Value(usize),
}

impl Reader<'_> {
    pub(super) fn start_tag(&mut self) {
        let start = self.at;
        self.at += 1;
        let name = self.name();
        if name.is_empty() {
            let found = self.source.quote(start..self.next_character(start + 1));
            let problem = self.problem(ProblemKind::Markup, start).found(found);
            self.problems.add(problem.expected("a name after '<'; a '<' in text is &lt;"));
            self.open.iter_mut().last().into_iter().for_each(|open| open.element.is_broken = true);
            return;
        }
        self.elements += 1;
        if self.elements > POLICY_ELEMENTS_MAX {
            let problem = self.problem(ProblemKind::Limit, start).found("one more element");
            self.problems.add(problem.expected(format!("at most {POLICY_ELEMENTS_MAX}")));
            return self.give_up();
        }
        let mut element = Element {
            name: self.text[name.clone()].to_owned(),
            location: self.source.location(start),
            attributes: Vec::new(),
            children: Vec::new(),
            name_span: name,
            inner: 0..0,
            is_broken: false,
        };
        let end = match self.attributes(&mut element) {
            Ok(end) => end,
            Err(fault) => self.skip_tag(fault),
        };
        element.inner = self.at..self.at;
        element.is_broken = matches!(end, End::Broken { .. });
        match end {
            End::Closed | End::Broken { is_closed: true } => {
                self.attach(super::scan::Open { element, text: None, is_uncertain: false });
            }
            End::Open => self.open(element, false),
            End::Broken { is_closed: false } => self.open(element, true),
        }
    }

    pub(super) fn end_tag(&mut self) {
        let start = self.at;
        self.at += 2;
        let name = self.name();
        self.blanks();
        if self.peek() == Some(b'>') {
            self.at += 1;
        } else {
            let found = self.source.quote(start..self.next_character(self.at));
            let problem = self.problem(ProblemKind::Markup, start).found(found);
            self.problems.add(problem.expected("</NAME>"));
            self.skip_tag(Fault::Markup(self.at));
        }
        let text = &self.text[name.clone()];
        match self.open.iter().rposition(|open| open.element.name == text) {
            Some(place) => self.close(place, start, name),
            None => self.closes_nothing(start, name),
        }
    }

    /// Closes the element at this place, and those in it, which should have been closed before.
    fn close(&mut self, place: usize, start: usize, name: Range<usize>) {
        while self.open.len() > place {
            let is_meant = self.open.len() == place + 1;
            let Some(mut open) = self.open.pop() else { return };
            if !is_meant && !open.is_uncertain {
                let (found, expected) =
                    (self.source.quote(name.clone()), self.source.quote(open.element.name_span.clone()));
                let opened = open.element.location.position;
                let problem = Problem::new(ProblemKind::Tag, self.source, self.source.location(start));
                let problem = problem.of(&*expected).found(format!("</{found}>"));
                self.problems.add(problem.expected(format!("</{expected}> for the one of {opened}")));
            }
            open.element.inner.end = start;
            self.attach(open);
        }
    }

    /// Reported, unless a broken tag may have hidden what it closes. Nor is it news afterwards that the
    /// element here, whose name may have been mistyped, is not closed.
    fn closes_nothing(&mut self, start: usize, name: Range<usize>) {
        if !self.open.iter().any(|open| open.is_uncertain) {
            let found = format!("</{}>", self.source.quote(name));
            let expected = match self.open.last() {
                Some(open) => format!("</{}>", self.source.quote(open.element.name_span.clone())),
                None => "nothing after the outermost element".to_owned(),
            };
            let problem = self.problem(ProblemKind::Tag, start).found(found).expected(expected);
            self.problems.add(problem);
        }
        self.open.iter_mut().last().into_iter().for_each(|open| open.is_uncertain = true);
    }

    fn attributes(&mut self, element: &mut Element) -> Result<End, Fault> {
        loop {
            let before = self.at;
            self.blanks();
            match self.peek() {
                Some(b'>') => {
                    self.at += 1;
                    return Ok(End::Open);
                }
                Some(b'/') if self.text.as_bytes().get(self.at + 1) == Some(&b'>') => {
                    self.at += 2;
                    return Ok(End::Closed);
                }
                Some(_) if before < self.at => self.attribute(element)?,
                _ => return Err(self.unexpected(element, "a blank, '>' or '/>'")),
            }
        }
    }

    fn attribute(&mut self, element: &mut Element) -> Result<(), Fault> {
        let start = self.at;
        let name = self.name();
        if name.is_empty() {
            return Err(self.unexpected(element, "an attribute, '>' or '/>'"));
        }
        self.blanks();
        if self.peek() != Some(b'=') {
            return Err(self.unexpected(element, "'=' after the name of an attribute"));
        }
        self.at += 1;
        self.blanks();
        let Some(quote) = self.peek().filter(|byte| matches!(byte, b'"' | b'\'')) else {
            return Err(self.unexpected(element, "a quote before the value"));
        };
        self.at += 1;
        let quote_at = self.at - 1;
        let value = match self.attribute_value(quote) {
            Ok(value) => value,
            Err(fault) => return Err(self.no_value(element, name, quote_at, fault)),
        };
        if element.attributes.len() == POLICY_ATTRIBUTES_MAX {
            let problem =
                self.problem(ProblemKind::Limit, start).of(self.source.quote(element.name_span.clone()));
            let expected = format!("at most {POLICY_ATTRIBUTES_MAX}");
            self.problems.add(problem.found("one more attribute").expected(expected));
            self.give_up();
            return Err(Fault::Markup(self.at));
        }
        let location = self.source.location(start);
        let text = &self.text[name.clone()];
        if element.attribute(text).is_some() {
            let written = self.source.quote(name);
            let problem = Problem::new(ProblemKind::DuplicateAttribute, self.source, location);
            let problem = problem.of(self.source.quote(element.name_span.clone())).attribute(written);
            self.problems.add(problem.found("it a second time").expected("it once"));
            return Ok(());
        }
        element.attributes.push(Attribute { name: text.to_owned(), location, value, name_span: name });
        Ok(())
    }

    /// Reports a value that does not end.
    fn no_value(&mut self, element: &Element, name: Range<usize>, quote_at: usize, fault: NoValue) -> Fault {
        let (kind, at, end, expected) = match fault {
            NoValue::Expression(start, error) => {
                let at = start + error.at;
                (ProblemKind::Expression, at, at + 60, error.problem.expected())
            }
            NoValue::Quote(end) => {
                let quote = char::from(self.text.as_bytes()[quote_at]);
                (ProblemKind::Markup, quote_at, end, format!("a closing {quote} before '<'"))
            }
        };
        let problem = self.problem(kind, at).of(self.source.quote(element.name_span.clone()));
        let found = self.source.quote(at..end.min(self.text.len()));
        self.problems.add(problem.attribute(self.source.quote(name)).found(found).expected(expected));
        Fault::Value(at)
    }

    fn unexpected(&mut self, element: &Element, expected: &str) -> Fault {
        let found = match self.peek() {
            Some(_) => format!("{:?}", self.source.quote(self.at..self.next_character(self.at))),
            None => "the end of the text".to_owned(),
        };
        let problem = self.problem(ProblemKind::Markup, self.at);
        let problem = problem.of(self.source.quote(element.name_span.clone()));
        self.problems.add(problem.found(found).expected(expected));
        Fault::Markup(self.at)
    }

    /// Goes to where the tag most likely ends.
    fn skip_tag(&mut self, fault: Fault) -> End {
        let bytes = self.text.as_bytes();
        let (from, end) = match fault {
            Fault::Markup(from) => match memchr2(b'<', b'>', &bytes[from..]) {
                Some(found) if bytes[from + found] == b'>' => (from, from + found + 1),
                Some(found) => (from, from + found),
                None => {
                    self.is_lost = true;
                    (from, bytes.len())
                }
            },
            Fault::Value(from) => (from, self.next_line_tag(from)),
        };
        self.at = end;
        // An end tag on the same line belongs to what was skipped: `<a b="@("></a>`.
        let skipped = self.text.get(from..end).unwrap_or_default().trim_end();
        let is_closed =
            skipped.ends_with("/>") || skipped.rfind('<').is_some_and(|tag| skipped[tag..].starts_with("</"));
        End::Broken { is_closed }
    }

    fn name(&mut self) -> Range<usize> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let is_first =
            rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80 || *byte == b'_');
        if is_first {
            self.at += rest.iter().take_while(|byte| is_name(**byte)).count();
        }
        start..self.at
    }

    fn blanks(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The end of the character that begins at this byte.
    fn next_character(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.chars().next().map_or(0, char::len_utf8)
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':') || byte >= 0x80
}
