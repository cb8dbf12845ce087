//! One connection: two ends, each with what it has sent and what has arrived at it. When things arrive is left to the events.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::task::Waker;

/// Both ends; the first is the one that opened it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) ends: [End; 2],
}

/// One end.
///
/// ```text
///   open ─ dropped by its process ► gone        (what comes now is answered with a reset)
///     │ ─ reset arrived ► broken
///     └─ its host lost its power ► orphan       (nobody answers, until the host is back: then as gone)
/// ```
#[derive(Debug)]
pub(super) struct End {
    pub(super) address: SocketAddr,
    /// Sent and not arrived yet; the first arrives first.
    pub(super) outgoing: VecDeque<Segment>,
    pub(super) outgoing_bytes: usize,
    /// Whether there is an event for the first of them.
    pub(super) is_scheduled: bool,
    /// Arrived and not read yet.
    pub(super) arrived: VecDeque<u8>,
    /// The other end will send no more.
    pub(super) is_finished: bool,
    /// This end will send no more.
    pub(super) is_shut: bool,
    pub(super) is_broken: bool,
    pub(super) is_gone: bool,
    pub(super) is_orphan: bool,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// Bytes that may be under way or unread, towards the other end.
    pub(super) room_bytes: usize,
}

/// What was written at once; empty for the end of the stream.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) at_ns: u64,
    pub(super) bytes: Vec<u8>,
}

impl Connection {
    pub(super) fn new(addresses: [SocketAddr; 2], room_bytes: usize) -> Self {
        Self { ends: addresses.map(|address| End::new(address, room_bytes)) }
    }

    /// Whether nobody will ask for it again.
    pub(super) fn is_over(&self) -> bool {
        let closed = |end: &End| end.is_gone || end.is_orphan;
        let silent = |end: &End| end.outgoing.is_empty() || end.is_orphan;
        let [one, other] = &self.ends;
        closed(one) && closed(other) && silent(one) && silent(other)
    }

    /// How much the end may write now.
    pub(super) fn room(&self, side: usize) -> usize {
        let (own, other) = (&self.ends[side], &self.ends[1 - side]);
        own.room_bytes.saturating_sub(own.outgoing_bytes + other.arrived.len())
    }
}

impl End {
    fn new(address: SocketAddr, room_bytes: usize) -> Self {
        Self {
            address,
            outgoing: VecDeque::new(),
            outgoing_bytes: 0,
            is_scheduled: false,
            arrived: VecDeque::new(),
            is_finished: false,
            is_shut: false,
            is_broken: false,
            is_gone: false,
            is_orphan: false,
            reader: None,
            writer: None,
            room_bytes,
        }
    }

    pub(super) fn can_read(&self) -> bool {
        !self.arrived.is_empty() || self.is_finished || self.is_broken
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.arrived.is_empty() && !self.is_finished && !buffer.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.arrived.len());
        for (to, from) in buffer.iter_mut().zip(self.arrived.drain(..count)) {
            *to = from;
        }
        Ok(count)
    }

    /// A reset arrived, or the process asked for one: nothing more is read or written.
    pub(super) fn break_off(&mut self, woken: &mut Vec<Waker>) {
        self.is_broken = true;
        self.arrived.clear();
        self.outgoing.clear();
        self.outgoing_bytes = 0;
        woken.extend(self.reader.take());
        woken.extend(self.writer.take());
    }
}
