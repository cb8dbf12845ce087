//! Every limit and default of the client in one place, with the relations that must hold.

use std::time::Duration;

/// What one call may take when the builder says nothing.
pub const TIME_BUDGET_DEFAULT: Duration = Duration::from_millis(500);
/// The longest time budget that can be set.
pub const TIME_BUDGET_MAX: Duration = Duration::from_secs(60);
/// The largest value that is stored or given, envelope included, when the builder says nothing: 2 MiB.
pub const VALUE_BYTES_DEFAULT: usize = 2 * 1024 * 1024;
/// The largest value size that can be allowed: what Redis takes by default.
pub const VALUE_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The longest key, prefix included.
pub const KEY_BYTES_MAX: usize = 32 * 1024;
/// The longest life of a value, in seconds; longer ones are cut to it.
pub const DURATION_SECONDS_MAX: i64 = 2_147_483_647;
/// Endpoints of one cache.
pub const ENDPOINTS_MAX: usize = 64;
/// External entries of one service.
pub const EXTERNAL_MAX: usize = larder_proto::external::ENTRIES_MAX;
/// Changes of external entries that wait for one before them.
pub const EXTERNAL_CHANGES_MAX: usize = 8;
/// How long calls stay with the old external cache while a new one is being connected to.
pub const EXTERNAL_SWITCH_PATIENCE: Duration = Duration::from_millis(400);
/// Time between two questions for the cluster's external entries.
pub const EXTERNAL_WATCH_INTERVAL: Duration = Duration::from_millis(250);
/// What one such question may take.
pub const EXTERNAL_WATCH_BUDGET: Duration = Duration::from_millis(200);
/// Time to the next question after the cluster refused to tell.
pub const EXTERNAL_WATCH_PAUSE: Duration = Duration::from_secs(5);
/// Time between two looks at the file of external entries.
pub const EXTERNAL_FILE_INTERVAL: Duration = Duration::from_secs(1);
/// The largest file of external entries.
pub const EXTERNAL_FILE_BYTES_MAX: usize = 1024 * 1024;
/// Nodes of one Redis Cluster that there is a connection to at once.
pub const CLUSTER_NODES_MAX: usize = 256;
/// Runs of slots of one Redis Cluster.
pub const CLUSTER_RUNS_MAX: usize = 16_384;
/// Replicas of one node of a Redis Cluster that are read from.
pub const CLUSTER_REPLICAS_MAX: usize = 16;
/// How long a replica may take for a read before the owner is asked.
pub const REPLICA_PATIENCE: Duration = Duration::from_millis(100);
/// Redirections that one call follows, its first destination counted.
pub const REDIRECTS_MAX: u32 = 5;
/// What asking one node for the slots may take.
pub const CLUSTER_SURVEY_BUDGET: Duration = Duration::from_millis(500);
/// The shortest time between two surveys.
pub const CLUSTER_SURVEY_PAUSE: Duration = Duration::from_millis(200);
/// Time between two questions whether the sentinels still name the same primary.
pub const SENTINEL_INTERVAL: Duration = Duration::from_secs(1);
/// Requests under way on one connection; more wait, within their budget.
pub const IN_FLIGHT_MAX: usize = 1024;
/// Stores that nobody waits for, under way at once; more are skipped and counted.
pub const BACKGROUND_STORES_MAX: usize = 256;

/// The most calls of a rate limit, and of one take.
pub const RATE_COUNT_MAX: u32 = larder_proto::window::COUNT_MAX;
/// The longest window of a rate limit: 366 days.
pub const RATE_PERIOD_MAX: Duration = Duration::from_millis(larder_proto::window::PERIOD_MS_MAX);
/// Keys of rate limits that are counted in this process while no store can be asked.
pub const RATE_KEYS_MAX: usize = 10_000;
/// The longest key that is kept for them; of longer ones a hash is.
pub const RATE_KEY_BYTES_MAX: usize = 256;
/// Keys that are looked at to find the one that is given up for another.
pub const RATE_KEYS_LOOKED_AT: usize = 16;

/// One connection attempt to an external cache that says nothing else.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// One connection attempt to an internal endpoint: they are in the region.
pub const INTERNAL_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One operation on an external cache that says nothing else.
pub const OPERATION_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// Time between pings when the connection string says nothing.
pub const KEEP_ALIVE_DEFAULT: Duration = Duration::from_secs(60);
/// What a ping may take on a connection that is in doubt.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
/// Attempts at start-up during which calls wait for the connection.
pub const CONNECT_RETRY_DEFAULT: u32 = 3;
/// How long a call waits for a connection that is being made, within its budget.
pub const CONNECT_PATIENCE: Duration = Duration::from_millis(250);
/// Operations timed out in a row that put a connection in doubt.
pub const TIMEOUTS_IN_A_ROW: u32 = 5;
/// A connection that lasted less counts as a failed attempt.
pub const STABLE_AFTER: Duration = Duration::from_secs(1);
/// The shortest pause between attempts.
pub const BACKOFF_MIN: Duration = Duration::from_millis(50);
/// The longest pause between attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// What a server's answer may have beyond twice the largest value: lists of nodes and entries. A connection on which a
/// larger one comes is closed.
pub const REPLY_BYTES_SLACK: usize = 4 * 1024 * 1024;
/// A line in an answer: a status, an error, a number, or the length of what follows.
pub const REPLY_LINE_BYTES_MAX: usize = 64 * 1024;
/// The answer of a CONNECT proxy.
pub const TUNNEL_ANSWER_BYTES: usize = 8 * 1024;

