//! Who calls: subscription keys and the accounts behind them. Where a request bears its key is left to the settings.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use larder_client::context::{Group, Product, Subscription, User};

use crate::limits;
use crate::settings::{Entries, SubscriptionEntry, UserEntry};

/// Who a key belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// With the key that the request bore.
    pub(crate) subscription: Arc<Subscription>,
    pub(crate) user: Option<Arc<User>>,
    /// Goes before that of the route.
    pub(crate) product: Option<Arc<Product>>,
}

/// All subscriptions by their keys. A key is found by its digest, so that the time a search takes says
/// nothing of the keys that are there.
#[derive(Default)]
pub(crate) struct Subscriptions {
    callers: HashMap<[u8; SHA256_OUTPUT_LEN], Caller>,
}

impl Subscriptions {
    /// The subscriptions of the settings, and what is wrong with them. No message shows a key.
    pub(crate) fn new(entries: &Entries) -> (Self, Vec<String>) {
        let (mut all, mut problems) = (Self::default(), Vec::new());
        if entries.subscriptions.len() > limits::SUBSCRIPTIONS_MAX {
            problems.push(format!("at most {} subscriptions", limits::SUBSCRIPTIONS_MAX));
            return (all, problems);
        }
        if entries.users.len() > limits::USERS_MAX {
            problems.push(format!("at most {} users", limits::USERS_MAX));
            return (all, problems);
        }
        let mut users = HashMap::new();
        for entry in &entries.users {
            if entry.groups.len() > limits::GROUPS_MAX {
                problems.push(format!("user '{}': at most {} groups", entry.id, limits::GROUPS_MAX));
            }
            if users.insert(entry.id.as_str(), Arc::new(user(entry))).is_some() {
                problems.push(format!("user '{}' stands there twice", entry.id));
            }
        }
        for entry in &entries.subscriptions {
            let user = entry.user.as_deref().map(|id| (id, users.get(id).cloned()));
            if let Some((id, None)) = user {
                problems.push(format!("subscription '{}': there is no user '{id}'", entry.id));
            }
            if let Err(problem) = all.add(entry, user.and_then(|(_, user)| user)) {
                problems.push(format!("subscription '{}': {problem}", entry.id));
            }
        }
        (all, problems)
    }

    /// Whether there are none: then no request is looked at for a key.
    pub(crate) fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// Who this key belongs to.
    pub(crate) fn find(&self, key: &str) -> Option<&Caller> {
        self.callers.get(&name(key))
    }

    fn add(&mut self, entry: &SubscriptionEntry, user: Option<Arc<User>>) -> Result<(), String> {
        let keys = [Some(&entry.key), entry.second_key.as_ref()];
        let texts = keys.map(|key| key.map_or("", |key| key.0.reveal()));
        let product = entry.product.as_deref().map(super::product);
        for key in keys.into_iter().flatten() {
            let text = key.0.reveal();
            let subscription = Subscription {
                id: entry.id.as_str().into(),
                name: entry.name.as_deref().unwrap_or(&entry.id).into(),
                key: text.into(),
                primary_key: texts[0].into(),
                secondary_key: texts[1].into(),
                ..Subscription::default()
            };
            let caller = Caller {
                subscription: subscription.into(),
                user: user.clone(),
                product: product.clone().map(Arc::new),
            };
            if text.is_empty() {
                return Err("a key is empty".to_owned());
            }
            if self.callers.insert(name(text), caller).is_some() {
                return Err("a key stands there twice".to_owned());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.callers.len())
    }
}

fn user(entry: &UserEntry) -> User {
    let group = |name: &String| Group { id: name.as_str().into(), name: name.as_str().into() };
    User {
        id: entry.id.as_str().into(),
        email: entry.email.as_str().into(),
        first_name: entry.first_name.as_str().into(),
        last_name: entry.last_name.as_str().into(),
        groups: entry.groups.iter().map(group).collect(),
        ..User::default()
    }
}

fn name(key: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut name = [0; SHA256_OUTPUT_LEN];
    name.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Subscriptions, Vec<String>) {
        Subscriptions::new(&crate::settings::entries_of(text))
    }

    #[test]
    fn both_keys_find_the_caller() {
        let (all, problems) = read(
            "[[subscription]]\nid = \"s1\"\nname = \"Ada's\"\nkey = \"k1\"\nsecond-key = \"k2\"\nuser = \"ada\"\n\
             product = \"gold\"\n[[user]]\nid = \"ada\"\nfirst-name = \"Ada\"\ngroups = [\"developers\"]\n",
        );
        assert!(problems.is_empty(), "{problems:?}");
        for key in ["k1", "k2"] {
            let caller = all.find(key).unwrap();
            assert_eq!((&*caller.subscription.id, &*caller.subscription.name), ("s1", "Ada's"));
            assert_eq!((&*caller.subscription.key, &*caller.subscription.secondary_key), (key, "k2"));
            assert_eq!(&*caller.user.as_ref().unwrap().groups[0].name, "developers");
            assert_eq!(&*caller.product.as_ref().unwrap().id, "gold");
        }
        assert!(all.find("K1").is_none() && all.find("").is_none());
    }

    #[test]
    fn all_mistakes_are_told_and_no_key() {
        let (_, problems) = read(
            "[[subscription]]\nid = \"a\"\nkey = \"hunter2\"\nuser = \"nobody\"\n\
             [[subscription]]\nid = \"b\"\nkey = \"hunter2\"\n[[subscription]]\nid = \"c\"\nkey = \"\"\n\
             [[user]]\nid = \"u\"\n[[user]]\nid = \"u\"\n",
        );
        assert_eq!(
            problems,
            [
                "user 'u' stands there twice",
                "subscription 'a': there is no user 'nobody'",
                "subscription 'b': a key stands there twice",
                "subscription 'c': a key is empty",
            ]
        );
    }

    #[test]
    fn too_many_users_and_groups_are_told() {
        let user = |groups| UserEntry {
            id: "u".to_owned(),
            first_name: String::new(),
            last_name: String::new(),
            email: String::new(),
            groups: vec!["g".to_owned(); groups],
        };
        let told = |users| Subscriptions::new(&Entries { users, ..Entries::default() }).1;
        assert!(told(vec![user(limits::GROUPS_MAX)]).is_empty());
        assert_eq!(told(vec![user(limits::GROUPS_MAX + 1)]), ["user 'u': at most 100 groups"]);
        assert_eq!(told(vec![user(0); limits::USERS_MAX + 1]), ["at most 100000 users"]);
    }
}
