//! The family of the node as a whole: what it holds, emptying it, its time. Settings, memory and diagnostics are files
//! of their own.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::{SessionCx, WriteCx};
use super::error::CommandError;
use super::lolwut;
use super::number::parse_integer;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::Database;

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "info",
        arity: Arity::AtLeast(1),
        keys: Keys::None,
        flags: Flags::DANGEROUS.and(Flags::WHOLE_TEXT),
        group: Group::Server,
        since: "1.0.0",
        summary: "Describes the node and what it counted.",
        syntax: "[section [section ...]]",
        run: Run::Session(info),
    },
    Spec {
        name: "dbsize",
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: Flags::FAST.and(Flags::WHOLE_SUM),
        group: Group::Server,
        since: "1.0.0",
        summary: "Returns the number of keys in the database.",
        syntax: "",
        run: Run::Session(dbsize),
    },
    Spec {
        name: "flushdb",
        arity: Arity::AtLeast(1),
        keys: Keys::Every,
        flags: Flags::DANGEROUS,
        group: Group::Server,
        since: "1.0.0",
        summary: "Removes all keys of the database.",
        syntax: "[ASYNC | SYNC]",
        run: Run::Write(flushdb),
    },
    Spec {
        name: "flushall",
        arity: Arity::AtLeast(1),
        keys: Keys::Every,
        flags: Flags::DANGEROUS,
        group: Group::Server,
        since: "1.0.0",
        summary: "Removes all keys of all databases.",
        syntax: "[ASYNC | SYNC]",
        run: Run::Write(flushall),
    },
    Spec {
        name: "swapdb",
        arity: Arity::Exactly(3),
        keys: Keys::Every,
        flags: Flags::FAST.and(Flags::DANGEROUS).and(Flags::NO_CLUSTER),
        group: Group::Server,
        since: "4.0.0",
        summary: "Lets two databases change places.",
        syntax: "index1 index2",
        run: Run::Write(swapdb),
    },
    Spec {
        name: "time",
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: Flags::FAST,
        group: Group::Server,
        since: "2.6.0",
        summary: "Returns the node's time: seconds since 1970, and microseconds.",
        syntax: "",
        run: Run::Session(time),
    },
    lolwut::ROW,
];
const _: () = check(ROWS);

fn info(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let name = |section| String::from_utf8_lossy(section).to_ascii_lowercase();
    let sections: Vec<String> = args.rest().map(name).collect();
    out.verbatim(&cx.node.info(&sections, cx.session.endpoint));
    Ok(())
}

fn dbsize(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(cx.store.size(cx.session.database).keys);
    Ok(())
}

fn flushdb(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    check_flush(args)?;
    let database = cx.keys.database();
    cx.keys.flush(database);
    out.ok();
    Ok(())
}

fn flushall(cx: &mut WriteCx<'_, '_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    check_flush(args)?;
    cx.keys.flush_all();
    out.ok();
    Ok(())
}

fn swapdb(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let first = database_number(args.bytes()?, "first ")?;
    let second = database_number(args.bytes()?, "second ")?;
    let database = |number| Database::new(number).ok_or(CommandError::DatabaseOutOfRange);
    let (first, second) = (database(first)?, database(second)?);
    if first != second {
        cx.keys.swap(first, second);
    }
    out.ok();
    Ok(())
}

fn time(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.array(2);
    out.bulk(cx.now.seconds().to_string().as_bytes());
    // The clock of a request counts milliseconds.
    out.bulk((cx.now.0 % 1_000 * 1_000).to_string().as_bytes());
    Ok(())
}

/// Both words mean the same here: keys are gone at once, their memory comes back in the background.
fn check_flush(mut args: Args<'_>) -> Result<(), CommandError> {
    if !args.option("ASYNC") {
        args.option("SYNC");
    }
    args.end()
}

fn database_number(word: &[u8], which: &'static str) -> Result<i64, CommandError> {
    parse_integer(word)
        .filter(|number| i32::try_from(*number).is_ok())
        .ok_or(CommandError::InvalidDatabase { which })
}

#[cfg(test)]
mod tests {
    use larder_proto::time::Millis;

    use crate::commands::testing::Bench;

    #[test]
    fn flushing_empties_one_database_or_all() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("incr a", ":1|"),
            ("select 1", "+OK|"),
            ("incr a", ":1|"),
            ("dbsize", ":1|"),
            ("flushdb foo", "-ERR syntax error|"),
            ("flushdb sync async", "-ERR syntax error|"),
            ("flushdb async", "+OK|"),
            ("dbsize", ":0|"),
            ("select 0", "+OK|"),
            ("dbsize", ":1|"),
            ("incr b", ":1|"),
            ("flushall SYNC", "+OK|"),
            ("mget a b", "*2|$-1|$-1|"),
            ("dbsize", ":0|"),
        ]);
        let count = |word: &str| bench.effects.0.iter().filter(|effect| effect.contains(word)).count();
        assert_eq!((count("Flush"), count("Clear")), (1_024, 1_024), "one for each partition");
    }

    #[test]
    fn a_transaction_flushes_too() {
        Bench::new().expect(&[
            ("incr a", ":1|"),
            ("multi", "+OK|"),
            ("flushall", "+QUEUED|"),
            ("incr b", "+QUEUED|"),
            ("dbsize", "+QUEUED|"),
            ("exec", "*3|+OK|:1|:1|"),
            ("get a", "$-1|"),
        ]);
    }

    #[test]
    fn databases_change_places() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("incr a", ":1|"),
            ("swapdb a b", "-ERR invalid first DB index|"),
            ("swapdb 0 99999999999", "-ERR invalid second DB index|"),
            ("swapdb 0 16", "-ERR DB index is out of range|"),
            ("swapdb -1 b", "-ERR invalid second DB index|"),
            ("swapdb 0 0", "+OK|"),
            ("swapdb 0 5", "+OK|"),
            ("get a", "$-1|"),
            ("select 5", "+OK|"),
            ("get a", "$1|1|"),
        ]);
    }

    #[test]
    fn the_node_is_described() {
        let mut bench = Bench::new();
        bench.now = Millis(1_700_000_000_123);
        bench.expect(&[
            ("time", "*2|$10|1700000000|$6|123000|"),
            ("info", "$4|# ||"),
            ("info Server CLIENTS", "$18|# server,clients||"),
        ]);
        bench.run("hello 3");
        bench.expect(&[("info all", "=11|txt:# all||")]);
    }
}
