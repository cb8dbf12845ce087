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
    sections: [Option<Vec<Step>>; 4],
    problems: Problems,
}

impl Document {
    /// Reads a policy, `<policies>…</policies>`, with its named values and the fragments it includes.
    ///
    /// # Errors
    ///
    /// All that is wrong with it and its fragments, and what is doubtful.
    pub fn read(text: &str, values: &NamedValues, fragments: &Fragments) -> Result<Self, Problems> {
        Self::load(text, Loader::new(values, fragments, None))
    }

    /// The same, and makes it ready to be run: its expressions are compiled, and what is wrong with them
    /// is among the errors. So is a statement that is neither one of [`rows`](super::rows) nor known to
    /// the gateway.
    pub(crate) fn read_to_run(
        text: &str,
        values: &NamedValues,
        fragments: &Fragments,
        knows: &dyn Fn(&str) -> bool,
    ) -> Result<Self, Problems> {
        Self::load(text, Loader::new(values, fragments, Some(knows)))
    }

    fn load(text: &str, mut loader: Loader<'_>) -> Result<Self, Problems> {
        let sections = loader.document(text);
        check::check(&mut loader, &sections);
        let mut problems = loader.problems;
        problems.sort();
        match problems.errors() {
            [] => Ok(Self { sections, problems }),
            _ => Err(problems),
        }
    }

    /// The statements of a section, in their order; none of one that is not there.
    #[must_use]
    pub fn section(&self, section: Section) -> &[Step] {
        self.sections[section as usize].as_deref().unwrap_or_default()
    }

    /// Whether the section is there, be it empty: one that is not there is that of the scope around.
    #[must_use]
    pub fn has_section(&self, section: Section) -> bool {
        self.sections[section as usize].is_some()
    }

    /// What is doubtful, at most [`POLICY_PROBLEMS_MAX`](crate::limits::POLICY_PROBLEMS_MAX).
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        self.problems.warnings()
    }
}
