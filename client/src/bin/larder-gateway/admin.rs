//! Health and metrics over HTTP, for whoever runs the gateway. Only GET; no answer holds a key or a value.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::limits;
use crate::server::{Drain, Gateway};

/// Serves until it is dropped; then every connection ends.
pub(crate) async fn serve(listener: TcpListener, gateway: Arc<Gateway>, drain: Drain) {
    let (permits, tasks) = (Arc::new(Semaphore::new(limits::ADMIN_CONNECTIONS_MAX)), TaskTracker::new());
    while let Ok(permit) = permits.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            continue;
        };
        let (gateway, drain) = (gateway.clone(), drain.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = answer(&request, &gateway, &drain);
            async move { Ok::<_, Infallible>(answer) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits::ADMIN_HEADER_TIME_MAX)
            .serve_connection(TokioIo::new(stream), service);
        tasks.spawn(async move { (connection.await.is_ok(), permit) });
    }
}

fn answer(request: &Request<Incoming>, gateway: &Gateway, drain: &Drain) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, path) => page(path, gateway, drain),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn page(path: &str, gateway: &Gateway, drain: &Drain) -> (StatusCode, String) {
    match path {
        "/livez" => (StatusCode::OK, "alive\n".to_owned()),
        "/readyz" if drain.has_begun() => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()),
        "/readyz" => (StatusCode::OK, "ready\n".to_owned()),
        "/metrics" => {
            let engine = gateway.engine();
            let (cache, responses) = (engine.cache().metrics(), engine.responses().metrics());
            (StatusCode::OK, format!("{cache}{responses}{}", engine.metrics()))
        }
        _ => (StatusCode::NOT_FOUND, "there are /livez, /readyz and /metrics\n".to_owned()),
    }
}
