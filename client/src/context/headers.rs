//! Headers as expressions read them.

use http::HeaderMap;

/// The values of a header joined by commas; none if it is absent. Bytes above ASCII are read as
/// ISO 8859-1.
#[must_use]
pub fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let mut text = latin(values.next()?.as_bytes());
    for value in values {
        text.push(',');
        text.push_str(&latin(value.as_bytes()));
    }
    Some(text)
}

fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_joined_and_names_have_no_case() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2, 3".parse().unwrap());
        assert_eq!(joined(&headers, "X-A").as_deref(), Some("1,2, 3"));
        assert_eq!(joined(&headers, "x-b"), None);
        assert_eq!(joined(&headers, "not a name"), None);
    }
}
