//! Who may log in: the default user, and gateways, each with a password or none.

use super::password::Password;
use crate::commands::session::User;

/// The users' passwords. Shown nowhere.
#[derive(Clone, Debug, Default)]
pub struct Logins {
    /// That of the default user; without one nobody has to log in.
    pub default: Password,
    /// That of gateways; without one nobody can log in as one.
    pub gateway: Password,
    /// Whether the node can be reached from its own machine alone.
    pub is_local: bool,
}

impl Logins {
    /// Whether a client has to log in.
    #[must_use]
    pub const fn are_required(&self) -> bool {
        self.default.is_set()
    }

    /// Whose name and password these are. Without a password of the default user any is right.
    #[must_use]
    pub fn user(&self, name: &[u8], password: &[u8]) -> Option<User> {
        let user = User::ALL.into_iter().find(|user| user.name().as_bytes() == name)?;
        let is_right = match user {
            User::Default => !self.default.is_set() || self.default.is(password),
            User::Gateway => self.gateway.is(password),
        };
        is_right.then_some(user)
    }

    /// Whether everybody may know what gateways are told: only on a machine of one's own, without any password.
    #[must_use]
    pub const fn are_open(&self) -> bool {
        self.is_local && !self.default.is_set() && !self.gateway.is_set()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(default: &str, gateway: &str, is_local: bool) -> Logins {
        Logins { default: Password::new(default), gateway: Password::new(gateway), is_local }
    }

    #[test]
    fn each_user_has_a_password_of_its_own() {
        let both = logins("one", "two", true);
        assert_eq!(both.user(b"default", b"one"), Some(User::Default));
        assert_eq!(both.user(b"gateway", b"two"), Some(User::Gateway));
        for (name, password) in [("default", "two"), ("gateway", "one"), ("other", "one"), ("gateway", "")] {
            assert_eq!(both.user(name.as_bytes(), password.as_bytes()), None, "{name}");
        }
        let none = logins("", "", true);
        assert_eq!(none.user(b"default", b"any"), Some(User::Default));
        assert_eq!(none.user(b"gateway", b""), None);
        assert!(both.are_required() && !none.are_required());
    }

    #[test]
    fn only_a_node_without_passwords_on_loopback_is_open() {
        assert!(logins("", "", true).are_open());
        for closed in [logins("a", "", true), logins("", "b", true), logins("", "", false)] {
            assert!(!closed.are_open());
        }
    }
}
