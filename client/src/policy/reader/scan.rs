//! The walk through a document: markup, text, and the elements that are open.
//!
//! XML, with two differences. An expression, in an attribute or a text, ends where its brackets end,
//! whatever quotes, `<`, `>` and `&` it holds. And after an error the walk goes on where a tag most
//! likely begins, so that all errors are found at once. There is no document type and no entity but
//! the five of XML.

use std::ops::Range;

use memchr::{memchr, memmem};

use crate::limits::POLICY_DEPTH_MAX;
use crate::policy::problem::{Problem, ProblemKind};
use crate::policy::problems::Problems;
use crate::policy::section::Section;
use crate::policy::source::Source;
use crate::policy::tree::{Element, Node, Value};

/// What was read of a text.
#[derive(Default)]
pub(in crate::policy) struct Tree {
    /// The outermost element; none if there is no element at all.
    pub(in crate::policy) root: Option<Element>,
    /// Where comments stand.
    pub(in crate::policy) comments: Vec<Range<usize>>,
    /// Where Liquid templates stand, whose own `{{…}}` are no named values.
    pub(in crate::policy) templates: Vec<Range<usize>>,
}

/// Reads a text. What is wrong with it is added to the problems; the tree holds what could be read.
pub(in crate::policy) fn read(source: &Source, problems: &mut Problems) -> Tree {
    let reader = Reader {
        source,
        text: source.text(),
        at: 0,
        open: Vec::new(),
        elements: 0,
        attempts: 0,
        is_lost: false,
        tree: Tree::default(),
        problems,
    };
    reader.run()
}

pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) open: Vec<Open>,
    /// Elements so far.
    pub(super) elements: usize,
    /// Expressions in the middle of a text that turned out to be none.
    pub(super) attempts: usize,
    /// The end was reached by skipping: what is not closed then is no news.
    pub(super) is_lost: bool,
    pub(super) tree: Tree,
    pub(super) problems: &'a mut Problems,
}

/// An element whose end has not come yet.
pub(super) struct Open {
    pub(super) element: Element,
    /// The text since the last element in it.
    pub(super) text: Option<Value>,
    /// Its tag could not be read, or a tag in it: it may be closed already.
    pub(super) is_uncertain: bool,
}

impl Reader<'_> {
    fn run(mut self) -> Tree {
        while self.at < self.text.len() && !self.problems.is_full() {
            match self.text.as_bytes()[self.at] {
                b'<' => self.markup(),
                _ => self.characters(),
            }
        }
        if self.at > self.text.len() {
            self.at = self.text.len();
        }
        while let Some(open) = self.open.pop() {
            if !self.is_lost && !open.is_uncertain && !self.problems.is_full() {
                let expected = format!("</{}>", self.source.quote(open.element.name_span.clone()));
                let problem = self.problem(ProblemKind::Tag, self.text.len());
                self.problems.add(problem.found("the end of the text").expected(expected));
            }
            self.attach(open);
        }
        self.tree
    }

    fn markup(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        match rest {
            [b'<', b'!', b'-', b'-', ..] => self.comment(),
            [b'<', b'!', ..] if rest.starts_with(CDATA) => self.cdata(),
            [b'<', b'!', ..] => self.document_type(),
            [b'<', b'?', ..] => drop(self.skip_to("?>", 2)),
            [b'<', b'/', ..] => self.end_tag(),
            _ => self.start_tag(),
        }
    }

    fn comment(&mut self) {
        let start = self.at;
        self.skip_to("-->", 4);
        self.tree.comments.push(start..self.at);
    }

    fn cdata(&mut self) {
        let start = self.at + CDATA.len();
        if let Some(end) = self.skip_to("]]>", CDATA.len()) {
            self.add_plain(start..end);
        }
    }

    /// Refused, for it could define entities; what follows it is read.
    fn document_type(&mut self) {
        let start = self.at;
        let problem = self.problem(ProblemKind::DocumentType, start).found("<!");
        self.problems.add(problem.expected("an element; no document type is read"));
        let rest = &self.text.as_bytes()[start..];
        let close = memchr(b'>', rest).unwrap_or(rest.len());
        let end = match memchr(b'[', &rest[..close]) {
            Some(_) => memmem::find(rest, b"]>").map(|end| end + 2),
            None => Some(close + 1),
        };
        self.at = start + end.unwrap_or(rest.len()).min(rest.len());
    }

    /// Goes behind the next `end`, which is not looked for in the first bytes; says where it stands.
    fn skip_to(&mut self, end: &str, opening: usize) -> Option<usize> {
        let from = (self.at + opening).min(self.text.len());
        if let Some(found) = memmem::find(&self.text.as_bytes()[from..], end.as_bytes()) {
            self.at = from + found + end.len();
            return Some(from + found);
        }
        let found = self.source.quote(self.at..from);
        let problem = self.problem(ProblemKind::Markup, self.at).found(format!("{found} to the end"));
        self.problems.add(problem.expected(end));
        self.at = self.text.len();
        self.is_lost = true;
        None
    }

    /// Opens an element, unless it is too deep, which ends the walk.
    pub(super) fn open(&mut self, element: Element, is_uncertain: bool) {
        if self.open.len() == POLICY_DEPTH_MAX {
            let location = element.location.clone();
            let problem = Problem::new(ProblemKind::Limit, self.source, location);
            let found = "one more element within elements";
            self.problems.add(problem.found(found).expected(format!("at most {POLICY_DEPTH_MAX}")));
            return self.give_up();
        }
        self.open.push(Open { element, text: None, is_uncertain });
    }

    /// Nothing more is read.
    pub(super) fn give_up(&mut self) {
        self.at = self.text.len();
        self.is_lost = true;
    }

    /// Puts a complete element into the one around it.
    pub(super) fn attach(&mut self, open: Open) {
        let Open { mut element, text, .. } = open;
        let text = text.filter(|text| !text.text.trim().is_empty());
        element.children.extend(text.map(Node::Text));
        if element.attribute("template").is_some_and(|value| value.text == "liquid") {
            self.tree.templates.push(element.inner.clone());
        }
        match self.open.last_mut() {
            Some(around) => {
                let before = around.text.take().filter(|text| !text.text.trim().is_empty());
                around.element.children.extend(before.map(Node::Text));
                around.element.children.push(Node::Element(element));
            }
            None if self.tree.root.is_none() => self.tree.root = Some(element),
            None => {
                let found = format!("<{}>", self.source.quote(element.name_span.clone()));
                let problem = Problem::new(ProblemKind::Root, self.source, element.location);
                self.problems.add(problem.found(found).expected("one outermost element"));
            }
        }
    }

    /// A problem in the element that is open.
    pub(super) fn problem(&self, kind: ProblemKind, at: usize) -> Problem {
        let section = self.open.get(1).and_then(|open| Section::find(&open.element.name));
        let problem = Problem::new(kind, self.source, self.source.location(at)).section(section);
        match self.open.last() {
            Some(open) => problem.of(self.source.quote(open.element.name_span.clone())),
            None => problem,
        }
    }
}

const CDATA: &[u8] = b"<![CDATA[";
