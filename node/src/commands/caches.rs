//! LARDER.CACHES: the external caches, for gateways, which ask several times a second whether anything has changed.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::error::CommandError;
use super::session::User;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::external::UseFrom;

/// The rows.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "larder.caches",
    arity: Arity::AtLeast(1),
    keys: Keys::None,
    flags: Flags::FAST.and(Flags::NO_MULTI).and(Flags::NO_SCRIPT),
    group: Group::Server,
    since: "7.2.0",
    summary: "Tells gateways the external caches and their version, or null if the version is the one known. Takes a login as \
              the user gateway.",
    syntax: "[known-version [region]]",
    run: Run::Session(caches),
}];
const _: () = check(ROWS);

fn caches(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (known, region) = (args.optional(), args.optional());
    args.end()?;
    let caches = cx.node.caches();
    if cx.session.user != User::Gateway && !caches.are_open() {
        return Err(CommandError::NoPermission(NOT_A_GATEWAY));
    }
    let table = caches.table().ok_or(CommandError::ClusterDown(NOT_KNOWN_YET))?;
    // A name that no entry can have is none that an entry waits for.
    let region = region.and_then(|region| UseFrom::parse(std::str::from_utf8(region).ok()?).ok());
    if let Some(region) = region {
        caches.saw_gateway(&region, cx.now);
    }
    if known == Some(table.version().as_bytes()) {
        out.null();
        return Ok(());
    }
    out.array(2);
    out.bulk(table.version().as_bytes());
    out.array(table.entries().len() + table.unreadable().len());
    for entry in table.entries() {
        out.array(3);
        out.bulk(entry.use_from.as_str().as_bytes());
        out.bulk(entry.connection.reveal().as_bytes());
        out.bulk(entry.description.as_str().as_bytes());
    }
    // There, but nobody knows how it is reached: a gateway that uses it stays where it is, and says so. Left out, it
    // would look removed, and the gateway would turn to another cache.
    for name in table.unreadable() {
        out.array(3);
        out.bulk(name.as_bytes());
        out.bulk(b"");
        out.bulk(b"");
    }
    Ok(())
}

const NOT_A_GATEWAY: &str = "LARDER.CACHES tells how external caches are reached, secrets included, and so takes a login as the \
                             user gateway: give the nodes a gateway-password, and send AUTH gateway PASSWORD";
const NOT_KNOWN_YET: &str =
    "this node does not know the external caches yet; those that you know stay right, ask again in a moment";

#[cfg(test)]
mod tests {
    use crate::commands::session::User;
    use crate::commands::testing::Bench;
    use crate::external::{Entry, Table};

    fn table() -> Table {
        let entries = [("West Europe", "h:1,password=x", "of the west"), ("default", "d", "")];
        let entries = entries.map(|(name, text, what)| Entry::parse(name, text, what).unwrap());
        Table::new(entries, Vec::new(), |_| [0xAB; 32])
    }

    #[test]
    fn gateways_are_told_what_they_do_not_know() {
        let mut bench = Bench::new();
        let all = "*2|$32|abababababababababababababababab|*2|*3|$7|default|$1|d|$0||\
                   *3|$10|westeurope|$14|h:1,password=x|$11|of the west||";
        let all = all.strip_suffix('|').unwrap();
        bench.expect(&[(
            "larder.caches",
            "-CLUSTERDOWN this node does not know the external caches yet; those that you know \
                         stay right, ask again in a moment|",
        )]);
        *bench.node.caches.borrow_mut() = Some(table());
        bench.expect(&[
            ("larder.caches", all),
            ("larder.caches 0", all),
            ("larder.caches abababababababababababababababab", "$-1|"),
            ("larder.caches x \"North Europe\"", all),
            ("larder.caches abababababababababababababababab a=b", "$-1|"),
            ("larder.caches a b c", "-ERR syntax error|"),
            ("multi", "+OK|"),
        ]);
        assert_eq!(*bench.node.seen.borrow(), ["northeurope"]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_told_without_a_connection_string() {
        let mut bench = Bench::new();
        let entry = Entry::parse("default", "d", "").unwrap();
        let table = Table::new([entry], vec!["westeurope".to_owned()], |_| [0xAB; 32]);
        *bench.node.caches.borrow_mut() = Some(table);
        let all =
            "*2|$32|abababababababababababababababab|*2|*3|$7|default|$1|d|$0||*3|$10|westeurope|$0||$0||";
        bench.expect(&[("larder.caches", all)]);
    }

    #[test]
    fn nobody_else_is_told() {
        let mut bench = Bench::new();
        *bench.node.caches.borrow_mut() = Some(table());
        bench.node.gateway_password = Some(b"gw");
        assert!(bench.run("larder.caches").starts_with("-NOPERM LARDER.CACHES tells how"));
        assert!(bench.run("larder.caches abababababababababababababababab").starts_with("-NOPERM "));
        let wrong = "-WRONGPASS invalid username-password pair or user is disabled.|";
        bench.expect(&[("auth gateway wrong", wrong), ("auth default gw", "+OK|")]);
        assert!(bench.run("larder.caches").starts_with("-NOPERM "));
        bench.expect(&[("auth gateway gw", "+OK|")]);
        assert_eq!(bench.session.user, User::Gateway);
        assert!(bench.run("larder.caches").starts_with("*2|"));
        assert!(bench.run("client info").contains(" user=gateway "));
        bench.expect(&[("set k v", "+OK|"), ("get k", "$1|v|"), ("reset", "+RESET|")]);
        assert!(bench.run("larder.caches").starts_with("-NOPERM "));
        assert!(bench.run("hello 3 auth gateway gw").starts_with("%7|"));
        assert!(bench.run("larder.caches abababababababababababababababab") == "_|");
    }
}
