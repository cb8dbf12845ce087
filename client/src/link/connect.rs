//! One attempt to connect: stream, login, and a PING that proves that somebody answers.

use std::pin::Pin;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, ProtocolVersion, RedisConnectionInfo, RedisError, Value};

use super::answer::Refusal;
use super::bounded::Bounded;
use super::stream;
use super::{LinkSettings, Login, Sentinel};
use crate::external::Endpoint;
use crate::limits;

/// The task that moves the bytes of a connection; it ends when the connection does.
pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that has answered, and what moves it.
pub(super) struct Connected {
    pub(super) connection: MultiplexedConnection,
    pub(super) driver: Driver,
    /// What sentinels call the primary, if they were asked.
    pub(super) primary: Option<Endpoint>,
}

/// Tries the endpoints in turn from `first` on; gives the first that answers, and its place.
///
/// The error tells about the last endpoint, without any secret.
pub(super) async fn connect_any(settings: &LinkSettings, first: usize) -> Result<(usize, Connected), String> {
    let count = settings.endpoints.len();
    let mut why = "no endpoint".to_owned();
    for step in 0..count {
        let place = (first + step) % count;
        let endpoint = &settings.endpoints[place];
        let attempt = connect_one(settings, endpoint);
        match tokio::time::timeout(settings.connect_timeout, attempt).await {
            Ok(Ok(connected)) => return Ok((place, connected)),
            // What TLS says may name the host.
            Ok(Err(reason)) => why = settings.without_host(endpoint, format!("{endpoint}: {reason}")),
            Err(_) => {
                let millis = settings.connect_timeout.as_millis();
                why = format!("{}: no answer within {millis} ms", settings.shown(endpoint));
            }
        }
        tracing::debug!(cache = settings.name, why, "cache endpoint cannot be reached");
    }
    Err(why)
}

/// Runs a connection's driver beside a future; none if the connection ends first.
pub(super) async fn beside<T>(driver: &mut Driver, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = driver => None,
        output = future => Some(output),
    }
}

/// Whether the server answers within the time given; a server that may not be asked is believed.
pub(super) async fn answers(
    mut connection: MultiplexedConnection,
    ping: Option<&str>,
    limit: Duration,
) -> bool {
    let Some(ping) = ping else { return true };
    let command = redis::cmd(ping);
    let answer = connection.send_packed_command(&command);
    matches!(tokio::time::timeout(limit, answer).await, Ok(Ok(_)))
}

/// What the first sentinel that answers calls the primary.
pub(super) async fn current_primary(settings: &LinkSettings) -> Option<Endpoint> {
    let sentinel = settings.sentinel.as_ref()?;
    for endpoint in &settings.endpoints {
        let asking = ask_sentinel(settings, endpoint, sentinel);
        if let Ok(Ok(primary)) = tokio::time::timeout(settings.connect_timeout, asking).await {
            return Some(primary);
        }
    }
    None
}

async fn connect_one(settings: &LinkSettings, endpoint: &Endpoint) -> Result<Connected, String> {
    match &settings.sentinel {
        None => log_in(settings, endpoint, &settings.login).await,
        Some(sentinel) => {
            let primary = ask_sentinel(settings, endpoint, sentinel).await?;
            let connected = log_in(settings, &primary, &settings.login).await?;
            Ok(Connected { primary: Some(primary), ..connected })
        }
    }
}

async fn log_in(settings: &LinkSettings, endpoint: &Endpoint, login: &Login) -> Result<Connected, String> {
    let stream = stream::open(settings, endpoint).await.map_err(|error| error.to_string())?;
    let stream = Bounded::new(stream, settings.reply_limit.clone());
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_connection_timeout(None)
        .set_pipeline_buffer_size(limits::IN_FLIGHT_MAX);
    let (connection, driver) =
        MultiplexedConnection::new_with_config(&connection_info(login), stream, config)
            .await
            .map_err(|error| describe(&error))?;
    let mut driver: Driver = Box::pin(driver);
    let greeting = greet(connection.clone(), login, settings.ping.as_deref());
    match beside(&mut driver, greeting).await {
        Some(Ok(())) => Ok(Connected { connection, driver, primary: None }),
        Some(Err(error)) => Err(describe(&error)),
        None => Err("the server closed the connection".to_owned()),
    }
}

fn connection_info(login: &Login) -> RedisConnectionInfo {
    let mut info = RedisConnectionInfo::default().set_db(i64::from(login.database));
    if let Some(user) = &login.user {
        info = info.set_username(user);
    }
    if let Some(password) = &login.password {
        info = info.set_password(password.reveal());
    }
    if login.resp3 {
        info = info.set_protocol(ProtocolVersion::RESP3);
    }
    match login.set_lib {
        true => info.set_lib_name(LIBRARY, env!("CARGO_PKG_VERSION")),
        false => info.set_skip_set_lib_name(),
    }
}

async fn greet(
    mut connection: MultiplexedConnection,
    login: &Login,
    ping: Option<&str>,
) -> Result<(), RedisError> {
    if let Some(name) = &login.client_name {
        // A server that knows no names, or wants none, is still a cache.
        let mut command = redis::cmd("CLIENT");
        connection.send_packed_command(command.arg("SETNAME").arg(name)).await?;
    }
    if login.is_node && login.reads_replicas {
        connection.send_packed_command(&redis::cmd("READONLY")).await?;
    }
    match ping {
        None => Ok(()),
        Some(ping) => {
            let answer = connection.send_packed_command(&redis::cmd(ping)).await;
            match answer.and_then(Value::extract_error) {
                Err(error) if !is_unknown_command(&error) => Err(error),
                _ => Ok(()),
            }
        }
    }
}

/// Whether the server answers but does not know the command, as some proxies do not know PING.
fn is_unknown_command(error: &RedisError) -> bool {
    error.code().is_some_and(|code| Refusal::new(error, code).is_unknown_command())
}

async fn ask_sentinel(
    settings: &LinkSettings,
    endpoint: &Endpoint,
    sentinel: &Sentinel,
) -> Result<Endpoint, String> {
    let Connected { mut connection, mut driver, .. } = log_in(settings, endpoint, &sentinel.login).await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("get-master-addr-by-name").arg(&sentinel.service);
    let answer = beside(&mut driver, connection.send_packed_command(&command)).await;
    let answer = answer.ok_or("the sentinel closed the connection")?;
    let address: Option<(String, u16)> = answer
        .and_then(|value| redis::from_redis_value(value).map_err(RedisError::from))
        .map_err(|error| describe(&error))?;
    let (host, port) = address.ok_or("the sentinel knows no primary of this name")?;
    Ok(Endpoint::Tcp { host, port: Some(port) })
}

/// An error in words that hold no secret: a server's own code, or what the system says.
pub(super) fn describe(error: &RedisError) -> String {
    match (error.kind(), error.code()) {
        (ErrorKind::Io, _) => error.to_string(),
        (_, Some(code)) => format!("the server answered {code}"),
        (ErrorKind::AuthenticationFailed, None) => "the server refused the login".to_owned(),
        (_, None) => error.category().to_owned(),
    }
}

const LIBRARY: &str = "larder-client";
