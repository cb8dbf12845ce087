//! What the tests share: real Redis servers on free ports, and waiting with a deadline.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use larder_client::{Cache, CacheBuilder, CachingType, StoreUsed};
use redis::IntoConnectionInfo;

/// How long anything that must happen may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A Redis of the test's own. It ends, and its folder goes, when this is dropped.
pub(crate) struct RedisServer {
    child: Child,
    pub(crate) port: u16,
    pub(crate) dir: TempDir,
    args: Vec<String>,
}

impl RedisServer {
    /// A Redis without a password.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A Redis with further arguments; `DIR` in them is a folder of its own.
    pub(crate) async fn start_with(args: &[&str]) -> Self {
        let dir = TempDir::new();
        let args = args.iter().map(|arg| arg.replace("DIR", dir.path().to_str().unwrap())).collect();
        let port = free_port();
        let mut server = Self { child: spawn_redis(port, &args, dir.path()), port, dir, args };
        server.wait_until_it_answers().await;
        server
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, empty, on the same port.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn_redis(self.port, &self.args, self.dir.path());
        self.wait_until_it_answers().await;
    }

    /// Sends the process a signal: `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(done.unwrap().success());
    }

    /// Sends a command as another client would, and gives its answer.
    pub(crate) fn ask(&self, words: &[&str]) -> redis::Value {
        self.ask_as("", words)
    }

    /// As `ask`, with `USER:PASSWORD@` before the host.
    pub(crate) fn ask_as(&self, login: &str, words: &[&str]) -> redis::Value {
        let info = format!("redis://{login}{}", self.address()).into_connection_info().unwrap();
        // Some tests count what a server was asked: nothing but the words is sent.
        let quiet = info.redis_settings().clone().set_skip_set_lib_name();
        let client = redis::Client::open(info.set_redis_settings(quiet)).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query(&mut connection).unwrap()
    }

    /// The string that a key holds, as `redis-cli get` shows it.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        redis::from_redis_value(self.ask(&["GET", key])).unwrap()
    }

    /// How many keys there are.
    pub(crate) fn keys(&self) -> i64 {
        redis::from_redis_value(self.ask(&["DBSIZE"])).unwrap()
    }

    async fn wait_until_it_answers(&mut self) {
        let address = self.address();
        eventually("redis-server answers", async || {
            assert!(self.child.try_wait().unwrap().is_none(), "redis-server ended at its start");
            let client = redis::Client::open(format!("redis://{address}")).unwrap();
            let answer = client
                .get_connection()
                .and_then(|mut connection| redis::cmd("DBSIZE").query(&mut connection));
            match answer {
                Ok(redis::Value::Int(_)) => true,
                Ok(_) => false,
                // A password is asked for: it is there.
                Err(error) => error.code().is_some_and(|code| code == "NOAUTH"),
            }
        })
        .await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn_redis(port: u16, args: &Vec<String>, dir: &Path) -> Child {
    Command::new("redis-server")
        .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--dir", dir.to_str().unwrap()])
        .args(args)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A cache whose connections are there.
pub(crate) async fn connected(builder: CacheBuilder) -> Cache {
    let cache = builder.build().unwrap();
    for caching_type in CachingType::ALL {
        let configured = cache.report().store_for(caching_type) != StoreUsed::None;
        assert_eq!(cache.connected(caching_type, DEADLINE).await, configured, "{caching_type}");
    }
    cache
}

/// Asks until it is so; fails after the deadline.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, asking).await.is_ok(), "in {DEADLINE:?} it never was so: {what}");
}

/// A folder that goes when this is dropped.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("larder-client-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
