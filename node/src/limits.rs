//! Every bound of the node that is not a setting, and what is derived from settings, with the relations between them
//! asserted. Handed down as values; each part gets its own.

use larder_proto::resp::Limits as RequestLimits;

/// Bytes that a worker reads from a connection at once.
pub const READ_BYTES: usize = 64 * 1024;

/// Bytes of replies that are collected before they are sent, though more requests are at hand. One reply more may
/// come on top.
pub const REPLY_BYTES_SOFT_MAX: usize = 256 * 1024;

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

/// Milliseconds in which every partition is swept once.
pub const SWEEP_ROUND_MS: u64 = 1_000;

/// Milliseconds between two steps of the sweep.
pub const SWEEP_STEP_MS: u64 = 10;

/// Connections to the admin port that are served at the same time.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;

const _: () = assert!(GUEST_BULK_BYTES_MAX < READ_BYTES, "a guest's argument fits one read");
const _: () = assert!(INLINE_BYTES_MAX <= READ_BYTES, "an inline command fits one read");
const _: () = assert!(SWEEP_ROUND_MS.is_multiple_of(SWEEP_STEP_MS));

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
