//! An HTTP client for tests: one kept-alive connection, one request at a time, each answer with its time. What is
//! asked, and what should come back, is left to the tests.

use std::net::Ipv4Addr;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::clock::now;

/// A connection to a server on 127.0.0.1.
#[derive(Debug)]
pub struct Client {
    /// Moves the connection's bytes while a call waits, and at no other time.
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    port: u16,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// From sending the request to having all of the body.
    pub took: Duration,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(port: u16) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        let (sender, connection) = runtime.block_on(async {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| e.to_string())?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())
        })?;
        // Its end is seen by the next request.
        drop(runtime.spawn(connection));
        Ok(Self { runtime, sender, port })
    }

    /// `GET path`.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn get(&mut self, path: &str) -> Result<Answer, String> {
        self.send(Method::GET, path, Bytes::new())
    }

    /// Sends a request and reads the whole answer within half a minute.
    ///
    /// # Errors
    /// A sentence that says why there is no whole answer.
    pub fn send(&mut self, method: Method, path: &str, body: Bytes) -> Result<Answer, String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, format!("{}:{}", Ipv4Addr::LOCALHOST, self.port))
            .body(Full::new(body))
            .map_err(|error| format!("{path}: {error}"))?;
        let started = now();
        let sender = &mut self.sender;
        let exchange = async move {
            sender.ready().await?;
            let (head, body) = sender.send_request(request).await?.into_parts();
            Ok::<_, hyper::Error>((head, body.collect().await?.to_bytes()))
        };
        let done = self.runtime.block_on(async { tokio::time::timeout(ANSWER_TIME_MAX, exchange).await });
        match done {
            Ok(Ok((head, body))) => Ok(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body,
                took: started.elapsed(),
            }),
            Ok(Err(error)) => Err(format!("{path}: {error}")),
            Err(_) => Err(format!("{path}: no whole answer in {ANSWER_TIME_MAX:?}")),
        }
    }
}

impl Answer {
    /// The text of a header field; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
