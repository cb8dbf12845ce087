//! `redis://` and `rediss://` URLs, read into the same parts as a connection string. Their grammar
//! stands with that of connection strings.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::connection_string::Reader;
use super::{ConnectionStringError, Problem, Secret};

const SCHEMES: [(&str, bool); 2] = [("redis://", false), ("rediss://", true)];

/// Whether the text begins like a URL, of whatever scheme. A `://` further on may be a part of a
/// password.
pub(super) fn is_url(text: &str) -> bool {
    let scheme = text.trim_start().split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

pub(super) fn read(text: &str, reader: &mut Reader) -> Result<(), ConnectionStringError> {
    let leading = text.len() - text.trim_start().len();
    let url = text.trim();
    let (after, tls) = scheme(url).ok_or_else(|| wrong(leading, "redis:// or rediss://"))?;
    reader.options.ssl = Some(tls);
    let at = leading + after;
    let rest = &url[after..];
    if let Some(fragment) = rest.find('#') {
        return Err(wrong(at + fragment, "no fragment; certificates are always checked"));
    }
    let (rest, query) = split(rest, '?');
    // A password may hold a slash that nobody encoded; hosts cannot hold an @.
    let (login, hosts_at) = match rest.rfind('@') {
        Some(end) => (Some(&rest[..end]), end + 1),
        None => (None, 0),
    };
    if let Some(login) = login {
        read_login(at, login, reader)?;
    }
    let (hosts, path) = split(&rest[hosts_at..], '/');
    read_hosts(at + hosts_at, hosts, reader)?;
    if let Some(path) = path.filter(|path| !path.is_empty()) {
        let path_at = at + hosts_at + hosts.len() + 1;
        reader.option(path_at, "defaultDatabase", path_at, path)?;
    }
    query.map_or(Ok(()), |query| read_query(at + rest.len() + 1, query, reader))
}

/// Where the part after the scheme starts, and whether it asks for TLS.
fn scheme(url: &str) -> Option<(usize, bool)> {
    let matches =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    SCHEMES.iter().find(|(scheme, _)| matches(scheme)).map(|(scheme, tls)| (scheme.len(), *tls))
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn read_login(at: usize, login: &str, reader: &mut Reader) -> Result<(), ConnectionStringError> {
    let (user, password) = split(login, ':');
    let user = decode(at, user)?;
    reader.options.user = (!user.is_empty()).then_some(user);
    if let Some(password) = password {
        let password = decode(at + login.len() - password.len(), password)?;
        reader.options.password = (!password.is_empty()).then(|| Secret::new(password));
    }
    Ok(())
}

fn read_hosts(at: usize, hosts: &str, reader: &mut Reader) -> Result<(), ConnectionStringError> {
    let mut start = at;
    for host in hosts.split(',') {
        reader.endpoint(start, host)?;
        start += host.len() + 1;
    }
    Ok(())
}

fn read_query(at: usize, query: &str, reader: &mut Reader) -> Result<(), ConnectionStringError> {
    let mut start = at;
    for pair in query.split('&') {
        if !pair.is_empty() {
            let (name, value) = pair.split_once('=').ok_or_else(|| wrong(start, "option=value"))?;
            let value_at = start + name.len() + 1;
            let tls = reader.options.ssl;
            reader.option(start, name, value_at, &decode(value_at, value)?)?;
            // Who wrote the scheme for TLS must not get plain text because of an option.
            if tls == Some(true) && reader.options.ssl == Some(false) {
                return Err(wrong(value_at, "no `ssl=false` where TLS is asked for"));
            }
        }
        start += pair.len() + 1;
    }
    Ok(())
}

/// Undoes percent-encoding; a `+` is a plus.
fn decode(at: usize, text: &str) -> Result<String, ConnectionStringError> {
    let has_digits = |place: usize| {
        let digits = text.as_bytes().get(place + 1..place + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if let Some((place, _)) = text.match_indices('%').find(|(place, _)| !has_digits(*place)) {
        return Err(wrong(at + place, "two hexadecimal digits after %"));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| wrong(at, "text that is UTF-8 once decoded"))
}

fn wrong(at: usize, expected: &'static str) -> ConnectionStringError {
    ConnectionStringError::new(at, Problem::Url { expected })
}
