//! SLOWLOG: the commands that took long. Which those are is decided where commands are timed.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::error::{CommandError, shown};
use super::help;
use super::number::parse_integer;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "slowlog",
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::NONE,
    group: Group::Server,
    since: "2.2.12",
    summary: "A container for commands about the slow log.",
    syntax: "",
    run: Run::Container(SUBCOMMANDS),
}];
const _: () = check(ROWS);

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "get",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: Flags::ADMIN,
        group: Group::Server,
        since: "2.2.12",
        summary: "Returns the newest entries, 10 of them or so many; -1 means all.",
        syntax: "[count]",
        run: Run::Session(get),
    },
    Spec {
        name: "len",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::ADMIN,
        group: Group::Server,
        since: "2.2.12",
        summary: "Returns the number of entries.",
        syntax: "",
        run: Run::Session(len),
    },
    Spec {
        name: "reset",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::ADMIN,
        group: Group::Server,
        since: "2.2.12",
        summary: "Empties the log.",
        syntax: "",
        run: Run::Session(reset),
    },
    help::row(Group::Server, "6.2.0"),
];

/// Entries that SLOWLOG GET gives when it is not told how many.
const ENTRIES_DEFAULT: usize = 10;

fn get(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let count = match args.optional() {
        None => ENTRIES_DEFAULT,
        Some(_) if !args.is_empty() => {
            let name = shown(args.word(1).unwrap_or_default());
            return Err(CommandError::SubcommandSyntax { name, container: "SLOWLOG" });
        }
        Some(word) => match parse_integer(word) {
            Some(-1) => usize::MAX,
            Some(count @ 0..) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => return Err(CommandError::Plain("count should be greater than or equal to -1")),
        },
    };
    let entries = cx.node.statistics().slow_entries(count);
    out.array(entries.len());
    for entry in &entries {
        out.array(6);
        out.integer(i64::try_from(entry.id).unwrap_or(i64::MAX));
        out.integer(i64::try_from(entry.at_seconds).unwrap_or(i64::MAX));
        out.integer(i64::try_from(entry.took_us).unwrap_or(i64::MAX));
        out.array(entry.words.len());
        entry.words.iter().for_each(|word| out.bulk(word));
        out.bulk(entry.address.as_bytes());
        out.bulk(entry.client_name.as_bytes());
    }
    Ok(())
}

fn len(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(cx.node.statistics().slow_length());
    Ok(())
}

fn reset(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    cx.node.statistics().slow_reset();
    out.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::ports::SlowEntry;
    use crate::commands::testing::Bench;

    #[test]
    fn entries_are_shown_newest_first() {
        let mut bench = Bench::new();
        let entry = |id| SlowEntry {
            id,
            at_seconds: 1_700,
            took_us: 12,
            words: vec![b"get".to_vec(), b"a".to_vec()],
            address: "10.0.0.1:5".into(),
            client_name: "me".into(),
        };
        *bench.node.slow.borrow_mut() = (0..12).rev().map(entry).collect();
        let shown = "*6|:11|:1700|:12|*2|$3|get|$1|a|$10|10.0.0.1:5|$2|me|";
        assert_eq!(bench.run("slowlog get 1"), format!("*1|{shown}"));
        assert!(bench.run("slowlog get").starts_with("*10|"));
        assert!(bench.run("slowlog get -1").starts_with("*12|"));
        bench.expect(&[
            ("slowlog get 0", "*0|"),
            ("slowlog get -2", "-ERR count should be greater than or equal to -1|"),
            ("slowlog get a", "-ERR count should be greater than or equal to -1|"),
            (
                "slowlog get 1 2",
                "-ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.|",
            ),
            ("slowlog len", ":12|"),
            ("slowlog reset", "+OK|"),
            ("slowlog len", ":0|"),
        ]);
    }
}
