//! Rules that a test of the tests may break, to see that it is noticed. Nothing of this is compiled but with the feature of the
//! same name; without it no rule is ever broken.

use std::cell::Cell;

/// What can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A node serves only while it holds a lease.
    Lease,
    /// A reply waits for every in-sync copy.
    InSync,
    /// A copy applies effects in the order in which they happened.
    Order,
}

/// Breaks a rule on this thread, or none any more.
pub fn break_rule(rule: Option<Rule>) {
    BROKEN.set(rule);
}

/// Whether this rule is broken.
pub(crate) fn is_broken(rule: Rule) -> bool {
    BROKEN.get() == Some(rule)
}

thread_local! {
    static BROKEN: Cell<Option<Rule>> = const { Cell::new(None) };
}