/// The largest body of a response that is stored when nothing is said: 2 MiB.
pub const RESPONSE_BODY_BYTES_DEFAULT: usize = 2 * 1024 * 1024;
/// The largest body of a response that can be allowed.
pub const RESPONSE_BODY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What the status, reason and headers of a stored response may take beside the body.
pub const RESPONSE_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bodies being captured and stored at once, all together: 256 MiB. What comes above is not stored.
pub const RESPONSE_CAPTURE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of a body that are read ahead of its receiver when nothing is said: 1 MiB.
pub const AHEAD_BYTES_DEFAULT: usize = 1024 * 1024;
/// Bytes of all bodies together that are read ahead, in a process or for a layer: 256 MiB. What comes above is read when it is asked
/// for.
pub const AHEAD_ROOM_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Stores of responses under way at once; more are not stored and counted.
pub const RESPONSE_STORES_MAX: usize = 256;
/// The longest readable key of a response; a longer one is hashed.
pub const RESPONSE_KEY_BYTES_MAX: usize = 512;
/// The longest value of a header or query parameter that a key holds as it is; a longer one is hashed.
pub const RESPONSE_KEY_PART_BYTES_MAX: usize = 96;
/// Headers, and query parameters, that one policy may vary by.
pub const VARY_NAMES_MAX: usize = 64;
/// Keys for which one request is under way and others may wait, in a process.
pub const FLIGHTS_MAX: usize = 16_384;
/// Requests that wait for another one's entry, per key; more go to the backend.
pub const FLIGHT_WAITERS_MAX: usize = 1024;
/// How long they wait when nothing is said.
pub const FLIGHT_WAIT_DEFAULT: Duration = Duration::from_secs(5);
/// The longest such wait that can be set.
pub const FLIGHT_WAIT_MAX: Duration = Duration::from_secs(60);
/// Responses for their callers alone (401, 403, 429) that a request waits for, one after the other, before it asks for itself.
pub const FLIGHT_OTHERS_MAX: u32 = 2;
/// How long nobody waits for a key whose response turned out not to be stored.
pub const FLIGHT_PAUSE: Duration = Duration::from_secs(10);
/// Such keys that are remembered.
pub const FLIGHT_PAUSES_MAX: usize = 4096;
/// APIs whose generation is remembered.
pub const GENERATIONS_MAX: usize = 4096;
/// How old the knowledge of a generation may be when nothing is said: a purge by another gateway shows
/// within this time.
pub const GENERATION_AGE_DEFAULT: Duration = Duration::from_secs(1);
/// Routes that the origin guard tells apart.
pub const ORIGIN_ROUTES_MAX: usize = 4096;
/// Requests that wait for their turn at the backend, per route; more are refused, or go on, at once.
pub const ORIGIN_WAITERS_MAX: usize = 1024;

/// The longest policy expression, with its `@(` and `)`, in bytes: 64 KiB.
pub const EXPRESSION_BYTES_MAX: usize = 64 * 1024;
/// How deep an expression, its statements, types and interpolated strings may be nested.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// Levels of the syntax tree of one expression, about: operators within one another count here, too.
pub const EXPRESSION_LEVELS_MAX: usize = 160;
/// Nodes of the syntax tree of one expression.
pub const EXPRESSION_NODES_MAX: usize = 10_000;
/// Brackets, and interpolated strings, open at one place of an expression while its end is looked for.
pub const EXPRESSION_BRACKETS_MAX: usize = 256;
/// Brackets and question marks after the name of a type, as in `int?[][]`.
pub const EXPRESSION_TYPE_SUFFIXES_MAX: usize = 4;

/// Errors of one expression that are told.
pub const EXPRESSION_ERRORS_MAX: usize = 20;
/// Parts of an expression that the compiler looks at; a lambda may be looked at several times.
pub const EXPRESSION_BINDINGS_MAX: usize = 200_000;

