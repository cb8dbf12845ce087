//! Where statements may stand, and what is better not done although it works.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::element::Step;
use super::fragments::Fragment;
use super::load::Loader;
use super::position::Location;
use super::problem::ProblemKind;
use super::row::{Flags, Row};
use super::rows;
use super::section::Section;
use super::statement::Statement;

/// Checks a document whose fragments have been put in. A fragment is checked once for each section.
pub(super) fn check(loader: &mut Loader<'_>, sections: &[Option<Vec<Step>>; 4]) {
    let mut check =
        Check { loader, included: VecDeque::new(), fragments: HashSet::new(), first: First::default() };
    for section in Section::ALL {
        check.section(section, sections[section as usize].as_deref().unwrap_or_default());
    }
    check.pairs();
}

struct Check<'a, 'b> {
    loader: &'a mut Loader<'b>,
    /// Fragments included in the section, not checked yet.
    included: VecDeque<Arc<Fragment>>,
    /// Fragments met in any section.
    fragments: HashSet<Arc<str>>,
    first: First,
}

/// Where statements were met first, and whether there are rate limits.
#[derive(Default)]
struct First {
    lookup: Option<(Location, &'static str)>,
    store: Option<(Location, &'static str)>,
    unguarded: Option<(Location, &'static str)>,
    has_rate_limit: bool,
}

/// The place of a list of statements.
#[derive(Clone, Copy)]
struct Place {
    section: Section,
    is_nested: bool,
    in_fragment: bool,
    /// The fragment was not met before, in another section.
    is_new: bool,
}

impl Check<'_, '_> {
    fn section(&mut self, section: Section, steps: &[Step]) {
        let mut once = HashSet::new();
        let place = Place { section, is_nested: false, in_fragment: false, is_new: true };
        self.steps(steps, place, &mut once);
        let mut seen = HashSet::new();
        while let Some(fragment) = self.included.pop_front() {
            if seen.insert(fragment.id.clone()) {
                let is_new = self.fragments.insert(fragment.id.clone());
                self.steps(&fragment.steps, Place { in_fragment: true, is_new, ..place }, &mut once);
            }
        }
    }

    /// `once`: what stands once in the section so far, and whether the second has been told.
    fn steps(&mut self, steps: &[Step], place: Place, once: &mut HashSet<(&'static str, bool)>) {
        for step in steps {
            if let Statement::IncludeFragment(include) = &step.statement {
                self.included.push_back(include.fragment.clone());
            }
            if let Some(row) = rows::find(&step.name) {
                self.placement(step, row, place);
                self.warnings(step, row, place, once);
                self.note(step, row);
            }
            for block in step.statement.blocks() {
                self.steps(block, Place { is_nested: true, ..place }, once);
            }
        }
    }

    fn placement(&mut self, step: &Step, row: &'static Row, place: Place) {
        if !row.sections.contains(place.section) {
            let expected = format!("it in {}", row.sections);
            self.add(ProblemKind::WrongSection, step, place, ("it here", &expected));
        }
        if row.flags.has(Flags::SECTION_ONLY) && place.in_fragment && place.is_new {
            self.add(ProblemKind::BaseInFragment, step, place, ("it in a fragment", "it in a section"));
        } else if row.flags.has(Flags::SECTION_ONLY) && place.is_nested && place.is_new {
            self.add(
                ProblemKind::BaseNested,
                step,
                place,
                ("it within a statement", "it in a section itself"),
            );
        }
    }

    fn warnings(
        &mut self,
        step: &Step,
        row: &'static Row,
        place: Place,
        once: &mut HashSet<(&'static str, bool)>,
    ) {
        let name = row.element.name;
        let is_second = row.flags.has(Flags::ONCE_PER_SECTION) && !once.insert((name, false));
        if is_second && once.insert((name, true)) {
            let found = "it again in the section";
            self.add(ProblemKind::OncePerSection, step, place, (found, "it once, says the manual"));
        }
        if row.flags.has(Flags::NOT_IN_FRAGMENT) && place.in_fragment && place.is_new {
            let found = "it in a fragment";
            self.add(ProblemKind::InFragment, step, place, (found, "it in no fragment, says the manual"));
        }
    }

    fn note(&mut self, step: &Step, row: &'static Row) {
        let here = || Some((step.location.clone(), row.element.name));
        let first = &mut self.first;
        if row.flags.has(Flags::RESPONSE_LOOKUP) && first.lookup.is_none() {
            first.lookup = here();
        }
        if row.flags.has(Flags::RESPONSE_STORE) && first.store.is_none() {
            first.store = here();
        }
        if row.flags.has(Flags::WANTS_RATE_LIMIT) && first.unguarded.is_none() {
            first.unguarded = here();
        }
        first.has_rate_limit |= row.flags.has(Flags::RATE_LIMIT);
    }

    /// What one statement wants of another, in the whole of the document.
    fn pairs(&mut self) {
        let First { lookup, store, unguarded, has_rate_limit } = std::mem::take(&mut self.first);
        let (kind, alone, expected) = match (&lookup, &store) {
            (Some(_), None) => (
                ProblemKind::LookupWithoutStore,
                lookup,
                "a cache-store in outbound, here or in the scope around",
            ),
            (None, Some(_)) => (
                ProblemKind::StoreWithoutLookup,
                store,
                "a cache-lookup in inbound, here or in the scope around",
            ),
            _ => (ProblemKind::LookupWithoutStore, None, ""),
        };
        self.warn(kind, alone, expected);
        if !has_rate_limit {
            let expected = "a rate limit after it, for the time when the cache is away";
            self.warn(ProblemKind::NoRateLimit, unguarded, expected);
        }
    }

    fn warn(&mut self, kind: ProblemKind, place: Option<(Location, &'static str)>, expected: &str) {
        let Some((location, name)) = place else { return };
        if let Some(problem) = self.loader.problem(kind, &location) {
            self.loader.problems.add(problem.of(name).found("it alone").expected(expected));
        }
    }

    /// What was found, and what was expected.
    fn add(&mut self, kind: ProblemKind, step: &Step, place: Place, (found, expected): (&str, &str)) {
        if let Some(problem) = self.loader.problem(kind, &step.location) {
            let problem = problem.section(Some(place.section)).of(&*step.name);
            self.loader.problems.add(problem.found(found).expected(expected));
        }
    }
}
