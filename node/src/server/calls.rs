//! A request that may have to be sent again: its words, and how its client wants it carried out.

use larder_proto::resp::{ArgRange, Out, RequestParser, Version};
use larder_proto::slot::{PARTITIONS, Partition};
use larder_proto::topology::NodeId;
use smallvec::SmallVec;

use super::messages::{Errand, Forward};
use crate::commands::ports::WriteId;
use crate::commands::scan::ClusterCursor;
use crate::commands::session::{QueuedCommand, Session};
use crate::limits::request_limits;
use crate::store::Database;

/// A request that was kept.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) errand: Errand,
    /// Its words as clients write them: an array of bulk strings.
    pub(super) frame: Box<[u8]>,
    /// The partitions of its keys, ascending.
    pub(super) partitions: SmallVec<[Partition; 2]>,
    pub(super) manner: Manner,
    /// It changes data, so it has a number.
    pub(super) writes: bool,
    /// For a transaction, or a watch: the node and the link to it where its keys are watched. Elsewhere they are not.
    pub(super) watched: Option<(NodeId, u64)>,
}

/// How the client of a request wants it carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) client: u64,
    pub(super) database: Database,
    pub(super) version: Version,
    pub(super) no_touch: bool,
    /// The reply does not wait for copies.
    pub(super) hasty: bool,
}

impl Manner {
    pub(super) const fn of(session: &Session) -> Self {
        Self {
            client: session.id,
            database: session.database,
            version: session.version,
            no_touch: session.no_touch,
            hasty: session.hasty,
        }
    }

    /// `None` if there is no such database.
    pub(super) fn of_forward(forward: &Forward<'_>) -> Option<Self> {
        Some(Self {
            client: forward.client,
            database: Database::new(i64::from(forward.database))?,
            version: if forward.resp3 { Version::Resp3 } else { Version::Resp2 },
            no_touch: forward.no_touch,
            hasty: forward.hasty,
        })
    }

    /// Makes the session one that wants the same.
    pub(super) const fn put_on(&self, session: &mut Session) {
        session.database = self.database;
        session.version = self.version;
        session.no_touch = self.no_touch;
    }
}

impl Call {
    /// The partitions of its keys.
    pub(super) fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.frame.len()
    }

    /// The same step of a scan from another cursor on.
    pub(super) fn at_cursor(&self, cursor: u64) -> Option<Self> {
        let first = ClusterCursor::unpack(cursor)?.first;
        let (mut frame, mut parser) = (self.frame.clone(), RequestParser::new());
        let limits = request_limits(frame.len());
        parser.parse(&mut frame, &limits).ok()?;
        let cursor = cursor.to_string();
        let word =
            |(at, word): (usize, &ArgRange)| if at == 1 { cursor.as_bytes() } else { word.of(&self.frame) };
        let words = parser.arguments();
        let frame = written_frame(words.len(), words.iter().enumerate().map(word));
        Some(Self { frame, partitions: SmallVec::from_slice(&[first]), ..self.clone() })
    }

    /// The message that carries it; `bits` is what [`Call::bits`] says.
    /// It goes to this node on this link.
    pub(super) fn forward<'f>(
        &'f self,
        write: Option<WriteId>,
        round: u64,
        bits: &'f [u8],
        to: (NodeId, u64),
    ) -> Forward<'f> {
        Forward {
            id: 0,
            client: self.manner.client,
            round,
            errand: self.errand,
            database: self.manner.database.number() as u8,
            resp3: self.manner.version == Version::Resp3,
            no_touch: self.manner.no_touch,
            hasty: self.manner.hasty,
            watched: self.watched.is_some(),
            lost: self.watched.is_some_and(|watched| watched != to),
            write,
            partitions: bits,
            frame: &self.frame,
        }
    }

    /// A bit for each partition, for a command on all keys; nothing for others.
    pub(super) fn bits(&self) -> Vec<u8> {
        if self.errand == Errand::Whole { bits_of(&self.partitions) } else { Vec::new() }
    }
}

/// A bit for each of these partitions.
pub(super) fn bits_of(partitions: &[Partition]) -> Vec<u8> {
    let mut bits = vec![0; usize::from(PARTITIONS) / 8];
    partitions.iter().for_each(|partition| bits[partition.index() / 8] |= 1 << (partition.index() % 8));
    bits
}

/// The partitions whose bits are set, ascending.
pub(super) fn partitions_of_bits(bits: &[u8]) -> impl Iterator<Item = Partition> {
    Partition::all().filter(|partition| {
        bits.get(partition.index() / 8).is_some_and(|byte| byte >> (partition.index() % 8) & 1 == 1)
    })
}

/// The words of a request as an array of bulk strings. One that came so is copied; an inline command is written anew.
pub(super) fn kept_frame(frame: &[u8], words: &[ArgRange]) -> Box<[u8]> {
    if frame.first() == Some(&b'*') {
        return frame.into();
    }
    written_frame(words.len(), words.iter().map(|word| word.of(frame)))
}

/// Like [`kept_frame`], behind what `to` holds.
pub(super) fn keep_frame(frame: &[u8], words: &[ArgRange], to: &mut Vec<u8>) {
    if frame.first() == Some(&b'*') {
        return to.extend_from_slice(frame);
    }
    to.extend_from_slice(&written_frame(words.len(), words.iter().map(|word| word.of(frame))));
}

/// An array of these words.
pub(super) fn written_frame<'w>(count: usize, words: impl Iterator<Item = &'w [u8]>) -> Box<[u8]> {
    let mut written = Vec::new();
    let mut out = Out::new(&mut written, Version::Resp2);
    out.array(count);
    words.for_each(|word| out.bulk(word));
    written.into()
}

/// A command of a transaction on its way: the number of its database, the length of its words, its words.
pub(super) fn add_queued(command: &QueuedCommand, database: Database, to: &mut Vec<u8>) {
    // Its own copy ends with the last word, without what ends the line.
    let words = command.words.iter().map(|word| word.of(&command.frame));
    let frame = written_frame(command.words.len(), words);
    to.push(database.byte());
    to.extend_from_slice(&(frame.len() as u32).to_le_bytes());
    to.extend_from_slice(&frame);
}

/// The first of the commands that [`add_queued`] wrote, and what is behind it. `None` if there is none.
pub(super) fn next_queued(bytes: &[u8]) -> Option<(Database, &[u8], &[u8])> {
    let (&number, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (frame, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((Database::new(number.into())?, frame, rest))
}
