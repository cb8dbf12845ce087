//! Whole conversations without a socket: bytes through the parser and every command over a store, each reply judged.
//! Used by the property test and by the fuzz targets.

mod cut;
mod driver;
mod oracle;
mod phrase;

pub use cut::same_however_cut;
pub use driver::Driver;
pub use oracle::one_reply;
pub use phrase::{Phrase, Said, commands_that_can_be_said};
