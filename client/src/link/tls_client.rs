//! TLS for whoever brings a connection of another protocol, with the settings of the links: a gateway's to its backends.

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::tls::{TlsError, TlsSource};

/// TLS as a client of HTTP/1.1 speaks it: 1.2 or 1.3, with the name of the host. Cloning it is cheap.
#[derive(Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

/// A connection under TLS.
pub struct TlsStream(tokio_rustls::client::TlsStream<TcpStream>);

impl TlsClient {
    /// Trusts the platform's root certificates, and those of a PEM file. Reads both from disk.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or there is no certificate at all.
    pub fn new(more_roots: Option<&Path>) -> Result<Self, TlsError> {
        let mut source = TlsSource::default();
        if let Some(file) = more_roots {
            source.add_file(file)?;
        }
        let mut config = ClientConfig::clone(&source.settings(None, None)?.config);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config) })
    }

    /// Speaks TLS on this connection: with a host's name, or an address, in brackets or not. The limit on time is the
    /// caller's.
    ///
    /// # Errors
    ///
    /// The server's certificate is not trusted or is another host's, or the connection ended.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream> {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.config.clone()).connect(name, stream).await.map(TlsStream)
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").finish_non_exhaustive()
    }
}
