//! Waiting for what must happen, with a deadline.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use larder_client::{Cache, CacheBuilder, CachingType, StoreUsed};

/// How long anything that must happen may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A port that nobody listens on. It lies below those that the system gives to outgoing connections, so that none of
/// them takes it meanwhile, and a test process hands out each of its ports once.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let free = (0..PORTS).find_map(|_| {
        let number =
            NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(PORT_SPREAD));
        let port = PORT_MIN + (number % PORTS) as u16;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    });
    free.expect("a free port")
}

const PORT_MIN: u16 = 30_000;
/// Up to port 32,699.
const PORTS: u32 = 2_700;
/// Ports between the first ones that neighbouring process ids look at.
const PORT_SPREAD: u32 = 61;

/// A cache whose connections are there.
pub(crate) async fn connected(builder: CacheBuilder) -> Cache {
    let cache = builder.build().unwrap();
    for caching_type in CachingType::ALL {
        let configured = cache.report().store_for(caching_type) != StoreUsed::None;
        assert_eq!(cache.connected(caching_type, DEADLINE).await, configured, "{caching_type}");
    }
    cache
}

/// Asks until it is so; fails after the deadline.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, asking).await.is_ok(), "in {DEADLINE:?} it never was so: {what}");
}
