//! The options of a connection string: one row each, from which reading them, the list of those
//! without effect and the check of this table are made.
//!
//! StackExchange.Redis' own values are read; refused are a `syncTimeout` or `asyncTimeout` below 1 (there
//! too), and, as deviations, `sslProtocols` without TLS 1.2 and 1.3, a `name` with blanks, and a `tunnel`
//! of another form than the table says.
//!
//! Names are compared without regard to case. Whole numbers are decimal; a truth value is `true`,
//! `false`, `1`, `0`, `yes`, `no`, `on` or `off` in any case. Times are milliseconds unless the
//! row says seconds.
//!
//! | option | default | what it does here |
//! |---|---|---|
//! | `password` | none | sent with AUTH or HELLO |
//! | `user` | none | the ACL user that the password belongs to; without a password nothing is sent, there is no login |
//! | `ssl` | false, or Azure's rule | TLS, with the platform's roots and those handed in |
//! | `sslHost` | endpoint's host | the name expected in the certificate, and sent as SNI |
//! | `sslProtocols` | 1.2 and 1.3 | which of the two; names or .NET's number (3072, 12288, their sum), 0 for both; older versions alone are refused |
//! | `connectTimeout` | 5000 | limit of one connection attempt, login included; 0 and less mean the default |
//! | `connectRetry` | 3 | attempts at start-up during which calls wait (within their budget) for the connection; less than 0 is 0 |
//! | `syncTimeout` | 5000 | limit of one operation; the call's time budget applies as well, the smaller wins |
//! | `asyncTimeout` | `syncTimeout` | the same, and goes before `syncTimeout` |
//! | `defaultDatabase` | 0 | database selected on every connection; less than 0 is none, that is 0 |
//! | `name` | none | CLIENT SETNAME |
//! | `keepAlive` | 60 s | a PING after so many seconds; 0 = never, less = the default |
//! | `tcpKeepAlive` | true | keep-alive of the socket |
//! | `protocol` | 2, or Azure's rule | RESP version |
//! | `setlib` | true | CLIENT SETINFO |
//! | `proxy` | none | with `twemproxy` or `envoyproxy` no CLIENT command is sent |
//! | `serviceName` | none | endpoints are sentinels (port 26379): the primary of that name is asked for and used, and followed when they name another |
//! | `sentinelUser`, `sentinelPassword` | none | login at the sentinels |
//! | `tunnel` | none | `http:HOST:PORT`: connections are made through this CONNECT proxy; empty is none |
//! | `$COMMAND=alias` | | sends GET, SET, DEL or PING under another name; empty disables it. CLIENT and HELLO, disabled or renamed, are not sent: no `name`, no `setlib`, RESP2. Other commands are ignored: AUTH and SELECT are sent as they are where needed |
//! | `abortConnect` | true, false on Azure | no effect: a cache that is down never stops the gateway |
//! | `checkCertificateRevocation` | true | no effect: revocation is not checked |
//! | `allowAdmin` | false | no effect: no such command is sent |
//! | `channelPrefix` | none | no effect: it is for publish and subscribe, keys have no prefix |
//! | `configCheckSeconds`, `configChannel`, `tiebreaker` | | no effect: topology of another client |
//! | `version` | | no effect: no command depends on it |
//! | `resolveDns` | false | no effect: names are looked up at every connection |
//! | `highIntegrity` | false | no effect: replies are in order on one connection |
//! | `highPriorityThreads`, `preserveAsyncOrder`, `responseTimeout`, `writeBuffer` | | no effect, as there |
//! | `topologyRefreshSeconds`, `defaults`, `maintNotifications`, `maintRelaxedTimeout`, `maintRelaxedWindowMax`, `maintPostEventRelaxed` | | no effect |

use std::fmt;
use std::time::Duration;

use super::{Endpoint, Secret};

