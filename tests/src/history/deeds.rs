//! What clients do: for each kind of object the requests, and what their replies mean. When and how often is the workload's part.

use fastrand::Rng;

use super::recorder::{Begun, Kind, Object, Recorder};
use crate::linear::{CounterCall, LogAnswer, LogCall, MixedAnswer, MixedCall, PairCall, RegisterCall};
use crate::reply::Node;

/// One request: its words.
pub type Words = Vec<String>;

/// Something a client does that ends with one reply: one operation, or several that have one request in common.
#[derive(Debug)]
pub struct Deed {
    /// The objects and what is asked of each.
    pub calls: Vec<(usize, MixedCall)>,
    /// The requests, in order. The last reply tells everything.
    pub requests: Vec<Words>,
    /// Their operations, once they were begun.
    pub begun: Vec<Begun>,
}

impl Deed {
    /// Something to do with one object, or with some registers at once.
    pub fn draw(recorder: &mut Recorder, random: &mut Rng) -> Self {
        let number = random.usize(0..recorder.objects.len());
        let object = recorder.objects[number].clone();
        match object.kind {
            Kind::Register if random.u8(..4) == 0 => Self::many(recorder, random),
            Kind::Register => Self::register(recorder, random, number, &object.key),
            Kind::Counter => Self::counter(random, number, &object.key),
            Kind::Log => Self::log(recorder, random, number, &object.key),
            Kind::Pair => Self::pair(random, number, &object.key),
        }
    }

    /// A look at an object.
    #[must_use]
    pub fn look(number: usize, object: &Object) -> Self {
        let key = &object.key;
        match object.kind {
            Kind::Register => {
                Self::one(number, MixedCall::Register(RegisterCall::Read), words(&["GET", key]))
            }
            Kind::Counter => Self::one(number, MixedCall::Counter(CounterCall::Read), words(&["GET", key])),
            Kind::Log => Self::one(number, MixedCall::Log(LogCall::Read), words(&["LRANGE", key, "0", "-1"])),
            Kind::Pair => {
                Self::one(number, MixedCall::Pair(PairCall::Read), words(&["MGET", &a(key), &b(key)]))
            }
        }
    }

    /// Notes that it is about to be asked for.
    pub fn begin(&mut self, recorder: &mut Recorder) {
        self.begun = self.calls.iter().map(|(object, call)| recorder.begin(*object, call.clone())).collect();
    }

    /// Notes what the last reply tells.
    ///
    /// # Errors
    /// The reply is none that these requests can get.
    pub fn end(&self, reply: &Node, recorder: &mut Recorder) -> Result<(), String> {
        if let Some(text) = error_of(reply) {
            recorder.error(&text);
            if had_no_effect(&text) {
                self.begun.iter().for_each(|begun| recorder.cancel(*begun));
            }
            return Ok(());
        }
        for (part, (begun, (_, call))) in self.begun.iter().zip(&self.calls).enumerate() {
            let answer = match (self.calls.len(), call) {
                (1, _) => answer(call, reply),
                (_, MixedCall::Register(RegisterCall::Read)) => items(reply)
                    .and_then(|items| Some(MixedAnswer::Register(number_or_nil(items.get(part)?)?))),
                _ => Some(MixedAnswer::Register(None)),
            };
            let wrong = || format!("{:?} was answered {:?}", self.requests, reply.to_lines());
            recorder.end(*begun, answer.ok_or_else(wrong)?);
        }
        Ok(())
    }

    fn one(object: usize, call: MixedCall, request: Words) -> Self {
        Self { calls: vec![(object, call)], requests: vec![request], begun: Vec::new() }
    }

    fn register(recorder: &mut Recorder, random: &mut Rng, number: usize, key: &str) -> Self {
        let value = recorder.fresh_value();
        let text = value.to_string();
        let (call, request) = match random.u8(..10) {
            0..4 => (RegisterCall::Read, words(&["GET", key])),
            4..8 => (RegisterCall::Write(value), words(&["SET", key, &text])),
            8 => (RegisterCall::Swap(value), words(&["SET", key, &text, "GET"])),
            _ => (RegisterCall::Delete, words(&["DEL", key])),
        };
        Self::one(number, MixedCall::Register(call), request)
    }

