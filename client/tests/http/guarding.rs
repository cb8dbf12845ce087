//! The backend's protection: a limit of misses that are there at once, and entries past their freshness that
//! stand in when it fails.

use std::time::Duration;

use http::StatusCode;
use larder_client::http::{
    KeyScope, Looked, LookupRules, OriginLimit, Pending, ResponseEvent, StoreRules, WhenFull,
};

use crate::bed::{Bed, How, answer, get, minute, ok, text};

async fn looked(bed: &Bed, scope: &KeyScope, path: &str) -> Looked {
    bed.responses.lookup(&mut get(path), &LookupRules::default(), scope).await
}

async fn pending(bed: &Bed, path: &str) -> Pending {
    match looked(bed, &KeyScope::new("api"), path).await {
        Looked::Miss(pending) => pending,
        looked => panic!("{looked:?}"),
    }
}

fn limit(parallel: usize, wait: Duration, when_full: WhenFull) -> OriginLimit {
    OriginLimit { parallel, wait, when_full }
}

#[tokio::test]
async fn more_misses_than_allowed_are_refused_with_retry_after() {
    let soon = limit(2, Duration::from_millis(20), WhenFull::Refuse);
    let bed = Bed::with(|builder| builder.origin_limit(soon)).await;
    let (first, _second) = (pending(&bed, "/1").await, pending(&bed, "/2").await);
    let Looked::Refused(response) = looked(&bed, &KeyScope::new("api"), "/3").await else { panic!() };
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers["retry-after"], "1");
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Refused), 1);
    assert!(
        matches!(looked(&bed, &KeyScope::new("other"), "/3").await, Looked::Miss(_)),
        "a route of its own"
    );
    let operation = KeyScope { operation: "op".into(), ..KeyScope::new("api") };
    assert!(matches!(looked(&bed, &operation, "/3").await, Looked::Miss(_)), "so is an operation");
    let _ = bed.responses.store(first, minute(), ok("1"));
    let _third = pending(&bed, "/3").await;
    assert!(matches!(looked(&bed, &KeyScope::new("api"), "/1").await, Looked::Hit(_)), "hits are free");
}

#[tokio::test]
async fn a_miss_waits_for_its_turn() {
    let bed = Bed::with(|builder| builder.origin_limit(limit(1, crate::bed::BUDGET, WhenFull::Refuse))).await;
    let first = pending(&bed, "/1").await;
    let responses = bed.responses.clone();
    let second = async { looked(&bed, &KeyScope::new("api"), "/2").await };
    let end = async {
        tokio::task::yield_now().await;
        responses.pass(first, ok("1"))
    };
    let (second, _) = tokio::join!(second, end);
    assert!(matches!(second, Looked::Miss(_)));
}

#[tokio::test]
async fn a_miss_goes_on_if_the_limit_says_so() {
    let bed = Bed::with(|builder| builder.origin_limit(limit(1, Duration::ZERO, WhenFull::GoOn))).await;
    let _first = pending(&bed, "/1").await;
    let _second = pending(&bed, "/2").await;
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Refused), 0);
}

/// A gateway with an entry that is past its freshness.
async fn stale(
    set: impl FnOnce(larder_client::http::ResponsesBuilder) -> larder_client::http::ResponsesBuilder,
) -> Bed {
    let bed = Bed::with(|builder| set(builder.stale_if_error(Duration::from_secs(30)))).await;
    assert_eq!(bed.get("/a", &LookupRules::default(), "old").await, How::Miss);
    bed.clock.forward(Duration::from_secs(70));
    bed
}

#[tokio::test]
async fn a_stale_entry_stands_in_for_a_failing_backend() {
    let bed = stale(|builder| builder).await;
    let traced = KeyScope { is_traced: true, ..KeyScope::new("api") };
    for status in [500, 502, 503, 504] {
        let backend = answer(StatusCode::from_u16(status).unwrap(), "failed", &[]);
        let (how, response) =
            bed.call_as(&traced, &mut get("/a"), &LookupRules::default(), (minute(), backend)).await;
        assert_eq!(
            (how, response.status, &response.headers["age"]),
            (How::Miss, StatusCode::OK, &"70".parse().unwrap())
        );
        assert_eq!(response.headers["x-larder-cache"], "stale; store=internal; reason=backend-failed");
        assert_eq!(text(response).await, "old");
    }
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Stale), 4);
    let Looked::Miss(pending) = looked(&bed, &KeyScope::new("api"), "/a").await else { panic!() };
    assert!(pending.has_stand_in());
    let response = bed.responses.stand_in(pending).unwrap();
    assert_eq!(text(response).await, "old", "the backend could not be reached");
}

#[tokio::test]
async fn a_stale_entry_does_not_stand_in_for_an_answer() {
    let bed = stale(|builder| builder).await;
    for (status, expected) in [(404, "none"), (501, "none"), (200, "new")] {
        let backend = answer(StatusCode::from_u16(status).unwrap(), expected, &[]);
        let (how, response) = bed.call(&mut get("/a"), &LookupRules::default(), minute(), backend).await;
        assert_eq!((how, response.status.as_u16()), (How::Miss, status));
        assert_eq!(text(response).await, expected);
    }
    assert_eq!(bed.get("/a", &LookupRules::default(), "x").await, How::Hit, "the new one");
}

#[tokio::test]
async fn a_stale_entry_does_not_stand_in_for_ever() {
    let bed = stale(|builder| builder).await;
    bed.clock.forward(Duration::from_secs(20));
    let pending = pending(&bed, "/a").await;
    assert!(!pending.has_stand_in(), "90 seconds are over");
    assert!(bed.responses.stand_in(pending).is_err());
}

#[tokio::test]
async fn a_stale_entry_stands_in_for_a_backend_that_is_full() {
    let bed = stale(|builder| builder.origin_limit(limit(1, Duration::ZERO, WhenFull::Refuse))).await;
    let _at_the_backend = pending(&bed, "/b").await;
    let Looked::Hit(response) = looked(&bed, &KeyScope::new("api"), "/a").await else { panic!() };
    assert_eq!(text(response).await, "old");
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Stale), 1);
}

#[tokio::test]
async fn without_the_option_nothing_stands_in() {
    let bed = Bed::new().await;
    bed.call(&mut get("/a"), &LookupRules::default(), StoreRules::seconds(1), ok("old")).await;
    crate::support::eventually("the entry goes", async || bed.redis.keys() == 0).await;
    let backend = answer(StatusCode::BAD_GATEWAY, "failed", &[]);
    let (_, response) = bed.call(&mut get("/a"), &LookupRules::default(), minute(), backend).await;
    assert_eq!(response.status, StatusCode::BAD_GATEWAY);
}
