//! The power fails at each operation of the disk in turn, and what was not synced is lost or torn at any byte: what was
//! reported as safe is there afterwards, and what is there is what the log was at some moment.

use std::collections::BTreeMap;
use std::rc::Rc;

use fastrand::Rng;
use larder_proto::topology::NodeId;
use openraft::async_runtime::oneshot::Oneshot;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::type_config::async_runtime::AsyncRuntime;
use openraft::{EntryPayload, RaftLogReader};
use tokio::runtime::LocalRuntime;
use tokio::task::LocalSet;

use super::codec::{self, Place};
use super::committer::Write;
use super::log::{Log, Opened};
use super::memory::MemoryDisk;
use super::runtime::Runtime;
use super::testing::{disk_of, identity};
use super::types::{Data, Entry, LogId, SnapshotMeta, StoredMembership, Vote};
use crate::cluster::identity::StateDir;

/// What a log is, as a reader sees it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Picture {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    entries: BTreeMap<u64, (LogId, Vec<u8>)>,
    snapshot: Option<(LogId, Vec<u8>)>,
}

impl Picture {
    fn last(&self) -> Option<LogId> {
        self.entries.last_key_value().map(|(_, (id, _))| *id).or(self.purged)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Vote(Vote),
    Committed(LogId),
    Append(Vec<(LogId, Vec<u8>)>),
    TruncateAfter(LogId),
    Purge(LogId),
    Snapshot(LogId, Vec<u8>),
}

impl Step {
    /// One that makes sense for this log.
    fn random(picture: &Picture, term: &mut u64, random: &mut Rng) -> Self {
        let last = picture.last();
        let bytes = |random: &mut Rng| {
            let length = if random.u8(0..8) == 0 { random.usize(0..20_000) } else { random.usize(0..60) };
            std::iter::repeat_with(|| random.u8(..)).take(length).collect::<Vec<u8>>()
        };
        let within = picture.entries.keys().copied().collect::<Vec<_>>();
        match random.u8(0..12) {
            0 | 1 => {
                *term += 1;
                Self::Vote(vote(*term, random.u64(1..4), random.bool()))
            }
            2 | 3 if last.is_some() => Self::Committed(last.unwrap()),
            4 if within.len() > 2 => {
                let (id, _) = picture.entries[&within[random.usize(0..within.len() - 1)]];
                Self::TruncateAfter(id)
            }
            5 if within.len() > 2 => Self::Purge(picture.entries[&within[random.usize(0..within.len())]].0),
            6 if last.is_some() => Self::Snapshot(last.unwrap(), bytes(random)),
            _ => {
                let first = last.map_or(0, |id| id.index + 1);
                let entries =
                    (first..first + random.u64(1..6)).map(|index| (place(*term, index), bytes(random)));
                Self::Append(entries.collect())
            }
        }
    }

