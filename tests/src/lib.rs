//! Harness for the end-to-end tests: server processes, a raw connection, transcripts, HTTP. What is tested stands in
//! `tests/`, what is said in `scripts/`.

pub mod asking;
pub mod backend;
pub mod clock;
pub mod cluster_process;
pub mod conversation;
pub mod drill;
pub mod gateway;
pub mod history;
pub mod http;
pub mod linear;
pub mod load;
pub mod namespaces;
pub mod process;
pub mod reply;
pub mod simulation;
pub mod stats;
pub mod text;
pub mod transcript;
pub mod wire;
pub mod witness;
