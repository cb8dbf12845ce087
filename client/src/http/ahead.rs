//! Reading a body ahead of a slow receiver, so that whoever sends it has done and can be given something else to do:
//! the backend, its place under the origin limit, and those who wait for the entry. How slow a receiver may be is left
//! to whoever has its connection.

use std::collections::VecDeque;
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::limits::{AHEAD_BYTES_DEFAULT, AHEAD_ROOM_BYTES_MAX};

/// How much is read ahead, and the memory for it. Cloning it shares the memory.
///
/// A body is read in a task of its own, as fast as it comes, until so many bytes of it wait; then as fast as it is taken.
/// All bodies together take at most 256 MiB: what comes above is read when it is asked for. The task ends with the body,
/// or when its receiver drops it.
#[derive(Clone)]
pub struct ReadAhead {
    bytes_max: usize,
    room: Arc<AtomicUsize>,
    tasks: TaskTracker,
}

/// A body that is read ahead; made by [`ReadAhead::read`].
pub struct AheadBody<E> {
    queue: Arc<Queue<E>>,
    hint: SizeHint,
}

/// Between the task that reads and the receiver. The lock is held for a look, never while a body is polled.
struct Queue<E> {
    state: Mutex<State<E>>,
    room: Arc<AtomicUsize>,
    bytes_max: usize,
}

struct State<E> {
    frames: VecDeque<Result<Frame<Bytes>, E>>,
    /// What they count for.
    bytes: usize,
    is_over: bool,
    is_given_up: bool,
    reader: Option<Waker>,
    receiver: Option<Waker>,
}

impl ReadAhead {
    /// At most so many bytes of each body; with 0 one piece.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, room: Arc::default(), tasks: TaskTracker::new() }
    }

    /// Begins to read. Must be called within a tokio runtime.
    pub fn read<B>(&self, body: B) -> AheadBody<B::Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Send,
    {
        let state = State {
            frames: VecDeque::new(),
            bytes: 0,
            is_over: body.is_end_stream(),
            is_given_up: false,
            reader: None,
            receiver: None,
        };
        let hint = body.size_hint();
        let state = Mutex::new(state);
        let queue = Arc::new(Queue { state, room: self.room.clone(), bytes_max: self.bytes_max });
        let reading = queue.clone();
        if let Ok(runtime) = Handle::try_current() {
            self.tasks.spawn_on(
                async move {
                    let mut body = pin!(body);
                    std::future::poll_fn(|cx| reading.poll_read(cx, body.as_mut())).await;
                },
                &runtime,
            );
        }
        AheadBody { queue, hint }
    }
}

impl Default for ReadAhead {
    /// 1 MiB of each body.
    fn default() -> Self {
        Self::new(AHEAD_BYTES_DEFAULT)
    }
}

impl<E> AheadBody<E> {
    /// Waits until the body has been read to its end, or as far as it may be. What ended it too early, if something did,
    /// is taken out of it.
    ///
    /// # Errors
    ///
    /// The body's own.
    pub async fn settled(&mut self) -> Result<(), E> {
        std::future::poll_fn(|cx| {
            let mut state = self.queue.lock();
            if !state.is_over && !self.queue.is_full(&state) {
                state.receiver = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let Some(Err(_)) = state.frames.back() else { return Poll::Ready(Ok(())) };
            let failed = state.frames.pop_back();
            state.bytes -= FRAME_BYTES;
            self.queue.room.fetch_sub(FRAME_BYTES, Ordering::Relaxed);
            Poll::Ready(failed.map_or(Ok(()), |frame| frame.map(|_| ())))
        })
        .await
    }
}

impl<E> Queue<E> {
    fn is_full(&self, state: &State<E>) -> bool {
        state.bytes >= self.bytes_max || self.room.load(Ordering::Relaxed) >= AHEAD_ROOM_BYTES_MAX
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until nothing comes, enough waits, or the body is over.
    fn poll_read<B: Body<Data = Bytes, Error = E>>(
        &self,
        cx: &mut Context<'_>,
        mut body: Pin<&mut B>,
    ) -> Poll<()> {
        loop {
            {
                let mut state = self.lock();
                if state.is_given_up || state.is_over {
                    return Poll::Ready(());
                }
                state.reader = Some(cx.waker().clone());
                if self.is_full(&state) && !state.frames.is_empty() {
                    // Others may have filled the room since the last frame: that is as far as this body may be read.
                    if let Some(receiver) = state.receiver.take() {
                        receiver.wake();
                    }
                    return Poll::Pending;
                }
            }
            let frame = ready!(body.as_mut().poll_frame(cx));
            let mut state = self.lock();
            state.is_over = !matches!(frame, Some(Ok(_))) || body.is_end_stream();
            if let Some(frame) = frame.map(|frame| frame.map(alone)) {
                let bytes = weight(&frame);
                state.bytes += bytes;
                self.room.fetch_add(bytes, Ordering::Relaxed);
                state.frames.push_back(frame);
            }
            if let Some(receiver) = state.receiver.take() {
                receiver.wake();
            }
        }
    }
}

impl<E> Body for AheadBody<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let this = self.get_mut();
        let mut state = this.queue.lock();
        let Some(frame) = state.frames.pop_front() else {
            if state.is_over {
                return Poll::Ready(None);
            }
            state.receiver = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let bytes = weight(&frame);
        state.bytes -= bytes;
        this.queue.room.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
        if let (Some(length), Some(data)) = (this.hint.exact(), frame.as_ref().ok().and_then(Frame::data_ref))
        {
            this.hint = SizeHint::with_exact(length.saturating_sub(data.len() as u64));
        }
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        let state = self.queue.lock();
        state.is_over && state.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

impl<E> Drop for AheadBody<E> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.is_given_up = true;
        if let Some(reader) = state.reader.take() {
            reader.wake();
        }
    }
}

impl<E> Drop for Queue<E> {
    fn drop(&mut self) {
        let bytes = self.lock().bytes;
        self.room.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What a frame counts for.
fn weight<E>(frame: &Result<Frame<Bytes>, E>) -> usize {
    FRAME_BYTES + frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len)
}

/// The frame without the memory around its data: a connection hands out parts of the buffer that it reads into, and a byte
/// that waits would keep all of it.
fn alone(frame: Frame<Bytes>) -> Frame<Bytes> {
    frame.map_data(|data| if data.len() < COPIED_BYTES_MAX { Bytes::copy_from_slice(&data) } else { data })
}

/// What a frame takes beside its data.
const FRAME_BYTES: usize = 128;

/// Shorter pieces are copied. Buffers of connections have from 8 to 400 KiB.
const COPIED_BYTES_MAX: usize = 64 * 1024;

impl fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

impl<E> fmt::Debug for AheadBody<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AheadBody").field("hint", &self.hint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use http_body_util::BodyExt;
    use tokio::sync::mpsc;
    use tokio::task::JoinSet;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// A body of what is sent to it, that says when it is dropped.
    struct Sent {
        pieces: mpsc::Receiver<Bytes>,
        _gone: mpsc::Sender<()>,
    }

