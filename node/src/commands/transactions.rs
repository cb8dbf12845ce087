//! The family of transactions: commands that are queued and then run as one, unless a watched key changed.

use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::error::CommandError;
use super::perform::end_watches;
use super::session::{Queue, Transaction};
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};
use crate::limits::{WATCHED_BYTES_MAX, WATCHED_KEYS_MAX};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "multi",
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: Flags::FAST.and(Flags::NOT_QUEUED).and(Flags::NO_SCRIPT),
        group: Group::Transactions,
        since: "1.2.0",
        summary: "Starts a transaction.",
        syntax: "",
        run: Run::Session(multi),
    },
    Spec {
        name: "exec",
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: Flags::NOT_QUEUED.and(Flags::NO_SCRIPT).and(Flags::MAY_WRITE),
        group: Group::Transactions,
        since: "1.2.0",
        summary: "Executes all commands in a transaction.",
        syntax: "",
        run: Run::Exec,
    },
    Spec {
        name: "discard",
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: Flags::FAST.and(Flags::NOT_QUEUED).and(Flags::NO_SCRIPT),
        group: Group::Transactions,
        since: "2.0.0",
        summary: "Discards a transaction.",
        syntax: "",
        run: Run::Session(discard),
    },
    Spec {
        name: "watch",
        arity: Arity::AtLeast(2),
        keys: Keys::From { first: 1, step: 1 },
        flags: Flags::FAST.and(Flags::NOT_QUEUED).and(Flags::NO_SCRIPT),
        group: Group::Transactions,
        since: "2.2.0",
        summary: "Monitors changes to keys to determine the execution of a transaction.",
        syntax: "key [key ...]",
        run: Run::Session(watch),
    },
    Spec {
        name: "unwatch",
        arity: Arity::Exactly(1),
        keys: Keys::None,
        flags: Flags::FAST.and(Flags::NO_SCRIPT),
        group: Group::Transactions,
        since: "2.2.0",
        summary: "Forgets about watched keys of a transaction.",
        syntax: "",
        run: Run::Session(unwatch),
    },
];
const _: () = check(ROWS);

fn multi(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    args.end()?;
    if cx.session.transaction.queue.is_some() {
        return Err(CommandError::Plain("MULTI calls can not be nested"));
    }
    cx.session.transaction.queue = Some(Queue::default());
    out.ok();
    Ok(())
}

fn discard(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    args.end()?;
    if cx.session.transaction.queue.is_none() {
        return Err(CommandError::WithoutMulti { command: "DISCARD" });
    }
    end_transaction(cx);
    out.ok();
    Ok(())
}

fn watch(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let transaction = &mut cx.session.transaction;
    if transaction.queue.is_some() {
        return Err(CommandError::NotInTransaction { command: "WATCH" });
    }
    if transaction.watched.len() + args.len() > WATCHED_KEYS_MAX {
        return Err(CommandError::Limit { what: "a connection watches at most 65536 keys" });
    }
    let bytes: usize = args.rest().map(<[u8]>::len).sum();
    if transaction.watched_bytes + bytes > WATCHED_BYTES_MAX {
        return Err(CommandError::Limit { what: "the keys that a connection watches take at most 4 MiB" });
    }
    transaction.watched_bytes += bytes;
    for key in args.rest() {
        transaction.watched.push(cx.store.watch(cx.session.database, key, &transaction.watch, cx.now));
    }
    out.ok();
    Ok(())
}

fn unwatch(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    args.end()?;
    // Queued in a transaction, it comes when the watches are over anyway.
    if cx.session.transaction.queue.is_none() {
        end_transaction(cx);
    }
    out.ok();
    Ok(())
}

/// Forgets queue and watches.
pub(super) fn end_transaction(cx: &mut SessionCx<'_>) {
    let transaction: Transaction = std::mem::take(&mut cx.session.transaction);
    end_watches(cx.store, &transaction);
}
