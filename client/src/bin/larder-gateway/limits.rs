//! Every limit of the gateway that is no setting, and the bounds of those that are.

use std::time::Duration;

/// Connections of clients at the same time, at most.
pub(crate) const CONNECTIONS_MAX: usize = 100_000;
/// The head of a request, at most: the client's bytes are held until it is whole.
pub(crate) const HEADER_BYTES_MAX: usize = 1024 * 1024;
/// The least that hyper reads at once.
pub(crate) const HEADER_BYTES_MIN: usize = 8 * 1024;
/// Fields of a head; more are a 431.
pub(crate) const HEADERS_MAX: usize = 100;
/// The body of a request, at most: 1 TiB.
pub(crate) const BODY_BYTES_MAX: u64 = 1 << 40;
/// The least that the largest stored value can be set to.
pub(crate) const VALUE_BYTES_MIN: usize = 1024;
/// Any time that is set in seconds.
pub(crate) const SECONDS_MAX: u64 = 3600;
/// Bytes of an answer that the system takes beyond what a client has room for: 16 KiB. It takes more once half of them are
/// gone, which at the lowest rate is within a pause.
pub(crate) const UNSENT_BYTES_MAX: u32 = 16 * 1024;
/// The waiting for a client during one body: a day.
pub(crate) const BODY_TOTAL_SECONDS_MAX: u64 = 86_400;
/// The most bytes a second that can be asked of a client: 1 GiB.
pub(crate) const RATE_MAX: u64 = 1 << 30;
/// Bytes of one body that are read ahead: 64 MiB. For all of them together the crate has a limit.
pub(crate) const BUFFER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long past its end an entry may be used: a day.
pub(crate) const STALE_SECONDS_MAX: u64 = 86_400;
/// Requests to one backend at the same time, at most.
pub(crate) const BACKEND_REQUESTS_MAX: usize = 100_000;
/// How long a request waits for its turn at a busy backend; then it is a 503.
pub(crate) const BACKEND_PATIENCE: Duration = Duration::from_secs(1);
/// Idle connections that are kept for one backend.
pub(crate) const BACKEND_IDLE_MAX: usize = 256;
/// Routes of one gateway.
pub(crate) const ROUTES_MAX: usize = 1000;
/// Segments of a route's path.
pub(crate) const SEGMENTS_MAX: usize = 64;
/// Subscriptions of one gateway.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 100_000;
/// Users of one gateway.
pub(crate) const USERS_MAX: usize = 100_000;
/// Groups of one user.
pub(crate) const GROUPS_MAX: usize = 100;
/// Named values of one gateway.
pub(crate) const NAMED_VALUES_MAX: usize = 10_000;
/// Fragments of one gateway, used or not: as many as one policy may include.
pub(crate) const FRAGMENTS_MAX: usize = larder_client::limits::POLICY_FRAGMENTS_MAX;
/// The longest file with settings: 4 MiB.
pub(crate) const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Files with settings.
pub(crate) const FILES_MAX: usize = 16;
/// How long the start waits for the caches: a request that comes before the connection is there misses.
pub(crate) const CONNECT_WAIT: Duration = Duration::from_millis(500);
/// The pause after a connection that could not be accepted: file descriptors have run out, most likely.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections to the admin listener; more wait.
pub(crate) const ADMIN_CONNECTIONS_MAX: usize = 16;
/// Until the head of a request to it is whole.
pub(crate) const ADMIN_HEADER_TIME_MAX: Duration = Duration::from_secs(10);
/// Lines of a trace, each a header of the answer.
pub(crate) const TRACE_LINES_MAX: usize = 64;
/// Bytes of such a line: a longer key is cut.
pub(crate) const TRACE_LINE_BYTES_MAX: usize = 512;
/// Open files for everything that is no connection: listeners, caches, the runtime, standard streams.
pub(crate) const OPEN_FILES_RESERVED: u64 = 128;

const _: () = assert!(HEADER_BYTES_MIN < HEADER_BYTES_MAX);
