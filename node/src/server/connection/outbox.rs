//! Replies that one client does not take at once: kept until it does.

/// Replies that the client has not taken yet.
#[derive(Debug, Default)]
pub(in crate::server) struct Outbox {
    replies: Vec<u8>,
    /// Bytes of them that are sent.
    sent: usize,
}

impl Outbox {
    pub(super) const fn len(&self) -> usize {
        self.replies.len() - self.sent
    }

    pub(in crate::server) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) const fn capacity(&self) -> usize {
        self.replies.capacity()
    }

    /// What is to be sent next.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.replies[self.sent..]
    }

    /// Notes that so many bytes more are sent. An empty outbox keeps no memory.
    pub(super) fn note_sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Adds replies.
    pub(in crate::server) fn keep(&mut self, replies: &[u8]) {
        self.replies.extend_from_slice(replies);
    }

    /// Takes over a buffer of which so many bytes are done with; for large replies, which are not copied. Only for an
    /// empty outbox.
    pub(in crate::server) fn take_over(&mut self, replies: &mut Vec<u8>, sent: usize) {
        debug_assert!(self.is_empty());
        std::mem::swap(&mut self.replies, replies);
        self.sent = sent;
    }

    /// Adds what `write` writes.
    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.replies);
    }
}
