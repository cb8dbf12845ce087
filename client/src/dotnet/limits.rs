//! What the functions of this module make and read at most.

/// Levels of objects and arrays in a JSON document: what Newtonsoft's reader allows.
pub const JSON_DEPTH_MAX: usize = 64;
/// Places that a JSON path leads to, at most, after any of its steps.
pub const JSON_SELECTED_MAX: usize = 100_000;
/// The longest JSON text that is read: 16 MiB.
pub const JSON_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest text or byte array that a single call makes: 16 MiB.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The largest precision of a standard number format, as `F20`; .NET takes up to 999,999,999.
pub const PRECISION_MAX: usize = 999;
/// The longest format string of a number, a date or a time span.
pub const FORMAT_BYTES_MAX: usize = 1024;
/// The longest pattern of a regular expression.
pub const REGEX_PATTERN_BYTES_MAX: usize = 8 * 1024;
/// What a compiled regular expression may take.
pub const REGEX_COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Compiled regular expressions that are kept.
pub const REGEX_CACHED_MAX: usize = 64;
/// Matches that one call gives, at most.
pub const REGEX_MATCHES_MAX: usize = 100_000;
/// Parts that a text is split into, at most.
pub const PARTS_MAX: usize = 1_000_000;
/// Anonymous objects, pairs and tuples within one another that are printed and compared.
pub const RECORD_DEPTH_MAX: usize = 64;
