//! Settings, lengths of time and stores in words. No word shows the value of a named value that may be a secret.

use larder_client::external::Secret;
use larder_client::policy::Setting;
use larder_client::{CachingType, StartupReport};

use super::key::Fixed;

/// Takes named values out of texts again.
#[derive(Debug)]
pub(super) struct Mask {
    /// Longest first: one may be a part of another.
    names: Vec<(String, Secret)>,
}

impl Mask {
    /// Short words and numbers, as in `calls="{{calls}}"`, are no secrets: they would be found everywhere.
    pub(super) fn new(named: &[(String, Secret)]) -> Self {
        let is_plain = |text: &str| {
            text.len() < SECRET_BYTES_MIN
                || matches!(text, "true" | "false")
                || (text.len() < 6 && text.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let mut names: Vec<_> =
            named.iter().filter(|(_, value)| !is_plain(value.reveal())).cloned().collect();
        names.sort_by_key(|(_, value)| std::cmp::Reverse(value.reveal().len()));
        Self { names }
    }

    /// The text on one line, with `{{name}}` for what a name stands for.
    pub(super) fn text(&self, text: &str) -> String {
        let masked = self.names.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(value.reveal(), &format!("{{{{{name}}}}}"))
        });
        masked.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// A setting: what it says, or the expression that will.
    pub(super) fn setting<T: ToString>(&self, setting: &Setting<T>) -> String {
        match setting {
            Setting::Literal(value) => self.text(&value.to_string()),
            Setting::Expression(expression) => format!("{}, an expression", self.text(&expression.text)),
        }
    }

    /// The same, a text in quotes.
    pub(super) fn quoted<T: AsRef<str>>(&self, setting: &Setting<T>) -> String {
        match setting {
            Setting::Literal(value) => format!("{:?}", self.text(value.as_ref())),
            Setting::Expression(expression) => format!("{}, an expression", self.text(&expression.text)),
        }
    }

    /// A key: what of it is the same for every request.
    pub(super) fn key<T: AsRef<str>>(&self, key: &Setting<T>) -> String {
        let same = |text: &str| format!("{:?}, the same for every request", self.text(text));
        let expression = match key {
            Setting::Literal(value) => return same(value.as_ref()),
            Setting::Expression(expression) => expression,
        };
        let (shown, fixed) = (self.text(&expression.text), Fixed::of(&expression.text));
        match fixed.text.as_str() {
            text if fixed.is_whole => format!("{shown}: {}", same(text)),
            "" => format!("{shown}, evaluated for each request"),
            text => format!("{shown}: {:?}, and the rest evaluated for each request", self.text(text)),
        }
    }

    /// A length of time in seconds.
    pub(super) fn seconds(&self, setting: &Setting<u32>) -> String {
        match setting {
            Setting::Literal(seconds) => duration(*seconds),
            Setting::Expression(expression) => {
                format!("{} seconds, an expression", self.text(&expression.text))
            }
        }
    }
}

/// Seconds as people say them: `3600 s (1 hour)`.
pub(super) fn duration(seconds: u32) -> String {
    let mut left = seconds;
    let mut words = Vec::new();
    for (length, name) in UNITS {
        let count = left / length;
        left %= length;
        if count > 0 {
            words.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        }
    }
    match seconds {
        0 => "0 s: past its end at once".to_owned(),
        1..60 => format!("{seconds} s"),
        _ => format!("{seconds} s ({})", words.join(" ")),
    }
}

/// The store that a statement goes to, and why.
pub(super) fn store(caching_type: CachingType, report: &StartupReport) -> String {
    let store = report.store_for(caching_type);
    match store.kind() {
        "none" => format!(
            "none: {caching_type}, and there is no such cache; lookups miss, stores and removals do nothing"
        ),
        _ => format!("{store}, by caching-type {caching_type}"),
    }
}

const SECRET_BYTES_MIN: usize = 3;

const UNITS: [(u32, &str); 4] = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_said_in_words() {
        for (seconds, words) in [
            (0, "0 s: past its end at once"),
            (59, "59 s"),
            (60, "60 s (1 minute)"),
            (3_661, "3661 s (1 hour 1 minute 1 second)"),
            (172_800, "172800 s (2 days)"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }

    #[test]
    fn named_values_are_not_shown() {
        let named = [("key", "hunter2"), ("longer", "hunter2-and-more"), ("calls", "10"), ("on", "true")];
        let mask = Mask::new(&named.map(|(name, value)| (name.to_owned(), Secret::new(value))));
        assert_eq!(
            mask.text("@(\"hunter2\"\n   + \"hunter2-and-more\" + 10 + true)"),
            "@(\"{{key}}\" + \"{{longer}}\" + 10 + true)"
        );
    }
}
