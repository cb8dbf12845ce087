//! Connections of clients: accepted up to a limit, served, and finished when the process is asked to
//! end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::proxy::Gateway;

/// Serves until SIGTERM or SIGINT, then finishes what is under way within a deadline.
pub(crate) async fn serve(listener: TcpListener, gateway: Arc<Gateway>) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    tokio::select! {
        () = accept(&listener, &gateway, &tasks, &stop) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    drop(listener);
    stop.cancel();
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!(open = tasks.len(), "connections were cut at the deadline");
    }
    gateway.cache.flush().await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    gateway: &Arc<Gateway>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Above the limit, clients wait in the listener's queue.
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let connection = connection(stream, gateway.clone(), stop.clone());
                tasks.spawn(async move { (connection.await, permit) });
            }
            Err(error) => {
                // Out of file descriptors, most likely: a pause, not a busy loop.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, gateway: Arc<Gateway>, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "client connection ended");
    }
}

const CONNECTIONS_MAX: usize = 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
const DRAIN: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
