//! Every bound of the node that is not a setting, and what is derived from settings, with the relations between them
//! asserted. Handed down as values; each part gets its own.

use std::time::Duration;

use larder_proto::resp::Limits as RequestLimits;

/// Bytes that a worker reads from a connection at once.
pub const READ_BYTES: usize = 64 * 1024;

/// Bytes of replies that are collected before they are sent, though more requests are at hand. One reply more may
/// come on top.
pub const REPLY_BYTES_SOFT_MAX: usize = 256 * 1024;

/// Nanoseconds for which a worker holds replies back so that they are sent together with those of others that are ready.
pub const POST_HELD_NS_MAX: u64 = 250_000;

/// Bytes of replies that wait for a client while its further requests are still run: a client may send a long pipeline
/// before it reads.
pub const UNSENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// While buffers take more than this part of the memory limit, only the soft limit of replies may wait for a client.
pub const UNSENT_SHARE: usize = 8;

/// While buffers take more than this part of the memory limit, replies may be no larger than the soft limit.
pub const REPLY_SHARE: usize = 2;

/// Bytes that a connection takes beside its buffers: task, session, card, sockets' structures of the runtime.
pub const CONNECTION_BYTES: usize = 1_664;

/// How long nothing has to come from a client for its connection to be done with: longer than TCP waits before it sends
/// again what was dropped at a full window (200 ms).
pub const LAST_READ_TIME: Duration = Duration::from_millis(300);

/// Reads of a connection when the node stops: enough for what a client had sent, and an end for one that never stops.
pub const LAST_READS_MAX: usize = 16_384;

/// How long a closing connection is read from, so that its client sees the last replies.
pub const LINGER_TIME: Duration = Duration::from_secs(2);

/// A command that took longer than so many nanoseconds makes the batch look at the time of day again.
pub const NOW_STALE_NS: u64 = 500_000;

/// Bytes of a request and of its reply up to which a read of constant time is called short, and is timed together with
/// others.
pub const SHORT_BYTES_MAX: usize = 4_096;

/// Short reads that are timed together.
pub const SHORT_RUN_MAX: u32 = 64;

/// While commands count as slow from fewer microseconds than these, each is timed by itself.
pub const SLOW_EXACT_US: i64 = 1_000;

/// Requests of one connection that are read before the first of them is carried out.
pub const READ_AHEAD_MAX: usize = 64;

/// Keys that a connection watches.
pub const WATCHED_KEYS_MAX: usize = 65_536;

/// Bytes of those keys.
pub const WATCHED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Times that a write is tried while others take the room that was made for it.
pub const ROOM_TRIES_MAX: usize = 4;

/// Commands of one connection that are run before others of its worker get their turn.
pub const COMMANDS_PER_TURN: usize = 1_024;

/// Bytes of a request before the connection has logged in; Redis has the same two numbers.
pub const GUEST_BULK_BYTES_MAX: usize = 16_384;

/// Words of a request before the connection has logged in.
pub const GUEST_ARGUMENTS_MAX: usize = 10;

/// Words of a request.
pub const ARGUMENTS_MAX: usize = 1_048_576;

/// Bytes of an inline command.
pub const INLINE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a request beyond its largest argument.
pub const FRAME_OVERHEAD_BYTES: usize = 512 * 1024 * 1024;

/// Commands between MULTI and EXEC.
pub const QUEUED_COMMANDS_MAX: usize = 1_048_576;

/// Bytes of the commands between MULTI and EXEC.
pub const QUEUED_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Connections handed to a worker that it has not taken up yet.
pub const HANDOFF_MAX: usize = 1_024;

/// Bytes a new item takes beside the request's own: table and roster places, block headers.
pub const ITEM_OVERHEAD_BYTES: usize = 256;

/// Capacity from which an idle connection's buffers are given back.
pub const IDLE_BUFFER_BYTES_MAX: usize = 16 * 1024;

/// Words of a slow command that are kept, and bytes of each.
pub const SLOW_WORDS_MAX: usize = 32;

/// Bytes of a slow command's word that are kept.
pub const SLOW_WORD_BYTES_MAX: usize = 128;

/// Nanoseconds after which a connection with more requests at hand lets others have their turn.
pub const TURN_NS_MAX: u64 = 1_000_000;

/// Requests at hand from which on their items are fetched together.
pub const LOOK_AHEAD_MIN: usize = 2;

/// Milliseconds from one sweep through the store to the next: about as long a key's memory outlasts its deadline.
pub const SWEEP_ROUND_MS: u64 = 100;

/// Milliseconds that the sweep works before it rests for as long.
pub const SWEEP_STEP_MS: u64 = 1;

/// Milliseconds in which the times of use of all keys are looked through once: well before they wrap.
pub const REFRESH_ROUND_MS: u64 = 300_000;

/// Connections to the admin port that are served at the same time.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;

const _: () = assert!(GUEST_BULK_BYTES_MAX < READ_BYTES, "a guest's argument fits one read");
const _: () = assert!(INLINE_BYTES_MAX <= READ_BYTES, "an inline command fits one read");
const _: () = assert!(REPLY_BYTES_SOFT_MAX < UNSENT_BYTES_MAX);
const _: () = assert!(READ_AHEAD_MAX <= COMMANDS_PER_TURN);
const _: () = assert!(QUEUED_BYTES_MAX <= FRAME_OVERHEAD_BYTES);
const _: () = assert!(SWEEP_STEP_MS < SWEEP_ROUND_MS && SWEEP_ROUND_MS < REFRESH_ROUND_MS);

/// What a request may be, given `proto-max-bulk-len`.
#[must_use]
pub fn request_limits(bulk_bytes_max: usize) -> RequestLimits {
    RequestLimits {
        arguments_max: ARGUMENTS_MAX,
        bulk_bytes_max,
        inline_bytes_max: INLINE_BYTES_MAX,
        // Offsets within a request are 32 bits wide.
        frame_bytes_max: bulk_bytes_max.saturating_add(FRAME_OVERHEAD_BYTES).min(u32::MAX as usize),
    }
}

/// What a request may be before the connection has logged in.
#[must_use]
pub const fn guest_limits() -> RequestLimits {
    RequestLimits {
        arguments_max: GUEST_ARGUMENTS_MAX,
        bulk_bytes_max: GUEST_BULK_BYTES_MAX,
        inline_bytes_max: INLINE_BYTES_MAX,
        frame_bytes_max: GUEST_ARGUMENTS_MAX * GUEST_BULK_BYTES_MAX + 1_024,
    }
}