/// Operators, calls and statements that one evaluation carries out when nothing else is said.
pub const EVALUATION_STEPS_DEFAULT: u64 = 1_000_000;
/// Bytes that one evaluation makes when nothing else is said: 64 MiB.
pub const EVALUATION_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;
/// The time of one evaluation when nothing else is said.
pub const EVALUATION_TIME_DEFAULT: Duration = Duration::from_millis(250);
/// Operators, calls and statements within one another while an expression runs.
pub const EVALUATION_DEPTH_MAX: u32 = 1000;
/// Bytes of the texts that are handed to a member which count as one step: members walk through them.
pub const EVALUATION_BYTES_PER_STEP: usize = 1024;
/// Steps between two looks at the clock.
pub const EVALUATION_STEPS_PER_CLOCK: u32 = 1000;

/// The longest policy document or fragment, before and after named values have been put in: 1 MiB.
pub const POLICY_BYTES_MAX: usize = 1024 * 1024;
/// Elements within elements.
pub const POLICY_DEPTH_MAX: usize = 64;
/// Elements of one document or fragment.
pub const POLICY_ELEMENTS_MAX: usize = 10_000;
/// Attributes of one element.
pub const POLICY_ATTRIBUTES_MAX: usize = 100;
/// Errors of one policy that are reported, and as many warnings.
pub const POLICY_PROBLEMS_MAX: usize = 100;
/// Fragments within fragments.
pub const POLICY_FRAGMENT_DEPTH_MAX: usize = 16;
/// Fragments of one policy, used or not.
pub const POLICY_FRAGMENTS_MAX: usize = 1000;
/// The longest name of a named value.
pub const POLICY_NAME_BYTES_MAX: usize = 256;

/// The longest body that is read for an expression when the builder says nothing: 4 MiB.
pub const ENGINE_BODY_BYTES_DEFAULT: usize = 4 * 1024 * 1024;
/// Blocks of statements within one another while they run: branches, fragments, scopes.
pub const ENGINE_DEPTH_MAX: usize = 128;
/// Events that are told of one request.
pub const ENGINE_EVENTS_MAX: usize = 1000;
/// Values that `cache-value` makes at once with others waiting; what is more is made by each for itself.
pub const ENGINE_FLIGHTS_MAX: usize = 10_000;
/// Requests that wait for a value that another one makes, per key; more make it for themselves.
pub const ENGINE_FLIGHT_WAITERS_MAX: usize = 1024;
/// How long a request waits for a value that another one makes.
pub const ENGINE_FLIGHT_WAIT: Duration = Duration::from_secs(10);
/// How often a request waits for others that fail before it makes the value itself.
pub const ENGINE_FLIGHT_ATTEMPTS: usize = 3;
/// Rate limits of one request that count after the response; what is more counts as
/// one call at once. As many counters of `rate-limit` are remembered so that a call counts once in each.
pub const ENGINE_COUNTS_MAX: usize = 100;
/// Requests whose clients have left and whose calls are being counted all the same, at once; those of more
/// are not counted, and the log says so.
pub const ENGINE_LATE_COUNTS_MAX: usize = 1024;
/// What the backend may take to answer when no `forward-request` says otherwise.
pub const FORWARD_TIMEOUT_DEFAULT: Duration = Duration::from_secs(300);

const _: () = {
    assert!(EXPRESSION_DEPTH_MAX <= EXPRESSION_BRACKETS_MAX);
    assert!(EXPRESSION_DEPTH_MAX < EXPRESSION_LEVELS_MAX);
    assert!(EXPRESSION_BYTES_MAX <= u32::MAX as usize);
    assert!(EXPRESSION_BYTES_MAX < POLICY_BYTES_MAX);
    // Places are kept as 32-bit offsets.
    assert!(POLICY_BYTES_MAX <= u32::MAX as usize);
    assert!(VALUE_BYTES_DEFAULT <= VALUE_BYTES_MAX);
    assert!(TIME_BUDGET_DEFAULT.as_millis() <= TIME_BUDGET_MAX.as_millis());
    assert!(CONNECT_PATIENCE.as_millis() <= TIME_BUDGET_DEFAULT.as_millis());
    assert!(RATE_KEYS_LOOKED_AT < RATE_KEYS_MAX);
    assert!(RESPONSE_BODY_BYTES_DEFAULT <= RESPONSE_BODY_BYTES_MAX);
    assert!(RESPONSE_BODY_BYTES_MAX <= RESPONSE_CAPTURE_BYTES_MAX);
    assert!(RESPONSE_BODY_BYTES_MAX + RESPONSE_HEAD_BYTES_MAX <= VALUE_BYTES_MAX);
    assert!(RESPONSE_KEY_BYTES_MAX < KEY_BYTES_MAX);
    assert!(FLIGHT_WAIT_DEFAULT.as_millis() <= FLIGHT_WAIT_MAX.as_millis());
    assert!(BACKOFF_MIN.as_millis() < BACKOFF_MAX.as_millis());
    assert!(DURATION_SECONDS_MAX == i32::MAX as i64);
};
