//! The window of [`larder_proto::window`] as a script, for a Redis that does not know `LARDER.LIMIT`.

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// The script and the name under which a server remembers it.
pub(crate) struct LimitScript;

impl LimitScript {
    /// The text, for EVAL.
    pub(crate) const TEXT: &str = include_str!("limit.lua");

    /// The SHA-1 of the text in hexadecimal digits, for EVALSHA.
    pub(crate) fn sha() -> &'static str {
        static SHA: OnceLock<String> = OnceLock::new();
        SHA.get_or_init(|| {
            let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, Self::TEXT.as_bytes());
            hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
        })
    }
}
