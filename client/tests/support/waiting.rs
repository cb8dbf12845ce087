//! Waiting for what must happen, with a deadline.

use std::net::TcpListener;
use std::time::Duration;

use larder_client::{Cache, CacheBuilder, CachingType, StoreUsed};

/// How long anything that must happen may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

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
