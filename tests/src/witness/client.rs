//! One client: a thread with one connection, to a server of its choice, that does deeds one after another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use crate::clock::{Deadline, rest};
use crate::history::{Deed, Recorder, error_of};
use crate::reply::Node;
use crate::wire::Connection;

/// Where the servers are at the moment, changed by who knows.
#[derive(Debug, Default)]
pub struct Targets {
    /// Servers that take any request.
    pub plain: Mutex<Vec<SocketAddr>>,
    /// Servers that say MOVED.
    pub cluster: Mutex<Vec<SocketAddr>>,
    /// The password of all, if there is one.
    pub password: Option<String>,
}

/// How a client speaks to the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// To any server.
    Plain,
    /// To the one that was named as the owner.
    Cluster,
}

/// What all clients of a round share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) targets: &'a Targets,
    pub(super) recorder: &'a Mutex<Recorder>,
    pub(super) stop: &'a AtomicBool,
    /// The first reply that no request can get.
    pub(super) wrong: &'a Mutex<Option<String>>,
}

/// Does deeds until it is told to stop.
pub(super) fn work(shared: &Shared<'_>, speech: Speech, random: Rng) {
    let mut client = Client { shared, speech, random, owners: BTreeMap::new(), connections: BTreeMap::new() };
    while !shared.stop.load(Ordering::Relaxed) {
        let deed = Deed::draw(&mut shared.recorder(), &mut client.random);
        // Of several objects a cluster-aware client would make several requests.
        if speech == Speech::Plain || deed.calls.len() == 1 {
            client.perform(deed);
        }
        rest(Duration::from_millis(client.random.u64(0..=PAUSE_MS_MAX)));
    }
}

/// Does one deed, again until it was answered or the deadline has passed; whether it was.
pub(super) fn insist(
    shared: &Shared<'_>,
    speech: Speech,
    deed: impl Fn() -> Deed,
    deadline: Deadline,
) -> bool {
    let random = Rng::with_seed(0);
    let mut client = Client { shared, speech, random, owners: BTreeMap::new(), connections: BTreeMap::new() };
    deadline.poll(|| client.perform(deed()).then_some(())).is_some()
}

impl Shared<'_> {
    pub(super) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Client<'a> {
    shared: &'a Shared<'a>,
    speech: Speech,
    random: Rng,
    /// Which server was named for an object.
    owners: BTreeMap<usize, SocketAddr>,
    connections: BTreeMap<SocketAddr, Connection>,
}

impl Client<'_> {
    /// Does one deed; whether it was answered, and not with an error.
    fn perform(&mut self, mut deed: Deed) -> bool {
        for _ in 0..MOVES_MAX {
            let object = deed.calls[0].0;
            let Some(address) = self.address(object) else { return false };
            if !self.connect(address) {
                self.owners.remove(&object);
                return false;
            }
            deed.begin(&mut self.shared.recorder());
            let Some(reply) = self.converse(address, &deed) else {
                self.connections.remove(&address);
                self.owners.remove(&object);
                return false;
            };
            let Some(owner) = moved_to(&reply) else { return self.note(&deed, &reply) };
            // A server that says so has done nothing.
            deed.begun.iter().for_each(|begun| self.shared.recorder().cancel(*begun));
            self.owners.insert(object, owner);
        }
        false
    }

    fn note(&mut self, deed: &Deed, reply: &Node) -> bool {
        if let Err(text) = deed.end(reply, &mut self.shared.recorder()) {
            self.shared.wrong.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        }
        error_of(reply).is_none()
    }

    fn address(&mut self, object: usize) -> Option<SocketAddr> {
        let list = match self.speech {
            Speech::Plain => &self.shared.targets.plain,
            Speech::Cluster => &self.shared.targets.cluster,
        };
        if let Some(owner) = self.owners.get(&object) {
            return Some(*owner);
        }
        let list = list.lock().unwrap_or_else(PoisonError::into_inner);
        (!list.is_empty()).then(|| list[self.random.usize(0..list.len())])
    }

    fn connect(&mut self, address: SocketAddr) -> bool {
        if self.connections.contains_key(&address) {
            return true;
        }
        let Ok(mut connection) = Connection::open_at(address, CONNECT_TIME_MAX) else { return false };
        if let Some(password) = &self.shared.targets.password
            && connection.call(&["AUTH", password]).is_err()
        {
            return false;
        }
        // A plain client stays where it is.
        if self.speech == Speech::Plain {
            self.connections.clear();
        }
        self.connections.insert(address, connection);
        true
    }

    /// The last reply to the deed's requests.
    fn converse(&mut self, address: SocketAddr, deed: &Deed) -> Option<Node> {
        let connection = self.connections.get_mut(&address)?;
        let mut last = None;
        let mut moved = None;
        for request in &deed.requests {
            connection.send(request).ok()?;
        }
        for _ in &deed.requests {
            let reply = connection.read(ANSWER_TIME_MAX).ok()?;
            if moved_to(&reply).is_some() {
                moved = Some(reply.clone());
            }
            last = Some(reply);
        }
        // Inside a transaction the redirection comes first, and then EXEC is refused.
        moved.or(last)
    }
}

/// The address in `-MOVED slot host:port`.
fn moved_to(reply: &Node) -> Option<SocketAddr> {
    let text = error_of(reply)?;
    text.strip_prefix("MOVED ")?.split(' ').nth(1)?.parse().ok()
}

/// Longer than a node lets a request wait for an owner.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(12);
const CONNECT_TIME_MAX: Duration = Duration::from_millis(500);

/// The longest that a client rests between two deeds: what one object sees has to be checked.
const PAUSE_MS_MAX: u64 = 6;

/// How often a client follows a redirection for one request.
const MOVES_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirection_names_an_address() {
        let line = |text: &str| Node::Line(b'-', text.into());
        assert_eq!(moved_to(&line("MOVED 17 10.77.0.2:6380")), "10.77.0.2:6380".parse().ok());
        assert_eq!(moved_to(&line("ERR no")), None);
        assert_eq!(moved_to(&Node::Line(b'+', b"OK".to_vec())), None);
    }
}
