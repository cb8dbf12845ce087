//! Which node owns which slot, as `CLUSTER SLOTS` tells it. Connections are the group's.

use std::net::Ipv6Addr;

use larder_proto::slot::Slot;
use redis::Value;

use crate::external::Endpoint;
use crate::limits;

/// Runs of slots with their owner, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlotMap<Node> {
    runs: Vec<Run<Node>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Run<Node> {
    first: u16,
    last: u16,
    owner: Node,
    replicas: Vec<Node>,
}

impl<Node> SlotMap<Node> {
    /// The owner of a slot, if the cluster named one.
    pub(super) fn owner(&self, slot: Slot) -> Option<&Node> {
        self.run(slot).map(|run| &run.owner)
    }

    /// The replicas of a slot's owner.
    pub(super) fn replicas(&self, slot: Slot) -> &[Node] {
        self.run(slot).map_or(&[], |run| &run.replicas)
    }

    fn run(&self, slot: Slot) -> Option<&Run<Node>> {
        let place = self.runs.partition_point(|run| run.last < slot.number());
        self.runs.get(place).filter(|run| run.first <= slot.number())
    }

    /// Every owner, as often as it has runs.
    pub(super) fn owners(&self) -> impl Iterator<Item = &Node> {
        self.runs.iter().map(|run| &run.owner)
    }

    /// Every replica, as often as its owner has runs.
    pub(super) fn all_replicas(&self) -> impl Iterator<Item = &Node> {
        self.runs.iter().flat_map(|run| &run.replicas)
    }

    /// The same map without replicas.
    pub(super) fn without_replicas(mut self) -> Self {
        self.runs.iter_mut().for_each(|run| run.replicas.clear());
        self
    }

    /// The same map with other nodes.
    pub(super) fn map<Other>(self, mut change: impl FnMut(Node) -> Option<Other>) -> SlotMap<Other> {
        let runs = self.runs.into_iter().filter_map(|run| {
            let owner = change(run.owner)?;
            let replicas = run.replicas.into_iter().filter_map(&mut change).collect();
            Some(Run { first: run.first, last: run.last, owner, replicas })
        });
        SlotMap { runs: runs.collect() }
    }
}

impl SlotMap<Endpoint> {
    /// Reads an answer to `CLUSTER SLOTS`; none if it is none, or names nobody. `asked` is the host that
    /// was asked: a node that does not know its own leaves it out.
    pub(super) fn read(answer: Value, asked: Option<&str>) -> Option<Self> {
        let Value::Array(rows) = answer else { return None };
        let mut runs = Vec::with_capacity(rows.len().min(limits::CLUSTER_RUNS_MAX));
        for row in rows.into_iter().take(limits::CLUSTER_RUNS_MAX) {
            let Value::Array(fields) = row else { return None };
            let mut fields = fields.into_iter();
            let (first, last) = (number(fields.next()?)?, number(fields.next()?)?);
            let owner = node(fields.next()?, asked)?;
            let replicas = fields.take(limits::CLUSTER_REPLICAS_MAX).filter_map(|field| node(field, asked));
            runs.push(Run { first, last, owner, replicas: replicas.collect() });
        }
        runs.sort_by_key(|run| run.first);
        (!runs.is_empty()).then_some(Self { runs })
    }
}

/// Reads host and port of a node.
fn node(field: Value, asked: Option<&str>) -> Option<Endpoint> {
    let Value::Array(fields) = field else { return None };
    let mut fields = fields.into_iter();
    let host: Option<String> = redis::from_redis_value(fields.next()?).ok()?;
    let port = Some(number(fields.next()?)?);
    let host = host.filter(|host| !host.is_empty() && host != "?");
    Some(Endpoint::Tcp { host: host.or_else(|| asked.map(str::to_owned))?, port })
}

/// A number that fits; the library would cut it to size.
fn number(value: Value) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(number).ok(),
        _ => None,
    }
}

/// Reads what follows MOVED or ASK: `SLOT HOST:PORT`, without a host for the one that was asked.
pub(super) fn read_redirect(detail: &str, asked: Option<&str>) -> Option<Endpoint> {
    let (_slot, address) = detail.trim().split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    let port = Some(port.parse().ok().filter(|port| *port != 0)?);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_known = |host: &str| !host.contains(':') || host.parse::<Ipv6Addr>().is_ok();
    match host {
        "" | "?" => asked.map(|host| Endpoint::Tcp { host: host.to_owned(), port }),
        host => is_known(host).then(|| Endpoint::Tcp { host: host.to_owned(), port }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { host: host.to_owned(), port: Some(port) }
    }

    fn row(first: i64, last: i64, host: Value, port: i64) -> Value {
        let owner = Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())]);
        let replica = Value::Array(vec![Value::BulkString(b"r".to_vec()), Value::Int(9)]);
        Value::Array(vec![Value::Int(first), Value::Int(last), owner, replica])
    }

    fn host(name: &str) -> Value {
        Value::BulkString(name.as_bytes().to_vec())
    }

    #[test]
    fn slots_find_their_owner_and_gaps_none() {
        let rows = vec![row(200, 16383, host(""), 3), row(0, 99, host("a"), 1), row(100, 150, Value::Nil, 2)];
        let map = SlotMap::read(Value::Array(rows), Some("me")).unwrap();
        for (slot, owner) in [
            (0, Some(node("a", 1))),
            (99, Some(node("a", 1))),
            (100, Some(node("me", 2))),
            (150, Some(node("me", 2))),
            (151, None),
            (199, None),
            (200, Some(node("me", 3))),
            (16383, Some(node("me", 3))),
        ] {
            assert_eq!(map.owner(Slot::new(slot).unwrap()), owner.as_ref(), "{slot}");
        }
        assert_eq!(map.owners().count(), 3);
        assert_eq!(map.replicas(Slot::new(7).unwrap()), [node("r", 9)]);
        assert_eq!(map.replicas(Slot::new(151).unwrap()), []);
        assert_eq!(map.clone().without_replicas().all_replicas().count(), 0);
        let without = map.map(|owner| (owner != node("a", 1)).then_some(1));
        assert_eq!(without.owner(Slot::new(0).unwrap()), None);
        assert_eq!(without.owner(Slot::new(120).unwrap()), Some(&1));
    }

    #[test]
    fn what_is_no_map_is_none() {
        for wrong in [
            Value::Nil,
            Value::Array(Vec::new()),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![Value::Array(vec![Value::Int(0), Value::Int(1)])]),
            Value::Array(vec![row(-1, 5, host("a"), 1)]),
            Value::Array(vec![row(0, 5, host("a"), 70_000)]),
        ] {
            assert_eq!(SlotMap::read(wrong.clone(), Some("me")), None, "{wrong:?}");
        }
        assert_eq!(SlotMap::read(Value::Array(vec![row(0, 5, host(""), 1)]), None), None);
    }

    #[test]
    fn redirects_are_read() {
        assert_eq!(read_redirect("3999 10.0.0.1:6381", None), Some(node("10.0.0.1", 6381)));
        assert_eq!(read_redirect("3999 ::1:6381", None), Some(node("::1", 6381)));
        assert_eq!(read_redirect("3999 node-1.example:6381", None), Some(node("node-1.example", 6381)));
        assert_eq!(read_redirect("3999 :6381", Some("me")), Some(node("me", 6381)));
        for wrong in ["", "3999", "3999 host", "3999 host:0", "3999 :1", "1 a:b:1"] {
            assert_eq!(read_redirect(wrong, None), None, "{wrong}");
        }
    }
}
