//! One request after the other: admitted, then queued or carried out, timed, and answered or not as the client asked.

use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use larder_proto::error::ErrorCode;
use larder_proto::resp::{ArgRange, Out};
use larder_proto::time::Millis;
use tokio::time::Instant;

use super::admission::{Admitted, Refused, admit};
use super::clients::Card;
use super::clustered::Clustered;
use super::connection::Link;
use super::custody::CountingCustody;
use super::meter::{Meter, ShortRun, Timed};
use super::node::Shared;
use super::placing::no_place;
use super::routing::{Conclusion, Way};
use super::statistics::{WorkerStatistics, slow_entry};
use super::worker::WorkerState;
use crate::commands::cluster::Endpoint;
use crate::commands::context::ValueLimits;
use crate::commands::error::CommandError;
use crate::commands::perform::{Ending, Performer, Request, end_watches};
use crate::commands::ports::{Custody, WriteId};
use crate::commands::session::{QueuedCommand, Replies, Session, WatchedAway};
use crate::commands::spec::{Flags, Run};
use crate::commands::table::CommandId;
use crate::limits::{
    NOW_STALE_NS, REPLY_BYTES_SOFT_MAX, REPLY_SHARE, SLOW_WORD_BYTES_MAX, SLOW_WORDS_MAX, TURN_NS_MAX,
};
use crate::store::{Hint, Lookups};

/// What carries out the requests of one batch: everything borrowed, nothing awaited.
pub(super) struct Dispatch<'d> {
    pub(super) shared: &'d Shared,
    pub(super) card: &'d Card,
    pub(super) worker: &'d Rc<WorkerState>,
    pub(super) link: &'d Rc<Link>,
    pub(super) statistics: &'d WorkerStatistics,
    pub(super) random: &'d mut Rng,
    /// Where other nodes serve, too.
    pub(super) clustered: Option<&'d Clustered>,
    pub(super) custody: CountingCustody<'d>,
    /// The number of the write at hand.
    pub(super) write: Option<WriteId>,
    /// The region's version before the places of the request at hand were looked at.
    pub(super) version: u64,
    /// For how long the connection has waited for a place.
    pub(super) waited: Duration,
    /// It may wait no longer.
    pub(super) impatient: bool,
    /// A request has found a place.
    pub(super) placed: bool,
    /// Replies wait, so those that are ready go behind them.
    pub(super) queueing: bool,
    /// The last of them are of this batch.
    pub(super) holding: bool,
    /// The moment of the batch, once a request was to be placed.
    pub(super) moment: Option<Instant>,
    lookups: Lookups,
    pub(super) now: Millis,
    began_ns: u64,
    /// What is known of the key of the request at hand.
    pub(super) hint: Option<Hint>,
    meter: Meter<'d>,
    limits: ValueLimits,
    /// The last command carried out or queued.
    last_command: Option<u16>,
    pub(super) session_changed: bool,
}

/// What the connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Goes on with the next request.
    Continue,
    /// Tries this request again once commands are no longer paused, or at this moment.
    Wait(Millis),
    /// Tries this request again once this is over.
    Stall(Stall),
}

/// Why a connection runs no further requests for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stall {
    /// Too many replies wait for copies or other nodes.
    Room,
    /// Requests before it are to be placed again first.
    Again,
    /// The request has no place.
    Place,
}

impl<'d> Dispatch<'d> {
    pub(super) fn new(
        worker: &'d Rc<WorkerState>,
        link: &'d Rc<Link>,
        random: &'d mut Rng,
        waited: Duration,
    ) -> Self {
        let (shared, statistics) = (&*worker.shared, &*worker.statistics);
        let clustered = worker.clustered.as_ref();
        let (now, now_ns) = shared.clock.look();
        Self {
            shared,
            card: &link.card,
            worker,
            link,
            statistics,
            random,
            clustered,
            custody: CountingCustody::new(clustered.map(|clustered| clustered.custody.borrow_mut())),
            write: None,
            version: 0,
            waited,
            impatient: !waited.is_zero() && waited >= shared.tunables.retry_time(),
            placed: false,
            queueing: link.has_pending(),
            holding: false,
            moment: None,
            lookups: Lookups::default(),
            now,
            meter: Meter::new(&*shared.clock, statistics, now_ns, shared.tunables.slow_us_min()),
            began_ns: now_ns,
            hint: None,
            limits: ValueLimits { string_bytes_max: shared.tunables.value_bytes_max() },
            last_command: None,
            session_changed: false,
        }
    }

