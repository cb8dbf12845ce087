//! Harness for the end-to-end tests: server processes, a raw connection, transcripts. What is tested stands in
//! `tests/`, what is said in `scripts/`.

pub mod clock;
pub mod conversation;
pub mod load;
pub mod process;
pub mod reply;
pub mod text;
pub mod transcript;
pub mod wire;
