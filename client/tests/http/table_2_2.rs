//! A test for each attribute of `cache-store`.

use std::time::Duration;

use http::StatusCode;
use larder_client::http::{LookupRules, NotStored, ResponseEvent, StoreRules};

use crate::bed::{Bed, How, answer, get, ok};

async fn stored(bed: &Bed, path: &str, rules: StoreRules, status: StatusCode) -> bool {
    let lookup = LookupRules::default();
    let (how, response) = bed.call(&mut get(path), &lookup, rules, answer(status, "1", &[])).await;
    assert_eq!((how, response.status), (How::Miss, status), "{path}");
    bed.call(&mut get(path), &lookup, rules, answer(status, "2", &[])).await.0 == How::Hit
}

#[tokio::test]
async fn table_2_2_duration() {
    let bed = Bed::new().await;
    for (duration, lives) in [
        (60, Some(60)),
        (1, Some(1)),
        (0, None),
        (-1, None),
        (i64::MIN, None),
        (2_147_483_647, Some(2_147_483_647)),
        (2_147_483_648, Some(2_147_483_647)),
        (i64::MAX, Some(2_147_483_647)),
    ] {
        let path = format!("/{duration}");
        let was_stored = stored(&bed, &path, StoreRules::seconds(duration), StatusCode::OK).await;
        assert_eq!(was_stored, lives.is_some(), "{duration}");
        if let Some(lives) = lives {
            let key = format!(
                "@http:default/1;g=0;api=api;host=api.example:80;to=http://api.example:80;path={path}"
            );
            let left: i64 = redis::from_redis_value(bed.redis.ask(&["TTL", &key])).unwrap();
            assert!((lives - 1..=lives).contains(&left), "{duration}: {left}");
        }
    }
    let refused = ResponseEvent::NotStored(NotStored::Duration);
    assert_eq!(bed.responses.metrics().get(refused), 6, "each of three durations twice");
}

#[tokio::test]
async fn table_2_2_cache_response() {
    let bed = Bed::new().await;
    let ok = [StatusCode::OK];
    let others = [
        StatusCode::CREATED,
        StatusCode::NO_CONTENT,
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::NOT_FOUND,
        StatusCode::INTERNAL_SERVER_ERROR,
    ];
    for (cache_response, for_ok, for_others) in
        [(None, true, false), (Some(false), false, false), (Some(true), true, true)]
    {
        for status in ok.into_iter().chain(others) {
            let rules = StoreRules { duration: 60, cache_response };
            let path = format!("/{cache_response:?}/{}", status.as_u16()).replace(['(', ')'], "-");
            let expected = if status == StatusCode::OK { for_ok } else { for_others };
            assert_eq!(stored(&bed, &path, rules, status).await, expected, "{cache_response:?} {status}");
        }
    }
}

#[tokio::test]
async fn table_9_2_false_is_never() {
    let bed = Bed::new().await;
    let rules = StoreRules { duration: 60, cache_response: Some(false) };
    for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
        assert!(!stored(&bed, &format!("/{status}").replace(' ', ""), rules, status).await, "{status}");
    }
    let absent = StoreRules { cache_response: None, ..rules };
    assert!(stored(&bed, "/absent", absent, StatusCode::OK).await);
}

#[tokio::test]
async fn a_part_is_never_stored() {
    let bed = Bed::new().await;
    let rules = StoreRules { duration: 60, cache_response: Some(true) };
    for status in [StatusCode::PARTIAL_CONTENT, StatusCode::NOT_MODIFIED] {
        assert!(!stored(&bed, &format!("/{}", status.as_u16()), rules, status).await, "{status}");
    }
}

#[tokio::test]
async fn table_2_2_duration_and_a_backends_expires_does_not_outlast_the_duration() {
    let bed = Bed::new().await;
    let far = [("expires", "Thu, 01 Jan 2099 00:00:00 GMT"), ("cache-control", "max-age=300")];
    let rules = StoreRules::seconds(1);
    let backend = || answer(StatusCode::OK, "1", &far);
    let lookup = LookupRules::default();
    assert_eq!(bed.call(&mut get("/a"), &lookup, rules, backend()).await.0, How::Miss);
    crate::support::eventually("the entry goes", async || bed.redis.keys() == 0).await;
    assert_eq!(bed.call(&mut get("/a"), &lookup, rules, backend()).await.0, How::Miss);
}

#[tokio::test]
async fn table_2_2_duration_an_age_equal_to_the_duration_is_too_old() {
    let bed = Bed::with(|builder| builder.stale_if_error(Duration::from_secs(60))).await;
    let rules = LookupRules::default();
    assert_eq!(bed.get("/a", &rules, "1").await, How::Miss);
    bed.clock.forward(Duration::from_millis(59_999));
    assert_eq!(bed.get("/a", &rules, "2").await, How::Hit);
    bed.clock.forward(Duration::from_millis(1));
    assert_eq!(bed.get("/a", &rules, "3").await, How::Miss);
}

#[tokio::test]
async fn the_status_reason_and_headers_come_back() {
    let bed = Bed::new().await;
    let rules = StoreRules { duration: 60, cache_response: Some(true) };
    let mut backend = answer(StatusCode::NOT_FOUND, "gone", &[("x-a", "1"), ("x-a", "2"), ("etag", "\"e\"")]);
    backend.reason = Some("Not Here".into());
    let lookup = LookupRules::default();
    bed.call(&mut get("/a"), &lookup, rules, backend).await;
    bed.clock.forward(Duration::from_secs(7));
    let (how, response) = bed.call(&mut get("/a"), &lookup, rules, ok("2")).await;
    assert_eq!(
        (how, response.status, response.reason_phrase()),
        (How::Hit, StatusCode::NOT_FOUND, "Not Here")
    );
    let values: Vec<_> = response.headers.get_all("x-a").iter().collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(response.headers["etag"], "\"e\"");
    assert_eq!(response.headers["age"], "7");
    assert_eq!(response.headers["content-length"], "4");
    assert_eq!(response.headers["date"], "Mon, 01 Jan 2024 00:00:00 GMT");
}
