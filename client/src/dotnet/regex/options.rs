//! `RegexOptions`.

/// `RegexOptions`, as .NET numbers them; `Compiled` and `CultureInvariant` change nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Options(pub i32);

impl Options {
    /// `None`
    pub const NONE: Self = Self(0);
    /// `IgnoreCase`
    pub const IGNORE_CASE: Self = Self(1);
    /// `Multiline`: `^` and `$` match at every line.
    pub const MULTILINE: Self = Self(2);
    /// `ExplicitCapture`: brackets without a name do not capture.
    pub const EXPLICIT_CAPTURE: Self = Self(4);
    /// `Singleline`: a point matches a line feed too.
    pub const SINGLELINE: Self = Self(16);
    /// `IgnorePatternWhitespace`
    pub const IGNORE_PATTERN_WHITESPACE: Self = Self(32);
    /// `RightToLeft`, which is refused.
    pub const RIGHT_TO_LEFT: Self = Self(64);
    /// `ECMAScript`, which is refused.
    pub const ECMA_SCRIPT: Self = Self(256);

    /// Whether all of the others are among these.
    #[must_use]
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
