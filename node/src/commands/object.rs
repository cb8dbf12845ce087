//! OBJECT: what the store knows of a key beside its value.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::{ReadCx, SessionCx};
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The row.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "object",
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::NONE,
    group: Group::Generic,
    since: "2.2.3",
    summary: "A container for object introspection commands.",
    syntax: "",
    run: Run::Container(SUBCOMMANDS),
}];
const _: () = check(ROWS);

const SUBCOMMANDS: &[Spec] = &[
    row("encoding", "2.2.3", "Returns the internal encoding of a value.", encoding),
    row("freq", "4.0.0", "Returns the access frequency of a key, where eviction is by frequency.", freq),
    row("idletime", "2.2.3", "Returns the time since the last access to a key in seconds.", idletime),
    row("refcount", "2.2.3", "Returns the reference count of a value.", refcount),
    Spec {
        name: "help",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Generic,
        since: "6.2.0",
        summary: "Returns helpful text about the different subcommands.",
        syntax: "",
        run: Run::Session(help),
    },
];

/// What all subcommands on a key have in common.
const fn row(
    name: &'static str,
    since: &'static str,
    summary: &'static str,
    run: fn(&mut ReadCx<'_, '_>, Args<'_>, &mut Out<'_>) -> Outcome,
) -> Spec {
    Spec {
        name,
        arity: Arity::Exactly(3),
        keys: Keys::At(2),
        flags: Flags::NO_TOUCH,
        group: Group::Generic,
        since,
        summary,
        syntax: "key",
        run: Run::Read(run),
    }
}

fn encoding(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.bulk_or_null(cx.keys.get(args.key()?).map(|item| item.value.encoding().as_bytes()));
    Ok(())
}

/// How often a key was used, as far as that is counted: as in Redis, only told where it decides who leaves.
fn freq(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let Some(item) = cx.keys.get(args.key()?) else {
        out.null();
        return Ok(());
    };
    if !cx.keys.eviction().redis_name().ends_with("lfu") {
        return Err(CommandError::Plain(
            "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    out.integer(item.uses().into());
    Ok(())
}

fn idletime(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    match cx.keys.get(args.key()?) {
        Some(item) => out.integer((item.idle_ms(cx.keys.now()) / 1_000) as i64),
        None => out.null(),
    }
    Ok(())
}

/// No value is shared between keys.
fn refcount(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    match cx.keys.get(args.key()?) {
        Some(_) => out.integer(1),
        None => out.null(),
    }
    Ok(())
}

fn help(_cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    args.end()?;
    out.array(HELP.len());
    HELP.iter().for_each(|line| out.simple(line));
    Ok(())
}

const HELP: [&str; 11] = [
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Tell in which form the value is kept.",
    "FREQ <key>",
    "    Tell how often the key was used, up to 31, under a policy of that kind.",
    "IDLETIME <key>",
    "    Tell how many seconds ago the key was last used.",
    "REFCOUNT <key>",
    "    Tell how many keys share the value. Always 1.",
    "HELP",
    "    Print this help.",
];

#[cfg(test)]
mod tests {
    use larder_proto::time::Millis;

    use crate::commands::testing::Bench;
    use crate::store::Eviction;

    #[test]
    fn encodings_follow_redis() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("object encoding k", "$-1|"),
            ("set k 12", "+OK|"),
            ("object encoding k", "$3|int|"),
            ("append k 3", ":3|"),
            ("object encoding k", "$3|raw|"),
            ("incr k", ":124|"),
            ("object encoding k", "$3|int|"),
            ("set k text", "+OK|"),
            ("OBJECT Encoding k", "$6|embstr|"),
            ("setrange k 50 x", ":51|"),
            ("object encoding k", "$3|raw|"),
            ("hset h f v", ":1|"),
            ("object encoding h", "$8|listpack|"),
            (&format!("hset h f {}", "x".repeat(65)), ":0|"),
            ("object encoding h", "$9|hashtable|"),
            ("object refcount h", ":1|"),
            ("object refcount none", "$-1|"),
        ]);
    }

    #[test]
    fn idle_time_is_seen_without_a_use() {
        let mut bench = Bench::new();
        bench.expect(&[("set k v", "+OK|"), ("object idletime none", "$-1|")]);
        bench.now = Millis(bench.now.0 + 10_500);
        for line in ["type k", "exists k", "ttl k", "object encoding k", "keys *"] {
            bench.run(line);
        }
        bench.session.no_touch = true;
        bench.run("get k");
        bench.expect(&[("object idletime k", ":10|"), ("touch k", ":1|"), ("object idletime k", ":0|")]);
    }

    #[test]
    fn unknown_words_and_frequency_are_refused() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("object", "-ERR wrong number of arguments for 'object' command|"),
            ("object what", "-ERR unknown subcommand 'what'. Try OBJECT HELP.|"),
            ("object encoding", "-ERR wrong number of arguments for 'object|encoding' command|"),
            ("object help x", "-ERR wrong number of arguments for 'object|help' command|"),
            ("object freq k", "$-1|"),
            ("set k v", "+OK|"),
        ]);
        assert!(bench.run("object freq k").starts_with("-ERR An LFU maxmemory policy is not selected, "));
        bench.store.set_eviction(Eviction::named("allkeys-lfu").unwrap());
        bench.expect(&[("object freq k", ":1|"), ("get k", "$1|v|"), ("object freq k", ":2|")]);
        assert!(bench.run("object help").starts_with("*11|+OBJECT <subcommand>"));
    }
}
