//! The family of the connection itself: greeting, login, database, end. CLIENT is a file of its own.

use larder_proto::resp::{Out, Version};

use super::args::Args;
use super::cluster::Endpoint;
use super::context::SessionCx;
use super::error::{CommandError, shown};
use super::number::parse_integer;
use super::session::{Replies, User};
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use super::transactions::end_transaction;
use super::version::REDIS_VERSION;
use crate::store::Database;

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "ping",
        arity: Arity::AtLeast(1),
        keys: Keys::None,
        flags: Flags::FAST,
        group: Group::Connection,
        since: "1.0.0",
        summary: "Returns the message, or PONG without one.",
        syntax: "[message]",
        run: Run::Session(ping),
    },
    Spec {
        name: "echo",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::FAST,
        group: Group::Connection,
        since: "1.0.0",
        summary: "Returns the message.",
        syntax: "message",
        run: Run::Session(echo),
    },
    Spec {
        name: "hello",
        arity: Arity::AtLeast(1),
        keys: Keys::None,
        flags: OPEN.and(Flags::SECRET),
        group: Group::Connection,
        since: "6.0.0",
        summary: "Chooses the protocol version, may log in and name the connection, and describes the server.",
        syntax: "[protover [AUTH username password] [SETNAME clientname]]",
        run: Run::Session(hello),
    },
    Spec {
        name: "auth",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: OPEN.and(Flags::SECRET),
        group: Group::Connection,
        since: "1.0.0",
        summary: "Logs the connection in.",
        syntax: "[username] password",
        run: Run::Session(auth),
    },
    Spec {
        name: "select",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::FAST,
        group: Group::Connection,
        since: "1.0.0",
        summary: "Changes the database that the connection works on.",
        syntax: "index",
        run: Run::Session(select),
    },
    Spec {
        name: "quit",
        arity: Arity::AtLeast(1),
        keys: Keys::None,
        flags: OPEN.and(Flags::NOT_QUEUED),
        group: Group::Connection,
        since: "1.0.0",
        summary: "Closes the connection.",
        syntax: "",
        run: Run::Session(quit),
    },
    Spec {
        name: "reset",
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: OPEN.and(Flags::NOT_QUEUED),
        group: Group::Connection,
        since: "6.2.0",
        summary: "Brings the connection back to the state of a new one.",
        syntax: "",
        run: Run::Session(reset),
    },
];
const _: () = check(ROWS);

/// What holds for commands that a client may send before its login.
const OPEN: Flags = Flags::FAST.and(Flags::NO_AUTH).and(Flags::NO_SCRIPT);

/// Whose password AUTH takes when it names nobody.
const DEFAULT_USER: &[u8] = User::Default.name().as_bytes();

/// Bytes that a connection's name, or its library's, takes at most.
const NAME_BYTES_MAX: usize = 4_096;

fn ping(_: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let message = args.optional();
    if !args.is_empty() {
        return Err(CommandError::WrongArity { command: "ping".to_owned() });
    }
    match message {
        Some(message) => out.bulk(message),
        None => out.simple("PONG"),
    }
    Ok(())
}

fn echo(_: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.bulk(args.bytes()?);
    Ok(())
}

fn hello(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let greeting = Greeting::read(&mut args)?;
    if let Some((user, password)) = greeting.login {
        log_in(cx, user, password)?;
    }
    if !cx.session.authenticated {
        return Err(CommandError::NoAuthHello);
    }
    if let Some(name) = greeting.name {
        cx.session.name = name;
    }
    if let Some(version) = greeting.version {
        cx.session.version = version;
        out.set_version(version);
    }
    out.map(7);
    out.bulk(b"server");
    out.bulk(b"redis");
    out.bulk(b"version");
    out.bulk(REDIS_VERSION.as_bytes());
    out.bulk(b"proto");
    out.integer(if cx.session.version == Version::Resp3 { 3 } else { 2 });
    out.bulk(b"id");
    out.integer(i64::try_from(cx.session.id).unwrap_or(i64::MAX));
    out.bulk(b"mode");
    out.bulk(match cx.session.endpoint {
        Endpoint::Plain => b"standalone",
        Endpoint::Cluster => b"cluster",
    });
    out.bulk(b"role");
    out.bulk(b"master");
    out.bulk(b"modules");
    out.array(0);
    Ok(())
}

