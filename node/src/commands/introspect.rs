//! COMMAND: what the rows say, for clients. Flags and key specifications are `describe`'s, documentation is `docs`'s.

use larder_proto::glob;
use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::describe::{access, categories, describe, names_keys, statuses};
use super::docs::document;
use super::error::CommandError;
use super::help;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use super::table::{ALONE, Commands, Row};

/// The rows.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "command",
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::NONE,
    group: Group::Server,
    since: "2.8.13",
    summary: "Returns what is known of all commands.",
    syntax: "",
    run: Run::Container(SUBCOMMANDS),
}];
const _: () = check(ROWS);

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: ALONE,
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Connection,
        since: "2.8.13",
        summary: "Returns what is known of all commands.",
        syntax: "",
        run: Run::Session(all),
    },
    Spec {
        name: "count",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Connection,
        since: "2.8.13",
        summary: "Returns the number of commands.",
        syntax: "",
        run: Run::Session(count),
    },
    Spec {
        name: "info",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Connection,
        since: "2.8.13",
        summary: "Returns what is known of these commands, or of all.",
        syntax: "[command-name [command-name ...]]",
        run: Run::Session(info),
    },
    Spec {
        name: "docs",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Connection,
        since: "7.0.0",
        summary: "Returns the documentation of these commands, or of all.",
        syntax: "[command-name [command-name ...]]",
        run: Run::Session(docs),
    },
    Spec {
        name: "list",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Connection,
        since: "7.0.0",
        summary: "Returns the names of all commands, or of those that a filter lets through.",
        syntax: "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        run: Run::Session(list),
    },
    Spec {
        name: "getkeys",
        arity: Arity::AtLeast(4),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Connection,
        since: "2.8.13",
        summary: "Returns which words of a command are keys.",
        syntax: "command arg [arg ...]",
        run: Run::Session(getkeys),
    },
    Spec {
        name: "getkeysandflags",
        arity: Arity::AtLeast(4),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Connection,
        since: "7.0.0",
        summary: "Returns which words of a command are keys, and what it does with them.",
        syntax: "command arg [arg ...]",
        run: Run::Session(getkeysandflags),
    },
    help::row(Group::Connection, "5.0.0"),
];

fn all(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let commands = cx.node.commands();
    out.array(commands.top().len());
    commands.top().iter().for_each(|row| describe(commands, row, out));
    Ok(())
}

fn count(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.count(cx.node.commands().top().len());
    Ok(())
}

fn info(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    if args.is_empty() {
        return all(cx, args, out);
    }
    let commands = cx.node.commands();
    out.array(args.len());
    for name in args.rest() {
        match named(commands, name) {
            Some(row) => describe(commands, row, out),
            None => out.null(),
        }
    }
    Ok(())
}

fn docs(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let commands = cx.node.commands();
    let rows: Vec<&Row> = if args.is_empty() {
        commands.top().iter().collect()
    } else {
        args.rest().filter_map(|name| named(commands, name)).collect()
    };
    out.map(rows.len());
    rows.iter().for_each(|row| document(commands, row, out));
    Ok(())
}

fn list(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let filter = Filter::read(&mut args)?;
    let mut names = Vec::new();
    for row in cx.node.commands().rows() {
        if row.spec.name != ALONE && filter.fits(row) {
            names.push(row.full_name.as_str());
        }
    }
    out.array(names.len());
    names.iter().for_each(|name| out.bulk(name.as_bytes()));
    Ok(())
}

fn getkeys(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (_, keys) = keys_of(cx.node.commands(), args)?;
    out.array(keys.len());
    keys.iter().for_each(|key| out.bulk(key));
    Ok(())
}

fn getkeysandflags(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (row, keys) = keys_of(cx.node.commands(), args)?;
    out.array(keys.len());
    for key in keys {
        out.array(2);
        out.bulk(key);
        statuses(access(row.spec), out);
    }
    Ok(())
}

