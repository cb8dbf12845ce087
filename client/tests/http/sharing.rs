//! Single flight: of requests that come together one asks the backend.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use larder_client::context::{Content, Response};
use larder_client::http::{KeyScope, Looked, LookupRules, Pending, ResponseEvent, Responses, StoreRules};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bed::{Bed, answer, get, get_with, minute, ok, text, vary};
use crate::streaming::scripted;
use crate::support::{DEADLINE, eventually};

const CROWD: usize = 100;

/// A backend that counts and answers when it is allowed to.
#[derive(Clone)]
struct Backend {
    calls: Arc<AtomicUsize>,
    allowed: Arc<Semaphore>,
    answer: Arc<dyn Fn() -> Response + Send + Sync>,
}

impl Backend {
    fn new(answer: impl Fn() -> Response + Send + Sync + 'static) -> Self {
        Self { calls: Arc::default(), allowed: Arc::new(Semaphore::new(0)), answer: Arc::new(answer) }
    }

    async fn ask(&self) -> Response {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.allowed.clone().acquire_owned().await.unwrap().forget();
        (self.answer)()
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn called(&self, times: usize) {
        eventually("the backend is called", async || self.calls() >= times).await;
        assert_eq!(self.calls(), times);
    }
}

async fn request(responses: Responses, backend: Backend, path: String, store: StoreRules) -> String {
    match responses.lookup(&mut get(&path), &LookupRules::default(), &KeyScope::new("api")).await {
        Looked::Hit(response) => text(response).await,
        Looked::Miss(pending) => {
            let answer = backend.ask().await;
            text(responses.store(pending, store, answer)).await
        }
        looked => panic!("{looked:?}"),
    }
}

/// So many requests for one path under way.
fn crowd(bed: &Bed, backend: &Backend, size: usize, store: StoreRules) -> JoinSet<String> {
    let mut set = JoinSet::new();
    for _ in 0..size {
        set.spawn(request(bed.responses.clone(), backend.clone(), "/a".to_owned(), store));
    }
    set
}

fn misses(bed: &Bed) -> u64 {
    bed.responses.metrics().get(ResponseEvent::Miss)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_together_are_one_call() {
    let bed = Bed::new().await;
    let backend = Backend::new(|| ok("one"));
    let crowd = crowd(&bed, &backend, CROWD, minute());
    backend.called(1).await;
    backend.allowed.add_permits(CROWD);
    assert_eq!(crowd.join_all().await, vec!["one"; CROWD]);
    assert_eq!((backend.calls(), misses(&bed)), (1, 1));
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Hit), CROWD as u64 - 1);
    bed.stored().await;
    assert_eq!(bed.redis.keys(), 1);
}

#[tokio::test]
async fn other_keys_do_not_wait() {
    let bed = Bed::new().await;
    let (slow, quick) = (Backend::new(|| ok("slow")), Backend::new(|| ok("quick")));
    let crowd = crowd(&bed, &slow, 2, minute());
    slow.called(1).await;
    quick.allowed.add_permits(1);
    assert_eq!(request(bed.responses.clone(), quick, "/b".to_owned(), minute()).await, "quick");
    slow.allowed.add_permits(2);
    assert_eq!(crowd.join_all().await, ["slow", "slow"]);
}

#[tokio::test]
async fn what_is_not_stored_lets_everybody_go_on_at_once() {
    // Longer than this test waits for anything: nobody goes on because he waited long enough.
    let bed = Bed::with(|builder| builder.single_flight(2 * DEADLINE)).await;
    let backend = Backend::new(|| answer(StatusCode::NOT_FOUND, "none", &[]));
    all_go_on(&bed, &backend).await;
    // And for a while nobody waits for this key.
    let two = crowd(&bed, &backend, 2, minute());
    backend.called(CROWD + 2).await;
    backend.allowed.add_permits(2);
    two.join_all().await;
}

#[tokio::test]
async fn an_error_of_the_server_lets_everybody_go_on_and_the_next_ones_share_again() {
    let bed = Bed::with(|builder| builder.single_flight(2 * DEADLINE)).await;
    let backend = Backend::new(|| answer(StatusCode::BAD_GATEWAY, "none", &[]));
    all_go_on(&bed, &backend).await;
    let recovered = Backend::new(|| ok("again"));
    let next = crowd(&bed, &recovered, CROWD, minute());
    recovered.called(1).await;
    recovered.allowed.add_permits(CROWD);
    assert_eq!(next.join_all().await, vec!["again"; CROWD]);
    assert_eq!(recovered.calls(), 1);
}

