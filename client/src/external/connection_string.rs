//! A connection string: StackExchange.Redis' grammar, or a `redis://` URL. Connecting is left to
//! the link.
//!
//! ```text
//! string   = token *( "," token )      ; blanks around a token and empty tokens are skipped
//! token    = endpoint | option | alias
//! endpoint = host [":" port] | "[" ipv6 "]" [":" port] | "!" unix-path
//! option   = name "=" value            ; the first "=" splits; no comma, no quoting
//! alias    = "$" COMMAND "=" [name]
//!
//! url      = "redis" ["s"] "://" [[user] [":" password] "@"] host [":" port]
//!            *( "," host [":" port] ) ["/" database] ["?" option *( "&" option )]
//! ```
//!
//! In a URL, user, password and values may be percent-encoded; `ssl=false` is refused after `rediss://`,
//! `ssl=true` after `redis://` turns TLS on. What the options do stands in
//! [`options`](super::options).
//!
//! Nothing that prints a connection string shows a password. Nor does it show what may be one without
//! its `password=`: of several endpoints, those that are a bare word (no dot, no port, not `localhost`)
//! are `***`, and so is a user without a password. The start-up report warns of both. Who wants to see
//! a short host name in logs writes its port.
//!
//! Several endpoints are tried in their order until one answers. When a connection ends, the next
//! endpoint comes first; one that turns out to be a replica, by refusing a write, is left.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::options::{Effect, OptionRow, Options, Protocol};
use super::{ConnectionStringError, Endpoint, Problem, azure, url};
use crate::limits;

/// Where an external cache is and how to talk to it. Printing it shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString {
    endpoints: Vec<Endpoint>,
    options: Options,
    without_effect: Vec<&'static str>,
}

impl ConnectionString {
    /// Reads a connection string or a `redis://` or `rediss://` URL.
    ///
    /// # Errors
    ///
    /// Nothing in it, no endpoint, an unknown option, a value that cannot be one; with the byte
    /// position and what was expected, and without the text itself, which may be a secret.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        let mut reader = Reader::default();
        if url::is_url(text) {
            url::read(text, &mut reader)?;
        } else {
            reader.read(text)?;
        }
        reader.finish(text)
    }

    /// The endpoints in their order, without duplicates.
    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Whether this endpoint is shown: it is the only one, or no bare word.
    pub(crate) fn shows(&self, endpoint: &Endpoint) -> bool {
        self.endpoints.len() == 1 || !endpoint.is_bare_word()
    }

    /// The options as they were given.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The options that were given and change nothing, in their order.
    #[must_use]
    pub fn without_effect(&self) -> &[&'static str] {
        &self.without_effect
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.options.ssl.unwrap_or_else(|| azure::default_tls(&self.endpoints))
    }

    /// The RESP version spoken.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        let default = || match azure::default_resp3(&self.endpoints) {
            true => Protocol::Resp3,
            false => Protocol::Resp2,
        };
        self.options.protocol.unwrap_or_else(default)
    }

    /// Whether the string asks for an error when there is no connection at the start. Nothing here
    /// acts on it.
    #[must_use]
    pub fn abort_connect(&self) -> bool {
        let azure = self.endpoints.iter().any(|endpoint| azure::service_of(endpoint).is_some());
        self.options.abort_connect.unwrap_or(!azure)
    }

    /// The port where an endpoint says none: 26379 for sentinels, 6380 with TLS, 6379.
    #[must_use]
    pub fn default_port(&self) -> u16 {
        match (&self.options.service_name, self.is_tls()) {
            (Some(_), _) => 26379,
            (None, true) => 6380,
            (None, false) => 6379,
        }
    }

    /// The limit of one connection attempt.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        self.options.connect_timeout.unwrap_or(limits::CONNECT_TIMEOUT_DEFAULT)
    }

    /// The limit of one operation: `asyncTimeout`, else `syncTimeout`, else 5 s.
    #[must_use]
    pub fn operation_timeout(&self) -> Duration {
        let options = &self.options;
        options.async_timeout.or(options.sync_timeout).unwrap_or(limits::OPERATION_TIMEOUT_DEFAULT)
    }

    /// The time between pings on an idle connection; none if they are off.
    #[must_use]
    pub fn keep_alive(&self) -> Option<Duration> {
        match self.options.keep_alive_seconds.unwrap_or(-1) {
            0 => None,
            seconds => u64::try_from(seconds)
                .map_or(Some(limits::KEEP_ALIVE_DEFAULT), |seconds| Some(Duration::from_secs(seconds))),
        }
    }

    /// The name under which a command is sent; nothing if the string disables it.
    #[must_use]
    pub fn command_name(&self, command: &'static str) -> Option<&str> {
        let alias = self.options.command_aliases.iter().rfind(|(name, _)| name == command);
        alias.map_or(Some(command), |(_, alias)| (!alias.is_empty()).then_some(alias))
    }
}