    /// Answers one request, whose first word is the name of this command.
    #[inline]
    pub(super) fn request(
        &mut self,
        session: &mut Session,
        (frame, words): (&[u8], &[ArgRange]),
        command: Option<CommandId>,
        out: &mut Out<'_>,
    ) -> Next {
        let mark = out.mark();
        match admit((self.shared, session), (frame, words), command, self.now, self.random) {
            Ok(Admitted::Now(request)) => {
                if let Some(stall) = self.run(&request, session, out) {
                    return Next::Stall(stall);
                }
            }
            Ok(Admitted::Queued(request)) => {
                if let Some(stall) = self.queue(&request, session, out) {
                    return Next::Stall(stall);
                }
            }
            Ok(Admitted::Paused(until)) => return Next::Wait(until),
            Err(refused) => self.refuse(&refused, session, (frame, words), out),
        }
        if session.replies != Replies::On {
            withhold(session, mark, out);
        }
        if self.queueing {
            self.defer(mark, out);
        }
        Next::Continue
    }

    /// Carries out a request, here or elsewhere. `Some` if it has to be tried again, and why.
    #[inline]
    fn run(&mut self, request: &Request<'_>, session: &mut Session, out: &mut Out<'_>) -> Option<Stall> {
        match self.way(request, session) {
            Way::Here => match (self.carry_out(request, session, out), self.clustered) {
                (Some(_), Some(clustered)) if self.impatient => {
                    let error = no_place(&*clustered.region);
                    self.refuse(
                        &Refused { error, command: Some(request.id) },
                        session,
                        words_of(request),
                        out,
                    );
                }
                (stall, _) => return stall,
            },
            Way::Gone => {
                self.statistics.count_calls(request.id, 1, 0);
                self.last_command = Some(request.id);
            }
            Way::Stall(stall) => return Some(stall),
            Way::Discarded => self.discard(session, out),
            Way::Failed(error) => {
                let refused = Refused { error, command: Some(request.id) };
                self.refuse(&refused, session, words_of(request), out);
            }
        }
        None
    }

    /// Puts what was written since the mark behind the replies that wait.
    #[cold]
    pub(super) fn defer(&self, mark: usize, out: &mut Out<'_>) {
        if let Some(pending) = self.link.pending.borrow_mut().as_mut()
            && out.mark() > mark
        {
            pending.push_ready(out.since(mark));
            out.rewind(mark);
        }
    }

    /// How long the replies of the batch may become with the next one: the setting, as far as the memory limit leaves
    /// room for it beside the buffers of other connections.
    pub(super) fn reply_bytes_max(&self) -> usize {
        let memory = self.shared.store.memory();
        let room = (memory.limit() / REPLY_SHARE).saturating_sub(memory.buffers());
        REPLY_BYTES_SOFT_MAX + self.shared.tunables.reply_bytes_max().min(room.max(REPLY_BYTES_SOFT_MAX))
    }

    /// Whether the batch has gone on for so long that others should have their turn.
    #[inline]
    pub(super) const fn has_taken_long(&self) -> bool {
        self.meter.ended_ns.saturating_sub(self.began_ns) >= TURN_NS_MAX
    }

    /// Ends the batch: what was counted on the way is handed in. Tells when the last request ended.
    pub(super) fn finish(mut self, session: &Session) -> u64 {
        if let Some(timed) = self.meter.end_run() {
            self.note_run(&timed, session);
        }
        self.statistics.count_batch(self.lookups, self.custody.effects);
        self.statistics.turns.note(self.meter.ended_ns.saturating_sub(self.began_ns));
        if let Some(command) = self.last_command {
            self.card.note_activity(self.now, command);
        }
        if self.session_changed {
            self.card.tell(session);
        }
        self.meter.ended_ns
    }

