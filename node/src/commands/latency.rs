//! LATENCY: how long commands took. Single events are not monitored, so the subcommands about events answer as Redis does
//! while its monitor is off.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::error::{CommandError, shown};
use super::help;
use super::ports::Histogram;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use super::table::{ALONE, Commands, Row};

/// The rows.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "latency",
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::NONE,
    group: Group::Server,
    since: "2.8.13",
    summary: "A container for commands about latency.",
    syntax: "",
    run: Run::Container(SUBCOMMANDS),
}];
const _: () = check(ROWS);

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "histogram",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "7.0.0",
        summary: "Returns how long calls took, for these commands or for all that were called.",
        syntax: "[command [command ...]]",
        run: Run::Session(histogram),
    },
    Spec {
        name: "latest",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "2.8.13",
        summary: "Returns the newest sample of each event; none are monitored.",
        syntax: "",
        run: Run::Session(latest),
    },
    Spec {
        name: "history",
        arity: Arity::Exactly(3),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "2.8.13",
        summary: "Returns the samples of an event; none are monitored.",
        syntax: "event",
        run: Run::Session(history),
    },
    Spec {
        name: "reset",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "2.8.13",
        summary: "Forgets the samples of events and returns of how many; none are monitored.",
        syntax: "[event [event ...]]",
        run: Run::Session(reset),
    },
    Spec {
        name: "doctor",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "2.8.13",
        summary: "Says where to look when the node is slow.",
        syntax: "",
        run: Run::Session(doctor),
    },
    Spec {
        name: "graph",
        arity: Arity::Exactly(3),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Server,
        since: "2.8.13",
        summary: "Draws the samples of an event; none are monitored.",
        syntax: "event",
        run: Run::Session(graph),
    },
    help::row(Group::Server, "2.8.13"),
];

fn histogram(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let commands = cx.node.commands();
    let rows: Vec<&Row> = if args.is_empty() {
        commands.rows().iter().collect()
    } else {
        args.rest()
            .filter_map(|name| commands.find_full(name))
            .flat_map(|row| with_subcommands(commands, row))
            .collect()
    };
    let measured = rows.into_iter().map(|row| (row, cx.node.statistics().histogram(row.id)));
    let measured: Vec<(&Row, Histogram)> = measured.filter(|(_, histogram)| histogram.calls > 0).collect();
    out.map(measured.len());
    for (row, histogram) in &measured {
        out.bulk(name_of(row).as_bytes());
        out.map(2);
        out.bulk(b"calls");
        out.integer(i64::try_from(histogram.calls).unwrap_or(i64::MAX));
        out.bulk(b"histogram_usec");
        out.map(histogram.buckets.len());
        for (end_us, calls) in &histogram.buckets {
            out.integer(i64::try_from(*end_us).unwrap_or(i64::MAX));
            out.integer(i64::try_from(*calls).unwrap_or(i64::MAX));
        }
    }
    Ok(())
}

fn latest(_: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.array(0);
    Ok(())
}

fn history(_: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.array(0);
    Ok(())
}

fn reset(_: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.integer(0);
    Ok(())
}

fn doctor(_: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.verbatim(
        "Latency events are not monitored here. LATENCY HISTOGRAM shows how long each command took, SLOWLOG GET the \
         single calls that took long.\n",
    );
    Ok(())
}

fn graph(_: &mut SessionCx<'_>, mut args: Args<'_>, _: &mut Out<'_>) -> Outcome {
    let event = shown(args.bytes()?);
    Err(CommandError::Told(format!("No samples available for event '{event}'")))
}

fn with_subcommands<'c>(commands: &'c Commands, row: &'c Row) -> Vec<&'c Row> {
    match commands.subcommands(row) {
        [] => vec![row],
        rows => rows.iter().collect(),
    }
}

/// A container that stands alone is known by its own name.
fn name_of(row: &Row) -> &str {
    match row.container {
        Some(container) if row.spec.name == ALONE => container.name,
        _ => &row.full_name,
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::ports::Histogram;
    use crate::commands::testing::Bench;

    #[test]
    fn histograms_are_maps_of_maps() {
        let mut bench = Bench::new();
        let get = Histogram { calls: 3, buckets: vec![(1, 2), (8, 3)] };
        let config = Histogram { calls: 1, buckets: vec![(33, 1)] };
        *bench.node.histograms.borrow_mut() = vec![("get".into(), get), ("config|get".into(), config)];
        let (get, config) = (
            "$3|get|%2|$5|calls|:3|$14|histogram_usec|%2|:1|:2|:8|:3|",
            "$10|config|get|%2|$5|calls|:1|$14|histogram_usec|%1|:33|:1|",
        );
        bench.run("hello 3");
        assert_eq!(bench.run("latency histogram get nosuch set"), format!("%1|{get}"));
        assert_eq!(bench.run("latency histogram config"), format!("%1|{config}"));
        assert!(bench.run("latency histogram").starts_with("%2|"));
        bench.expect(&[("config resetstat", "+OK|"), ("latency histogram", "%0|")]);
    }

    #[test]
    fn no_event_is_monitored() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("latency latest", "*0|"),
            ("latency history event", "*0|"),
            ("latency history", "-ERR wrong number of arguments for 'latency|history' command|"),
            ("latency reset a b", ":0|"),
            ("latency graph foo", "-ERR No samples available for event 'foo'|"),
        ]);
        assert!(bench.run("latency doctor").contains("not monitored"));
    }
}