fn auth(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let first = args.bytes()?;
    match args.optional() {
        None if !cx.node.asks_for_login() => {
            return Err(CommandError::NoPasswordConfigured);
        }
        None => log_in(cx, DEFAULT_USER, first)?,
        Some(password) => {
            args.end()?;
            log_in(cx, first, password)?;
        }
    }
    out.ok();
    Ok(())
}

fn select(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let number = args.integer()?;
    if i32::try_from(number).is_err() {
        return Err(CommandError::Plain(
            "value is out of range, value must between -2147483648 and 2147483647",
        ));
    }
    if cx.session.endpoint == Endpoint::Cluster && number != 0 {
        return Err(CommandError::Plain("SELECT is not allowed in cluster mode"));
    }
    cx.session.database = Database::new(number).ok_or(CommandError::DatabaseOutOfRange)?;
    out.ok();
    Ok(())
}

fn quit(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    cx.session.closing = true;
    out.ok();
    Ok(())
}

fn reset(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    end_transaction(cx);
    let open = !cx.node.asks_for_login();
    let session = &mut *cx.session;
    session.version = Version::Resp2;
    session.database = Database::default();
    session.authenticated = open;
    session.user = User::Default;
    session.name.clear();
    session.replies = Replies::On;
    session.no_touch = false;
    session.no_evict = false;
    out.set_version(Version::Resp2);
    out.simple("RESET");
    Ok(())
}

/// What HELLO was asked for.
#[derive(Default)]
struct Greeting<'a> {
    version: Option<Version>,
    login: Option<(&'a [u8], &'a [u8])>,
    name: Option<String>,
}

impl<'a> Greeting<'a> {
    fn read(args: &mut Args<'a>) -> Result<Self, CommandError> {
        let mut greeting = Self::default();
        let Some(version) = args.optional() else { return Ok(greeting) };
        greeting.version = Some(match parse_integer(version) {
            Some(2) => Version::Resp2,
            Some(3) => Version::Resp3,
            Some(_) => return Err(CommandError::NoProto),
            None => return Err(CommandError::Plain("Protocol version is not an integer or out of range")),
        });
        while let Some(option) = args.peek() {
            if args.len() >= 3 && args.option("AUTH") {
                greeting.login = Some((args.bytes()?, args.bytes()?));
            } else if args.len() >= 2 && args.option("SETNAME") {
                greeting.name = Some(client_name(args.bytes()?)?);
            } else {
                let option = shown(option);
                return Err(CommandError::Told(format!("Syntax error in HELLO option '{option}'")));
            }
        }
        Ok(greeting)
    }
}

/// Logs in, or leaves the connection as it was.
fn log_in(cx: &mut SessionCx<'_>, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    cx.session.user = cx.node.login(user, password).ok_or(CommandError::WrongPass)?;
    cx.session.authenticated = true;
    Ok(())
}

/// The name of a connection, if it may be one.
pub(super) fn client_name(bytes: &[u8]) -> Result<String, CommandError> {
    attribute(bytes)?
        .ok_or(CommandError::Plain("Client names cannot contain spaces, newlines or special characters."))
}

