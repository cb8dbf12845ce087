//! What the tests share: real Redis servers on free ports, alone, as a cluster and under sentinels; a
//! proxy that misbehaves; and waiting with a deadline.

#![allow(dead_code, unused_imports, reason = "every test file uses a part of it")]

mod fake_cluster;
mod log;
mod proxy;
mod redis_cluster;
mod redis_server;
mod sentinels;
mod temp_dir;
mod tls_redis;
mod waiting;

pub(crate) use fake_cluster::{FakeCluster, Says};
pub(crate) use log::Log;
pub(crate) use proxy::{Mode, Proxy};
pub(crate) use redis_cluster::RedisCluster;
pub(crate) use redis_server::RedisServer;
pub(crate) use sentinels::{SERVICE, Sentinels};
pub(crate) use temp_dir::TempDir;
pub(crate) use tls_redis::{Authority, TlsRedis};
pub(crate) use waiting::{DEADLINE, connected, eventually, free_port};
