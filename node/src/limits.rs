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

/// How long a client that goes on asking is answered when the node stops. What is unanswered then was not read.
pub const LAST_ANSWERS_TIME: Duration = Duration::from_secs(1);

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

/// Bytes of what the admin port is sent: a hundred external caches with descriptions take about half.
pub const ADMIN_BODY_BYTES_MAX: usize = 2 * 1024 * 1024;

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

/// How long two nodes have to introduce themselves to each other.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// Bytes of an introduction.
pub const INTRODUCTION_BYTES_MAX: usize = 4 * 1024;

/// Bytes that are read from a connection between nodes at once.
pub const LINK_READ_BYTES: usize = 32 * 1024;

/// Capacity up to which the buffers of a connection between nodes are kept though they are empty.
pub const LINK_BUFFER_BYTES_KEPT: usize = 512 * 1024;

/// Bytes of a message of the control plane: a snapshot of its state is the largest.
pub const CONTROL_FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Calls that wait for one other node, and requests of one connection that are handled at the same time.
pub const CONTROL_CALLS_MAX: usize = 256;

/// Control connections that other nodes have opened: each opens one, and one more for a question now and then.
pub const CONTROL_LINKS_MAX: usize = 1_024;

/// Changes, questions and requests to leave that wait for the control loop.
pub const CONTROL_ORDERS_MAX: usize = 4_096;

/// How long another node has to make entries of Raft's log safe on its disk, before they are sent again.
pub const RAFT_APPEND_TIME_MAX: Duration = Duration::from_millis(250);

/// Bytes of calls that are handed to the network at once; one call more may come on top.
pub const CONTROL_BATCH_BYTES: usize = 256 * 1024;

/// Bytes of answers that wait for the other side before no more of its requests are taken in.
pub const CONTROL_ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// How long an address has to answer before the next one is tried: shorter than TCP waits before it asks a second time.
pub const CONNECT_TIME_MAX: Duration = Duration::from_millis(500);

/// How long nothing comes though there are calls, before another connection is tried: much shorter than TCP takes to
/// notice.
pub const CONTROL_SILENCE_MAX: Duration = Duration::from_millis(500);

/// The pause after a connection was lost, and the longest one after it was refused again and again.
pub const CONTROL_PAUSE_MIN: Duration = Duration::from_millis(10);

/// See [`CONTROL_PAUSE_MIN`].
pub const CONTROL_PAUSE_MAX: Duration = Duration::from_millis(250);

/// Bytes of a message of a connection between nodes that carries requests or effects: the largest value that may be set,
/// with room for what goes around it.
pub const LINK_FRAME_BYTES_MAX: usize = 2 * 1024 * 1024 * 1024;

/// Replies of one connection that wait for copies or for other nodes.
pub const PENDING_SLOTS_MAX: usize = 4_096;

/// Bytes of requests and replies that are kept for them; one may come on top.
pub const PENDING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of a write that is kept until the copies have what it did, so that it can be tried again at another node.
pub const KEPT_FRAME_BYTES_MAX: usize = 16 * 1024;

/// Requests of one worker to one other node that are not answered.
pub const FORWARDS_MAX: usize = 16_384;

/// Bytes of requests that wait to be sent to one other node; one may come on top.
pub const FORWARD_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long a node may leave requests unanswered without answering any, before the link to it is given up.
pub const FORWARD_SILENCE_MAX: Duration = Duration::from_secs(3);

/// How long opening a link to a node may take.
pub const PEER_CONNECT_TIME: Duration = Duration::from_secs(2);

/// How long after a link broke or could not be opened it is tried again.
pub const PEER_PAUSE: Duration = Duration::from_millis(20);

/// Messages from another node that are taken in before others of the worker get their turn.
pub const FRAMES_PER_TURN: usize = 256;

/// Clients of another node of which it is remembered that something of theirs was refused. If there are more the link ends, and all
/// that was under way on it is sent again.
pub const REFUSED_CLIENTS_MAX: usize = 16_384;

/// Steps of one scan that find nothing before the client is told so.
pub const SCAN_STEPS_MAX: usize = 128;

