//! Commands tested in command words, without a socket: `bench.run("set k v")` gives the reply as readable text.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use fastrand::Rng;
use larder_proto::effect::{Effect, EffectSink, Stamp, encode};
use larder_proto::resp::{ArgRange, Limits, Out, Progress, RequestParser, Version};
use larder_proto::slot::Partition;
use larder_proto::time::Millis;

use super::cluster::{ClusterView, Endpoint, LinkInfo};
use super::context::ValueLimits;
use super::perform::{Ending, Performer, Request};
use super::ports::{
    Alone, Caches, ClientInfo, Clients, Histogram, Node, Paused, Settings, SlowEntry, Statistics,
};
use super::session::{QueuedCommand, Session, User};
use super::spec::Flags;
use super::table::{CommandId, Commands};
use crate::external::{Table, UseFrom};
use crate::store::{
    Access, ApplyError, CollectionLimits, Eviction, HashLimits, ListLimits, Lookups, SetLimits,
    SortedSetLimits, Store, StoreSettings,
};

/// A store and one connection, driven by words.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) session: Session,
    pub(super) now: Millis,
    pub(super) effects: Effects,
    pub(super) node: TestNode,
    random: Rng,
}

/// Effects, written down as text, and applied to a copy if there is one.
#[derive(Default)]
pub(super) struct Effects(pub(super) Vec<String>, pub(super) Option<Replica>);

/// A second store that knows nothing but effects, as they travel between nodes.
pub(super) struct Replica {
    pub(super) store: Store,
    pub(super) now: Millis,
    /// By partition: those whose effects it gets.
    pub(super) follows: Vec<bool>,
    bytes: Vec<u8>,
}

impl EffectSink for Effects {
    fn effect(&mut self, stamp: Stamp, effect: &Effect<'_>) {
        self.0.push(format!("{} {effect:?}", stamp.database));
        if let Some(replica) = &mut self.1 {
            replica.apply(stamp, effect);
        }
    }
}

impl Alone for Effects {}

impl Replica {
    pub(super) fn new(now: Millis) -> Self {
        Self::with_store(Store::new(&SETTINGS).unwrap(), now)
    }

    fn with_store(store: Store, now: Millis) -> Self {
        Self { store, now, follows: vec![true; Partition::all().len()], bytes: Vec::new() }
    }

    /// One that follows no partition yet, with so much memory, which makes for other locks than the owner's.
    pub(super) fn idle(now: Millis, memory_bytes_max: usize) -> Self {
        // What is written just now leaves as likely as anything.
        let eviction = Eviction::named("allkeys-random").unwrap();
        let store = Store::new(&StoreSettings { memory_bytes_max, eviction, ..SETTINGS }).unwrap();
        Self { follows: vec![false; Partition::all().len()], ..Self::with_store(store, now) }
    }

    fn apply(&mut self, stamp: Stamp, effect: &Effect<'_>) {
        if self.follows[stamp.partition.index()] {
            self.bytes.clear();
            encode(stamp.database, effect, &mut self.bytes);
            let parts = (self.now, &mut Rng::with_seed(0));
            let applied = self.store.apply(stamp.partition, stamp.sequence, &self.bytes, parts);
            self.go_on(stamp.partition, applied);
        }
    }

    /// Whether effects or a piece were applied. A copy that has no room for them follows the partition no longer.
    pub(super) fn go_on(&mut self, partition: Partition, applied: Result<(), ApplyError>) -> bool {
        let full = applied == Err(ApplyError::OutOfMemory);
        assert!(full || applied.is_ok(), "{applied:?}");
        self.follows[partition.index()] &= !full;
        !full
    }
}

const SETTINGS: StoreSettings = StoreSettings {
    memory_bytes_max: 64 << 20,
    eviction: Eviction::SEGMENT_MERGE,
    // Nodes of lists are small, so that short lists have many.
    collection_limits: CollectionLimits {
        hash: HashLimits { entries_max: 512, value_bytes_max: 64 },
        list: ListLimits { bytes_max: 64, entries_max: 4 },
        set: SetLimits { integers_max: 8, entries_max: 6, value_bytes_max: 64 },
        sorted_set: SortedSetLimits { entries_max: 128, member_bytes_max: 64 },
    },
    hash_seed: Some(1),
};

