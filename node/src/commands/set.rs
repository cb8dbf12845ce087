//! SET and what is SET by another name, and the reads that change a string's deadline or take it away.

use larder_proto::resp::Out;
use larder_proto::time::Deadline;

use super::args::Args;
use super::context::WriteCx;
use super::error::CommandError;
use super::lifetimes::Measure;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "set",
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM,
        group: Group::String,
        since: "1.0.0",
        summary: "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
        syntax: "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
                 PXAT unix-time-milliseconds | KEEPTTL]",
        run: Run::Write(set),
    },
    Spec {
        name: "setnx",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::String,
        since: "1.0.0",
        summary: "Sets the string value of a key only when the key doesn't exist.",
        syntax: "key value",
        run: Run::Write(setnx),
    },
    Spec {
        name: "setex",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM,
        group: Group::String,
        since: "2.0.0",
        summary: "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
        syntax: "key seconds value",
        run: Run::Write(setex),
    },
    Spec {
        name: "psetex",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM,
        group: Group::String,
        since: "2.6.0",
        summary: "Sets both string value and expiration time in milliseconds of a key. The key is created if it doesn't exist.",
        syntax: "key milliseconds value",
        run: Run::Write(psetex),
    },
    Spec {
        name: "getset",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST).and(Flags::LOOKUP),
        group: Group::String,
        since: "1.0.0",
        summary: "Returns the previous string value of a key after setting it to a new value.",
        syntax: "key value",
        run: Run::Write(getset),
    },
    Spec {
        name: "getdel",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST.and(Flags::LOOKUP),
        group: Group::String,
        since: "6.2.0",
        summary: "Returns the string value of a key after deleting the key.",
        syntax: "key",
        run: Run::Write(getdel),
    },
    Spec {
        name: "getex",
        arity: Arity::AtLeast(2),
        keys: Keys::At(1),
        flags: Flags::FAST.and(Flags::LOOKUP),
        group: Group::String,
        since: "6.2.0",
        summary: "Returns the string value of a key after setting its expiration time.",
        syntax: "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
        run: Run::Write(getex),
    },
];
const _: () = check(ROWS);

/// What the options of SET say.
#[derive(Default)]
struct Options<'a> {
    /// The key has to be there (XX), or not to be there (NX).
    presence: Option<bool>,
    get: bool,
    lifetime: Lifetime<'a>,
}

/// What SET or GETEX does to the deadline.
#[derive(Default, Clone, Copy)]
enum Lifetime<'a> {
    /// No option: SET leaves none, GETEX leaves it as it is.
    #[default]
    Unsaid,
    Keep,
    Persist,
    Until(Measure, &'a [u8]),
}

fn set(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, value) = (args.key()?, args.bytes()?);
    if args.is_empty() {
        cx.keys.set(key, value, Deadline::NEVER);
        out.ok();
        return Ok(());
    }
    let options = Options::read(args)?;
    let deadline = match options.lifetime {
        Lifetime::Until(measure, word) => measure.deadline(word, cx.keys.now(), "set")?,
        Lifetime::Keep => cx.keys.deadline(key).unwrap_or(Deadline::NEVER),
        Lifetime::Unsaid | Lifetime::Persist => Deadline::NEVER,
    };
    if options.get {
        out.bulk_or_null(cx.keys.string(key)?);
        fits(out)?;
    }
    let wanted = options.presence.is_none_or(|presence| cx.keys.contains(key) == presence);
    if wanted {
        put(cx, key, value, deadline);
    }
    match (options.get, wanted) {
        (true, _) => {}
        (false, true) => out.ok(),
        (false, false) => out.null(),
    }
    Ok(())
}

fn setnx(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, value) = (args.key()?, args.bytes()?);
    let is_new = !cx.keys.contains(key);
    if is_new {
        cx.keys.set(key, value, Deadline::NEVER);
    }
    out.integer(i64::from(is_new));
    Ok(())
}

fn setex(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    set_until(cx, args, Measure::SECONDS, "setex", out)
}

fn psetex(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    set_until(cx, args, Measure::MILLISECONDS, "psetex", out)
}