    fn apply(&self, picture: &mut Picture) {
        match self {
            Self::Vote(vote) => picture.vote = Some(*vote),
            Self::Committed(id) => picture.committed = Some(*id),
            Self::Append(entries) => {
                picture.entries.extend(entries.iter().map(|(id, bytes)| (id.index, (*id, bytes.clone()))));
            }
            Self::TruncateAfter(id) => drop(picture.entries.split_off(&(id.index + 1))),
            Self::Purge(id) => {
                picture.entries = picture.entries.split_off(&(id.index + 1));
                picture.purged = Some(*id);
            }
            Self::Snapshot(id, bytes) => picture.snapshot = Some((*id, bytes.clone())),
        }
    }
}

fn vote(term: u64, leader: u64, committed: bool) -> Vote {
    let mut vote = Vote::new(term, leader);
    vote.committed = committed;
    vote
}

fn place(term: u64, index: u64) -> LogId {
    Place { term, leader: 1, index }.into()
}

/// Carries out steps until the disk fails. The pictures after each step that was begun, the empty one first, and how many
/// of them were reported as safe.
async fn work(opened: &mut Opened, steps: &[Step]) -> (Vec<Picture>, usize) {
    let mut pictures = vec![Picture::default()];
    let mut safe = 0;
    // Appends that are not reported yet, with the step that each is.
    let mut flying = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let mut picture = pictures[at].clone();
        step.apply(&mut picture);
        pictures.push(picture);
        let written = match step {
            Step::Append(entries) => {
                let (told, outcome) = <Runtime as AsyncRuntime>::Oneshot::channel();
                let entries = entries.iter().map(|(id, bytes)| Entry {
                    log_id: *id,
                    payload: EntryPayload::Normal(Data(bytes.clone())),
                });
                flying.push((at, outcome));
                opened.log.append(entries.collect::<Vec<_>>(), IOFlushed::signal(told)).await
            }
            Step::Committed(id) => opened.log.save_committed(Some(*id)).await,
            Step::Vote(vote) => opened.log.save_vote(vote).await,
            Step::TruncateAfter(id) => opened.log.truncate_after(Some(*id)).await,
            Step::Purge(id) => opened.log.purge(*id).await,
            Step::Snapshot(id, bytes) => {
                let meta =
                    SnapshotMeta { last_log_id: Some(*id), last_membership: StoredMembership::default() };
                opened.writer.write(Write::Snapshot(codec::encode_snapshot(&meta, bytes).unwrap())).await
            }
        };
        if written.is_err() {
            break;
        }
        // Where the commit is may be lost, and an append is safe once it is told.
        if !matches!(step, Step::Append(_) | Step::Committed(_)) {
            safe = at + 1;
        }
        if at % 3 == 0 || at + 1 == steps.len() {
            for (at, outcome) in std::mem::take(&mut flying) {
                if outcome.await.is_ok_and(|told| told.is_ok()) {
                    safe = safe.max(at + 1);
                }
            }
        }
    }
    (pictures, safe)
}

async fn look(opened: &mut Opened) -> Picture {
    let log = &mut opened.log;
    let entries = log.try_get_log_entries(..).await.unwrap().into_iter().map(|entry| {
        let EntryPayload::Normal(data) = entry.payload else { panic!("not what was written: {entry:?}") };
        (entry.log_id.index, (entry.log_id, data.0))
    });
    Picture {
        entries: entries.collect(),
        vote: log.read_vote().await.unwrap(),
        committed: log.read_committed().await.unwrap(),
        purged: log.get_log_state().await.unwrap().last_purged_log_id,
        snapshot: opened.snapshot.clone().map(|(meta, bytes)| (meta.last_log_id.unwrap(), bytes)),
    }
}

fn open(disk: &MemoryDisk) -> std::io::Result<Opened> {
    Log::open(&StateDir::Memory(disk.clone()), NodeId(1), usize::MAX, Rc::default())
}

/// One life of a process, which ends without warning.
async fn life<T>(disk: &MemoryDisk, random: &mut Rng, work: impl AsyncFnOnce() -> T) -> T {
    let tasks = LocalSet::new();
    let result = tasks.run_until(work()).await;
    disk.crash(random);
    result
}

fn steps(seed: u64, count: usize) -> Vec<Step> {
    let (mut picture, mut term, mut random) = (Picture::default(), 0, Rng::with_seed(seed));
    let mut steps = Vec::new();
    for _ in 0..count {
        let step = Step::random(&picture, &mut term, &mut random);
        step.apply(&mut picture);
        steps.push(step);
    }
    steps
}

