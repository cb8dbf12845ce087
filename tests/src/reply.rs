//! RESP2 and RESP3 replies as trees that keep every byte, read without a limit of time or trust: the reader of the
//! tests, independent of the one under test. What a reply should be is left to `transcript`.

use crate::text::escape;

/// A reply, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// `+ - : _ , # (`: the kind and the rest of its line; also the nulls `$-1` and `*-1`.
    Line(u8, Vec<u8>),
    /// `$ = !`: the kind and the payload behind its length.
    Payload(u8, Vec<u8>),
    /// `* ~ > % |`: the kind and its parts; a map has two per entry, an attribute also what it belongs to.
    Aggregate(u8, Vec<Node>),
}

impl Node {
    /// The reply as escaped text, one entry per protocol line.
    pub fn to_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.push_lines(&mut lines);
        lines
    }

    /// The text of a simple string, number or payload, as far as it is UTF-8; empty for an aggregate.
    pub fn text(&self) -> String {
        match self {
            Self::Line(_, bytes) | Self::Payload(_, bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Aggregate(..) => String::new(),
        }
    }

    /// The parts of an aggregate; none of anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Aggregate(_, parts) => parts,
            Self::Line(..) | Self::Payload(..) => &[],
        }
    }

    /// Whether the server refuses.
    pub const fn is_error(&self) -> bool {
        matches!(self, Self::Line(b'-', _) | Self::Payload(b'!', _))
    }

    fn push_lines(&self, lines: &mut Vec<String>) {
        match self {
            Self::Line(kind, bytes) => lines.push(line(*kind, bytes)),
            Self::Payload(kind, bytes) => {
                lines.push(format!("{}{}", char::from(*kind), bytes.len()));
                lines.push(escape(bytes));
            }
            Self::Aggregate(kind, parts) => {
                lines.push(format!("{}{}", char::from(*kind), count(*kind, parts.len())));
                for part in parts {
                    part.push_lines(lines);
                }
            }
        }
    }
}

/// How many parts an aggregate with this header has.
pub fn parts(kind: u8, count: usize) -> Option<usize> {
    match kind {
        b'%' => count.checked_mul(2),
        b'|' => count.checked_mul(2)?.checked_add(1),
        _ => Some(count),
    }
}

/// The number in the header of an aggregate with this many parts.
pub fn count(kind: u8, parts: usize) -> usize {
    match kind {
        b'%' | b'|' => parts / 2,
        _ => parts,
    }
}

/// The first reply in `bytes` and its length; nothing while it is incomplete.
///
/// # Errors
/// A sentence that says what is not RESP.
pub fn parse(bytes: &[u8]) -> Result<Option<(Node, usize)>, String> {
    let mut reader = Reader { bytes, at: 0 };
    Ok(reader.node(0)?.map(|node| (node, reader.at)))
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    fn node(&mut self, depth: usize) -> Result<Option<Node>, String> {
        if depth > DEPTH_MAX {
            return Err("too deep".to_owned());
        }
        let Some(line) = self.line()? else { return Ok(None) };
        let (Some(&kind), rest) = (line.first(), line.get(1..).unwrap_or_default()) else {
            return Err("an empty line".to_owned());
        };
        match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Ok(Some(Node::Line(kind, rest.to_vec()))),
            b'$' | b'*' if rest == b"-1" => Ok(Some(Node::Line(kind, rest.to_vec()))),
            b'$' | b'=' | b'!' => self.payload(kind, number(rest)?),
            b'*' | b'~' | b'>' | b'%' | b'|' => self.aggregate(kind, number(rest)?, depth),
            _ => Err(format!("kind {}", escape(&[kind]))),
        }
    }

    fn payload(&mut self, kind: u8, length: usize) -> Result<Option<Node>, String> {
        let (start, end) = (self.at, self.at + length);
        let Some(terminator) = self.bytes.get(end..end + 2) else { return Ok(None) };
        if terminator != b"\r\n" {
            return Err("a payload that does not end with CRLF".to_owned());
        }
        self.at = end + 2;
        Ok(Some(Node::Payload(kind, self.bytes[start..end].to_vec())))
    }

    fn aggregate(&mut self, kind: u8, count: usize, depth: usize) -> Result<Option<Node>, String> {
        let wanted = parts(kind, count).ok_or("an impossible count")?;
        let mut nodes = Vec::new();
        for _ in 0..wanted {
            let Some(node) = self.node(depth + 1)? else { return Ok(None) };
            nodes.push(node);
        }
        Ok(Some(Node::Aggregate(kind, nodes)))
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        let rest = &self.bytes[self.at..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        let line = rest[..end].strip_suffix(b"\r").ok_or("a line that ends with LF alone")?.to_vec();
        if line.contains(&b'\r') {
            return Err("a line with a CR inside".to_owned());
        }
        self.at += end + 1;
        Ok(Some(line))
    }
}

fn line(kind: u8, bytes: &[u8]) -> String {
    // An empty rest (`_`, `+`) needs no mark: the kind shows that the line is there.
    let rest = if bytes.is_empty() { String::new() } else { escape(bytes) };
    format!("{}{rest}", char::from(kind))
}

/// A length or count; only its shortest form, since these bytes are not kept.
fn number(digits: &[u8]) -> Result<usize, String> {
    let text = String::from_utf8_lossy(digits);
    let value: usize = text.parse().map_err(|_| format!("length {text:?}"))?;
    (value <= LENGTH_MAX && value.to_string() == text)
        .then_some(value)
        .ok_or_else(|| format!("length {text:?}"))
}

const DEPTH_MAX: usize = 64;
const LENGTH_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(bytes: &[u8]) -> Vec<String> {
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Ok(None), "complete after {end} bytes");
        }
        let (node, used) = parse(bytes).unwrap().unwrap();
        assert_eq!(used, bytes.len());
        node.to_lines()
    }

    #[test]
    fn every_kind_ends_where_it_ends() {
        assert_eq!(complete(b"+OK\r\n"), ["+OK"]);
        assert_eq!(complete(b"_\r\n"), ["_"]);
        assert_eq!(complete(b"$-1\r\n"), ["$-1"]);
        assert_eq!(complete(b"*-1\r\n"), ["*-1"]);
        assert_eq!(complete(b"(123456789012345678901234567890\r\n"), ["(123456789012345678901234567890"]);
        assert_eq!(complete(b"$0\r\n\r\n"), ["$0", "\"\""]);
        assert_eq!(complete(b"=7\r\ntxt:a\r\n\r\n"), ["=7", "txt:a\\r\\n"]);
        assert_eq!(complete(b"%1\r\n+k\r\n*0\r\n"), ["%1", "+k", "*0"]);
        assert_eq!(complete(b">2\r\n+a\r\n,1.5\r\n"), [">2", "+a", ",1.5"]);
        assert_eq!(complete(b"|1\r\n+k\r\n:1\r\n~1\r\n#t\r\n"), ["|1", "+k", ":1", "~1", "#t"]);
    }

    #[test]
    fn what_is_not_resp_is_refused() {
        for bytes in
            [&b"OK\r\n"[..], b"\r\n", b"+OK\n", b"$1\r\nabc", b"$01\r\na\r\n", b"*x\r\n", b"+a\rb\r\n"]
        {
            assert!(parse(bytes).is_err(), "{}", escape(bytes));
        }
    }
}
