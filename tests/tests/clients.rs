//! Real clients against a server of each kind: redis-py, ioredis, node-redis, redis-cli and redis-benchmark as
//! scripts under `clients/`, redis-rs here. Nothing is skipped: what is missing is installed by `tests/run`.

use std::path::{Path, PathBuf};
use std::process::Command;

use larder_tests::process::{Peer, Server};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, ErrorKind, FromRedisValue, ProtocolVersion, RedisResult, ServerErrorKind, Value};

#[test]
fn redis_py_works() {
    run_script(tools().join("venv/bin/python"), "redis_py.py");
}

#[test]
fn ioredis_works() {
    run_script("node".into(), "ioredis.mjs");
}

#[test]
fn node_redis_works() {
    run_script("node".into(), "node_redis.mjs");
}

#[test]
fn redis_cli_and_redis_benchmark_work() {
    run_script("bash".into(), "command_line.sh");
}

#[test]
fn redis_rs_works() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for peer in [Peer::Redis, Peer::Larder] {
        let server = start(peer);
        for version in [ProtocolVersion::RESP2, ProtocolVersion::RESP3] {
            let done = runtime.block_on(converse(server.port(), version));
            assert!(done.is_ok(), "redis-rs, {peer}, {version:?}: {done:?}");
        }
    }
}

/// The script says what is wrong; its output is the message.
fn run_script(program: PathBuf, script: &str) {
    for peer in [Peer::Redis, Peer::Larder] {
        let server = start(peer);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
        let output = Command::new(&program).arg(path).arg(server.port().to_string()).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}: {MISSING}", program.display()));
        assert!(
            output.status.success(),
            "{script}, {peer}: {}\n{}{}({MISSING})",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn start(peer: Peer) -> Server {
    Server::start(peer, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools")
}

async fn converse(port: u16, version: ProtocolVersion) -> RedisResult<()> {
    let suffix = if version == ProtocolVersion::RESP3 { "?protocol=resp3" } else { "" };
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/1{suffix}"))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let () = redis::cmd("FLUSHDB").query_async(&mut connection).await?;
    ordinary(&mut connection).await?;
    errors(&mut connection).await?;
    pipelines(&mut connection).await?;
    big_values(&mut connection).await?;
    transactions(&client, &mut connection).await
}

async fn ordinary(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    assert_eq!(connection.ping::<String>().await?, "PONG");
    let () = connection.set_ex("rs:k", "väl", 100).await?;
    assert_eq!(connection.get::<_, String>("rs:k").await?, "väl");
    assert_eq!(connection.get::<_, Option<String>>("rs:missing").await?, None);
    assert!((99..=100).contains(&connection.ttl::<_, i64>("rs:k").await?));
    assert!(!connection.set_nx::<_, _, bool>("rs:k", 1).await?);
    let () = connection.mset(&[("rs:a", 1), ("rs:b", 2)]).await?;
    let many: Vec<Option<i64>> = connection.mget(&["rs:a", "rs:missing", "rs:b"]).await?;
    assert_eq!(many, [Some(1), None, Some(2)]);
    assert_eq!(connection.incr::<_, _, i64>("rs:a", 41).await?, 42);
    let () = connection.hset_multiple("rs:h", &[("f", "v"), ("g", "7")]).await?;
    let all: Vec<(String, String)> = connection.hgetall("rs:h").await?;
    assert_eq!(all, [("f".to_owned(), "v".to_owned()), ("g".to_owned(), "7".to_owned())]);
    assert_eq!(connection.hincr::<_, _, _, f64>("rs:h", "g", 0.5).await?, 7.5);
    assert!(connection.hexists::<_, _, bool>("rs:h", "f").await?);
    assert_eq!(connection.del::<_, i64>(&["rs:a", "rs:b", "rs:h", "rs:k"]).await?, 4);
    Ok(())
}

async fn errors(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let () = connection.hset("rs:h", "f", "v").await?;
    let error = connection.get::<_, String>("rs:h").await.expect_err("the wrong type");
    assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
    let unknown: RedisResult<Value> = redis::cmd("NOSUCH").query_async(connection).await;
    assert_eq!(
        unknown.expect_err("no such command").kind(),
        ErrorKind::Server(ServerErrorKind::ResponseError)
    );
    connection.del("rs:h").await
}

async fn pipelines(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    for index in 0..PIPELINED / 2 {
        pipe.set(format!("rs:p{index}"), index).ignore();
    }
    for index in 0..PIPELINED / 2 {
        pipe.get(format!("rs:p{index}"));
    }
    let found: Vec<usize> = pipe.query_async(connection).await?;
    assert_eq!(found, (0..PIPELINED / 2).collect::<Vec<_>>());
    Ok(())
}

async fn big_values(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    // Every byte value, in an order that no repetition hides.
    let value: Vec<u8> = (0..BIG).map(|index| (index.wrapping_mul(index) >> 7) as u8).collect();
    let () = connection.set(b"rs:\x00big\xff", &value).await?;
    let found: Vec<u8> = connection.get(b"rs:\x00big\xff").await?;
    assert!(found == value, "8 MB came back different");
    connection.del(b"rs:\x00big\xff").await
}

async fn transactions(client: &redis::Client, connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut transaction = redis::pipe();
    transaction.atomic().set("rs:t", 1).ignore().incr("rs:t", 1);
    assert_eq!(transaction.query_async::<(i64,)>(connection).await?, (2,));
    let mut other = client.get_multiplexed_async_connection().await?;
    let () = redis::cmd("WATCH").arg("rs:t").query_async(connection).await?;
    let () = other.set("rs:t", 100).await?;
    let refused: Value = transaction.query_async(connection).await?;
    assert_eq!(Option::<(i64,)>::from_redis_value(refused)?, None);
    assert_eq!(connection.get_del::<_, i64>("rs:t").await?, 100);
    Ok(())
}

const PIPELINED: usize = 10_000;
const BIG: usize = 8 * 1024 * 1024;
const MISSING: &str = "tests/run installs what is missing";
