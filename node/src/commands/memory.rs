//! MEMORY: how much memory is in use, and for what.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::{ReadCx, SessionCx};
use super::error::CommandError;
use super::help;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::store::Database;

/// The rows.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "memory",
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::NONE,
    group: Group::Server,
    since: "4.0.0",
    summary: "A container for commands about memory.",
    syntax: "",
    run: Run::Container(SUBCOMMANDS),
}];
const _: () = check(ROWS);

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "usage",
        arity: Arity::AtLeast(3),
        keys: Keys::At(2),
        flags: Flags::NO_TOUCH,
        group: Group::Server,
        since: "4.0.0",
        summary: "Returns the bytes that a key and its value take.",
        syntax: "key [SAMPLES count]",
        run: Run::Read(usage),
    },
    Spec {
        name: "stats",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Server,
        since: "4.0.0",
        summary: "Returns what the memory of the node is used for.",
        syntax: "",
        run: Run::Session(stats),
    },
    Spec {
        name: "doctor",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Server,
        since: "4.0.0",
        summary: "Says how the memory in use stands to its limit.",
        syntax: "",
        run: Run::Session(doctor),
    },
    Spec {
        name: "purge",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Server,
        since: "4.0.0",
        summary: "Does nothing: freed memory is given back without being asked.",
        syntax: "",
        run: Run::Session(purge),
    },
    Spec {
        name: "malloc-stats",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NONE,
        group: Group::Server,
        since: "4.0.0",
        summary: "Says that the allocator keeps no statistics.",
        syntax: "",
        run: Run::Session(malloc_stats),
    },
    help::row(Group::Server, "4.0.0"),
];

fn usage(cx: &mut ReadCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    while !args.is_empty() {
        // The count below is exact whatever the number of samples.
        if args.len() < 2 || !args.option("SAMPLES") || args.integer()? < 0 {
            return Err(CommandError::Syntax);
        }
    }
    match cx.keys.peek(key) {
        Some(item) => out.count(item.bytes()),
        None => out.null(),
    }
    Ok(())
}

fn stats(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let memory = cx.store.memory().snapshot();
    let keys: usize = Database::all().map(|database| cx.store.size(database).keys).sum();
    let used = memory.used;
    let counts = [
        ("peak.allocated", memory.peak),
        ("total.allocated", used),
        ("clients.normal", memory.buffers),
        ("keys.count", keys),
        ("keys.bytes-per-key", memory.data.checked_div(keys).unwrap_or(0)),
        ("dataset.bytes", memory.items + memory.collections),
    ];
    let shares = [
        ("dataset.percentage", share(memory.items + memory.collections, used)),
        ("peak.percentage", share(used, memory.peak)),
    ];
    let mut facts = cx.node.memory_facts();
    facts.retain(|(name, _)| {
        counts.iter().all(|(known, _)| known != name) && shares.iter().all(|(known, _)| known != name)
    });
    out.map(counts.len() + shares.len() + facts.len());
    for (name, value) in counts {
        out.bulk(name.as_bytes());
        out.count(value);
    }
    for (name, value) in shares {
        out.bulk(name.as_bytes());
        out.double(value);
    }
    for (name, value) in facts {
        out.bulk(name.as_bytes());
        out.integer(i64::try_from(value).unwrap_or(i64::MAX));
    }
    Ok(())
}

fn doctor(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let memory = cx.store.memory().snapshot();
    let used = memory.used;
    let verdict = if memory.evicted_keys > 0 {
        "Keys had to be evicted: raise maxmemory, or let keys live shorter."
    } else if share(used, memory.limit) > 90.0 {
        "The limit is near: keys will be evicted soon."
    } else {
        "There is room."
    };
    out.verbatim(&format!(
        "{used} of {} bytes are in use, {} at the peak; {} by data, {} by connections. {} keys were evicted, {} \
         expired. {verdict}\n",
        memory.limit, memory.peak, memory.data, memory.buffers, memory.evicted_keys, memory.expired_keys
    ));
    Ok(())
}

fn purge(_: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.ok();
    Ok(())
}

fn malloc_stats(_: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.bulk(b"Stats not supported for the current allocator");
    Ok(())
}

/// How many hundredths of the whole the part is; 0 of nothing.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn the_use_of_a_key_is_counted() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("memory usage", "-ERR wrong number of arguments for 'memory|usage' command|"),
            ("memory usage none", "$-1|"),
            ("memory usage none samples", "-ERR syntax error|"),
            ("memory usage none samples -1", "-ERR syntax error|"),
            ("memory usage none samples x", "-ERR value is not an integer or out of range|"),
            ("memory usage none foo 1", "-ERR syntax error|"),
        ]);
        bench.run(&format!("append k {}", "x".repeat(10_000)));
        let bytes: usize = bench.run("memory usage k samples 0").trim_matches([':', '|']).parse().unwrap();
        assert!((10_000..11_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn the_parts_are_told() {
        let mut bench = Bench::new();
        bench.run("append k v");
        let stats = bench.run("memory stats");
        assert!(stats.starts_with("*18|$14|peak.allocated|:"), "{stats}");
        assert!(stats.contains("|$10|keys.count|:1|"), "{stats}");
        assert!(stats.ends_with("|$17|startup.allocated|:1|"), "{stats}");
        bench.expect(&[("memory purge", "+OK|")]);
        assert!(bench.run("memory doctor").ends_with("There is room.\n|"));
        assert!(bench.run("memory malloc-stats").contains("not supported"));
    }
}
