//! Where a Redis listens, as a connection string writes it.

use std::fmt;
use std::path::PathBuf;

/// One endpoint. Without a port, the connection string as a whole decides on the port.
///
/// Its `Display` is the address. Logs, reports and `Debug` say `***` for a bare word: see
/// [`is_bare_word`](Self::is_bare_word).
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A host name or address (IPv6 without its brackets), and a port if one is given.
    Tcp {
        /// Name or address.
        host: String,
        /// The port, if given.
        port: Option<u16>,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// What an endpoint that cannot be read should have been.
const EXPECTED: &str = "HOST, HOST:PORT, [IPV6]:PORT or !PATH";
/// The longest part of a host name between dots (RFC 1035, 2.3.4).
const LABEL_BYTES: usize = 63;
const EXPECTED_PORT: &str = "a port between 1 and 65535";

impl Endpoint {
    /// Reads `host[:port]`, `[ipv6][:port]` or `!unix-path`; the error says what was expected.
    pub(super) fn parse(token: &str) -> Result<Self, &'static str> {
        if let Some(path) = token.strip_prefix('!') {
            return if path.is_empty() { Err(EXPECTED) } else { Ok(Self::Unix(path.into())) };
        }
        let (host, port) = match token.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(EXPECTED)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| "an IPv6 address between the brackets")?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':').ok_or(EXPECTED)?) })
            }
            // An address in version 6 without brackets has no port, as in StackExchange.Redis.
            None if token.parse::<std::net::Ipv6Addr>().is_ok() => (token, None),
            None => match token.split_once(':') {
                Some((host, port)) => (checked_name(host)?, Some(port)),
                None => (checked_name(token)?, None),
            },
        };
        Ok(Self::Tcp { host: host.to_owned(), port: port.map(parse_port).transpose()? })
    }

    /// Whether it is a word without a dot, a colon and a port, and not `localhost`. That may be a host
    /// name, or a key whose `password=` was left out, so that it is not shown beside other endpoints.
    #[must_use]
    pub fn is_bare_word(&self) -> bool {
        match self {
            Self::Tcp { host, port: None } => {
                !host.contains(['.', ':']) && !host.eq_ignore_ascii_case("localhost")
            }
            Self::Tcp { .. } | Self::Unix(_) => false,
        }
    }

    /// The host name or address; nothing for a Unix socket.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Tcp { host, .. } => Some(host),
            Self::Unix(_) => None,
        }
    }
}

fn checked_name(host: &str) -> Result<&str, &'static str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    match host.len() {
        1..=253 if host.bytes().all(known) && host.split('.').all(|label| label.len() <= LABEL_BYTES) => {
            Ok(host)
        }
        _ => Err(EXPECTED),
    }
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(EXPECTED_PORT),
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_bare_word() { f.write_str("***") } else { write!(f, "{self}") }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } => {
                if host.contains(':') {
                    write!(f, "[{host}]")?
                } else {
                    f.write_str(host)?
                }
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Unix(path) => write!(f, "!{}", path.display()),
        }
    }
}
