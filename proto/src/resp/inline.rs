//! The words of an inline command: what a person types into a plain connection. Where its line ends is found by the parser.

use super::progress::ProtocolError;
use super::request::ArgRange;

/// Splits an inline command into words and removes quotation marks and escapes in place, as `redis-cli` writes them:
/// `"…"` with `\n \r \t \b \a \xHH` and `\"`, `'…'` with `\'`. A word never grows by that, so it fits where it was.
pub(super) fn split_words(line: &mut [u8], words: &mut Vec<ArgRange>) -> Result<(), ProtocolError> {
    let (mut read, mut write) = (0, 0);
    loop {
        while line.get(read).is_some_and(|&byte| is_space(byte)) {
            read += 1;
        }
        if read == line.len() {
            return Ok(());
        }
        let start = write;
        while let Some(&byte) = line.get(read) {
            match byte {
                _ if is_space(byte) => break,
                b'"' | b'\'' => (read, write) = unquote(line, read, write)?,
                other => {
                    line[write] = other;
                    (read, write) = (read + 1, write + 1);
                }
            }
        }
        words.push(ArgRange::new(start, write));
    }
}

/// Copies the quotation at `read` to `write`. The closing mark must end the word.
fn unquote(line: &mut [u8], read: usize, mut write: usize) -> Result<(usize, usize), ProtocolError> {
    let mark = line[read];
    let mut read = read + 1;
    loop {
        let rest = &line[read..];
        let (byte, used) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [byte, next @ ..] if *byte == mark => {
                if next.first().is_some_and(|&byte| !is_space(byte)) {
                    return Err(ProtocolError::UnbalancedQuotes);
                }
                return Ok((read + 1, write));
            }
            [b'\\', b'\'', ..] if mark == b'\'' => (b'\'', 2),
            [b'\\', b'x', high, low, ..]
                if mark == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high) << 4 | hex(*low), 4)
            }
            [b'\\', escaped, ..] if mark == b'"' => (unescape(*escaped), 2),
            [byte, ..] => (*byte, 1),
        };
        line[write] = byte;
        (read, write) = (read + used, write + 1);
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0)
}

const fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}
