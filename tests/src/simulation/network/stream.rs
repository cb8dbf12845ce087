//! One end of a connection as its process holds it. Dropping it closes the connection.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use larder_node::net::Duplex;

use super::wires::Wires;

/// An end of a connection.
#[derive(Debug)]
pub(super) struct SimStream {
    pub(super) wires: Arc<Wires>,
    pub(super) connection: u64,
    pub(super) side: usize,
}

impl Duplex for SimStream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wires.with(|state| {
            let Some(found) = state.connections.get_mut(&self.connection) else { return Poll::Ready(gone()) };
            let end = &mut found.ends[self.side];
            if end.can_read() {
                return Poll::Ready(Ok(()));
            }
            end.reader = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.wires.with(|state| {
            let Some(found) = state.connections.get_mut(&self.connection) else { return gone() };
            let read = found.ends[self.side].read(buffer)?;
            if read > 0 {
                state.woken.extend(found.ends[1 - self.side].writer.take());
            }
            Ok(read)
        })
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wires.with(|state| {
            let Some(found) = state.connections.get_mut(&self.connection) else { return Poll::Ready(gone()) };
            if found.ends[self.side].is_broken || found.room(self.side) > 0 {
                return Poll::Ready(Ok(()));
            }
            found.ends[self.side].writer = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.wires.with(|state| {
            let Some(found) = state.connections.get(&self.connection) else { return gone() };
            let end = &found.ends[self.side];
            if end.is_broken || end.is_shut {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let room = found.room(self.side).min(bytes.len());
            match room {
                0 if bytes.is_empty() => Ok(0),
                0 => Err(io::ErrorKind::WouldBlock.into()),
                room => Ok(state.send_in_pieces(self.connection, self.side, &bytes[..room])),
            }
        })
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.wires.with(|state| {
            let Some(found) = state.connections.get_mut(&self.connection) else { return gone() };
            let end = &mut found.ends[self.side];
            if end.is_broken {
                return gone();
            }
            if !std::mem::replace(&mut end.is_shut, true) {
                state.send(self.connection, self.side, &[]);
            }
            Ok(())
        })
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.wires.with(|state| state.close(self.connection, self.side));
    }
}

impl super::state::State {
    /// Takes what was written as one segment or several; one in eight times only a part of it.
    fn send_in_pieces(&mut self, connection: u64, side: usize, bytes: &[u8]) -> usize {
        let taken = if bytes.len() > 1 && self.random.u8(..8) == 0 {
            self.random.usize(1..bytes.len())
        } else {
            bytes.len()
        };
        let first = if taken > 1 && self.random.u8(..8) == 0 { self.random.usize(1..taken) } else { taken };
        self.send(connection, side, &bytes[..first]);
        if first < taken {
            self.send(connection, side, &bytes[first..taken]);
        }
        taken
    }

    /// The process lets go of its end. What was sent still arrives, unless something that had arrived was left unread.
    pub(super) fn close(&mut self, connection: u64, side: usize) {
        let Some(found) = self.connections.get_mut(&connection) else { return };
        let end = &mut found.ends[side];
        end.is_gone = true;
        if end.is_orphan || end.is_broken {
            end.arrived.clear();
        } else if !end.arrived.is_empty() {
            end.break_off(&mut self.woken);
            self.send_reset(connection, side);
        } else if !std::mem::replace(&mut end.is_shut, true) {
            self.send(connection, side, &[]);
        }
        self.remove_if_over(connection);
    }
}

fn gone<T>() -> io::Result<T> {
    Err(io::ErrorKind::ConnectionReset.into())
}
