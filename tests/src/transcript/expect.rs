//! Expected replies: what the indented lines of a transcript say, and whether a reply agrees with them.

use crate::reply::{self, Node};
use crate::text;

/// An expected reply, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// As [`Node::Line`].
    Line(u8, Vec<u8>),
    /// As [`Node::Payload`].
    Payload(u8, Vec<u8>),
    /// As [`Node::Aggregate`].
    Aggregate(u8, Vec<Expected>),
    /// `<any>`: one complete reply of any kind.
    Any,
    /// `<int>`, `<int 1..10>`: an integer within these bounds.
    Integer(i64, i64),
    /// `<bulk>`, `<bulk id=* addr=*>`: a bulk string that matches this glob.
    Bulk(Vec<u8>),
    /// `<verbatim txt:*>`: a verbatim string of RESP3 that matches this glob, format included.
    Verbatim(Vec<u8>),
    /// `<error>`, `<error ERR *>`: an error that matches this glob.
    Error(Vec<u8>),
}

/// Which part of a reply may come in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// How deep the unordered aggregate lies, if there is one.
    pub unordered_at: Option<u8>,
    /// Its parts belong together two by two, as in a flat list of fields and values.
    pub pairs: bool,
}

impl Order {
    fn inside(self) -> Self {
        Self { unordered_at: self.unordered_at.and_then(|depth| depth.checked_sub(1)), ..self }
    }
}

impl Expected {
    /// Reads one reply from the front of `lines` and gives what is left of them.
    ///
    /// # Errors
    /// A sentence that says what cannot be understood.
    pub fn parse<'l>(lines: &'l [&'l str]) -> Result<(Self, &'l [&'l str]), String> {
        let (line, rest) = lines.split_first().ok_or("the reply is incomplete")?;
        if let Some(pattern) = line.strip_prefix('<') {
            return Ok((Self::parse_pattern(pattern)?, rest));
        }
        let kind = *line.as_bytes().first().ok_or("an empty line")?;
        match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Ok((Self::parse_line(line)?, rest)),
            b'$' | b'*' if &line[1..] == "-1" => Ok((Self::parse_line(line)?, rest)),
            b'$' | b'=' | b'!' => {
                let (payload, rest) = rest.split_first().ok_or("the payload is missing")?;
                let bytes = text::unescape(payload)?;
                let length = number(line)?;
                if bytes.len() != length {
                    return Err(format!("{line} is followed by {} bytes", bytes.len()));
                }
                Ok((Self::Payload(kind, bytes), rest))
            }
            b'*' | b'~' | b'>' | b'%' | b'|' => Self::parse_aggregate(kind, number(line)?, rest),
            _ => Err(format!("not a reply: {line}")),
        }
    }

    /// Whether `actual` is what is expected.
    pub fn agrees(&self, actual: &Node, order: Order) -> bool {
        match (self, actual) {
            (Self::Any, _) => true,
            (Self::Line(kind, bytes), Node::Line(other, text))
            | (Self::Payload(kind, bytes), Node::Payload(other, text)) => kind == other && bytes == text,
            (Self::Integer(least, most), Node::Line(b':', digits)) => {
                let value = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<i64>().ok());
                value.is_some_and(|value| (*least..=*most).contains(&value))
            }
            (Self::Bulk(glob), Node::Payload(b'$', text))
            | (Self::Verbatim(glob), Node::Payload(b'=', text))
            | (Self::Error(glob), Node::Line(b'-', text) | Node::Payload(b'!', text)) => {
                text::matches(glob, text)
            }
            (Self::Aggregate(kind, parts), Node::Aggregate(other, nodes)) => {
                kind == other && parts.len() == nodes.len() && agree(parts, nodes, *kind, order)
            }
            _ => false,
        }
    }

    fn parse_line(line: &str) -> Result<Self, String> {
        let rest = if line.len() == 1 { Vec::new() } else { text::unescape(&line[1..])? };
        Ok(Self::Line(line.as_bytes()[0], rest))
    }

    fn parse_aggregate<'l>(
        kind: u8,
        count: usize,
        mut rest: &'l [&'l str],
    ) -> Result<(Self, &'l [&'l str]), String> {
        let mut parts = Vec::new();
        for _ in 0..reply::parts(kind, count).ok_or("an impossible count")? {
            let (part, after) = Self::parse(rest)?;
            parts.push(part);
            rest = after;
        }
        Ok((Self::Aggregate(kind, parts), rest))
    }

    fn parse_pattern(pattern: &str) -> Result<Self, String> {
        let inside = pattern.strip_suffix('>').ok_or_else(|| format!("a pattern must end: <{pattern}"))?;
        let (name, rest) = inside.split_once(' ').unwrap_or((inside, ""));
        let glob = || text::unescape(if rest.is_empty() { "*" } else { rest });
        match name {
            "any" => Ok(Self::Any),
            "bulk" => Ok(Self::Bulk(glob()?)),
            "verbatim" => Ok(Self::Verbatim(glob()?)),
            "error" => Ok(Self::Error(glob()?)),
            "int" if rest.is_empty() => Ok(Self::Integer(i64::MIN, i64::MAX)),
            "int" => {
                let bounds = rest
                    .split_once("..")
                    .and_then(|(least, most)| Some((least.parse::<i64>().ok()?, most.parse::<i64>().ok()?)));
                let (least, most) = bounds.ok_or_else(|| format!("not a range: {rest}"))?;
                Ok(Self::Integer(least, most))
            }
            _ => Err(format!("no such pattern: <{inside}>")),
        }
    }
}

