//! What the admin port answers: `/livez`, `/readyz`, `/metrics`, `/status`, and to its own machine `/drain` and `/caches`. It
//! gives no value, no key and no secret.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use larder_proto::topology::MemberState;
use tokio::net::TcpListener;

use super::caches;
use super::limited::Limited;
use super::metrics;
use super::operate::{self, Ends};
use crate::limits::ADMIN_BODY_BYTES_MAX;
use crate::server::Shared;

/// Serves until the node stops.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let stop = shared.stop().clone();
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .route("/status", get(operate::status))
        .route("/drain", post(operate::drain))
        .route("/caches", get(caches::list).post(caches::set))
        .route("/caches/remove", post(caches::remove))
        .layer(DefaultBodyLimit::max(ADMIN_BODY_BYTES_MAX))
        .fallback(async || (StatusCode::NOT_FOUND, "there are /livez, /readyz, /metrics and /status\n"))
        .with_state(shared);
    let service = router.into_make_service_with_connect_info::<Ends>();
    let serving =
        axum::serve(Limited::new(listener), service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let given_up = async {
        stop.cancelled().await;
        tokio::time::sleep(STOP_TIME).await;
    };
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::error!(%error, "the admin port is no longer served");
        },
        () = given_up => {}
    }
}

/// The process runs.
async fn livez() -> &'static str {
    "ok\n"
}

/// The node serves clients now: it belongs to its cluster, holds a lease, and is not about to leave.
async fn readyz(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    match unready(&shared) {
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
        None => (StatusCode::OK, "ok\n"),
    }
}

fn unready(shared: &Shared) -> Option<&'static str> {
    if shared.stop().is_cancelled() {
        return Some("stopping\n");
    }
    let Some(view) = shared.membership().view() else {
        return Some("the node has not joined its cluster yet\n");
    };
    match view.topology.members.get(&view.own).map(|member| member.state) {
        Some(MemberState::Up) if view.serving => None,
        Some(MemberState::Up) => Some("the node has no lease: it is cut off from the majority\n"),
        Some(MemberState::Leaving) => Some("the node is leaving\n"),
        Some(MemberState::Down) => Some("the cluster called the node down\n"),
        None => Some("the node has left its cluster\n"),
    }
}

async fn scrape(State(shared): State<Arc<Shared>>) -> axum::response::Response {
    match metrics::encode(&shared) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// How long a node that stops waits for requests to its admin port.
const STOP_TIME: Duration = Duration::from_secs(1);
