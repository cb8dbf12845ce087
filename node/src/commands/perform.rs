//! Carries out a command that was found and admitted: locks what its row names, runs its handler, lets go. Transactions
//! run the same handlers over the union of their partitions, which is what makes them atomic.

use fastrand::Rng;
use larder_proto::resp::{ArgRange, Out};
use larder_proto::time::Millis;

use super::args::Args;
use super::context::{ReadCx, SessionCx, ValueLimits, WalkCx, WriteCx};
use super::error::CommandError;
use super::ports::{Change, Custody, Entry, Left, Node, Ticket};
use super::session::{Queue, QueuedCommand, Session, Transaction};
use super::spec::{Flags, Keys, Outcome, Run, Spec};
use super::table::{CommandId, Row};
use crate::limits::ROOM_TRIES_MAX;
use crate::store::{Access, Database, Hint, Keyspace, Lookups, PartitionSet, Store, Walker, Writer};

/// What commands are carried out with. One for each worker; borrowed for each batch.
pub struct Performer<'p> {
    /// The store.
    pub store: &'p Store,
    /// The rest of the node.
    pub node: &'p dyn Node,
    /// Source of choices.
    pub random: &'p mut Rng,
    /// Where effects go, and who is asked where there are copies.
    pub custody: &'p mut dyn Custody,
    /// Whether there are copies, or other nodes that serve: then each request enters and leaves its partitions.
    pub guarded: bool,
    /// How the last request ended.
    pub ending: Ending,
    /// The partitions that a command on all keys is carried out over, where other nodes have the others.
    pub among: Option<&'p PartitionSet>,
    /// What a value may be at most.
    pub limits: ValueLimits,
    /// Keys found and not found are added here.
    pub lookups: &'p mut Lookups,
    /// The moment of the request.
    pub now: Millis,
    /// What is known of the one key of the request.
    pub hint: Option<Hint>,
}

/// What becomes of a request and its reply where a node is not alone.
#[derive(Clone, Debug, Default)]
pub enum Ending {
    /// The reply may leave at once.
    #[default]
    Free,
    /// The reply may leave once this is settled.
    After(Ticket),
    /// Nothing was read or changed: another node serves one of the partitions.
    Elsewhere,
    /// Nothing was read or changed: nobody serves one of the partitions for now, or there is no room for changes.
    Wait,
    /// The right to serve ended while it ran. The reply must not leave. What was changed, of a request without a number.
    Over(Option<Change>),
}

/// A request whose row is known.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// The row of the command.
    pub spec: &'static Spec,
    /// Its number.
    pub id: CommandId,
    /// Words before the first argument.
    pub name_words: usize,
    /// The request's bytes.
    pub frame: &'r [u8],
    /// Its words.
    pub words: &'r [ArgRange],
}

impl<'r> Request<'r> {
    /// A request for this row.
    #[must_use]
    #[inline]
    pub fn new(row: &Row, frame: &'r [u8], words: &'r [ArgRange]) -> Self {
        Self { spec: row.spec, id: row.id, name_words: row.name_words(), frame, words }
    }

    fn args(&self) -> Args<'r> {
        Args::new(self.frame, self.words).skip(self.name_words)
    }

    /// The keys that the row names.
    pub fn keys(&self) -> impl Iterator<Item = &'r [u8]> {
        let (frame, words) = (self.frame, self.words);
        let word = |at: usize| words.get(at).map(|word| word.of(frame));
        self.spec.keys.positions(words.len(), word).map(move |at| words[at].of(frame))
    }

    /// The partitions that the row names.
    #[must_use]
    #[inline]
    pub fn partitions(&self) -> PartitionSet {
        match self.spec.keys {
            Keys::None => PartitionSet::none(),
            Keys::At(position) => PartitionSet::of(self.words[position].of(self.frame)),
            Keys::Every => PartitionSet::all(),
            Keys::From { .. } | Keys::Pair { .. } | Keys::Counted { .. } => PartitionSet::of_all(self.keys()),
        }
    }
}

