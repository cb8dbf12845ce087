//! The survey: asks a Redis Cluster who owns which slot, whenever a call had reason to doubt it.

use std::collections::HashSet;
use std::sync::Arc;

use redis::Value;

use super::group::{Node, Shared};
use super::slot_map::SlotMap;
use crate::external::Endpoint;
use crate::guard::Budget;
use crate::limits;
use crate::link::{CallError, Refusal, Say};

/// **The survey task** writes the map. It hears doubts from calls, asks one node after the other until one
/// answers, and pauses before it listens again, so that a cluster in trouble is not stormed. It ends when
/// the group is dropped.
pub(super) async fn survey(shared: Arc<Shared>) {
    loop {
        shared.outdated.notified().await;
        look(&shared).await;
        tokio::time::sleep(limits::CLUSTER_SURVEY_PAUSE).await;
    }
}

async fn look(shared: &Shared) {
    let owners: Vec<Arc<Node>> = owners(shared);
    for node in owners.iter().map(|node| Some(&**node)).chain([None]) {
        match ask(shared, node).await {
            Told::Map(map) => return publish(shared, map),
            // What answers now is one server.
            Told::NoCluster if node.is_none() => {
                shared.map.store(None);
                return shared.keep(|_| false);
            }
            Told::NoCluster | Told::Nothing => {}
        }
    }
}

enum Told {
    Map(SlotMap<Endpoint>),
    NoCluster,
    Nothing,
}

async fn ask(shared: &Shared, node: Option<&Node>) -> Told {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let link = node.map_or(&shared.seed, |node| &node.link);
    let budget = Budget::start(limits::CLUSTER_SURVEY_BUDGET);
    match link.call(Say::plain(&command), budget).await {
        Ok(value @ Value::Array(_)) => {
            SlotMap::read(value, shared.host(node)).map_or(Told::Nothing, Told::Map)
        }
        Err(CallError::Refused(refusal)) if is_no_cluster(&refusal) => Told::NoCluster,
        _ => Told::Nothing,
    }
}

/// Redis' words; a node that does not know the command, or may not tell, is no reason to forget the cluster.
fn is_no_cluster(refusal: &Refusal) -> bool {
    refusal.detail().is_some_and(|detail| detail.contains("cluster support disabled"))
}

/// Each owner once.
fn owners(shared: &Shared) -> Vec<Arc<Node>> {
    let map = shared.map.load_full();
    let mut seen = HashSet::new();
    let owners = map.iter().flat_map(|map| map.owners());
    owners.filter(|node| seen.insert(node.endpoint.clone())).cloned().collect()
}

fn publish(shared: &Shared, map: SlotMap<Endpoint>) {
    // Those that own nothing any more make room first.
    let map = if shared.settings.login.reads_replicas { map } else { map.without_replicas() };
    let wanted: HashSet<Endpoint> = map.owners().chain(map.all_replicas()).cloned().collect();
    shared.keep(|endpoint| wanted.contains(endpoint));
    let map = map.map(|endpoint| shared.node(&endpoint));
    shared.map.store(Some(Arc::new(map)));
}