    #[inline]
    fn carry_out(
        &mut self,
        request: &Request<'_>,
        session: &mut Session,
        out: &mut Out<'_>,
    ) -> Option<Stall> {
        if let Some(timed) = self.meter.begin(request) {
            self.note_run(&timed, session);
        }
        let mark = out.mark();
        let watched_away = self.watched_away(request, session);
        let mut performer = Performer {
            store: &self.shared.store,
            node: self.shared,
            random: self.random,
            custody: &mut self.custody,
            guarded: self.clustered.is_some(),
            ending: Ending::Free,
            among: None,
            limits: self.limits,
            lookups: &mut self.lookups,
            now: self.now,
            hint: self.hint.take(),
        };
        let outcome = performer.perform(request, session, out);
        let ending = performer.ending;
        if let Err(error) = &outcome {
            self.shared.statistics.count_error(error.code());
            write_error(error, out);
        }
        if !watched_away.is_empty() && session.transaction.watched_away.is_empty() {
            self.end_watches_away(&watched_away);
        }
        let reply_bytes = out.mark() - mark;
        if let Some(clustered) = self.clustered {
            let reply = out.since(mark);
            match self.conclude(clustered, ending, (request, session), reply) {
                None => {}
                Some(Conclusion::Kept) => out.rewind(mark),
                Some(Conclusion::NotYet) => {
                    out.rewind(mark);
                    return Some(Stall::Place);
                }
            }
        }
        self.last_command = Some(request.id);
        self.session_changed |= matches!(request.spec.run, Run::Session(_) | Run::Exec);
        match self.meter.end(request, (reply_bytes, outcome.is_err()), self.custody.left_ns()) {
            None => {}
            Some(timed @ Timed { run: Some(_), .. }) => self.note_run(&timed, session),
            Some(Timed { took_ns, run: None }) => {
                self.note_time(took_ns);
                if self.meter.is_slow(took_ns) {
                    self.note_slow(request, session, took_ns);
                }
            }
        }
        None
    }

    /// The keys that other nodes watch, before a command that may forget them.
    #[inline]
    fn watched_away(&self, request: &Request<'_>, session: &Session) -> Vec<WatchedAway> {
        match request.spec.run {
            Run::Session(_) | Run::Exec if self.clustered.is_some() => {
                session.transaction.watched_away.clone()
            }
            _ => Vec::new(),
        }
    }

    /// After a command that took long it is later than it was.
    #[inline]
    fn note_time(&mut self, took_ns: u64) {
        if took_ns > NOW_STALE_NS {
            self.now = self.shared.clock.now();
        }
    }

    /// Looks at the time of a run of short reads.
    #[inline]
    fn note_run(&mut self, timed: &Timed, session: &Session) {
        self.note_time(timed.took_ns);
        if self.meter.is_slow(timed.took_ns)
            && let Some(run) = timed.run
        {
            self.note_slow_run(run, session, timed.took_ns);
        }
    }

    /// Keeps a command for EXEC. `Some` if it has to be tried again, and why.
    fn queue(&mut self, request: &Request<'_>, session: &mut Session, out: &mut Out<'_>) -> Option<Stall> {
        if session.endpoint == Endpoint::Cluster {
            match self.way_of_queued(request, session) {
                Some(Way::Stall(stall)) => return Some(stall),
                Some(Way::Failed(error)) => {
                    let refused = Refused { error, command: Some(request.id) };
                    self.refuse(&refused, session, words_of(request), out);
                    return None;
                }
                _ => {}
            }
        }
        if let Some(queue) = &mut session.transaction.queue {
            let command = QueuedCommand::new(request);
            queue.bytes += command.bytes();
            queue.commands.push(command);
        }
        self.last_command = Some(request.id);
        self.session_changed = true;
        out.simple("QUEUED");
        None
    }

