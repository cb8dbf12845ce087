//! The socket of a connection and the replies that its client has not taken yet. The connection reads from it; whoever
//! sends the replies of a turn writes to it.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::super::clients::Card;
use super::super::pending::Pending;
use super::outbox::Outbox;
use crate::net::Stream;

/// What a connection shares with its worker's post. One thread alone touches it.
pub(in crate::server) struct Link {
    stream: Stream,
    pub(in crate::server) card: Arc<Card>,
    pub(in crate::server) outbox: RefCell<Outbox>,
    /// Replies that wait for copies or for other nodes; what is ready behind them waits here, too.
    pub(in crate::server) pending: RefCell<Option<Box<Pending>>>,
}

impl Link {
    pub(super) fn new(stream: Stream, card: Arc<Card>) -> Self {
        Self { stream, card, outbox: RefCell::default(), pending: RefCell::default() }
    }

    /// Whether replies wait for copies or for other nodes.
    pub(in crate::server) fn has_pending(&self) -> bool {
        self.pending.borrow().as_ref().is_some_and(|pending| !pending.is_empty())
    }

    /// Adds a reply that is written by this, behind all others.
    pub(super) fn add(&self, write: impl FnOnce(&mut Vec<u8>)) {
        match self.pending.borrow_mut().as_mut().filter(|pending| !pending.is_empty()) {
            None => self.outbox.borrow_mut().add(write),
            Some(pending) => {
                let mut reply = Vec::new();
                write(&mut reply);
                pending.push_ready(&reply);
            }
        }
    }

    /// Whether requests have to be placed again before others run.
    pub(super) fn has_again(&self) -> bool {
        self.pending.borrow().as_ref().is_some_and(|pending| pending.has_again())
    }

    /// Reads once into `buffer`, as soon as there is something to read; how many bytes, none at the client's end.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_read(cx, buffer)
    }

    /// Like [`Link::poll_read`], into the room that a kept beginning has left.
    pub(super) fn poll_read_more(
        &self,
        cx: &mut Context<'_>,
        input: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_read_more(cx, input)
    }

    /// Waits until the client can take more.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_write_ready(cx)
    }

    /// Sends as many of these bytes as the client takes at once; how many.
    pub(in crate::server) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    /// Says that nothing more will be sent.
    pub(super) fn shut(&self) -> io::Result<()> {
        self.stream.shutdown_write()
    }
}
