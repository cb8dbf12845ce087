//! Who can be called, and where. Addresses change; a node is called by its number, at the address that is known last.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use larder_proto::topology::NodeId;

use super::client::{CallError, Client, PeerParts};

/// All nodes that this one calls. Clones are the same. It belongs to one thread, with tasks of its own: one for each node
/// that has been called, which keeps a connection to it.
#[derive(Clone)]
pub struct Peers(Rc<Inner>);

struct Inner {
    parts: Rc<PeerParts>,
    /// Read by the tasks whenever they connect.
    addresses: Addresses,
    nodes: RefCell<BTreeMap<NodeId, Rc<Client>>>,
}

/// Where nodes were last known to be.
type Addresses = Rc<RefCell<BTreeMap<NodeId, (String, u16)>>>;

impl Peers {
    /// Knows nobody yet.
    #[must_use]
    pub fn new(parts: PeerParts) -> Self {
        Self(Rc::new(Inner {
            parts: Rc::new(parts),
            addresses: Addresses::default(),
            nodes: RefCell::default(),
        }))
    }

    /// A node's newest address: host and the port for nodes. A connection to the old one is kept as long as it works.
    pub fn learn(&self, node: NodeId, host: &str, port: u16) {
        self.0.addresses.borrow_mut().insert(node, (host.to_owned(), port));
    }

    /// An address, if none is known yet: from an older source.
    pub fn learn_if_unknown(&self, node: NodeId, host: &str, port: u16) {
        self.0.addresses.borrow_mut().entry(node).or_insert_with(|| (host.to_owned(), port));
    }

    /// Ends the connection to a node that is no member any more.
    pub fn forget(&self, node: NodeId) {
        self.0.addresses.borrow_mut().remove(&node);
        self.0.nodes.borrow_mut().remove(&node);
    }

    /// Asks a node, and waits for its answer at most so long. The call waits until a connection is there, within that time.
    /// Giving up the future gives up the call.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::is_unsent`] tells whether the node can have seen the request.
    pub async fn call(
        &self,
        node: NodeId,
        kind: u8,
        body: Vec<u8>,
        time_max: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let client = self.client(node);
        client.call(kind, body, time_max).await
    }

    /// Asks whoever answers at an address, on a connection for this question alone.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call_at(
        &self,
        (host, port): (&str, u16),
        kind: u8,
        body: Vec<u8>,
        time_max: Duration,
    ) -> Result<Vec<u8>, CallError> {
        let address = (host.to_owned(), port);
        let client = Client::start(Rc::clone(&self.0.parts), None, move || Some(address.clone()));
        client.call(kind, body, time_max).await
    }

    fn client(&self, node: NodeId) -> Rc<Client> {
        let mut nodes = self.0.nodes.borrow_mut();
        let client = nodes.entry(node).or_insert_with(|| {
            let addresses = Rc::clone(&self.0.addresses);
            let address = move || addresses.borrow().get(&node).cloned();
            Rc::new(Client::start(Rc::clone(&self.0.parts), Some(node), address))
        });
        Rc::clone(client)
    }
}
