//! One operation as its client saw it. What it means is left to the model.

/// A call and what became of it. Moments only order: a recorder gives out each number once, growing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<C, A> {
    /// The moment before the request was sent.
    pub called: u64,
    /// What was asked.
    pub call: C,
    /// What became of it.
    pub outcome: Outcome<A>,
}

/// What a client knows of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<A> {
    /// It was answered: it happened, before this moment.
    Answered {
        /// The moment after the answer came.
        at: u64,
        /// The answer.
        answer: A,
    },
    /// The connection broke, the time was over, or the answer says that the outcome is unknown: it happened once, at any time
    /// after it was called, or never.
    Unknown,
}

impl<C, A> Operation<C, A> {
    /// The moment after which it cannot happen any more.
    #[must_use]
    pub fn ended(&self) -> u64 {
        match self.outcome {
            Outcome::Answered { at, .. } => at,
            Outcome::Unknown => u64::MAX,
        }
    }

    /// The answer, if there was one.
    #[must_use]
    pub fn answer(&self) -> Option<&A> {
        match &self.outcome {
            Outcome::Answered { answer, .. } => Some(answer),
            Outcome::Unknown => None,
        }
    }
}
