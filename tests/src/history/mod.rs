//! What clients ask of a cache, and what they saw of it, so that it can be judged. Who asks, and over what, is left to the
//! simulation and to the tests with processes.

mod deeds;
mod recorder;

pub use deeds::{Deed, Words, a, b, error_of, had_no_effect, words};
pub use recorder::{Begun, Kind, Object, Recorder};
