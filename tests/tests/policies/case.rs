//! A case as it stands in its file: policies, then a conversation. How it is read is in `read`, how it is run in
//! `run`; what its blocks mean is told in `tests/policies/README.md`.

use std::time::Duration;

use crate::pattern::Pattern;
use crate::uses::Use;

/// One file.
#[derive(Debug)]
pub(crate) struct Case {
    /// The file's name without its ending.
    pub(crate) name: String,
    /// What the case shows.
    pub(crate) sentence: String,
    /// What published policies use caches for that it is about.
    pub(crate) uses: Vec<&'static Use>,
    /// Whether it also runs through the binary.
    pub(crate) through_gateway: bool,
    /// The policies, from the innermost scope out.
    pub(crate) policies: Vec<(Scope, Block)>,
    /// The fragments by their ids.
    pub(crate) fragments: Vec<(String, Block)>,
    /// The named values.
    pub(crate) named: Vec<(String, String)>,
    /// What happens, in its order.
    pub(crate) acts: Vec<Act>,
}

/// Text of the file, and the line that it begins in.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The first line's number.
    pub(crate) line: usize,
    /// The lines.
    pub(crate) text: String,
}

/// Whose policy it is. A policy of an inner scope includes that around with `<base />`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Of one operation: the innermost.
    Operation,
    /// Of all operations of an API.
    Api,
    /// Of all APIs of a product.
    Product,
    /// Of everything.
    Global,
}

impl Scope {
    /// All, from the innermost out.
    pub(crate) const ALL: [Self; 4] = [Self::Operation, Self::Api, Self::Product, Self::Global];

    /// The word for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Api => "api",
            Self::Product => "product",
            Self::Global => "global",
        }
    }
}

/// A step of a case.
#[derive(Debug)]
pub(crate) enum Act {
    /// From here on another gateway answers: it shares nothing with the one before but the stores.
    Gateway(Gateway),
    /// From here on somebody else calls: the words of the context, and their values.
    Caller(Vec<(&'static str, String)>),
    /// A request, what the backend is asked, and the answer.
    Exchange(Box<Exchange>),
    /// The clock of the gateway goes on, and all that is stored grows older by as much.
    Pass(Duration),
    /// What a store holds, no more and no less.
    Holds(Holds),
    /// What somebody else puts into a store.
    Given(Given),
    /// The policies are not taken, and this is said of them.
    Refused(Vec<(usize, Pattern)>),
    /// The policies are taken, and this is said of them.
    Warned(Vec<(usize, Pattern)>),
}

/// A gateway.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    /// The line of its block; 0 for the gateway of a case that says nothing of it.
    pub(crate) line: usize,
    /// Its region.
    pub(crate) region: String,
    /// Whether there is an internal cache, and whether it is up.
    pub(crate) internal: Option<Health>,
    /// The external caches: where they are used from.
    pub(crate) external: Vec<(String, Health)>,
    /// When it starts, if not when the one before stood still; milliseconds since 1970.
    pub(crate) time: Option<i64>,
}

/// Whether a cache can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It can.
    Up,
    /// Nobody listens there.
    Down,
}

/// A request and what becomes of it.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// The line of the request.
    pub(crate) line: usize,
    /// How many send it at the same time; all of them get the same answer.
    pub(crate) at_once: usize,
    /// The method.
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) target: String,
    /// Headers.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub(crate) body: Option<String>,
    /// What the backend is asked, in this order; nothing: it must not be asked.
    pub(crate) calls: Vec<Call>,
    /// What the caller gets.
    pub(crate) answer: Expected,
}

/// A call of the backend.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The line it begins in.
    pub(crate) line: usize,
    /// What must be asked.
    pub(crate) asked: Option<Expected>,
    /// The status of its answer; none: it does not answer, the connection ends.
    pub(crate) status: Option<u16>,
    /// Headers.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub(crate) body: Option<String>,
}

/// What must be found in a message.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// `GET /path` or `200 OK`, and its line.
    pub(crate) start: (usize, Pattern),
    /// Headers that must be there, or must not.
    pub(crate) headers: Vec<ExpectedHeader>,
    /// The body, if anything is said of it.
    pub(crate) body: Option<(usize, Pattern)>,
}

/// A header that is looked at.
#[derive(Debug, Clone)]
pub(crate) struct ExpectedHeader {
    /// Where this is said.
    pub(crate) line: usize,
    /// Its name.
    pub(crate) name: String,
    /// Its value; none: it must be absent.
    pub(crate) value: Option<Pattern>,
}

/// One of the two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreName {
    /// That of `caching-type="internal"`.
    Internal,
    /// That of `caching-type="external"`.
    External,
}

/// What a store holds.
#[derive(Debug)]
pub(crate) struct Holds {
    /// The line of the block.
    pub(crate) line: usize,
    /// The store.
    pub(crate) store: StoreName,
    /// Its entries, in any order.
    pub(crate) entries: Vec<Entry>,
}

/// What somebody else puts into a store, as plain Redis values.
#[derive(Debug)]
pub(crate) struct Given {
    /// The store.
    pub(crate) store: StoreName,
    /// Keys, bytes, seconds.
    pub(crate) entries: Vec<(String, Vec<u8>, u64)>,
}

/// An entry of a store.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Where it is told.
    pub(crate) line: usize,
    /// `KEY = KIND VALUE`.
    pub(crate) text: Pattern,
    /// The seconds that it was stored for, or a range of them.
    pub(crate) seconds: (u64, u64),
}

impl Default for Gateway {
    /// What a case has that says nothing of it: both stores, both up.
    fn default() -> Self {
        Self {
            line: 0,
            region: "westeurope".to_owned(),
            internal: Some(Health::Up),
            external: vec![("default".to_owned(), Health::Up)],
            time: None,
        }
    }
}

impl Gateway {
    /// How the external cache is that this gateway uses: that of its region, else that of all.
    pub(crate) fn used_external(&self) -> Option<Health> {
        let plain = |text: &str| text.to_lowercase().replace(' ', "");
        let find = |place: &str| self.external.iter().find(|(entry, _)| plain(entry) == plain(place));
        find(&self.region).or_else(|| find("default")).map(|(_, health)| *health)
    }
}

impl Case {
    /// What is run of the case: requests, or policies that are judged.
    pub(crate) fn assertions(&self) -> usize {
        let asserts = |act: &&Act| matches!(act, Act::Exchange(_) | Act::Refused(_) | Act::Warned(_));
        self.acts.iter().filter(asserts).count()
    }
}