/// What one caller may not have says nothing about the others, now or in the next seconds.
#[tokio::test]
async fn a_backends_401_for_one_caller_lets_another_one_ask_for_all() {
    let bed = Bed::with(|builder| builder.single_flight(2 * DEADLINE)).await;
    for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS] {
        let first = AtomicBool::new(true);
        let backend = Backend::new(move || match first.swap(false, Ordering::SeqCst) {
            true => answer(status, "not you", &[]),
            false => ok("all"),
        });
        let crowd = crowd(&bed, &backend, CROWD, minute());
        backend.called(1).await;
        backend.allowed.add_permits(1);
        backend.called(2).await;
        backend.allowed.add_permits(CROWD);
        let answers = crowd.join_all().await;
        assert_eq!(answers.iter().filter(|text| *text == "all").count(), CROWD - 1, "{status}");
        assert_eq!(backend.calls(), 2, "{status}");
        bed.stored().await;
        bed.redis.ask(&["FLUSHALL"]);
    }
}

/// Answers that nobody can share make nobody wait for long.
#[tokio::test]
async fn when_everybody_is_refused_nobody_waits_for_more_than_two() {
    let bed = Bed::with(|builder| builder.single_flight(2 * DEADLINE)).await;
    let backend = Backend::new(|| answer(StatusCode::UNAUTHORIZED, "none", &[]));
    let crowd = crowd(&bed, &backend, CROWD, minute());
    for call in 1..=2 {
        backend.called(call).await;
        backend.allowed.add_permits(1);
    }
    backend.called(CROWD).await;
    backend.allowed.add_permits(CROWD - 2);
    assert_eq!(crowd.join_all().await, vec!["none"; CROWD]);
}

/// When the first one's answer is not stored, all the others are at the backend together.
async fn all_go_on(bed: &Bed, backend: &Backend) {
    let crowd = crowd(bed, backend, CROWD, minute());
    backend.called(1).await;
    backend.allowed.add_permits(1);
    // It lets none of them go.
    backend.called(CROWD).await;
    backend.allowed.add_permits(CROWD - 1);
    assert_eq!(crowd.join_all().await, vec!["none"; CROWD]);
}

#[tokio::test]
async fn a_stale_entry_stands_in_for_all_who_wait() {
    let bed = Bed::with(|builder| {
        builder.stale_if_error(DEADLINE).single_flight(2 * DEADLINE).purge_seen_within(2 * DEADLINE)
    })
    .await;
    bed.get("/a", &LookupRules::default(), "old").await;
    bed.clock.forward(Duration::from_secs(61));
    let backend = Backend::new(|| answer(StatusCode::BAD_GATEWAY, "failed", &[]));
    let crowd = crowd(&bed, &backend, CROWD, minute());
    backend.called(1).await;
    // All the others wait: what they do next they do in one step.
    for _ in 0..10 * CROWD {
        tokio::task::yield_now().await;
    }
    backend.allowed.add_permits(CROWD);
    assert_eq!(crowd.join_all().await, vec!["old"; CROWD]);
    assert_eq!(backend.calls(), 1, "the backend need not fail for each of them");
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Stale), CROWD as u64);
}

#[tokio::test]
async fn when_the_first_client_leaves_another_one_asks() {
    let bed = Bed::new().await;
    let backend = Backend::new(|| ok("second"));
    let mut first = crowd(&bed, &backend, 1, minute());
    backend.called(1).await;
    let others = crowd(&bed, &backend, CROWD, minute());
    tokio::task::yield_now().await;
    first.abort_all();
    while first.join_next().await.is_some() {}
    backend.called(2).await;
    backend.allowed.add_permits(CROWD);
    assert_eq!(others.join_all().await, vec!["second"; CROWD]);
    assert_eq!(backend.calls(), 2, "one that was given up, one for all the others");
}

#[tokio::test]
async fn when_the_first_body_breaks_off_another_one_asks() {
    let bed = Bed::with(|builder| builder.single_flight(2 * DEADLINE)).await;
    let first = pending(&bed, &LookupRules::default()).await;
    let backend = Backend::new(|| ok("second"));
    let others = crowd(&bed, &backend, CROWD, minute());
    let (sender, body) = scripted();
    let mut broken = ok("");
    broken.body = Content::Stream(body);
    let Response { body: Content::Stream(mut body), .. } = bed.responses.store(first, minute(), broken)
    else {
        panic!("the body is not read before its time")
    };
    sender.send(Err("broken".into())).await.unwrap();
    assert!(body.frame().await.unwrap().is_err());
    backend.called(1).await;
    backend.allowed.add_permits(CROWD);
    assert_eq!(others.join_all().await, vec!["second"; CROWD]);
    assert_eq!(backend.calls(), 1);
}

