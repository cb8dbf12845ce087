//! Whether a message is as a case expects it, and what is told if not.

use bytes::Bytes;
use http::HeaderMap;
use larder_client::context::joined;

use crate::case::Expected;
use crate::pattern::Names;

/// A message that was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    /// `GET /path`, or `200 OK`.
    pub(crate) start: String,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Bytes,
}

/// Something that is not as the case says.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Where the case says it.
    pub(crate) line: usize,
    /// What it says.
    pub(crate) expected: String,
    /// What was seen.
    pub(crate) found: String,
}

impl Failure {
    /// A failure.
    pub(crate) fn new(line: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { line, expected: expected.into(), found: found.into() }
    }
}

/// Compares a message; what its names stand for is learned.
pub(crate) fn message(expected: &Expected, seen: &Seen, names: &mut Names) -> Vec<Failure> {
    let mut failures = Vec::new();
    let body = String::from_utf8_lossy(&seen.body);
    let (line, start) = &expected.start;
    // A status may be given without its reason.
    let found = match start.to_string().contains(' ') {
        true => seen.start.as_str(),
        false => seen.start.split(' ').next().unwrap_or_default(),
    };
    if !start.matches(found, names) {
        failures.push(Failure::new(*line, start.to_string(), format!("{}\n{body}", seen.start)));
    }
    for header in &expected.headers {
        let found = joined(&seen.headers, &header.name);
        let agrees = match (&header.value, &found) {
            (Some(value), Some(found)) => value.matches(found, names),
            (None, None) => true,
            _ => false,
        };
        if !agrees {
            let wanted = header.value.as_ref().map_or("no such header".to_owned(), ToString::to_string);
            let name = &header.name;
            let found = found.unwrap_or_else(|| "no such header".to_owned());
            failures.push(Failure::new(header.line, format!("{name}: {wanted}"), format!("{name}: {found}")));
        }
    }
    if let Some((line, text)) = &expected.body
        && !text.matches(&body, names)
    {
        failures.push(Failure::new(*line, text.to_string(), body));
    }
    failures
}
