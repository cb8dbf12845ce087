//! Writes replies, in the protocol version that the connection speaks. What is replied is left to the commands.
//!
//! RESP3 types have a RESP2 form: a map is a flat array, a set an array, a double and a big number a bulk string, a boolean
//! an integer, null a null bulk string, verbatim text a bulk string. Handlers name the RESP3 type and get the other
//! for free.

use crate::score::write_number;

/// The protocol version of a connection, chosen by HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// RESP2, what a connection speaks at first.
    #[default]
    Resp2,
    /// RESP3.
    Resp3,
}

/// Encodes one reply after the other into a buffer.
#[derive(Debug)]
pub struct Out<'a> {
    buffer: &'a mut Vec<u8>,
    version: Version,
    /// Length of the buffer that bulk strings may reach.
    length_max: usize,
    overflowed: bool,
}

impl<'a> Out<'a> {
    /// Writes to the end of `buffer`.
    pub const fn new(buffer: &'a mut Vec<u8>, version: Version) -> Self {
        Self { buffer, version, length_max: usize::MAX, overflowed: false }
    }

    /// Writes to the end of `buffer`, as long as it stays within `length_max` bytes: a bulk string beyond that is left
    /// out, and [`Out::has_overflowed`] tells so.
    pub const fn bounded(buffer: &'a mut Vec<u8>, version: Version, length_max: usize) -> Self {
        Self { buffer, version, length_max, overflowed: false }
    }

    /// Whether a bulk string was left out because the reply would have become too large. The reply is of no use then.
    #[must_use]
    pub const fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// The version that is written.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Writes what follows in another version.
    pub const fn set_version(&mut self, version: Version) {
        self.version = version;
    }

