//! CLIENT: what a connection tells of itself, how it wants to be treated, and what may be done to others. Choosing among
//! connections is `client_list`'s.

use larder_proto::resp::Out;
use larder_proto::time::Millis;

use super::args::Args;
use super::client_list::{info, kill, list};
use super::connection::{attribute, client_name};
use super::context::SessionCx;
use super::error::{CommandError, shown};
use super::help;
use super::number::parse_integer;
use super::ports::Paused;
use super::session::Replies;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "client",
    arity: Arity::AtLeast(2),
    keys: Keys::None,
    flags: Flags::NONE,
    group: Group::Connection,
    since: "2.4.0",
    summary: "A container for commands about connections.",
    syntax: "",
    run: Run::Container(SUBCOMMANDS),
}];
const _: () = check(ROWS);

const SUBCOMMANDS: &[Spec] = &[
    Spec {
        name: "id",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NO_SCRIPT,
        group: Group::Connection,
        since: "5.0.0",
        summary: "Returns the number of the connection.",
        syntax: "",
        run: Run::Session(id),
    },
    Spec {
        name: "ack",
        arity: Arity::Exactly(3),
        keys: Keys::None,
        flags: Flags::NO_SCRIPT,
        group: Group::Connection,
        since: "7.2.0",
        summary: "Says whether replies to writes wait for all copies that are in sync (as they do), or for the owner alone.",
        syntax: "<OWNER | IN-SYNC>",
        run: Run::Session(ack),
    },
    Spec {
        name: "setname",
        arity: Arity::Exactly(3),
        keys: Keys::None,
        flags: Flags::NO_SCRIPT,
        group: Group::Connection,
        since: "2.6.9",
        summary: "Names the connection; an empty name takes the name away.",
        syntax: "connection-name",
        run: Run::Session(setname),
    },
    Spec {
        name: "getname",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NO_SCRIPT,
        group: Group::Connection,
        since: "2.6.9",
        summary: "Returns the name of the connection.",
        syntax: "",
        run: Run::Session(getname),
    },
    Spec {
        name: "setinfo",
        arity: Arity::Exactly(4),
        keys: Keys::None,
        flags: Flags::NO_SCRIPT,
        group: Group::Connection,
        since: "7.2.0",
        summary: "Tells the name or the version of the client library.",
        syntax: "<LIB-NAME libname | LIB-VER libver>",
        run: Run::Session(setinfo),
    },
    Spec {
        name: "info",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NO_SCRIPT,
        group: Group::Connection,
        since: "6.2.0",
        summary: "Describes the connection.",
        syntax: "",
        run: Run::Session(info),
    },
    Spec {
        name: "list",
        arity: Arity::AtLeast(2),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Connection,
        since: "2.4.0",
        summary: "Describes connections, all of them or those of a type or with these numbers.",
        syntax: "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
        run: Run::Session(list),
    },
    Spec {
        name: "kill",
        arity: Arity::AtLeast(3),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Connection,
        since: "2.4.0",
        summary: "Closes the connection of this address, or those that every filter fits.",
        syntax: "<ip:port | <ID client-id | TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB> | USER username | \
                 ADDR ip:port | LADDR ip:port | SKIPME <YES | NO> [...]>>",
        run: Run::Session(kill),
    },
    Spec {
        name: "reply",
        arity: Arity::Exactly(3),
        keys: Keys::None,
        // A queued one would leave a gap in the reply of EXEC.
        flags: Flags::NO_SCRIPT.and(Flags::NO_MULTI),
        group: Group::Connection,
        since: "3.2.0",
        summary: "Says which replies the connection wants.",
        syntax: "<ON | OFF | SKIP>",
        run: Run::Session(reply),
    },
    Spec {
        name: "no-evict",
        arity: Arity::Exactly(3),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Connection,
        since: "7.0.0",
        summary: "Spares the connection when connections are closed for their memory.",
        syntax: "<ON | OFF>",
        run: Run::Session(no_evict),
    },
    Spec {
        name: "no-touch",
        arity: Arity::Exactly(3),
        keys: Keys::None,
        flags: Flags::NO_SCRIPT,
        group: Group::Connection,
        since: "7.2.0",
        summary: "Says whether the connection's commands count as uses of the keys.",
        syntax: "<ON | OFF>",
        run: Run::Session(no_touch),
    },
    Spec {
        name: "pause",
        arity: Arity::AtLeast(3),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT),
        group: Group::Connection,
        since: "3.0.0",
        summary: "Holds back commands of all connections, or those that write, for so many milliseconds.",
        syntax: "timeout [WRITE | ALL]",
        run: Run::Session(pause),
    },
    Spec {
        name: "unpause",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::UNPAUSED),
        group: Group::Connection,
        since: "6.2.0",
        summary: "Ends the pause.",
        syntax: "",
        run: Run::Session(unpause),
    },
    Spec {
        name: "getredir",
        arity: Arity::Exactly(2),
        keys: Keys::None,
        flags: Flags::NO_SCRIPT,
        group: Group::Connection,
        since: "6.0.0",
        summary: "Returns which connection invalidations go to: -1, since keys are not tracked.",
        syntax: "",
        run: Run::Session(getredir),
    },
    help::row(Group::Connection, "5.0.0"),
];

