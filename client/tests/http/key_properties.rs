//! Properties of the key: requests that differ in what counts never have one key, and what does not count makes
//! no difference. Tried on short texts of the letters that mean something in keys and queries.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use http::HeaderName;
use larder_client::Cache;
use larder_client::context::{Group, Request, User};
use larder_client::http::{KeyScope, LookupRules, Responses, UnlistedQuery, Vary};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::bed::get;
use crate::support::free_port;

/// What a request and its rules are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Case {
    scope: Vec<String>,
    product: Option<String>,
    developer: Option<(String, Vec<String>)>,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    listed_headers: Vec<&'static str>,
    listed_parameters: Vec<String>,
    whole_query: bool,
    vary_by_developer: bool,
    vary_by_groups: bool,
}

/// What of a case makes a difference, and in which form.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    scope: Vec<String>,
    product: Option<String>,
    developer: Option<Option<String>>,
    groups: Option<Vec<String>>,
    path: String,
    /// Whether all count; values by name, none of a name that is listed and absent.
    query: (bool, BTreeMap<String, Vec<String>>),
    headers: BTreeMap<&'static str, Option<Vec<String>>>,
}

const NAMES: [&str; 3] = ["accept", "authorization", "x-a"];

fn word() -> impl Strategy<Value = String> {
    "[a;=~#.,3B&]{0,3}"
}

fn case() -> impl Strategy<Value = Case> {
    let listed = (
        proptest::collection::vec(select(&NAMES[..]), 0..3),
        // A list ends a name at its semicolon.
        proptest::collection::vec("[a=~#.,3B&]{1,2}", 0..3),
    );
    let sent = (
        proptest::collection::vec((word(), word()), 0..4),
        proptest::collection::vec((select(&NAMES[..]), "[a;=~#,3B ]{0,3}"), 0..4),
    );
    let who = proptest::option::of((word(), proptest::collection::vec(word(), 0..3)));
    let scope = (proptest::collection::vec(word(), 3), proptest::option::of(word()), who);
    let rules = (any::<bool>(), any::<bool>(), any::<bool>());
    (scope, "[a;=~#3B%]{0,3}", sent, listed, rules).prop_map(|(scope, path, sent, listed, rules)| Case {
        scope: scope.0,
        product: scope.1,
        developer: scope.2,
        path: format!("/{}", path.replace('#', "")),
        query: sent.0,
        headers: sent.1,
        listed_headers: listed.0,
        listed_parameters: listed.1,
        whole_query: rules.0,
        vary_by_developer: rules.1,
        vary_by_groups: rules.2,
    })
}

