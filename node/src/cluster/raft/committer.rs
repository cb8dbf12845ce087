//! Writes Raft's log to the disk, in order, one commit after the other, several writes in one commit where they wait. The
//! database is redb. What is written and when it may be reported is left to the log.
//!
//! The task: it owns the database, hears writes on a bounded channel, and ends when nobody can send any more. On files it is
//! a thread of its own, since a commit waits for the disk; in a simulation it is a task, since its disk is memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use redb::{
    Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};
use tokio::sync::{mpsc, oneshot};

use super::memory::MemoryDisk;
use crate::cluster::identity::StateDir;

/// One change of what is on the disk. The bytes are records.
#[derive(Debug)]
pub(super) enum Write {
    Vote(Vec<u8>),
    /// Where the commit was last seen to be. May be lost.
    Committed(Vec<u8>),
    /// Entries by index.
    Append(Vec<(u64, Vec<u8>)>),
    /// Entries from this index on go.
    TruncateFrom(u64),
    /// Entries up to this index go; the place is kept.
    Purge {
        through: u64,
        place: Vec<u8>,
    },
    Snapshot(Vec<u8>),
}

/// Told once, when the write is safe or has failed.
pub(super) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// What was on the disk.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) identity: Option<Vec<u8>>,
    pub(super) vote: Option<Vec<u8>>,
    pub(super) committed: Option<Vec<u8>>,
    pub(super) purged: Option<Vec<u8>>,
    pub(super) snapshot: Option<Vec<u8>>,
    pub(super) entries: Vec<(u64, Vec<u8>)>,
}

/// Takes writes.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Job>);

/// Resolves when the database is closed.
pub(super) type Closed = oneshot::Receiver<()>;

impl Writer {
    /// Opens the database and reads all of it.
    ///
    /// # Errors
    /// The directory cannot be written, is full, or what is in it is damaged.
    pub(super) fn open(place: &StateDir) -> io::Result<(Self, Found, Closed)> {
        let (sender, receiver) = mpsc::channel(JOBS_MAX);
        let (closing, closed) = oneshot::channel();
        let database = open(place)?;
        let found = read(&database).map_err(io_error)?;
        let committer = Committer { database, failed: None };
        match place {
            StateDir::Files(_) => {
                let place = place.clone();
                let work = move || {
                    committer.run(receiver);
                    // The directory is this process's for as long as the file is open.
                    drop(place);
                    let _ = closing.send(());
                };
                std::thread::Builder::new().name("larder-raft-log".to_owned()).spawn(work)?;
            }
            StateDir::Memory(disk) => {
                let disk = disk.clone();
                tokio::task::spawn_local(async move {
                    committer.run_slowly(receiver, disk).await;
                    let _ = closing.send(());
                });
            }
        }
        Ok((Self(sender), found, closed))
    }

    /// Puts a write behind all earlier ones; waits only while very many of them wait.
    ///
    /// # Errors
    /// The database is closed.
    pub(super) async fn send(&self, write: Write, done: Done) -> io::Result<()> {
        self.0.send(Job { write, done }).await.map_err(|_| closed())
    }

    /// Writes, and waits until it is safe.
    ///
    /// # Errors
    /// The disk is full or broken, or the database is closed. Nothing is written from then on.
    pub(super) async fn write(&self, write: Write) -> io::Result<()> {
        let (told, outcome) = oneshot::channel();
        let done: Done = Box::new(move |result| {
            let _ = told.send(result);
        });
        self.send(write, done).await?;
        outcome.await.unwrap_or_else(|_| Err(closed()))
    }
}

struct Job {
    write: Write,
    done: Done,
}

struct Committer {
    database: Database,
    /// The first error. What came after it on the disk is not known, so nothing is written any more.
    failed: Option<Arc<str>>,
}

impl Committer {
    /// On a thread of its own.
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let batch = gather(first, &mut jobs);
            let told = self.commit(batch);
            self.tell(told);
        }
    }

    /// On the thread of the node, with the delays of its disk.
    async fn run_slowly(mut self, mut jobs: mpsc::Receiver<Job>, disk: MemoryDisk) {
        while let Some(first) = jobs.recv().await {
            let delay = disk.delay() / 2;
            pause(delay).await;
            let batch = gather(first, &mut jobs);
            let told = self.commit(batch);
            pause(delay).await;
            self.tell(told);
        }
    }

    /// Whom to tell.
    fn commit(&mut self, batch: Vec<Job>) -> Vec<Done> {
        let (writes, told): (Vec<_>, Vec<_>) = batch.into_iter().map(|job| (job.write, job.done)).unzip();
        if self.failed.is_none()
            && let Err(error) = write(&self.database, &writes)
        {
            let error = io_error(error);
            tracing::error!(%error, "Raft's log cannot be written");
            self.failed = Some(error.to_string().into());
        }
        told
    }

    fn tell(&self, told: Vec<Done>) {
        for done in told {
            done(self.failed.as_ref().map_or(Ok(()), |reason| Err(io::Error::other(reason.to_string()))));
        }
    }
}

async fn pause(time: Duration) {
    if time > Duration::ZERO {
        tokio::time::sleep(time).await;
    }
}

