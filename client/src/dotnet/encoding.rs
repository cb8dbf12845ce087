//! Bytes and texts in the forms of `Convert`, `Encoding`, `WebUtility` and `Uri`: Base64, hexadecimal,
//! UTF-8, percent-encoding, HTML.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_decode_str, utf8_percent_encode};

use super::Exception;
use super::text::bounded;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// `Convert.ToBase64String(bytes)`
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for place in 0..4 {
            let six = (bits >> (18 - 6 * place)) & 63;
            let digit = BASE64.get(six as usize).copied().unwrap_or(b'=');
            out.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

/// `Convert.FromBase64String(text)`: blanks may stand anywhere, padding must be complete.
///
/// # Errors
///
/// `FormatException`
pub fn from_base64(text: &str) -> Result<Vec<u8>, Exception> {
    let wrong = || Exception::format("the text is not Base64 with its padding");
    let dense: Vec<u8> = text.bytes().filter(|byte| !b" \t\r\n".contains(byte)).collect();
    let padding = dense.iter().rev().take_while(|byte| **byte == b'=').count();
    if !dense.len().is_multiple_of(4) || padding > 2 {
        return Err(wrong());
    }
    let digits = &dense[..dense.len() - padding];
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for chunk in digits.chunks(4) {
        let mut bits = 0_u32;
        for byte in chunk {
            let six = BASE64.iter().position(|digit| digit == byte).ok_or_else(wrong)?;
            bits = (bits << 6) | six as u32;
        }
        bits <<= 6 * (4 - chunk.len());
        out.extend(bits.to_be_bytes().iter().skip(1).take(chunk.len() * 6 / 8));
    }
    Ok(out)
}

/// `Convert.ToHexString(bytes)`
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// `BitConverter.ToString(bytes)`: with hyphens between.
#[must_use]
pub fn to_hyphened_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join("-")
}

/// `Convert.FromHexString(text)`
///
/// # Errors
///
/// `FormatException`
pub fn from_hex(text: &str) -> Result<Vec<u8>, Exception> {
    let wrong = || Exception::format("the text is not pairs of hexadecimal digits");
    if !text.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let pair = |pair: &[u8]| Some(nibble(*pair.first()?)? << 4 | nibble(*pair.get(1)?)?);
    text.as_bytes().chunks(2).map(|two| pair(two).ok_or_else(wrong)).collect()
}

/// `Encoding.UTF8.GetString(bytes)`: what is no UTF-8 becomes U+FFFD.
#[must_use]
pub fn from_utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `Encoding.ASCII.GetBytes(text)`: what is no ASCII becomes `?`, once for each UTF-16 unit.
#[must_use]
pub fn to_ascii(text: &str) -> Vec<u8> {
    text.encode_utf16().map(|unit| u8::try_from(unit).ok().filter(u8::is_ascii).unwrap_or(b'?')).collect()
}

/// `Encoding.ASCII.GetString(bytes)`: what is no ASCII becomes `?`.
#[must_use]
pub fn from_ascii(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect()
}

/// `WebUtility.UrlEncode(text)`: a blank becomes a plus; letters, digits and `-_.!*()` stay.
#[must_use]
pub fn url_encode(text: &str) -> String {
    utf8_percent_encode(text, URL_ENCODED).to_string().replace("%20", "+")
}

/// `Uri.EscapeDataString(text)`: letters, digits and `-_.~` stay.
#[must_use]
pub fn escape_data(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// `WebUtility.UrlDecode(text)`: a plus becomes a blank; a percent sign without two digits stays.
#[must_use]
pub fn url_decode(text: &str) -> String {
    from_utf8(&url_decode_to_bytes(text))
}

/// `WebUtility.UrlDecodeToBytes(bytes)`, of a text's: what is not UTF-8 keeps its differences.
#[must_use]
pub fn url_decode_to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.iter_mut().filter(|byte| **byte == b'+').for_each(|byte| *byte = b' ');
    match Cow::from(percent_decode(&bytes)) {
        Cow::Borrowed(_) => bytes,
        Cow::Owned(decoded) => decoded,
    }
}

