//! An axum server whose routes are answered from a cache. It shows how the layer is laid around a router;
//! `engine_in_axum` shows policies.
//!
//! ```text
//! cargo run -p larder-client --example axum -- 127.0.0.1:8080 127.0.0.1:6379
//! curl -i http://127.0.0.1:8080/orders/1
//! ```

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use larder_client::Cache;
use larder_client::http::{ResponseCacheLayer, Responses};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let listen = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let nodes = args.next().unwrap_or_else(|| "127.0.0.1:6379".to_owned());

    let cache = Cache::builder("local").internal(nodes).build()?;
    let responses = Responses::builder(cache)
        .conditional(true)
        .head(true)
        .stale_if_error(Duration::from_secs(300))
        .debug_headers(true)
        .build();
    let layer = ResponseCacheLayer::builder(&responses, "orders", 60)
        .vary_by_header("accept")
        .vary_by_query_parameter("page;size")
        .build()?;
    let router = Router::new().route("/orders/{id}", get(order)).layer(layer);

    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

/// What is worth keeping: it takes its time.
async fn order(Path(id): Path<u32>) -> String {
    tokio::time::sleep(Duration::from_millis(300)).await;
    format!("order {id}\n")
}
