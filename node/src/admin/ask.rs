//! Asks a node's admin port from outside: what `larder status`, `larder drain` and `larder cache` do first. What is made of the answer is
//! left to the verbs.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::caches::{CacheChanges, CacheList, UnwantedCache, WantedCaches};
use super::operate::{FORCE, INTENT, RESTART};
use super::status::Status;
use crate::server::Leave;

/// A node's admin port.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Where it is.
    pub address: SocketAddr,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Asked {
    /// Nobody answers there.
    Unreachable(SocketAddr, io::Error),
    /// What answers there is no node of ours.
    Strange(SocketAddr),
    /// The node does not do it, and says why.
    Refused(String),
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(at, error) => {
                write!(f, "no node answers on http://{at}: {error}; see --port and --bind")
            }
            Self::Strange(at) => write!(f, "what answers on http://{at} is no node of this version"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl Asking {
    /// How the cluster is, as the node's own JSON and read from it.
    ///
    /// # Errors
    /// Nobody answers, or something else does.
    pub async fn status(self) -> Result<(String, Status), Asked> {
        let (code, body) = self.call("GET /status", "").await?;
        let status = serde_json::from_str(&body).map_err(|_| Asked::Strange(self.address))?;
        if code == OK { Ok((body, status)) } else { Err(Asked::Strange(self.address)) }
    }

    /// Orders the node to leave; whether it has begun to, or there is nobody to hand over to.
    ///
    /// # Errors
    /// The node refuses, nobody answers, or something else does.
    pub async fn drain(self, order: Leave) -> Result<bool, Asked> {
        let words = [(!order.for_good).then_some(RESTART), order.force.then_some(FORCE)];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        match self.call(&format!("POST /drain?{}", words.join("&")), "").await? {
            (ACCEPTED, _) => Ok(true),
            (OK, _) => Ok(false),
            (CONFLICT | FORBIDDEN, why) => Err(Asked::Refused(why.trim_end().to_owned())),
            _ => Err(Asked::Strange(self.address)),
        }
    }

    /// The external caches that the node knows, without their secrets.
    ///
    /// # Errors
    /// The node refuses, nobody answers, or something else does.
    pub async fn caches(self) -> Result<CacheList, Asked> {
        self.order("GET /caches", "").await
    }

    /// Sets external caches, and removes all others if that is asked for.
    ///
    /// # Errors
    /// The node refuses, nobody answers, or something else does.
    pub async fn set_caches(self, wanted: &WantedCaches) -> Result<CacheChanges, Asked> {
        self.order("POST /caches", &json(wanted)?).await
    }

    /// Removes an external cache.
    ///
    /// # Errors
    /// The node refuses, nobody answers, or something else does.
    pub async fn remove_cache(self, unwanted: &UnwantedCache) -> Result<CacheChanges, Asked> {
        self.order("POST /caches/remove", &json(unwanted)?).await
    }

    async fn order<T: for<'de> Deserialize<'de>>(self, line: &str, body: &str) -> Result<T, Asked> {
        match self.call(line, body).await? {
            (OK, answer) => serde_json::from_str(&answer).map_err(|_| Asked::Strange(self.address)),
            (CONFLICT | FORBIDDEN | UNPROCESSABLE | BAD_REQUEST, why) => {
                Err(Asked::Refused(why.trim_end().to_owned()))
            }
            _ => Err(Asked::Strange(self.address)),
        }
    }

    async fn call(self, line: &str, body: &str) -> Result<(u16, String), Asked> {
        let told = |error| Asked::Unreachable(self.address, error);
        let late = |_| told(io::ErrorKind::TimedOut.into());
        let answer =
            timeout(ANSWER_TIME_MAX, self.exchange(line, body)).await.map_err(late)?.map_err(told)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(Asked::Strange(self.address))?;
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        Ok((code.ok_or(Asked::Strange(self.address))?, body.to_owned()))
    }

    /// HTTP/1.0, so that the answer ends with the connection and comes in one piece.
    async fn exchange(self, line: &str, body: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        let host = self.address;
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.0\r\nHost: {host}\r\n{INTENT}: yes\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        String::from_utf8(answer).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}

fn json(order: &impl Serialize) -> Result<String, Asked> {
    serde_json::to_string(order).map_err(|error| Asked::Refused(error.to_string()))
}

const OK: u16 = 200;
const ACCEPTED: u16 = 202;
const BAD_REQUEST: u16 = 400;
const FORBIDDEN: u16 = 403;
const CONFLICT: u16 = 409;
const UNPROCESSABLE: u16 = 422;

/// A hundred external caches with the longest descriptions take most of it.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

/// The node looks at its topology; it does not ask others. For `drain` the cluster's leader has to agree.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
