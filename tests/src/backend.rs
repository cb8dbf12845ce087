//! The backend of the tests: a real HTTP server on a thread of its own, which answers what it was given, counts what
//! it is asked for, and ends when the handle is dropped.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::process::free_ports;

/// A running backend. `GET` answers the page of the path, or [`profile`] where none was given; every other method
/// answers the body that it got.
#[derive(Debug)]
pub struct Backend {
    port: u16,
    state: Arc<Mutex<State>>,
    stop: Option<DropGuard>,
    thread: Option<JoinHandle<()>>,
}

/// What a path answers.
#[derive(Clone, Debug)]
pub struct Page {
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
    /// Whether the length is left open, so that the body comes in chunks.
    pub chunked: bool,
}

/// Written by the handle (`pages`) and by the answering thread (`asked`).
#[derive(Debug, Default)]
struct State {
    pages: HashMap<String, Page>,
    asked: HashMap<String, usize>,
}

impl Backend {
    /// Starts a backend.
    ///
    /// # Errors
    /// When there is no port or no thread for it.
    pub fn start() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let (port, listener) = runtime.block_on(listen())?;
        let (state, stop) = (Arc::<Mutex<State>>::default(), CancellationToken::new());
        let (seen, stopped) = (state.clone(), stop.clone());
        let thread = thread::Builder::new().name("backend".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = serve(&listener, &seen) => {}
                }
            });
        });
        let thread = thread.map_err(|error| error.to_string())?;
        Ok(Self { port, state, stop: Some(stop.drop_guard()), thread: Some(thread) })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers this page from now on.
    pub fn serve(&self, path: &str, page: Page) {
        lock(&self.state).pages.insert(path.to_owned(), page);
    }

    /// How often the path was asked for, by whatever method.
    pub fn asked(&self, path: &str) -> usize {
        lock(&self.state).asked.get(path).copied().unwrap_or_default()
    }
}

impl Drop for Backend {
    /// When it returns nobody listens any more and every connection is closed.
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed already.
            let _ = thread.join();
        }
    }
}

/// What a path answers that no page was given for.
pub fn profile(path: &str) -> String {
    format!("profile of {path}\n")
}

/// Listens where nobody else will once the backend is gone: a port of the system's own choice might be taken.
async fn listen() -> Result<(u16, TcpListener), String> {
    let mut failure = String::new();
    for _ in 0..START_ATTEMPTS {
        let port = free_ports().ok_or("no free port on 127.0.0.1")?;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok((port, listener)),
            // Somebody else took it, or looked whether it was free.
            Err(error) => failure = format!("port {port}: {error}"),
        }
    }
    Err(failure)
}

async fn serve(listener: &TcpListener, state: &Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Nagle's wait would be taken for the gateway's.
        let _ = stream.set_nodelay(true);
        let state = state.clone();
        let service = service_fn(move |request| answer(request, state.clone()));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Pieces>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    *lock(&state).asked.entry(path.to_owned()).or_default() += 1;
    let page = if head.method == Method::GET {
        lock(&state).pages.get(path).cloned()
    } else {
        match body.collect().await {
            Ok(body) => {
                let body = body.to_bytes();
                Some(Page { content_type: "application/octet-stream", body, chunked: false })
            }
            Err(_) => return Ok(cut_short()),
        }
    };
    let page = page.unwrap_or_else(|| Page {
        content_type: "text/plain; charset=utf-8",
        body: profile(path).into(),
        chunked: false,
    });
    let mut response = Response::new(Pieces::new(page.body, page.chunked));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(page.content_type));
    Ok(response)
}

fn cut_short() -> Response<Pieces> {
    let mut response = Response::new(Pieces::new(Bytes::new(), false));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Every change is a single step: there is no half-made state.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body in pieces, whose length is told at the start or not at all.
struct Pieces {
    left: VecDeque<Bytes>,
    length: Option<u64>,
}

impl Pieces {
    fn new(mut body: Bytes, chunked: bool) -> Self {
        let length = (!chunked).then_some(body.len() as u64);
        let mut left = VecDeque::new();
        while !body.is_empty() {
            left.push_back(body.split_to(PIECE_BYTES.min(body.len())));
        }
        Self { left, length }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        // It is asked for once, before the first piece.
        self.length.map(SizeHint::with_exact).unwrap_or_default()
    }
}

/// An odd length, so that no limit falls on the end of a piece.
const PIECE_BYTES: usize = 60_001;
const START_ATTEMPTS: u32 = 4;