    /// MGET, MSET or DEL of some registers.
    fn many(recorder: &mut Recorder, random: &mut Rng) -> Self {
        let registers =
            recorder.objects.iter().enumerate().filter(|(_, object)| object.kind == Kind::Register);
        let mut chosen: Vec<(usize, String)> =
            registers.map(|(number, object)| (number, object.key.clone())).collect();
        random.shuffle(&mut chosen);
        chosen.truncate(4);
        let kind = random.u8(..8);
        let mut request = words(&[match kind {
            0..4 => "MGET",
            4..7 => "MSET",
            _ => "DEL",
        }]);
        let mut calls = Vec::new();
        for (number, key) in chosen {
            request.push(key);
            let call = match kind {
                0..4 => RegisterCall::Read,
                4..7 => {
                    let value = recorder.fresh_value();
                    request.push(value.to_string());
                    RegisterCall::Write(value)
                }
                _ => RegisterCall::Delete,
            };
            calls.push((number, MixedCall::Register(call)));
        }
        Self { calls, requests: vec![request], begun: Vec::new() }
    }

    fn counter(random: &mut Rng, number: usize, key: &str) -> Self {
        if random.u8(..4) == 0 {
            return Self::one(number, MixedCall::Counter(CounterCall::Read), words(&["GET", key]));
        }
        Self::one(number, MixedCall::Counter(CounterCall::Increment), words(&["INCR", key]))
    }

    fn log(recorder: &mut Recorder, random: &mut Rng, number: usize, key: &str) -> Self {
        if random.u8(..4) != 0 {
            let request = words(&["LRANGE", key, "0", "-1"]);
            return Self::one(number, MixedCall::Log(LogCall::Read), request);
        }
        let value = recorder.fresh_value();
        Self::one(number, MixedCall::Log(LogCall::Push(value)), words(&["RPUSH", key, &value.to_string()]))
    }

    fn pair(random: &mut Rng, number: usize, key: &str) -> Self {
        let (call, first, second) = if random.bool() {
            (PairCall::Read, words(&["GET", &a(key)]), words(&["GET", &b(key)]))
        } else {
            let amount = random.i64(1..100);
            let text = amount.to_string();
            let (to, from) = (words(&["INCRBY", &a(key), &text]), words(&["DECRBY", &b(key), &text]));
            (PairCall::Move(amount), to, from)
        };
        Self {
            calls: vec![(number, MixedCall::Pair(call))],
            requests: vec![words(&["MULTI"]), first, second, words(&["EXEC"])],
            begun: Vec::new(),
        }
    }
}

/// The two keys of a pair.
#[must_use]
pub fn a(key: &str) -> String {
    format!("{{{key}}}a")
}

/// The second of them.
#[must_use]
pub fn b(key: &str) -> String {
    format!("{{{key}}}b")
}

/// Words of a request.
#[must_use]
pub fn words(words: &[&str]) -> Words {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The text of an error reply, also of one inside the reply to EXEC.
#[must_use]
pub fn error_of(reply: &Node) -> Option<String> {
    match reply {
        Node::Line(b'-', _) => Some(reply.text()),
        Node::Aggregate(_, parts) => parts.iter().find_map(error_of),
        _ => None,
    }
}

/// Whether this error promises that nothing was done.
#[must_use]
pub fn had_no_effect(text: &str) -> bool {
    ["CLUSTERDOWN", "TRYAGAIN", "EXECABORT", "LOADING"].iter().any(|word| text.starts_with(word))
}

fn answer(call: &MixedCall, reply: &Node) -> Option<MixedAnswer> {
    Some(match call {
        MixedCall::Register(RegisterCall::Read | RegisterCall::Swap(_)) => {
            MixedAnswer::Register(number_or_nil(reply)?)
        }
        MixedCall::Register(_) => MixedAnswer::Register(None),
        MixedCall::Counter(_) => MixedAnswer::Counter(number_or_nil(reply)?.unwrap_or(0)),
        MixedCall::Log(LogCall::Push(_)) => {
            MixedAnswer::Log(LogAnswer::Length(usize::try_from(number_or_nil(reply)??).ok()?))
        }
        MixedCall::Log(LogCall::Read) => {
            let values = items(reply)?.iter().map(|item| number_or_nil(item)?);
            MixedAnswer::Log(LogAnswer::Values(values.collect::<Option<_>>()?))
        }
        MixedCall::Pair(_) => {
            let [first, second] = items(reply)? else { return None };
            MixedAnswer::Pair([amount(first)?, amount(second)?])
        }
    })
}

fn items(reply: &Node) -> Option<&[Node]> {
    match reply {
        Node::Aggregate(b'*', items) => Some(items),
        _ => None,
    }
}

fn number_or_nil(reply: &Node) -> Option<Option<u64>> {
    if is_nil(reply) { Some(None) } else { reply.text().parse().ok().map(Some) }
}

fn amount(reply: &Node) -> Option<i64> {
    if is_nil(reply) { Some(0) } else { reply.text().parse().ok() }
}

fn is_nil(reply: &Node) -> bool {
    matches!(reply, Node::Line(b'$' | b'*', rest) if rest == b"-1")
}
