//! `System.Guid` as text, in the forms N, D, B, P and X. Making a new one is the caller's part: it needs
//! randomness.

use larder_proto::envelope::Guid;

use super::Exception;

/// `Guid.Empty`
pub const EMPTY: Guid = Guid([0; 16]);

/// `Guid.Parse(text)`: one of the five forms, blanks around.
///
/// # Errors
///
/// `FormatException`
pub fn parse(text: &str) -> Result<Guid, Exception> {
    let text = text.trim();
    if text.contains([',', 'x', 'X']) {
        return hexadecimal(text);
    }
    let inner = match text.as_bytes() {
        [b'{', .., b'}'] | [b'(', .., b')'] => text.get(1..text.len() - 1).unwrap_or(""),
        bytes if bytes.len() == 32 => return digits(text),
        _ => text,
    };
    let hyphens = [8, 13, 18, 23].iter().all(|place| inner.as_bytes().get(*place) == Some(&b'-'));
    match inner.len() == 36 && hyphens {
        true => digits(&inner.replace('-', "")),
        false => Err(wrong()),
    }
}

/// `guid.ToString(format)`; an empty format is D.
///
/// # Errors
///
/// `FormatException` for another letter.
pub fn format(guid: Guid, format: &str) -> Result<String, Exception> {
    let plain: String = guid.0.iter().map(|byte| format!("{byte:02x}")).collect();
    // Hexadecimal digits are bytes, so that every place is a boundary.
    let part = |from: usize, to: usize| plain.get(from..to).unwrap_or("");
    let hyphened = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    Ok(match format {
        "N" | "n" => plain,
        "" | "D" | "d" => hyphened,
        "B" | "b" => format!("{{{hyphened}}}"),
        "P" | "p" => format!("({hyphened})"),
        "X" | "x" => {
            let bytes: Vec<String> =
                (16..32).step_by(2).map(|at| format!("0x{}", part(at, at + 2))).collect();
            let [first, second, third] = [part(0, 8), part(8, 12), part(12, 16)];
            format!("{{0x{first},0x{second},0x{third},{{{}}}}}", bytes.join(","))
        }
        _ => return Err(Exception::format("a Guid has the formats N, D, B, P and X")),
    })
}

/// `guid.ToByteArray()`: the first three parts have their lowest byte first.
#[must_use]
pub fn to_bytes(guid: Guid) -> [u8; 16] {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    ORDER.map(|place| guid.0[place])
}

/// `new Guid(bytes)`
///
/// # Errors
///
/// `ArgumentException` for other than sixteen bytes.
pub fn from_bytes(bytes: &[u8]) -> Result<Guid, Exception> {
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| Exception::argument("a Guid has sixteen bytes"))?;
    // The order is its own reverse.
    Ok(Guid(to_bytes(Guid(bytes))))
}

/// `guid.GetHashCode()`: the same in every process, unlike that of most types.
#[must_use]
pub fn hash(guid: Guid) -> i32 {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = to_bytes(guid);
    let parts = [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]];
    parts.into_iter().map(i32::from_le_bytes).fold(0, |hash, part| hash ^ part)
}

fn digits(text: &str) -> Result<Guid, Exception> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        let pair = text.get(place * 2..place * 2 + 2).unwrap_or("");
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(Guid(bytes))
}

/// `{0x00000000,0x0000,0x0000,{0x00,…}}`: digits may be fewer, blanks may stand anywhere.
fn hexadecimal(text: &str) -> Result<Guid, Exception> {
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let inner = dense.strip_prefix('{').and_then(|rest| rest.strip_suffix("}}")).ok_or_else(wrong)?;
    let (head, tail) = inner.split_once(",{").ok_or_else(wrong)?;
    let widths = [8, 4, 4, 2, 2, 2, 2, 2, 2, 2, 2];
    let parts: Vec<&str> = head.split(',').chain(tail.split(',')).collect();
    if parts.len() != widths.len() || head.split(',').count() != 3 {
        return Err(wrong());
    }
    let mut plain = String::new();
    for (part, width) in parts.iter().zip(widths) {
        let digits = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")).ok_or_else(wrong)?;
        if digits.is_empty() || digits.len() > width {
            return Err(wrong());
        }
        plain += &format!("{digits:0>width$}");
    }
    self::digits(&plain)
}

fn wrong() -> Exception {
    Exception::format("the text is not a Guid in one of the forms N, D, B, P and X")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dotnet::ExceptionKind;

    #[test]
    fn forms() {
        let guid = parse("00112233-4455-6677-8899-AABBCCDDEEFF").unwrap();
        for (letter, text) in [
            ("N", "00112233445566778899aabbccddeeff"),
            ("D", "00112233-4455-6677-8899-aabbccddeeff"),
            ("", "00112233-4455-6677-8899-aabbccddeeff"),
            ("B", "{00112233-4455-6677-8899-aabbccddeeff}"),
            ("P", "(00112233-4455-6677-8899-aabbccddeeff)"),
            ("X", "{0x00112233,0x4455,0x6677,{0x88,0x99,0xaa,0xbb,0xcc,0xdd,0xee,0xff}}"),
        ] {
            assert_eq!(format(guid, letter).unwrap(), text);
            assert_eq!(parse(text).unwrap(), guid);
        }
        // Rule: ToByteArray turns the first three parts around.
        assert_eq!(to_bytes(guid)[..8], [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66]);
        assert_eq!(from_bytes(&to_bytes(guid)).unwrap(), guid);
        assert_eq!(parse("{0x1,0x2,0x3,{0,0,0,0,0,0,0,0}}").unwrap_err().kind, ExceptionKind::Format);
        for text in
            ["", "x", "00112233-4455-6677-8899-aabbccddeef", "{00112233445566778899aabbccddeeff}", "é"]
        {
            assert_eq!(parse(text).unwrap_err().kind, ExceptionKind::Format, "{text}");
        }
        assert_eq!(format(EMPTY, "Q").unwrap_err().kind, ExceptionKind::Format);
        assert_eq!(from_bytes(&[0; 15]).unwrap_err().kind, ExceptionKind::Argument);
    }

    proptest! {
        #[test]
        fn no_text_panics(bytes: [u8; 16], text in ".{0,40}", near in "[{(]?[0-9a-fx,-]{30,40}[})]{0,2}") {
            let _ = (parse(&text), parse(&near));
            for letter in ["N", "D", "B", "P", "X"] {
                prop_assert_eq!(parse(&format(Guid(bytes), letter).unwrap()).unwrap(), Guid(bytes));
            }
        }
    }
}