/// Which names COMMAND LIST gives.
enum Filter<'a> {
    All,
    /// There are no modules.
    Module,
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn read(args: &mut Args<'a>) -> Result<Self, CommandError> {
        if args.is_empty() {
            return Ok(Self::All);
        }
        if args.len() != 3 || !args.option("FILTERBY") {
            return Err(CommandError::Syntax);
        }
        if args.option("MODULE") {
            Ok(Self::Module)
        } else if args.option("ACLCAT") {
            Ok(Self::Category(args.bytes()?))
        } else if args.option("PATTERN") {
            Ok(Self::Pattern(args.bytes()?))
        } else {
            Err(CommandError::Syntax)
        }
    }

    fn fits(&self, row: &Row) -> bool {
        match self {
            Self::All => true,
            Self::Module => false,
            Self::Category(name) => categories(row.spec)
                .iter()
                .any(|category| category.as_bytes()[1..].eq_ignore_ascii_case(name)),
            Self::Pattern(pattern) => glob::matches_ignoring_case(pattern, row.full_name.as_bytes()),
        }
    }
}

fn named<'c>(commands: &'c Commands, name: &[u8]) -> Option<&'c Row> {
    commands.find_full(name).filter(|row| row.spec.name != ALONE)
}

/// The command that these words are, and the keys among them.
fn keys_of<'c, 'a>(commands: &'c Commands, args: Args<'a>) -> Result<(&'c Row, Vec<&'a [u8]>), CommandError> {
    const UNKNOWN: CommandError = CommandError::Plain("Invalid command specified");
    let words: Vec<&[u8]> = args.rest().collect();
    let mut row = words.first().and_then(|name| commands.find(name)).ok_or(UNKNOWN)?;
    if let Some(name) = words.get(1)
        && !row.spec.subcommands().is_empty()
    {
        let mut rows = commands.subcommands(row).iter();
        row = rows.find(|sub| sub.spec.name.as_bytes().eq_ignore_ascii_case(name)).ok_or(UNKNOWN)?;
    }
    if !names_keys(row.spec) {
        return Err(CommandError::Plain("The command has no key arguments"));
    }
    if !row.spec.arity.allows(words.len()) {
        return Err(CommandError::Plain("Invalid number of arguments specified for command"));
    }
    let word = |at: usize| words.get(at).copied();
    let keys: Vec<&[u8]> = row.spec.keys.positions(words.len(), word).map(|at| words[at]).collect();
    // Where the number of keys is none, the target alone is found.
    let target = matches!(row.spec.keys, Keys::Counted { target: true, .. });
    if keys.len() <= usize::from(target) {
        return Err(CommandError::Plain("Invalid arguments specified for command"));
    }
    Ok((row, keys))
}

#[cfg(test)]
mod tests {
    use redis_protocol::{resp2, resp3};

    use crate::commands;
    use crate::commands::testing::Bench;

    #[test]
    fn rows_are_described() {
        let mut bench = Bench::new();
        bench.expect(&[
            (
                "command info GET nosuch",
                "*2|*10|$3|get|:2|*2|+readonly|+fast|:1|:1|:1|*3|+@read|+@string|+@fast|*0|*1|*6|$5|flags|*2|+RO|+access|\
                 $12|begin_search|*4|$4|type|$5|index|$4|spec|*2|$5|index|:1|$9|find_keys|*4|$4|type|$5|range|$4|spec|\
                 *6|$7|lastkey|:0|$7|keystep|:1|$5|limit|:0|*0|$-1|",
            ),
            (
                "command info config|get",
                "*1|*10|$10|config|get|:-3|*4|+admin|+noscript|+loading|+stale|:0|:0|:0|*3|+@admin|+@slow|+@dangerous|*0|*0|\
                 *0|",
            ),
            ("command info command|(alone)", "*1|$-1|"),
        ]);
        bench.run("hello 3");
        let get = bench.run("command info get");
        assert!(get.starts_with("*1|*10|$3|get|:2|~2|+readonly|+fast|:1|:1|:1|~3|"), "{get}");
        assert!(get.ends_with("|~0|") && get.contains("|~0|~1|%3|$5|flags|~2|"), "{get}");
        assert!(bench.run("command info config").contains("|~5|*10|$10|config|get|"));
    }

