//! Carries out a request that is no client's of this node's at this moment: sent by another node, a part of one that was
//! divided, or tried again.

use fastrand::Rng;
use larder_proto::resp::{Out, Progress, RequestParser};
use larder_proto::slot::Partition;
use larder_proto::time::Millis;

use super::admission;
use super::calls::{Manner, next_queued};
use super::node::Shared;
use super::statistics::WorkerStatistics;
use crate::commands::context::{SessionCx, ValueLimits};
use crate::commands::error::CommandError;
use crate::commands::perform::{Ending, Performer, Request, run_on_session};
use crate::commands::ports::{Custody, WriteId};
use crate::commands::session::{Queue, QueuedCommand, Session, Transaction};
use crate::commands::spec::{Run, Whole};
use crate::limits::{ITEM_OVERHEAD_BYTES, REPLY_BYTES_SOFT_MAX, request_limits};
use crate::store::{DATABASES, Database, Lookups, PartitionSet};

/// What such a request is carried out with.
pub(super) struct Hands<'h> {
    pub(super) shared: &'h Shared,
    pub(super) statistics: &'h WorkerStatistics,
    pub(super) random: &'h mut Rng,
    pub(super) custody: &'h mut dyn Custody,
    pub(super) spare: &'h mut Spare,
    pub(super) now: Millis,
}

/// What is used for one such request after the other.
#[derive(Default)]
pub(super) struct Spare {
    session: Option<Session>,
    parser: RequestParser,
}

/// Why a request failed. Errors tell of keys, too: they wait as other replies do.
struct Failed {
    error: CommandError,
    ending: Box<Ending>,
}

impl From<CommandError> for Failed {
    fn from(error: CommandError) -> Self {
        Self { error, ending: Box::default() }
    }
}

