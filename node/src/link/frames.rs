//! Messages on a connection between nodes: four bytes of length (little-endian, of what follows), one of kind, the
//! payload. Whoever queues frames looks at how many bytes wait and stops in time; what comes in is bounded by a limit
//! for one frame, and memory is taken only for bytes that have come.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;
use tokio::net::TcpStream;

use super::error::{FrameError, LinkError};
use super::introduction::Purpose;
use crate::limits::{LINK_BUFFER_BYTES_KEPT, LINK_READ_BYTES};
use crate::net::Stream;

/// A connection whose two sides know each other.
#[derive(Debug)]
pub struct Link {
    reader: FrameReader,
    writer: FrameWriter,
    version: u32,
}

/// The side of a link that frames come from.
#[derive(Debug)]
pub struct FrameReader {
    stream: Arc<Stream>,
    input: Vec<u8>,
    /// Where in `input` the first byte is that has not been given out.
    start: usize,
    frame_bytes_max: usize,
}

/// The side of a link that frames go to.
#[derive(Debug)]
pub struct FrameWriter {
    stream: Arc<Stream>,
    output: Vec<u8>,
    /// How many bytes of `output` are sent.
    sent: usize,
}

/// A message that came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'f> {
    /// What it is; what the numbers mean depends on the connection's purpose.
    pub kind: u8,
    /// The message.
    pub payload: &'f [u8],
}

/// Frames that came together.
pub type Frames<'f> = SmallVec<[Frame<'f>; 32]>;

/// Where they are.
type Ranges = SmallVec<[(u8, Range<usize>); 32]>;

impl Link {
    /// A connection on which nothing has come yet but what the handshake read.
    pub(super) fn new(stream: Stream, frame_bytes_max: usize) -> Self {
        let stream = Arc::new(stream);
        Self {
            reader: FrameReader { stream: Arc::clone(&stream), input: Vec::new(), start: 0, frame_bytes_max },
            writer: FrameWriter { stream, output: Vec::new(), sent: 0 },
            version: 0,
        }
    }

    /// Goes on from the introductions to what the connection is for.
    pub(super) const fn begin(&mut self, version: u32, purpose: Purpose) {
        self.version = version;
        self.reader.frame_bytes_max = purpose.frame_bytes_max();
    }

    /// The version of the protocol between nodes that both sides speak.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// The connection has ended, or what came is no frame.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame<'_>, LinkError>> {
        self.reader.poll_frame(cx)
    }

    /// Waits for the next frame. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// The connection has ended, or what came is no frame.
    pub async fn frame(&mut self) -> Result<Frame<'_>, LinkError> {
        self.reader.frame().await
    }

    /// Puts a frame behind those that wait; `write` appends its payload. Nothing is sent yet.
    pub fn queue(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        self.writer.queue(kind, write);
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.writer.queued_bytes()
    }

    /// Sends what waits; ready once all of it is handed to the network.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        self.writer.poll_flush(cx)
    }

    /// Sends what waits. What is not sent when the wait is given up waits on.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn flush(&mut self) -> Result<(), LinkError> {
        self.writer.flush().await
    }

    /// The same link for the runtime that this is called in, which wakes whoever waits for it from now on.
    ///
    /// # Errors
    /// The runtime does not take the socket.
    pub fn at_home(self) -> io::Result<Self> {
        let Self { reader, writer, version } = self;
        let FrameReader { stream, input, start, frame_bytes_max } = reader;
        let FrameWriter { output, sent, .. } = writer;
        let stream = match Arc::try_unwrap(stream) {
            Ok(Stream::Tcp(stream)) => Arc::new(Stream::Tcp(TcpStream::from_std(stream.into_std()?)?)),
            Ok(stream) => Arc::new(stream),
            Err(shared) => shared,
        };
        let reader = FrameReader { stream: Arc::clone(&stream), input, start, frame_bytes_max };
        Ok(Self { reader, writer: FrameWriter { stream, output, sent }, version })
    }

    /// The two sides, for two tasks.
    #[must_use]
    pub fn split(self) -> (FrameReader, FrameWriter) {
        (self.reader, self.writer)
    }
}

