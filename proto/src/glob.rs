//! Redis' glob patterns over bytes, as KEYS, SCAN and CONFIG GET take them. Which strings are offered is left to the
//! caller.
//!
//! `*` any run, `?` one byte, `[abc]`, `[a-z]`, `[^a]` one byte of a class, `\x` the byte x itself. An unfinished
//! class ends with the pattern. The work is at most pattern length × text length: a star is retried by moving on in
//! the text, never by recursion.

/// Whether `text` matches `pattern`.
#[must_use]
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    Matcher { fold: false }.run(pattern, text)
}

/// Whether `text` matches `pattern`, ASCII letters being equal in both cases.
#[must_use]
pub fn matches_ignoring_case(pattern: &[u8], text: &[u8]) -> bool {
    Matcher { fold: true }.run(pattern, text)
}

struct Matcher {
    fold: bool,
}

impl Matcher {
    fn run(&self, pattern: &[u8], text: &[u8]) -> bool {
        let (mut p, mut t) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            if pattern.get(p) == Some(&b'*') {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            let step = match (pattern.get(p), text.get(t)) {
                (None, None) => return true,
                (Some(_), Some(&byte)) => self.one(&pattern[p..], byte),
                _ => None,
            };
            match (step, retry) {
                (Some(used), _) => (p, t) = (p + used, t + 1),
                (None, Some((after_star, from))) if from < text.len() => {
                    (p, t) = (after_star, from + 1);
                    retry = Some((p, t));
                }
                _ => return false,
            }
        }
    }

    /// How many bytes of the pattern the first element takes, if that element accepts the byte.
    fn one(&self, pattern: &[u8], byte: u8) -> Option<usize> {
        match pattern[0] {
            b'?' => Some(1),
            b'[' => {
                let (accepted, used) = self.class(pattern, byte);
                accepted.then_some(used)
            }
            b'\\' if pattern.len() > 1 => self.same(pattern[1], byte).then_some(2),
            literal => self.same(literal, byte).then_some(1),
        }
    }

    fn class(&self, pattern: &[u8], byte: u8) -> (bool, usize) {
        let mut at = 1;
        let negated = pattern.get(at) == Some(&b'^');
        if negated {
            at += 1;
        }
        let mut found = false;
        while let Some(&element) = pattern.get(at) {
            match (element, pattern.get(at + 1), pattern.get(at + 2)) {
                (b'\\', Some(&escaped), _) => {
                    found |= self.same(escaped, byte);
                    at += 2;
                }
                (b']', _, _) => {
                    at += 1;
                    break;
                }
                (from, Some(b'-'), Some(&to)) => {
                    found |= self.within(from, to, byte);
                    at += 3;
                }
                (literal, _, _) => {
                    found |= self.same(literal, byte);
                    at += 1;
                }
            }
        }
        (found != negated, at)
    }

    fn same(&self, left: u8, right: u8) -> bool {
        left == right || (self.fold && left.eq_ignore_ascii_case(&right))
    }

    fn within(&self, from: u8, to: u8, byte: u8) -> bool {
        let fold = |b: u8| if self.fold { b.to_ascii_lowercase() } else { b };
        let (low, high) = if from <= to { (fold(from), fold(to)) } else { (fold(to), fold(from)) };
        (low..=high).contains(&fold(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements() {
        for (pattern, text, expected) in [
            ("h?llo", "hello", true),
            ("h*llo", "heeeello", true),
            ("h*llo", "hell", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            ("h\\*llo", "h*llo", true),
            ("h\\*llo", "hxllo", false),
            ("[\\]]", "]", true),
            ("[abc", "b", true),
            ("[", "a", false),
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
            ("a*b*c", "a-b-b-c", true),
            ("\\", "\\", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(matches_ignoring_case(b"MAX*", b"maxmemory"));
        assert!(matches_ignoring_case(b"[A-C]x", b"bX"));
    }

    #[test]
    fn many_stars_stay_cheap() {
        let pattern = b"a*".repeat(2_000);
        let text = vec![b'a'; 20_000];
        assert!(!matches(&[&pattern[..], b"b"].concat(), &text));
    }

    /// The rules read plainly: a star tries every rest.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.first() {
            None => text.is_empty(),
            Some(b'*') => (0..=text.len()).any(|from| naive(&pattern[1..], &text[from..])),
            Some(_) => text.first().is_some_and(|&byte| {
                Matcher { fold: false }
                    .one(pattern, byte)
                    .is_some_and(|used| naive(&pattern[used..], &text[1..]))
            }),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_reading(pattern in "[ab*?\\[\\]^\\\\-]{0,8}", text in "[ab\\]-]{0,8}") {
            prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
