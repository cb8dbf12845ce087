//! A document and the fragments it includes: each text read once, then put together.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use super::element::{Builder, Knows, Step};
use super::fragments::{self, Fragment, Fragments};
use super::named::{self, NamedValues};
use super::position::Location;
use super::problem::{Problem, ProblemKind};
use super::problems::Problems;
use super::reader::{self, Tree};
use super::section::Section;
use super::source::Source;
use super::tree::{Element, Node};
use crate::expression::Position;
use crate::limits::{POLICY_BYTES_MAX, POLICY_FRAGMENT_DEPTH_MAX, POLICY_FRAGMENTS_MAX};

/// What is read so far.
pub(super) struct Loader<'a> {
    values: &'a NamedValues,
    texts: &'a Fragments,
    /// The statements that the gateway knows, if the document is to be run.
    knows: Option<Knows<'a>>,
    pub(super) problems: Problems,
    sources: HashMap<Option<Arc<str>>, Source>,
    read: HashMap<Arc<str>, Vec<Step>>,
    done: HashMap<Arc<str>, Arc<Fragment>>,
    /// How deep fragments include fragments, themselves counted.
    heights: HashMap<Arc<str>, usize>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(values: &'a NamedValues, texts: &'a Fragments, knows: Option<Knows<'a>>) -> Self {
        Self {
            values,
            texts,
            knows,
            problems: Problems::default(),
            sources: HashMap::new(),
            read: HashMap::new(),
            done: HashMap::new(),
            heights: HashMap::new(),
        }
    }

    /// The statements of a document, by section, their fragments in them.
    pub(super) fn document(&mut self, text: &str) -> [Option<Vec<Step>>; 4] {
        let mut sections = self.sections(text);
        let mut wanted = Vec::new();
        sections.iter().flatten().for_each(|steps| fragments::included(steps, &mut wanted));
        self.read_fragments(wanted.iter().cloned().collect());
        for (id, location) in &wanted {
            self.put_together(id, location, &mut Vec::new());
        }
        sections.iter_mut().flatten().for_each(|steps| fragments::put_in(steps, &self.done));
        sections
    }

    /// A problem at a place of any of the texts.
    pub(super) fn problem(&self, kind: ProblemKind, location: &Location) -> Option<Problem> {
        let source = self.sources.get(&location.fragment)?;
        Some(Problem::new(kind, source, location.clone()))
    }

    fn sections(&mut self, text: &str) -> [Option<Vec<Step>>; 4] {
        let mut sections = [const { None }; 4];
        let Some((source, root)) = self.root(None, text, "policies") else { return sections };
        let mut seen = [false; 4];
        let mut builder = Builder::new(&source, &mut self.problems, self.knows);
        for node in root.children {
            match node {
                Node::Text(text) => {
                    let span = source.without_blanks(text.span);
                    let place = source.location(span.start);
                    let problem = Problem::new(ProblemKind::Text, &source, place).of("policies");
                    let found = format!("\"{}\"", source.quote(span));
                    builder.problems.add(problem.found(found).expected(SECTIONS));
                }
                Node::Element(element) => match Section::find(&element.name) {
                    Some(section) if !std::mem::replace(&mut seen[section as usize], true) => {
                        builder.no_attributes(&element);
                        builder.section = Some(section);
                        sections[section as usize] = Some(builder.steps(element));
                        builder.section = None;
                    }
                    known => {
                        let expected = known.map_or(SECTIONS.to_owned(), |known| format!("<{known}> once"));
                        let problem = Problem::new(ProblemKind::Section, &source, element.location);
                        let found = format!("<{}>", source.quote(element.name_span));
                        builder.problems.add(problem.of("policies").found(found).expected(expected));
                    }
                },
            }
        }
        self.sources.insert(None, source);
        sections
    }

    /// Reads these fragments, and those they include, each once.
    fn read_fragments(&mut self, mut wanted: VecDeque<(Arc<str>, Location)>) {
        while let Some((id, location)) = wanted.pop_front() {
            if self.read.contains_key(&id) {
                continue;
            }
            let text = self.texts.text(&id);
            let problem = match text {
                None => Some((ProblemKind::UnknownFragment, "the id of a fragment".to_owned())),
                Some(_) if self.read.len() == POLICY_FRAGMENTS_MAX => {
                    Some((ProblemKind::Limit, format!("at most {POLICY_FRAGMENTS_MAX} fragments")))
                }
                Some(_) => None,
            };
            if let Some((kind, expected)) = problem {
                self.refuse(kind, &id, &location, &expected);
                continue;
            }
            let steps = self.fragment(&id, text.unwrap_or_default());
            let mut inner = Vec::new();
            fragments::included(&steps, &mut inner);
            wanted.extend(inner);
            self.read.insert(id, steps);
        }
    }

    fn fragment(&mut self, id: &Arc<str>, text: &str) -> Vec<Step> {
        let Some((source, root)) = self.root(Some(id.clone()), text, "fragment") else { return Vec::new() };
        let mut builder = Builder::new(&source, &mut self.problems, self.knows);
        builder.no_attributes(&root);
        let steps = builder.steps(root);
        self.sources.insert(Some(id.clone()), source);
        steps
    }

    /// The outermost element of a text.
    fn root(&mut self, fragment: Option<Arc<str>>, text: &str, name: &str) -> Option<(Source, Element)> {
        let named = named::put_in(self.values, fragment.clone(), text);
        let source = named.source;
        let start = || Location { fragment: fragment.clone(), position: Position::START };
        if named.too_long {
            let problem = Problem::new(ProblemKind::Limit, &source, start()).found("a longer text");
            let expected = format!("at most {POLICY_BYTES_MAX} bytes, named values included");
            self.problems.add(problem.expected(expected));
            return None;
        }
        let tree = reader::read(&source, &mut self.problems);
        unknown_names(&source, &tree, named.unknown, &mut self.problems);
        let (found, location) = match tree.root {
            Some(root) if root.name == name => return Some((source, root)),
            Some(root) => (format!("<{}>", source.quote(root.name_span)), root.location),
            None => ("no element".to_owned(), start()),
        };
        let problem = Problem::new(ProblemKind::Root, &source, location).found(found);
        self.problems.add(problem.expected(format!("<{name}>")));
        self.sources.insert(fragment, source);
        None
    }

    /// Puts the fragments of a fragment into it, innermost first; says how deep they go.
    fn put_together(&mut self, id: &Arc<str>, location: &Location, around: &mut Vec<Arc<str>>) -> usize {
        if around.contains(id) {
            self.refuse(
                ProblemKind::FragmentCycle,
                id,
                location,
                "a fragment that does not include this one",
            );
            return 0;
        }
        let known = self.heights.get(id).copied();
        if around.len() + known.unwrap_or(1) > POLICY_FRAGMENT_DEPTH_MAX {
            let expected = format!("at most {POLICY_FRAGMENT_DEPTH_MAX} fragments within fragments");
            self.refuse(ProblemKind::Limit, id, location, &expected);
            return 0;
        }
        let (None, Some(mut steps)) = (known, self.read.get(id).cloned()) else { return known.unwrap_or(0) };
        let mut inner = Vec::new();
        fragments::included(&steps, &mut inner);
        around.push(id.clone());
        let heights = inner.iter().map(|(id, location)| self.put_together(id, location, around));
        let height = 1 + heights.max().unwrap_or(0);
        around.pop();
        fragments::put_in(&mut steps, &self.done);
        self.heights.insert(id.clone(), height);
        self.done.insert(id.clone(), Arc::new(Fragment { id: id.clone(), steps }));
        height
    }

    fn refuse(&mut self, kind: ProblemKind, id: &str, location: &Location, expected: &str) {
        let Some(source) = self.sources.get(&location.fragment) else { return };
        let found = if source.holds(id) { format!("{id:?}") } else { "a named value".to_owned() };
        let problem = Problem::new(kind, source, location.clone()).of("include-fragment");
        self.problems.add(problem.attribute("fragment-id").found(found).expected(expected));
    }
}

/// Names without a value: errors, but in comments warnings, and in Liquid templates Liquid's.
fn unknown_names(source: &Source, tree: &Tree, unknown: Vec<Range<usize>>, problems: &mut Problems) {
    let templates = merged(&tree.templates);
    for name in unknown.into_iter().filter(|name| !covers(&templates, name.start)) {
        let kind = match covers(&tree.comments, name.start) {
            true => ProblemKind::UnknownNameInComment,
            false => ProblemKind::UnknownName,
        };
        let problem = Problem::new(kind, source, source.location(name.start));
        problems.add(problem.found(source.quote(name)).expected("the name of a named value"));
    }
}

/// Sorted, those within others left out.
fn merged(ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in sorted {
        if merged.last().is_none_or(|last| last.end <= range.start) {
            merged.push(range);
        }
    }
    merged
}

fn covers(sorted: &[Range<usize>], at: usize) -> bool {
    let count = sorted.partition_point(|range| range.start <= at);
    count > 0 && sorted[count - 1].contains(&at)
}

const SECTIONS: &str = "<inbound>, <backend>, <outbound>, <on-error>";
