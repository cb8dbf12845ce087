//! Reads along what nodes send each other, and counts it by host and by what it is for. A message counts once all of it has left.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::{AddAssign, Sub};

use prost::Message;

/// What a message is for. An answer counts as what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Proofs of the secret and introductions: every connection between nodes begins with them.
    Opening,
    /// Raft's leader shows that it is there, or tells how far others may apply.
    Heartbeat,
    /// Entries of Raft's log.
    Entries,
    /// Who is to lead.
    Election,
    /// The whole state, to a node whose log does not go on where the leader's begins.
    Snapshot,
    /// A node asks for its lease.
    Lease,
    /// A node asks how long all leases run, to show them.
    Leases,
    /// A node asks the leader to propose a change.
    Proposal,
    /// Nodes look for others, found, join.
    Joining,
    /// The leader asks an owner to hand over.
    HandOver,
    /// Another call of the control plane.
    Other,
    /// Effects, filling and acknowledgements: no part of the control plane.
    Stream,
    /// Forwarded requests: no part of it either.
    Requests,
}

impl Topic {
    /// Whether it is a part of the control plane.
    #[must_use]
    pub const fn is_control(self) -> bool {
        !matches!(self, Self::Stream | Self::Requests)
    }

    const fn of_call(kind: u32, entries: usize) -> Self {
        match kind {
            1 if entries == 0 => Self::Heartbeat,
            1 => Self::Entries,
            2 | 3 | 5 | 23 => Self::Election,
            4 => Self::Snapshot,
            16..=18 => Self::Joining,
            19 => Self::Lease,
            20 => Self::Proposal,
            21 => Self::HandOver,
            22 => Self::Leases,
            _ => Self::Other,
        }
    }
}

/// How much was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Messages.
    pub messages: u64,
    /// Their bytes, without those of TCP and IP.
    pub bytes: u64,
    /// Entries of Raft's log in them.
    pub entries: u64,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.entries += other.entries;
    }
}

impl Sub for Sum {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            messages: self.messages - other.messages,
            bytes: self.bytes - other.bytes,
            entries: self.entries - other.entries,
        }
    }
}

/// What a host has sent, and what was sent to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// By it.
    pub sent: Sum,
    /// To it.
    pub received: Sum,
}

/// By host, and by what it was for.
pub type Traffic = BTreeMap<(IpAddr, Topic), Flow>;

/// Reads along on all connections to one port.
#[derive(Debug)]
pub(super) struct Meter {
    port: u16,
    pub(super) traffic: Traffic,
    connections: BTreeMap<u64, Reading>,
}

/// What has been read of one connection.
#[derive(Debug, Default)]
struct Reading {
    sides: [Side; 2],
    purpose: u32,
    /// What calls without an answer yet are for, by number.
    calls: BTreeMap<u64, Topic>,
}

#[derive(Debug, Default)]
struct Side {
    /// What has not become a whole message yet.
    bytes: Vec<u8>,
    is_proved: bool,
    is_introduced: bool,
}

impl Meter {
    pub(super) const fn new(port: u16) -> Self {
        Self { port, traffic: Traffic::new(), connections: BTreeMap::new() }
    }

    /// A connection begins.
    pub(super) fn open(&mut self, connection: u64, to: SocketAddr) {
        if to.port() == self.port {
            self.connections.insert(connection, Reading::default());
        }
    }

    /// A connection is over.
    pub(super) fn close(&mut self, connection: u64) {
        self.connections.remove(&connection);
    }

    /// One side of a connection, of which these are both hosts, has sent this.
    pub(super) fn read(&mut self, connection: u64, side: usize, hosts: [IpAddr; 2], bytes: &[u8]) {
        let Some(reading) = self.connections.get_mut(&connection) else { return };
        reading.sides[side].bytes.extend_from_slice(bytes);
        while let Some((topic, sum)) = reading.next(side) {
            self.traffic.entry((hosts[side], topic)).or_default().sent += sum;
            self.traffic.entry((hosts[1 - side], topic)).or_default().received += sum;
        }
    }
}