/// Clients of another node that this one watches keys for, on one link.
pub const WATCHING_CLIENTS_MAX: usize = 65_536;

/// Replies to another node that wait for copies.
pub const PEER_WAITING_MAX: usize = 16_384;

/// Bytes of those replies; one may come on top.
pub const PEER_WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Replies that wait for copies together. More are held back less long than that they would leave together.
pub const RUN_REPLIES_MAX: usize = 128;

/// Runs of such replies whose memory a worker keeps for others.
pub const RUNS_KEPT: usize = 64;

/// Bytes of one up to which it does.
pub const RUN_BYTES_KEPT: usize = 16 * 1024;

/// How long a request that could not be placed waits before it is tried again, if nothing changes.
pub const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// How long an answer is waited for that a node owes which no longer serves the keys.
pub const MOVED_TIME_MAX: Duration = Duration::from_millis(100);

/// For how long after a partition got another owner clients that know the cluster are served as others are: not every node and
/// client knows of it yet.
pub const MOVE_UNKNOWN_TIME: Duration = Duration::from_secs(1);

/// How long a client that knows the cluster is not sent to a node that this one cannot reach: another may be about to take its
/// place.
pub const UNREACHED_TIME_MAX: Duration = Duration::from_millis(1_500);

/// How long a request waits for a node that serves its keys.
pub const RETRY_MS: u64 = 5_000;

const _: () = assert!(KEPT_FRAME_BYTES_MAX <= PENDING_BYTES_MAX);

/// Bytes of effects that lie together while they wait to be sent and acknowledged.
pub const FEED_CHUNK_BYTES: usize = 32 * 1024;

/// Part of the memory limit that the effects for one other node may take while they wait, and its bounds in bytes.
pub const FEED_SHARE: usize = 32;
/// At least so many.
pub const FEED_BYTES_MIN: usize = 1024 * 1024;
/// At most so many.
pub const FEED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of keys that are under way to the copies at one node at most, and what clients write waits behind.
pub const FILL_AHEAD_BYTES_MAX: usize = 256 * 1024;

/// At least so many, however long they take: copies are filled while clients keep everything busy.
pub const FILL_AHEAD_BYTES_MIN: usize = 16 * 1024;

/// How much longer than usual an acknowledgement may take before less is sent ahead.
pub const FILL_DELAY_MAX: Duration = Duration::from_micros(500);

/// Bytes of keys that are copied out under one lock. One large key may be more.
pub const FILL_STEP_BYTES: usize = 16 * 1024;

/// At least so many, however long that takes.
pub const FILL_STEP_BYTES_MIN: usize = 1024;

/// How long one such step may hold its lock: the next has half as many bytes if it took longer.
pub const FILL_STEP_TIME_MAX: Duration = Duration::from_micros(50);

/// For how many times as long as keys were copied out a node does not copy any: clients are served meanwhile, here and where the
/// copies are, which are busy for about as long.
pub const FILL_RESTS: u64 = 2;

/// A step that took longer, of a huge key or of a process that was stopped, counts as this long.
pub const FILL_REST_STEP_MAX: Duration = Duration::from_millis(50);

/// As soon as so much rest is due it is taken. Shorter ones are not to be had from the timer.
pub const FILL_REST_MIN: Duration = Duration::from_millis(1);

/// How long a copy that did not take what it was sent is left alone before it is filled again, at first and at last.
pub const FILL_PAUSE_MIN: Duration = Duration::from_secs(1);
/// At last.
pub const FILL_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Bytes of keys that a copy takes in before it acknowledges them and lets others of the thread have their turn.
pub const FILL_TURN_BYTES: usize = 16 * 1024;

/// Messages of a stream that are applied before they are acknowledged, and others of the thread get their turn.
pub const APPLIED_PER_TURN: usize = 512;

/// Of these, as many are read before the first is applied, so that memory is fetched for all of them at once.
pub const APPLIED_TOGETHER: usize = 32;

/// How long a copy may acknowledge nothing, though something waits, before it is to be dropped.
pub const COPY_SILENCE_MAX: Duration = Duration::from_secs(1);

