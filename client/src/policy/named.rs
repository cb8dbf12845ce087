//! Named values: `{{name}}` becomes its value, as text, before anything else is read. One pass: what a
//! value holds is not looked at again.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use super::source::{Replaced, Source};
use crate::external::Secret;
use crate::limits::{POLICY_BYTES_MAX, POLICY_NAME_BYTES_MAX};

/// The values that `{{name}}` stands for. Any of them may be a secret: printing them shows names only,
/// and no error quotes one.
///
/// A name has letters, digits, `.`, `-` and `_`, at most 256 of them, without blanks between the
/// brackets; anything else in double brackets is text. Names differ by case.
#[derive(Clone, Default)]
pub struct NamedValues {
    values: HashMap<String, Secret>,
}

impl NamedValues {
    /// No values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, or changes it.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.values.insert(name.into(), Secret::new(value));
        self
    }
}

impl fmt::Debug for NamedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&String> = self.values.keys().collect();
        names.sort();
        f.debug_set().entries(names).finish()
    }
}

/// A text with its values, and the names that have none (bytes of the text that is read).
pub(super) struct Named {
    pub(super) source: Source,
    pub(super) unknown: Vec<Range<usize>>,
    /// The text is too long, or becomes so; then nothing of it is read.
    pub(super) too_long: bool,
}

/// Puts the values in.
pub(super) fn put_in(values: &NamedValues, fragment: Option<Arc<str>>, written: &str) -> Named {
    let written = written.strip_prefix('\u{FEFF}').unwrap_or(written);
    if written.len() > POLICY_BYTES_MAX {
        let source = Source::new(fragment, "".into(), String::new(), Vec::new());
        return Named { source, unknown: Vec::new(), too_long: true };
    }
    let (mut text, mut copied) = (String::with_capacity(written.len()), 0);
    let (mut replaced, mut unknown, mut too_long) = (Vec::new(), Vec::new(), false);
    for name in names(written) {
        text.push_str(&written[copied..name.start]);
        copied = name.end;
        let start = text.len();
        match values.values.get(&written[name.start + 2..name.end - 2]) {
            Some(value) if text.len() + value.reveal().len() > POLICY_BYTES_MAX => too_long = true,
            Some(value) => {
                text.push_str(value.reveal());
                replaced.push(Replaced { value: start..text.len(), name });
            }
            None => {
                text.push_str(&written[name]);
                unknown.push(start..text.len());
            }
        }
        if too_long {
            break;
        }
    }
    text.push_str(&written[copied..]);
    too_long |= text.len() > POLICY_BYTES_MAX;
    let source = Source::new(fragment, written.into(), text, replaced);
    Named { source, unknown, too_long }
}

/// Every `{{name}}` of a text, in its order.
fn names(written: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = written.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(found) = memmem::find(&bytes[at..], b"{{") {
            let start = at + found;
            let rest = &bytes[start + 2..];
            let rest = &rest[..rest.len().min(POLICY_NAME_BYTES_MAX + 1)];
            let length = rest.iter().take_while(|byte| is_name(**byte)).count();
            let end = start + 2 + length;
            if length > 0 && bytes[end..].starts_with(b"}}") {
                at = end + 2;
                return Some(start..at);
            }
            // The second bracket may be the first of another pair; a name has no brackets.
            at = if length > 0 { end } else { start + 1 };
        }
        None
    })
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> NamedValues {
        NamedValues::new().with("host", "example.net").with("again", "{{host}}").with("", "never")
    }

    #[test]
    fn names_are_replaced_once_and_other_brackets_stay() {
        for (written, text) in [
            ("https://{{host}}/", "https://example.net/"),
            ("{{again}}", "{{host}}"),
            ("{{{host}}}", "{example.net}"),
            ("{{ host }} {{}} {{{{ {{a b}} {{host}", "{{ host }} {{}} {{{{ {{a b}} {{host}"),
            ("\u{FEFF}x{{host}}", "xexample.net"),
        ] {
            let named = put_in(&values(), None, written);
            assert_eq!((named.source.text(), named.unknown.len()), (text, 0), "{written}");
        }
    }

    #[test]
    fn unknown_names_stay_and_are_told() {
        let named = put_in(&values(), None, "{{host}} {{Host}}");
        assert_eq!(named.source.text(), "example.net {{Host}}");
        assert_eq!((named.unknown.len(), &named.unknown[0]), (1, &(12..20)));
        assert_eq!(named.source.position(12).column, 10);
    }

    #[test]
    fn length_is_bounded_before_and_after() {
        let long = "x".repeat(POLICY_BYTES_MAX);
        assert!(!put_in(&values(), None, &long).too_long);
        assert!(put_in(&values(), None, &format!("{long}y")).too_long);
        let large = NamedValues::new().with("n", "y".repeat(POLICY_BYTES_MAX / 2));
        assert!(put_in(&large, None, "{{n}}{{n}}{{n}}").too_long);
        assert!(put_in(&large, None, "{{n}} {{n}}").too_long);
    }

    #[test]
    fn printing_shows_names_only() {
        assert_eq!(format!("{:?}", values()), r#"{"", "again", "host"}"#);
    }
}