impl Bench {
    pub(super) fn new() -> Self {
        let now = Millis(1_000_000);
        Self {
            store: Store::new(&SETTINGS).unwrap(),
            session: Session::new(1, true, now),
            now,
            effects: Effects::default(),
            node: TestNode::default(),
            random: Rng::with_seed(1),
        }
    }

    /// A bench with so little memory that keys are evicted.
    pub(super) fn with_memory(memory_bytes_max: usize) -> Self {
        let store = Store::new(&StoreSettings { memory_bytes_max, ..SETTINGS }).unwrap();
        Self { store, ..Self::new() }
    }

    /// From here on this copy gets the effects, whatever it missed.
    pub(super) fn attach(&mut self, copy: Replica) {
        for partition in Partition::all() {
            let sequence = self.store.lock_partition(partition, Access::Read, self.now).sequence();
            copy.store.lock_partition(partition, Access::Write, self.now).set_sequence(sequence);
        }
        self.effects.1 = Some(copy);
    }

    /// The copy that gets the effects.
    pub(super) fn copy(&self) -> &Replica {
        self.effects.1.as_ref().expect("a copy")
    }

    pub(super) fn copy_mut(&mut self) -> &mut Replica {
        self.effects.1.as_mut().expect("a copy")
    }

    /// Makes room as admission does; whether there is.
    pub(super) fn make_room(&mut self, bytes: usize) -> bool {
        self.store.make_room(bytes, self.now, &mut self.random).is_ok()
    }

    /// A bench whose node asks for this password, on a connection that has not given it yet.
    pub(super) fn with_password(password: &'static [u8]) -> Self {
        let mut bench = Self::new();
        bench.node.password = Some(password);
        bench.session.authenticated = false;
        bench
    }

    /// The reply to one inline command, its line ends shown as `|`.
    pub(super) fn run(&mut self, line: &str) -> String {
        String::from_utf8_lossy(&self.reply(line)).replace("\r\n", "|")
    }

    /// The reply to one inline command.
    pub(super) fn reply(&mut self, line: &str) -> Vec<u8> {
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
        reply
    }

    /// Every line's reply must be the one given.
    pub(super) fn expect(&mut self, exchanges: &[(&str, &str)]) {
        for (line, expected) in exchanges {
            assert_eq!(self.run(line), *expected, "reply to: {line}");
        }
    }

    fn answer(&mut self, frame: &[u8], words: &[ArgRange], reply: &mut Vec<u8>) {
        let mut out = Out::new(reply, self.session.version);
        let found = words.first().and_then(|name| self.node.commands.find(name.of(frame)));
        let row = match self.node.commands.resolve(found, frame, words) {
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
            custody: &mut self.effects,
            guarded: false,
            ending: Ending::Free,
            among: None,
            limits: ValueLimits { string_bytes_max: 1 << 20 },
            lookups: &mut Lookups::default(),
            now: self.now,
            hint: None,
        };
        if let Err(error) = performer.perform(&request, &mut self.session, &mut out) {
            out.error(error.code().word(), &error.to_string());
        }
    }
}

/// A node that remembers what it was told. Client 1 is the bench's, clients 2 and 3 are others.
pub(super) struct TestNode {
    commands: Commands,
    password: Option<&'static [u8]>,
    pub(super) gateway_password: Option<&'static [u8]>,
    pub(super) caches: RefCell<Option<Table>>,
    /// Regions of gateways, in the order in which they asked.
    pub(super) seen: RefCell<Vec<String>>,
    pub(super) paused: Cell<Option<(Millis, Paused)>>,
    pub(super) others: RefCell<Vec<u64>>,
    pub(super) slow: RefCell<Vec<SlowEntry>>,
    pub(super) histograms: RefCell<Vec<(String, Histogram)>>,
    settings: RefCell<Vec<(String, String)>>,
    pub(super) cluster: RefCell<Option<ClusterView>>,
    pub(super) links: RefCell<Vec<LinkInfo>>,
}

