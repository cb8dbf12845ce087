//! COMMAND DOCS: a row as documentation, with its arguments. `redis-cli` draws its hints from it.

use larder_proto::resp::Out;

use super::describe::{statuses, subcommands};
use super::spec::Group;
use super::syntax::{Argument, Kind, arguments};
use super::table::{Commands, Row};

/// Writes a row's name and its documentation: one pair of a map.
pub(super) fn document(commands: &Commands, row: &Row, out: &mut Out<'_>) {
    let arguments = arguments(row.spec, row.name_words()).unwrap_or_default();
    let subcommands = subcommands(commands, row);
    out.bulk(row.full_name.as_bytes());
    out.map(3 + usize::from(!arguments.is_empty()) + usize::from(!subcommands.is_empty()));
    text("summary", row.spec.summary, out);
    text("since", row.spec.since, out);
    text("group", group_name(row.spec.group), out);
    if !arguments.is_empty() {
        write_arguments(&arguments, out);
    }
    if !subcommands.is_empty() {
        out.bulk(b"subcommands");
        out.map(subcommands.len());
        subcommands.iter().for_each(|sub| document(commands, sub, out));
    }
}

fn write_arguments(arguments: &[Argument], out: &mut Out<'_>) {
    out.bulk(b"arguments");
    out.array(arguments.len());
    arguments.iter().for_each(|argument| write_argument(argument, out));
}

fn write_argument(argument: &Argument, out: &mut Out<'_>) {
    let shown = !matches!(argument.kind, Kind::OneOf | Kind::Block);
    let flags = flags(argument);
    let pairs = [
        shown,
        argument.key_spec.is_some(),
        argument.token.is_some(),
        !flags.is_empty(),
        !argument.members.is_empty(),
    ];
    out.map(2 + pairs.iter().filter(|present| **present).count());
    text("name", &argument.name, out);
    text("type", argument.kind.name(), out);
    if shown {
        text("display_text", &argument.name, out);
    }
    if let Some(number) = argument.key_spec {
        out.bulk(b"key_spec_index");
        out.count(number);
    }
    if let Some(token) = argument.token {
        text("token", token, out);
    }
    if !flags.is_empty() {
        out.bulk(b"flags");
        statuses(&flags, out);
    }
    if !argument.members.is_empty() {
        write_arguments(&argument.members, out);
    }
}

fn flags(argument: &Argument) -> Vec<&'static str> {
    let all = [
        (argument.optional, "optional"),
        (argument.multiple, "multiple"),
        (argument.multiple_token, "multiple_token"),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name).collect()
}

fn text(name: &str, value: &str, out: &mut Out<'_>) {
    out.bulk(name.as_bytes());
    out.bulk(value.as_bytes());
}

const fn group_name(group: Group) -> &'static str {
    match group {
        Group::Generic => "generic",
        Group::String => "string",
        Group::Hash => "hash",
        Group::List => "list",
        Group::Set => "set",
        Group::SortedSet => "sorted-set",
        Group::Connection => "connection",
        Group::Server => "server",
        Group::Transactions => "transactions",
        Group::Cluster => "cluster",
    }
}
