//! Connections of clients: accepted up to a limit, served by hyper with limits on heads and times.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::drain::Drain;
use super::gateway::Gateway;
use super::stream::{NextAnswer, Stream};
use crate::limits;
use crate::pace::PaceLimits;
use crate::settings::Settings;

/// Limits of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    connections_max: usize,
    header_bytes_max: usize,
    header_time_max: Duration,
    pace: PaceLimits,
}

impl Limits {
    /// Those of the settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            connections_max: settings.connections_max,
            header_bytes_max: settings.header_bytes_max,
            header_time_max: settings.header_time_max,
            pace: PaceLimits::of_clients(settings),
        }
    }
}

/// Serves until it is dropped; connections go on then, as tasks of the drain.
pub(crate) async fn serve(listener: TcpListener, gateway: Arc<Gateway>, drain: Drain, limits: Limits) {
    let permits = Arc::new(Semaphore::new(limits.connections_max));
    // Above the limit, clients wait in the listener's queue.
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, client)) => {
                let connection = connection(stream, client, gateway.clone(), drain.clone(), limits);
                drain.tasks.spawn(async move { (connection.await, permit) });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    gateway: Arc<Gateway>,
    drain: Drain,
    limits: Limits,
) {
    let _ = stream.set_nodelay(true);
    see_what_is_taken(&stream);
    let next = NextAnswer::default();
    let stream = Stream::new(stream, limits.pace, next.clone());
    let service = service_fn(move |request| {
        next.begins();
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.answer(request, client.ip()).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time_max)
        .max_buf_size(limits.header_bytes_max)
        .max_headers(limits::HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = drain.stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "client connection ended");
    }
}

/// Lets the system take little more than it can send. It takes megabytes otherwise, and more only when much of that is gone:
/// a client that takes its answer steadily, but slowly, would seem to take nothing for longer than a pause may be.
fn see_what_is_taken(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_notsent_lowat(limits::UNSENT_BYTES_MAX) {
        tracing::debug!(%error, "what waits to be sent to a client is not limited");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = SockRef::from(stream);
}
