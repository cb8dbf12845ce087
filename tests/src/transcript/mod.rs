//! Transcripts: files that say what is sent and what comes back, run against any server, rewritten by a flag and
//! reviewed as diffs. `scripts/README.md` describes the format.

mod diff;
mod expect;
mod run;
mod script;

pub use diff::unified;
pub use expect::{Expected, Order};
pub use run::{Outcome, Runner, Version};
pub use script::{Answer, Difference, Exchange, Item, Replies, Script, Send};