    /// Writes a part of this reply into a buffer of its own, within the same bounds, for a header that is known only
    /// afterwards. [`Out::raw`] adds it.
    pub const fn part<'b>(&self, buffer: &'b mut Vec<u8>) -> Out<'b> {
        Out { buffer, version: self.version, length_max: self.length_max, overflowed: false }
    }

    /// Notes that a part of this reply was left out.
    pub const fn set_overflowed(&mut self) {
        self.overflowed = true;
    }

    /// Bytes in the buffer: a mark for [`Out::rewind`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.buffer.len()
    }

    /// What was written since the mark.
    #[must_use]
    pub fn since(&self, mark: usize) -> &[u8] {
        &self.buffer[mark..]
    }

    /// Takes back what was written since the mark.
    pub fn rewind(&mut self, mark: usize) {
        self.buffer.truncate(mark);
        self.overflowed = false;
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.buffer.extend_from_slice(b"+OK\r\n");
    }

    /// A simple string. The text has no line end.
    pub fn simple(&mut self, text: &str) {
        debug_assert!(!text.contains(['\r', '\n']));
        self.line(b'+', text.as_bytes());
    }

    /// An error: its word and a sentence. Line ends in the sentence become spaces, as they would end the reply.
    pub fn error(&mut self, word: &str, sentence: &str) {
        self.buffer.push(b'-');
        self.buffer.extend_from_slice(word.as_bytes());
        self.buffer.push(b' ');
        let safe = sentence.bytes().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
        self.buffer.extend(safe);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.number(b':', value);
    }

    /// A length or count as an integer.
    #[inline]
    pub fn count(&mut self, value: usize) {
        self.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        if bytes.len() > self.room() {
            self.overflowed = true;
            return;
        }
        self.buffer.reserve(bytes.len() + HEADER_BYTES_MAX);
        self.number(b'$', bytes.len() as i64);
        self.buffer.extend_from_slice(bytes);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// A bulk string, or null.
    #[inline]
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// An integer as a bulk string.
    pub fn bulk_integer(&mut self, value: i64) {
        self.bulk(decimal(value, &mut [0; DECIMAL_BYTES_MAX]));
    }

    /// Null where a value was asked for.
    #[inline]
    pub fn null(&mut self) {
        self.buffer.extend_from_slice(match self.version {
            Version::Resp2 => b"$-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// Null where an array was asked for.
    pub fn null_array(&mut self) {
        self.buffer.extend_from_slice(match self.version {
            Version::Resp2 => b"*-1\r\n",
            Version::Resp3 => b"_\r\n",
        });
    }

    /// The header of an array of so many elements, which follow.
    pub fn array(&mut self, elements: usize) {
        self.number(b'*', elements as i64);
    }

    /// The header of a map of so many pairs, which follow.
    pub fn map(&mut self, pairs: usize) {
        match self.version {
            Version::Resp2 => self.number(b'*', pairs as i64 * 2),
            Version::Resp3 => self.number(b'%', pairs as i64),
        }
    }

    /// The header of a set of so many elements, which follow.
    pub fn set(&mut self, elements: usize) {
        match self.version {
            Version::Resp2 => self.number(b'*', elements as i64),
            Version::Resp3 => self.number(b'~', elements as i64),
        }
    }

    /// The header of an out-of-band message of so many elements, which follow.
    pub fn push(&mut self, elements: usize) {
        match self.version {
            Version::Resp2 => self.number(b'*', elements as i64),
            Version::Resp3 => self.number(b'>', elements as i64),
        }
    }

    /// A truth value.
    pub fn boolean(&mut self, value: bool) {
        match self.version {
            Version::Resp2 => self.integer(i64::from(value)),
            Version::Resp3 => self.buffer.extend_from_slice(if value { b"#t\r\n" } else { b"#f\r\n" }),
        }
    }

    /// A double, as [`write_number`] writes it.
    pub fn double(&mut self, value: f64) {
        let mut text = String::new();
        write_number(&mut text, value);
        match self.version {
            Version::Resp2 => self.bulk(text.as_bytes()),
            Version::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    /// Text that a client shows as it is.
    pub fn verbatim(&mut self, text: &str) {
        match self.version {
            Version::Resp2 => self.bulk(text.as_bytes()),
            Version::Resp3 => {
                self.number(b'=', text.len() as i64 + 4);
                self.buffer.extend_from_slice(b"txt:");
                self.buffer.extend_from_slice(text.as_bytes());
                self.buffer.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Replies that were encoded before, in the same version.
    pub fn raw(&mut self, replies: &[u8]) {
        if replies.len() > self.room() {
            self.overflowed = true;
            return;
        }
        self.buffer.extend_from_slice(replies);
    }

    const fn room(&self) -> usize {
        self.length_max.saturating_sub(self.buffer.len())
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.buffer.push(kind);
        self.buffer.extend_from_slice(text);
        self.buffer.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn number(&mut self, kind: u8, value: i64) {
        // Lengths and counts mostly have few digits; lines of a known length are written without a loop.
        let digit = |tens: i64| b'0' + (value / tens % 10) as u8;
        match value {
            0..=9 => self.buffer.extend_from_slice(&[kind, digit(1), b'\r', b'\n']),
            10..=99 => self.buffer.extend_from_slice(&[kind, digit(10), digit(1), b'\r', b'\n']),
            100..=999 => {
                self.buffer.extend_from_slice(&[kind, digit(100), digit(10), digit(1), b'\r', b'\n']);
            }
            1_000..=9_999 => {
                let line = [kind, digit(1_000), digit(100), digit(10), digit(1), b'\r', b'\n'];
                self.buffer.extend_from_slice(&line);
            }
            _ => self.long_number(kind, value),
        }
    }

    fn long_number(&mut self, kind: u8, value: i64) {
        self.buffer.push(kind);
        self.buffer.extend_from_slice(decimal(value, &mut [0; DECIMAL_BYTES_MAX]));
        self.buffer.extend_from_slice(b"\r\n");
    }
}

/// The number in decimal digits, written into `space` without an allocation.
#[must_use]
pub fn decimal(value: i64, space: &mut [u8; DECIMAL_BYTES_MAX]) -> &[u8] {
    let mut rest = value.unsigned_abs();
    let mut at = space.len();
    loop {
        at -= 1;
        space[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        at -= 1;
        space[at] = b'-';
    }
    &space[at..]
}

/// Bytes of a 64-bit integer in decimal digits at most.
pub const DECIMAL_BYTES_MAX: usize = 20;

/// Bytes around a bulk string at most: kind, digits, two line ends.
const HEADER_BYTES_MAX: usize = 25;

#[cfg(test)]
mod tests {
    use super::*;

    fn both(write: impl Fn(&mut Out<'_>)) -> (String, String) {
        let encode = |version| {
            let mut buffer = Vec::new();
            write(&mut Out::new(&mut buffer, version));
            String::from_utf8(buffer).unwrap()
        };
        (encode(Version::Resp2), encode(Version::Resp3))
    }

    fn same(text: &str) -> (String, String) {
        (text.into(), text.into())
    }

    #[test]
    fn types_have_both_forms() {
        assert_eq!(both(|out| out.ok()), same("+OK\r\n"));
        assert_eq!(both(|out| out.error("ERR", "no\r\nway")), same("-ERR no  way\r\n"));
        assert_eq!(both(|out| out.bulk(b"abc")), same("$3\r\nabc\r\n"));
        assert_eq!(both(|out| out.bulk_integer(-12)), same("$3\r\n-12\r\n"));
        assert_eq!(both(|out| out.null()), ("$-1\r\n".into(), "_\r\n".into()));
        assert_eq!(both(|out| out.null_array()), ("*-1\r\n".into(), "_\r\n".into()));
        assert_eq!(both(|out| out.map(2)), ("*4\r\n".into(), "%2\r\n".into()));
        assert_eq!(both(|out| out.set(2)), ("*2\r\n".into(), "~2\r\n".into()));
        assert_eq!(both(|out| out.push(2)), ("*2\r\n".into(), ">2\r\n".into()));
        assert_eq!(both(|out| out.boolean(true)), (":1\r\n".into(), "#t\r\n".into()));
        assert_eq!(both(|out| out.double(1.5)), ("$3\r\n1.5\r\n".into(), ",1.5\r\n".into()));
        assert_eq!(both(|out| out.double(f64::NEG_INFINITY)), ("$4\r\n-inf\r\n".into(), ",-inf\r\n".into()));
        assert_eq!(both(|out| out.verbatim("a")), ("$1\r\na\r\n".into(), "=5\r\ntxt:a\r\n".into()));
    }

    #[test]
    fn integers_at_the_edges() {
        for value in [0, 9, 10, -1, 99, 100, 123, 999, 1_000, 1_234, 9_999, 10_000, i64::MAX, i64::MIN] {
            assert_eq!(both(|out| out.integer(value)), same(&format!(":{value}\r\n")));
        }
    }

    #[test]
    fn a_reply_beyond_its_bound_takes_no_memory() {
        let mut buffer = Vec::new();
        let mut out = Out::bounded(&mut buffer, Version::Resp2, 10);
        out.bulk(b"ab");
        assert!(!out.has_overflowed());
        out.bulk(b"abc");
        assert!(out.has_overflowed());
        out.rewind(0);
        assert!(!out.has_overflowed());
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_rewound_reply_leaves_nothing() {
        let mut buffer = b"before".to_vec();
        let mut out = Out::new(&mut buffer, Version::Resp2);
        let mark = out.mark();
        out.array(3);
        out.rewind(mark);
        assert_eq!(buffer, b"before");
    }
}
