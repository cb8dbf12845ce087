//! The messages between the worker that has a client and the node that serves its keys: protobuf, written and read by hand,
//! so that the bytes of a request are not copied on the way. Numbers of fields never change; unknown ones are passed over.

use larder_proto::topology::Epoch;

use crate::commands::ports::{Change, WriteId};

/// Kinds of frames on a link for requests.
pub(super) const FORWARD: u8 = 1;
/// The answer to one.
pub(super) const REPLY: u8 = 2;
/// A client is gone: what is remembered of it may be forgotten.
pub(super) const FAREWELL: u8 = 3;

/// A client watches no more keys; the message is that of a farewell.
pub(super) const UNWATCH: u8 = 4;

/// What is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Errand {
    /// One request.
    #[default]
    Request = 0,
    /// The commands of a transaction, one behind the other.
    Exec = 1,
    /// WATCH; remembered for this client.
    Watch = 2,
    /// A command that speaks for all keys, over the partitions named.
    Whole = 3,
}

/// A request on its way to the node that serves its keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Forward<'f> {
    /// Number of the request on this link; the answer has the same.
    pub(super) id: u64,
    /// Number of the client at the sender.
    pub(super) client: u64,
    /// How often the client's requests were tried again: what was refused in a round refuses all behind it in that round.
    pub(super) round: u64,
    pub(super) errand: Errand,
    pub(super) database: u8,
    pub(super) resp3: bool,
    pub(super) no_touch: bool,
    /// The reply does not wait for copies.
    pub(super) hasty: bool,
    /// For a transaction: watches of this client hold for it.
    pub(super) watched: bool,
    /// The client watched them on another node, or on another link.
    pub(super) lost: bool,
    pub(super) write: Option<WriteId>,
    /// For commands on the whole cluster: a bit for each partition.
    pub(super) partitions: &'f [u8],
    pub(super) frame: &'f [u8],
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Carried out; the reply follows.
    #[default]
    Done = 0,
    /// Nothing was read or changed: somebody else serves it, or nobody yet.
    Refused = 1,
    /// The right to serve ended under it: whether anything was changed is not known.
    Lost = 2,
}

/// The answer to a [`Forward`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    pub(super) id: u64,
    pub(super) verdict: Verdict,
    /// For commands on the whole cluster: the partitions that are not served here.
    pub(super) missing: &'a [u8],
    pub(super) reply: &'a [u8],
}

impl<'f> Forward<'f> {
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        number(to, 1, self.id);
        number(to, 2, self.client);
        number(to, 3, self.round);
        number(to, 4, self.errand as u64);
        number(to, 5, u64::from(self.database));
        number(to, 6, self.flags());
        if let Some(write) = &self.write {
            number(to, 7, write.origin.node);
            fixed(to, 8, write.origin.run);
            number(to, 9, write.number);
            number(to, 10, write.answered_below);
        }
        bytes(to, 11, self.partitions);
        if let Some(before) = self.write.and_then(|write| write.before) {
            number(to, 12, before.term);
            number(to, 13, before.sequence);
        }
        if let Some(write) = &self.write {
            number(to, 14, write.since.0);
        }
        bytes(to, 15, self.frame);
    }

    /// `None` if it is none.
    pub(super) fn decode(message: &'f [u8]) -> Option<Self> {
        let mut forward = Self::default();
        let mut write = WriteId::default();
        let mut before = Change { term: 0, sequence: 0 };
        let mut fields = Fields(message);
        while let Some((tag, value)) = fields.next()? {
            match (tag, value) {
                (1, Field::Number(id)) => forward.id = id,
                (2, Field::Number(client)) => forward.client = client,
                (3, Field::Number(round)) => forward.round = round,
                (4, Field::Number(errand)) => forward.errand = Errand::of(errand)?,
                (5, Field::Number(database)) => forward.database = u8::try_from(database).ok()?,
                (6, Field::Number(flags)) => forward.set_flags(flags),
                (7, Field::Number(node)) => write.origin.node = node,
                (8, Field::Number(run)) => write.origin.run = run,
                (9, Field::Number(number)) => write.number = number,
                (10, Field::Number(below)) => write.answered_below = below,
                (11, Field::Bytes(partitions)) => forward.partitions = partitions,
                (12, Field::Number(term)) => before.term = term,
                (13, Field::Number(sequence)) => before.sequence = sequence,
                (14, Field::Number(since)) => write.since = Epoch(since),
                (15, Field::Bytes(frame)) => forward.frame = frame,
                _ => {}
            }
        }
        // Numbers of writes begin at 1, as those of effects.
        write.before = (before.sequence > 0).then_some(before);
        forward.write = (write.number > 0).then_some(write);
        Some(forward)
    }

    const fn flags(&self) -> u64 {
        self.resp3 as u64
            | (self.no_touch as u64) << 1
            | (self.hasty as u64) << 2
            | (self.watched as u64) << 3
            | (self.lost as u64) << 4
    }

    const fn set_flags(&mut self, flags: u64) {
        self.resp3 = flags & 1 != 0;
        self.no_touch = flags & 2 != 0;
        self.hasty = flags & 4 != 0;
        self.watched = flags & 8 != 0;
        self.lost = flags & 16 != 0;
    }
}

