//! A node without sockets: reads requests from bytes, admits, queues and carries them out as the server does, and
//! judges what comes of each. The server's own order of refusals is left to the transcripts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fastrand::Rng;
use larder_node::app::settings::LiveSettings;
use larder_node::clock::Clock;
use larder_node::commands;
use larder_node::commands::context::ValueLimits;
use larder_node::commands::error::CommandError;
use larder_node::commands::perform::{Ending, Performer, Request, end_watches};
use larder_node::commands::ports::{self, Node};
use larder_node::commands::session::{QueuedCommand, Replies, Session};
use larder_node::commands::spec::{Flags, Run};
use larder_node::config::{self, Config};
use larder_node::limits::ITEM_OVERHEAD_BYTES;
use larder_node::server::{
    ExternalCaches, Facts, Logins, LoneBook, NodeStatistics, OneNode, Shared, SharedParts, Tunables,
};
use larder_node::store::{
    CollectionLimits, HashLimits, ListLimits, Lookups, SetLimits, SortedSetLimits, Store, StoreSettings,
};
use larder_proto::effect::{Effect, EffectSink, Stamp};
use larder_proto::resp::{ArgRange, Limits, Out, Progress, RequestParser};
use larder_proto::time::Millis;
use tokio_util::sync::CancellationToken;

use super::oracle::one_reply;

/// One connection to a small node, driven by bytes. Two drivers given the same bytes do the same.
pub struct Driver {
    shared: Shared,
    store: Arc<Store>,
    clock: Arc<HandClock>,
    session: Session,
    parser: RequestParser,
    random: Rng,
    /// What was said of the first request that left more in use than is allowed.
    excess: Option<String>,
}

impl Driver {
    /// A driver over an empty store with this memory limit in bytes.
    #[must_use]
    pub fn new(memory_bytes_max: usize) -> Self {
        let clock = Arc::new(HandClock(AtomicU64::new(START_MS)));
        let config = settings(memory_bytes_max);
        let store = Store::new(&StoreSettings {
            memory_bytes_max,
            eviction: config.eviction,
            // Small, so that conversations of a few commands meet both forms of a collection.
            collection_limits: CollectionLimits {
                hash: HashLimits { entries_max: 4, value_bytes_max: 16 },
                list: ListLimits { bytes_max: 64, entries_max: 4 },
                set: SetLimits { integers_max: 4, entries_max: 3, value_bytes_max: 16 },
                sorted_set: SortedSetLimits { entries_max: 4, member_bytes_max: 16 },
            },
            hash_seed: None,
        });
        let store = Arc::new(store.expect("addresses for a small store"));
        let shared = join(config, &store, &clock);
        let session = Session::new(1, true, clock.now());
        Self {
            shared,
            store,
            clock,
            session,
            parser: RequestParser::new(),
            random: Rng::with_seed(1),
            excess: None,
        }
    }

    /// Checks that no request so far left more memory in use than the limit, or than was in use before it.
    ///
    /// # Errors
    /// A sentence about the first that did.
    pub fn memory_held(&self) -> Result<(), String> {
        self.excess.clone().map_or(Ok(()), Err)
    }

    /// Lets time pass, and what has expired be swept.
    pub fn advance(&mut self, milliseconds: u64) {
        let now = Millis(self.clock.0.fetch_add(milliseconds, Ordering::Relaxed) + milliseconds);
        for part in 0..self.store.sweep_parts() {
            while self.store.sweep(part, now).more {}
        }
        while self.store.drop_removed() {}
    }

