//! The rows of the settings. To add a setting, add a field to `Settings` and a row here.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use larder_client::context::Url;
use larder_client::external::Secret;
use larder_client::limits::RESPONSE_BODY_BYTES_MAX;

use super::Settings;
use crate::limits;

/// One setting.
pub(super) struct Row {
    /// Flag without dashes, key in the TOML file; the variable is `LARDER_GATEWAY_` and this in capitals.
    pub(super) name: &'static str,
    /// What stands for the value in the help.
    pub(super) value: &'static str,
    /// The default as one would write it; empty for none.
    pub(super) default: &'static str,
    /// One line of help.
    pub(super) help: &'static str,
    /// How often it may be given.
    pub(super) form: Form,
    /// Reads a value into the settings. No error repeats it: it may hold a secret.
    pub(super) parse: fn(&mut Settings, &str) -> Result<(), String>,
}

/// How a setting is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Once.
    One,
    /// Several times; in the environment separated by newlines or `;`, in the file an array or a table.
    Many,
    /// As many, but in the file they are tables of external caches.
    Entries,
    /// Without a value on the command line; elsewhere `true` or `false`.
    Switch,
}

impl Form {
    /// Whether it may be given several times.
    pub(super) fn is_repeatable(self) -> bool {
        matches!(self, Self::Many | Self::Entries)
    }
}

