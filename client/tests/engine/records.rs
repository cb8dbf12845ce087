//! What is told of a request: the columns for the log, the trace, the debug headers, and what is kept
//! out of them.

use crate::gateway::{Backend, Gateway, get};

const VALUES: &str = "<policies><inbound><cache-lookup-value key=\"k3y-42\" variable-name=\"v\" /><set-variable \
                      name=\"x\" value=\"s3cr3t\" /><cache-store-value key=\"k3y-42\" value=\"s3cr3t\" \
                      duration=\"60\" /></inbound></policies>";

#[tokio::test]
async fn table_3_columns_of_the_log() {
    let gateway = Gateway::start().await;
    for expected in ["miss", "hit"] {
        let ran = gateway.get(VALUES).await;
        assert_eq!(ran.cache(), expected);
        assert!(!ran.answer.record.cache_time.is_zero());
        assert!(ran.answer.record.cache_time < std::time::Duration::from_secs(4));
    }
    let ran = gateway.get("<policies />").await;
    assert_eq!((ran.cache(), ran.answer.record.cache_time.is_zero()), ("none", true));
}

#[tokio::test]
async fn keys_are_told_of_traced_requests_only_and_values_never() {
    let gateway = Gateway::start().await;
    let ran = gateway.get(VALUES).await;
    let all = format!("{:?}", ran.answer.record);
    assert!(!all.contains("k3y-42") && !all.contains("s3cr3t"), "{all}");
    let mut context = get("/");
    context.is_traced = true;
    let ran = gateway.run(VALUES, context).await;
    let lines: Vec<String> = ran.answer.record.events.iter().map(ToString::to_string).collect();
    assert!(
        lines[0].starts_with("inbound, line 1, column 20, cache-lookup-value: hit, store internal"),
        "{lines:?}"
    );
    assert!(lines[0].ends_with(", key \"k3y-42\""), "{lines:?}");
    assert_eq!(lines[1].split(", ").last(), Some("set-variable: ran"), "every statement is told: {lines:?}");
    assert!(lines[2].contains("cache-store-value: stored, store internal"), "{lines:?}");
    assert!(lines[3].contains("forward-request: the backend answered 200"), "{lines:?}");
    assert!(!lines.concat().contains("s3cr3t"));
}

#[tokio::test]
async fn the_trace_is_bounded() {
    let gateway = Gateway::start().await;
    let mut context = get("/");
    context.is_traced = true;
    let text = format!(
        "<policies><inbound>{}</inbound></policies>",
        "<set-variable name=\"x\" value=\"1\" />".repeat(1001)
    );
    let record = gateway.run(&text, context).await.answer.record;
    assert_eq!((record.events.len(), record.is_cut), (1000, true));
}

#[tokio::test]
async fn debug_headers_are_there_where_they_are_on() {
    let gateway =
        Gateway::with(Backend::counting(), |cache| cache, |engine| engine.debug_headers(true)).await;
    let ran = gateway.get(VALUES).await;
    assert_eq!(ran.header("X-Larder-Cache-Use").as_deref(), Some("miss"));
    assert!(ran.header("X-Larder-Cache-Time").unwrap().parse::<u64>().is_ok());
    let gateway = Gateway::start().await;
    assert_eq!(gateway.get(VALUES).await.header("X-Larder-Cache-Use"), None);
}

#[tokio::test]
async fn requests_and_failures_are_counted() {
    let gateway = Gateway::start().await;
    gateway.get("<policies />").await;
    gateway.inbound("<set-header name=\"@((string)null)\" />").await;
    let metrics = gateway.engine.metrics();
    assert_eq!((metrics.requests(), metrics.failures("ExpressionValueEvaluationFailure")), (2, 1));
    assert!(metrics.to_string().contains("larder_engine_requests_total{status=\"5xx\"} 1\n"));
}
