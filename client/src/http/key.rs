//! The key of a response entry: what it is made of and how it is written. Where entries are kept is
//! left to the cache.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use super::rules::LookupRules;
use super::scope::KeyScope;
use super::view::Target;
use crate::dotnet::encoding::url_decode_to_bytes;
use crate::dotnet::hash::{Algorithm, compute};
use crate::limits::{RESPONSE_KEY_BYTES_MAX, RESPONSE_KEY_PART_BYTES_MAX};

/// Which of the parts that no policy asks for are in the key. All are by default: two requests that
/// differ in one of them may well get different answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyParts {
    /// The operation's id.
    pub operation: bool,
    /// The product's id.
    pub product: bool,
    /// The host and port that the client called.
    pub host: bool,
    /// Scheme, host and port of the backend, as they stand at the lookup. The layer knows none.
    pub backend: bool,
}

impl Default for KeyParts {
    fn default() -> Self {
        Self { operation: true, product: true, host: true, backend: true }
    }
}

/// The key of an entry. It may tell who called: it is no text for logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResponseKey(Arc<str>);

impl ResponseKey {
    /// The key as a debug header shows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of a request; `purged` is the generation that the last purge began.
    pub(crate) fn of(request: &Requested<'_>, rules: &LookupRules, parts: KeyParts, purged: u64) -> Self {
        let mut key = Writer(String::with_capacity(160));
        let scope = request.scope;
        let _ = write!(key.0, "{VERSION};g={}", scope.generation);
        if purged > 0 {
            let _ = write!(key.0, ".{purged}");
        }
        key.part("api", &scope.api);
        if !scope.revision.is_empty() {
            key.part("rev", &scope.revision);
        }
        key.listed(request, parts);
        key.part("path", request.target.path);
        key.query(request.target.query, rules);
        for name in rules.vary.headers() {
            key.header(name, request.headers);
        }
        key.developer(scope, rules);
        Self(shorten(key.0).into())
    }
}

/// What a key is made from.
pub(crate) struct Requested<'a> {
    pub(crate) target: &'a Target<'a>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) scope: &'a KeyScope,
}

/// A key under way.
struct Writer(String);

impl Writer {
    fn part(&mut self, name: &str, value: &str) {
        let _ = write!(self.0, ";{name}=");
        self.text(value.as_bytes(), "");
    }

    fn listed(&mut self, request: &Requested<'_>, parts: KeyParts) {
        let (scope, target) = (request.scope, request.target);
        if parts.operation && !scope.operation.is_empty() {
            self.part("op", &scope.operation);
        }
        if let Some(product) = scope.product.as_ref().filter(|_| parts.product) {
            self.part("product", product);
        }
        if parts.host {
            let _ = write!(self.0, ";host=");
            self.host(target.host, target.port);
        }
        if let Some(backend) = target.backend.filter(|_| parts.backend) {
            self.part("to", backend.scheme);
            self.0.push_str("://");
            self.host(backend.host, backend.port);
        }
    }

    /// Names of hosts have no case.
    fn host(&mut self, host: &str, port: u16) {
        self.text(host.to_ascii_lowercase().as_bytes(), "");
        let _ = write!(self.0, ":{port}");
    }

    /// The parameters that count, in the order of their names; those of one name in the order in which
    /// they were written. A listed one that is not there is written without `=`.
    fn query(&mut self, query: &str, rules: &LookupRules) {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let whole = rules.vary.counts_whole_query();
        if whole {
            self.0.push_str(";q");
        }
        if whole || !rules.vary.parameters().is_empty() {
            found.extend(parameters(query));
            found.sort_by(|left, right| left.0.cmp(&right.0));
        }
        if whole {
            found.iter().for_each(|(name, value)| self.parameter(name, value));
        }
        for name in rules.vary.parameters() {
            let values = found.iter().filter(|(found, _)| found == name.as_bytes());
            let count = values.map(|(name, value)| self.parameter(name, value)).count();
            if count == 0 {
                self.named("q.", name.as_bytes(), None);
            }
        }
    }