/// What a client tells of itself: visible ASCII, which cannot break a line of CLIENT LIST; `None` for anything else.
pub(super) fn attribute(bytes: &[u8]) -> Result<Option<String>, CommandError> {
    if bytes.len() > NAME_BYTES_MAX {
        return Err(CommandError::Limit {
            what: "names of clients and their libraries have at most 4096 bytes",
        });
    }
    let visible = bytes.iter().all(|byte| byte.is_ascii_graphic());
    Ok(visible.then(|| String::from_utf8_lossy(bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn greetings_and_ends() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("ping", "+PONG|"),
            ("ping hi", "$2|hi|"),
            ("ping a b", "-ERR wrong number of arguments for 'ping' command|"),
            ("echo hi", "$2|hi|"),
            ("hello a", "-ERR Protocol version is not an integer or out of range|"),
            ("hello 4", "-NOPROTO unsupported protocol version|"),
            ("hello 2 foo", "-ERR Syntax error in HELLO option 'foo'|"),
            ("hello 2 auth a", "-ERR Syntax error in HELLO option 'auth'|"),
            ("hello 3 auth a b", "-WRONGPASS invalid username-password pair or user is disabled.|"),
            (
                "hello 3 setname \"a b\"",
                "-ERR Client names cannot contain spaces, newlines or special characters.|",
            ),
            ("client getname", "$-1|"),
        ]);
        let head = "$6|server|$5|redis|$7|version|$5|7.2.5|$5|proto|";
        let tail = "$2|id|:1|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0|";
        assert_eq!(bench.run("hello"), format!("*14|{head}:2|{tail}"));
        assert_eq!(bench.run("hello 3 SETNAME x auth default any"), format!("%7|{head}:3|{tail}"));
        bench.expect(&[("client getname", "$1|x|"), ("get none", "_|"), ("select 3", "+OK|")]);
        bench.expect(&[("reset", "+RESET|"), ("client getname", "$-1|"), ("quit now", "+OK|")]);
        assert!(bench.session.closing);
        assert_eq!(bench.session.database.number(), 0);
    }

    #[test]
    fn databases_are_chosen_within_bounds() {
        let range = "-ERR value is out of range, value must between -2147483648 and 2147483647|";
        Bench::new().expect(&[
            ("select 15", "+OK|"),
            ("incr n", ":1|"),
            ("select 0", "+OK|"),
            ("get n", "$-1|"),
            ("select 16", "-ERR DB index is out of range|"),
            ("select -1", "-ERR DB index is out of range|"),
            ("select a", "-ERR value is not an integer or out of range|"),
            ("select 4294967296", range),
            ("multi", "+OK|"),
            ("select 15", "+QUEUED|"),
            ("get n", "+QUEUED|"),
            ("exec", "*2|+OK|$1|1|"),
        ]);
    }

    #[test]
    fn the_login_opens_the_connection() {
        let wrong = "-WRONGPASS invalid username-password pair or user is disabled.|";
        let mut bench = Bench::with_password(b"secret");
        bench.expect(&[
            ("auth wrong", wrong),
            ("auth other secret", wrong),
            ("auth a b c", "-ERR syntax error|"),
        ]);
        assert!(bench.run("hello 3").starts_with("-NOAUTH HELLO must be called with the client already"));
        assert!(bench.run("hello 2 auth default secret").starts_with("*14|"));
        assert!(bench.session.authenticated);
        bench.expect(&[("reset", "+RESET|")]);
        assert!(!bench.session.authenticated);
        bench.expect(&[("auth secret", "+OK|"), ("auth wrong", wrong)]);
        assert!(bench.session.authenticated, "a failed login changes nothing");
        assert!(Bench::new().run("auth any").starts_with("-ERR AUTH <password> called without any password"));
        assert_eq!(Bench::new().run("auth default any"), "+OK|");
    }

    #[test]
    fn reset_ends_the_transaction() {
        Bench::new().expect(&[
            ("watch k", "+OK|"),
            ("multi", "+OK|"),
            ("incr k", "+QUEUED|"),
            ("reset", "+RESET|"),
            ("exec", "-ERR EXEC without MULTI|"),
        ]);
    }
}
