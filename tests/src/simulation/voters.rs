//! Raft alone, on disks that forget and networks that break: what was agreed upon stays, in one order, at every node. Who owns
//! what is left to the whole cluster's simulation.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use larder_node::cluster::identity::{Identity, StateDir};
use larder_node::cluster::raft::{Machine, Node, NodeParts, RaftSettings};
use larder_node::cluster::rpc::{self, Handler, Handling, PeerParts, Peers};
use larder_node::link::{self, Introduction, Purpose, Secret};
use larder_node::net::Network;
use larder_proto::record::{self, RecordError};
use larder_proto::topology::{ClusterId, Incarnation, NodeId};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::cluster::{Cluster, Place, Program};
use super::driver::run;
use super::faults::{Kind, Plan, torment};
use super::panics;

/// Values in the order in which they were agreed upon.
#[derive(Clone, Debug, Default)]
struct Journal(Vec<u64>);

impl Machine for Journal {
    type Change = u64;
    type Answer = u64;

    fn apply(&mut self, _index: u64, value: u64) -> u64 {
        self.0.push(value);
        self.0.len() as u64
    }

    fn snapshot(&self) -> Vec<u8> {
        record::encode(&self.0).unwrap_or_default()
    }

    fn restore(bytes: &[u8]) -> Result<Self, RecordError> {
        record::decode(bytes).map(Self)
    }
}

/// Runs one seed.
///
/// # Errors
/// What went wrong, in words.
pub fn simulate_voters(seed: u64) -> Result<(u64, u64), String> {
    panics::remember();
    let mut random = Rng::with_seed(seed);
    let outcome = run(seed, |orders| async move {
        let nodes = 2 * random.usize(1..=2) + 1;
        let known = Rc::new(Known::new(nodes));
        let program = Rc::new(Voters { known: Rc::clone(&known), nodes });
        let cluster = Rc::new(Cluster::new(orders.clone(), program, nodes, random.fork()));
        for node in 0..nodes {
            let identity = Identity { cluster: CLUSTER, node: NodeId(node as u64 + 1) };
            StateDir::Memory(cluster.disk(node)).keep(&identity).map_err(|error| error.to_string())?;
            cluster.start(node);
        }
        cluster.wait_until_healed().await?;
        let mut plan = Plan::draw(&mut random);
        // Without its log a voter is another node, which only the whole cluster can admit.
        plan.kinds.retain(|kind| *kind != Kind::Wipe);
        plan.kinds.push(Kind::PowerOff);
        torment(Rc::clone(&cluster), plan, random.fork()).await?;
        let before = known.acknowledged.borrow().len();
        cluster.wait_until_healed().await.map_err(|fault| format!("{fault}\n{}", cluster.log()))?;
        known.check().map_err(|fault| format!("{fault}\n{}", cluster.log()))?;
        if before == 0 {
            return Err("nothing was agreed upon while things went wrong".to_owned());
        }
        Ok(orders.wires.trace())
    });
    panics::first().map_or(outcome, Err)
}

/// What is known from outside.
struct Known {
    nodes: RefCell<Vec<Option<Node<Journal>>>>,
    /// Values whose proposer was told their place in the journal.
    acknowledged: RefCell<Vec<(u64, u64)>>,
    /// The longest journal that any node had.
    journal: RefCell<Vec<u64>>,
    fault: RefCell<Option<String>>,
    last_value: RefCell<u64>,
}

impl Known {
    fn new(nodes: usize) -> Self {
        Self {
            nodes: RefCell::new((0..nodes).map(|_| None).collect()),
            acknowledged: RefCell::default(),
            journal: RefCell::default(),
            fault: RefCell::default(),
            last_value: RefCell::default(),
        }
    }

    fn fresh_value(&self) -> u64 {
        let mut last = self.last_value.borrow_mut();
        *last += 1;
        *last
    }

    /// A node has this journal: it and the longest that is known must begin alike.
    fn compare(&self, node: usize, journal: &[u64]) {
        let mut longest = self.journal.borrow_mut();
        let common = longest.len().min(journal.len());
        if longest[..common] != journal[..common] {
            let text = format!("node {node} applied another journal: {journal:?}, not {longest:?}");
            self.fault.borrow_mut().get_or_insert(text);
        }
        if journal.len() > common {
            *longest = journal.to_vec();
        }
    }

    fn check(&self) -> Result<(), String> {
        if let Some(fault) = self.fault.borrow().clone() {
            return Err(fault);
        }
        let journal = self.journal.borrow();
        let mut seen = BTreeSet::new();
        if let Some(twice) = journal.iter().find(|value| !seen.insert(**value)) {
            return Err(format!("{twice} was applied twice"));
        }
        for (value, length) in self.acknowledged.borrow().iter() {
            if journal.get(*length as usize - 1) != Some(value) {
                return Err(format!("{value} was acknowledged at {length}, and is not there"));
            }
        }
        Ok(())
    }
}

struct Voters {
    known: Rc<Known>,
    nodes: usize,
}