impl Hands<'_> {
    /// Carries out one request of these bytes, an array of bulk strings, and writes its reply.
    pub(super) fn carry_out(
        &mut self,
        frame: &mut [u8],
        manner: &Manner,
        id: Option<WriteId>,
        reply: &mut Vec<u8>,
    ) -> Ending {
        self.read(frame, manner, reply, |hands, request, out| {
            if !matches!(request.spec.run, Run::Read(_) | Run::Write(_)) {
                return Err(STRANGE.into());
            }
            hands.custody.begin(id);
            hands.perform(request, manner, None, out)
        })
    }

    /// Carries out a command on all keys over those of these partitions that are served here, and tells which are not.
    pub(super) fn carry_out_whole(
        &mut self,
        frame: &mut [u8],
        (manner, id): (&Manner, Option<WriteId>),
        wanted: &[Partition],
        reply: &mut Vec<u8>,
    ) -> (Ending, Vec<Partition>) {
        let mut missing = Vec::new();
        let ending = self.read(frame, manner, reply, |hands, request, out| {
            let whole = request.spec.whole().ok_or(STRANGE)?;
            let serves = |partition: &Partition| hands.custody.serves(*partition);
            let (served, others): (Vec<Partition>, Vec<Partition>) = match whole {
                // A step goes as far as it can.
                Whole::Scan => {
                    let first = wanted.first().map_or(0, |first| first.index());
                    let served = Partition::all().skip(first).filter(serves).collect();
                    (served, wanted.iter().copied().filter(|partition| !serves(partition)).collect())
                }
                _ => wanted.iter().partition(|partition| serves(partition)),
            };
            // A change is made as a whole, so that its number stands for all of it.
            let all_or_nothing = matches!(whole, Whole::All | Whole::Scan);
            if served.is_empty() || (all_or_nothing && !others.is_empty()) {
                return Ok(Ending::Elsewhere);
            }
            missing = others;
            hands.custody.begin(id);
            let served = served.into_iter().collect();
            match whole {
                Whole::Sum | Whole::Text => hands.sizes(&served, out),
                Whole::Pick => {
                    out.array(2);
                    out.count(hands.shared.store.size_among(&served, manner.database).keys);
                    hands.perform(request, manner, Some(&served), out)
                }
                Whole::All | Whole::Chain | Whole::Scan => hands.perform(request, manner, Some(&served), out),
            }
        });
        (ending, missing)
    }

    /// Carries out the commands of a transaction. `watching` has the watches that hold for it.
    pub(super) fn carry_out_exec(
        &mut self,
        mut bundle: &[u8],
        (manner, id): (&Manner, Option<WriteId>),
        watching: Option<&mut Session>,
        reply: &mut Vec<u8>,
    ) -> Ending {
        let mut queue = Queue::default();
        while let Some((database, frame, rest)) = next_queued(bundle) {
            let mut frame = frame.to_vec();
            let queued = self.parsed(&mut frame, |_, request| QueuedCommand {
                database: Some(database),
                ..QueuedCommand::new(request)
            });
            match queued {
                Ok(command) => {
                    queue.bytes += command.bytes();
                    queue.commands.push(command);
                }
                Err(_) => queue.failed = true,
            }
            bundle = rest;
        }
        let mut spare = self.take_session();
        let session = watching.unwrap_or(&mut spare);
        manner.put_on(session);
        session.transaction.queue = Some(queue);
        let mut out = Out::bounded(reply, manner.version, self.reply_bytes_max());
        let ending = self.exec(session, id, &mut out);
        session.transaction.queue = None;
        spare.transaction = Transaction::default();
        self.spare.session = Some(spare);
        ending
    }

    /// Begins to watch keys for a client of another node.
    pub(super) fn watch(&mut self, frame: &mut [u8], session: &mut Session, reply: &mut Vec<u8>) -> Ending {
        let manner = Manner::of(session);
        self.read(frame, &manner, reply, |hands, request, out| {
            let partitions = request.partitions();
            let (store, node, now) = (&*hands.shared.store, hands.shared, hands.now);
            run_on_session(request, &mut SessionCx { session, store, node, now }, out)?;
            hands.custody.begin(None);
            hands.with_performer(Some(&partitions), |performer| {
                performer.confirm();
                Ok(())
            })
        })
    }

    fn exec(&mut self, session: &mut Session, id: Option<WriteId>, out: &mut Out<'_>) -> Ending {
        let bytes = session.transaction.queue.as_ref().map_or(0, |queue| queue.bytes);
        let room = self.shared.store.make_room(bytes + ITEM_OVERHEAD_BYTES, self.now, self.random);
        self.custody.begin(id);
        let carried_out = room
            .map_err(|error| Failed::from(CommandError::from(error)))
            .and_then(|()| self.with_performer(None, |performer| performer.perform_exec(session, out)));
        carried_out.unwrap_or_else(|Failed { error, ending }| {
            self.shared.statistics.count_error(error.code());
            out.error(error.code().word(), &error.to_string());
            *ending
        })
    }

    /// How many keys and deadlines each database has.
    fn sizes(&mut self, served: &PartitionSet, out: &mut Out<'_>) -> Result<Ending, Failed> {
        out.array(2 * DATABASES);
        for database in Database::all() {
            let size = self.shared.store.size_among(served, database);
            out.count(size.keys);
            out.count(size.deadlines);
        }
        self.with_performer(Some(served), |performer| {
            performer.confirm();
            Ok(())
        })
    }

    fn perform(
        &mut self,
        request: &Request<'_>,
        manner: &Manner,
        among: Option<&PartitionSet>,
        out: &mut Out<'_>,
    ) -> Result<Ending, Failed> {
        let mut session = self.take_session();
        manner.put_on(&mut session);
        let room = admission::memory(self.shared, &session, request, self.now, self.random);
        let ending = room.map_err(Failed::from).and_then(|()| {
            self.with_performer(among, |performer| performer.perform(request, &mut session, out))
        });
        self.spare.session = Some(session);
        ending
    }

    fn with_performer(
        &mut self,
        among: Option<&PartitionSet>,
        run: impl FnOnce(&mut Performer<'_>) -> Result<(), CommandError>,
    ) -> Result<Ending, Failed> {
        let mut lookups = Lookups::default();
        let mut performer = Performer {
            store: &self.shared.store,
            node: self.shared,
            random: self.random,
            custody: self.custody,
            guarded: true,
            ending: Ending::Free,
            among,
            limits: ValueLimits { string_bytes_max: self.shared.tunables.value_bytes_max() },
            lookups: &mut lookups,
            now: self.now,
            hint: None,
        };
        let outcome = run(&mut performer);
        let ending = performer.ending;
        self.statistics.count_batch(lookups, 0);
        match outcome {
            Ok(()) => Ok(ending),
            Err(error) => Err(Failed { error, ending: Box::new(ending) }),
        }
    }

    /// Reads a request and writes what becomes of it; an error is its whole reply.
    fn read(
        &mut self,
        frame: &mut [u8],
        manner: &Manner,
        reply: &mut Vec<u8>,
        run: impl FnOnce(&mut Self, &Request<'_>, &mut Out<'_>) -> Result<Ending, Failed>,
    ) -> Ending {
        let mut out = Out::bounded(reply, manner.version, reply.len() + self.reply_bytes_max());
        let mark = out.mark();
        let carried_out = self.parsed(frame, |hands, request| run(hands, request, &mut out));
        let carried_out = carried_out.map_err(Failed::from).and_then(|outcome| outcome);
        carried_out.unwrap_or_else(|Failed { error, ending }| {
            self.shared.statistics.count_error(error.code());
            out.rewind(mark);
            out.error(error.code().word(), &error.to_string());
            *ending
        })
    }

    fn parsed<T>(
        &mut self,
        frame: &mut [u8],
        then: impl FnOnce(&mut Self, &Request<'_>) -> T,
    ) -> Result<T, CommandError> {
        let limits = request_limits(self.shared.tunables.value_bytes_max());
        let mut parser = std::mem::take(&mut self.spare.parser);
        let whole = matches!(parser.parse(frame, &limits), Ok(Progress::Complete { .. }));
        let words = if whole { parser.arguments() } else { &[] };
        let name = words.first().map(|word| word.of(frame)).unwrap_or_default();
        let commands = &self.shared.commands;
        let row = commands.resolve(commands.find(name), frame, words);
        let outcome = row.map(|row| then(self, &Request::new(row, frame, words)));
        parser.restart();
        self.spare.parser = parser;
        outcome
    }

    fn take_session(&mut self) -> Session {
        self.spare.session.take().unwrap_or_else(|| Session::new(0, true, self.now))
    }

    fn reply_bytes_max(&self) -> usize {
        REPLY_BYTES_SOFT_MAX + self.shared.tunables.reply_bytes_max()
    }
}

/// A request came that no node forwards.
const STRANGE: CommandError =
    CommandError::Plain("a request came from another node that is not for this one");
