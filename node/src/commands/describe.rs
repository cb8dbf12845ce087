//! COMMAND INFO: a row as the flags, categories and key specifications that Redis would give it.

use larder_proto::resp::Out;

use super::spec::{Flags, Group, Keys, Run, Spec};
use super::table::{ALONE, Commands, Row};

/// Writes what COMMAND INFO says of a row.
pub(super) fn describe(commands: &Commands, row: &Row, out: &mut Out<'_>) {
    let spec = face(row.spec);
    let (first, last, step) = spec.keys.triple();
    out.array(10);
    out.bulk(row.full_name.as_bytes());
    out.integer(row.spec.arity.number());
    statuses(&flags(spec), out);
    out.integer(first);
    out.integer(last);
    out.integer(step);
    statuses(&categories(spec), out);
    // Tips; there are none.
    out.set(0);
    key_specifications(spec, out);
    let subcommands = subcommands(commands, row);
    out.set(subcommands.len());
    subcommands.iter().for_each(|sub| describe(commands, sub, out));
}

/// The subcommands of a row that have a name.
pub(super) fn subcommands<'c>(commands: &'c Commands, row: &'c Row) -> Vec<&'c Row> {
    commands.subcommands(row).iter().filter(|sub| sub.spec.name != ALONE).collect()
}

/// The ACL categories of a command, with their `@`.
pub(super) fn categories(spec: &Spec) -> Vec<&'static str> {
    let spec = face(spec);
    let mut categories = Vec::new();
    let mut add = |holds: bool, name| {
        if holds {
            categories.push(name);
        }
    };
    let container = matches!(spec.run, Run::Container(_));
    let admin = spec.flags.has(Flags::ADMIN);
    add(spec.group == Group::Generic || spec.keys == Keys::Every, "@keyspace");
    add(spec.reads(), "@read");
    add(spec.writes(), "@write");
    add(spec.group == Group::String, "@string");
    add(spec.group == Group::Set, "@set");
    add(spec.group == Group::Hash, "@hash");
    add(spec.group == Group::List, "@list");
    add(spec.group == Group::SortedSet, "@sortedset");
    add(admin, "@admin");
    add(spec.flags.has(Flags::FAST), "@fast");
    add(!spec.flags.has(Flags::FAST), "@slow");
    add(admin || spec.flags.has(Flags::DANGEROUS), "@dangerous");
    // CLUSTER tells of the cluster; what else belongs to it is a mode of the connection.
    let mode = spec.group == Group::Cluster && spec.flags.has(Flags::FAST);
    add(mode || (spec.group == Group::Connection && !container), "@connection");
    add(spec.group == Group::Transactions, "@transaction");
    categories
}

/// Whether the command takes keys that its words name.
pub(super) const fn names_keys(spec: &Spec) -> bool {
    !matches!(spec.keys, Keys::None | Keys::Every)
}

/// What the command does with its keys, in the words of key specifications. Redis tells more kinds of change apart; rows
/// know reading from changing.
pub(super) fn access(spec: &Spec) -> &'static [&'static str] {
    if spec.writes() {
        &["RW", "access", "update"]
    } else if spec.reads() {
        &["RO", "access"]
    } else {
        &["RO"]
    }
}

/// Writes a set of simple strings.
pub(super) fn statuses(words: &[&str], out: &mut Out<'_>) {
    out.set(words.len());
    words.iter().for_each(|word| out.simple(word));
}

/// The row that runs when a container stands alone, if it has one: it is what the container's own entry is about.
fn face(spec: &Spec) -> &Spec {
    spec.subcommands().iter().find(|sub| sub.name == ALONE).unwrap_or(spec)
}

fn flags(spec: &Spec) -> Vec<&'static str> {
    let mut flags = Vec::new();
    let mut add = |holds: bool, name| {
        if holds {
            flags.push(name);
        }
    };
    // There is no time of loading and no stale copy, but the commands that need no data would run then too.
    let needs_no_data = matches!(spec.run, Run::Session(_) | Run::Exec);
    add(spec.writes(), "write");
    add(spec.reads(), "readonly");
    add(spec.flags.has(Flags::DENY_OOM), "denyoom");
    add(spec.flags.has(Flags::ADMIN), "admin");
    add(spec.flags.has(Flags::NO_SCRIPT), "noscript");
    add(needs_no_data, "loading");
    add(needs_no_data, "stale");
    // The commands of a transaction are logged themselves.
    add(spec.flags.has(Flags::SECRET) || matches!(spec.run, Run::Exec), "skip_slowlog");
    add(spec.flags.has(Flags::FAST), "fast");
    add(spec.flags.has(Flags::NO_AUTH), "no_auth");
    // What a client needs to get out of its transaction or its connection, a busy script would not hold up.
    let way_out = spec.group == Group::Transactions && !matches!(spec.run, Run::Exec);
    add(way_out || spec.flags.has(Flags::NO_AUTH), "allow_busy");
    add(spec.flags.has(Flags::NO_MULTI), "no_multi");
    add(matches!(spec.keys, Keys::Counted { .. }), "movablekeys");
    flags
}

fn key_specifications(spec: &Spec, out: &mut Out<'_>) {
    match spec.keys {
        Keys::None | Keys::Every => out.set(0),
        Keys::At(first) => {
            out.set(1);
            key_specification(spec, first, |out| key_range(0, 1, out), out);
        }
        Keys::From { first, step } => {
            out.set(1);
            key_specification(spec, first, |out| key_range(-1, step, out), out);
        }
        Keys::Pair { first } => {
            out.set(2);
            key_specification(spec, first, |out| key_range(0, 1, out), out);
            key_specification(spec, first + 1, |out| key_range(0, 1, out), out);
        }
        Keys::Counted { count, target } => {
            out.set(1 + usize::from(target));
            if target {
                key_specification(spec, count - 1, |out| key_range(0, 1, out), out);
            }
            key_specification(spec, count, counted_keys, out);
        }
    }
}

/// Where the keys are looked for from, and `find`, which writes how they are found there.
fn key_specification(spec: &Spec, begin: usize, find: impl FnOnce(&mut Out<'_>), out: &mut Out<'_>) {
    out.map(3);
    out.bulk(b"flags");
    statuses(access(spec), out);
    out.bulk(b"begin_search");
    out.map(2);
    out.bulk(b"type");
    out.bulk(b"index");
    out.bulk(b"spec");
    out.map(1);
    out.bulk(b"index");
    out.count(begin);
    out.bulk(b"find_keys");
    out.map(2);
    out.bulk(b"type");
    find(out);
}

/// Every `step`-th word up to `last`, which counts from the beginning, or from the end if it is negative.
fn key_range(last: i64, step: usize, out: &mut Out<'_>) {
    out.bulk(b"range");
    out.bulk(b"spec");
    out.map(3);
    out.bulk(b"lastkey");
    out.integer(last);
    out.bulk(b"keystep");
    out.count(step);
    out.bulk(b"limit");
    out.integer(0);
}

/// As many words as the first one says.
fn counted_keys(out: &mut Out<'_>) {
    out.bulk(b"keynum");
    out.bulk(b"spec");
    out.map(3);
    out.bulk(b"keynumidx");
    out.integer(0);
    out.bulk(b"firstkey");
    out.integer(1);
    out.bulk(b"keystep");
    out.integer(1);
}