impl<'a> Answer<'a> {
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        number(to, 1, self.id);
        number(to, 2, self.verdict as u64);
        bytes(to, 3, self.missing);
        bytes(to, 15, self.reply);
    }

    /// `None` if it is none.
    pub(super) fn decode(message: &'a [u8]) -> Option<Self> {
        let mut answer = Self::default();
        let mut fields = Fields(message);
        while let Some((tag, value)) = fields.next()? {
            match (tag, value) {
                (1, Field::Number(id)) => answer.id = id,
                (2, Field::Number(verdict)) => answer.verdict = Verdict::of(verdict)?,
                (3, Field::Bytes(missing)) => answer.missing = missing,
                (15, Field::Bytes(reply)) => answer.reply = reply,
                _ => {}
            }
        }
        Some(answer)
    }
}

/// A client's number, alone in its message.
pub(super) fn encode_farewell(client: u64, to: &mut Vec<u8>) {
    number(to, 1, client);
}

/// `None` if it is none.
pub(super) fn decode_farewell(message: &[u8]) -> Option<u64> {
    let (mut client, mut fields) = (0, Fields(message));
    while let Some((tag, value)) = fields.next()? {
        if let (1, Field::Number(number)) = (tag, value) {
            client = number;
        }
    }
    Some(client)
}

impl Errand {
    const fn of(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Request),
            1 => Some(Self::Exec),
            2 => Some(Self::Watch),
            3 => Some(Self::Whole),
            _ => None,
        }
    }
}

impl Verdict {
    const fn of(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Done),
            1 => Some(Self::Refused),
            2 => Some(Self::Lost),
            _ => None,
        }
    }
}

/// The fields of a message that are not read yet.
struct Fields<'f>(&'f [u8]);

enum Field<'f> {
    Number(u64),
    Bytes(&'f [u8]),
    Other,
}

impl<'f> Fields<'f> {
    /// The next field, `Some(None)` at the end, `None` if the message is broken.
    #[expect(clippy::option_option, reason = "the two ends differ")]
    fn next(&mut self) -> Option<Option<(u64, Field<'f>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => Field::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Field::Other)?,
            _ => return None,
        };
        Some(Some((key >> 3, field)))
    }

    fn take(&mut self, length: usize) -> Option<&'f [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (place, &byte) in self.0.iter().enumerate().take(VARINT_BYTES_MAX) {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                self.0 = &self.0[place + 1..];
                return Some(value);
            }
        }
        None
    }
}

/// A field that is zero is left out, as protobuf does.
fn number(to: &mut Vec<u8>, tag: u8, value: u64) {
    if value != 0 {
        to.push(tag << 3);
        varint(to, value);
    }
}

fn fixed(to: &mut Vec<u8>, tag: u8, value: u64) {
    if value != 0 {
        to.push(tag << 3 | 1);
        to.extend_from_slice(&value.to_le_bytes());
    }
}

fn bytes(to: &mut Vec<u8>, tag: u8, value: &[u8]) {
    if !value.is_empty() {
        to.push(tag << 3 | 2);
        varint(to, value.len() as u64);
        to.extend_from_slice(value);
    }
}