    impl Body for Sent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
        }
    }

    /// A body, where its pieces come from, and what ends when it is dropped.
    fn sent() -> (Sent, mpsc::Sender<Bytes>, mpsc::Receiver<()>) {
        let ((sender, pieces), (_gone, gone)) = (mpsc::channel(1), mpsc::channel(1));
        (Sent { pieces, _gone }, sender, gone)
    }

    fn piece() -> Bytes {
        Bytes::from(vec![b'x'; 1000])
    }

    #[tokio::test]
    async fn a_body_is_read_to_its_end_though_nobody_takes_it() {
        let ((body, sender, mut gone), ahead) = (sent(), ReadAhead::default());
        let body = ahead.read(body);
        for _ in 0..10 {
            sender.send(piece()).await.unwrap();
        }
        drop(sender);
        assert!(gone.recv().await.is_none(), "whoever sends it has done");
        assert!(ahead.room.load(Ordering::Relaxed) > 10_000);
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 10_000);
        assert_eq!(ahead.room.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn no_more_is_read_than_is_allowed() {
        let ((body, sender, _gone), ahead) = (sent(), ReadAhead::new(3000));
        let mut body = ahead.read(body);
        let mut pieces = 0;
        // What the channel holds, and what the reader took; it runs while this task waits.
        while sender.try_send(piece()).is_ok() {
            pieces += 1;
            tokio::task::yield_now().await;
        }
        assert_eq!(pieces, 4, "three are read, one waits");
        assert!(body.frame().await.is_some());
        sender.send(piece()).await.unwrap();
        drop((sender, body));
        assert_eq!(ahead.room.load(Ordering::Relaxed) / 10_000, 0);
    }

    #[tokio::test]
    async fn what_waits_keeps_no_more_memory_than_it_counts_for() {
        /// A buffer that says when it is freed.
        struct Buffer {
            bytes: Vec<u8>,
            _held: mpsc::Sender<()>,
        }

        impl AsRef<[u8]> for Buffer {
            fn as_ref(&self) -> &[u8] {
                &self.bytes
            }
        }

        let ((body, sender, _gone), ahead) = (sent(), ReadAhead::default());
        let body = ahead.read(body);
        let (_held, mut freed) = mpsc::channel(1);
        let buffer = Bytes::from_owner(Buffer { bytes: vec![b'x'; 8192], _held });
        sender.send(buffer.slice(..1)).await.unwrap();
        drop((buffer, sender));
        let freed = tokio::time::timeout(DEADLINE, freed.recv()).await;
        assert_eq!(freed, Ok(None), "a byte that waits keeps no buffer");
        assert_eq!(body.collect().await.unwrap().to_bytes(), "x");
    }

    #[tokio::test]
    async fn a_body_is_settled_once_others_have_filled_the_room() {
        let ((body, sender, _gone), ahead) = (sent(), ReadAhead::default());
        let mut body = ahead.read(body);
        sender.send(piece()).await.unwrap();
        let mut settled = JoinSet::new();
        settled.spawn(async move { body.settled().await.map(|()| body) });
        while ahead.room.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        // It waits for more, and so does the reader.
        tokio::task::yield_now().await;
        ahead.room.fetch_add(AHEAD_ROOM_BYTES_MAX, Ordering::Relaxed);
        sender.send(piece()).await.unwrap();
        let waited = tokio::time::timeout(DEADLINE, settled.join_next()).await;
        let body = waited.expect("nobody waits for room that others have").unwrap().unwrap().unwrap();
        drop(sender);
        assert_eq!(body.collect().await.unwrap().to_bytes().len(), 2000);
    }

    #[tokio::test]
    async fn a_body_that_nobody_wants_any_more_is_dropped() {
        let ((body, _sender, mut gone), ahead) = (sent(), ReadAhead::default());
        drop(ahead.read(body));
        assert!(gone.recv().await.is_none());
        let ((body, sender, mut gone), ahead) = (sent(), ReadAhead::new(0));
        let body = ahead.read(body);
        sender.send(piece()).await.unwrap();
        drop(body);
        assert!(gone.recv().await.is_none());
    }
}
