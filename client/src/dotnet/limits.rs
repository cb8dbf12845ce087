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
/// What one search with a regular expression may take: the weight of the pattern, which is about its length with
/// everything repeated written out, times the bytes of the text. The engine does a few nanoseconds of work for each at
/// the worst, and nothing interrupts it: less than a second. 4 MiB of text may be searched with a pattern of weight 32.
pub const REGEX_WORK_MAX: u64 = 1 << 27;
/// Groups that make every step of a search as expensive again.
pub const REGEX_GROUPS_PER_WEIGHT: u64 = 8;
/// Characters of all classes of a pattern whose other case is looked for, if letters match in either case: that takes
/// longer than all else in compiling it, 0.1 s.
pub const REGEX_FOLDED_MAX: u32 = 1_000_000;
/// As how many characters a named class, as `\w`, counts there.
pub const REGEX_FOLDED_SET: u32 = 10_000;
/// Compiled regular expressions that are kept.
pub const REGEX_CACHED_MAX: usize = 64;
/// Matches that one call gives, at most.
pub const REGEX_MATCHES_MAX: usize = 100_000;
/// Parts that a text is split into, at most.
pub const PARTS_MAX: usize = 1_000_000;
/// The bytes of one token of a JSON tree, about.
pub const JSON_TOKEN_BYTES: usize = 128;
/// Anonymous objects, pairs and tuples within one another that are printed and compared.
pub const RECORD_DEPTH_MAX: usize = 64;
/// Members of such an object, those within others counted, that are compared: one object may stand in many places. Objects
/// with more are not equal.
pub const RECORD_PARTS_MAX: usize = 10_000;
/// Members of such an object that its place in a set or dictionary is found by.
pub const RECORD_PARTS_HASHED: usize = 256;
