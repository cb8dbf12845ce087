//! What published policies use caches for: the words after `shows:`.

/// A use.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use {
    /// The word for it in a case.
    pub(crate) name: &'static str,
    /// How many cases there must be of it at least.
    pub(crate) least: usize,
}

/// The use of this name.
pub(crate) fn find(name: &str) -> Option<&'static Use> {
    USES.iter().find(|row| row.name == name)
}

/// All of them.
pub(crate) static USES: &[Use] = &[
    Use { name: "access token", least: 5 },
    Use { name: "random part", least: 2 },
    Use { name: "backend-down flag", least: 3 },
    Use { name: "counter", least: 3 },
    Use { name: "idempotency key", least: 3 },
    Use { name: "login session", least: 3 },
    Use { name: "permission map", least: 3 },
    Use { name: "CORS map", least: 2 },
    Use { name: "whole response", least: 3 },
    Use { name: "cache away", least: 5 },
];
