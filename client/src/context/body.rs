//! The content of a request or response: read or not yet.

use std::error::Error;
use std::fmt;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

/// A body that is still to be read.
pub type StreamBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// The content of a message.
#[derive(Default)]
pub enum Content {
    /// There is none; `Body` is null in expressions.
    #[default]
    Absent,
    /// It has been read, or a policy has set it.
    Bytes(Bytes),
    /// It is still to be read. Expressions that look at it have it read before.
    Stream(StreamBody),
    /// An expression has read it without `preserveContent`: nothing is left.
    Consumed,
}

/// A body that could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum BodyError {
    /// It is longer than this many bytes.
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// Whoever sent it stopped.
    Broken(Box<dyn Error + Send + Sync>),
}

impl Content {
    /// Reads what is still to be read, up to `limit` bytes. After an error nothing is left of it.
    ///
    /// # Errors
    ///
    /// It is longer, or its sender stopped.
    pub async fn buffer(&mut self, limit: usize) -> Result<(), BodyError> {
        let Self::Stream(_) = self else { return Ok(()) };
        let Self::Stream(stream) = std::mem::replace(self, Self::Consumed) else { return Ok(()) };
        *self = Self::Bytes(collected(stream, limit).await?);
        Ok(())
    }

    /// The bytes, if it has been read and not consumed.
    #[must_use]
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// All of a stream. Not `http_body_util::Limited`: the compiler cannot prove that its future may move
/// between threads.
async fn collected(mut stream: StreamBody, limit: usize) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = stream.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(BodyError::TooLong { limit });
        }
        // Most bodies come in one piece, which is not copied.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Says how it stands, not what is in it.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
            Self::Consumed => f.write_str("Consumed"),
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the body is longer than {limit} bytes"),
            Self::Broken(_) => f.write_str("the body ended too early"),
        }
    }
}

impl Error for BodyError {}