/// Bytes in a second that a copy is believed to need no longer for, where one message is large.
pub const COPY_BYTES_PER_SECOND: usize = 16 * 1024 * 1024;

/// How often the copies are looked after.
pub const COPY_ROUND_TIME: Duration = Duration::from_millis(100);

/// How long an owner that is to hand over waits for its copies before it goes on serving.
pub const HAND_OVER_TIME_MAX: Duration = Duration::from_millis(1_500);

/// How long a partition whose copies were late is served on before it may be handed over again.
pub const HAND_OVER_PAUSE: Duration = Duration::from_secs(1);

/// Partitions that are handed over together.
pub const HAND_OVER_MAX: usize = 64;

/// Connections of other nodes that are being introduced at the same time.
pub const LINKS_OPENING_MAX: usize = 256;

/// Streams from other nodes that are open at the same time.
pub const STREAM_LINKS_MAX: usize = 1_024;

/// How long the control loop may take to say what it sees.
pub const CONTROL_STATUS_TIME: Duration = Duration::from_secs(1);

/// The port for other nodes is so many above that for clients.
pub const LINK_PORT_OFFSET: u16 = 2;

/// Bytes of effects that are handed to a connection at once.
pub const STREAM_PIECE_BYTES: usize = 64 * 1024;

/// Bytes of effects that are sent though those sent before are not acknowledged yet; fewer wait for that, to leave together.
pub const STREAM_COLLECTED_BYTES: usize = 64 * 1024;

const _: () = assert!(STREAM_COLLECTED_BYTES <= STREAM_PIECE_BYTES);

/// How long the receiver of a stream waits for the cluster to tell it what the sender knows already.
pub const EPOCH_WAIT_MAX: Duration = Duration::from_secs(10);

/// How long it waits at once, before it looks whether the sender has opened another connection.
pub const EPOCH_LOOK_TIME: Duration = Duration::from_millis(250);

/// Copies at one node that are filled at the same time.
pub const FILLS_PER_NODE: usize = 2;

/// Rounds of looking after copies between two looks at remembered writes.
pub const FORGET_ROUNDS: u32 = 10;

/// Such looks after which the writes of an origin that sent nothing more are forgotten: longer than anybody retries.
pub const FORGET_LOOKS: u32 = 600;

/// How long an attempt to connect to another node may take.
pub const LINK_CONNECT_TIME_MAX: Duration = Duration::from_secs(1);

/// How long to wait before another attempt to reach a node, at first and at last.
pub const LINK_RETRY_TIME_MIN: Duration = Duration::from_millis(20);
/// At last.
pub const LINK_RETRY_TIME_MAX: Duration = Duration::from_millis(500);

/// How long to wait before a proposal is made again.
pub const PROPOSAL_RETRY_TIME: Duration = Duration::from_millis(100);

/// How often replication looks whether a partition can be locked before it makes pauses.
pub const LOCK_LOOKS_MAX: usize = 32;

/// Pause between two such looks.
pub const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// How long replication looks before it waits for the lock itself, and everything else on its thread with it.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Steps in one proposal.
pub const PROPOSED_STEPS_MAX: usize = 256;

/// Bytes of a reply that is remembered.
pub const REMEMBERED_REPLY_BYTES_MAX: usize = 64 * 1024;

/// Writes of one origin that one partition remembers.
pub const REMEMBERED_WRITES_MAX: usize = 1_024;

/// Bytes of all writes that are remembered, beyond which replies are not.
pub const REMEMBERED_BYTES_MAX: i64 = 16 * 1024 * 1024;

const _: () = assert!(FEED_CHUNK_BYTES < FEED_BYTES_MIN && FEED_BYTES_MIN < FEED_BYTES_MAX);
const _: () = assert!(FILL_AHEAD_BYTES_MAX + FILLS_PER_NODE * FILL_STEP_BYTES <= FEED_BYTES_MIN / 2);
const _: () = assert!(INTRODUCTION_BYTES_MAX < LINK_READ_BYTES && LINK_READ_BYTES <= LINK_BUFFER_BYTES_KEPT);
const _: () = assert!(LINK_FRAME_BYTES_MAX <= u32::MAX as usize, "four bytes say how long a frame is");
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
