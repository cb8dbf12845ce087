//! A backend that says what it was asked.

use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::support::Authority;

/// A backend that answers `METHOD PATH BODY` and remembers what it was asked.
pub(crate) struct Backend {
    pub(crate) port: u16,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

/// Written by the answering tasks.
#[derive(Default)]
struct Seen {
    asked: Mutex<Vec<String>>,
    headers: Mutex<HeaderMap>,
    /// That a TLS client asked for.
    server_name: Mutex<Option<String>>,
    /// `/gate` is answered when somebody opens it.
    gate: Notify,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        Self::listening(None).await
    }

    /// One that speaks TLS, with a certificate for this name.
    pub(crate) async fn with_tls(authority: &Authority, name: &str) -> Self {
        let (certificate, key) = authority.certificate(name);
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        Self::listening(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listening(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Seen>::default();
        let shared = seen.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                match tls.clone() {
                    None => connections.spawn(serve(stream, shared.clone())),
                    Some(tls) => connections.spawn(secured(stream, tls, shared.clone())),
                };
            }
        });
        Self { port, seen, _tasks: tasks }
    }

    /// What it was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.asked.lock().unwrap())
    }

    /// A header of the last request; empty if there was none.
    pub(crate) fn header(&self, name: &str) -> String {
        let headers = self.seen.headers.lock().unwrap();
        headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The name that a TLS client asked for last.
    pub(crate) fn server_name(&self) -> Option<String> {
        self.seen.server_name.lock().unwrap().clone()
    }

    /// Lets one request to `/gate` be answered.
    pub(crate) fn open_gate(&self) {
        self.seen.gate.notify_one();
    }
}

async fn secured(stream: TcpStream, tls: TlsAcceptor, seen: Arc<Seen>) {
    // A client that does not trust the certificate goes away.
    if let Ok(stream) = tls.accept(stream).await {
        let name = stream.get_ref().1.server_name().map(str::to_owned);
        *seen.server_name.lock().unwrap() = name;
        serve(stream, seen).await;
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, seen: Arc<Seen>) {
    let service = service_fn(move |request| answer(request, seen.clone()));
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A connection that breaks off is the gateway's to complain of.
    let _ = served.await;
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    seen.asked.lock().unwrap().push(format!("{} {}", parts.method, parts.uri));
    *seen.headers.lock().unwrap() = parts.headers.clone();
    let body = body.collect().await?.to_bytes();
    let path = parts.uri.path();
    if path == "/gate" {
        seen.gate.notified().await;
    }
    let answer = match path {
        "/missing" => Response::builder().status(404).body("no such user".into()),
        "/big" => Response::builder().body(Bytes::from(vec![b'x'; 3 << 20])),
        "/large" => Response::builder().body(Bytes::from(vec![b'x'; 16 << 20])),
        "/huge" => Response::builder().body(Bytes::from(vec![b'x'; 64 << 20])),
        "/length" => Response::builder().body(body.len().to_string().into()),
        _ => Response::builder()
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-kept", "1")
            .body(format!("{} {} {}", parts.method, parts.uri, String::from_utf8_lossy(&body)).into()),
    };
    Ok(answer.unwrap().map(Full::new))
}