/// `Uri.UnescapeDataString(text)`: a plus stays.
#[must_use]
pub fn unescape_data(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// `WebUtility.HtmlEncode(text)`: `<`, `>`, `&` and both quotes; also U+00A0 to U+00FF and characters
/// beyond U+FFFF, by number.
///
/// # Errors
///
/// `OutOfMemoryException`
pub fn html_encode(text: &str) -> Result<String, Exception> {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{a0}'..='\u{ff}' | '\u{10000}'.. => out.push_str(&format!("&#{};", u32::from(character))),
            _ => out.push(character),
        }
    }
    bounded(out.len())?;
    Ok(out)
}

/// `WebUtility.HtmlDecode(text)`: numbers, and the names `lt`, `gt`, `amp`, `quot`, `apos` and `nbsp`.
/// .NET knows some 250 names; others stay as they are here.
#[must_use]
pub fn html_decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        // No name or number is longer than this.
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| entity(&rest[1..end]).map(|found| (found, end))) {
            Some((character, end)) => {
                out.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let (digits, radix) = match number.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (number, 10),
        };
        // A sign is no digit.
        let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        return u32::from_str_radix(digits, radix)
            .ok()
            .filter(|code| plain && *code > 0)
            .and_then(char::from_u32);
    }
    let names = [("lt", '<'), ("gt", '>'), ("amp", '&'), ("quot", '"'), ("apos", '\''), ("nbsp", '\u{a0}')];
    names.iter().find(|(known, _)| *known == name).map(|(_, character)| *character)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// What `WebUtility.UrlEncode` writes as digits.
const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'*')
    .remove(b'(')
    .remove(b')');

/// What `Uri.EscapeDataString` writes as digits.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dotnet::ExceptionKind;

    #[test]
    fn base64() {
        for (text, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(to_base64(text.as_bytes()), encoded);
            assert_eq!(from_base64(encoded).unwrap(), text.as_bytes());
        }
        assert_eq!(from_base64(" Zm\r\n9v ").unwrap(), b"foo");
        for text in ["Zg", "Zg=", "Z===", "Zm9-", "Zg==Zg==", "=", "é==="] {
            assert_eq!(from_base64(text).unwrap_err().kind, ExceptionKind::Format, "{text}");
        }
    }

    #[test]
    fn urls_and_html() {
        assert_eq!(url_encode("a b/ä~(x)"), "a+b%2F%C3%A4%7E(x)");
        assert_eq!(escape_data("a b/ä~(x)"), "a%20b%2F%C3%A4~%28x%29");
        assert_eq!(url_decode("a+b%2f%C3%A4%zz%4"), "a b/ä%zz%4");
        assert_eq!(url_decode_to_bytes("a+b%2F%2B%e4%%41%"), b"a b/+\xe4%A%");
        assert_eq!(unescape_data("a+b%20"), "a+b ");
        assert_eq!(
            html_encode("<a href='x'>\"é\" & 😀 ł").unwrap(),
            "&lt;a href=&#39;x&#39;&gt;&quot;&#233;&quot; &amp; &#128512; ł"
        );
        assert_eq!(
            html_decode("&lt;&#233;&#x1F600;&amp;&unknown; & &#0;&#+5; é&é;"),
            "<é😀&&unknown; & &#0;&#+5; é&é;"
        );
        assert_eq!((to_hex(&[1, 255]).as_str(), to_hyphened_hex(&[1, 255]).as_str()), ("01FF", "01-FF"));
        assert_eq!(from_hex("01fF").unwrap(), [1, 255]);
        assert_eq!(from_hex("0g").unwrap_err().kind, ExceptionKind::Format);
        assert_eq!((to_ascii("é😀a"), from_ascii(&[0xE9, b'a'])), (b"???a".to_vec(), "?a".to_owned()));
        assert_eq!(from_utf8(&[b'a', 0xFF]), "a\u{fffd}");
    }

    proptest! {
        #[test]
        fn encodings_come_back(bytes: Vec<u8>, text in ".*") {
            prop_assert_eq!(from_base64(&to_base64(&bytes)).unwrap(), bytes.clone());
            prop_assert_eq!(from_hex(&to_hex(&bytes)).unwrap(), bytes);
            prop_assert_eq!(url_decode(&url_encode(&text)), text.clone());
            prop_assert_eq!(unescape_data(&escape_data(&text)), text.clone());
            prop_assert_eq!(html_decode(&html_encode(&text).unwrap()), text.clone());
            let _ = (from_base64(&text), from_hex(&text), url_decode(&text), html_decode(&text));
        }
    }
}