/// Whether the parts of an aggregate agree, in the order that is asked for.
fn agree(parts: &[Expected], nodes: &[Node], kind: u8, order: Order) -> bool {
    let inside = order.inside();
    let group = |parts: &[Expected], nodes: &[Node]| {
        parts.iter().zip(nodes).all(|(part, node)| part.agrees(node, inside))
    };
    if order.unordered_at != Some(0) {
        return group(parts, nodes);
    }
    let size = if order.pairs || kind == b'%' { 2 } else { 1 };
    let mut left: Vec<&[Node]> = nodes.chunks(size).collect();
    parts.chunks(size).all(|wanted| {
        let found = left.iter().position(|nodes| group(wanted, nodes));
        found.map(|at| left.swap_remove(at)).is_some()
    })
}

fn number(line: &str) -> Result<usize, String> {
    line[1..].parse().map_err(|_| format!("not a length: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(lines: &[&str], reply: &[u8], order: Order) -> bool {
        let (expected, rest) = Expected::parse(lines).unwrap();
        assert!(rest.is_empty());
        let (node, used) = reply::parse(reply).unwrap().unwrap();
        assert_eq!(used, reply.len());
        expected.agrees(&node, order)
    }

    #[test]
    fn a_wrong_expectation_does_not_agree() {
        let listed = Order::default();
        assert!(agrees(&["+OK"], b"+OK\r\n", listed));
        assert!(!agrees(&["+OK"], b"+QUEUED\r\n", listed));
        assert!(!agrees(&["+OK"], b"$2\r\nOK\r\n", listed));
        assert!(!agrees(&["$-1"], b"*-1\r\n", listed));
        assert!(!agrees(&["$-1"], b"_\r\n", listed));
        assert!(!agrees(&["*1", ":1"], b"*2\r\n:1\r\n:1\r\n", listed));
        assert!(!agrees(&["*1", ":1"], b"~1\r\n:1\r\n", listed));
    }

    #[test]
    fn patterns_agree_with_their_kind_alone() {
        let listed = Order::default();
        assert!(agrees(&["<int>"], b":-5\r\n", listed));
        assert!(agrees(&["<int 1..5>"], b":5\r\n", listed));
        assert!(!agrees(&["<int 1..5>"], b":6\r\n", listed));
        assert!(!agrees(&["<int>"], b"$1\r\n5\r\n", listed));
        assert!(agrees(&["<bulk id=* x>"], b"$6\r\nid=1 x\r\n", listed));
        assert!(!agrees(&["<bulk id=*>"], b"$1\r\nx\r\n", listed));
        assert!(agrees(&["<verbatim txt:*>"], b"=5\r\ntxt:x\r\n", listed));
        assert!(!agrees(&["<bulk>"], b"=5\r\ntxt:x\r\n", listed));
        assert!(agrees(&["<error>"], b"-ERR x\r\n", listed));
        assert!(!agrees(&["<error>"], b"+ERR x\r\n", listed));
        assert!(agrees(&["*2", "<any>", ":1"], b"*2\r\n*1\r\n:3\r\n:1\r\n", listed));
    }

    #[test]
    fn order_matters_unless_said_otherwise() {
        let (listed, outer) = (Order::default(), Order { unordered_at: Some(0), pairs: false });
        let swapped = b"*2\r\n:2\r\n:1\r\n";
        assert!(!agrees(&["*2", ":1", ":2"], swapped, listed));
        assert!(agrees(&["*2", ":1", ":2"], swapped, outer));
        assert!(!agrees(&["*2", ":1", ":1"], swapped, outer));
        assert!(!agrees(
            &["*4", ":3", ":4", ":1", ":2"],
            b"*4\r\n:1\r\n:4\r\n:3\r\n:2\r\n",
            Order { pairs: true, ..outer }
        ));
        let inner = Order { unordered_at: Some(1), pairs: false };
        assert!(agrees(&["*2", ":0", "*2", ":1", ":2"], b"*2\r\n:0\r\n*2\r\n:2\r\n:1\r\n", inner));
        assert!(!agrees(&["*2", "*0", ":0"], b"*2\r\n:0\r\n*0\r\n", inner));
    }

    #[test]
    fn what_is_not_a_reply_is_refused() {
        for lines in
            [&["OK"][..], &["$3", "ab"], &["$3"], &["*2", "+a"], &["<what>"], &["<int 1>"], &["$x", "a"]]
        {
            assert!(Expected::parse(lines).is_err(), "{lines:?}");
        }
    }
}
