//! The family of deadlines: giving one to a key, asking for it, taking it away.

use larder_proto::resp::Out;
use larder_proto::time::{Deadline, Millis};

use super::args::Args;
use super::context::{ReadCx, WriteCx};
use super::error::CommandError;
use super::lifetimes::{Measure, at};
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    expire_row(
        "expire",
        "1.0.0",
        "Sets the expiration time of a key in seconds.",
        "key seconds [NX | XX | GT | LT]",
        Run::Write(expire),
    ),
    expire_row(
        "pexpire",
        "2.6.0",
        "Sets the expiration time of a key in milliseconds.",
        "key milliseconds [NX | XX | GT | LT]",
        Run::Write(pexpire),
    ),
    expire_row(
        "expireat",
        "1.2.0",
        "Sets the expiration time of a key to a Unix timestamp.",
        "key unix-time-seconds [NX | XX | GT | LT]",
        Run::Write(expireat),
    ),
    expire_row(
        "pexpireat",
        "2.6.0",
        "Sets the expiration time of a key to a Unix milliseconds timestamp.",
        "key unix-time-milliseconds [NX | XX | GT | LT]",
        Run::Write(pexpireat),
    ),
    ask_row("ttl", "1.0.0", "Returns the expiration time in seconds of a key.", Run::Read(ttl)),
    ask_row("pttl", "2.6.0", "Returns the expiration time in milliseconds of a key.", Run::Read(pttl)),
    ask_row(
        "expiretime",
        "7.0.0",
        "Returns the expiration time of a key as a Unix timestamp.",
        Run::Read(expiretime),
    ),
    ask_row(
        "pexpiretime",
        "7.0.0",
        "Returns the expiration time of a key as a Unix milliseconds timestamp.",
        Run::Read(pexpiretime),
    ),
    Spec {
        name: "persist",
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Generic,
        since: "2.2.0",
        summary: "Removes the expiration time of a key.",
        syntax: "key",
        run: Run::Write(persist),
    },
];
const _: () = check(ROWS);

/// The rows that give a deadline differ in their measure alone.
const fn expire_row(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    syntax: &'static str,
    run: Run,
) -> Spec {
    Spec {
        name,
        arity: Arity::AtLeast(3),
        keys: Keys::At(1),
        flags: Flags::FAST,
        group: Group::Generic,
        since,
        summary,
        syntax,
        run,
    }
}

/// The rows that ask for a deadline differ in the form of the answer alone.
const fn ask_row(name: &'static str, since: &'static str, summary: &'static str, run: Run) -> Spec {
    Spec {
        name,
        arity: Arity::Exactly(2),
        keys: Keys::At(1),
        flags: Flags::FAST.and(Flags::NO_TOUCH),
        group: Group::Generic,
        since,
        summary,
        syntax: "key",
        run,
    }
}

/// When a deadline is changed.
#[derive(Default, Clone, Copy)]
struct Conditions {
    /// Only if there is none (NX).
    none_yet: bool,
    /// Only if there is one (XX).
    any_yet: bool,
    /// Only if the new one is later (GT); no deadline is later than any.
    later: bool,
    /// Only if the new one is earlier (LT).
    earlier: bool,
}

fn expire(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    set_deadline(cx, args, Measure::SECONDS, "expire", out)
}

fn pexpire(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    set_deadline(cx, args, Measure::MILLISECONDS, "pexpire", out)
}

fn expireat(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    set_deadline(cx, args, Measure::UNIX_SECONDS, "expireat", out)
}

fn pexpireat(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    set_deadline(cx, args, Measure::UNIX_MILLISECONDS, "pexpireat", out)
}

fn ttl(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let now = cx.keys.now();
    write_deadline(cx, args, |moment| rounded_seconds(moment.since(now)), out)
}

fn pttl(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let now = cx.keys.now();
    write_deadline(cx, args, |moment| moment.since(now), out)
}

fn expiretime(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    write_deadline(cx, args, |moment| rounded_seconds(moment.0), out)
}

fn pexpiretime(cx: &mut ReadCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    write_deadline(cx, args, |moment| moment.0, out)
}

fn persist(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let had_one = cx.keys.deadline(key).is_some_and(|deadline| deadline != Deadline::NEVER);
    if had_one {
        cx.keys.set_deadline(key, Deadline::NEVER);
    }
    out.integer(i64::from(had_one));
    Ok(())
}

fn set_deadline(
    cx: &mut WriteCx<'_, '_>,
    mut args: Args<'_>,
    measure: Measure,
    command: &'static str,
    out: &mut Out<'_>,
) -> Outcome {
    let key = args.key()?;
    // Redis looks at the options before the number.
    let conditions = Conditions::read(args.skip(1))?;
    let (amount, now) = (args.integer()?, cx.keys.now());
    let moment_ms = measure.moment_ms(amount, now).ok_or(CommandError::InvalidExpire { command })?;
    // What lies before 1970 is over, like 1970 itself.
    let deadline = at(moment_ms.max(0)).unwrap_or(Deadline::NEVER);
    let wanted = cx.keys.deadline(key).is_some_and(|current| conditions.allow(current, deadline));
    if wanted && deadline <= Deadline::at(now) {
        cx.keys.delete(key);
    } else if wanted {
        cx.keys.set_deadline(key, deadline);
    }
    out.integer(i64::from(wanted));
    Ok(())
}

