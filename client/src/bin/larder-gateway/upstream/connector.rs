//! Connections to backends: TCP, and TLS above it for `https`. Keeping them for the next request is left to the pool.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use larder_client::{TlsClient, TlsError, TlsStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::either::Either;
use tower_service::Service;

/// Opens connections. Cloning it shares the settings.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: Arc<Tls>,
    time_max: Duration,
}

/// Whom to trust; read from the disk when the first backend needs it.
struct Tls {
    roots: Option<PathBuf>,
    /// Once they could be read: a file that is mended counts from the next connection on.
    client: OnceLock<TlsClient>,
}

/// A connection, with or without TLS.
pub(super) struct Stream(Either<TcpStream, TlsStream>);

type Failure = Box<dyn Error + Send + Sync>;

impl Connector {
    /// `time_max` is for the whole of it, `roots` a file with certificates to trust beside the platform's.
    pub(super) fn new(time_max: Duration, roots: Option<PathBuf>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(time_max));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        Self { tcp, tls: Arc::new(Tls { roots, client: OnceLock::new() }), time_max }
    }

    /// What `https` needs.
    pub(super) fn tls(&self) -> Result<&TlsClient, TlsError> {
        let tls = &*self.tls;
        match tls.client.get() {
            Some(client) => Ok(client),
            None => TlsClient::new(tls.roots.as_deref()).map(|client| tls.client.get_or_init(|| client)),
        }
    }

    async fn connect(mut self, to: Uri) -> Result<TokioIo<Stream>, Failure> {
        let tls = match to.scheme_str() {
            Some("https") => Some((self.tls()?.clone(), to.host().unwrap_or_default().to_owned())),
            _ => None,
        };
        let stream = self.tcp.call(to).await?.into_inner();
        let stream = match tls {
            Some((tls, host)) => Either::Right(tls.connect(&host, stream).await?),
            None => Either::Left(stream),
        };
        Ok(TokioIo::new(Stream(stream)))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (time_max, connecting) = (self.time_max, self.clone().connect(to));
        Box::pin(async move {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "connecting took too long");
            tokio::time::timeout(time_max, connecting).await.map_err(late)?
        })
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
