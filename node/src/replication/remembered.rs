//! The writes of one partition that were carried out and may be asked for again, with their replies: so that a write which
//! is sent twice is carried out once, whoever owns the partition by then.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::messages::{Write, Writes};
use crate::commands::ports::{Origin, WriteId};
use crate::limits::{REMEMBERED_REPLY_BYTES_MAX, REMEMBERED_WRITES_MAX};

/// The writes of one partition, by who numbered them.
#[derive(Debug, Default)]
pub(super) struct Remembered(BTreeMap<Origin, Window>);

/// The writes of one origin.
#[derive(Debug, Default)]
struct Window {
    /// Those below are answered: nobody asks for them again.
    answered_below: u64,
    /// Up to this number some were forgotten since there was no room.
    forgotten: u64,
    /// Calls of `prune` since a write was noted.
    looks: u32,
    /// The reply of each, as far as there was room for it.
    replies: BTreeMap<u64, Option<Bytes>>,
}

/// What is known of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It was not carried out.
    New,
    /// It was, with this reply.
    Reply(Bytes),
    /// It was, or may have been, and its reply is not known.
    Unknown,
}

impl Remembered {
    /// What is known of a write. One that was held back while its origin went through with more than are remembered here
    /// is taken for one that may have been carried out, though it was not: nobody can tell the two apart any more. That a request
    /// is sent for the first time says nothing: what was sent after it may have come before it.
    pub(super) fn find(&self, id: &WriteId) -> Known {
        let Some(window) = self.0.get(&id.origin) else { return Known::New };
        let is_forgotten = id.number < window.answered_below || id.number <= window.forgotten;
        match window.replies.get(&id.number) {
            Some(Some(reply)) => Known::Reply(reply.clone()),
            Some(None) => Known::Unknown,
            None if is_forgotten => Known::Unknown,
            None => Known::New,
        }
    }

    /// Remembers a write, and forgets those that its origin says are answered. `is_short` says that no reply may be kept. An
    /// empty one, which no request has, stands for one that is too large to be kept.
    /// By how many bytes more memory is taken, or less.
    pub(super) fn note(&mut self, id: &WriteId, reply: &[u8], is_short: bool) -> i64 {
        let window = self.0.entry(id.origin).or_default();
        window.looks = 0;
        let mut bytes = window.answer(id.answered_below);
        if id.number < window.answered_below {
            return bytes;
        }
        let kept = !is_short && (1..=REMEMBERED_REPLY_BYTES_MAX).contains(&reply.len());
        let reply = kept.then(|| Bytes::copy_from_slice(reply));
        bytes += cost(&reply);
        bytes -= window.replies.insert(id.number, reply).as_ref().map_or(0, cost);
        let writes_max = if is_short { REMEMBERED_WRITES_MAX / 16 } else { REMEMBERED_WRITES_MAX };
        while window.replies.len() > writes_max {
            if let Some((number, reply)) = window.replies.pop_first() {
                window.forgotten = window.forgotten.max(number);
                bytes -= cost(&reply);
            }
        }
        bytes
    }

    /// Visits each origin with the number below which its writes are answered, as far as it was told here.
    pub(super) fn visit(&self, mut visit: impl FnMut(Origin, u64)) {
        self.0.iter().for_each(|(&origin, window)| visit(origin, window.answered_below));
    }

    /// Forgets what is answered, as far as `answered_below` knows more of an origin than was told here, and origins that
    /// told nothing for so many calls. By how many bytes less memory is taken, as a negative number.
    pub(super) fn prune(&mut self, looks_max: u32, answered_below: impl Fn(Origin) -> u64) -> i64 {
        let mut bytes = 0;
        self.0.retain(|&origin, window| {
            window.looks += 1;
            let is_gone = window.looks > looks_max;
            bytes += window.answer(if is_gone { u64::MAX } else { answered_below(origin) });
            !is_gone
        });
        bytes
    }

