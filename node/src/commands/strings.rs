//! The family of strings: reading, counting, cutting. SET and its relatives, LCS are files of their own.

use larder_proto::resp::{DECIMAL_BYTES_MAX, Out, decimal};
use larder_proto::time::Deadline;

use super::args::Args;
use super::context::{ReadCx, WriteCx};
use super::error::CommandError;
use super::number::{Decimal, parse_integer};
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::SPARE_BYTES_MAX;

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "get",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::String,
        since: "1.0.0",
        summary: "Returns the string value of a key.",
        syntax: "key",
        run: Run::Read(get),
    },
    Spec {
        name: "mget",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::FAST.and(Flags::SPLIT_VALUES),
        group: Group::String,
        since: "1.0.0",
        summary: "Atomically returns the string values of one or more keys.",
        syntax: "key [key ...]",
        run: Run::Read(mget),
    },
    Spec {
        name: "mset",
        arity: Arity::AtLeast(3),
        keys: Keys::From { first: 1, step: 2 },
        flags: Flags::DENY_OOM.and(Flags::SPLIT_ALL),
        group: Group::String,
        since: "1.0.1",
        summary: "Atomically creates or modifies the string values of one or more keys.",
        syntax: "key value [key value ...]",
        run: Run::Write(mset),
    },
    Spec {
        name: "msetnx",
        arity: Arity::AtLeast(3),
        keys: Keys::From { first: 1, step: 2 },
        flags: Flags::DENY_OOM,
        group: Group::String,
        since: "1.0.1",
        summary: "Atomically modifies the string values of one or more keys only when all keys don't exist.",
        syntax: "key value [key value ...]",
        run: Run::Write(msetnx),
    },
    Spec {
        name: "strlen",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::String,
        since: "2.2.0",
        summary: "Returns the length of a string value.",
        syntax: "key",
        run: Run::Read(strlen),
    },
    Spec {
        name: "getrange",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::String,
        since: "2.4.0",
        summary: "Returns a substring of the string stored at a key.",
        syntax: "key start end",
        run: Run::Read(getrange),
    },
    Spec {
        name: "substr",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::NONE,
        group: Group::String,
        since: "1.0.0",
        summary: "Returns a substring from a string value.",
        syntax: "key start end",
        run: Run::Read(getrange),
    },
    Spec {
        name: "append",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::String,
        since: "2.0.0",
        summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
        syntax: "key value",
        run: Run::Write(append),
    },
    Spec {
        name: "setrange",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM,
        group: Group::String,
        since: "2.2.0",
        summary: "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
        syntax: "key offset value",
        run: Run::Write(setrange),
    },
    Spec {
        name: "incr",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::String,
        since: "1.0.0",
        summary: "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key",
        run: Run::Write(incr),
    },
    Spec {
        name: "decr",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::String,
        since: "1.0.0",
        summary: "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key",
        run: Run::Write(decr),
    },
    Spec {
        name: "incrby",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::String,
        since: "1.0.0",
        summary: "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key increment",
        run: Run::Write(incrby),
    },
    Spec {
        name: "decrby",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::String,
        since: "1.0.0",
        summary: "Decrements a number from the integer value of a key. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key decrement",
        run: Run::Write(decrby),
    },
    Spec {
        name: "incrbyfloat",
        arity: Arity::Exactly(3),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::String,
        since: "2.6.0",
        summary: "Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        syntax: "key increment",
        run: Run::Write(incrbyfloat),
    },
];
const _: () = check(ROWS);

fn get(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.bulk_or_null(cx.keys.string(args.key()?)?);
    Ok(())
}

fn mget(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.array(args.len());
    for key in args.rest() {
        // A key of another type reads as null here, as in Redis.
        out.bulk_or_null(cx.keys.string(key).unwrap_or_default());
    }
    Ok(())
}

fn mset(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    args.pairs("mset")?.for_each(|(key, value)| cx.keys.set(key, value, Deadline::NEVER));
    out.ok();
    Ok(())
}

fn msetnx(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let free = args.pairs("msetnx")?.all(|(key, _)| !cx.keys.contains(key));
    if free {
        args.pairs("msetnx")?.for_each(|(key, value)| cx.keys.set(key, value, Deadline::NEVER));
    }
    out.integer(i64::from(free));
    Ok(())
}

fn strlen(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(cx.keys.string(args.key()?)?.map_or(0, <[u8]>::len));
    Ok(())
}

fn getrange(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let (start, end) = (args.integer()?, args.integer()?);
    let text = cx.keys.string(key)?.unwrap_or_default();
    out.bulk(cut(text, start, end));
    Ok(())
}

fn append(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, suffix) = (args.key()?, args.bytes()?);
    let length = match cx.keys.string(key)? {
        Some(text) => text.len(),
        None => {
            cx.keys.set(key, suffix, Deadline::NEVER);
            out.count(suffix.len());
            return Ok(());
        }
    };
    allow_growth(cx, length, length, suffix.len())?;
    out.count(cx.keys.patch(key, length, suffix)?);
    Ok(())
}

fn setrange(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, offset, bytes) = (args.key()?, args.integer()?, args.bytes()?);
    let offset = usize::try_from(offset).map_err(|_| CommandError::OffsetOutOfRange)?;
    let length = cx.keys.string(key)?.map_or(0, <[u8]>::len);
    if bytes.is_empty() {
        out.count(length);
        return Ok(());
    }
    allow_growth(cx, length, offset, bytes.len())?;
    out.count(cx.keys.patch(key, offset, bytes)?);
    Ok(())
}

fn incr(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    add(cx, args.key()?, 1, out)
}

fn decr(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    add(cx, args.key()?, -1, out)
}

fn incrby(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    add(cx, key, args.integer()?, out)
}