fn varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Bytes of a number of 64 bits at most.
const VARINT_BYTES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::commands::ports::Origin;

    /// The same message as another program would have it.
    #[derive(Clone, PartialEq, Message)]
    struct Oracle {
        #[prost(uint64, tag = "1")]
        id: u64,
        #[prost(uint64, tag = "2")]
        client: u64,
        #[prost(uint64, tag = "3")]
        round: u64,
        #[prost(uint32, tag = "4")]
        errand: u32,
        #[prost(uint32, tag = "5")]
        database: u32,
        #[prost(uint32, tag = "6")]
        flags: u32,
        #[prost(uint64, tag = "7")]
        origin_node: u64,
        #[prost(fixed64, tag = "8")]
        origin_run: u64,
        #[prost(uint64, tag = "9")]
        number: u64,
        #[prost(uint64, tag = "10")]
        answered_below: u64,
        #[prost(bytes = "vec", tag = "11")]
        partitions: Vec<u8>,
        #[prost(uint64, tag = "12")]
        before_term: u64,
        #[prost(uint64, tag = "13")]
        before_sequence: u64,
        #[prost(uint64, tag = "14")]
        since: u64,
        #[prost(bytes = "vec", tag = "15")]
        frame: Vec<u8>,
        #[prost(string, tag = "16")]
        later: String,
    }

    fn forward() -> Forward<'static> {
        let origin = Origin { node: 300, run: u64::MAX };
        Forward {
            id: 1 << 40,
            client: 7,
            round: 2,
            errand: Errand::Exec,
            database: 15,
            resp3: true,
            no_touch: false,
            hasty: true,
            watched: true,
            lost: true,
            write: Some(WriteId {
                origin,
                number: 9,
                answered_below: 4,
                since: Epoch(6),
                before: Some(Change { term: 11, sequence: 700 }),
            }),
            partitions: b"\x01\x80",
            frame: b"*1\r\n$4\r\nPING\r\n",
        }
    }

    #[test]
    fn another_program_reads_and_writes_the_same() {
        let mut bytes = Vec::new();
        forward().encode(&mut bytes);
        let oracle = Oracle {
            id: 1 << 40,
            client: 7,
            round: 2,
            errand: 1,
            database: 15,
            flags: 0b1_1101,
            origin_node: 300,
            origin_run: u64::MAX,
            number: 9,
            answered_below: 4,
            since: 6,
            partitions: b"\x01\x80".to_vec(),
            before_term: 11,
            before_sequence: 700,
            frame: b"*1\r\n$4\r\nPING\r\n".to_vec(),
            later: String::new(),
        };
        assert_eq!(bytes, oracle.encode_to_vec());
        let newer = Oracle { later: "unknown".to_owned(), ..oracle }.encode_to_vec();
        assert_eq!(Forward::decode(&newer), Some(forward()));
    }

    #[test]
    fn bytes_on_the_wire_never_change() {
        let mut bytes = Vec::new();
        let answer = Answer { id: 5, verdict: Verdict::Lost, missing: b"\x01", reply: b"+OK\r\n" };
        answer.encode(&mut bytes);
        assert_eq!(bytes, b"\x08\x05\x10\x02\x1a\x01\x01\x7a\x05+OK\r\n");
        assert_eq!(Answer::decode(&bytes), Some(answer));
        let forward = Forward { id: 3, client: 1, frame: b"x", ..Forward::default() };
        let mut bytes = Vec::new();
        forward.encode(&mut bytes);
        assert_eq!(bytes, b"\x08\x03\x10\x01\x7a\x01x");
        let mut bytes = Vec::new();
        encode_farewell(300, &mut bytes);
        assert_eq!((bytes.as_slice(), decode_farewell(&bytes)), (&b"\x08\xac\x02"[..], Some(300)));
    }

    #[test]
    fn broken_messages_are_refused() {
        let mut bytes = Vec::new();
        forward().encode(&mut bytes);
        for length in 0..bytes.len() {
            // Whatever is cut is either refused or lacks whole fields; nothing panics.
            let _ = Forward::decode(&bytes[..length]);
        }
        assert_eq!(Forward::decode(&bytes[..bytes.len() - 1]), None);
        for broken in [&b"\x7a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\x0b", b"\x20\x09"] {
            assert_eq!(Forward::decode(broken), None, "{broken:?}");
        }
    }
}