    /// Sends bytes on a connection and answers the requests in them; returns their replies, empty where the client asked
    /// for none. Bytes that are no request, or half of one, end the connection: the next call opens another to the same
    /// node.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the first reply that is not exactly one.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let mut input = bytes.to_vec();
        let (mut at, mut replies) = (0, Vec::new());
        while at < input.len() {
            let Ok(Progress::Complete { consumed }) = self.parser.parse(&mut input[at..], &LIMITS) else {
                self.reconnect();
                return Ok(replies);
            };
            let words: Vec<ArgRange> = self.parser.arguments().to_vec();
            if !words.is_empty() {
                replies.push(self.answer(&input[at..at + consumed], &words)?);
            }
            at += consumed;
            if self.session.closing {
                self.reconnect();
            }
        }
        Ok(replies)
    }

    /// Carries out one request and judges its reply.
    fn answer(&mut self, frame: &[u8], words: &[ArgRange]) -> Result<Vec<u8>, String> {
        let before = self.store.memory().used();
        let version = self.session.version;
        let mut reply = Vec::new();
        self.request(frame, words, &mut Out::new(&mut reply, version));
        if self.withholds() {
            reply.clear();
        } else {
            one_reply(&reply, (version == self.session.version).then_some(version))?;
        }
        self.note_excess(before);
        Ok(reply)
    }

    /// The limit may have been set below what is in use: then it must not grow.
    fn note_excess(&mut self, before: usize) {
        let limit = self.store.memory().limit();
        let used = self.store.memory().used();
        if self.excess.is_none() && used > limit.max(before) + SLACK_BYTES {
            self.excess =
                Some(format!("{used} bytes in use after a request, {before} before, the limit is {limit}"));
        }
    }

    fn request(&mut self, frame: &[u8], words: &[ArgRange], out: &mut Out<'_>) {
        let mark = out.mark();
        let refused = match self.admit(frame, words) {
            Ok(request) if self.queues(&request) => {
                if let Some(queue) = &mut self.session.transaction.queue {
                    queue.bytes += request.frame.len();
                    queue.commands.push(QueuedCommand::new(&request));
                }
                return out.simple("QUEUED");
            }
            Ok(request) => self.perform(&request, out),
            Err(error) => {
                if let Some(queue) = &mut self.session.transaction.queue {
                    queue.failed = true;
                }
                Err(error)
            }
        };
        if let Err(error) = refused {
            out.rewind(mark);
            out.error(error.code().word(), &error.to_string());
        }
    }

    fn admit<'r>(&mut self, frame: &'r [u8], words: &'r [ArgRange]) -> Result<Request<'r>, CommandError> {
        let found = words.first().and_then(|name| self.shared.commands().find(name.of(frame)));
        let row = self.shared.commands().resolve(found, frame, words)?;
        let request = Request::new(row, frame, words);
        let queued = self.session.transaction.queue.as_ref();
        if queued.is_some() && request.spec.flags.has(Flags::NO_MULTI) {
            return Err(CommandError::Plain("Command not allowed inside a transaction"));
        }
        let needed = match request.spec.run {
            Run::Write(_) if request.spec.flags.has(Flags::DENY_OOM) => Some(frame.len()),
            Run::Exec => queued.map(|queue| queue.bytes),
            _ => None,
        };
        if let Some(bytes) = needed {
            self.store.make_room(bytes + ITEM_OVERHEAD_BYTES, self.clock.now(), &mut self.random)?;
        }
        Ok(request)
    }

    fn queues(&self, request: &Request<'_>) -> bool {
        self.session.transaction.queue.is_some() && !request.spec.flags.has(Flags::NOT_QUEUED)
    }

    fn perform(&mut self, request: &Request<'_>, out: &mut Out<'_>) -> Result<(), CommandError> {
        let mut performer = Performer {
            store: &self.store,
            node: &self.shared,
            random: &mut self.random,
            custody: &mut Forgotten,
            guarded: false,
            ending: Ending::Free,
            among: None,
            limits: ValueLimits { string_bytes_max: VALUE_BYTES_MAX },
            lookups: &mut Lookups::default(),
            now: self.clock.now(),
            hint: None,
        };
        performer.perform(request, &mut self.session, out)
    }

    /// Whether the client asked for no reply to this request (CLIENT REPLY).
    fn withholds(&mut self) -> bool {
        let replies = self.session.replies;
        match replies {
            Replies::SkipNext => self.session.replies = Replies::Skip,
            Replies::Skip => self.session.replies = Replies::On,
            Replies::On | Replies::Off => {}
        }
        replies != Replies::On
    }

    fn reconnect(&mut self) {
        end_watches(&self.store, &self.session.transaction);
        self.session = Session::new(self.session.id + 1, true, self.clock.now());
        self.parser = RequestParser::new();
    }
}

/// The defaults, but for the memory limit and a count of threads that does not depend on the machine.
fn settings(memory_bytes_max: usize) -> Config {
    let memory = memory_bytes_max.to_string();
    let words = ["larder", "--max-memory", &memory, "--threads", "1"];
    let matches = config::command_line().get_matches_from(words);
    match config::load(&matches) {
        Ok(invocation) => invocation.config,
        Err(error) => panic!("the driver's settings: {error}"),
    }
}

fn join(config: Config, store: &Arc<Store>, clock: &Arc<HandClock>) -> Shared {
    let tunables = Arc::new(Tunables::default());
    let commands = commands::table();
    Shared::new(SharedParts {
        statistics: NodeStatistics::new(1, commands.rows().len()),
        logins: Logins::default(),
        caches: ExternalCaches::new(Arc::new(LoneBook::new(1))),
        settings: Box::new(LiveSettings::new(config, Arc::clone(store), Arc::clone(&tunables))),
        store: Arc::clone(store),
        commands,
        tunables,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        membership: Arc::new(OneNode::new(Ipv4Addr::LOCALHOST.to_string(), 6379, 1)),
        facts: Facts {
            region: "local".to_owned(),
            service: "default".to_owned(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 6379)),
            threads: 1,
            run_id: "0".repeat(40),
            started_at: clock.now(),
        },
        stop: CancellationToken::new(),
        region: None,
    })
}

/// A clock that is set by hand.
struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic_ns(&self) -> u64 {
        self.0.load(Ordering::Relaxed).saturating_sub(START_MS) * 1_000_000
    }
}

struct Forgotten;

impl ports::Alone for Forgotten {}

impl EffectSink for Forgotten {
    fn effect(&mut self, _stamp: Stamp, _effect: &Effect<'_>) {}
}

const START_MS: u64 = 1_700_000_000_000;

/// Small enough that a conversation can reach it.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// By how much memory may pass what room was made for: tables that grow, headers of blocks.
const SLACK_BYTES: usize = 16 * 1024;

const LIMITS: Limits = Limits {
    arguments_max: 1_024,
    bulk_bytes_max: VALUE_BYTES_MAX,
    inline_bytes_max: 16 * 1024,
    frame_bytes_max: 2 * VALUE_BYTES_MAX,
};
