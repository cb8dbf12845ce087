//! Real cluster clients against a cluster of each kind: redis-py, ioredis, node-redis, redis-cli and redis-benchmark as
//! scripts under `clients/`, redis-rs and fred here. Once a client has found everything as wanted it goes on writing and
//! reading; against Larder a node is drained meanwhile, and no client may see an error or miss a write.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use fred::prelude::{
    Builder, ClientLike, Config, KeysInterface, ServerConfig, TransactionInterface, Value as FredValue,
};
use larder_tests::cluster_process::{Cluster, RedisCluster};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncCommands, RedisResult};

#[test]
fn redis_py_follows() {
    follow(tools().join("venv/bin/python"), "cluster_redis_py.py");
}

#[test]
fn ioredis_follows() {
    follow("node".into(), "cluster_ioredis.mjs");
}

#[test]
fn node_redis_follows() {
    follow("node".into(), "cluster_node_redis.mjs");
}

#[test]
fn redis_cli_and_redis_benchmark_follow() {
    follow("bash".into(), "cluster_command_line.sh");
}

#[test]
fn redis_rs_follows() {
    let runtime = runtime();
    let redis = RedisCluster::start(3);
    runtime.block_on(converse(redis.ports(), async || {})).unwrap_or_else(|error| panic!("Redis: {error}"));
    let cluster = Cluster::start(3, PATIENT);
    let moved = runtime.block_on(converse(&cluster.cluster_ports(), async || drain(&cluster)));
    moved.unwrap_or_else(|error| panic!("Larder: {error}"));
}

#[test]
fn fred_follows() {
    let runtime = runtime();
    let redis = RedisCluster::start(3);
    runtime
        .block_on(converse_fred(redis.ports(), async || {}))
        .unwrap_or_else(|error| panic!("Redis: {error}"));
    let cluster = Cluster::start(3, PATIENT);
    let moved = runtime.block_on(converse_fred(&cluster.cluster_ports(), async || drain(&cluster)));
    moved.unwrap_or_else(|error| panic!("Larder: {error}"));
}

/// The last node hands over all it has.
fn drain(cluster: &Cluster) {
    let output = cluster.verb(cluster.len() - 1, &["drain"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "drain: {told}\n{}", cluster.outputs());
}

/// Runs a script against both kinds of cluster.
fn follow(program: PathBuf, script: &str) {
    let redis = RedisCluster::start(3);
    let mut running = Script::start(&program, script, redis.ports());
    running.wait_until_ready();
    running.finish(&String::new);
    let cluster = Cluster::start(3, PATIENT);
    let mut running = Script::start(&program, script, &cluster.cluster_ports());
    running.wait_until_ready();
    drain(&cluster);
    running.finish(&|| cluster.outputs());
}

/// A client script. It says `ready`, goes on until its standard input ends, and says by its status how that went.
struct Script {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    name: String,
    said: String,
}

impl Script {
    fn start(program: &Path, script: &str, ports: &[u16]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", &SCRIPT_TIME_MAX.as_secs().to_string()]).arg(program).arg(path);
        command.args(ports.iter().map(u16::to_string)).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, input, output, name: script.to_owned(), said: String::new() }
    }

    fn wait_until_ready(&mut self) {
        while !self.said.ends_with("ready\n") {
            let bytes = self.output.read_line(&mut self.said).unwrap_or(0);
            assert!(bytes > 0, "{} ended before it was ready ({MISSING}): {}", self.name, self.said);
        }
    }

    fn finish(mut self, more: &dyn Fn() -> String) {
        drop(self.input.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let status = self.child.wait().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        assert!(status.success(), "{}: {status}\n{}{rest}{}", self.name, self.said, more());
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It has ended already unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// redis-rs. Every key holds the number of its last write, so a lost write shows.
async fn converse(ports: &[u16], change: impl AsyncFnOnce()) -> RedisResult<()> {
    let nodes = ports.iter().map(|port| format!("redis://127.0.0.1:{port}/"));
    let client = ClusterClient::builder(nodes).use_protocol(redis::ProtocolVersion::RESP3).build()?;
    let mut connection = client.get_async_connection().await?;
    let () = redis::cmd("FLUSHALL").query_async(&mut connection).await?;
    write_and_read(&mut connection, 1).await?;
    assert_eq!(redis::cmd("DBSIZE").query_async::<usize>(&mut connection).await?, KEYS);
    let many: Vec<String> = redis::cmd("MGET").arg("rs:1").arg("rs:2").query_async(&mut connection).await?;
    assert_eq!(many, ["1", "1"], "redis-rs asks each node for its part");
    let mut transaction = redis::pipe();
    transaction.atomic().set("{rs}:t", 1).ignore().incr("{rs}:t", 1);
    assert_eq!(transaction.query_async::<(i64,)>(&mut connection).await?, (2,));
    // What the client knows of the slots is out of date from here on.
    change().await;
    for round in 2..10 {
        write_and_read(&mut connection, round).await?;
    }
    Ok(())
}

async fn write_and_read(connection: &mut ClusterConnection, round: usize) -> RedisResult<()> {
    for key in 0..KEYS {
        let () = connection.set(format!("rs:{key}"), round).await?;
    }
    for key in 0..KEYS {
        assert_eq!(connection.get::<_, usize>(format!("rs:{key}")).await?, round, "rs:{key}");
    }
    Ok(())
}

/// The same with fred.
async fn converse_fred(ports: &[u16], change: impl AsyncFnOnce()) -> Result<(), fred::error::Error> {
    let hosts = ports.iter().map(|&port| ("127.0.0.1", port)).collect();
    let config = Config { server: ServerConfig::new_clustered(hosts), ..Config::default() };
    let client = Builder::from_config(config).build()?;
    client.init().await?;
    client.flushall_cluster().await?;
    let round = async |round: i64| {
        for key in 0..KEYS {
            let () = client.set(format!("fr:{key}"), round, None, None, false).await?;
        }
        for key in 0..KEYS {
            assert_eq!(client.get::<i64, _>(format!("fr:{key}")).await?, round, "fr:{key}");
        }
        Ok::<(), fred::error::Error>(())
    };
    round(1).await?;
    let transaction = client.multi();
    let _: FredValue = transaction.set("{fr}:t", 1, None, None, false).await?;
    let _: FredValue = transaction.incr("{fr}:t").await?;
    let (_, counted): (FredValue, i64) = transaction.exec(true).await?;
    assert_eq!(counted, 2);
    change().await;
    for number in 2..10 {
        round(number).await?;
    }
    client.quit().await
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools")
}

const KEYS: usize = 300;
const SCRIPT_TIME_MAX: Duration = Duration::from_secs(180);
const MISSING: &str = "tests/run installs what is missing";

/// Builds and other tests may hold a node up for longer than the usual lease; failovers are tested elsewhere.
const PATIENT: &[&str] = &["--lease", "5000"];