    #[test]
    fn names_are_listed_and_filtered() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("command count", &format!(":{}|", commands::table().top().len())),
            (
                "command list filterby aclcat transaction",
                "*5|$5|multi|$4|exec|$7|discard|$5|watch|$7|unwatch|",
            ),
            ("command list filterby pattern CONFIG|[gs]*", "*2|$10|config|get|$10|config|set|"),
            ("command list filterby module foo", "*0|"),
            ("command list filterby", "-ERR syntax error|"),
            ("command list filterby foo bar", "-ERR syntax error|"),
            ("command list a", "-ERR syntax error|"),
            ("command foo", "-ERR unknown subcommand 'foo'. Try COMMAND HELP.|"),
        ]);
        assert_eq!(bench.run("command list").matches("|$").count(), commands::table().rows().len() - 1);
    }

    #[test]
    fn keys_are_found_by_the_row() {
        Bench::new().expect(&[
            ("command getkeys get a", "*1|$1|a|"),
            ("command getkeys MGET a b", "*2|$1|a|$1|b|"),
            ("command getkeys memory usage foo", "*1|$3|foo|"),
            ("command getkeys get", "-ERR wrong number of arguments for 'command|getkeys' command|"),
            ("command getkeys echo x", "-ERR The command has no key arguments|"),
            ("command getkeys config get x", "-ERR The command has no key arguments|"),
            ("command getkeys config foo", "-ERR Invalid command specified|"),
            ("command getkeys foo a", "-ERR Invalid command specified|"),
            ("command getkeys get a b", "-ERR Invalid number of arguments specified for command|"),
            ("command getkeysandflags get a", "*1|*2|$1|a|*2|+RO|+access|"),
            ("command getkeysandflags incr a", "*1|*2|$1|a|*3|+RW|+access|+update|"),
        ]);
    }

    #[test]
    fn documentation_has_arguments_and_subcommands() {
        let mut bench = Bench::new();
        bench.run("hello 3");
        bench.expect(&[
            ("command docs nosuch", "%0|"),
            (
                "command docs append",
                "%1|$6|append|%4|$7|summary|$76|Appends a string to the value of a key. Creates the key if it doesn't \
                 exist.|$5|since|$5|2.0.0|$5|group|$6|string|$9|arguments|*2|%4|$4|name|$3|key|$4|type|$3|key|\
                 $12|display_text|$3|key|$14|key_spec_index|:0|%3|$4|name|$5|value|$4|type|$6|string|\
                 $12|display_text|$5|value|",
            ),
        ]);
        let docs = bench.run("command docs command|list config");
        assert!(docs.contains(
            "|%5|$4|name|$8|filterby|$4|type|$5|oneof|$5|token|$8|FILTERBY|$5|flags|~1|+optional|"
        ));
        assert!(docs.contains("|$11|subcommands|%5|$10|config|get|%4|"), "{docs}");
    }

    #[test]
    fn descriptions_of_all_rows_are_well_formed() {
        let names: Vec<String> = commands::table().rows().iter().map(|row| row.full_name.clone()).collect();
        let mut lines = vec!["command".to_owned(), "command docs".to_owned()];
        lines.extend(
            names.iter().flat_map(|name| [format!("command info {name}"), format!("command docs {name}")]),
        );
        let mut bench = Bench::new();
        for line in &lines {
            let reply = bench.reply(line);
            let (_, length) = resp2::decode::decode(&reply).unwrap().expect("a whole reply");
            assert_eq!(length, reply.len(), "{line}");
        }
        bench.run("hello 3");
        for line in &lines {
            // The decoder takes no maps in sets, which Redis sends here too; to a reader they are arrays.
            let reply = String::from_utf8(bench.reply(line)).unwrap().replace("\r\n~", "\r\n*").into_bytes();
            let (_, length) = resp3::decode::complete::decode(&reply).unwrap().expect("a whole reply");
            assert_eq!(length, reply.len(), "{line}");
        }
    }
}
