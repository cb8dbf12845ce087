//! What is said on a link, and what it says when a command got no value: the server's own refusal, or
//! that there was no answer.

use std::sync::Arc;

use redis::{Cmd, RedisError};

use crate::outcome::Cause;

/// A command, and how it is said.
#[derive(Clone, Copy)]
pub(crate) struct Say<'a> {
    pub(crate) command: &'a Cmd,
    /// ASKING before it: the slot is on its way to this node.
    pub(crate) asking: bool,
    /// Whether it may be carried out twice: then it is sent once more if its connection ends.
    pub(crate) repeatable: bool,
}

impl<'a> Say<'a> {
    pub(crate) fn plain(command: &'a Cmd) -> Self {
        Self { command, asking: false, repeatable: true }
    }

    /// For a command that counts each time it is carried out.
    pub(crate) fn once(command: &'a Cmd) -> Self {
        Self { repeatable: false, ..Self::plain(command) }
    }
}

/// Why a command got no value.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The server answered with an error.
    Refused(Refusal),
    /// It did not answer, or was not asked.
    Unanswered(Cause),
}

/// A server's error.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Its first word, `WRONGTYPE` for example.
    pub(crate) code: Arc<str>,
    /// The rest of it, which may quote what was asked: never shown.
    detail: Option<Box<str>>,
}

impl Refusal {
    pub(super) fn new(error: &RedisError, code: &str) -> Self {
        Self { code: code.into(), detail: error.detail().map(Box::from) }
    }

    /// The rest of the server's words.
    pub(crate) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Whether the server does not know the command.
    pub(crate) fn is_unknown_command(&self) -> bool {
        &*self.code == "ERR"
            && self.detail.as_deref().is_some_and(|detail| detail.starts_with("unknown command"))
    }
}

impl From<Cause> for CallError {
    fn from(cause: Cause) -> Self {
        Self::Unanswered(cause)
    }
}

impl From<CallError> for Cause {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => Self::Refused(refusal.code),
            CallError::Unanswered(cause) => cause,
        }
    }
}
