//! One store or removal that is ready to go.

use bytes::Bytes;

use crate::metrics::{Event, Metrics};
use crate::outcome::{Cause, SkipReason};
use crate::target::Target;

/// A store or removal; its time runs already.
pub(crate) struct Write {
    pub(crate) target: Target,
    pub(crate) key: String,
    pub(crate) what: What,
}

/// What the key is to hold.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// These bytes for so many seconds.
    Value(Bytes, u32),
    /// Nothing, since there was something wrong with the value: what the key held is out of date.
    Skipped(SkipReason),
    /// Nothing.
    Nothing,
}

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    Stored,
    Skipped(SkipReason),
    Removed,
    Absent,
}

impl Write {
    /// Makes it, in the other store if the first one cannot and failing over was opted in.
    pub(crate) async fn run(&mut self, metrics: &Metrics) -> Result<Written, Cause> {
        let event = match self.what {
            What::Value(..) | What::Skipped(_) => Event::StoreUnavailable,
            What::Nothing => Event::RemoveUnavailable,
        };
        loop {
            match self.attempt().await {
                Err(cause) if self.target.turn(&cause, event, metrics) => {}
                result => return result,
            }
        }
    }

    async fn attempt(&self) -> Result<Written, Cause> {
        let (backend, budget) = (&self.target.backend, self.target.budget());
        match &self.what {
            What::Value(bytes, seconds) => {
                backend.set(&self.key, bytes, *seconds, budget).await.map(|()| Written::Stored)
            }
            What::Skipped(reason) => {
                backend.remove(&self.key, budget).await.map(|_| Written::Skipped(reason.clone()))
            }
            What::Nothing => {
                let removed = backend.remove(&self.key, budget).await?;
                Ok(if removed { Written::Removed } else { Written::Absent })
            }
        }
    }
}
