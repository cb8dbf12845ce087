//! A stream that ends when a single reply on it becomes too large. Whoever reads replies keeps one in memory until it
//! is complete; nobody else limits what a server sends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;
use crate::limits;

/// The bytes that a reply may have, shared by all links of a cache; raised by whoever expects larger values.
#[derive(Debug, Clone)]
pub(crate) struct ReplyLimit(Arc<AtomicUsize>);

/// A stream and the reply on its way.
pub(super) struct Bounded {
    stream: Box<dyn Stream>,
    limit: ReplyLimit,
    reply: Reply,
}

/// Where in a reply of RESP 2 or 3 the stream is. What is no such reply is the parser's business: here it is a line
/// that does not end.
#[derive(Debug)]
struct Reply {
    /// Bytes since the last complete reply.
    bytes: usize,
    /// Of them, those of the line that has not ended.
    line: usize,
    /// Values that are still to come, those that have not begun.
    values: usize,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Before the first byte of a value.
    Start,
    /// In a line that is a value.
    Line,
    /// In the line of a value whose length, or number of values, it says.
    Head { kind: u8, number: usize, is_negative: bool },
    /// In a value of so many more bytes, line end included.
    Body(usize),
}

impl ReplyLimit {
    /// Room for values of so many bytes, and for whatever else servers say.
    pub(crate) fn for_values(bytes: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(reply_bytes(bytes))))
    }

    /// Makes room for values of so many bytes, on open connections as well.
    pub(crate) fn raise(&self, bytes: usize) {
        self.0.fetch_max(reply_bytes(bytes), Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that is larger than allowed is read all the same as long as it is not much larger, for its connection
/// lives on.
fn reply_bytes(value_bytes: usize) -> usize {
    value_bytes.saturating_mul(2).saturating_add(limits::REPLY_BYTES_SLACK)
}

impl Bounded {
    pub(super) fn new(stream: Box<dyn Stream>, limit: ReplyLimit) -> Self {
        Self { stream, limit, reply: Reply::new() }
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let limit = self.limit.bytes();
        match self.reply.take(buffer.filled().get(before..).unwrap_or_default(), limit) {
            Ok(()) => read,
            Err(passed) => {
                Poll::Ready(Err(io::Error::other(format!("the answer is larger than {passed} bytes"))))
            }
        }
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Reply {
    fn new() -> Self {
        Self { bytes: 0, line: 0, values: 1, place: Place::Start }
    }

    /// Goes on by these bytes. Fails as soon as a reply has more than `limit`, or says that it will, or a line of it is
    /// too long; the error is the limit that it passes.
    fn take(&mut self, mut bytes: &[u8], limit: usize) -> Result<(), usize> {
        while let Some((first, rest)) = bytes.split_first() {
            let passed = match &mut self.place {
                Place::Body(left) => {
                    let passed = bytes.len().min(*left);
                    *left -= passed;
                    if *left == 0 {
                        self.value_ends();
                    }
                    passed
                }
                _ => {
                    self.step(*first);
                    1
                }
            };
            bytes = if passed == 1 { rest } else { bytes.get(passed..).unwrap_or_default() };
            if self.values == 0 {
                *self = Self::new();
                continue;
            }
            self.bytes = self.bytes.saturating_add(passed);
            let announced = match self.place {
                Place::Body(left) => left,
                _ => 0,
            };
            // No value that is still to come takes less than three bytes.
            let to_come = announced.saturating_add(self.values.saturating_sub(1).saturating_mul(3));
            if self.bytes.saturating_add(to_come) > limit {
                return Err(limit);
            }
            if self.line > limits::REPLY_LINE_BYTES_MAX {
                return Err(limits::REPLY_LINE_BYTES_MAX);
            }
        }
        Ok(())
    }

    /// A byte outside of a body.
    fn step(&mut self, byte: u8) {
        self.line = if byte == b'\n' { 0 } else { self.line.saturating_add(1) };
        match (&mut self.place, byte) {
            (Place::Start, b'$' | b'!' | b'=' | b'*' | b'~' | b'>' | b'%' | b'|') => {
                self.place = Place::Head { kind: byte, number: 0, is_negative: false };
            }
            (Place::Start, _) => self.place = Place::Line,
            (Place::Line, b'\n') => self.value_ends(),
            (&mut Place::Head { kind, number, is_negative }, b'\n') => {
                self.head_ends(kind, if is_negative { None } else { Some(number) });
            }
            (Place::Head { is_negative, .. }, b'-') => *is_negative = true,
            (Place::Head { number, .. }, b'0'..=b'9') => {
                *number = number.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
            }
            (Place::Line | Place::Head { .. } | Place::Body(_), _) => {}
        }
    }

    fn head_ends(&mut self, kind: u8, number: Option<usize>) {
        let inner = match (kind, number) {
            (b'$' | b'!' | b'=', Some(number)) => {
                self.place = Place::Body(number.saturating_add(LINE_END));
                return;
            }
            (b'%' | b'|', Some(number)) => number.saturating_mul(2),
            (_, number) => number.unwrap_or(0),
        };
        self.values = self.values.saturating_add(inner);
        // Attributes stand before the value that they belong to.
        match kind {
            b'|' => self.place = Place::Start,
            _ => self.value_ends(),
        }
    }

    fn value_ends(&mut self) {
        self.values = self.values.saturating_sub(1);
        self.place = Place::Start;
    }
}

const LINE_END: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How many bytes of the text are let through, given in pieces of this size.
    fn passes(text: &[u8], piece: usize, limit: usize) -> bool {
        let mut reply = Reply::new();
        text.chunks(piece).all(|piece| reply.take(piece, limit).is_ok())
    }

    #[test]
    fn one_reply_is_limited_and_many_are_not() {
        for reply in [
            "+OK\r\n",
            "$5\r\nhello\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*0\r\n",
            "$0\r\n\r\n",
            "*2\r\n:1\r\n*1\r\n$1\r\na\r\n",
            "%1\r\n+a\r\n~2\r\n_\r\n#t\r\n",
            "|1\r\n+a\r\n:1\r\n$1\r\nx\r\n",
            "=7\r\ntxt:abc\r\n",
            ">2\r\n+message\r\n,1.5\r\n",
        ] {
            for piece in 1..=reply.len() {
                let many = reply.repeat(1000);
                assert!(passes(many.as_bytes(), piece, reply.len()), "{reply:?} in pieces of {piece}");
                let is_one = passes(reply.as_bytes(), piece, reply.len().saturating_sub(2));
                assert!(!is_one, "{reply:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_is_announced_counts_before_it_comes() {
        for large in ["$500000000\r\n", "*500000000\r\n", "*2\r\n$500000000\r\n", "%99999999999999999999\r\n"]
        {
            assert!(!passes(large.as_bytes(), large.len(), 1_000_000), "{large:?}");
        }
        assert!(passes(b"$500000\r\n", 3, 1_000_000));
        assert!(!passes(&b"*1\r\n".repeat(1000), 7, 1000), "arrays in arrays without end");
        for begin in ["x", "+", "$", "*2\r\n:1\r\n-"] {
            let line = begin.to_owned() + &"1".repeat(limits::REPLY_LINE_BYTES_MAX);
            assert!(!passes(line.as_bytes(), 4096, usize::MAX), "{begin:?}: a line without end");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_pass_the_limit_without_a_reply(
            text in proptest::collection::vec(proptest::sample::select(b"$*%|+-1290\r\nx".to_vec()), 0..300),
            piece in 1_usize..20,
        ) {
            let mut reply = Reply::new();
            let stays = text.chunks(piece).all(|piece| reply.take(piece, 100).is_ok());
            prop_assert!(!stays || reply.bytes <= 100);
            prop_assert_eq!(stays, passes(&text, 1, 100));
        }
    }
}
