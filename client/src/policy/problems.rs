//! All problems of a policy, bounded and in order.

use std::fmt;

use super::problem::Problem;
use crate::limits::POLICY_PROBLEMS_MAX;

/// What was found in a policy: at most [`POLICY_PROBLEMS_MAX`] errors and as many warnings, in the order
/// of the document, then of its fragments by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    is_cut: bool,
}

impl Problems {
    pub(super) fn add(&mut self, problem: Problem) {
        let list = if problem.is_error() { &mut self.errors } else { &mut self.warnings };
        if list.len() < POLICY_PROBLEMS_MAX {
            list.push(problem);
        } else {
            self.is_cut = true;
        }
    }

    /// Whether further errors would not be kept.
    pub(super) fn is_full(&self) -> bool {
        self.errors.len() == POLICY_PROBLEMS_MAX
    }

    pub(super) fn sort(&mut self) {
        let place = |problem: &Problem| (problem.location.fragment.clone(), problem.location.position);
        self.errors.sort_by_key(place);
        self.warnings.sort_by_key(place);
    }

    /// What must be put right before the policy can be used.
    #[must_use]
    pub fn errors(&self) -> &[Problem] {
        &self.errors
    }

    /// What is doubtful.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Whether there are more than are kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// One line for each, errors first; `{:#}` with the lines of the policy.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.errors.iter().chain(&self.warnings).enumerate() {
            f.write_str(if place == 0 { "" } else { "\n" })?;
            problem.fmt(f)?;
        }
        f.write_str(if self.is_cut { "\nand more" } else { "" })
    }
}

impl std::error::Error for Problems {}