/// All settings.
pub(super) const ROWS: &[Row] = &[
    one("policy", "FILE", "", "Policy of the route", |settings, text| {
        settings.policy = settings.path(text);
        Ok(())
    }),
    one(
        "backend",
        "URL",
        "",
        "Backend: http://HOST:PORT or https://HOST, or with a path that goes before every request's",
        |settings, text| {
            settings.backend = if text.is_empty() { None } else { Some(backend_url(text)?) };
            Ok(())
        },
    ),
    one(
        "backend-ca",
        "FILE",
        "",
        "PEM file with root certificates of https backends to trust beside the platform's",
        |settings, text| {
            settings.backend_ca = settings.path(text);
            Ok(())
        },
    ),
    one("listen", "HOST:PORT", "127.0.0.1:8080", "Where clients are served", |settings, text| {
        settings.listen = text.to_owned();
        Ok(())
    }),
    one(
        "admin",
        "HOST:PORT",
        "",
        "Where /livez, /readyz and /metrics are served; nowhere without it",
        |settings, text| {
            settings.admin = text.to_owned();
            Ok(())
        },
    ),
    one(
        "internal",
        "HOST:PORT,...",
        "127.0.0.1:6379",
        "Nodes of the regional Larder cluster, options of a connection string after them; empty for none",
        |settings, text| {
            settings.internal = (!text.is_empty()).then(|| Secret::new(text));
            Ok(())
        },
    ),
    one("region", "NAME", "local", "Region of this gateway", |settings, text| {
        settings.region = text.to_owned();
        Ok(())
    }),
    one("service", "NAME", "default", "Service that values belong to", |settings, text| {
        settings.service = text.to_owned();
        Ok(())
    }),
    entries(
        "external",
        "REGION=CONNECTION_STRING",
        "External cache, and the region it is used from, or Default",
        |settings, text| {
            let (region, string) = pair(text, "REGION=CONNECTION_STRING")?;
            settings.external.push((region.to_owned(), Secret::new(string)));
            Ok(())
        },
    ),
    one(
        "external-file",
        "FILE",
        "",
        "TOML file with external caches, followed when it changes",
        |settings, text| {
            settings.external_file = settings.path(text);
            Ok(())
        },
    ),
    one(
        "watch-external",
        "true|false",
        "true",
        "Whether the cluster is asked for external caches, and followed when they change",
        |settings, text| {
            settings.watch_external = flag(text)?;
            Ok(())
        },
    ),
    one(
        "external-ca",
        "FILE",
        "",
        "PEM file with root certificates to trust beside the platform's",
        |settings, text| {
            settings.external_ca = settings.path(text);
            Ok(())
        },
    ),
    switch(
        "failover",
        "With prefer-external, turn to the internal cache while the external one fails; it splits the data",
        |settings, text| {
            settings.failover = flag(text)?;
            Ok(())
        },
    ),
    switch("answer-head", "Answer HEAD from what cache-store kept of a GET", |settings, text| {
        settings.answer_head = flag(text)?;
        Ok(())
    }),
    switch(
        "answer-conditions",
        "Answer conditional requests with 304 from what cache-store kept",
        |settings, text| {
            settings.answer_conditions = flag(text)?;
            Ok(())
        },
    ),
    one(
        "stale-seconds-max",
        "S",
        "0",
        "How long past its end an entry of cache-store answers for a backend that fails",
        |settings, text| {
            settings.stale_max = Duration::from_secs(number(text, 0..=limits::STALE_SECONDS_MAX)?);
            Ok(())
        },
    ),
    switch(
        "honour-client-no-cache",
        "Follow a client's Cache-Control no-cache, max-age=0 and no-store at cache-lookup",
        |settings, text| {
            settings.honour_client = flag(text)?;
            Ok(())
        },
    ),
    one(
        "origin-parallel",
        "N",
        "0",
        "Misses of cache-lookup, per route, that may be at the backend at the same time; 0 for no limit",
        |settings, text| {
            settings.origin_parallel = number(text, 0..=limits::BACKEND_REQUESTS_MAX)?;
            Ok(())
        },
    ),
    one(
        "origin-wait-ms",
        "MS",
        "1000",
        "How long such a miss waits for its turn; then it is a 503",
        |settings, text| {
            settings.origin_wait = Duration::from_millis(number(text, 0..=60_000)?);
            Ok(())
        },
    ),
    one(
        "purge-seen-ms",
        "MS",
        "1000",
        "How soon responses that another gateway purged are gone here",
        |settings, text| {
            settings.purge_seen = Duration::from_millis(number(text, 0..=60_000)?);
            Ok(())
        },
    ),
    one(
        "value-bytes-max",
        "BYTES",
        "2097152",
        "The largest value or response that is stored or given",
        |settings, text| {
            settings.value_bytes_max = number(text, limits::VALUE_BYTES_MIN..=RESPONSE_BODY_BYTES_MAX)?;
            Ok(())
        },
    ),
    many("named", "NAME=VALUE", "Named value: what {{NAME}} stands for in policies", |settings, text| {
        let (name, value) = pair(text, "NAME=VALUE")?;
        settings.named.push((name.to_owned(), Secret::new(value)));
        Ok(())
    }),
    many("fragment", "NAME=FILE", "Fragment that policies include by this name", |settings, text| {
        let (name, file) = pair(text, "NAME=FILE")?;
        settings.fragment.push((name.to_owned(), settings.base.join(file)));
        Ok(())
    }),
    one("fragments", "DIRECTORY", "", "Every NAME.xml in it is a fragment", |settings, text| {
        settings.fragments = settings.path(text);
        Ok(())
    }),
    one(
        "subscription-header",
        "NAME",
        "Ocp-Apim-Subscription-Key",
        "Header with a subscription key; empty for none",
        |settings, text| {
            settings.subscription_header = match text {
                "" => None,
                _ => Some(text.parse().map_err(|_| "expected the name of a header".to_owned())?),
            };
            Ok(())
        },
    ),
    one(
        "subscription-parameter",
        "NAME",
        "subscription-key",
        "Query parameter with a subscription key; empty for none",
        |settings, text| {
            settings.subscription_parameter = text.to_owned();
            Ok(())
        },
    ),
    switch("subscription-required", "Refuse requests without a known subscription key", |settings, text| {
        settings.subscription_required = flag(text)?;
        Ok(())
    }),
    switch(
        "trace",
        "Tell in headers of every answer what the policies did, keys included",
        |settings, text| {
            settings.trace = flag(text)?;
            Ok(())
        },
    ),
    one("time-budget-ms", "MS", "500", "What one call of a cache may take", |settings, text| {
        settings.time_budget = Duration::from_millis(number(text, 1..=60_000)?);
        Ok(())
    }),
    one("connections-max", "N", "4096", "Connections of clients; more wait", |settings, text| {
        settings.connections_max = number(text, 1..=limits::CONNECTIONS_MAX)?;
        Ok(())
    }),
    one("header-bytes-max", "BYTES", "65536", "Bytes of a request's head", |settings, text| {
        settings.header_bytes_max = number(text, limits::HEADER_BYTES_MIN..=limits::HEADER_BYTES_MAX)?;
        Ok(())
    }),
    one(
        "header-seconds-max",
        "S",
        "15",
        "Until a request's head is whole; an idle connection is closed after it",
        |settings, text| {
            settings.header_time_max = seconds(text)?;
            Ok(())
        },
    ),
    one("body-bytes-max", "BYTES", "268435456", "Bytes of a request's body", |settings, text| {
        settings.body_bytes_max = number(text, 0..=limits::BODY_BYTES_MAX)?;
        Ok(())
    }),
    one(
        "body-seconds-max",
        "S",
        "30",
        "Pause of a client while it sends a body, or takes an answer",
        |settings, text| {
            settings.body_pause_max = seconds(text)?;
            Ok(())
        },
    ),
    one(
        "body-rate-min",
        "BYTES",
        "512",
        "Bytes a second of a client that sends a body, or takes an answer, in the long run; 0 for any",
        |settings, text| {
            settings.body_rate_min = number(text, 0..=limits::RATE_MAX)?;
            Ok(())
        },
    ),
    one(
        "body-total-seconds-max",
        "S",
        "3600",
        "All waiting for a client during one body",
        |settings, text| {
            settings.body_total_max = Duration::from_secs(number(text, 1..=limits::BODY_TOTAL_SECONDS_MAX)?);
            Ok(())
        },
    ),
    one(
        "buffer-bytes-max",
        "BYTES",
        "1048576",
        "Bytes of a body, either way, that are read ahead of whoever takes it",
        |settings, text| {
            settings.buffer_bytes_max = number(text, 0..=limits::BUFFER_BYTES_MAX)?;
            Ok(())
        },
    ),
    one("backend-connect-ms", "MS", "3000", "Until a connection to a backend is there", |settings, text| {
        settings.backend_connect_max = Duration::from_millis(number(text, 1..=60_000)?);
        Ok(())
    }),
    one(
        "backend-seconds-max",
        "S",
        "30",
        "Pause of a backend before it answers, or within a body",
        |settings, text| {
            settings.backend_pause_max = seconds(text)?;
            Ok(())
        },
    ),
    one(
        "backend-requests-max",
        "N",
        "1024",
        "Requests to one backend at the same time; more wait a second",
        |settings, text| {
            settings.backend_requests_max = number(text, 1..=limits::BACKEND_REQUESTS_MAX)?;
            Ok(())
        },
    ),
    one(
        "backend-idle-seconds-max",
        "S",
        "30",
        "How long an idle connection to a backend is kept",
        |settings, text| {
            settings.backend_idle_max = seconds(text)?;
            Ok(())
        },
    ),
    one(
        "shutdown-seconds-max",
        "S",
        "10",
        "Until connections are cut when the gateway is told to stop",
        |settings, text| {
            settings.shutdown_max = seconds(text)?;
            Ok(())
        },
    ),
    one(
        "log",
        "FILTER",
        "info",
        "Which messages are logged: error, warn, info, debug, trace, or by part",
        |settings, text| {
            settings.log = text.to_owned();
            Ok(())
        },
    ),
];

