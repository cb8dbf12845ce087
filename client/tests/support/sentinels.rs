//! A primary, a replica, and sentinels that watch them.

use std::process::{Child, Command, Stdio};

use redis::IntoConnectionInfo;

use super::{RedisServer, TempDir, eventually, free_port};

/// The name of the primary.
pub(crate) const SERVICE: &str = "main";

/// Two servers, `servers[0]` the primary at the start, and three sentinels.
pub(crate) struct Sentinels {
    pub(crate) servers: Vec<RedisServer>,
    sentinels: Vec<(Child, u16)>,
    login: String,
    _dir: TempDir,
}

impl Sentinels {
    /// Without passwords, or with `password` at the servers and `user:password` at the sentinels.
    pub(crate) async fn start(passwords: Option<(&str, &str, &str)>) -> Self {
        let server_login: Vec<&str> = match passwords {
            Some((password, _, _)) => vec!["--requirepass", password, "--masterauth", password],
            None => Vec::new(),
        };
        let mut servers = Vec::new();
        for _ in 0..2 {
            let args = [&server_login[..], &["--repl-diskless-sync-delay", "0"]].concat();
            servers.push(RedisServer::start_with(&args).await);
        }
        let port = servers[0].port;
        let server = passwords.map_or(String::new(), |(password, _, _)| format!(":{password}@"));
        servers[1].ask_as(&server, &["REPLICAOF", "127.0.0.1", &port.to_string()]);
        let dir = TempDir::new();
        let sentinels = (0..3).map(|number| start_sentinel(&dir, number, port, passwords)).collect();
        let login = passwords.map_or(String::new(), |(_, user, password)| format!("{user}:{password}@"));
        let group = Self { servers, sentinels, login, _dir: dir };
        group.settle(&server).await;
        group
    }

    /// `HOST:PORT,HOST:PORT,HOST:PORT`.
    pub(crate) fn addresses(&self) -> String {
        let addresses: Vec<String> =
            self.sentinels.iter().map(|(_, port)| format!("127.0.0.1:{port}")).collect();
        addresses.join(",")
    }

    /// Asks a sentinel.
    pub(crate) fn ask(&self, sentinel: usize, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let port = self.sentinels[sentinel].1;
        let info = format!("redis://{}127.0.0.1:{port}", self.login).into_connection_info()?;
        let quiet = info.redis_settings().clone().set_skip_set_lib_name();
        let client = redis::Client::open(info.set_redis_settings(quiet))?;
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| _ = command.arg(*word));
        command.query(&mut client.get_connection()?)
    }

    async fn settle(&self, server_login: &str) {
        eventually("the replica is in step", async || {
            let info = self.servers[1].ask_as(server_login, &["INFO", "replication"]);
            redis::from_redis_value::<String>(info).unwrap().contains("master_link_status:up")
        })
        .await;
        eventually("the sentinels know the replica and each other", async || {
            (0..3).all(|sentinel| {
                let knows = |what: &str, count: usize| {
                    let answer = self.ask(sentinel, &["SENTINEL", what, SERVICE]);
                    let rows =
                        answer.and_then(|rows| Ok(redis::from_redis_value::<Vec<redis::Value>>(rows)?));
                    rows.is_ok_and(|rows| rows.len() == count)
                };
                knows("REPLICAS", 1) && knows("SENTINELS", 2)
            })
        })
        .await;
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for (child, _) in &mut self.sentinels {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start_sentinel(
    dir: &TempDir,
    number: usize,
    primary: u16,
    passwords: Option<(&str, &str, &str)>,
) -> (Child, u16) {
    let port = free_port();
    let config = dir.path().join(format!("sentinel-{number}.conf"));
    let mut lines = format!(
        "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {SERVICE} 127.0.0.1 {primary} 2\n\
         sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 3000\n",
        dir.path().display()
    );
    if let Some((server, user, password)) = passwords {
        lines += &format!("sentinel auth-pass {SERVICE} {server}\n");
        // Sentinels speak to each other as this user.
        lines += &format!("user default off\nuser {user} on >{password} ~* &* +@all\n");
        lines += &format!("sentinel sentinel-user {user}\nsentinel sentinel-pass {password}\n");
    }
    std::fs::write(&config, lines).unwrap();
    let mut command = Command::new("redis-server");
    (command.arg(&config).arg("--sentinel").stdout(Stdio::null()).spawn().unwrap(), port)
}
