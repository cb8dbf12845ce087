//! The external cache: from a connection string to a backend.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio_util::task::TaskTracker;

use super::{ConnectionString, Endpoint, Protocol};
use crate::backend::{CommandNames, RedisBackend};
use crate::guard::{Clock, Random};
use crate::limits;
use crate::link::{LinkSettings, Login, ReplyLimit, Sentinel, TlsError, TlsSource};
use crate::nodes::Nodes;

/// What every backend is made with.
pub(crate) struct Parts {
    pub(crate) tls: TlsSource,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) tasks: TaskTracker,
    /// The largest answer of a server, whatever its kind.
    pub(crate) reply_limit: ReplyLimit,
    /// Whether lookups may go to replicas of a Redis Cluster.
    pub(crate) reads_replicas: bool,
}

/// Starts the backend of an external cache; endpoints are tried in their order.
pub(crate) fn external_backend(
    name: &str,
    string: &ConnectionString,
    parts: &Parts,
) -> Result<RedisBackend, TlsError> {
    let settings = link_settings(name, string, parts)?;
    Ok(start(settings, string, parts))
}

/// Starts the link of prepared settings.
pub(crate) fn start(settings: LinkSettings, string: &ConnectionString, parts: &Parts) -> RedisBackend {
    let named = |command| string.command_name(command).map(str::to_owned);
    RedisBackend {
        nodes: Nodes::start(settings, &parts.tasks),
        names: CommandNames { get: named("GET"), set: named("SET"), del: named("DEL") },
        operation_timeout: string.operation_timeout(),
        without_limit: AtomicU64::new(0),
    }
}

/// The settings that a connection string asks for.
pub(crate) fn link_settings(
    name: &str,
    string: &ConnectionString,
    parts: &Parts,
) -> Result<LinkSettings, TlsError> {
    let options = string.options();
    let tls = match string.is_tls() {
        true => Some(parts.tls.settings(options.ssl_protocols.as_deref(), options.ssl_host.as_deref())?),
        false => None,
    };
    // The library beneath sends CLIENT and HELLO under no other name: renamed, they are not sent.
    let may_send = |command| string.command_name(command) == Some(command);
    let names_itself = may_send("CLIENT") && options.proxy.is_none();
    let login = Login {
        user: options.user.clone(),
        password: options.password.clone(),
        database: options.default_database.unwrap_or(0),
        resp3: string.protocol() == Protocol::Resp3 && may_send("HELLO"),
        client_name: options.name.clone().filter(|_| names_itself),
        set_lib: options.set_lib.unwrap_or(true) && names_itself,
        reads_replicas: parts.reads_replicas,
        is_node: false,
    };
    let sentinel = options.service_name.clone().map(|service| Sentinel {
        service,
        login: Login {
            user: options.sentinel_user.clone(),
            password: options.sentinel_password.clone(),
            ..Login::default()
        },
    });
    Ok(LinkSettings {
        name: name.to_owned(),
        endpoints: with_ports(string),
        hidden_hosts: hidden_hosts(string),
        first: 0,
        tls,
        login,
        sentinel,
        tunnel: options.tunnel.clone(),
        connect_timeout: string.connect_timeout(),
        patient_attempts: options.connect_retry.unwrap_or(limits::CONNECT_RETRY_DEFAULT),
        keep_alive: string.keep_alive(),
        tcp_keep_alive: options.tcp_keep_alive.unwrap_or(true),
        ping: string.command_name("PING").map(str::to_owned),
        reply_limit: parts.reply_limit.clone(),
        clock: parts.clock.clone(),
        random: parts.random.clone(),
    })
}

/// The hosts that may be keys. They are not shown with the default port behind them either.
fn hidden_hosts(string: &ConnectionString) -> Vec<String> {
    let hidden = string.endpoints().iter().filter(|endpoint| !string.shows(endpoint));
    hidden.filter_map(|endpoint| endpoint.host().map(str::to_owned)).collect()
}

fn with_ports(string: &ConnectionString) -> Vec<Endpoint> {
    let with_port = |endpoint: &Endpoint| match endpoint {
        Endpoint::Tcp { host, port } => {
            Endpoint::Tcp { host: host.clone(), port: Some(port.unwrap_or(string.default_port())) }
        }
        Endpoint::Unix(path) => Endpoint::Unix(path.clone()),
    };
    string.endpoints().iter().map(with_port).collect()
}