type Parse = fn(&mut Settings, &str) -> Result<(), String>;

const fn one(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
    parse: Parse,
) -> Row {
    Row { name, value, default, help, form: Form::One, parse }
}

const fn many(name: &'static str, value: &'static str, help: &'static str, parse: Parse) -> Row {
    Row { name, value, default: "", help, form: Form::Many, parse }
}

const fn entries(name: &'static str, value: &'static str, help: &'static str, parse: Parse) -> Row {
    Row { name, value, default: "", help, form: Form::Entries, parse }
}

const fn switch(name: &'static str, help: &'static str, parse: Parse) -> Row {
    Row { name, value: "", default: "false", help, form: Form::Switch, parse }
}

/// The URL of a backend.
pub(crate) fn backend_url(text: &str) -> Result<Url, String> {
    if text.contains('@') {
        return Err("a user name or password in the URL is not supported".to_owned());
    }
    let url = Url::parse(text).filter(|url| !url.host.is_empty());
    url.filter(|_| !text.contains(['?', '#']))
        .ok_or_else(|| "expected http://HOST:PORT or https://HOST:PORT, and perhaps /PATH".to_owned())
}

impl Settings {
    /// A file, in the directory of the file that names it.
    fn path(&self, text: &str) -> Option<PathBuf> {
        (!text.is_empty()).then(|| self.base.join(text))
    }
}

/// Splits at the first `=`: a name holds none, a value may.
fn pair<'a>(text: &'a str, expected: &str) -> Result<(&'a str, &'a str), String> {
    let parts = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    parts.filter(|(name, _)| !name.is_empty()).ok_or_else(|| format!("expected {expected}"))
}

fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "expected true or false".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs(number(text, 1..=limits::SECONDS_MAX)?))
}

fn number<T: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<T>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("expected a whole number, {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_can_be_read_and_names_are_told_apart() {
        let mut settings = Settings::default();
        for (place, row) in ROWS.iter().enumerate() {
            if row.form != Form::Many && !row.default.is_empty() {
                assert_eq!((row.parse)(&mut settings, row.default), Ok(()), "{}", row.name);
            }
            assert!(ROWS[..place].iter().all(|other| other.name != row.name), "{}", row.name);
            assert!(!row.help.ends_with('.'), "{}", row.name);
        }
        assert_eq!(settings.body_bytes_max, 256 << 20);
    }

    #[test]
    fn errors_do_not_repeat_the_value() {
        for row in ROWS {
            if let Err(error) = (row.parse)(&mut Settings::default(), "hunter2") {
                assert!(!error.contains("hunter2"), "{}: {error}", row.name);
            }
        }
        assert!(backend_url("http://user:hunter2@host").is_err_and(|error| !error.contains("hunter2")));
    }
}
