//! A real Redis on a free port.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use redis::IntoConnectionInfo;

use super::{TempDir, eventually, free_port};

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

    /// Starts it again, with other arguments.
    pub(crate) async fn start_again_with(&mut self, args: &[&str]) {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.start_again().await;
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
