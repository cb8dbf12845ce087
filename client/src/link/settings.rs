//! What a link must know, filled in by the backends.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use super::{ReplyLimit, TlsSettings};
use crate::external::{Endpoint, Secret};
use crate::guard::{Clock, Random};

/// The settings of one link.
#[derive(Clone)]
pub(crate) struct LinkSettings {
    /// What logs call it: `internal`, `external:Default`.
    pub(crate) name: String,
    /// Where to connect, every endpoint with its port.
    pub(crate) endpoints: Vec<Endpoint>,
    /// The host names that logs and causes do not show.
    pub(crate) hidden_hosts: Vec<String>,
    /// The place of the endpoint that is tried first.
    pub(crate) first: usize,
    /// TLS, if it is spoken.
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) login: Login,
    /// Sentinels: then the endpoints are theirs.
    pub(crate) sentinel: Option<Sentinel>,
    /// CONNECT proxy.
    pub(crate) tunnel: Option<Endpoint>,
    /// Limit of one attempt at one endpoint, login included.
    pub(crate) connect_timeout: Duration,
    /// Attempts at start-up for which calls wait.
    pub(crate) patient_attempts: u32,
    /// Time between pings; none for never.
    pub(crate) keep_alive: Option<Duration>,
    /// Keep-alive of the socket.
    pub(crate) tcp_keep_alive: bool,
    /// The largest answer that is read.
    pub(crate) reply_limit: ReplyLimit,
    /// The command that asks whether the server is there; none if it may not be sent.
    pub(crate) ping: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// What is said first on a connection.
#[derive(Clone, Default)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: u32,
    pub(crate) resp3: bool,
    /// CLIENT SETNAME.
    pub(crate) client_name: Option<String>,
    /// CLIENT SETINFO.
    pub(crate) set_lib: bool,
    /// READONLY, on nodes of a cluster: replicas answer reads.
    pub(crate) reads_replicas: bool,
    /// Whether this is one.
    pub(crate) is_node: bool,
}

/// How to find the primary.
#[derive(Clone)]
pub(crate) struct Sentinel {
    pub(crate) service: String,
    pub(crate) login: Login,
}

impl LinkSettings {
    /// The settings for one node of the cluster that answers at these endpoints.
    pub(crate) fn for_node(&self, endpoint: Endpoint) -> Self {
        let mut settings = self.clone();
        if let Some(tls) = &mut settings.tls
            && tls.name.is_none()
        {
            // Nodes call themselves by addresses; their certificate has the name that was asked for.
            let host = self.endpoints.first().and_then(Endpoint::host);
            tls.name = host.and_then(|host| ServerName::try_from(host.to_owned()).ok());
        }
        (settings.endpoints, settings.first, settings.sentinel) = (vec![endpoint], 0, None);
        settings.login.is_node = true;
        settings
    }

    /// The endpoint as logs and causes show it.
    pub(crate) fn shown(&self, endpoint: &Endpoint) -> String {
        self.without_host(endpoint, endpoint.to_string())
    }

    /// A text about an endpoint, without its name if that is not shown.
    pub(crate) fn without_host(&self, endpoint: &Endpoint, text: String) -> String {
        match endpoint.host() {
            Some(host) if self.hidden_hosts.iter().any(|hidden| hidden == host) => text.replace(host, "***"),
            _ => text,
        }
    }
}