fn decrby(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let amount = args.integer()?.checked_neg().ok_or(CommandError::Plain("decrement would overflow"))?;
    add(cx, key, amount, out)
}

fn incrbyfloat(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, amount) = (args.key()?, args.bytes()?);
    let deadline = cx.keys.deadline(key).unwrap_or(Deadline::NEVER);
    let old = match cx.keys.string(key)? {
        Some(text) => Decimal::parse(text).ok_or(CommandError::NotFloat)?,
        None => Decimal::Exact(0),
    };
    let amount = Decimal::parse(amount).ok_or(CommandError::NotFloat)?;
    let sum = old.plus(amount).ok_or(CommandError::NanOrInfinity)?.write();
    cx.keys.set(key, sum.as_bytes(), deadline);
    out.bulk(sum.as_bytes());
    Ok(())
}

fn add(cx: &mut WriteCx<'_, '_>, key: &[u8], amount: i64, out: &mut Out<'_>) -> Outcome {
    let deadline = cx.keys.deadline(key).unwrap_or(Deadline::NEVER);
    let old = match cx.keys.string(key)? {
        Some(text) => parse_integer(text).ok_or(CommandError::NotInteger)?,
        None => 0,
    };
    let sum = old.checked_add(amount).ok_or(CommandError::Overflow)?;
    cx.keys.set(key, decimal(sum, &mut [0; DECIMAL_BYTES_MAX]), deadline);
    out.integer(sum);
    Ok(())
}

/// Whether so many bytes may be written at an offset of a string of this length: neither may it become too long, nor
/// may it, with what it keeps to spare for the next write, need more memory than there is.
fn allow_growth(
    cx: &WriteCx<'_, '_>,
    length: usize,
    offset: usize,
    bytes: usize,
) -> Result<(), CommandError> {
    let end = offset.checked_add(bytes).ok_or(CommandError::StringTooLong)?;
    if end > cx.limits.string_bytes_max {
        return Err(CommandError::StringTooLong);
    }
    if end > length { cx.reserve(end - length + end.min(SPARE_BYTES_MAX)) } else { Ok(()) }
}

/// The bytes from `start` to `end`, both included; negative ones count from the end of the string.
fn cut(text: &[u8], start: i64, end: i64) -> &[u8] {
    let length = text.len() as i64;
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let place = |at: i64| if at < 0 { at.saturating_add(length).max(0) } else { at };
    let (start, end) = (place(start), place(end).min(length - 1));
    if length == 0 || start > end { &[] } else { &text[start as usize..=end as usize] }
}

#[cfg(test)]
mod tests {
    use super::cut;
    use crate::commands::testing::Bench;

    #[test]
    fn counters_keep_their_type_and_bounds() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("incr n", ":1|"),
            ("incrby n 41", ":42|"),
            ("decrby n -9223372036854775808", "-ERR decrement would overflow|"),
            ("incrby n 9223372036854775807", "-ERR increment or decrement would overflow|"),
            ("get n", "$2|42|"),
            ("incrbyfloat n 0.5", "$4|42.5|"),
            ("incr n", "-ERR value is not an integer or out of range|"),
            ("append n !", ":5|"),
            ("setrange n 7 x", ":8|"),
            ("get n", "$8|42.5!\0\0x|"),
            ("strlen none", ":0|"),
            ("mget n none", "*2|$8|42.5!\0\0x|$-1|"),
            ("setrange n 1048576 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)|"),
        ]);
    }

    #[test]
    fn many_keys_are_set_together_or_not_at_all() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("mset a 1 b 2 a 3", "+OK|"),
            ("mget a b", "*2|$1|3|$1|2|"),
            ("mset a 1 b", "-ERR wrong number of arguments for 'mset' command|"),
            ("msetnx a 1 b", "-ERR wrong number of arguments for 'msetnx' command|"),
            ("msetnx c 1 a 9", ":0|"),
            ("get c", "$-1|"),
            ("msetnx c 1 d 2 c 3", ":1|"),
            ("mget c d a", "*3|$1|3|$1|2|$1|3|"),
        ]);
    }

    #[test]
    fn a_transaction_runs_as_one_and_fails_alone() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("exec", "-ERR EXEC without MULTI|"),
            ("multi", "+OK|"),
            ("multi", "-ERR MULTI calls can not be nested|"),
            ("incr a", "+QUEUED|"),
            ("append a x", "+QUEUED|"),
            ("incr a", "+QUEUED|"),
            ("get a", "+QUEUED|"),
            ("exec", "*4|:1|:2|-ERR value is not an integer or out of range|$2|1x|"),
        ]);
        assert_eq!(bench.effects.0.len(), 2);
    }

    #[test]
    fn a_touched_watch_discards() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("watch k", "+OK|"),
            ("multi", "+OK|"),
            ("incr k", "+QUEUED|"),
            ("exec", "*1|:1|"),
            ("watch k", "+OK|"),
            ("incr k", ":2|"),
            ("multi", "+OK|"),
            ("incr k", "+QUEUED|"),
            ("exec", "*-1|"),
            ("get k", "$1|2|"),
        ]);
    }

    #[test]
    fn cutting_counts_from_both_ends() {
        let cut = |start, end| std::str::from_utf8(cut(b"Hello World", start, end)).unwrap();
        assert_eq!(cut(0, -1), "Hello World");
        assert_eq!(cut(-5, -1), "World");
        assert_eq!(cut(6, 100), "World");
        assert_eq!(cut(-100, 4), "Hello");
        assert_eq!(cut(5, 3), "");
        assert_eq!(cut(-1, -5), "");
        assert_eq!(cut(i64::MIN, i64::MAX), "Hello World");
        assert_eq!(cut(11, 12), "");
    }
}