impl FrameReader {
    /// Waits for the next frame.
    ///
    /// # Errors
    /// The connection has ended, or what came is no frame.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame<'_>, LinkError>> {
        let (kind, payload) = ready!(self.poll_range(cx))?;
        Poll::Ready(Ok(Frame { kind, payload: &self.input[payload] }))
    }

    /// Waits for the next frame. Nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// The connection has ended, or what came is no frame.
    pub async fn frame(&mut self) -> Result<Frame<'_>, LinkError> {
        let (kind, payload) = poll_fn(|cx| self.poll_range(cx)).await?;
        Ok(Frame { kind, payload: &self.input[payload] })
    }

    /// The next frame, if it has come already; the network is not asked.
    ///
    /// # Errors
    /// What came is no frame.
    pub fn ready_frame(&mut self) -> Result<Option<Frame<'_>>, LinkError> {
        let found = self.take()?;
        Ok(found.map(|(kind, payload)| Frame { kind, payload: &self.input[payload] }))
    }

    /// Some frames, at most so many: those that have come. Where none has, it waits for the first if it is to, and gives none
    /// otherwise.
    ///
    /// # Errors
    /// The connection has ended, or what came is no frame.
    pub async fn some_frames(&mut self, frames_max: usize, wait: bool) -> Result<Frames<'_>, LinkError> {
        let found = poll_fn(|cx| match self.poll_ranges(frames_max, cx) {
            Poll::Pending if !wait => Poll::Ready(Ok(Ranges::new())),
            polled => polled,
        });
        let found = found.await?;
        Ok(self.of_ranges(found))
    }

    /// Waits for frames, and gives those that have come, at most so many and at least one.
    ///
    /// # Errors
    /// The connection has ended, or what came is no frame.
    pub fn poll_some_frames(
        &mut self,
        frames_max: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Frames<'_>, LinkError>> {
        let found = ready!(self.poll_ranges(frames_max, cx))?;
        Poll::Ready(Ok(self.of_ranges(found)))
    }

    fn poll_ranges(&mut self, frames_max: usize, cx: &mut Context<'_>) -> Poll<Result<Ranges, LinkError>> {
        let mut found = Ranges::new();
        found.push(ready!(self.poll_range(cx))?);
        while found.len() < frames_max {
            // What is no frame is met again once those before it are dealt with.
            let Ok(Some(next)) = self.take() else { break };
            found.push(next);
        }
        Poll::Ready(Ok(found))
    }

    fn of_ranges(&self, found: Ranges) -> Frames<'_> {
        found.into_iter().map(|(kind, payload)| Frame { kind, payload: &self.input[payload] }).collect()
    }

    /// Bytes of memory that its buffer takes.
    #[must_use]
    pub const fn buffer_bytes(&self) -> usize {
        self.input.capacity()
    }

    fn poll_range(&mut self, cx: &mut Context<'_>) -> Poll<Result<(u8, Range<usize>), LinkError>> {
        loop {
            if let Some(found) = self.take()? {
                return Poll::Ready(Ok(found));
            }
            self.make_room();
            if ready!(self.stream.poll_read_more(cx, &mut self.input))? == 0 {
                return Poll::Ready(Err(LinkError::Closed));
            }
        }
    }

    /// Gives out the first frame, if it is whole.
    fn take(&mut self) -> Result<Option<(u8, Range<usize>)>, LinkError> {
        let Some(length) = self.length()? else { return Ok(None) };
        let body = self.start + LENGTH_BYTES;
        let end = body + length;
        if self.input.len() < end {
            return Ok(None);
        }
        self.start = end;
        Ok(Some((self.input[body], body + 1..end)))
    }

    /// Bytes of kind and payload of the first frame, if they are known.
    fn length(&self) -> Result<Option<usize>, LinkError> {
        let Some(bytes) = self.input[self.start..].first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_le_bytes(*bytes) as usize;
        if length == 0 {
            return Err(FrameError::Empty.into());
        }
        if length > self.frame_bytes_max {
            return Err(FrameError::TooLong { bytes: length, bytes_max: self.frame_bytes_max }.into());
        }
        Ok(Some(length))
    }

    /// Makes room to read to: as much as the frame is known to need, but no more than has come already.
    fn make_room(&mut self) {
        if self.start == self.input.len() {
            self.input.clear();
            self.start = 0;
            if self.input.capacity() > LINK_BUFFER_BYTES_KEPT {
                self.input = Vec::new();
            }
        } else if self.input.capacity() == self.input.len() {
            self.input.drain(..self.start);
            self.start = 0;
        }
        let spare = self.input.capacity() - self.input.len();
        if spare == 0 || self.input.is_empty() {
            let missing = self.length().ok().flatten().map_or(0, |length| length + LENGTH_BYTES);
            let missing = missing.saturating_sub(self.input.len());
            self.input.reserve_exact(missing.clamp(LINK_READ_BYTES, self.input.len().max(LINK_READ_BYTES)));
        }
    }
}

impl FrameWriter {
    /// Puts a frame behind those that wait; `write` appends its payload. Nothing is sent yet.
    pub fn queue(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.output.len();
        self.output.extend_from_slice(&[0, 0, 0, 0, kind]);
        write(&mut self.output);
        // Limits for one frame are below what four bytes can say; `limits.rs` asserts it.
        let length = (self.output.len() - start - LENGTH_BYTES) as u32;
        self.output[start..start + LENGTH_BYTES].copy_from_slice(&length.to_le_bytes());
    }

    /// Puts whole frames, or pieces of them, behind those that wait; `write` appends them as they travel.
    pub fn queue_bytes<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        write(&mut self.output)
    }

    /// Bytes that wait to be sent.
    #[must_use]
    pub const fn queued_bytes(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Bytes of memory that its buffer takes.
    #[must_use]
    pub const fn buffer_bytes(&self) -> usize {
        self.output.capacity()
    }

    /// Sends what waits; ready once all of it is handed to the network.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        while self.sent < self.output.len() {
            ready!(self.stream.poll_write_ready(cx))?;
            self.sent += self.stream.write(&self.output[self.sent..])?;
            self.forget_sent();
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what waits. What is not sent when the wait is given up waits on.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn flush(&mut self) -> Result<(), LinkError> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Lets go of what is sent: all of it, or the larger half, so that each byte is moved once at most.
    fn forget_sent(&mut self) {
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
            if self.output.capacity() > LINK_BUFFER_BYTES_KEPT {
                self.output = Vec::new();
            }
        } else if self.sent > self.output.len() / 2 {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the bytes: they may be somebody's value.
        write!(f, "Frame {{ kind: {}, bytes: {} }}", self.kind, self.payload.len())
    }
}

/// Bytes before a frame that tell its length.
const LENGTH_BYTES: usize = 4;
