//! Character references: the five names of XML and numbers. There are no others, since no document
//! type is read.

/// The character that the reference at the beginning of `text` stands for, and the reference's length
/// in bytes. Nothing if it is no reference, or of a character that XML does not allow.
pub(in crate::policy) fn decode(text: &[u8]) -> Option<(char, usize)> {
    let end = memchr::memchr(b';', &text[..text.len().min(REFERENCE_BYTES_MAX)])?;
    let character = match text.get(1..end)? {
        b"quot" => '"',
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"apos" => '\'',
        [b'#', b'x', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    Some((character, end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let character = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    let allowed =
        matches!(character, '\t' | '\n' | '\r' | ' '..) && !matches!(character, '\u{FFFE}' | '\u{FFFF}');
    allowed.then_some(character)
}

/// `&#1114111;`, and a few leading zeros.
const REFERENCE_BYTES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn names_and_numbers_are_read() {
        for (text, character, length) in [
            ("&quot;x", '"', 6),
            ("&amp;amp;", '&', 5),
            ("&lt;", '<', 4),
            ("&gt;", '>', 4),
            ("&apos;", '\'', 6),
            ("&#10;", '\n', 5),
            ("&#x1F600;", '😀', 9),
            ("&#x0022;", '"', 8),
        ] {
            assert_eq!(decode(text.as_bytes()), Some((character, length)), "{text}");
        }
        for text in
            ["&", "&;", "&nbsp;", "& lt;", "&#;", "&#x;", "&#0;", "&#xD800;", "&#x110000;", "&#+65;", "&lt"]
        {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
