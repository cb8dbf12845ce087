//! What an evaluation is given besides the request's context, and how it can fail.

use std::fmt;
use std::time::Duration;

use super::position::Position;
use crate::dotnet::Exception;
use crate::guard::{Clock, Random, WallClock};
use crate::limits;

/// What an evaluation is given besides the context: time, chance and limits.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The clock; `started` of the context is its time.
    pub clock: &'a dyn Clock,
    /// The date.
    pub wall_clock: &'a dyn WallClock,
    /// For `Guid.NewGuid()` and `Random`.
    pub random: &'a dyn Random,
    /// How much one evaluation may do.
    pub limits: EvaluationLimits,
}

/// How much one evaluation may do. What goes beyond is a [`Failure`], which no `catch` sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluationLimits {
    /// Operators, calls and statements that are carried out.
    pub steps: u64,
    /// Operators, calls and statements within one another, those of lambdas included. More than
    /// [`limits::EVALUATION_DEPTH_MAX`] are never allowed.
    pub depth: u32,
    /// Bytes of texts, lists and JSON that are made, also those that are not kept.
    pub bytes: u64,
    /// The time from the beginning.
    pub time: Duration,
}

impl Default for EvaluationLimits {
    fn default() -> Self {
        Self {
            steps: limits::EVALUATION_STEPS_DEFAULT,
            depth: limits::EVALUATION_DEPTH_MAX,
            bytes: limits::EVALUATION_BYTES_DEFAULT,
            time: limits::EVALUATION_TIME_DEFAULT,
        }
    }
}

/// An evaluation that ended with an exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Where in the document it was thrown.
    pub at: Position,
    /// What was thrown.
    pub exception: Exception,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.exception)
    }
}

impl std::error::Error for Failure {}