impl Default for TestNode {
    fn default() -> Self {
        Self {
            commands: super::table(),
            password: None,
            gateway_password: None,
            caches: RefCell::default(),
            seen: RefCell::default(),
            paused: Cell::new(None),
            others: RefCell::new(vec![2, 3]),
            slow: RefCell::default(),
            histograms: RefCell::default(),
            settings: RefCell::new(vec![("maxmemory".into(), "0".into()), ("timeout".into(), "0".into())]),
            cluster: RefCell::default(),
            links: RefCell::default(),
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

    fn asks_for_login(&self) -> bool {
        self.password.is_some()
    }

    fn login(&self, user: &[u8], password: &[u8]) -> Option<User> {
        match user {
            b"default" => self.password.is_none_or(|right| right == password).then_some(User::Default),
            b"gateway" => (self.gateway_password == Some(password)).then_some(User::Gateway),
            _ => None,
        }
    }

    fn caches(&self) -> &dyn Caches {
        self
    }

    fn info(&self, sections: &[String], _endpoint: Endpoint) -> String {
        format!("# {}\r\n", sections.join(","))
    }

    fn cluster(&self) -> Option<ClusterView> {
        self.cluster.borrow().clone()
    }

    fn links(&self) -> Vec<LinkInfo> {
        self.links.borrow().clone()
    }

    fn memory_facts(&self) -> Vec<(&'static str, u64)> {
        vec![("startup.allocated", 1)]
    }
}

impl Clients for TestNode {
    fn list(&self, _now: Millis) -> Vec<ClientInfo> {
        let client = |id: &u64| ClientInfo {
            id: *id,
            address: format!("10.0.0.{id}:5000"),
            flags: "N".into(),
            ..ClientInfo::default()
        };
        [1].iter().chain(self.others.borrow().iter()).map(client).collect()
    }

    fn describe(&self, session: &Session, now: Millis) -> ClientInfo {
        ClientInfo {
            id: session.id,
            address: "10.0.0.1:5000".into(),
            local_address: "10.0.0.9:6379".into(),
            name: session.name.clone(),
            age_seconds: now.since(session.connected_at) / 1_000,
            flags: "N".into(),
            database: session.database.number(),
            queued: session.transaction.queue.as_ref().map_or(-1, |queue| queue.commands.len() as i64),
            watched: session.transaction.watched.len(),
            protocol: 2 + u8::from(session.version == Version::Resp3),
            library_name: session.library_name.clone(),
            library_version: session.library_version.clone(),
            user: session.user,
            ..ClientInfo::default()
        }
    }

    fn kill(&self, id: u64) -> bool {
        let mut others = self.others.borrow_mut();
        let before = others.len();
        others.retain(|other| *other != id);
        others.len() < before
    }

    fn pause(&self, until: Millis, what: Paused) {
        self.paused.set(Some((until, what)));
    }

    fn unpause(&self) {
        self.paused.set(None);
    }
}

impl Caches for TestNode {
    fn are_open(&self) -> bool {
        self.gateway_password.is_none()
    }

    fn table(&self) -> Option<Arc<Table>> {
        self.caches.borrow().clone().map(Arc::new)
    }

    fn saw_gateway(&self, region: &UseFrom, _now: Millis) {
        self.seen.borrow_mut().push(region.as_str().to_owned());
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
    fn slow_entries(&self, count: usize) -> Vec<SlowEntry> {
        self.slow.borrow().iter().take(count).cloned().collect()
    }

    fn slow_length(&self) -> usize {
        self.slow.borrow().len()
    }

    fn slow_reset(&self) {
        self.slow.borrow_mut().clear();
    }

    fn histogram(&self, command: CommandId) -> Histogram {
        let name = &self.commands.rows()[usize::from(command)].full_name;
        let histograms = self.histograms.borrow();
        histograms.iter().find(|(known, _)| known == name).map(|(_, found)| found.clone()).unwrap_or_default()
    }

    fn reset(&self) {
        self.histograms.borrow_mut().clear();
    }
}
