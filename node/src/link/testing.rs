//! Streams in memory for tests: two ends, bytes in order, a bound on what is under way, and a way to cut them.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::net::{Duplex, Stream};

/// Two ends of one connection, of which each direction holds at most so many bytes, and what cuts it.
pub(crate) fn pair(bytes_max: usize) -> (Stream, Stream, Cut) {
    let pipes = [Pipe::new(bytes_max), Pipe::new(bytes_max)];
    let end = |reads: usize| {
        let (reads, writes) = (Arc::clone(&pipes[reads]), Arc::clone(&pipes[1 - reads]));
        Stream::Other(Box::new(End { reads, writes }))
    };
    (end(0), end(1), Cut(pipes.clone()))
}

/// Cuts a connection: what is under way is lost.
pub(crate) struct Cut([Arc<Mutex<Pipe>>; 2]);

impl Cut {
    pub(crate) fn cut(&self) {
        for pipe in &self.0 {
            let mut pipe = pipe.lock();
            (pipe.is_cut, pipe.is_closed) = (true, true);
            pipe.bytes.clear();
            pipe.wake();
        }
    }
}

struct End {
    reads: Arc<Mutex<Pipe>>,
    writes: Arc<Mutex<Pipe>>,
}

struct Pipe {
    bytes: VecDeque<u8>,
    bytes_max: usize,
    is_closed: bool,
    is_cut: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn new(bytes_max: usize) -> Arc<Mutex<Self>> {
        let bytes = VecDeque::new();
        Arc::new(Mutex::new(Self {
            bytes,
            bytes_max,
            is_closed: false,
            is_cut: false,
            reader: None,
            writer: None,
        }))
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

impl Duplex for End {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.reads.lock();
        if pipe.bytes.is_empty() && !pipe.is_closed {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.reads.lock();
        if pipe.is_cut {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if pipe.bytes.is_empty() && !pipe.is_closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = buffer.len().min(pipe.bytes.len());
        for (to, from) in buffer.iter_mut().zip(pipe.bytes.drain(..read)) {
            *to = from;
        }
        pipe.writer.take().into_iter().for_each(Waker::wake);
        Ok(read)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.writes.lock();
        if pipe.bytes.len() >= pipe.bytes_max && !pipe.is_closed {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut pipe = self.writes.lock();
        if pipe.is_closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let written = bytes.len().min(pipe.bytes_max - pipe.bytes.len());
        if written == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        pipe.bytes.extend(&bytes[..written]);
        pipe.reader.take().into_iter().for_each(Waker::wake);
        Ok(written)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        let mut pipe = self.writes.lock();
        pipe.is_closed = true;
        pipe.wake();
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for pipe in [&self.reads, &self.writes] {
            let mut pipe = pipe.lock();
            pipe.is_closed = true;
            pipe.wake();
        }
    }
}