    /// Forgets everything. By how many bytes less memory is taken, as a negative number.
    pub(super) fn clear(&mut self) -> i64 {
        let bytes = self.0.values_mut().map(|window| window.answer(u64::MAX)).sum();
        self.0.clear();
        bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything, as messages to a copy that is filled.
    pub(super) fn messages(&self, partition: u32, term: u64) -> impl Iterator<Item = Writes> {
        self.0.iter().map(move |(origin, window)| Writes {
            partition,
            term,
            origin_node: origin.node,
            origin_run: origin.run,
            answered_below: window.answered_below,
            forgotten: window.forgotten,
            writes: window
                .replies
                .iter()
                .map(|(&number, reply)| Write { number, reply: reply.as_ref().map(|reply| reply.to_vec()) })
                .collect(),
        })
    }

    /// Takes over what such a message tells. By how many bytes more memory is taken.
    pub(super) fn take_over(&mut self, message: Writes) -> i64 {
        let origin = Origin { node: message.origin_node, run: message.origin_run };
        let window = self.0.entry(origin).or_default();
        window.forgotten = window.forgotten.max(message.forgotten);
        let mut bytes = window.answer(message.answered_below);
        for write in message.writes {
            let reply = write.reply.map(Bytes::from);
            bytes += cost(&reply);
            bytes -= window.replies.insert(write.number, reply).as_ref().map_or(0, cost);
        }
        bytes
    }
}

impl Window {
    fn answer(&mut self, below: u64) -> i64 {
        let mut bytes = 0;
        if below > self.answered_below {
            self.answered_below = below;
            while self.replies.first_key_value().is_some_and(|(&number, _)| number < below) {
                bytes -= self.replies.pop_first().map_or(0, |(_, reply)| cost(&reply));
            }
        }
        bytes
    }
}

/// Bytes of memory of one write.
fn cost(reply: &Option<Bytes>) -> i64 {
    (WRITE_BYTES + reply.as_ref().map_or(0, |reply| reply.len() + REPLY_BYTES)) as i64
}

/// Of a place in a tree: key, value, its share of the node.
const WRITE_BYTES: usize = 64;

/// Beside a reply's own: header and rounding of its block.
const REPLY_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64, answered_below: u64) -> WriteId {
        WriteId { origin: Origin { node: 1, run: 2 }, number, answered_below, ..WriteId::default() }
    }

    fn reply(text: &'static str) -> Known {
        Known::Reply(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn a_write_is_known_until_it_is_answered_and_never_new_again() {
        let mut remembered = Remembered::default();
        let mut bytes = 0;
        assert_eq!(remembered.find(&id(5, 0)), Known::New);
        bytes += remembered.note(&id(5, 0), b"five", false);
        bytes += remembered.note(&id(6, 0), b"six", true);
        assert_eq!((remembered.find(&id(5, 0)), remembered.find(&id(6, 0))), (reply("five"), Known::Unknown));
        assert_eq!(remembered.find(&WriteId { origin: Origin { node: 1, run: 3 }, ..id(5, 0) }), Known::New);
        bytes += remembered.note(&id(8, 6), b"eight", false);
        assert_eq!((remembered.find(&id(5, 0)), remembered.find(&id(7, 6))), (Known::Unknown, Known::New));
        bytes += remembered.prune(2, |_| 9);
        assert_eq!(
            (bytes, remembered.find(&id(8, 0)), remembered.find(&id(9, 0))),
            (0, Known::Unknown, Known::New)
        );
        assert!(!remembered.is_empty());
        (0..2).for_each(|_| assert_eq!(remembered.prune(2, |_| 0), 0));
        assert!(remembered.is_empty());
    }

    #[test]
    fn what_had_to_be_forgotten_is_not_new() {
        let mut remembered = Remembered::default();
        let most = REMEMBERED_WRITES_MAX as u64;
        for number in 0..=most {
            remembered.note(&id(number, 0), b"r", false);
        }
        assert_eq!((remembered.find(&id(0, 0)), remembered.find(&id(1, 0))), (Known::Unknown, reply("r")));
        assert_eq!(remembered.find(&id(most + 1, 0)), Known::New);
        let long = vec![0; REMEMBERED_REPLY_BYTES_MAX + 1];
        remembered.note(&id(most + 1, 0), &long, false);
        remembered.note(&id(most + 2, 0), b"", false);
        assert_eq!(remembered.find(&id(most + 1, 0)), Known::Unknown);
        assert_eq!(remembered.find(&id(most + 2, 0)), Known::Unknown);
    }

    #[test]
    fn a_copy_takes_everything_over() {
        let (mut owner, mut copy) = (Remembered::default(), Remembered::default());
        let most = REMEMBERED_WRITES_MAX as u64;
        let mut bytes: i64 =
            (3..most + 5).map(|number| owner.note(&id(number, 3), b"r", number % 2 == 0 && number < 9)).sum();
        let copied: i64 = owner.messages(7, 8).map(|message| copy.take_over(message)).sum();
        assert_eq!(copied, bytes);
        for number in 0..most + 9 {
            assert_eq!(copy.find(&id(number, 0)), owner.find(&id(number, 0)), "{number}");
        }
        bytes += owner.clear();
        assert_eq!((bytes, copied + copy.clear()), (0, 0));
    }
}
