//! Commands tested in command words, without a socket: `bench.run("set k v")` gives the reply as readable text.

use std::cell::{Cell, RefCell};

use fastrand::Rng;
use larder_proto::effect::{Effect, EffectSink, Stamp};
use larder_proto::resp::{ArgRange, Limits, Out, Progress, RequestParser};
use larder_proto::time::Millis;

use super::context::ValueLimits;
use super::perform::{Performer, Request};
use super::ports::{ClientInfo, Clients, Histogram, Node, Paused, Settings, SlowEntry, Statistics};
use super::session::{QueuedCommand, Session};
use super::spec::Flags;
use super::table::{CommandId, Commands};
use crate::store::{Eviction, HashLimits, Lookups, Store, StoreSettings};

/// A store and one connection, driven by words.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) session: Session,
    pub(super) now: Millis,
    pub(super) effects: Effects,
    node: TestNode,
    random: Rng,
}

/// Effects, written down as text.
#[derive(Default)]
pub(super) struct Effects(pub(super) Vec<String>);

impl EffectSink for Effects {
    fn effect(&mut self, stamp: Stamp, effect: &Effect<'_>) {
        self.0.push(format!("{} {effect:?}", stamp.namespace.0));
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        let settings = StoreSettings {
            memory_bytes_max: 64 << 20,
            eviction: Eviction::SEGMENT_MERGE,
            hash_limits: HashLimits { entries_max: 512, value_bytes_max: 64 },
        };
        let now = Millis(1_000_000);
        Self {
            store: Store::new(&settings),
            session: Session::new(1, true, now),
            now,
            effects: Effects::default(),
            node: TestNode::default(),
            random: Rng::with_seed(1),
        }
    }

    /// The reply to one inline command, its line ends shown as `|`.
    pub(super) fn run(&mut self, line: &str) -> String {
        let limits = Limits {
            arguments_max: 1_024,
            bulk_bytes_max: 1 << 20,
            inline_bytes_max: 1 << 16,
            frame_bytes_max: 1 << 21,
        };
        let mut frame = format!("{line}\r\n").into_bytes();
        let mut parser = RequestParser::new();
        let progress = parser.parse(&mut frame, &limits).expect("a request");
        assert!(matches!(progress, Progress::Complete { .. }));
        let mut reply = Vec::new();
        self.answer(&frame, parser.arguments(), &mut reply);
        String::from_utf8_lossy(&reply).replace("\r\n", "|")
    }

    /// Every line's reply must be the one given.
    pub(super) fn expect(&mut self, exchanges: &[(&str, &str)]) {
        for (line, expected) in exchanges {
            assert_eq!(self.run(line), *expected, "reply to: {line}");
        }
    }

    fn answer(&mut self, frame: &[u8], words: &[ArgRange], reply: &mut Vec<u8>) {
        let mut out = Out::new(reply, self.session.version);
        let row = match self.node.commands.resolve(frame, words) {
            Ok(row) => row,
            Err(error) => return out.error(error.code().word(), &error.to_string()),
        };
        let request = Request::new(row, frame, words);
        if let Some(queue) = &mut self.session.transaction.queue
            && !request.spec.flags.has(Flags::NOT_QUEUED)
        {
            queue.commands.push(QueuedCommand::new(&request));
            return out.simple("QUEUED");
        }
        let mut performer = Performer {
            store: &self.store,
            node: &self.node,
            random: &mut self.random,
            sink: &mut self.effects,
            limits: ValueLimits { string_bytes_max: 1 << 20 },
            lookups: &mut Lookups::default(),
            now: self.now,
        };
        if let Err(error) = performer.perform(&request, &mut self.session, &mut out) {
            out.error(error.code().word(), &error.to_string());
        }
    }
}

/// A node of one client that remembers what it was told.
pub(super) struct TestNode {
    commands: Commands,
    password: Option<&'static [u8]>,
    paused: Cell<Option<(Millis, Paused)>>,
    settings: RefCell<Vec<(String, String)>>,
}

impl Default for TestNode {
    fn default() -> Self {
        Self {
            commands: super::table(),
            password: None,
            paused: Cell::new(None),
            settings: RefCell::new(vec![("maxmemory".into(), "0".into()), ("timeout".into(), "0".into())]),
        }
    }
}

impl Node for TestNode {
    fn commands(&self) -> &Commands {
        &self.commands
    }

    fn clients(&self) -> &dyn Clients {
        self
    }

    fn settings(&self) -> &dyn Settings {
        self
    }

    fn statistics(&self) -> &dyn Statistics {
        self
    }

    fn login(&self, user: &[u8], password: &[u8]) -> Option<bool> {
        self.password.map(|right| user == b"default" && password == right)
    }

    fn info(&self, sections: &[String], _now: Millis) -> String {
        format!("# {}\r\n", sections.join(","))
    }

    fn memory_facts(&self) -> Vec<(&'static str, u64)> {
        vec![("startup.allocated", 1)]
    }
}

impl Clients for TestNode {
    fn list(&self, _now: Millis) -> Vec<ClientInfo> {
        vec![ClientInfo { id: 1, ..ClientInfo::default() }]
    }

    fn describe(&self, session: &Session, _now: Millis) -> ClientInfo {
        ClientInfo { id: session.id, name: session.name.clone(), ..ClientInfo::default() }
    }

    fn kill(&self, id: u64) -> bool {
        id == 1
    }

    fn pause(&self, until: Millis, what: Paused) {
        self.paused.set(Some((until, what)));
    }

    fn unpause(&self) {
        self.paused.set(None);
    }
}

impl Settings for TestNode {
    fn each(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.settings.borrow().iter().for_each(|(name, value)| visit(name, value));
    }

    fn set(&self, changes: &[(String, String)]) -> Result<(), String> {
        for (name, value) in changes {
            let mut settings = self.settings.borrow_mut();
            let known = settings.iter_mut().find(|(known, _)| known == name);
            known
                .ok_or_else(|| format!("Unknown option or number of arguments for CONFIG SET - '{name}'"))?
                .1 = value.clone();
        }
        Ok(())
    }
}

impl Statistics for TestNode {
    fn slow_entries(&self, _count: usize) -> Vec<SlowEntry> {
        Vec::new()
    }

    fn slow_length(&self) -> usize {
        0
    }

    fn slow_reset(&self) {}

    fn histogram(&self, _command: CommandId) -> Histogram {
        Histogram::default()
    }

    fn reset(&self) {}
}
