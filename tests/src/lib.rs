//! Harness for the end-to-end tests: server processes, a raw connection, transcripts, HTTP. What is tested stands in
//! `tests/`, what is said in `scripts/`.

pub mod asking;
pub mod backend;
pub mod clock;
pub mod conversation;
pub mod gateway;
pub mod http;
pub mod load;
pub mod process;
pub mod reply;
pub mod stats;
pub mod text;
pub mod transcript;
pub mod wire;
