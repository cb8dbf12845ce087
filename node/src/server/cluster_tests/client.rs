//! A client of the nodes of the harness.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::timeout;

use super::super::merge::element;
use crate::net::Stream;

/// A client on a stream in memory.
pub(in crate::server) struct Client {
    pub(super) stream: Stream,
    pub(super) read: Vec<u8>,
}

impl Client {
    pub(in crate::server) async fn send(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            poll_fn(|cx| self.stream.poll_write_ready(cx)).await.unwrap();
            rest = &rest[self.stream.write(rest).unwrap()..];
        }
    }

    /// Sends one line and reads its reply, line ends shown as `|`.
    pub(in crate::server) async fn expect(&mut self, line: &str, reply: &str) {
        self.send(&format!("{line}\r\n")).await;
        self.read_all(reply).await;
    }

    /// Sends one line that is not answered yet.
    pub(in crate::server) async fn expect_none(&mut self, line: &str) {
        self.send(&format!("{line}\r\n")).await;
        self.expect_silence().await;
    }

    /// Says that nothing more will come.
    pub(in crate::server) fn send_no_more(&mut self) {
        self.stream.shutdown_write().unwrap();
    }

    pub(in crate::server) async fn expect_after(&mut self, first: impl FnOnce(), reply: &str) {
        first();
        self.read_all(reply).await;
    }

    pub(in crate::server) async fn read_all(&mut self, reply: &str) {
        assert_eq!(self.read(reply.len()).await, reply);
        assert!(self.read.is_empty(), "{}", shown(&self.read));
    }

    /// So many characters as they are shown.
    pub(in crate::server) async fn read(&mut self, shown_bytes: usize) -> String {
        while shown(&self.read).len() < shown_bytes && self.more().await {}
        let text = shown(&self.read);
        self.read.clear();
        text
    }

    /// The first line of the reply to this one.
    pub(in crate::server) async fn answer(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        self.read_lines(1).await
    }

    pub(in crate::server) async fn read_lines(&mut self, lines: usize) -> String {
        while shown(&self.read).matches('|').count() < lines && self.more().await {}
        let text = shown(&self.read);
        self.read.clear();
        text
    }

    /// Nothing comes although every task of all nodes has had its turn many times.
    pub(in crate::server) async fn expect_silence(&mut self) {
        let waited = timeout(Duration::from_millis(50), self.more()).await;
        assert!(waited.is_err(), "{}", shown(&self.read));
    }

    /// The bulk strings of a reply.
    pub(in crate::server) async fn elements(&mut self, line: &str) -> Vec<String> {
        self.send(&format!("{line}\r\n")).await;
        while element(&self.read) != Some(self.read.len()) && self.more().await {}
        let text = shown(&self.read);
        self.read.clear();
        let words: Vec<&str> = text.split('|').collect();
        let bulks = words.windows(2).filter(|pair| pair[0].starts_with('$'));
        bulks.map(|pair| pair[1].to_owned()).collect()
    }

    /// The next cursor of a step of a scan, and what it found.
    pub(in crate::server) async fn scan(&mut self, line: &str) -> (String, Vec<String>) {
        let mut elements = self.elements(line).await;
        let cursor = elements.remove(0);
        (cursor, elements)
    }

    /// A text.
    pub(in crate::server) async fn info(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        while element(&self.read) != Some(self.read.len()) && self.more().await {}
        let text = shown(&self.read);
        self.read.clear();
        text
    }

    /// Reads so many bytes and forgets them; how many came.
    pub(in crate::server) async fn skip(&mut self, bytes: usize) -> usize {
        let mut came = std::mem::take(&mut self.read).len();
        while came < bytes && self.more().await {
            came += std::mem::take(&mut self.read).len();
        }
        self.read.clear();
        came
    }

    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4_096];
        let read = poll_fn(|cx| self.stream.poll_read(cx, &mut bytes)).await.unwrap();
        self.read.extend_from_slice(&bytes[..read]);
        read > 0
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "|")
}
