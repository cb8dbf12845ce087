//! Opens the byte stream of a connection: TCP or Unix socket, through a CONNECT proxy if there is
//! one, under TLS if it is spoken.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::{LinkSettings, TlsSettings};
use crate::external::Endpoint;
use crate::limits;

/// A stream of whatever kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Opens a stream to one endpoint. The limit on time is the caller's.
pub(super) async fn open(settings: &LinkSettings, endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
    let (host, port) = match endpoint {
        Endpoint::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Endpoint::Tcp { host, port } => (host.as_str(), port.unwrap_or(0)),
    };
    let stream = match &settings.tunnel {
        Some(Endpoint::Tcp { host: proxy, port: Some(proxy_port) }) => {
            let mut stream = TcpStream::connect((proxy.as_str(), *proxy_port)).await?;
            ask_proxy(&mut stream, endpoint).await?;
            stream
        }
        _ => TcpStream::connect((host, port)).await?,
    };
    stream.set_nodelay(true)?;
    if settings.tcp_keep_alive {
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE_IDLE).with_interval(KEEP_ALIVE_INTERVAL);
        SockRef::from(&stream).set_tcp_keepalive(&keep_alive)?;
    }
    match &settings.tls {
        None => Ok(Box::new(stream)),
        Some(tls) => secure(tls, host, stream).await,
    }
}

async fn secure(tls: &TlsSettings, host: &str, stream: TcpStream) -> io::Result<Box<dyn Stream>> {
    let name = match &tls.name {
        Some(name) => name.clone(),
        None => ServerName::try_from(host.to_owned()).map_err(io::Error::other)?,
    };
    let connector = TlsConnector::from(tls.config.clone());
    Ok(Box::new(connector.connect(name, stream).await?))
}

/// Asks a proxy for a tunnel to the endpoint.
async fn ask_proxy(stream: &mut TcpStream, endpoint: &Endpoint) -> io::Result<()> {
    let request = format!("CONNECT {endpoint} HTTP/1.1\r\nHost: {endpoint}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // Byte by byte: what follows the answer belongs to the tunnel. It happens once a connection.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == limits::TUNNEL_ANSWER_BYTES {
            return Err(io::Error::other("the proxy's answer is too long"));
        }
        answer.push(stream.read_u8().await?);
    }
    let accepted = answer.starts_with(b"HTTP/1.") && answer.get(9..12) == Some(b"200");
    if accepted { Ok(()) } else { Err(io::Error::other("the proxy refused the tunnel")) }
}

const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
