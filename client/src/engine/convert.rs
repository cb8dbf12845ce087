//! Between responses of a context and those that variables and caches hold.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode};

use super::failure::StatementError;
use crate::Response as Stored;
use crate::context::{Content, Response};

/// A response that was held in a variable.
pub(super) fn response(stored: &Arc<Stored>) -> Result<Response, StatementError> {
    let wrong = |what: &str| StatementError::new("InvalidResponse", format!("The response has {what}."));
    let status = StatusCode::from_u16(stored.status).map_err(|_| wrong("no valid status"))?;
    let mut response = Response::new(status);
    if !stored.reason.is_empty() {
        response.reason = Some(stored.reason.as_str().into());
    }
    for (name, value) in &stored.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("a header that is none"))?;
        let value = HeaderValue::from_maybe_shared(value.clone());
        response.headers.append(name, value.map_err(|_| wrong("a header that is none"))?);
    }
    response.body = Content::Bytes(stored.body.clone());
    Ok(response)
}

/// Text as the value of a header: ISO 8859-1 where it fits, as headers are read; else UTF-8. None if it
/// has control characters.
pub(super) fn header_value(text: &str) -> Option<HeaderValue> {
    if text.is_ascii() {
        return HeaderValue::from_str(text).ok();
    }
    let latin: Option<Vec<u8>> =
        text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    let bytes = latin.unwrap_or_else(|| text.as_bytes().to_vec());
    HeaderValue::from_bytes(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn header_values_are_read_as_they_were_written() {
        assert_eq!(header_value("a b").unwrap().as_bytes(), b"a b");
        assert_eq!(header_value("é").unwrap().as_bytes(), [0xE9]);
        assert_eq!(header_value("é😀").unwrap().as_bytes(), "é😀".as_bytes());
        assert_eq!(header_value("a\r\nb: c"), None);
    }

    #[test]
    fn a_stored_response_comes_back() {
        let headers = vec![("X-A".to_owned(), Bytes::from("1")), ("x-a".to_owned(), Bytes::from("2"))];
        let body = Bytes::from("body");
        let stored = Stored { status: 299, reason: "Fine".to_owned(), headers, body };
        let response = response(&Arc::new(stored)).unwrap();
        assert_eq!((response.status.as_u16(), response.reason_phrase()), (299, "Fine"));
        assert_eq!(crate::context::joined(&response.headers, "x-a").as_deref(), Some("1,2"));
        let wrong = Stored {
            status: 200,
            reason: String::new(),
            headers: vec![("a b".to_owned(), Bytes::new())],
            body: Bytes::new(),
        };
        assert_eq!(&*super::response(&Arc::new(wrong)).unwrap_err().reason, "InvalidResponse");
    }
}
