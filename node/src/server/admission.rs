//! Refusals, in one fixed order, a function each: known, right number of words, login, allowed here, paused, sizes,
//! memory. Whatever passes is carried out or queued.

use fastrand::Rng;
use larder_proto::resp::ArgRange;
use larder_proto::time::Millis;

use super::node::Shared;
use crate::commands::cluster::Endpoint;
use crate::commands::error::CommandError;
use crate::commands::perform::Request;
use crate::commands::session::Session;
use crate::commands::spec::{Flags, Keys, Run};
use crate::commands::table::CommandId;
use crate::limits;

/// What becomes of a request.
pub(super) enum Admitted<'r> {
    /// It may be carried out now.
    Now(Request<'r>),
    /// It is to be queued for EXEC.
    Queued(Request<'r>),
    /// It has to wait while commands are paused, until this moment at most.
    Paused(Millis),
}

/// Why a request is refused; of a known command, its row's number.
pub(super) struct Refused {
    pub(super) error: CommandError,
    pub(super) command: Option<u16>,
}

/// Passes a request or says why not. `command` is the row of its first word, if there is one.
#[inline]
pub(super) fn admit<'r>(
    (shared, session): (&Shared, &Session),
    (frame, words): (&'r [u8], &'r [ArgRange]),
    command: Option<CommandId>,
    now: Millis,
    random: &mut Rng,
) -> Result<Admitted<'r>, Refused> {
    let is_clustered = shared.is_clustered();
    let found = command.and_then(|id| shared.commands.rows().get(usize::from(id)));
    let row =
        shared.commands.resolve(found, frame, words).map_err(|error| Refused { error, command: None })?;
    let request = Request::new(row, frame, words);
    let refused = |error| Refused { error, command: Some(request.id) };
    logged_in(session, &request).map_err(refused)?;
    allowed_here(session, &request).map_err(refused)?;
    if let Some(until) = held_by_pause(shared, session, &request, now) {
        return Ok(Admitted::Paused(until));
    }
    sizes(shared, &request).map_err(refused)?;
    let is_queued = session.transaction.queue.is_some() && !request.spec.flags.has(Flags::NOT_QUEUED);
    // Where other nodes serve too, memory is looked at by whoever carries the request out.
    if is_queued || !is_clustered {
        memory(shared, session, &request, now, random).map_err(refused)?;
    }
    if is_queued {
        room_in_queue(session, &request).map_err(refused)?;
        return Ok(Admitted::Queued(request));
    }
    Ok(Admitted::Now(request))
}

#[inline]
fn logged_in(session: &Session, request: &Request<'_>) -> Result<(), CommandError> {
    if session.authenticated || request.spec.flags.has(Flags::NO_AUTH) {
        Ok(())
    } else {
        Err(CommandError::NoAuth)
    }
}

#[inline]
fn allowed_here(session: &Session, request: &Request<'_>) -> Result<(), CommandError> {
    if session.transaction.queue.is_some() && request.spec.flags.has(Flags::NO_MULTI) {
        return Err(CommandError::Plain("Command not allowed inside a transaction"));
    }
    if session.endpoint == Endpoint::Cluster && request.spec.flags.has(Flags::NO_CLUSTER) {
        let name = request.spec.name.to_ascii_uppercase();
        return Err(CommandError::Told(format!("{name} is not allowed in cluster mode")));
    }
    Ok(())
}

/// A transaction waits as a whole, at EXEC.
#[inline]
fn held_by_pause(shared: &Shared, session: &Session, request: &Request<'_>, now: Millis) -> Option<Millis> {
    let flags = request.spec.flags;
    let queueing = session.transaction.queue.is_some() && !flags.has(Flags::NOT_QUEUED);
    if queueing || flags.has(Flags::UNPAUSED) {
        return None;
    }
    let queue_writes = || match (&request.spec.run, &session.transaction.queue) {
        (Run::Exec, Some(queue)) => queue.commands.iter().any(|command| command.spec.writes()),
        _ => false,
    };
    shared.pause.holds(request.spec.writes() || queue_writes(), now)
}

#[inline]
fn sizes(shared: &Shared, request: &Request<'_>) -> Result<(), CommandError> {
    let key_bytes_max = shared.tunables.key_bytes_max();
    // No argument of a request this short can be too long a key.
    if request.frame.len() <= key_bytes_max || request.spec.keys == Keys::None {
        return Ok(());
    }
    if request.keys().any(|key| key.len() > key_bytes_max) {
        return Err(CommandError::Limit { what: "the key is longer than max-key allows" });
    }
    Ok(())
}

/// Makes room for what a request brings.
///
/// # Errors
/// There is none, and nothing may leave.
#[inline]
pub(super) fn memory(
    shared: &Shared,
    session: &Session,
    request: &Request<'_>,
    now: Millis,
    random: &mut Rng,
) -> Result<(), CommandError> {
    let queued = session.transaction.queue.is_some() && !request.spec.flags.has(Flags::NOT_QUEUED);
    let needed = match request.spec.run {
        _ if queued => request.frame.len(),
        Run::Write(_) if request.spec.flags.has(Flags::DENY_OOM) => request.frame.len(),
        Run::Exec => session.transaction.queue.as_ref().map_or(0, |queue| queue.bytes),
        _ => return Ok(()),
    };
    shared.store.make_room(needed + limits::ITEM_OVERHEAD_BYTES, now, random)?;
    Ok(())
}

fn room_in_queue(session: &Session, request: &Request<'_>) -> Result<(), CommandError> {
    let Some(queue) = &session.transaction.queue else { return Ok(()) };
    if queue.commands.len() >= limits::QUEUED_COMMANDS_MAX {
        return Err(CommandError::Limit { what: "a transaction holds at most 1048576 commands" });
    }
    if queue.bytes + request.frame.len() > limits::QUEUED_BYTES_MAX {
        return Err(CommandError::Limit { what: "the commands of a transaction take at most 256 MiB" });
    }
    Ok(())
}