fn getset(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, value) = (args.key()?, args.bytes()?);
    out.bulk_or_null(cx.keys.string(key)?);
    fits(out)?;
    cx.keys.set(key, value, Deadline::NEVER);
    Ok(())
}

fn getdel(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    out.bulk_or_null(cx.keys.string(key)?);
    fits(out)?;
    cx.keys.delete(key);
    Ok(())
}

fn getex(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let lifetime = read_getex(args)?;
    let now = cx.keys.now();
    let Some(text) = cx.keys.string(key)? else {
        out.null();
        return Ok(());
    };
    let deadline = match lifetime {
        Lifetime::Until(measure, word) => Some(measure.deadline(word, now, "getex")?),
        Lifetime::Persist => Some(Deadline::NEVER),
        Lifetime::Unsaid | Lifetime::Keep => None,
    };
    out.bulk(text);
    fits(out)?;
    match deadline {
        // A moment that is already over, the present one included, removes the key.
        Some(deadline) if deadline <= Deadline::at(now) => {
            cx.keys.delete(key);
        }
        Some(deadline) if cx.keys.deadline(key) != Some(deadline) => {
            cx.keys.set_deadline(key, deadline);
        }
        _ => {}
    }
    Ok(())
}

fn set_until(
    cx: &mut WriteCx<'_, '_>,
    mut args: Args<'_>,
    measure: Measure,
    command: &'static str,
    out: &mut Out<'_>,
) -> Outcome {
    let (key, amount, value) = (args.key()?, args.bytes()?, args.bytes()?);
    let deadline = measure.deadline(amount, cx.keys.now(), command)?;
    put(cx, key, value, deadline);
    out.ok();
    Ok(())
}

/// Sets a string; a deadline that is over leaves the key missing, as it would be at the next look.
/// Nothing is changed by a command whose reply, the old value, is too large to be sent.
fn fits(out: &Out<'_>) -> Outcome {
    if out.has_overflowed() { Err(CommandError::ReplyTooBig) } else { Ok(()) }
}

fn put(cx: &mut WriteCx<'_, '_>, key: &[u8], value: &[u8], deadline: Deadline) {
    if deadline.passed(cx.keys.now()) {
        cx.keys.delete(key);
    } else {
        cx.keys.set(key, value, deadline);
    }
}

impl<'a> Options<'a> {
    /// Reads the options of SET. One may stand twice, the last one counts; two of a kind that differ are refused.
    fn read(mut args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        while let Some(word) = args.optional() {
            if word.eq_ignore_ascii_case(b"nx") && options.presence != Some(true) {
                options.presence = Some(false);
            } else if word.eq_ignore_ascii_case(b"xx") && options.presence != Some(false) {
                options.presence = Some(true);
            } else if word.eq_ignore_ascii_case(b"get") {
                options.get = true;
            } else if word.eq_ignore_ascii_case(b"keepttl") {
                options.lifetime = options.lifetime.or(Lifetime::Keep)?;
            } else {
                options.lifetime = options.lifetime.or(read_until(word, &mut args)?)?;
            }
        }
        Ok(options)
    }
}

impl Lifetime<'_> {
    /// The second of two options, if it does not contradict the first.
    fn or(self, second: Self) -> Result<Self, CommandError> {
        match (self, second) {
            (Lifetime::Unsaid, _)
            | (Lifetime::Keep, Lifetime::Keep)
            | (Lifetime::Persist, Lifetime::Persist) => Ok(second),
            (Lifetime::Until(one, _), Lifetime::Until(other, _)) if one == other => Ok(second),
            _ => Err(CommandError::Syntax),
        }
    }
}

fn read_getex(mut args: Args<'_>) -> Result<Lifetime<'_>, CommandError> {
    let mut lifetime = Lifetime::Unsaid;
    while let Some(word) = args.optional() {
        lifetime = lifetime.or(if word.eq_ignore_ascii_case(b"persist") {
            Lifetime::Persist
        } else {
            read_until(word, &mut args)?
        })?;
    }
    Ok(lifetime)
}

fn read_until<'a>(option: &[u8], args: &mut Args<'a>) -> Result<Lifetime<'a>, CommandError> {
    let measure = Measure::named(option).ok_or(CommandError::Syntax)?;
    Ok(Lifetime::Until(measure, args.bytes()?))
}

