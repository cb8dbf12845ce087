//! Reads requests out of a connection's bytes: an array of bulk strings, or an inline command. What the words mean
//! is left to the commands.
//!
//! The parser copies nothing: an argument is a range of the bytes it was given. It remembers how far it came, so that
//! a large request that arrives in many pieces is read once. It does not recurse, and it is strict: a length is
//! followed by CRLF, a bulk string is followed by CRLF, an element of a request is a bulk string.
//!
//! Source: the RESP specification; error texts as Redis sends them, where Redis has the same rule.

use std::ops::Range;

use super::inline::split_words;
use super::progress::{Limits, Progress, ProtocolError};

/// Where an argument lies, counted from the first byte of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgRange {
    start: u32,
    end: u32,
}

impl ArgRange {
    pub(super) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The argument's bytes within those of its request.
    #[must_use]
    #[inline]
    pub fn of(self, frame: &[u8]) -> &[u8] {
        frame.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Where the argument ends, counted from the first byte of its request.
    #[must_use]
    pub const fn end(self) -> usize {
        self.end as usize
    }

    /// Bytes of the argument.
    #[must_use]
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the argument has no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// Reads one request after the other.
///
/// ```text
///   Start ── '*' n CRLF ──► Elements ── n × ('$' len CRLF bytes CRLF) ──► complete
///     └──── words, line end ──────────────────────────────────────────────► complete
/// ```
///
/// Requests may be read ahead: the arguments of those that are kept stay readable while the next ones are read.
#[derive(Debug)]
pub struct RequestParser {
    /// Arguments of the kept requests, then those of the current one.
    args: Vec<ArgRange>,
    /// Arguments of the kept requests.
    kept: usize,
    /// Bytes of the current request that are read already.
    position: usize,
    /// Elements still to come; meaningful once `started`.
    remaining: usize,
    /// Length of the element whose header is read and whose bytes are not.
    bulk: Option<usize>,
    started: bool,
}

impl Default for RequestParser {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestParser {
    /// A parser at the start of a request.
    #[must_use]
    pub const fn new() -> Self {
        Self { args: Vec::new(), kept: 0, position: 0, remaining: 0, bulk: None, started: false }
    }

    /// The arguments of the request that the last call completed.
    #[must_use]
    #[inline]
    pub fn arguments(&self) -> &[ArgRange] {
        &self.args[self.kept..]
    }

    /// Keeps the arguments of the request that the last call completed, while others are read; where they are found.
    #[inline]
    pub const fn keep(&mut self) -> Range<usize> {
        let from = self.kept;
        self.kept = self.args.len();
        from..self.kept
    }

    /// The arguments of a kept request.
    #[must_use]
    #[inline]
    pub fn kept(&self, places: Range<usize>) -> &[ArgRange] {
        self.args.get(places).unwrap_or_default()
    }

    /// Lets go of the kept requests. One that has begun behind them stays.
    #[inline]
    pub fn drop_kept(&mut self) {
        if self.kept == self.args.len() {
            self.args.clear();
        } else {
            self.args.drain(..self.kept);
        }
        self.kept = 0;
    }

    /// Forgets what was read: the next call is shown the beginning of a request.
    pub fn restart(&mut self) {
        self.args.clear();
        (self.kept, self.position, self.remaining, self.bulk, self.started) = (0, 0, 0, None, false);
    }

    /// Whether a part of a request was read already.
    #[must_use]
    pub const fn is_midway(&self) -> bool {
        self.started || self.position > 0
    }

    /// Bytes of memory that the arguments' places take.
    #[must_use]
    pub const fn capacity_bytes(&self) -> usize {
        self.args.capacity() * size_of::<ArgRange>()
    }

    /// Gives back memory if a request that was longer than usual took more than so many bytes.
    pub fn release(&mut self, bytes_max: usize) {
        if !self.is_midway() && self.capacity_bytes() > bytes_max {
            self.args = Vec::new();
        }
    }

    /// Reads on. `frame` begins with the request's first byte and holds at least what was shown before. An inline
    /// command's words are unquoted in place.
    ///
    /// # Errors
    /// The bytes are no request, or one above the limits.
    #[inline]
    pub fn parse(&mut self, frame: &mut [u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        if !self.started {
            match frame.first() {
                None => return Ok(Progress::Incomplete { wanted: 1 }),
                Some(b'*') => {}
                Some(_) => return self.inline(frame, limits),
            }
            if let Some(consumed) = self.short(frame, limits) {
                return Ok(Progress::Complete { consumed });
            }
            match self.header(frame, limits)? {
                Some(()) => {}
                None => return Ok(Progress::Incomplete { wanted: frame.len() + 1 }),
            }
        }
        self.elements(frame, limits)
    }

    /// Reads a request as clients mostly send it: whole, of a few arguments that are not long. The plain reading is that
    /// of [`RequestParser::header`] and [`RequestParser::elements`], which read whatever is left to them from the start.
    #[inline]
    fn short(&mut self, frame: &[u8], limits: &Limits) -> Option<usize> {
        let [b'*', count @ b'1'..=b'9', b'\r', b'\n', ..] = frame else { return None };
        self.args.truncate(self.kept);
        let mut position = 4;
        for _ in 0..count - b'0' {
            let (length, start) = short_bulk_header(frame.get(position..)?)?;
            let start = position + start;
            let end = start + length;
            if frame.get(end..end + 2)? != b"\r\n" || length > limits.bulk_bytes_max {
                return None;
            }
            self.args.push(ArgRange::new(start, end));
            position = end + 2;
        }
        let within = usize::from(count - b'0') <= limits.arguments_max && position <= limits.frame_bytes_max;
        within.then_some(position)
    }

    fn header(&mut self, frame: &[u8], limits: &Limits) -> Result<Option<()>, ProtocolError> {
        let Some((count, next)) = number(frame, 1, ProtocolError::MultibulkLength)? else { return Ok(None) };
        if count > limits.arguments_max as i64 {
            return Err(ProtocolError::TooManyArguments);
        }
        self.args.truncate(self.kept);
        self.remaining = usize::try_from(count).unwrap_or(0);
        self.position = next;
        self.started = true;
        Ok(Some(()))
    }

    fn elements(&mut self, frame: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        while self.remaining > 0 {
            let length = match self.bulk {
                Some(length) => length,
                None => match bulk_header(frame, self.position, limits)? {
                    None => return Ok(Progress::Incomplete { wanted: frame.len() + 1 }),
                    Some((length, next)) => {
                        self.position = next;
                        self.bulk = Some(length);
                        length
                    }
                },
            };
            let (start, end) = (self.position, self.position + length);
            if end + 2 > limits.frame_bytes_max {
                return Err(ProtocolError::FrameTooBig);
            }
            let Some(line_end) = frame.get(end..end + 2) else {
                return Ok(Progress::Incomplete { wanted: end + 2 });
            };
            if line_end != b"\r\n" {
                return Err(ProtocolError::ExpectedLineEnd);
            }
            self.args.push(ArgRange::new(start, end));
            self.position = end + 2;
            self.bulk = None;
            self.remaining -= 1;
        }
        Ok(self.complete(self.position))
    }

    fn complete(&mut self, consumed: usize) -> Progress {
        self.position = 0;
        self.started = false;
        Progress::Complete { consumed }
    }

    #[cold]
    fn inline(&mut self, frame: &mut [u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        let Some(found) = frame[self.position..].iter().position(|&byte| byte == b'\n') else {
            self.position = frame.len();
            if frame.len() >= limits.inline_bytes_max {
                return Err(ProtocolError::InlineTooBig);
            }
            return Ok(Progress::Incomplete { wanted: frame.len() + 1 });
        };
        let end = self.position + found;
        if end >= limits.inline_bytes_max {
            return Err(ProtocolError::InlineTooBig);
        }
        let line = if end > 0 && frame[end - 1] == b'\r' { &mut frame[..end - 1] } else { &mut frame[..end] };
        self.args.truncate(self.kept);
        split_words(line, &mut self.args)?;
        Ok(self.complete(end + 1))
    }
}

/// The length in `$length CRLF`, if it has one to four digits, and where the bytes begin.
#[inline]
fn short_bulk_header(line: &[u8]) -> Option<(usize, usize)> {
    let value = |digits: &[u8]| digits.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0'));
    match line {
        [b'$', a @ b'0'..=b'9', b'\r', b'\n', ..] => Some((value(&[*a]), 4)),
        [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', ..] => Some((value(&[*a, *b]), 5)),
        [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Some((value(&[*a, *b, *c]), 6))
        }
        [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', d @ b'0'..=b'9', b'\r', b'\n', ..] => {
            Some((value(&[*a, *b, *c, *d]), 7))
        }
        _ => None,
    }
}

/// The length in `$length CRLF` at `position`, and where the bytes begin.
#[inline]
fn bulk_header(
    frame: &[u8],
    position: usize,
    limits: &Limits,
) -> Result<Option<(usize, usize)>, ProtocolError> {
    match frame.get(position) {
        None => return Ok(None),
        Some(b'$') => {}
        Some(&other) => return Err(ProtocolError::ExpectedBulk(other)),
    }
    let Some((length, next)) = number(frame, position + 1, ProtocolError::BulkLength)? else {
        return Ok(None);
    };
    match usize::try_from(length) {
        Ok(length) if length <= limits.bulk_bytes_max => Ok(Some((length, next))),
        Ok(_) => Err(ProtocolError::ArgumentTooBig),
        Err(_) => Err(ProtocolError::BulkLength),
    }
}

/// The decimal number at `from` and where the line after it begins; `None` if the line is not whole yet.
///
/// A loop over digits: the lines are one to three digits long, for which a search for the line end first costs more.
#[inline]
fn number(frame: &[u8], from: usize, wrong: ProtocolError) -> Result<Option<(i64, usize)>, ProtocolError> {
    let negative = frame.get(from) == Some(&b'-');
    let first = from + usize::from(negative);
    let mut value = 0_i64;
    let mut at = first;
    loop {
        match frame.get(at) {
            None => return Ok(None),
            Some(&digit @ b'0'..=b'9') if at - first < NUMBER_DIGITS_MAX => {
                // No leading zero, so that a number has one spelling.
                if at > first && value == 0 {
                    return Err(wrong);
                }
                value = value * 10 + i64::from(digit - b'0');
                at += 1;
            }
            Some(b'\r') if at > first => break,
            Some(_) => return Err(wrong),
        }
    }
    match frame.get(at + 1) {
        None => Ok(None),
        Some(b'\n') => Ok(Some((if negative { -value } else { value }, at + 2))),
        Some(_) => Err(ProtocolError::ExpectedLineEnd),
    }
}

/// Digits of a length at most: more than any limit needs, and no overflow of 64 bits.
const NUMBER_DIGITS_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        arguments_max: 1_024,
        bulk_bytes_max: 10_000,
        inline_bytes_max: 256,
        frame_bytes_max: 100_000,
    };

    fn words(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, usize), ProtocolError> {
        let mut frame = bytes.to_vec();
        let mut parser = RequestParser::new();
        match parser.parse(&mut frame, &LIMITS)? {
            Progress::Complete { consumed } => {
                Ok((parser.arguments().iter().map(|arg| arg.of(&frame).to_vec()).collect(), consumed))
            }
            Progress::Incomplete { .. } => Ok((vec![b"(incomplete)".to_vec()], 0)),
        }
    }

    fn encode(args: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            bytes.extend(format!("${}\r\n", arg.len()).bytes());
            bytes.extend(arg);
            bytes.extend(b"\r\n");
        }
        bytes
    }

    #[test]
    fn terminators_are_checked() {
        assert_eq!(words(b"*1\r\n$4\r\nPINGxx"), Err(ProtocolError::ExpectedLineEnd));
        assert_eq!(words(b"*1\rx$4\r\nPING\r\n"), Err(ProtocolError::ExpectedLineEnd));
        assert_eq!(words(b"*1\r\n$4\rxPING\r\n"), Err(ProtocolError::ExpectedLineEnd));
        assert_eq!(words(b"*1\r\n$4\r\nPING\r\r"), Err(ProtocolError::ExpectedLineEnd));
    }

    #[test]
    fn nesting_is_refused_without_recursion() {
        for depth in [1_500, 8_000, 1_000_000] {
            assert_eq!(words(&b"*1\r\n".repeat(depth)), Err(ProtocolError::ExpectedBulk(b'*')), "{depth}");
        }
    }

    #[test]
    fn lengths_have_one_spelling() {
        for wrong in ["*+1\r\n", "*01\r\n", "*\r\n", "*x\r\n", "*1x\r\n", "*99999999999999999999\r\n"] {
            assert_eq!(words(wrong.as_bytes()), Err(ProtocolError::MultibulkLength), "{wrong}");
        }
        for wrong in ["$-1\r\n", "$+1\r\n", "$01\r\n", "$\r\n", "$x\r\n"] {
            assert_eq!(words(format!("*1\r\n{wrong}").as_bytes()), Err(ProtocolError::BulkLength), "{wrong}");
        }
    }

    #[test]
    fn empty_requests_have_no_arguments() {
        for (bytes, length) in [("*0\r\n", 4), ("*-1\r\n", 5), ("\r\n", 2), ("\n", 1), ("   \r\n", 5)] {
            assert_eq!(words(bytes.as_bytes()), Ok((vec![], length)), "{bytes:?}");
        }
    }

    #[test]
    fn inline_words_are_unquoted() {
        let expected: Vec<Vec<u8>> =
            vec![b"set".to_vec(), b"a b".to_vec(), b"\x01\n\"'".to_vec(), b"it's".to_vec(), vec![]];
        let line = b"set \"a b\" \"\\x01\\n\\\"'\"  'it\\'s' ''\r\nrest";
        assert_eq!(words(line), Ok((expected, line.len() - 4)));
        for wrong in ["get \"a\r\n", "get 'a\r\n", "get \"a\"b\r\n", "get 'a'b\r\n"] {
            assert_eq!(words(wrong.as_bytes()), Err(ProtocolError::UnbalancedQuotes), "{wrong}");
        }
    }

    #[test]
    fn limits_hold() {
        assert_eq!(words(b"*1025\r\n"), Err(ProtocolError::TooManyArguments));
        assert_eq!(words(b"*1\r\n$10001\r\n"), Err(ProtocolError::ArgumentTooBig));
        assert_eq!(words(&[b'a'; 256]), Err(ProtocolError::InlineTooBig));
        let mut long = vec![b'a'; 300];
        long.extend(b"\r\n");
        assert_eq!(words(&long), Err(ProtocolError::InlineTooBig));
        let many = vec![vec![0; 9_999]; 11];
        assert_eq!(words(&encode(&many)), Err(ProtocolError::FrameTooBig));
    }

    #[test]
    fn wanted_tells_how_much_a_large_argument_needs() {
        let mut parser = RequestParser::new();
        let mut frame = b"*2\r\n$3\r\nGET\r\n$5000\r\nabc".to_vec();
        let wanted = b"*2\r\n$3\r\nGET\r\n$5000\r\n".len() + 5_002;
        assert_eq!(parser.parse(&mut frame, &LIMITS), Ok(Progress::Incomplete { wanted }));
        assert!(parser.is_midway());
    }

    #[test]
    fn kept_requests_stay_while_others_are_read() {
        let mut frame = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1".to_vec();
        let (first, second) = (20, 14);
        let mut parser = RequestParser::new();
        assert_eq!(parser.parse(&mut frame, &LIMITS), Ok(Progress::Complete { consumed: first }));
        let get = parser.keep();
        let done = parser.parse(&mut frame[first..], &LIMITS);
        assert_eq!(done, Ok(Progress::Complete { consumed: second }));
        let ping = parser.keep();
        let begun = first + second;
        assert!(matches!(parser.parse(&mut frame[begun..], &LIMITS), Ok(Progress::Incomplete { .. })));
        let text = |words: &[ArgRange], from: usize| -> Vec<Vec<u8>> {
            words.iter().map(|word| word.of(&frame[from..]).to_vec()).collect()
        };
        assert_eq!(text(parser.kept(get), 0), [&b"GET"[..], b"a"]);
        assert_eq!(text(parser.kept(ping), first), [b"PING"]);
        parser.drop_kept();
        frame.drain(..begun);
        frame.extend(b"\r\nb\r\n");
        let consumed = frame.len();
        assert_eq!(parser.parse(&mut frame, &LIMITS), Ok(Progress::Complete { consumed }));
        assert_eq!(
            parser.arguments().iter().map(|word| word.of(&frame)).collect::<Vec<_>>(),
            [&b"GET"[..], b"b"]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// The short way reads nothing that the plain way reads differently.
        #[test]
        fn the_short_way_agrees_with_the_plain_one(
            args in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 1..12),
            at in any::<prop::sample::Index>(),
            byte in prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'0'), any::<u8>()],
            changed in any::<bool>(),
        ) {
            let mut bytes = encode(&args);
            if changed {
                let place = at.index(bytes.len());
                bytes[place] = byte;
            }
            let limits = Limits { bulk_bytes_max: 100, arguments_max: 8, frame_bytes_max: 500, ..LIMITS };
            let mut short = RequestParser::new();
            if let Some(consumed) = short.short(&bytes, &limits) {
                let mut plain = RequestParser::new();
                prop_assert_eq!(plain.header(&bytes, &limits), Ok(Some(())));
                prop_assert_eq!(plain.elements(&bytes, &limits), Ok(Progress::Complete { consumed }));
                prop_assert_eq!(short.arguments(), plain.arguments());
            }
        }

        /// However the bytes are cut, the same requests come out, and the reference reads the same words.
        #[test]
        fn pieces_do_not_matter(
            requests in proptest::collection::vec(
                proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..6), 1..5),
            cuts in proptest::collection::vec(1_usize..30, 1..60),
        ) {
            let stream: Vec<u8> = requests.iter().flat_map(|args| encode(args)).collect();
            let (mut parser, mut seen, mut frame, mut offset) = (RequestParser::new(), vec![], vec![], 0);
            let mut cuts = cuts.into_iter().cycle();
            while offset < stream.len() {
                let next = stream.len().min(offset + cuts.next().unwrap());
                frame.extend_from_slice(&stream[offset..next]);
                offset = next;
                while let Progress::Complete { consumed } = parser.parse(&mut frame, &LIMITS).unwrap() {
                    seen.push(parser.arguments().iter().map(|arg| arg.of(&frame).to_vec()).collect::<Vec<_>>());
                    frame.drain(..consumed);
                }
            }
            prop_assert!(frame.is_empty());
            prop_assert_eq!(&seen, &requests);
            for args in &requests {
                let bytes = encode(args);
                let (reference, used) = redis_protocol::resp2::decode::decode(&bytes).unwrap().unwrap();
                prop_assert_eq!(used, bytes.len());
                let redis_protocol::resp2::types::OwnedFrame::Array(frames) = reference else { panic!("no array") };
                let reference: Vec<Vec<u8>> = frames.into_iter().map(|frame| match frame {
                    redis_protocol::resp2::types::OwnedFrame::BulkString(bytes) => bytes,
                    other => panic!("no bulk string: {other:?}"),
                }).collect();
                prop_assert_eq!(&reference, args);
            }
        }

        /// Any bytes end in a request, a wish for more, or an error: never a panic, never a step that uses nothing.
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(
            prop_oneof![Just(b'*'), Just(b'$'), Just(b'\r'), Just(b'\n'), Just(b'1'), Just(b'"'), Just(b'\\'), any::<u8>()], 0..200)
        ) {
            let mut frame = bytes;
            let mut parser = RequestParser::new();
            while let Ok(Progress::Complete { consumed }) = parser.parse(&mut frame, &LIMITS) {
                prop_assert!(consumed > 0 && consumed <= frame.len());
                for arg in parser.arguments() {
                    prop_assert!(arg.of(&frame).len() == arg.len());
                }
                frame.drain(..consumed);
            }
        }

        /// What the reference accepts as an array of bulk strings with right terminators, we read alike.
        #[test]
        fn mutations_agree_with_the_reference(
            args in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6), 1..4),
            at in any::<prop::sample::Index>(), byte in any::<u8>(),
        ) {
            let mut bytes = encode(&args);
            let place = at.index(bytes.len());
            bytes[place] = byte;
            if bytes[0] == b'*' && let Ok((ours, used)) = words(&bytes) && used > 0 && !ours.is_empty() {
                let (_, reference_used) = redis_protocol::resp2::decode::decode(&bytes).unwrap().unwrap();
                prop_assert_eq!(used, reference_used);
            }
        }
    }
}
