//! The reader of policies and the compiler of their expressions, under any text: they end, and what they find wrong
//! stands within the text. What expressions do is looked at by `expression`.

#![no_main]

use larder_client::engine::Policy;
use larder_client::policy::{Fragments, NamedValues, Problem};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let values = NamedValues::new().with("name", "value");
    let lines = u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX).saturating_add(1);
    let check = |problems: &[Problem]| {
        for problem in problems {
            assert!(problem.location.position.line <= lines, "beyond the text: {problem}");
        }
    };
    match Policy::read(text, &values, &Fragments::new(), |_| true) {
        Ok(policy) => check(policy.document().warnings()),
        Err(problems) => check(problems.errors()),
    }
});
