//! What the admin port answers: `/livez`, `/readyz`, `/metrics`. It gives no value, no key and no secret, and changes
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::limited::Limited;
use super::metrics;
use crate::server::Shared;

/// Serves until the node stops.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let stop = shared.stop().clone();
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .fallback(async || (StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n"))
        .with_state(shared);
    let serving =
        axum::serve(Limited::new(listener), router).with_graceful_shutdown(stop.clone().cancelled_owned());
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

/// The node accepts and serves clients; not once it stops.
async fn readyz(State(shared): State<Arc<Shared>>) -> (StatusCode, &'static str) {
    if shared.stop().is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else {
        (StatusCode::OK, "ok\n")
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