fn gather(first: Job, jobs: &mut mpsc::Receiver<Job>) -> Vec<Job> {
    let mut batch = vec![first];
    while batch.len() < BATCH_MAX
        && let Ok(job) = jobs.try_recv()
    {
        batch.push(job);
    }
    batch
}

/// Begins an empty log that belongs to an identity.
pub(in crate::cluster) fn write_empty_log(place: &StateDir, identity: &[u8]) -> io::Result<()> {
    let begin = |database: &Database| -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        let mut words = transaction.open_table(WORDS)?;
        words.insert(FORMAT, &[FORMAT_VERSION][..])?;
        words.insert(IDENTITY, identity)?;
        drop(words);
        transaction.open_table(ENTRIES)?;
        transaction.commit()?;
        Ok(())
    };
    begin(&open(place)?).map_err(io_error)
}

/// The identity that the log belongs to; none if there is no log.
pub(in crate::cluster) fn stored_identity(place: &StateDir) -> io::Result<Option<Vec<u8>>> {
    let missing = match place {
        StateDir::Files(directory) => !directory.log_path().try_exists()?,
        StateDir::Memory(disk) => disk.bytes() == 0,
    };
    if missing { Ok(None) } else { Ok(read(&open(place)?).map_err(io_error)?.identity) }
}

fn open(place: &StateDir) -> io::Result<Database> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
    match place {
        StateDir::Files(directory) => {
            let path = directory.log_path();
            builder.create(&path).map_err(|error| {
                let error = io_error(error.into());
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })
        }
        StateDir::Memory(disk) => {
            builder.create_with_backend(disk.backend()).map_err(|error| io_error(error.into()))
        }
    }
}

fn read(database: &Database) -> Result<Found, redb::Error> {
    let transaction = database.begin_read()?;
    let words = match transaction.open_table(WORDS) {
        // It was never begun: the power failed just then, or somebody put an empty file here.
        Err(TableError::TableDoesNotExist(_)) => return Ok(Found::default()),
        words => words?,
    };
    let word = |name| -> Result<Option<Vec<u8>>, redb::Error> {
        Ok(words.get(name)?.map(|bytes| bytes.value().to_vec()))
    };
    let format = word(FORMAT)?;
    if format.as_deref() != Some(&[FORMAT_VERSION]) {
        let reason = format!("Raft's log has format {format:?}, this program reads {FORMAT_VERSION}");
        return Err(redb::Error::Io(io::Error::new(io::ErrorKind::InvalidData, reason)));
    }
    let mut entries = Vec::new();
    for entry in transaction.open_table(ENTRIES)?.iter()? {
        let (index, bytes) = entry?;
        entries.push((index.value(), bytes.value().to_vec()));
    }
    Ok(Found {
        identity: word(IDENTITY)?,
        vote: word(VOTE)?,
        committed: word(COMMITTED)?,
        purged: word(PURGED)?,
        snapshot: word(SNAPSHOT)?,
        entries,
    })
}

fn write(database: &Database, writes: &[Write]) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    if writes.iter().all(|write| matches!(write, Write::Committed(_))) {
        transaction.set_durability(Durability::None)?;
    }
    for write in writes {
        write_one(&transaction, write)?;
    }
    transaction.commit()?;
    Ok(())
}

fn write_one(transaction: &WriteTransaction, write: &Write) -> Result<(), redb::Error> {
    let word = |name, bytes: &[u8]| -> Result<(), redb::Error> {
        transaction.open_table(WORDS)?.insert(name, bytes)?;
        Ok(())
    };
    match write {
        Write::Vote(bytes) => word(VOTE, bytes)?,
        Write::Committed(bytes) => word(COMMITTED, bytes)?,
        Write::Snapshot(bytes) => word(SNAPSHOT, bytes)?,
        Write::Append(entries) => {
            let mut table = transaction.open_table(ENTRIES)?;
            for (index, bytes) in entries {
                table.insert(index, &bytes[..])?;
            }
        }
        Write::TruncateFrom(first) => {
            transaction.open_table(ENTRIES)?.retain_in::<u64, _>(*first.., |_, _| false)?
        }
        Write::Purge { through, place } => {
            transaction.open_table(ENTRIES)?.retain_in::<u64, _>(..=*through, |_, _| false)?;
            word(PURGED, place)?;
        }
    }
    Ok(())
}

/// The error below redb's own, with its kind: the operator is to read "No space left on device".
fn io_error(error: redb::Error) -> io::Error {
    match error {
        redb::Error::Io(error) => error,
        error
        @ (redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_) | redb::Error::RepairAborted) => {
            io::Error::new(io::ErrorKind::InvalidData, error)
        }
        error => io::Error::other(error),
    }
}

fn closed() -> io::Error {
    io::Error::other("Raft's log is closed")
}

/// Writes that wait for the disk before Raft has to wait, too.
const JOBS_MAX: usize = 1_024;

/// Writes in one commit.
const BATCH_MAX: usize = 256;

/// Bytes that the database keeps of its file. All that is read is read once, at the start.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Votes and the like, by name.
const WORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("words");
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
const FORMAT: &str = "format";
const IDENTITY: &str = "identity";
const FORMAT_VERSION: u8 = 1;
const VOTE: &str = "vote";
const COMMITTED: &str = "committed";
const PURGED: &str = "purged";
const SNAPSHOT: &str = "snapshot";
