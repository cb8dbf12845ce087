//! A connection string as it may be shown. Nothing is shown but what is known to be no secret: a key whose `password=` was
//! left out looks like a host or an option.

use larder_proto::external::{Shown, option};

/// Where a connection string leads, and those of its options that are no secret; everything else is `***`.
pub(super) fn masked(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            format!("{scheme}://{}", masked_url(rest))
        }
        _ => {
            let tokens: Vec<&str> =
                text.split(',').map(str::trim).filter(|token| !token.is_empty()).collect();
            let is_only = tokens.iter().filter(|token| !is_option(token)).count() == 1;
            let shown = |token: &&str| match is_option(token) {
                true => masked_option(token),
                false => masked_endpoint(token, is_only),
            };
            tokens.iter().map(shown).collect::<Vec<_>>().join(",")
        }
    }
}

/// A URL without its scheme: hosts, and whether there is a login. Path and query are left out.
fn masked_url(rest: &str) -> String {
    // A password may hold a slash or a question mark that nobody encoded; hosts cannot hold an @. If the query holds the
    // last one, that only shows less.
    let (login, hosts) = match rest.rsplit_once('@') {
        Some((_, hosts)) => ("***@", hosts),
        None => ("", rest),
    };
    let hosts = hosts.split(['/', '?', '#']).next().unwrap_or_default();
    let is_only = !hosts.contains(',');
    let shown: Vec<String> = hosts.split(',').map(|host| masked_endpoint(host, is_only)).collect();
    format!("{login}{}", shown.join(","))
}

fn is_option(token: &str) -> bool {
    token.find('=').is_some_and(|at| at > 0)
}

/// Of several endpoints, one that is a bare word may be a key.
fn masked_endpoint(token: &str, is_only: bool) -> String {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_name = |host: &str| !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.chars().all(in_name);
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let bare = token.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let is_shown = match (bare, token.rsplit_once(':')) {
        (Some((host, port)), _) => {
            host.parse::<std::net::Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        }
        (None, Some((host, port))) => is_name(host) && is_port(port),
        (None, None) => {
            is_name(token) && (is_only || token.contains('.') || token.eq_ignore_ascii_case("localhost"))
        }
    };
    let is_shown = is_shown || token.parse::<std::net::Ipv6Addr>().is_ok();
    if is_shown { token.to_owned() } else { MASK.to_owned() }
}

/// An option whose name and value are known to be harmless; of one that is known to be secret, its name.
fn masked_option(token: &str) -> String {
    let Some((name, value)) = token.split_once('=') else { return MASK.to_owned() };
    let (name, value) = (name.trim(), value.trim());
    let is_plain = !value.is_empty()
        && (value.bytes().all(|byte| byte.is_ascii_digit())
            || WORDS.iter().any(|word| word.eq_ignore_ascii_case(value)));
    match option(name) {
        Some(Shown::Plain) if is_plain => format!("{name}={value}"),
        Some(_) => format!("{name}={MASK}"),
        None => MASK.to_owned(),
    }
}

const MASK: &str = "***";
const HOST_BYTES_MAX: usize = 253;

/// The words that an option may have that is shown.
const WORDS: &[&str] = &["true", "false", "yes", "no", "on", "off", "resp2", "resp3"];

#[cfg(test)]
mod tests {
    use super::masked;
    use proptest::prelude::*;

    #[test]
    fn hosts_and_harmless_options_are_shown() {
        for (text, shown) in [
            (
                "c.redis.cache.windows.net:6380,password=kJ7+/==,ssl=True,abortConnect=False",
                "c.redis.cache.windows.net:6380,password=***,ssl=True,abortConnect=False",
            ),
            ("a:1, b.example ,[::1]:6379,syncTimeout=500", "a:1,b.example,[::1]:6379,syncTimeout=500"),
            ("c.example:6380,kJ7secret,ssl=true", "c.example:6380,***,ssl=true"),
            ("c.example:6380,kJ7+/==,ssl=true", "c.example:6380,***,ssl=true"),
            ("cache,user=joe,ssl=hunter2", "cache,user=***,ssl=***"),
            ("h:1,$CONFIG=hidden", "h:1,***"),
            ("h:secret", "***"),
            ("redis://joe:hun/ter2@a.example:1,b:2/3?password=x", "redis://***@a.example:1,b:2"),
            ("redis://part?rest@a.example:1", "redis://***@a.example:1"),
            ("redis://joe:hun?ter#2@a.example:1?password=x", "redis://***@a.example:1"),
            ("redis://a.example?password=x", "redis://a.example"),
            ("rediss://a.example", "rediss://a.example"),
            ("redis://a.example/hunter2", "redis://a.example"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_password_is_never_shown(
            secret in "[a-zA-Z][a-zA-Z0-9+/]{6,20}={0,2}",
            head in prop_oneof![Just("h.example:6380,"), Just("h.example:6380,ssl=true,"), Just("")],
            name in prop_oneof![
                Just("password="), Just("PASSWORD ="), Just("user="), Just("ssl="), Just("x="), Just("$AUTH=")
            ],
        ) {
            let text = format!("{head}{name}{secret},connectTimeout=5");
            prop_assert!(!masked(&text).contains(&secret), "{}", masked(&text));
            let url = format!("redis://:{secret}@h.example:1");
            prop_assert!(!masked(&url).contains(&secret), "{}", masked(&url));
            for cut in ['?', '/', '#', '@', ':'] {
                let url = format!("redis://{secret}{cut}{secret}@h.example:1?x=y");
                prop_assert!(!masked(&url).contains(&secret), "{}", masked(&url));
            }
        }
    }
}