#[cfg(test)]
mod tests {
    use larder_proto::time::Millis;

    use crate::commands::testing::Bench;

    #[test]
    fn options_of_set() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("set k v", "+OK|"),
            ("SET k w NX", "$-1|"),
            ("set k w xx", "+OK|"),
            ("set n w xx", "$-1|"),
            ("set n w nx get", "$-1|"),
            ("set n x nx get", "$1|w|"),
            ("get n", "$1|w|"),
            ("set k x get", "$1|w|"),
            ("set k y nx nx get", "$1|x|"),
            ("set k v ex 10 ex 20", "+OK|"),
            ("ttl k", ":20|"),
            ("set k v2 keepttl keepttl", "+OK|"),
            ("ttl k", ":20|"),
            ("set k v", "+OK|"),
            ("ttl k", ":-1|"),
            ("hset h f v", ":1|"),
            ("set h v get", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ("set h v", "+OK|"),
            ("get h", "$1|v|"),
        ]);
        bench.session.version = larder_proto::resp::Version::Resp3;
        bench.expect(&[("set k w nx", "_|"), ("getdel none", "_|"), ("getex none", "_|")]);
    }

    #[test]
    fn contradicting_options_and_bad_times() {
        let mut bench = Bench::new();
        let (syntax, integer) = ("-ERR syntax error|", "-ERR value is not an integer or out of range|");
        bench.expect(&[
            ("set k v nx xx", syntax),
            ("set k v ex 10 px 10", syntax),
            ("set k v ex 10 keepttl", syntax),
            ("set k v keepttl exat 10", syntax),
            ("set k v persist", syntax),
            ("set k v ex", syntax),
            ("set k v what", syntax),
            ("set k v ex ten", integer),
            ("set k v ex 0", "-ERR invalid expire time in 'set' command|"),
            ("set k v pxat -1", "-ERR invalid expire time in 'set' command|"),
            ("set k v ex 9223372036854775807", "-ERR invalid expire time in 'set' command|"),
            ("set k v px 9223372036854775807", "-ERR invalid expire time in 'set' command|"),
            ("setex k 0 v", "-ERR invalid expire time in 'setex' command|"),
            ("psetex k x v", integer),
            ("get k", "$-1|"),
            ("getex k ex ten", "$-1|"),
            ("set k v", "+OK|"),
            ("getex k keepttl", syntax),
            ("getex k persist ex 10", syntax),
            ("getex k ex 0", "-ERR invalid expire time in 'getex' command|"),
            ("ttl k", ":-1|"),
        ]);
    }

    #[test]
    fn deadlines_come_true() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("set a v px 100", "+OK|"),
            ("setex b 1 v", "+OK|"),
            ("psetex c 100 v", "+OK|"),
            ("set d v pxat 1000100", "+OK|"),
            ("set e v exat 1001", "+OK|"),
            ("set gone v", "+OK|"),
            ("set gone v exat 999", "+OK|"),
            ("exists a b c d e gone", ":5|"),
        ]);
        bench.now = Millis(1_000_100);
        bench.expect(&[("exists a b c d e", ":5|")]);
        bench.now = Millis(1_000_101);
        bench.expect(&[("exists a b c d e", ":2|"), ("set a w keepttl", "+OK|"), ("pttl a", ":-1|")]);
        bench.now = Millis(1_001_001);
        bench.expect(&[("exists b e", ":0|")]);
    }

    #[test]
    fn reading_may_change_the_deadline_or_remove() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("getset k v", "$-1|"),
            ("getset k w", "$1|v|"),
            ("getex k", "$1|w|"),
            ("getex k ex 10", "$1|w|"),
            ("ttl k", ":10|"),
            ("getex k", "$1|w|"),
            ("ttl k", ":10|"),
            ("getex k persist", "$1|w|"),
            ("ttl k", ":-1|"),
            ("getex k pxat 1000000", "$1|w|"),
            ("exists k", ":0|"),
            ("setnx k v", ":1|"),
            ("setnx k w", ":0|"),
            ("getdel k", "$1|v|"),
            ("getdel k", "$-1|"),
            ("hset h f v", ":1|"),
            ("getdel h", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ("getset h v", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            ("getex h", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
        ]);
    }
}