impl Case {
    fn request(&self) -> Request {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        let mut request = get("/");
        request.url.path = self.path.as_str().into();
        request.url.query = query.join("&").into();
        for (name, value) in &self.headers {
            request.headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        request
    }

    fn scope(&self) -> KeyScope {
        let group = |id: &String| Group { id: id.as_str().into(), ..Group::default() };
        let user = |(id, groups): &(String, Vec<String>)| {
            Arc::new(User {
                id: id.as_str().into(),
                groups: groups.iter().map(group).collect(),
                ..User::default()
            })
        };
        KeyScope {
            revision: self.scope[1].as_str().into(),
            operation: self.scope[2].as_str().into(),
            product: self.product.as_deref().map(Arc::from),
            developer: self.developer.as_ref().map(user),
            ..KeyScope::new(self.scope[0].as_str())
        }
    }

    fn rules(&self) -> LookupRules {
        let parameters = self.listed_parameters.iter().map(String::as_str);
        let unlisted = if self.whole_query { UnlistedQuery::Counted } else { UnlistedQuery::Ignored };
        let vary =
            Vary::new(self.listed_headers.iter().copied(), parameters).unwrap().unlisted_query(unlisted);
        LookupRules {
            vary_by_developer: self.vary_by_developer,
            vary_by_developer_groups: self.vary_by_groups,
            vary: Arc::new(vary),
            ..LookupRules::default()
        }
    }

    fn counts(&self) -> Counts {
        let values = |name: &str| -> Vec<String> {
            self.query.iter().filter(|(found, _)| found == name).map(|(_, value)| value.clone()).collect()
        };
        let whole = self.whole_query && self.listed_parameters.is_empty();
        let names: Vec<String> = match whole {
            true => self.query.iter().map(|(name, _)| name.clone()).collect(),
            false => self.listed_parameters.clone(),
        };
        let groups = || {
            let mut groups = self.developer.clone().map(|(_, groups)| groups).unwrap_or_default();
            groups.sort();
            groups.dedup();
            groups
        };
        Counts {
            scope: self.scope.clone(),
            product: self.product.clone(),
            developer: self.vary_by_developer.then(|| self.developer.clone().map(|(id, _)| id)),
            groups: self.vary_by_groups.then(groups),
            path: self.path.clone(),
            query: (whole, names.into_iter().map(|name| (name.clone(), values(&name))).collect()),
            headers: self.listed_headers.iter().map(|name| (*name, self.header(name))).collect(),
        }
    }

    fn header(&self, name: &str) -> Option<Vec<String>> {
        let lines = self.headers.iter().filter(|(found, _)| *found == name);
        let items = |(_, line): &(&str, String)| -> Vec<String> {
            line.split(',').map(|item| item.trim().to_owned()).collect()
        };
        let items: Vec<String> = lines.flat_map(items).collect();
        (!items.is_empty()).then_some(items)
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// A cache that nobody asks: only keys are made.
fn responses() -> (tokio::runtime::Runtime, Responses) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let guard = runtime.enter();
    let cache = Cache::builder("local").internal(format!("127.0.0.1:{}", free_port())).build().unwrap();
    drop(guard);
    let responses = Responses::builder(cache).build();
    (runtime, responses)
}

fn key(responses: &Responses, case: &Case) -> String {
    responses.key(&mut case.request(), &case.rules(), &case.scope()).to_string()
}

/// Whatever differs shows in the key, and nothing else does.
#[test]
fn keys_are_the_same_exactly_if_what_counts_is() {
    let (_runtime, responses) = responses();
    let two = (case(), case(), any::<[bool; 11]>());
    proptest!(ProptestConfig::with_cases(2000), |((one, other, same) in two)| {
        // Two cases at random have little in common: the second takes parts of the first.
        let other = mixed(&one, other, same);
        let (left, right) = (key(&responses, &one), key(&responses, &other));
        prop_assert_eq!(left == right, one.counts() == other.counts(), "{} {}", left, right);
        prop_assert!(left.bytes().all(|byte| byte.is_ascii_graphic()), "{}", left);
    });
}

/// Where a name ends is never in doubt.
#[test]
fn names_and_values_of_parameters_are_told_apart() {
    let (_runtime, responses) = responses();
    let whole = Vary::default().unlisted_query(UnlistedQuery::Counted);
    let rules = LookupRules { vary: Arc::new(whole), ..LookupRules::default() };
    let key = |name: &str, value: &str| {
        let mut request = get("/");
        request.url.query = format!("{}={}", encoded(name), encoded(value)).into();
        responses.key(&mut request, &rules, &KeyScope::new("api")).to_string()
    };
    let words = ["", "a", "=", "a=", "=a", "==", "a=a", "~3D", "%3D"];
    let pairs: Vec<(&str, &str)> = words.iter().flat_map(|name| words.map(|value| (*name, value))).collect();
    let keys: HashSet<String> = pairs.iter().map(|(name, value)| key(name, value)).collect();
    assert_eq!(keys.len(), pairs.len());
}

/// Who knows a hash cannot pass for who knows the secret.
#[test]
fn a_hash_in_a_key_is_no_value() {
    let (_runtime, responses) = responses();
    let rules = crate::bed::vary(&["accept"], &[]);
    let key = |value: &str| {
        let mut request = get("/");
        request.headers.insert("accept", value.parse().unwrap());
        responses.key(&mut request, &rules, &KeyScope::new("api")).to_string()
    };
    let hashed = key(&"x".repeat(97));
    let (_, shown) = hashed.split_once("h.accept=").unwrap();
    assert_eq!(shown.len(), 2 + 64);
    for forged in [shown, &shown[1..], &shown[2..]] {
        assert_ne!(key(forged), hashed);
    }
}

/// A value that is written like the parts after it is no such parts.
#[test]
fn no_value_can_pass_for_other_parts() {
    let (_runtime, responses) = responses();
    proptest!(ProptestConfig::with_cases(2000), |(one in case(), place in 0..4_usize)| {
        let whole = key(&responses, &one);
        let after = |part: &str| whole.split_once(part).map(|(_, rest)| rest.to_owned());
        let plain = Case {
            query: Vec::new(),
            headers: Vec::new(),
            listed_headers: Vec::new(),
            listed_parameters: Vec::new(),
            whole_query: false,
            vary_by_developer: false,
            vary_by_groups: false,
            ..one.clone()
        };
        // All that follows a part, put into the part itself.
        let forged = match place {
            0 => after(";path=").map(|path| Case { path, ..plain }),
            1 => after("h.accept=").filter(|value| value.parse::<http::HeaderValue>().is_ok()).map(|value| Case {
                query: one.query.clone(),
                listed_parameters: one.listed_parameters.clone(),
                whole_query: one.whole_query,
                listed_headers: vec!["accept"],
                headers: vec![("accept", value)],
                ..plain
            }),
            2 => after(";q.a=").map(|value| Case {
                query: vec![("a".to_owned(), value)],
                listed_parameters: vec!["a".to_owned()],
                ..plain
            }),
            _ => after(";dev=").map(|id| Case {
                developer: Some((id, Vec::new())),
                vary_by_developer: true,
                vary_by_groups: false,
                ..one.clone()
            }),
        };
        if let Some(forged) = forged {
            prop_assert_eq!(key(&responses, &forged) == whole, forged.counts() == one.counts(), "{}", whole);
        }
    });
}

fn mixed(one: &Case, other: Case, same: [bool; 11]) -> Case {
    let one = one.clone();
    Case {
        scope: if same[0] { one.scope } else { other.scope },
        product: if same[1] { one.product } else { other.product },
        developer: if same[2] { one.developer } else { other.developer },
        path: if same[3] { one.path } else { other.path },
        query: if same[4] { one.query } else { other.query },
        headers: if same[5] { one.headers } else { other.headers },
        listed_headers: if same[6] { one.listed_headers } else { other.listed_headers },
        listed_parameters: if same[7] { one.listed_parameters } else { other.listed_parameters },
        whole_query: if same[8] { one.whole_query } else { other.whole_query },
        vary_by_developer: if same[9] { one.vary_by_developer } else { other.vary_by_developer },
        vary_by_groups: if same[10] { one.vary_by_groups } else { other.vary_by_groups },
    }
}

/// The order of parameters of different names, and how they are written, makes no difference.
#[test]
fn the_order_of_query_parameters_does_not_matter() {
    let (_runtime, responses) = responses();
    let case = case().prop_map(|case| Case { whole_query: true, listed_parameters: Vec::new(), ..case });
    proptest!(|(case in case, moves in proptest::collection::vec(any::<(Index, Index)>(), 0..6))| {
        let mut moved = case.clone();
        for (from, to) in moves.iter().filter(|_| !case.query.is_empty()) {
            let (from, to) = (from.index(case.query.len()), to.index(case.query.len()));
            moved.query.swap(from, to);
        }
        // Values of one name keep their order.
        moved.query.sort_by_key(|pair| (pair.0.clone(), case.query.iter().position(|found| found == pair)));
        let mut ordered = case.clone();
        ordered.query.sort_by_key(|pair| pair.0.clone());
        prop_assert_eq!(ordered.counts(), case.counts());
        prop_assert_eq!(key(&responses, &ordered), key(&responses, &case));
        prop_assert_eq!(key(&responses, &moved) == key(&responses, &case), moved.counts() == case.counts());
    });
}

/// Long texts are hashed, with nothing lost.
#[test]
fn long_keys_differ_as_short_ones_do() {
    let (_runtime, responses) = responses();
    proptest!(|(path in "[a-b]{500,520}", other in "[a-b]{500,520}", value in "[ab]{90,110}")| {
        let request = |path: &str, value: &str| {
            let mut request = get("/");
            request.url.path = path.into();
            request.headers.insert("accept", value.parse().unwrap());
            request
        };
        let rules = crate::bed::vary(&["accept"], &[]);
        let scope = KeyScope::new("api");
        let key = |path: &str, value: &str| responses.key(&mut request(path, value), &rules, &scope).to_string();
        prop_assert!(key(&path, &value).len() <= 512);
        prop_assert_eq!(key(&path, &value) == key(&other, &value), path == other);
        prop_assert_ne!(key(&path, &value), key(&path, &format!("{value}x")));
        prop_assert_ne!(key("/", &value), key("/", &format!("{value}x")));
    });
}