impl Performer<'_> {
    /// Carries out one command and writes its reply; of a failed one, nothing but the error is returned.
    ///
    /// # Errors
    /// Whatever the handler fails with. What it wrote to `out` is taken back.
    #[inline]
    pub fn perform(&mut self, request: &Request<'_>, session: &mut Session, out: &mut Out<'_>) -> Outcome {
        let mark = out.mark();
        self.ending = Ending::Free;
        let outcome = match request.spec.run {
            Run::Read(_) => self.perform_on_keys(request, session, Access::Read, out),
            Run::Write(_) => self.perform_write(request, session, out),
            Run::Walk(handler) => {
                let keys = Walker::new(self.store, session.database, self.now);
                let keys = if let Some(among) = self.among { keys.among(among) } else { keys };
                let mut cx = WalkCx { keys, among: self.among, random: self.random };
                let outcome = handler(&mut cx, request.args(), out);
                self.confirm();
                outcome
            }
            Run::Session(handler) => handler(&mut self.session_cx(session), request.args(), out),
            Run::Exec => self.perform_exec(session, out),
            Run::Container(_) => Err(CommandError::Syntax),
        };
        let outcome = if out.has_overflowed() { Err(CommandError::ReplyTooBig) } else { outcome };
        if outcome.is_err() {
            out.rewind(mark);
        }
        outcome
    }

    /// Carries out a write. One that turns out to need more memory than its request lets go of its partitions, so that
    /// room can be made, and is tried again.
    fn perform_write(&mut self, request: &Request<'_>, session: &Session, out: &mut Out<'_>) -> Outcome {
        let mark = out.mark();
        for _ in 0..ROOM_TRIES_MAX {
            match self.perform_on_keys(request, session, Access::Write, out) {
                Err(CommandError::NeedsMemory { bytes }) => {
                    out.rewind(mark);
                    self.store.make_whole_room(bytes, self.now, self.random)?;
                }
                outcome => return outcome,
            }
        }
        Err(CommandError::OutOfMemory)
    }

    fn perform_on_keys(
        &mut self,
        request: &Request<'_>,
        session: &Session,
        access: Access,
        out: &mut Out<'_>,
    ) -> Outcome {
        if self.guarded {
            return self.perform_guarded(request, session, access, out);
        }
        let mut keyspace = match request.spec.keys {
            Keys::At(position) => {
                let key = request.words[position].of(request.frame);
                self.store.lock_one(key, self.hint, access, (session.database, self.now))
            }
            _ => self.store.lock(&request.partitions(), access, session.database, self.now),
        };
        let outcome = self.run_held(request, session, &mut keyspace, out);
        self.count(&keyspace);
        outcome
    }

    /// Like [`Performer::perform_on_keys`] where this node has to be the one that serves the partitions.
    fn perform_guarded(
        &mut self,
        request: &Request<'_>,
        session: &Session,
        access: Access,
        out: &mut Out<'_>,
    ) -> Outcome {
        let partitions = match (request.spec.keys, self.among) {
            (Keys::Every, Some(among)) => among.clone(),
            _ => request.partitions(),
        };
        let mut keyspace = match request.spec.keys {
            Keys::At(position) => {
                let key = request.words[position].of(request.frame);
                self.store.lock_one(key, self.hint, access, (session.database, self.now))
            }
            _ => self.store.lock(&partitions, access, session.database, self.now),
        };
        let Some(entered) = self.enter(&partitions, access, out) else { return Ok(()) };
        entered?;
        let mark = out.mark();
        let outcome = self.run_held(request, session, &mut keyspace, out);
        let outcome = if out.has_overflowed() { Err(CommandError::ReplyTooBig) } else { outcome };
        let left = match &outcome {
            // Nothing was changed, and it is tried again.
            Err(CommandError::NeedsMemory { .. }) => Ok(()),
            Err(error) => {
                let mut reply = Vec::new();
                Out::new(&mut reply, out.version()).error(error.code().word(), &error.to_string());
                self.leave(&partitions, &reply)
            }
            Ok(()) => self.leave(&partitions, out.since(mark)),
        };
        self.count(&keyspace);
        left.and(outcome)
    }

    /// After the partitions were read one by one: whether they are served here still, and when the reply may leave.
    pub fn confirm(&mut self) {
        let Some(among) = self.among.filter(|_| self.guarded) else { return };
        let _held = self.store.lock(among, Access::Read, Database::default(), self.now);
        match self.custody.enter(among.as_slice(), Access::Read) {
            Entry::Go | Entry::Remembered(_) | Entry::Unknown => {
                if self.leave(among, &[]).is_err() {
                    // This took no time by itself.
                    self.ending = Ending::Over(None);
                }
            }
            Entry::Elsewhere => self.ending = Ending::Elsewhere,
            Entry::Wait => self.ending = Ending::Wait,
        }
    }

    /// Whether the request may go on with the partitions that it holds; `None` if its reply, or what becomes of it, is
    /// known already.
    fn enter(&mut self, partitions: &PartitionSet, access: Access, out: &mut Out<'_>) -> Option<Outcome> {
        match self.custody.enter(partitions.as_slice(), access) {
            Entry::Go => return Some(Ok(())),
            Entry::Remembered(reply) => {
                let mark = out.mark();
                out.raw(&reply);
                if let Err(error) = self.leave(partitions, &[]) {
                    out.rewind(mark);
                    return Some(Err(error));
                }
            }
            Entry::Unknown => return Some(Err(CommandError::OutcomeUnknown)),
            Entry::Elsewhere => self.ending = Ending::Elsewhere,
            Entry::Wait => self.ending = Ending::Wait,
        }
        None
    }

    /// Notes when the reply may leave. An error takes the place of the reply.
    fn leave(&mut self, partitions: &PartitionSet, reply: &[u8]) -> Outcome {
        self.ending = match self.custody.leave(partitions.as_slice(), reply) {
            Left::Free => Ending::Free,
            Left::After(ticket) => Ending::After(ticket),
            Left::Over(change) => Ending::Over(change),
            Left::TooLong => {
                self.ending = Ending::Free;
                return Err(CommandError::RanTooLong);
            }
        };
        Ok(())
    }

    /// Runs a command over partitions that are held already.
    #[inline]
    fn run_held(
        &mut self,
        request: &Request<'_>,
        session: &Session,
        keyspace: &mut Keyspace<'_>,
        out: &mut Out<'_>,
    ) -> Outcome {
        keyspace.set_touch(!session.no_touch && !request.spec.flags.has(Flags::NO_TOUCH));
        keyspace.set_counting(request.spec.reads() || request.spec.flags.has(Flags::LOOKUP));
        match request.spec.run {
            Run::Read(handler) => {
                handler(&mut ReadCx { keys: keyspace, random: self.random }, request.args(), out)
            }
            Run::Write(handler) => {
                let keys = Writer::new(keyspace, self.custody);
                handler(&mut WriteCx { keys, limits: self.limits, random: self.random }, request.args(), out)
            }
            Run::Walk(handler) => {
                let keys = Walker::over(keyspace);
                handler(&mut WalkCx { keys, among: None, random: self.random }, request.args(), out)
            }
            Run::Session(_) | Run::Exec | Run::Container(_) => Err(CommandError::Syntax),
        }
    }

    /// Carries out the commands that the session has queued.
    ///
    /// # Errors
    /// There is no transaction, or one of its commands could not be queued.
    pub fn perform_exec(&mut self, session: &mut Session, out: &mut Out<'_>) -> Outcome {
        let queue = session.transaction.queue.take().ok_or(CommandError::WithoutMulti { command: "EXEC" })?;
        let transaction = std::mem::take(&mut session.transaction);
        if queue.failed {
            end_watches(self.store, &transaction);
            return Err(CommandError::ExecAborted);
        }
        let outcome = self.exec_held(&queue, &transaction, session, out);
        if matches!(self.ending, Ending::Elsewhere | Ending::Wait) {
            // Nothing of it was carried out: it can be tried again.
            session.transaction = Transaction { queue: Some(queue), ..transaction };
        } else {
            end_watches(self.store, &transaction);
        }
        outcome
    }

    fn exec_held(
        &mut self,
        queue: &Queue,
        transaction: &Transaction,
        session: &mut Session,
        out: &mut Out<'_>,
    ) -> Outcome {
        let mut partitions = partitions_of(queue);
        partitions.join(&PartitionSet::of_all(transaction.watched.iter().map(|watched| watched.key())));
        let mut keyspace = self.store.lock(&partitions, Access::Write, session.database, self.now);
        if self.guarded {
            let Some(entered) = self.enter(&partitions, Access::Write, out) else { return Ok(()) };
            entered?;
        }
        let mark = out.mark();
        let intact = transaction.watched.iter().all(|watched| keyspace.is_intact(watched));
        if intact && !transaction.watch.is_touched() {
            out.array(queue.commands.len());
            for command in &queue.commands {
                self.run_queued(command, session, &mut keyspace, out);
            }
        } else {
            out.null_array();
        }
        if self.guarded
            && let Err(error) = self.leave(&partitions, out.since(mark))
        {
            out.rewind(mark);
            return Err(error);
        }
        self.count(&keyspace);
        Ok(())
    }

    /// Runs one command of a transaction. Its error is its reply; the others are run all the same.
    fn run_queued(
        &mut self,
        command: &QueuedCommand,
        session: &mut Session,
        keyspace: &mut Keyspace<'_>,
        out: &mut Out<'_>,
    ) {
        let request = command.request();
        let mark = out.mark();
        session.database = command.database.unwrap_or(session.database);
        let outcome = match request.spec.run {
            Run::Session(handler) => handler(&mut self.session_cx(session), request.args(), out),
            _ => {
                keyspace.select(session.database);
                self.run_held(&request, session, keyspace, out)
            }
        };
        let outcome = if out.has_overflowed() { Err(CommandError::ReplyTooBig) } else { outcome };
        if let Err(error) = outcome {
            out.rewind(mark);
            out.error(error.code().word(), &error.to_string());
        }
    }

    fn session_cx<'c>(&'c self, session: &'c mut Session) -> SessionCx<'c> {
        SessionCx { session, store: self.store, node: self.node, now: self.now }
    }

    fn count(&mut self, keyspace: &Keyspace<'_>) {
        let lookups = keyspace.take_lookups();
        self.lookups.hits += lookups.hits;
        self.lookups.misses += lookups.misses;
    }
}

