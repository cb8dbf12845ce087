//! The password of a user. Kept out of logs, errors and `Debug`.

use std::fmt;

/// A password, or none.
#[derive(Clone, Default)]
pub struct Password(Option<Box<[u8]>>);

impl Password {
    /// This password; none if it is empty.
    #[must_use]
    pub fn new(password: &str) -> Self {
        Self((!password.is_empty()).then(|| password.as_bytes().into()))
    }

    /// Whether there is one.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Whether it is this one; never if there is none.
    #[must_use]
    pub fn is(&self, offered: &[u8]) -> bool {
        self.0.as_deref().is_some_and(|right| same_in_constant_time(right, offered))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Password(set)" } else { "Password(none)" })
    }
}

/// Takes as long for a wrong first byte as for a wrong last one, so that the time tells only the length offered.
fn same_in_constant_time(right: &[u8], offered: &[u8]) -> bool {
    let mut difference = u8::from(right.len() != offered.len());
    for (place, byte) in offered.iter().enumerate() {
        difference |= byte ^ right[place % right.len()];
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::Password;

    #[test]
    fn only_the_right_words_open() {
        let password = Password::new("secret");
        assert!(password.is_set() && password.is(b"secret"));
        for wrong in [&b""[..], b"secre", b"secrets", b"Secret", b"secretsecret"] {
            assert!(!password.is(wrong));
        }
        assert!(!Password::new("").is_set() && !Password::new("").is(b""));
        assert_eq!(format!("{password:?}"), "Password(set)");
    }
}
