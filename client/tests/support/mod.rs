//! What the tests share: real Redis servers on free ports, and waiting with a deadline.

#![allow(dead_code, unused_imports, reason = "every test file uses a part of it")]

mod log;
mod redis_server;
mod temp_dir;
mod waiting;

pub(crate) use log::Log;
pub(crate) use redis_server::RedisServer;
pub(crate) use temp_dir::TempDir;
pub(crate) use waiting::{DEADLINE, connected, eventually, free_port};
