//! What happens on the network when its time has come.

use std::net::IpAddr;

use super::connection::Connection;
use super::state::{Event, State};

impl State {
    /// Lets the next event happen, if it is due.
    pub(super) fn happen(&mut self) -> bool {
        let Some((at_ns, event)) = self.due() else { return false };
        match event {
            Event::Arrival { connection, side } => self.arrive(at_ns, connection, side),
            Event::Reset { connection, side } => self.reset_arrives(connection, side),
            Event::Knock(knock) => self.knock(knock),
            Event::Answer(knock) => self.answer(knock),
        }
        true
    }

    fn arrive(&mut self, at_ns: u64, connection: u64, side: usize) {
        let Some(found) = self.connections.get_mut(&connection) else { return };
        found.ends[side].is_scheduled = false;
        let (from, to) = (found.ends[side].address.ip(), found.ends[1 - side].address.ip());
        let held_until_ns = self.path(from, to).held_until_ns;
        if !self.is_open(from, to) {
            // Sent again when the way opens.
            return;
        }
        if held_until_ns > self.now_ns {
            return self.schedule_arrival(connection, side, held_until_ns);
        }
        let Some(found) = self.connections.get_mut(&connection) else { return };
        let Some(segment) = found.ends[side].outgoing.pop_front() else { return };
        found.ends[side].outgoing_bytes -= segment.bytes.len();
        self.trace.note(b'a', &[at_ns, connection, side as u64], &segment.bytes);
        let next_ns = found.ends[side].outgoing.front().map(|next| next.at_ns);
        let receiver = &mut found.ends[1 - side];
        if receiver.is_gone || receiver.is_orphan || receiver.is_broken {
            if !segment.bytes.is_empty() {
                self.send_reset(connection, 1 - side);
            }
        } else if segment.bytes.is_empty() {
            receiver.is_finished = true;
            self.woken.extend(receiver.reader.take());
        } else {
            receiver.arrived.extend(&segment.bytes);
            self.woken.extend(receiver.reader.take());
        }
        match next_ns {
            Some(next_ns) => self.schedule_arrival(connection, side, next_ns),
            None => self.remove_if_over(connection),
        }
    }

    /// This end's host tells the other end that there is no connection.
    pub(super) fn send_reset(&mut self, connection: u64, side: usize) {
        let Some(found) = self.connections.get(&connection) else { return };
        let (from, to) = (found.ends[side].address.ip(), found.ends[1 - side].address.ip());
        let at_ns = self.arrival_ns(from, to, 0);
        self.schedule(at_ns, Event::Reset { connection, side });
    }

    fn reset_arrives(&mut self, connection: u64, side: usize) {
        let Some(found) = self.connections.get(&connection) else { return };
        let (from, to) = (found.ends[side].address.ip(), found.ends[1 - side].address.ip());
        if !self.is_on(to) {
            return;
        }
        if !self.is_open(from, to) {
            // The other end goes on sending, and is answered once the way is open.
            return self.schedule(self.now_ns + RESENT_NS, Event::Reset { connection, side });
        }
        self.trace.note(b'r', &[self.now_ns, connection, side as u64], &[]);
        if let Some(found) = self.connections.get_mut(&connection) {
            found.ends[1 - side].break_off(&mut self.woken);
        }
        self.remove_if_over(connection);
    }

    fn knock(&mut self, number: u64) {
        let Some(knock) = self.knocks.get(&number) else { return };
        let (from, to) = (knock.from, knock.to);
        if !self.is_open(from.ip(), to.ip()) {
            return self.schedule(self.now_ns + KNOCKED_AGAIN_NS, Event::Knock(number));
        }
        let answer = match self.listeners.get(&to).map(|backlog| backlog.waiting.len()) {
            None => Err(()),
            // A full backlog answers nothing; who knocks tries again.
            Some(waiting) if waiting >= BACKLOG_MAX => {
                return self.schedule(self.now_ns + KNOCKED_AGAIN_NS, Event::Knock(number));
            }
            Some(_) => Ok(self.open([from, to])),
        };
        self.trace.note(b'k', &[self.now_ns, number, u64::from(answer.is_ok())], &[]);
        if let Some(knock) = self.knocks.get_mut(&number) {
            knock.answer = Some(answer);
        }
        let at_ns = self.arrival_ns(to.ip(), from.ip(), 0);
        self.schedule(at_ns, Event::Answer(number));
    }

    fn open(&mut self, addresses: [std::net::SocketAddr; 2]) -> u64 {
        let number = self.number();
        let room_bytes = ROOM_BYTES[self.random.usize(0..ROOM_BYTES.len())];
        self.connections.insert(number, Connection::new(addresses, room_bytes));
        if let Some(meter) = &mut self.meter {
            meter.open(number, addresses[1]);
        }
        if let Some(backlog) = self.listeners.get_mut(&addresses[1]) {
            backlog.waiting.push_back((number, addresses[0]));
            self.woken.extend(backlog.acceptor.take());
        }
        number
    }

    fn answer(&mut self, number: u64) {
        let Some(knock) = self.knocks.get(&number) else { return };
        if !self.is_open(knock.to.ip(), knock.from.ip()) {
            return self.schedule(self.now_ns + KNOCKED_AGAIN_NS, Event::Answer(number));
        }
        if let Some(knock) = self.knocks.get_mut(&number) {
            knock.is_answered = true;
            self.woken.extend(knock.waker.take());
        }
    }

    /// The way is open again: what waited is sent again, some time later.
    pub(super) fn send_again(&mut self, from: IpAddr, to: IpAddr) {
        let waiting: Vec<(u64, usize)> = self
            .connections
            .iter()
            .flat_map(|(number, connection)| [(*number, 0, connection), (*number, 1, connection)])
            .filter(|(_, side, connection)| {
                connection.ends[*side].address.ip() == from && connection.ends[1 - side].address.ip() == to
            })
            .map(|(number, side, _)| (number, side))
            .collect();
        for (connection, side) in waiting {
            let at_ns = self.arrival_ns(from, to, 0) + self.random.u64(0..RESENT_NS);
            self.schedule_arrival(connection, side, at_ns);
        }
    }

    /// The host loses its power: nobody learns of it, and what it had not sent is lost.
    pub(super) fn power_off(&mut self, host: IpAddr) {
        if let Some(found) = self.hosts.get_mut(&host) {
            found.is_on = false;
        }
        for connection in self.connections.values_mut() {
            for end in connection.ends.iter_mut().filter(|end| end.address.ip() == host) {
                end.is_orphan = true;
                end.outgoing.clear();
                end.outgoing_bytes = 0;
                end.arrived.clear();
            }
        }
        self.listeners.retain(|address, _| address.ip() != host);
        self.connections.retain(|_, connection| !connection.is_over());
    }
}

/// How many opened connections may wait to be accepted.
const BACKLOG_MAX: usize = 64;

/// After how long who got no answer knocks again.
const KNOCKED_AGAIN_NS: u64 = 1_000_000_000;

/// After how long at most what was not acknowledged is sent again, once the way is open.
const RESENT_NS: u64 = 200_000_000;

/// How much may be under way on a connection: one of these.
const ROOM_BYTES: [usize; 4] = [4 << 10, 16 << 10, 64 << 10, 256 << 10];