/// What has been read of a string so far.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) options: Options,
    without_effect: Vec<&'static str>,
}

impl Reader {
    fn read(&mut self, text: &str) -> Result<(), ConnectionStringError> {
        let mut start = 0;
        for part in text.split(',') {
            let token = part.trim();
            let at = start + (part.len() - part.trim_start().len());
            start += part.len() + 1;
            if !token.is_empty() {
                self.token(at, token)?;
            }
        }
        Ok(())
    }

    fn token(&mut self, at: usize, token: &str) -> Result<(), ConnectionStringError> {
        match token.find('=') {
            // An "=" at the very start makes no option, as in StackExchange.Redis.
            None | Some(0) => self.endpoint(at, token),
            Some(split) => {
                let (name, value) = (&token[..split], &token[split + 1..]);
                let blanks = value.len() - value.trim_start().len();
                self.option(at, name.trim(), at + split + 1 + blanks, value.trim())
            }
        }
    }

    pub(super) fn endpoint(&mut self, at: usize, token: &str) -> Result<(), ConnectionStringError> {
        let endpoint = Endpoint::parse(token)
            .map_err(|expected| ConnectionStringError::new(at, Problem::Endpoint { expected }))?;
        if !self.endpoints.contains(&endpoint) {
            if self.endpoints.len() == limits::ENDPOINTS_MAX {
                let expected = "at most 64 endpoints";
                return Err(ConnectionStringError::new(at, Problem::Endpoint { expected }));
            }
            self.endpoints.push(endpoint);
        }
        Ok(())
    }

    /// Keeps one option: its name stands at `at`, its value at `value_at`.
    pub(super) fn option(
        &mut self,
        at: usize,
        name: &str,
        value_at: usize,
        value: &str,
    ) -> Result<(), ConnectionStringError> {
        if let Some(command) = name.strip_prefix('$') {
            let alias = (command.to_ascii_uppercase(), value.to_owned());
            self.options.command_aliases.push(alias);
            return Ok(());
        }
        let Some(row) = OptionRow::find(name) else {
            let similar = similar_option(name);
            return Err(ConnectionStringError::new(at, Problem::UnknownOption { similar }));
        };
        if !row.apply(&mut self.options, value) {
            let problem = Problem::Value { option: row.name, expected: row.expected };
            return Err(ConnectionStringError::new(value_at, problem));
        }
        if row.effect == Effect::None && !self.without_effect.contains(&row.name) {
            self.without_effect.push(row.name);
        }
        Ok(())
    }

    fn finish(self, text: &str) -> Result<ConnectionString, ConnectionStringError> {
        let Self { endpoints, options, without_effect } = self;
        if !endpoints.is_empty() {
            return Ok(ConnectionString { endpoints, options, without_effect });
        }
        let empty = text.split(',').all(|token| token.trim().is_empty());
        let problem = if empty { Problem::Empty } else { Problem::NoEndpoint };
        Err(ConnectionStringError::new(if empty { 0 } else { text.len() }, problem))
    }
}

/// The option that the writer may have meant: at most two letters differ.
fn similar_option(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let distance = |row: &OptionRow| crate::text::distance(&name, &row.name.to_ascii_lowercase());
    super::OPTION_ROWS
        .iter()
        .map(|row| (distance(row), row.name))
        .filter(|(d, _)| *d <= 2)
        .min()
        .map(|(_, name)| name)
}

impl FromStr for ConnectionString {
    type Err = ConnectionStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, endpoint) in self.endpoints.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "," })?;
            if self.shows(endpoint) { write!(f, "{endpoint}") } else { f.write_str("***") }?;
        }
        if let Some(user) = self.options.shown_user() {
            write!(f, ",user={user}")?;
        }
        if let Some(password) = &self.options.password {
            write!(f, ",password={password}")?;
        }
        write!(f, ",ssl={}", self.is_tls())
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionString({self})")
    }
}
