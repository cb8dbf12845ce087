//! Replies on their way to one client: sent as far as it takes them, kept as far as it does not.

use std::io;

use tokio::net::TcpStream;

use crate::limits::READ_BYTES;

/// Replies that the client has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    replies: Vec<u8>,
    /// Bytes of them that are sent.
    sent: usize,
}

impl Outbox {
    pub(super) const fn len(&self) -> usize {
        self.replies.len() - self.sent
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) const fn capacity(&self) -> usize {
        self.replies.capacity()
    }

    /// Adds replies and leaves none: large ones change hands, small ones are copied.
    pub(super) fn keep(&mut self, replies: &mut Vec<u8>) {
        if self.is_empty() && replies.len() >= READ_BYTES {
            std::mem::swap(&mut self.replies, replies);
            self.sent = 0;
        } else {
            self.replies.extend_from_slice(replies);
        }
        replies.clear();
    }

    /// Adds what `write` writes.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.replies);
    }

    /// Sends until the socket takes no more; how many bytes it took. An empty outbox keeps no memory.
    pub(super) fn write_to(&mut self, stream: &TcpStream) -> io::Result<usize> {
        let before = self.sent;
        while !self.is_empty() {
            match stream.try_write(&self.replies[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let sent = self.sent - before;
        if self.is_empty() {
            *self = Self::default();
        }
        Ok(sent)
    }
}