/// Runs until the power fails at this operation; how many there were.
async fn cut_at(operation: u64, steps: &[Step], seed: u64) -> u64 {
    let mut random = Rng::with_seed(seed);
    let disk = disk_of(1);
    let begun = disk.operations();
    disk.cut_power_at(begun + operation);
    let (pictures, safe) = life(&disk, &mut random, async || match open(&disk) {
        Ok(mut opened) => work(&mut opened, steps).await,
        Err(_) => (vec![Picture::default()], 0),
    })
    .await;
    let operations = disk.operations() - begun;

    // Once more while it is read again.
    disk.cut_power_at(disk.operations() + random.u64(1..12));
    life(&disk, &mut random, async || drop(open(&disk))).await;

    let found = life(&disk, &mut random, async || {
        let mut opened = open(&disk).expect("what is on the disk can be read");
        let found = look(&mut opened).await;
        opened.log.save_vote(&vote(1_000, 1, true)).await.expect("and written again");
        found
    })
    .await;
    let context = format!("seed {seed}, operation {operation}");
    let is_some = pictures[safe..].contains(&found);
    assert!(is_some, "{context}: {} steps begun, {safe} safe, found {found:?}", pictures.len() - 1);
    let voted = life(&disk, &mut random, async || look(&mut open(&disk).unwrap()).await.vote).await;
    assert_eq!(voted, Some(vote(1_000, 1, true)), "{context}");
    let place = StateDir::Memory(disk);
    assert_eq!(place.identity().unwrap(), Some(identity(1)), "{context}");
    operations
}

#[test]
fn nothing_safe_is_lost_wherever_the_power_fails() {
    LocalRuntime::new().unwrap().block_on(async {
        let steps = steps(1, 16);
        let all = cut_at(u64::MAX / 2, &steps, 0).await;
        assert!(all > 60, "{all} operations");
        for operation in 1..=all {
            cut_at(operation, &steps, operation).await;
        }
    });
}

#[test]
fn nothing_safe_is_lost_in_any_order_of_steps() {
    LocalRuntime::new().unwrap().block_on(async {
        for seed in 0..40 {
            let mut random = Rng::with_seed(seed);
            let steps = steps(seed, random.usize(1..60));
            cut_at(random.u64(1..250), &steps, seed).await;
        }
    });
}

#[test]
fn a_node_is_made_as_a_whole_or_not_at_all() {
    LocalRuntime::new().unwrap().block_on(async {
        for operation in 1.. {
            let disk = MemoryDisk::new();
            let place = StateDir::Memory(disk.clone());
            disk.cut_power_at(operation);
            let kept = place.keep(&identity(7));
            disk.crash(&mut Rng::with_seed(operation));
            let found = place.identity().unwrap();
            assert_eq!(found.is_some(), kept.is_ok(), "operation {operation}");
            // Whatever was left over does not hinder the next try.
            place.keep(&identity(8)).unwrap();
            assert_eq!(place.identity().unwrap(), Some(identity(8)));
            if kept.is_ok() {
                assert!(operation > 10);
                break;
            }
        }
    });
}

/// Where the newest commit is damaged, it cannot be told from one that was torn: the log is as it was before. More than that
/// is not promised of a disk that changes what it was given.
#[test]
fn a_damaged_log_is_refused_or_as_it_was_before() {
    LocalRuntime::new().unwrap().block_on(async {
        let mut random = Rng::with_seed(3);
        let disk = disk_of(1);
        let steps = steps(5, 30);
        let (pictures, _) =
            life(&disk, &mut random, async || work(&mut open(&disk).unwrap(), &steps).await).await;
        let (mut refused, mut whole) = (0, 0);
        for _ in 0..200 {
            let (at, bits) = (random.usize(0..disk.bytes() as usize), random.u8(1..));
            let damaged = disk.damaged_copy(at, bits);
            let found = life(&damaged, &mut random, async || match open(&damaged) {
                Ok(mut opened) => Some(look(&mut opened).await),
                Err(_) => None,
            })
            .await;
            refused += usize::from(found.is_none());
            whole += usize::from(found.as_ref() == pictures.last());
            assert!(found.is_none_or(|found| pictures.contains(&found)), "byte {at} changed by {bits:#x}");
        }
        assert!(refused > 0 && whole > 100, "{refused} refused, {whole} whole");
    });
}