/// What the options of a connection string say; `None` where the string is silent. Its `Debug` shows
/// no secret.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// AUTH password.
    pub password: Option<Secret>,
    /// ACL user.
    pub user: Option<String>,
    /// TLS.
    pub ssl: Option<bool>,
    /// Name expected in the certificate.
    pub ssl_host: Option<String>,
    /// TLS versions that may be used; those that rustls lacks are left out.
    pub ssl_protocols: Option<Vec<TlsVersion>>,
    /// Limit of one connection attempt.
    pub connect_timeout: Option<Duration>,
    /// Attempts at start-up.
    pub connect_retry: Option<u32>,
    /// Limit of one operation.
    pub sync_timeout: Option<Duration>,
    /// Limit of one operation; goes before `sync_timeout`.
    pub async_timeout: Option<Duration>,
    /// Database to select.
    pub default_database: Option<u32>,
    /// Connection name.
    pub name: Option<String>,
    /// Seconds between pings; 0 = never, less = the default.
    pub keep_alive_seconds: Option<i32>,
    /// Keep-alive of the socket.
    pub tcp_keep_alive: Option<bool>,
    /// RESP version.
    pub protocol: Option<Protocol>,
    /// CLIENT SETINFO.
    pub set_lib: Option<bool>,
    /// Kind of proxy in front of Redis.
    pub proxy: Option<Proxy>,
    /// Name of the primary to ask sentinels for.
    pub service_name: Option<String>,
    /// ACL user at the sentinels.
    pub sentinel_user: Option<String>,
    /// Password at the sentinels.
    pub sentinel_password: Option<Secret>,
    /// CONNECT proxy to go through.
    pub tunnel: Option<Endpoint>,
    /// Whether failing to connect is an error; kept, without effect.
    pub abort_connect: Option<bool>,
    /// Commands sent under another name, upper case; an empty alias disables the command.
    pub command_aliases: Vec<(String, String)>,
}

impl Options {
    /// The user as it may be shown: without a password beside it, it may be the password.
    pub(super) fn shown_user(&self) -> Option<&str> {
        shown_user(&self.user, &self.password)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("user", &self.shown_user())
            .field("password", &self.password)
            .field("sentinel_user", &shown_user(&self.sentinel_user, &self.sentinel_password))
            .field("sentinel_password", &self.sentinel_password)
            .field("ssl", &self.ssl)
            .field("ssl_protocols", &self.ssl_protocols)
            .field("connect_timeout", &self.connect_timeout)
            .field("sync_timeout", &self.sync_timeout)
            .field("async_timeout", &self.async_timeout)
            .field("default_database", &self.default_database)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}

fn shown_user<'a>(user: &'a Option<String>, password: &Option<Secret>) -> Option<&'a str> {
    user.as_deref().map(|user| if password.is_some() { user } else { "***" })
}

/// A version of RESP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RESP2.
    Resp2,
    /// RESP3.
    Resp3,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// A proxy in front of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// twemproxy.
    Twemproxy,
    /// Envoy.
    Envoy,
}

/// Whether an option changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does what the table says.
    Honoured,
    /// It is read and checked, and changes nothing.
    None,
}

/// One option.
pub struct OptionRow {
    /// Its name as documented.
    pub name: &'static str,
    /// What its value can be, for error texts.
    pub expected: &'static str,
    /// Whether it changes anything.
    pub effect: Effect,
    /// Keeps the value; false if it cannot be one.
    set: fn(&mut Options, &str) -> bool,
}

impl OptionRow {
    /// The row of this name, without regard to case.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static OptionRow> {
        OPTION_ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn apply(&self, options: &mut Options, value: &str) -> bool {
        (self.set)(options, value)
    }
}

