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
pub const EXTERNAL_MAX: usize = 100;
/// Requests under way on one connection; more wait, within their budget.
pub const IN_FLIGHT_MAX: usize = 1024;
/// Stores that nobody waits for, under way at once; more are skipped and counted.
pub const BACKGROUND_STORES_MAX: usize = 256;

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
/// The answer of a CONNECT proxy.
pub const TUNNEL_ANSWER_BYTES: usize = 8 * 1024;

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
    assert!(BACKOFF_MIN.as_millis() < BACKOFF_MAX.as_millis());
    assert!(DURATION_SECONDS_MAX == i32::MAX as i64);
};