    #[cold]
    fn refuse(
        &mut self,
        refused: &Refused,
        session: &mut Session,
        (frame, words): (&[u8], &[ArgRange]),
        out: &mut Out<'_>,
    ) {
        if let Some(command) = refused.command {
            self.statistics.count_rejected(command);
        }
        self.shared.statistics.count_error(refused.error.code());
        let name = words.first().map(|word| word.of(frame)).unwrap_or_default();
        if self.shared.commands.find(name).is_some_and(|row| matches!(row.spec.run, Run::Exec)) {
            return self.abort(&refused.error, session, out);
        }
        if let Some(queue) = &mut session.transaction.queue {
            queue.failed = true;
        }
        // A browser that was led here by a page speaks HTTP: nothing it sends may be carried out.
        if refused.command.is_none() && HTTP_WORDS.iter().any(|word| name.eq_ignore_ascii_case(word)) {
            tracing::warn!(client = %self.card.address, "closing a connection that speaks HTTP");
            session.closing = true;
            return;
        }
        write_error(&refused.error, out);
    }

    /// Ends the transaction of a refused EXEC: its client believes that it is over.
    fn abort(&mut self, error: &CommandError, session: &mut Session, out: &mut Out<'_>) {
        let transaction = std::mem::take(&mut session.transaction);
        end_watches(&self.shared.store, &transaction);
        self.end_watches_away(&transaction.watched_away);
        self.session_changed = true;
        // Where to go is told as of any other command.
        let is_redirect =
            matches!(error.code(), ErrorCode::Moved | ErrorCode::CrossSlot | ErrorCode::ClusterDown);
        if session.endpoint == Endpoint::Cluster && is_redirect {
            return write_error(error, out);
        }
        let why = match error.code() {
            ErrorCode::Err => error.to_string(),
            code => format!("{} {error}", code.word()),
        };
        out.error(ErrorCode::ExecAbort.word(), &format!("Transaction discarded because of: {why}"));
    }

    /// One of these reads had to wait; which one is not known.
    #[cold]
    fn note_slow_run(&self, run: ShortRun, session: &Session, took_ns: u64) {
        let Some(row) = self.shared.commands.rows().get(usize::from(run.command)) else { return };
        let words = vec![
            row.full_name.clone().into_bytes(),
            format!("... (one of {} calls)", run.calls).into_bytes(),
        ];
        let entry = slow_entry(words, took_ns, self.now, self.card.address.to_string(), &session.name);
        self.shared.statistics.note_slow(entry, self.shared.tunables.slow_entries_max());
    }

    #[cold]
    fn note_slow(&self, request: &Request<'_>, session: &Session, took_ns: u64) {
        if request.spec.flags.has(Flags::SECRET) {
            return;
        }
        let words = kept_words(request);
        let entry = slow_entry(words, took_ns, self.now, self.card.address.to_string(), &session.name);
        self.shared.statistics.note_slow(entry, self.shared.tunables.slow_entries_max());
    }
}

const fn words_of<'r>(request: &Request<'r>) -> (&'r [u8], &'r [ArgRange]) {
    (request.frame, request.words)
}

/// Takes back the reply of a client that wants none, and moves on what it wants.
#[cold]
fn withhold(session: &mut Session, mark: usize, out: &mut Out<'_>) {
    out.rewind(mark);
    match session.replies {
        Replies::SkipNext => session.replies = Replies::Skip,
        Replies::Skip => session.replies = Replies::On,
        Replies::On | Replies::Off => {}
    }
}

#[cold]
fn write_error(error: &CommandError, out: &mut Out<'_>) {
    out.error(error.code().word(), &error.to_string());
}

/// The words of a slow command as SLOWLOG keeps them: the first 32, of each the first 128 bytes.
fn kept_words(request: &Request<'_>) -> Vec<Vec<u8>> {
    let total = request.words.len();
    let kept = if total > SLOW_WORDS_MAX { SLOW_WORDS_MAX - 1 } else { total };
    let mut words: Vec<Vec<u8>> = Vec::with_capacity(kept + 1);
    for word in &request.words[..kept] {
        let word = word.of(request.frame);
        let mut shown = word[..word.len().min(SLOW_WORD_BYTES_MAX)].to_vec();
        if word.len() > SLOW_WORD_BYTES_MAX {
            shown.extend(format!("... ({} more bytes)", word.len() - SLOW_WORD_BYTES_MAX).bytes());
        }
        words.push(shown);
    }
    if total > kept {
        words.push(format!("... ({} more arguments)", total - kept).into_bytes());
    }
    words
}

/// First words of requests that a browser sends.
const HTTP_WORDS: [&[u8]; 2] = [b"post", b"host:"];
