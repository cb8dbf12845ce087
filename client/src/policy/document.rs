//! A policy that has been read.

use super::check;
use super::element::Step;
use super::fragments::Fragments;
use super::load::Loader;
use super::named::NamedValues;
use super::problem::Problem;
use super::problems::Problems;
use super::section::Section;

/// A policy without errors: the statements of its sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    sections: [Vec<Step>; 4],
    problems: Problems,
}

impl Document {
    /// Reads a policy, `<policies>…</policies>`, with its named values and the fragments it includes.
    ///
    /// # Errors
    ///
    /// All that is wrong with it and its fragments, and what is doubtful.
    pub fn read(text: &str, values: &NamedValues, fragments: &Fragments) -> Result<Self, Problems> {
        let mut loader = Loader::new(values, fragments);
        let sections = loader.document(text);
        check::check(&mut loader, &sections);
        let mut problems = loader.problems;
        problems.sort();
        match problems.errors() {
            [] => Ok(Self { sections, problems }),
            _ => Err(problems),
        }
    }

    /// The statements of a section, in their order.
    #[must_use]
    pub fn section(&self, section: Section) -> &[Step] {
        &self.sections[section as usize]
    }

    /// What is doubtful, at most [`POLICY_PROBLEMS_MAX`](crate::limits::POLICY_PROBLEMS_MAX).
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        self.problems.warnings()
    }
}
