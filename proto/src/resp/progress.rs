//! What a request may be, how far the reading of one came, and why bytes are none. The reading is the parser's.

use std::fmt;

/// What a request may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arguments of one request, the command's name included.
    pub arguments_max: usize,
    /// Bytes of one argument.
    pub bulk_bytes_max: usize,
    /// Bytes of an inline command, line end included.
    pub inline_bytes_max: usize,
    /// Bytes of a whole request. Below 4 GiB.
    pub frame_bytes_max: usize,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The request needs more bytes; at least this many in all, counted from its first byte.
    Incomplete {
        /// Bytes from the request's first byte that the next step needs.
        wanted: usize,
    },
    /// The request ends after this many bytes; its arguments can be read until the next call.
    Complete {
        /// Bytes of the request.
        consumed: usize,
    },
}

/// Why the bytes are no request. The connection cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// The number after `*` is none.
    MultibulkLength,
    /// The number after `*` is above the limit.
    TooManyArguments,
    /// The number after `$` is none.
    BulkLength,
    /// The number after `$` is above the limit.
    ArgumentTooBig,
    /// An element does not begin with `$`, but with this byte.
    ExpectedBulk(u8),
    /// A length or an argument is not followed by CRLF.
    ExpectedLineEnd,
    /// An inline command has no end within the limit.
    InlineTooBig,
    /// A quotation in an inline command is not closed, or runs into the next word.
    UnbalancedQuotes,
    /// The request is larger than the limit.
    FrameTooBig,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MultibulkLength | Self::TooManyArguments => f.write_str("invalid multibulk length"),
            Self::BulkLength | Self::ArgumentTooBig => f.write_str("invalid bulk length"),
            Self::ExpectedBulk(byte) => {
                let shown = match byte {
                    b'\r' | b'\n' => ' ',
                    byte if byte.is_ascii_graphic() || *byte == b' ' => char::from(*byte),
                    _ => '?',
                };
                write!(f, "expected '$', got '{shown}'")
            }
            Self::ExpectedLineEnd => f.write_str("expected CRLF"),
            Self::InlineTooBig => f.write_str("too big inline request"),
            Self::UnbalancedQuotes => f.write_str("unbalanced quotes in request"),
            Self::FrameTooBig => f.write_str("request too big"),
        }
    }
}

impl std::error::Error for ProtocolError {}