impl Program for Voters {
    fn boot(&self, place: Place) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(voter(place, self.nodes, Rc::clone(&self.known)))
    }

    fn killed(&self, node: usize) {
        self.known.nodes.borrow_mut()[node] = None;
    }

    fn health(&self) -> Result<(), String> {
        let nodes = self.known.nodes.borrow();
        let wanted = self.known.acknowledged.borrow().len() as u64;
        for (number, node) in nodes.iter().enumerate() {
            let Some(node) = node else { return Err(format!("node {number} is down")) };
            if node.leader().is_none() || node.status().voters.len() != self.nodes {
                return Err(format!("node {number}: {:?}", node.status()));
            }
            let has = node.state().0.len() as u64;
            if has < wanted {
                return Err(format!("node {number} has {has} of {wanted}"));
            }
        }
        Ok(())
    }
}

async fn voter(place: Place, nodes: usize, known: Rc<Known>) {
    let own = NodeId(place.number as u64 + 1);
    let secret = Arc::new(Secret::new("a secret of voters"));
    let introduction = introduction(own, place.seed);
    let network: Arc<dyn Network> = Arc::new(place.network.clone());
    let peers = Peers::new(PeerParts {
        network: Arc::clone(&network),
        secret: Arc::clone(&secret),
        own: Rc::new({
            let introduction = introduction.clone();
            move || introduction.clone()
        }),
        random: RefCell::new(Rng::with_seed(place.seed)),
    });
    for other in 0..nodes {
        peers.learn(NodeId(other as u64 + 1), &format!("10.0.0.{}", other + 1), PORT);
    }
    let parts = NodeParts {
        node: own,
        place: StateDir::Memory(place.disk.clone()),
        peers,
        initial: Journal::default(),
        settings: RaftSettings { snapshot_entries: 50, kept_entries: 10, ..RaftSettings::default() },
    };
    // A disk that tore what it should not have is told here.
    let node = Node::start(parts).await.expect("a log that can be read");
    known.nodes.borrow_mut()[place.number] = Some(node.clone());
    spawn_local(listen(place.clone(), network, secret, introduction, node.clone()));
    if place.number == 0 && !node.is_initialized().await.unwrap_or(true) {
        found(&node, nodes).await;
    }
    propose_forever(&node, &place, &known).await;
}

/// Node 1 is the first member, and makes voters of the others.
async fn found(node: &Node<Journal>, nodes: usize) {
    node.initialize("10.0.0.1", PORT).await.expect("an empty log");
    for other in 2..=nodes as u64 {
        while node.add_learner(NodeId(other), &format!("10.0.0.{other}"), PORT).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let voters: BTreeSet<NodeId> = (1..=nodes as u64).map(NodeId).collect();
    while node.change_voters(&voters).await.is_err() {
        sleep(Duration::from_millis(20)).await;
    }
}

async fn propose_forever(node: &Node<Journal>, place: &Place, known: &Known) {
    let mut random = Rng::with_seed(place.seed ^ 1);
    loop {
        sleep(Duration::from_millis(random.u64(1..50))).await;
        let journal = Arc::clone(&node.state());
        known.compare(place.number, &journal.0);
        if random.bool() {
            let value = known.fresh_value();
            if let Ok(Ok(proposed)) = timeout(Duration::from_secs(1), node.propose(&value)).await {
                // What is acknowledged last would not be noted otherwise.
                known.compare(place.number, &node.state().0);
                known.acknowledged.borrow_mut().push((value, proposed.answer));
            }
        } else {
            let before = known.acknowledged.borrow().iter().map(|(_, length)| *length).max().unwrap_or(0);
            let confirmed = timeout(Duration::from_secs(1), node.confirm_leadership()).await;
            let has = node.state().0.len() as u64;
            if matches!(confirmed, Ok(Ok(_))) && has < before {
                let text =
                    format!("node {} leads with {has} of {before} that were acknowledged", place.number);
                known.fault.borrow_mut().get_or_insert(text);
            }
        }
    }
}

async fn listen(
    place: Place,
    network: Arc<dyn Network>,
    secret: Arc<Secret>,
    own: Introduction,
    node: Node<Journal>,
) {
    let listener = network.listen(SocketAddr::new(place.host, PORT)).expect("a free port");
    let mut random = Rng::with_seed(place.seed ^ 2);
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (secret, own, node, mut random) = (Arc::clone(&secret), own.clone(), node.clone(), random.fork());
        spawn_local(async move {
            let answered = link::answer(stream, &secret, |_| own.clone(), &mut random).await;
            if let Ok((link, from)) = answered {
                rpc::serve(link, from, Rc::new(Answers(node))).await;
            }
        });
    }
}

struct Answers(Node<Journal>);

impl Handler for Answers {
    fn handle(&self, _from: &Rc<Introduction>, kind: u8, body: Vec<u8>) -> Handling {
        let node = self.0.clone();
        Box::pin(async move { node.handle(kind, &body).await })
    }
}

fn introduction(node: NodeId, seed: u64) -> Introduction {
    Introduction {
        versions: link::VERSIONS,
        region: "test".to_owned(),
        cluster: Some(CLUSTER),
        node: Some(node),
        incarnation: Incarnation(seed),
        purpose: Purpose::Control,
    }
}

const CLUSTER: ClusterId = ClusterId(7);
const PORT: u16 = 6381;