/// Runs a command that concerns the connection or the node.
///
/// # Errors
/// Whatever its handler fails with; or it is another kind of command.
pub fn run_on_session(request: &Request<'_>, cx: &mut SessionCx<'_>, out: &mut Out<'_>) -> Outcome {
    match request.spec.run {
        Run::Session(handler) => handler(cx, request.args(), out),
        _ => Err(CommandError::Syntax),
    }
}

/// Ends the watches of a connection, whatever became of its transaction.
pub fn end_watches(store: &Store, transaction: &Transaction) {
    for watched in &transaction.watched {
        store.unwatch(watched, &transaction.watch);
    }
}

impl QueuedCommand {
    /// A copy of a request, to be run at EXEC.
    #[must_use]
    pub fn new(request: &Request<'_>) -> Self {
        let length = request.words.last().map_or(0, |word| word.end());
        Self {
            spec: request.spec,
            id: request.id,
            name_words: request.name_words,
            frame: request.frame[..length].into(),
            words: request.words.into(),
            database: None,
        }
    }

    /// Bytes of memory that the copy takes, headers of blocks included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let blocks = self.frame.len() + size_of_val::<[ArgRange]>(&self.words) + BLOCK_BYTES;
        size_of::<Self>() + blocks
    }

    /// The request that was copied.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            spec: self.spec,
            id: self.id,
            name_words: self.name_words,
            frame: &self.frame,
            words: &self.words,
        }
    }
}

/// A walk within a transaction sees all partitions as they are at that moment, so it needs them all.
#[must_use]
pub fn partitions_of(queue: &Queue) -> PartitionSet {
    let walks =
        |command: &QueuedCommand| matches!(command.spec.run, Run::Walk(_)) || command.spec.whole().is_some();
    if queue.commands.iter().any(walks) {
        return PartitionSet::all();
    }
    let mut partitions = PartitionSet::none();
    for command in &queue.commands {
        partitions.join(&command.request().partitions());
    }
    partitions
}

/// Headers and rounding of the two blocks of a queued command.
const BLOCK_BYTES: usize = 48;
