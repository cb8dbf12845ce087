//! What operators ask of the admin port: how the cluster is, and that this node leave it; and who may ask for what changes
//! anything.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::serve::IncomingStream;

use super::limited::Limited;
use super::status::Status;
use crate::server::{Leave, Leaving, Shared};

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    peer: SocketAddr,
    local: Option<SocketAddr>,
}

impl Connected<IncomingStream<'_, Limited>> for Ends {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        Self { peer: *stream.remote_addr(), local: stream.io().local_address() }
    }
}

/// The header that a program sends and a web page of somebody else cannot.
pub(super) const INTENT: &str = "larder-intent";

/// Words of the query of a drain.
pub(super) const FORCE: &str = "force";
pub(super) const RESTART: &str = "restart";

/// How the cluster is, as JSON.
pub(super) async fn status(State(shared): State<Arc<Shared>>) -> axum::response::Response {
    let membership = shared.membership();
    let status = Status {
        gateways: shared.external_caches().seen_ages_ms(shared.now()),
        ..Status::of(&shared.facts().region, membership.view().as_ref(), &membership.live())
    };
    match serde_json::to_string_pretty(&status) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json + "\n").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// This node gives away what it has. Asked by whoever may run a program on the same machine, and by nobody else: the
/// admin port asks for no password.
pub(super) async fn drain(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> (StatusCode, String) {
    if let Err((code, why)) = allowed(ends, &headers) {
        return (code, why + "\n");
    }
    let asked = |word| query.iter().any(|query| query.split('&').any(|part| part == word));
    let order = Leave { for_good: !asked(RESTART), force: asked(FORCE) };
    tracing::info!(order.for_good, order.force, "asked to leave the cluster");
    match shared.membership().leave(order).await {
        Ok(Leaving::Begun) => (StatusCode::ACCEPTED, "begun\n".to_owned()),
        Ok(Leaving::Alone) => (StatusCode::OK, "there is nobody to hand over to\n".to_owned()),
        Err(refusal) => {
            tracing::warn!(%refusal, "does not leave the cluster");
            (StatusCode::CONFLICT, refusal + "\n")
        }
    }
}

/// Whether somebody may ask for what is not for everybody: a program on the node's own machine that means it.
///
/// # Errors
/// Why not.
pub(super) fn allowed(ends: Ends, headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
    if !is_same_machine(ends.peer.ip(), ends.local.map(|local| local.ip())) {
        return Err((StatusCode::FORBIDDEN, "only from the node's own machine".to_owned()));
    }
    if !headers.contains_key(INTENT) {
        return Err((StatusCode::FORBIDDEN, format!("only with the header {INTENT}; see larder --help")));
    }
    Ok(())
}

/// A connection from the machine to itself has the same address at both ends, or one of loopback.
fn is_same_machine(peer: IpAddr, local: Option<IpAddr>) -> bool {
    let peer = peer.to_canonical();
    peer.is_loopback() || local.is_some_and(|local| local.to_canonical() == peer)
}

#[cfg(test)]
mod tests {
    use super::is_same_machine;

    #[test]
    fn only_the_own_machine_may_order_a_drain() {
        let same = |peer: &str, local: &str| is_same_machine(peer.parse().unwrap(), local.parse().ok());
        assert!(same("127.0.0.1", "127.0.0.1"));
        assert!(same("::1", "::1"));
        assert!(same("10.0.0.5", "10.0.0.5"));
        assert!(same("::ffff:10.0.0.5", "10.0.0.5"));
        assert!(!same("10.0.0.6", "10.0.0.5"));
        assert!(!same("10.0.0.6", ""));
    }
}