    fn parameter(&mut self, name: &[u8], value: &[u8]) {
        let secret = SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret.as_bytes()));
        self.discreet("q.", name, value, secret);
    }

    /// A header that is there is written with its values, normalised; one that is not without `=`.
    fn header(&mut self, name: &HeaderName, headers: &HeaderMap) {
        let bytes = name.as_str().as_bytes();
        match normalised(name, headers) {
            Some(value) => self.discreet("h.", bytes, &value, SECRET_HEADERS.contains(&name.as_str())),
            None => self.named("h.", bytes, None),
        }
    }

    /// A value that is secret or long is written as its hash, behind `~#`: no value as it is contains that.
    fn discreet(&mut self, kind: &str, name: &[u8], value: &[u8], is_secret: bool) {
        if !is_secret && value.len() <= RESPONSE_KEY_PART_BYTES_MAX {
            return self.named(kind, name, Some(value));
        }
        self.named(kind, name, None);
        let _ = write!(self.0, "=~#{}", digest(value));
    }

    fn developer(&mut self, scope: &KeyScope, rules: &LookupRules) {
        if rules.vary_by_developer {
            self.named("dev", b"", scope.developer.as_ref().map(|user| user.id.as_bytes()));
        }
        if rules.vary_by_developer_groups {
            self.0.push_str(";groups");
            let groups = scope.developer.iter().flat_map(|user| &user.groups);
            let mut ids: Vec<&str> = groups.map(|group| &*group.id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids.iter().for_each(|id| self.named("g.", id.as_bytes(), None));
        }
    }

    /// A part whose name comes from outside, and its value if it has one.
    fn named(&mut self, kind: &str, name: &[u8], value: Option<&[u8]>) {
        let _ = write!(self.0, ";{kind}");
        self.text(name, "=");
        if let Some(value) = value {
            self.0.push('=');
            self.text(value, "");
        }
    }

    /// Visible ASCII as it is; `~`, `;`, `escaped` and every other byte as `~` and two digits.
    fn text(&mut self, bytes: &[u8], escaped: &str) {
        for byte in bytes {
            let letter = char::from(*byte);
            match byte {
                b'!'..=b'}' if letter != ';' && !escaped.contains(letter) => self.0.push(letter),
                _ => {
                    let _ = write!(self.0, "~{byte:02X}");
                }
            }
        }
    }
}

/// A key that is too long keeps its beginning, for people, and gets a hash of the whole.
fn shorten(key: String) -> String {
    if key.len() <= RESPONSE_KEY_BYTES_MAX {
        return key;
    }
    let (beginning, _) = key.split_at_checked(BEGINNING_BYTES).unwrap_or((&key, ""));
    format!("{beginning};sha256={}", digest(key.as_bytes()))
}

fn digest(bytes: &[u8]) -> String {
    compute(Algorithm::Sha256, bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The values of a header: lines joined by commas, without blanks around a comma or at the ends.
fn normalised(name: &HeaderName, headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut value: Option<Vec<u8>> = None;
    for line in headers.get_all(name) {
        for item in line.as_bytes().split(|byte| *byte == b',') {
            match &mut value {
                Some(value) => {
                    value.push(b',');
                    value.extend_from_slice(item.trim_ascii());
                }
                None => value = Some(item.trim_ascii().to_vec()),
            }
        }
    }
    value
}

/// Names and values of a query, decoded to bytes: what is not UTF-8 keeps its differences.
fn parameters(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (url_decode_to_bytes(name), url_decode_to_bytes(value))
    })
}

impl fmt::Display for ResponseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The layout of the key. Another layout gets another number.
const VERSION: u32 = 1;

/// What a hashed key keeps of the readable one.
const BEGINNING_BYTES: usize = 160;

const _: () = assert!(BEGINNING_BYTES + ";sha256=".len() + 64 <= RESPONSE_KEY_BYTES_MAX);

/// Headers whose values are never readable in a key.
const SECRET_HEADERS: [&str; 7] = [
    "authorization",
    "cookie",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "subscription-key",
    "x-api-key",
    "x-functions-key",
];

/// The same for query parameters, whatever their case.
const SECRET_PARAMETERS: [&str; 8] =
    ["access_token", "api-key", "apikey", "code", "key", "sig", "subscription-key", "token"];