impl Reading {
    /// The next whole message of this side.
    fn next(&mut self, side: usize) -> Option<(Topic, Sum)> {
        let is_proved = self.sides[side].is_proved;
        let length = if is_proved {
            let length = self.sides[side].bytes.first_chunk::<4>()?;
            4 + u32::from_le_bytes(*length) as usize
        } else {
            PROOF_BYTES
        };
        if self.sides[side].bytes.len() < length {
            return None;
        }
        let message: Vec<u8> = self.sides[side].bytes.drain(..length).collect();
        self.sides[side].is_proved = true;
        let (topic, entries) = if is_proved { self.topic(side, &message[5..]) } else { (Topic::Opening, 0) };
        Some((topic, Sum { messages: 1, bytes: length as u64, entries: entries as u64 }))
    }

    fn topic(&mut self, side: usize, payload: &[u8]) -> (Topic, usize) {
        if !std::mem::replace(&mut self.sides[side].is_introduced, true) {
            self.purpose = Introduction::decode(payload).unwrap_or_default().purpose;
            return (Topic::Opening, 0);
        }
        match self.purpose {
            CONTROL if side == 0 => {
                let call = Call::decode(payload).unwrap_or_default();
                let entries = match call.kind {
                    1 => Append::decode(call.body.as_slice()).unwrap_or_default().entries.len(),
                    _ => 0,
                };
                let topic = Topic::of_call(call.kind, entries);
                self.calls.insert(call.number, topic);
                (topic, entries)
            }
            CONTROL => {
                let answer = Answer::decode(payload).unwrap_or_default();
                (self.calls.remove(&answer.number).unwrap_or(Topic::Other), 0)
            }
            REQUESTS => (Topic::Requests, 0),
            _ => (Topic::Stream, 0),
        }
    }
}

// The parts of messages that have to be known here; their numbers never change.

#[derive(Clone, PartialEq, Message)]
struct Introduction {
    #[prost(uint32, tag = "7")]
    purpose: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Call {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(uint32, tag = "2")]
    kind: u32,
    #[prost(bytes = "vec", tag = "3")]
    body: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct Append {
    #[prost(bytes = "vec", repeated, tag = "4")]
    entries: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Answer {
    #[prost(uint64, tag = "1")]
    number: u64,
}

/// A challenge and a proof.
const PROOF_BYTES: usize = 64;

/// Purposes of connections.
const CONTROL: u32 = 1;
const REQUESTS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(message: &impl Message) -> Vec<u8> {
        let body = message.encode_to_vec();
        let length = (body.len() as u32 + 1).to_le_bytes();
        [&length[..], &[1], &body].concat()
    }

    #[test]
    fn messages_count_once_they_are_whole_and_answers_as_what_they_answer() {
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let hosts = [one, other];
        let mut meter = Meter::new(81);
        meter.open(1, SocketAddr::new(other, 80));
        meter.open(2, SocketAddr::new(other, 81));
        meter.read(1, 0, hosts, &[0; 500]);
        assert!(meter.traffic.is_empty(), "another port");
        let begin = [vec![7; PROOF_BYTES], frame(&Introduction { purpose: CONTROL })].concat();
        [0, 1].into_iter().for_each(|side| meter.read(2, side, hosts, &begin));
        let body = Append { entries: vec![vec![1], vec![2]] }.encode_to_vec();
        let calls = [Call { number: 1, kind: 1, body }, Call { number: 2, kind: 19, body: Vec::new() }];
        let sent: Vec<u8> = calls.iter().flat_map(frame).collect();
        sent.iter().for_each(|byte| meter.read(2, 0, hosts, &[*byte]));
        meter.read(2, 1, hosts, &frame(&Answer { number: 2 }));
        let flow = |host, topic| meter.traffic.get(&(host, topic)).copied().unwrap_or_default();
        let begun = Sum { messages: 2, bytes: begin.len() as u64, entries: 0 };
        assert_eq!(flow(one, Topic::Opening), Flow { sent: begun, received: begun });
        let entries = Sum { messages: 1, bytes: frame(&calls[0]).len() as u64, entries: 2 };
        assert_eq!(flow(one, Topic::Entries), Flow { sent: entries, ..Flow::default() }, "not answered");
        assert_eq!(flow(other, Topic::Entries).received, entries);
        assert_eq!(flow(one, Topic::Lease).sent.messages, 1);
        assert_eq!(flow(one, Topic::Lease).received.messages, 1);
        meter.close(2);
        meter.read(2, 0, hosts, &sent);
        assert_eq!(meter.traffic[&(one, Topic::Entries)].sent, entries, "it was over");
    }
}