/// Every option there is.
pub const OPTION_ROWS: &[OptionRow] = &[
    honoured("password", TEXT, |o, v| secret(&mut o.password, v)),
    honoured("user", TEXT, |o, v| text(&mut o.user, v)),
    honoured("ssl", BOOL, |o, v| keep(&mut o.ssl, parse_bool(v))),
    honoured("sslHost", TEXT, |o, v| text(&mut o.ssl_host, v)),
    honoured("sslProtocols", "TLS versions joined by |, tls12 or tls13 among them", |o, v| {
        keep(&mut o.ssl_protocols, parse_tls_versions(v))
    }),
    honoured("connectTimeout", "milliseconds, a whole number", |o, v| {
        whole(v).is_some_and(|_| set(&mut o.connect_timeout, parse_millis(v)))
    }),
    honoured("connectRetry", WHOLE, |o, v| keep(&mut o.connect_retry, whole(v).map(at_least_zero))),
    honoured("syncTimeout", POSITIVE, |o, v| keep(&mut o.sync_timeout, parse_millis(v))),
    honoured("asyncTimeout", POSITIVE, |o, v| keep(&mut o.async_timeout, parse_millis(v))),
    honoured("defaultDatabase", WHOLE, |o, v| keep(&mut o.default_database, whole(v).map(at_least_zero))),
    honoured("name", "a name without blanks", |o, v| {
        !v.contains(char::is_whitespace) && text(&mut o.name, v)
    }),
    honoured("keepAlive", "seconds, a whole number", |o, v| keep(&mut o.keep_alive_seconds, whole(v))),
    honoured("tcpKeepAlive", BOOL, |o, v| keep(&mut o.tcp_keep_alive, parse_bool(v))),
    honoured("protocol", "2, 3, resp2 or resp3", |o, v| keep(&mut o.protocol, parse_protocol(v))),
    honoured("setlib", BOOL, |o, v| keep(&mut o.set_lib, parse_bool(v))),
    honoured("proxy", "none, twemproxy or envoyproxy", |o, v| {
        parse_proxy(v).is_some_and(|proxy| set(&mut o.proxy, proxy))
    }),
    honoured("serviceName", TEXT, |o, v| text(&mut o.service_name, v)),
    honoured("sentinelUser", TEXT, |o, v| text(&mut o.sentinel_user, v)),
    honoured("sentinelPassword", TEXT, |o, v| secret(&mut o.sentinel_password, v)),
    honoured("tunnel", "http:HOST:PORT", |o, v| match v {
        "" => set(&mut o.tunnel, None),
        v => keep(&mut o.tunnel, parse_tunnel(v)),
    }),
    checked("abortConnect", BOOL, |o, v| keep(&mut o.abort_connect, parse_bool(v))),
    checked("checkCertificateRevocation", BOOL, is_bool),
    checked("allowAdmin", BOOL, is_bool),
    checked("channelPrefix", TEXT, anything),
    checked("configCheckSeconds", WHOLE, is_whole),
    checked("configChannel", TEXT, anything),
    checked("tiebreaker", TEXT, anything),
    checked("version", "a version such as 6.0", |_, v| is_version(v)),
    checked("resolveDns", BOOL, is_bool),
    checked("highIntegrity", BOOL, is_bool),
    checked("highPriorityThreads", TEXT, anything),
    checked("preserveAsyncOrder", TEXT, anything),
    checked("responseTimeout", TEXT, anything),
    checked("writeBuffer", TEXT, anything),
    checked("topologyRefreshSeconds", WHOLE, is_whole),
    checked("defaults", TEXT, anything),
    checked("maintNotifications", TEXT, anything),
    checked("maintRelaxedTimeout", TEXT, anything),
    checked("maintRelaxedWindowMax", TEXT, anything),
    checked("maintPostEventRelaxed", TEXT, anything),
];

const fn honoured(
    name: &'static str,
    expected: &'static str,
    set: fn(&mut Options, &str) -> bool,
) -> OptionRow {
    OptionRow { name, expected, effect: Effect::Honoured, set }
}

const fn checked(
    name: &'static str,
    expected: &'static str,
    set: fn(&mut Options, &str) -> bool,
) -> OptionRow {
    OptionRow { name, expected, effect: Effect::None, set }
}

fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    *place = value;
    true
}

fn keep<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    value.is_some() && set(place, value)
}

/// An empty text is as good as none, as in StackExchange.Redis.
fn text(place: &mut Option<String>, value: &str) -> bool {
    set(place, (!value.is_empty()).then(|| value.to_owned()))
}

fn secret(place: &mut Option<Secret>, value: &str) -> bool {
    set(place, (!value.is_empty()).then(|| Secret::new(value)))
}

fn anything(_: &mut Options, _: &str) -> bool {
    true
}

fn is_bool(_: &mut Options, value: &str) -> bool {
    parse_bool(value).is_some()
}

fn is_whole(_: &mut Options, value: &str) -> bool {
    whole(value).is_some()
}

fn is_version(value: &str) -> bool {
    let parts: Vec<&str> = value.split('.').collect();
    (1..=4).contains(&parts.len()) && parts.iter().all(|part| parse_number(part).is_some())
}

