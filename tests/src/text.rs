//! How bytes are written in transcripts: escapes in both directions, and command lines quoted as `redis-cli` does.

/// A protocol line as text: printable ASCII stands for itself, the rest is escaped. Long runs of one byte become
/// `\{x*65}`. Never empty, never with a space at either end, never to be taken for a pattern.
pub fn escape(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return EMPTY.to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| **byte == bytes[at]).count();
        let edge = at == 0 || at + 1 == bytes.len();
        if run >= RUN_MIN {
            text.push_str(&format!("\\{{{}*{run}}}", escape_byte(bytes[at], false)));
            at += run;
        } else {
            text.push_str(&escape_byte(bytes[at], edge));
            at += 1;
        }
    }
    text
}

/// The bytes that `text` stands for: `\r \n \t \\ \" \xNN` and `\{TEXT*COUNT}`.
///
/// # Errors
/// A sentence naming the bad escape.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    if text == EMPTY {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = unescape_one(&rest[at + 1..], &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// Splits a command line into arguments: bare words, `"…"` with escapes, `'…'` without.
///
/// # Errors
/// A sentence naming the unfinished quote or the bad escape.
pub fn split(line: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' => {
                let end = closing_quote(&rest[1..]).ok_or("unfinished quote")? + 1;
                // The inside of "" is empty, which `unescape` takes for the empty text as well.
                (unescape(&rest[1..end])?, &rest[end + 1..])
            }
            '\'' => {
                let end = rest[1..].find('\'').ok_or("unfinished quote")? + 1;
                (rest.as_bytes()[1..end].to_vec(), &rest[end + 1..])
            }
            _ => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (rest.as_bytes()[..end].to_vec(), &rest[end..])
            }
        };
        if !after.is_empty() && !after.starts_with(' ') {
            return Err("a quoted word must be followed by a space".to_owned());
        }
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// Whether `text` matches `pattern`, in which `*` stands for any bytes.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = find(rest, part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    (0..=text.len().checked_sub(part.len())?).find(|at| text[*at..].starts_with(part))
}

fn escape_byte(byte: u8, edge: bool) -> String {
    match byte {
        b'\r' => "\\r".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' ' | b'<' | b'"' if edge => format!("\\x{byte:02x}"),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

/// Reads the escape whose backslash was just passed; gives what follows it.
fn unescape_one<'t>(rest: &'t str, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let bad = || format!("bad escape: \\{}", rest.chars().take(12).collect::<String>());
    let simple = match rest.bytes().next().ok_or_else(bad)? {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        quoted @ (b'\\' | b'"') => quoted,
        b'x' => {
            let digits = rest.get(1..3).ok_or_else(bad)?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
            return Ok(&rest[3..]);
        }
        b'{' => {
            let end = rest.find('}').ok_or_else(bad)?;
            let (text, count) = rest[1..end].rsplit_once('*').ok_or_else(bad)?;
            let count: usize = count.parse().map_err(|_| bad())?;
            bytes.extend_from_slice(&unescape(text)?.repeat(count));
            return Ok(&rest[end + 1..]);
        }
        _ => return Err(bad()),
    };
    bytes.push(simple);
    Ok(&rest[1..])
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// How an empty line is written, so that it can be seen.
const EMPTY: &str = "\"\"";
const RUN_MIN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_is_lossless_and_visible() {
        for bytes in [&b""[..], b"a b", b" a ", b"\"\"", b"<any>", b"\\\r\n\t\x00\xff", &[b'x'; 65], &[0; 40]]
        {
            let text = escape(bytes);
            assert_eq!(unescape(&text).unwrap(), bytes, "{text}");
            assert!(!text.is_empty() && text.trim() == text && !text.starts_with('<'), "{text}");
        }
        assert_eq!(escape(&[b'x'; 65]), "\\{x*65}");
    }

    #[test]
    fn repeated_text_may_hold_escapes() {
        assert_eq!(unescape("a\\{*1\\r\\n*2}b").unwrap(), b"a*1\r\n*1\r\nb");
        for bad in ["\\", "\\q", "\\x4", "\\xzz", "\\{a}", "\\{a*b}", "\\{a*3"] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn command_lines_are_split_as_redis_cli_does() {
        let words = split(r#"SET "a b\x00\"" '\x' "" c"#).unwrap();
        assert_eq!(words, [&b"SET"[..], b"a b\0\"", b"\\x", b"", b"c"]);
        for bad in ["\"a", "'a", "\"a\"b"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_star_stands_for_any_bytes() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*", "", true),
            ("", "x", false),
            ("id=* db=* x", "id=1 db=2 x", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