fn id(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.integer(i64::try_from(cx.session.id).unwrap_or(i64::MAX));
    Ok(())
}

fn ack(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    cx.session.hasty = if args.option("owner") {
        true
    } else if args.option("in-sync") {
        false
    } else {
        return Err(CommandError::Syntax);
    };
    args.end()?;
    out.ok();
    Ok(())
}

fn setname(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    cx.session.name = client_name(args.bytes()?)?;
    out.ok();
    Ok(())
}

fn getname(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let name = cx.session.name.as_bytes();
    out.bulk_or_null((!name.is_empty()).then_some(name));
    Ok(())
}

fn setinfo(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let sent = args.peek().unwrap_or_default();
    let place = if args.option("LIB-NAME") {
        &mut cx.session.library_name
    } else if args.option("LIB-VER") {
        &mut cx.session.library_version
    } else {
        return Err(CommandError::Told(format!("Unrecognized option '{}'", shown(sent))));
    };
    *place = attribute(args.bytes()?)?.ok_or_else(|| {
        let option = shown(sent);
        CommandError::Told(format!("{option} cannot contain spaces, newlines or special characters."))
    })?;
    out.ok();
    Ok(())
}

fn reply(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let replies = &mut cx.session.replies;
    if args.option("ON") {
        *replies = Replies::On;
        out.ok();
    } else if args.option("OFF") {
        *replies = Replies::Off;
    } else if args.option("SKIP") {
        if *replies != Replies::Off {
            *replies = Replies::SkipNext;
        }
    } else {
        return Err(CommandError::Syntax);
    }
    Ok(())
}

fn no_evict(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    cx.session.no_evict = on_or_off(args)?;
    out.ok();
    Ok(())
}

fn no_touch(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    cx.session.no_touch = on_or_off(args)?;
    out.ok();
    Ok(())
}

fn pause(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let timeout = args.bytes()?;
    let what = match args.len() {
        0 => Paused::All,
        1 if args.option("WRITE") => Paused::Writes,
        1 if args.option("ALL") => Paused::All,
        1 => return Err(CommandError::Plain("CLIENT PAUSE mode must be WRITE or ALL")),
        _ => {
            let name = shown(args.word(1).unwrap_or_default());
            return Err(CommandError::SubcommandSyntax { name, container: "CLIENT" });
        }
    };
    let timeout_ms =
        parse_integer(timeout).ok_or(CommandError::Plain("timeout is not an integer or out of range"))?;
    let timeout_ms = u64::try_from(timeout_ms).map_err(|_| CommandError::Plain("timeout is negative"))?;
    cx.node.clients().pause(Millis(cx.now.0.saturating_add(timeout_ms)), what);
    out.ok();
    Ok(())
}