fn parse_bool(value: &str) -> Option<bool> {
    let is_any = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(value));
    if is_any(&["true", "1", "yes", "on"]) {
        Some(true)
    } else if is_any(&["false", "0", "no", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// A number as .NET's `int` holds it.
fn whole(value: &str) -> Option<i32> {
    value.parse().ok()
}

fn at_least_zero(number: i32) -> u32 {
    number.max(0).unsigned_abs()
}

/// A whole number from 0.
fn parse_number(value: &str) -> Option<u32> {
    whole(value).and_then(|number| u32::try_from(number).ok())
}

fn parse_millis(value: &str) -> Option<Duration> {
    parse_number(value).filter(|millis| *millis > 0).map(|millis| Duration::from_millis(millis.into()))
}

fn parse_protocol(value: &str) -> Option<Protocol> {
    match value.to_ascii_lowercase().as_str() {
        "2" | "resp2" => Some(Protocol::Resp2),
        "3" | "resp3" => Some(Protocol::Resp3),
        _ => None,
    }
}

fn parse_proxy(value: &str) -> Option<Option<Proxy>> {
    match value.to_ascii_lowercase().as_str() {
        "none" => Some(None),
        "twemproxy" => Some(Some(Proxy::Twemproxy)),
        "envoyproxy" => Some(Some(Proxy::Envoy)),
        _ => None,
    }
}

fn parse_tls_versions(value: &str) -> Option<Vec<TlsVersion>> {
    let mut versions = Vec::new();
    for name in value.split('|') {
        match name.trim().to_ascii_lowercase().as_str() {
            "none" | "default" => versions.extend([TlsVersion::V1_2, TlsVersion::V1_3]),
            "tls12" => versions.push(TlsVersion::V1_2),
            "tls13" => versions.push(TlsVersion::V1_3),
            "ssl2" | "ssl3" | "tls" | "tls11" => {}
            number => versions.extend(tls_versions_of(number.parse().ok()?)),
        }
    }
    (!versions.is_empty()).then_some(versions)
}

/// The versions in a number of .NET's `SslProtocols`, a set of bits.
fn tls_versions_of(bits: u16) -> Vec<TlsVersion> {
    match bits {
        SSL_PROTOCOLS_NONE | SSL_PROTOCOLS_DEFAULT => vec![TlsVersion::V1_2, TlsVersion::V1_3],
        bits => SSL_PROTOCOLS.iter().filter(|(bit, _)| bits & bit == *bit).map(|(_, v)| *v).collect(),
    }
}

fn parse_tunnel(value: &str) -> Option<Endpoint> {
    let (scheme, rest) = value.split_once(':')?;
    let endpoint = Endpoint::parse(rest.trim_start_matches("//")).ok()?;
    let has_port = matches!(endpoint, Endpoint::Tcp { port: Some(_), .. });
    (scheme.eq_ignore_ascii_case("http") && has_port).then_some(endpoint)
}

const TEXT: &str = "text";
const BOOL: &str = "true or false";
const WHOLE: &str = "a whole number";
const POSITIVE: &str = "milliseconds, a whole number from 1";

/// `SslProtocols` of .NET: the system's choice; what was the default; single versions.
const SSL_PROTOCOLS_NONE: u16 = 0;
const SSL_PROTOCOLS_DEFAULT: u16 = 240;
const SSL_PROTOCOLS: [(u16, TlsVersion); 2] = [(3072, TlsVersion::V1_2), (12288, TlsVersion::V1_3)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stands_in_the_table_and_once() {
        let table = include_str!("options.rs").split("use std").next().unwrap();
        for (place, row) in OPTION_ROWS.iter().enumerate() {
            let line = table.lines().find(|line| line.contains(&format!("`{}`", row.name)));
            let line = line.unwrap_or_else(|| panic!("{} is missing in the table", row.name));
            let without = line.contains("no effect");
            assert_eq!(without, row.effect == Effect::None, "{}", row.name);
            let again = OPTION_ROWS[..place].iter().any(|other| other.name.eq_ignore_ascii_case(row.name));
            assert!(!again, "{} stands twice", row.name);
        }
    }
}
