//! What is stored for an answer, and which answer comes of what is stored.
//!
//! A text is stored as it is, so that other programs can read it, if its content type can be told
//! from it: JSON if it begins like JSON, plain text otherwise. Everything else is stored as a whole
//! response with its content type.

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use larder_client::{Response, Value};

use crate::body::{AnswerBody, full};
use crate::headers::{drop_hop_by_hop, drop_length};

/// The value to store for the body of a 200.
pub(crate) fn to_value(body: &Bytes, content_type: Option<&HeaderValue>) -> Value {
    match std::str::from_utf8(body) {
        Ok(text) if content_type.is_none_or(|given| is_told_by(text, given)) => {
            Value::String(text.to_owned())
        }
        _ => {
            let header =
                |value: &HeaderValue| (CONTENT_TYPE.to_string(), Bytes::copy_from_slice(value.as_bytes()));
            let headers = content_type.map(header).into_iter().collect();
            Value::Response(Box::new(Response {
                status: 200,
                reason: String::new(),
                headers,
                body: body.clone(),
            }))
        }
    }
}

/// The answer that a stored value stands for; none if it stands for none.
pub(crate) fn to_answer(value: Value) -> Option<hyper::Response<AnswerBody>> {
    match value {
        Value::String(text) => {
            let content_type = told_type(&text);
            answer(content_type, text)
        }
        Value::Json(text) => answer(JSON, text),
        Value::Bytes(bytes) => answer(BINARY, bytes),
        Value::Bool(value) => answer(TEXT, value.to_string()),
        Value::Int(value) => answer(TEXT, value.to_string()),
        Value::Long(value) => answer(TEXT, value.to_string()),
        Value::Response(response) => whole(*response),
        _ => None,
    }
}

fn answer(content_type: &'static str, body: impl Into<Bytes>) -> Option<hyper::Response<AnswerBody>> {
    hyper::Response::builder().header(CONTENT_TYPE, content_type).body(full(body)).ok()
}

/// Whoever wrote the response, its length is that of its body and its connection is this one.
fn whole(response: Response) -> Option<hyper::Response<AnswerBody>> {
    let status = StatusCode::from_u16(response.status).ok().filter(|status| !status.is_informational())?;
    let mut answer = hyper::Response::builder().status(status);
    for (name, value) in response.headers {
        answer = answer.header(name, HeaderValue::from_maybe_shared(value).ok()?);
    }
    let mut answer = answer.body(full(response.body)).ok()?;
    drop_hop_by_hop(answer.headers_mut());
    drop_length(answer.headers_mut());
    Some(answer)
}

/// Whether the content type given is the one that the text itself tells.
fn is_told_by(text: &str, given: &HeaderValue) -> bool {
    let Ok(given) = given.to_str() else { return false };
    let mut parts = given.split(';').map(str::trim);
    let essence = told_type(text).split(';').next().unwrap_or_default();
    let same = parts.next().is_some_and(|part| part.eq_ignore_ascii_case(essence));
    same && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

fn told_type(text: &str) -> &'static str {
    if text.trim_start().starts_with(['{', '[']) { JSON } else { TEXT }
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const BINARY: &str = "application/octet-stream";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_stored_plain_if_their_type_can_be_told() {
        let stored = |body: &'static str, given: &'static str| {
            to_value(&Bytes::from_static(body.as_bytes()), Some(&HeaderValue::from_static(given)))
        };
        assert_eq!(stored("{}", "application/json; charset=UTF-8"), Value::from("{}"));
        assert_eq!(stored("Ada", "text/plain"), Value::from("Ada"));
        for (body, given) in
            [("{}", "text/plain"), ("<p>", "text/html"), ("Ada", "text/plain; charset=latin1")]
        {
            let value = stored(body, given);
            assert!(matches!(value, Value::Response(_)), "{body} as {given}");
            let answer = to_answer(value).unwrap();
            assert_eq!(answer.headers()[CONTENT_TYPE], given);
        }
        assert!(matches!(to_value(&Bytes::from_static(b"\xff"), None), Value::Response(_)));
    }
    #[test]
    fn a_stored_response_does_not_rule_the_connection() {
        let response = |status, name: &str, value: &'static str| {
            let headers = vec![(name.to_owned(), Bytes::from_static(value.as_bytes()))];
            Value::Response(Box::new(Response { status, reason: String::new(), headers, body: Bytes::new() }))
        };
        for (name, value) in
            [("Content-Length", "99"), ("transfer-encoding", "chunked"), ("connection", "close")]
        {
            assert!(to_answer(response(200, name, value)).unwrap().headers().is_empty(), "{name}");
        }
        assert_eq!(to_answer(response(404, "x", "y")).unwrap().status(), 404);
        assert!(to_answer(response(101, "x", "y")).is_none());
        assert!(to_answer(response(200, "no name", "y")).is_none());
        assert!(to_answer(response(200, "x", "a\r\nb")).is_none());
    }
}
