//! A Redis Cluster of the test's own: three primaries, each with a replica.

use super::{RedisServer, eventually, free_port};

/// Six servers; the first three are the primaries at the start, replica `n + 3` is that of primary `n`.
pub(crate) struct RedisCluster {
    pub(crate) servers: Vec<RedisServer>,
    bus_ports: Vec<u16>,
}

impl RedisCluster {
    /// A cluster that has formed. Slots whose owner is down do not stop the others.
    pub(crate) async fn start() -> Self {
        let (mut servers, mut bus_ports) = (Vec::new(), Vec::new());
        for _ in 0..6 {
            let bus = free_port();
            let args = ["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()].map(str::to_owned);
            let more = ["--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no"];
            // A replica is listed once it has heard from its primary.
            let files = [
                "--cluster-config-file",
                "DIR/nodes.conf",
                "--repl-diskless-sync-delay",
                "0",
                "--repl-ping-replica-period",
                "1",
            ];
            let args: Vec<&str> = args.iter().map(String::as_str).chain(more).chain(files).collect();
            servers.push(RedisServer::start_with(&args).await);
            bus_ports.push(bus);
        }
        let cluster = Self { servers, bus_ports };
        cluster.form().await;
        cluster
    }

    /// `HOST:PORT` of a server.
    pub(crate) fn address(&self, server: usize) -> String {
        self.servers[server].address()
    }

    /// A key that primary `n` owned at the start.
    pub(crate) fn key_of(&self, primary: usize) -> String {
        let number = (0..10_000).find(|number| {
            let slot: u16 = redis::from_redis_value(self.servers[0].ask(&[
                "CLUSTER",
                "KEYSLOT",
                &format!("key-{number}"),
            ]))
            .unwrap();
            SLOTS[primary].0 <= slot && slot <= SLOTS[primary].1
        });
        format!("key-{}", number.unwrap())
    }

    pub(crate) fn id(&self, server: usize) -> String {
        redis::from_redis_value(self.servers[server].ask(&["CLUSTER", "MYID"])).unwrap()
    }

    /// Whether a server calls itself a primary.
    pub(crate) fn is_primary(&self, server: usize) -> bool {
        let info: String =
            redis::from_redis_value(self.servers[server].ask(&["INFO", "replication"])).unwrap();
        info.contains("role:master")
    }

    async fn form(&self) {
        for (place, server) in self.servers.iter().enumerate() {
            server.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(place + 1).to_string()]);
            if let Some((first, last)) = SLOTS.get(place) {
                server.ask(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            }
        }
        for (place, server) in self.servers.iter().enumerate() {
            let (port, bus) = (server.port.to_string(), self.bus_ports[place].to_string());
            // Each meets each: word of mouth takes its time.
            for other in self.servers.iter().filter(|other| other.port != server.port) {
                other.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
            }
        }
        let info = |server: &RedisServer, wanted: &str| {
            let info: String = redis::from_redis_value(server.ask(&["CLUSTER", "INFO"])).unwrap();
            info.contains(wanted)
        };
        let ids: Vec<String> = (0..6).map(|server| self.id(server)).collect();
        eventually("all nodes know each other", async || {
            self.servers.iter().all(|server| {
                let nodes: String = redis::from_redis_value(server.ask(&["CLUSTER", "NODES"])).unwrap();
                ids.iter().all(|id| nodes.contains(id)) && !nodes.contains("handshake")
            })
        })
        .await;
        for replica in 3..6 {
            self.servers[replica].ask(&["CLUSTER", "REPLICATE", &ids[replica - 3]]);
        }
        eventually("the cluster is whole", async || {
            self.servers.iter().all(|server| {
                let slots: Vec<Vec<redis::Value>> =
                    redis::from_redis_value(server.ask(&["CLUSTER", "SLOTS"])).unwrap();
                // First and last slot, owner, replica.
                info(server, "cluster_state:ok") && slots.len() == 3 && slots.iter().all(|row| row.len() == 4)
            })
        })
        .await;
        eventually("replicas are in step", async || {
            self.servers[3..].iter().all(|server| {
                let info: String = redis::from_redis_value(server.ask(&["INFO", "replication"])).unwrap();
                info.contains("master_link_status:up")
            })
        })
        .await;
    }
}

const SLOTS: [(u16, u16); 3] = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)];
