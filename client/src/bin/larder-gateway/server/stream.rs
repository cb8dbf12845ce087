//! A client's connection that may take its answers only so slowly: it holds a place that others wait for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use crate::pace::{Pace, PaceLimits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A stream whose writes fail when the client takes too little of an answer, or too long.
pub(super) struct Stream {
    stream: TcpStream,
    pace: Pace,
    next: NextAnswer,
}

/// The word that the answers before have been taken, and another one begins.
#[derive(Clone, Default)]
pub(super) struct NextAnswer(Arc<AtomicBool>);

impl NextAnswer {
    pub(super) fn begins(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Stream {
    /// `next` says when an answer begins.
    pub(super) fn new(stream: TcpStream, limits: PaceLimits, next: NextAnswer) -> Self {
        Self { stream, pace: Pace::new(limits), next }
    }

    fn paced(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if self.next.0.swap(false, Ordering::Relaxed) {
            self.pace.restart();
        }
        if let Poll::Ready(taken) = &polled {
            self.pace.moved(*taken.as_ref().unwrap_or(&0));
            return polled;
        }
        ready!(self.pace.poll_spent(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes its answer too slowly")))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.paced(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.paced(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
