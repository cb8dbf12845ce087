//! One request after the other: admitted, then queued or carried out, timed, and answered or not as the client asked.

use fastrand::Rng;
use larder_proto::effect::{Effect, EffectSink, Stamp};
use larder_proto::error::ErrorCode;
use larder_proto::resp::{ArgRange, Out};
use larder_proto::time::Millis;

use super::admission::{Admitted, Refused, admit};
use super::clients::Card;
use super::meter::{Meter, ShortRun, Timed};
use super::node::Shared;
use super::statistics::{WorkerStatistics, slow_entry};
use crate::commands::context::ValueLimits;
use crate::commands::error::CommandError;
use crate::commands::perform::{Performer, Request, end_watches};
use crate::commands::session::{QueuedCommand, Replies, Session};
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
    statistics: &'d WorkerStatistics,
    random: &'d mut Rng,
    effects: EffectCounter,
    lookups: Lookups,
    now: Millis,
    began_ns: u64,
    /// What is known of the key of the request at hand.
    pub(super) hint: Option<Hint>,
    meter: Meter<'d>,
    limits: ValueLimits,
    /// The last command carried out or queued.
    last_command: Option<u16>,
    session_changed: bool,
}

/// What the connection does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Goes on with the next request.
    Continue,
    /// Tries this request again once commands are no longer paused, or at this moment.
    Wait(Millis),
}

/// Counts effects. Streaming them to copies comes with the cluster.
#[derive(Debug, Default)]
struct EffectCounter(u64);

impl EffectSink for EffectCounter {
    #[inline]
    fn effect(&mut self, _stamp: Stamp, _effect: &Effect<'_>) {
        self.0 += 1;
    }
}

impl<'d> Dispatch<'d> {
    pub(super) fn new(
        shared: &'d Shared,
        card: &'d Card,
        statistics: &'d WorkerStatistics,
        random: &'d mut Rng,
    ) -> Self {
        let (now, now_ns) = shared.clock.look();
        Self {
            shared,
            card,
            statistics,
            random,
            effects: EffectCounter::default(),
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
            Ok(Admitted::Now(request)) => self.carry_out(&request, session, out),
            Ok(Admitted::Queued(request)) => self.queue(&request, session, out),
            Ok(Admitted::Paused(until)) => return Next::Wait(until),
            Err(refused) => self.refuse(&refused, session, (frame, words), out),
        }
        if session.replies != Replies::On {
            withhold(session, mark, out);
        }
        Next::Continue
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
        self.statistics.count_batch(self.lookups, self.effects.0);
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
    fn carry_out(&mut self, request: &Request<'_>, session: &mut Session, out: &mut Out<'_>) {
        if let Some(timed) = self.meter.begin(request) {
            self.note_run(&timed, session);
        }
        let mark = out.mark();
        let mut performer = Performer {
            store: &self.shared.store,
            node: self.shared,
            random: self.random,
            sink: &mut self.effects,
            limits: self.limits,
            lookups: &mut self.lookups,
            now: self.now,
            hint: self.hint.take(),
        };
        let outcome = performer.perform(request, session, out);
        if let Err(error) = &outcome {
            self.shared.statistics.count_error(error.code());
            write_error(error, out);
        }
        self.last_command = Some(request.id);
        self.session_changed |= matches!(request.spec.run, Run::Session(_) | Run::Exec);
        match self.meter.end(request, out.mark() - mark, outcome.is_err()) {
            None => {}
            Some(timed @ Timed { run: Some(_), .. }) => self.note_run(&timed, session),
            Some(Timed { took_ns, run: None }) => {
                self.note_time(took_ns);
                if self.meter.is_slow(took_ns) {
                    self.note_slow(request, session, took_ns);
                }
            }
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

    fn queue(&mut self, request: &Request<'_>, session: &mut Session, out: &mut Out<'_>) {
        if let Some(queue) = &mut session.transaction.queue {
            let command = QueuedCommand::new(request);
            queue.bytes += command.bytes();
            queue.commands.push(command);
        }
        self.last_command = Some(request.id);
        self.session_changed = true;
        out.simple("QUEUED");
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
        end_watches(&self.shared.store, &std::mem::take(&mut session.transaction));
        self.session_changed = true;
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