fn unpause(cx: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    cx.node.clients().unpause();
    out.ok();
    Ok(())
}

fn getredir(_: &mut SessionCx<'_>, _: Args<'_>, out: &mut Out<'_>) -> Outcome {
    out.integer(-1);
    Ok(())
}

fn on_or_off(mut args: Args<'_>) -> Result<bool, CommandError> {
    let on = args.option("ON");
    if on || args.option("OFF") { Ok(on) } else { Err(CommandError::Syntax) }
}

#[cfg(test)]
mod tests {
    use larder_proto::time::Millis;

    use crate::commands::ports::Paused;
    use crate::commands::session::Replies;
    use crate::commands::testing::Bench;

    #[test]
    fn a_connection_tells_of_itself() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("client", "-ERR wrong number of arguments for 'client' command|"),
            ("client foo", "-ERR unknown subcommand 'foo'. Try CLIENT HELP.|"),
            (
                "client maint_notifications on",
                "-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.|",
            ),
            ("client id", ":1|"),
            ("client id x", "-ERR wrong number of arguments for 'client|id' command|"),
            ("client setname me", "+OK|"),
            (
                "client setname \"m e\"",
                "-ERR Client names cannot contain spaces, newlines or special characters.|",
            ),
            ("client getname", "$2|me|"),
            ("client setinfo lib-name redis-py", "+OK|"),
            ("client setinfo LIB-VER 5.0", "+OK|"),
            (
                "client setinfo lib-ver \"5 0\"",
                "-ERR lib-ver cannot contain spaces, newlines or special characters.|",
            ),
            ("client setinfo color red", "-ERR Unrecognized option 'color'|"),
        ]);
        let line = "id=1 addr=10.0.0.1:5000 laddr=10.0.0.9:6379 fd=-1 name=me age=0 idle=0 flags=N db=0 sub=0 psub=0 \
                    ssub=0 multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 \
                    tot-mem=0 events=r cmd=client|info user=default redir=-1 resp=2 lib-name=redis-py lib-ver=5.0\n";
        assert_eq!(bench.run("client info"), format!("${}|{line}|", line.len()));
        bench.expect(&[("client setname \"\"", "+OK|"), ("client getname", "$-1|")]);
        bench.run("hello 3");
        assert!(bench.run("client info").starts_with("=290|txt:id=1 "), "{}", bench.run("client info"));
    }

    #[test]
    fn replies_can_be_switched_off() {
        let mut bench = Bench::new();
        bench.expect(&[("client reply foo", "-ERR syntax error|"), ("client reply off", "")]);
        assert_eq!(bench.session.replies, Replies::Off);
        bench.expect(&[("client reply skip", "")]);
        assert_eq!(bench.session.replies, Replies::Off);
        bench.expect(&[("client reply on", "+OK|"), ("client reply skip", "")]);
        assert_eq!(bench.session.replies, Replies::SkipNext);
    }

    #[test]
    fn wishes_are_remembered() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("client no-evict on", "+OK|"),
            ("client no-evict maybe", "-ERR syntax error|"),
            ("client no-touch ON", "+OK|"),
            ("client no-touch off", "+OK|"),
        ]);
        assert!(bench.session.no_evict && !bench.session.no_touch);
    }

    #[test]
    fn pauses_have_an_end_and_a_reach() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("client pause a", "-ERR timeout is not an integer or out of range|"),
            ("client pause -1", "-ERR timeout is negative|"),
            ("client pause a foo", "-ERR CLIENT PAUSE mode must be WRITE or ALL|"),
            (
                "client pause 1 write x",
                "-ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP.|",
            ),
            ("client pause 50 write", "+OK|"),
        ]);
        assert_eq!(bench.node.paused.get(), Some((Millis(1_000_050), Paused::Writes)));
        bench.expect(&[("client pause 50", "+OK|")]);
        assert_eq!(bench.node.paused.get(), Some((Millis(1_000_050), Paused::All)));
        bench.expect(&[("client unpause", "+OK|")]);
        assert_eq!(bench.node.paused.get(), None);
    }
}