#[tokio::test]
async fn who_comes_while_the_store_is_under_way_gets_the_entry() {
    let bed = Bed::with(|builder| builder.purge_seen_within(DEADLINE)).await;
    let rules = LookupRules::default();
    let first = pending(&bed, &rules).await;
    bed.redis.signal("STOP");
    let _ = bed.responses.store(first, minute(), ok("stored"));
    let mut request = get("/a");
    let scope = KeyScope::new("api");
    let second = bed.responses.lookup(&mut request, &rules, &scope);
    let second = tokio::time::timeout(crate::bed::BUDGET / 2, second).await;
    bed.redis.signal("CONT");
    let Ok(Looked::Hit(response)) = second else { panic!("the cache was asked") };
    assert_eq!(text(response).await, "stored");
    bed.stored().await;
    assert_eq!(bed.redis.keys(), 1);
}

#[tokio::test]
async fn nobody_waits_longer_than_allowed() {
    let bed = Bed::with(|builder| builder.single_flight(Duration::from_millis(50))).await;
    let backend = Backend::new(|| ok("each"));
    let crowd = crowd(&bed, &backend, 3, minute());
    eventually("all go on", async || backend.calls() == 3).await;
    backend.allowed.add_permits(3);
    assert_eq!(crowd.join_all().await, ["each", "each", "each"]);
}

#[tokio::test]
async fn without_single_flight_everybody_asks() {
    let bed = Bed::with(|builder| builder.single_flight(Duration::ZERO)).await;
    let backend = Backend::new(|| ok("each"));
    let crowd = crowd(&bed, &backend, 5, minute());
    backend.called(5).await;
    backend.allowed.add_permits(5);
    crowd.join_all().await;
}

#[tokio::test]
async fn a_response_that_is_passed_lets_the_others_go_on() {
    let bed = Bed::new().await;
    let rules = LookupRules::default();
    let first = pending(&bed, &rules).await;
    let (responses, backend) = (bed.responses.clone(), Backend::new(|| ok("own")));
    let mut second = JoinSet::new();
    second.spawn(request(responses, backend.clone(), "/a".to_owned(), minute()));
    tokio::task::yield_now().await;
    assert_eq!(text(bed.responses.pass(first, ok("passed"))).await, "passed");
    backend.called(1).await;
    backend.allowed.add_permits(1);
    assert_eq!(second.join_all().await, ["own"]);
}

/// A refusal of one client says nothing about what the others will get.
#[tokio::test]
async fn a_response_of_the_gateway_itself_makes_nobody_go_on() {
    let bed = Bed::with(|builder| builder.single_flight(2 * DEADLINE)).await;
    for refuse in [
        |responses: &Responses, pending| responses.pass(pending, answer(StatusCode::UNAUTHORIZED, "no", &[])),
        |responses: &Responses, pending| {
            responses.store(pending, minute(), answer(StatusCode::UNAUTHORIZED, "no", &[]))
        },
    ] {
        let first = pending(&bed, &LookupRules::default()).await;
        let backend = Backend::new(|| ok("one"));
        let crowd = crowd(&bed, &backend, CROWD, minute());
        // All of them wait: what they do next they do in one step.
        for _ in 0..10 * CROWD {
            tokio::task::yield_now().await;
        }
        let refused = refuse(&bed.responses, first.not_from_backend());
        assert_eq!(text(refused).await, "no");
        backend.called(1).await;
        backend.allowed.add_permits(CROWD);
        assert_eq!(crowd.join_all().await, vec!["one"; CROWD]);
        assert_eq!(backend.calls(), 1);
        bed.stored().await;
        bed.redis.ask(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn conditions_of_each_request_count_for_itself() {
    let bed = Bed::with(|builder| builder.conditional(true)).await;
    let rules = vary(&[], &[]);
    let first = pending(&bed, &rules).await;
    let responses = bed.responses.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        let mut request = get_with("/a", &[("if-none-match", "\"1\"")]);
        match responses.lookup(&mut request, &LookupRules::default(), &KeyScope::new("api")).await {
            Looked::Hit(response) => response.status,
            looked => panic!("{looked:?}"),
        }
    });
    tokio::task::yield_now().await;
    let _ = bed.responses.store(first, minute(), answer(StatusCode::OK, "1", &[("etag", "\"1\"")]));
    assert_eq!(waiting.join_next().await.unwrap().unwrap(), StatusCode::NOT_MODIFIED);
}

async fn pending(bed: &Bed, rules: &LookupRules) -> Pending {
    match bed.responses.lookup(&mut get("/a"), rules, &KeyScope::new("api")).await {
        Looked::Miss(pending) => pending,
        looked => panic!("{looked:?}"),
    }
}