/// -2 for a key that is not there, -1 for one that stays.
fn write_deadline(
    cx: &ReadCx<'_, '_>,
    mut args: Args<'_>,
    form: impl FnOnce(Millis) -> u64,
    out: &mut Out<'_>,
) -> Outcome {
    out.integer(match cx.keys.get(args.key()?).map(|item| item.deadline().moment()) {
        None => -2,
        Some(None) => -1,
        Some(Some(moment)) => i64::try_from(form(moment)).unwrap_or(i64::MAX),
    });
    Ok(())
}

/// To the nearest second, as Redis answers.
const fn rounded_seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1_000
}

impl Conditions {
    fn read(mut args: Args<'_>) -> Result<Self, CommandError> {
        let mut conditions = Self::default();
        while let Some(word) = args.peek() {
            if args.option("nx") {
                conditions.none_yet = true;
            } else if args.option("xx") {
                conditions.any_yet = true;
            } else if args.option("gt") {
                conditions.later = true;
            } else if args.option("lt") {
                conditions.earlier = true;
            } else {
                let word = String::from_utf8_lossy(&word[..word.len().min(SHOWN_BYTES_MAX)]);
                return Err(CommandError::Told(format!("Unsupported option {word}")));
            }
        }
        let Self { none_yet, any_yet, later, earlier } = conditions;
        if none_yet && (any_yet || later || earlier) {
            return Err(CommandError::Plain(
                "NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if later && earlier {
            return Err(CommandError::Plain("GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    fn allow(self, current: Deadline, new: Deadline) -> bool {
        let has_one = current != Deadline::NEVER;
        !(self.none_yet && has_one
            || self.any_yet && !has_one
            || self.later && new <= current
            || self.earlier && new >= current)
    }
}

/// Bytes of a word that an error shows.
const SHOWN_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use larder_proto::time::Millis;

    use crate::commands::testing::Bench;

    #[test]
    fn deadlines_are_given_asked_for_and_taken() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("expire k 10", ":0|"),
            ("ttl k", ":-2|"),
            ("pexpiretime k", ":-2|"),
            ("set k v", "+OK|"),
            ("ttl k", ":-1|"),
            ("pttl k", ":-1|"),
            ("expiretime k", ":-1|"),
            ("persist k", ":0|"),
            ("expire k 10", ":1|"),
            ("pttl k", ":10000|"),
            ("pexpire k 1499", ":1|"),
            ("ttl k", ":1|"),
            ("pexpire k 1500", ":1|"),
            ("ttl k", ":2|"),
            ("expireat k 1003", ":1|"),
            ("expiretime k", ":1003|"),
            ("pexpireat k 1002500", ":1|"),
            ("expiretime k", ":1003|"),
            ("pexpiretime k", ":1002500|"),
            ("persist k", ":1|"),
            ("persist none", ":0|"),
            ("ttl k", ":-1|"),
        ]);
        bench.expect(&[("pexpire k 1", ":1|")]);
        bench.now = Millis(1_000_002);
        bench.expect(&[("ttl k", ":-2|"), ("expire k 10", ":0|"), ("persist k", ":0|")]);
    }

    #[test]
    fn conditions_compare_with_the_deadline_there_is() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("set k v", "+OK|"),
            ("expire k 10 xx", ":0|"),
            ("expire k 10 gt", ":0|"),
            ("expire k 10 nx nx", ":1|"),
            ("expire k 20 nx", ":0|"),
            ("expire k 20 lt", ":0|"),
            ("expire k 10 gt", ":0|"),
            ("expire k 20 gt xx", ":1|"),
            ("expire k 20 lt", ":0|"),
            ("expire k 5 LT", ":1|"),
            ("persist k", ":1|"),
            ("expire k 5 lt xx", ":0|"),
            ("expire k 5 lt", ":1|"),
            ("ttl k", ":5|"),
            ("expire k -1 gt", ":0|"),
            ("expire k -1 lt", ":1|"),
            ("exists k", ":0|"),
        ]);
    }

    #[test]
    fn bad_times_and_options_are_refused_in_this_order() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("set k v", "+OK|"),
            ("expire k x what", "-ERR Unsupported option what|"),
            ("expire k x nx xx", "-ERR NX and XX, GT or LT options at the same time are not compatible|"),
            ("expire k x gt lt", "-ERR GT and LT options at the same time are not compatible|"),
            ("expire k x nx gt lt", "-ERR NX and XX, GT or LT options at the same time are not compatible|"),
            ("expire none x", "-ERR value is not an integer or out of range|"),
            ("expire none 9223372036854775807", "-ERR invalid expire time in 'expire' command|"),
            ("expire none -9223372036854775808", "-ERR invalid expire time in 'expire' command|"),
            ("pexpire none 9223372036854775807", "-ERR invalid expire time in 'pexpire' command|"),
            ("expireat none 9223372036854776", "-ERR invalid expire time in 'expireat' command|"),
            ("pexpireat k 9223372036854775807", ":1|"),
            ("pexpiretime k", ":9223372036854775807|"),
            ("expiretime k", ":9223372036854776|"),
        ]);
    }

    #[test]
    fn what_is_over_removes_the_key() {
        for line in ["expire k 0", "pexpire k -1", "expireat k -5", "pexpireat k 1000000", "expireat k 1000"]
        {
            let mut bench = Bench::new();
            bench.expect(&[("set k v", "+OK|"), (line, ":1|"), ("exists k", ":0|")]);
            assert!(bench.effects.0.last().unwrap().contains("Delete"), "{line}");
        }
    }
}
