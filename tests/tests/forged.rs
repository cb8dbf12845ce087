//! Somebody who knows the cluster's secret and talks nonsense on the port for other nodes: wrong lengths, unknown kinds,
//! huge counts, bytes at random, for every purpose. Such a connection ends; the node goes on, and takes no memory for it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fastrand::Rng;
use larder_node::link::{Introduction, Link, LinkError, Purpose, Secret, VERSIONS, call};
use larder_node::net::{Network, TcpNetwork};
use larder_proto::topology::{ClusterId, Incarnation, NodeId};
use larder_tests::clock::Deadline;
use larder_tests::cluster_process::Cluster;
use larder_tests::wire::Connection;
use tokio::time::timeout;

#[test]
fn nonsense_with_the_right_secret_ends_its_connection_and_nothing_else() {
    let cluster = Cluster::start(3, &[]);
    let mut user = cluster.connect(0);
    assert_eq!(user.call(&["SET", "kept", "1"]).unwrap().text(), "OK");
    let before = resident_bytes(&mut user);
    let (epoch, lost) = (cluster.status(0).unwrap().epoch, cluster.status(0).unwrap().partitions.lost);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut forger = Forger { cluster: None, port: cluster.port(0) + 2, random: Rng::with_seed(SEED) };
        forger.cluster = forger.open(Purpose::Control).await.unwrap().1.cluster;
        for _ in 0..ROUNDS {
            for purpose in [Purpose::Control, Purpose::Requests, Purpose::Stream] {
                forger.annoy(purpose).await;
            }
        }
    });
    assert_eq!(user.call(&["GET", "kept"]).unwrap().text(), "1");
    // What was taken for a moment is given back.
    let calm = Deadline::after(SOON).poll(|| (resident_bytes(&mut user) < before + GROWTH_MAX).then_some(()));
    assert!(calm.is_some(), "{before} bytes before, {} after", resident_bytes(&mut user));
    cluster.healthy_within(SOON).unwrap();
    let status = cluster.status(0).unwrap();
    assert_eq!((status.epoch, status.partitions.lost), (epoch, lost), "nothing has changed");
    let printed = cluster.outputs();
    assert!(!printed.contains("panicked"), "{printed}");
}

struct Forger {
    cluster: Option<ClusterId>,
    port: u16,
    random: Rng,
}

impl Forger {
    /// A connection that has begun as it should.
    async fn open(&mut self, purpose: Purpose) -> Result<(Link, Introduction), LinkError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let own = Introduction {
            versions: VERSIONS,
            region: "local".to_owned(),
            cluster: self.cluster,
            // Nobody has this number.
            node: Some(NodeId(1 << 40)),
            incarnation: Incarnation(self.random.u64(1..)),
            purpose,
        };
        let stream = TcpNetwork.connect(address).await?;
        call(stream, &Secret::new(""), &own, None, &mut self.random).await
    }

    /// Sends some nonsense, and waits a moment for what comes of it.
    async fn annoy(&mut self, purpose: Purpose) {
        let (link, _) = self.open(purpose).await.unwrap_or_else(|error| panic!("{purpose:?}: {error}"));
        let (mut reader, mut writer) = link.split();
        let nonsense = self.nonsense();
        writer.queue_bytes(|to| to.extend_from_slice(&nonsense));
        // It may have been closed before it took all of it.
        let _ = timeout(PATIENCE, writer.flush()).await;
        let _ = timeout(PATIENCE, async { while reader.frame().await.is_ok() {} }).await;
    }

    fn nonsense(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..self.random.usize(1..6) {
            let payload = self.payload();
            let length = match self.random.u8(0..10) {
                0 => 0,
                1 => u32::MAX,
                2 => u32::MAX >> self.random.u32(1..12),
                3 => payload.len() as u32,
                _ => payload.len() as u32 + 1,
            };
            bytes.extend_from_slice(&length.to_le_bytes());
            let kinds = if self.random.bool() { 40 } else { 255 };
            bytes.push(self.random.u8(0..kinds));
            bytes.extend_from_slice(&payload);
        }
        bytes
    }

    fn payload(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        // Fields of a message: numbers that are as great as they can be, and lengths that lie.
        let mut field = |to: &mut Vec<u8>| {
            let number = random.u8(1..14);
            match random.u8(0..5) {
                0 => to.extend([number << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
                1 => to.extend([number << 3, random.u8(0..128)]),
                2 => to.extend([number << 3 | 2, 0xff, 0xff, 0xff, 0x7f]),
                3 => {
                    let text = b"*2147483647\r\n$2147483647\r\n";
                    to.extend([number << 3 | 2, text.len() as u8]);
                    to.extend_from_slice(text);
                }
                _ => {
                    let length = random.u8(0..100);
                    to.extend([number << 3 | 2, length]);
                    to.extend(std::iter::repeat_with(|| random.u8(..)).take(length.into()));
                }
            }
        };
        let mut payload = Vec::new();
        (0..8).for_each(|_| field(&mut payload));
        if random.bool() {
            payload.truncate(random.usize(..payload.len()));
        }
        payload
    }
}

fn resident_bytes(user: &mut Connection) -> u64 {
    let text = user.call(&["INFO", "memory"]).expect("a reply to INFO").text();
    let line = text.lines().find_map(|line| line.strip_prefix("used_memory_rss:"));
    line.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

const SEED: u64 = 5;
const ROUNDS: usize = 60;
const PATIENCE: Duration = Duration::from_millis(30);
const SOON: Duration = Duration::from_secs(20);
const GROWTH_MAX: u64 = 32 << 20;
