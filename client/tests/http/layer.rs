//! The layer around a service: the same rules, any body, readiness kept.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use larder_client::context::User;
use larder_client::http::{
    DownstreamCaching, OriginLimit, ResponseBody, ResponseCache, ResponseCacheLayer, ResponseEvent,
    StoreRules, UnlistedQuery, WhenFull, backend_max_age,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::bed::{BUDGET, Bed};
use crate::support::eventually;

type Answer = Result<Response<Full<Bytes>>, &'static str>;

/// A service that counts its calls, and insists on being ready when called.
struct Backend {
    calls: Arc<AtomicUsize>,
    is_ready: bool,
    answer: fn(&Request<()>) -> Answer,
}

impl Backend {
    fn new(answer: fn(&Request<()>) -> Answer) -> Self {
        Self { calls: Arc::default(), is_ready: false, answer }
    }
}

impl Clone for Backend {
    /// A clone is not ready because the original is.
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone(), is_ready: false, answer: self.answer }
    }
}

impl Service<Request<()>> for Backend {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without having been asked whether it is ready");
        self.calls.fetch_add(1, Ordering::SeqCst);
        ready((self.answer)(&request))
    }
}

fn echo(request: &Request<()>) -> Answer {
    Ok(Response::new(Full::from(request.uri().to_string())))
}

async fn call<S>(
    service: &mut S,
    request: Request<()>,
) -> Result<Response<ResponseBody<Full<Bytes>>>, &'static str>
where
    S: Service<Request<()>, Response = Response<ResponseBody<Full<Bytes>>>, Error = &'static str>,
{
    std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

async fn ask(
    bed: &Bed,
    service: &mut ResponseCache<Backend>,
    request: http::request::Builder,
) -> (StatusCode, String) {
    let (head, body) = call(service, request.body(()).unwrap()).await.unwrap().into_parts();
    let Ok(bytes) = body.collect().await.map_err(|never: Infallible| never);
    bed.stored().await;
    (head.status, String::from_utf8(bytes.to_bytes().to_vec()).unwrap())
}

fn get(target: &str) -> http::request::Builder {
    Request::builder().uri(target).header("host", "api.example")
}

#[tokio::test]
async fn a_second_request_is_answered_without_the_service() {
    let bed = Bed::new().await;
    let backend = Backend::new(echo);
    let calls = backend.calls.clone();
    let layer = ResponseCacheLayer::builder(&bed.responses, "orders", 60).build().unwrap();
    let mut service = layer.layer(backend);
    for _ in 0..3 {
        assert_eq!(
            ask(&bed, &mut service, get("/a?x=1&y=2")).await,
            (StatusCode::OK, "/a?x=1&y=2".to_owned())
        );
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(
        ask(&bed, &mut service, get("/a?y=2&x=1")).await.1,
        "/a?x=1&y=2",
        "their order does not matter"
    );
    assert_eq!(ask(&bed, &mut service, get("/a?x=2")).await.1, "/a?x=2", "every parameter counts");
    assert_eq!(ask(&bed, &mut service, get("/a?x=2").header("host", "x")).await.1, "/a?x=2");
    // A layer around a layer is a service as any other.
    fn is_service<S: Service<Request<()>>>(_: &S) {}
    is_service(&ResponseCacheLayer::builder(&bed.responses, "outer", 60).build().unwrap().layer(service));
}

/// The key has one host, and the service within might look at another one.
#[tokio::test]
async fn a_request_that_names_two_hosts_passes_by() {
    let bed = Bed::with(|builder| builder.debug_headers(true)).await;
    let mut service =
        ResponseCacheLayer::builder(&bed.responses, "orders", 60).build().unwrap().layer(Backend::new(echo));
    for (target, hosts, is_clear) in [
        ("http://a.example/x", &["b.example"][..], false),
        ("http://a.example/x", &["a.example:8080"], false),
        ("https://a.example/x", &["a.example:80"], false),
        ("http://a.example/x", &["a.example", "b.example"], false),
        ("http://a.example/x", &["a b"], false),
        ("http://user@a.example/x", &["a.example"], false),
        ("http://a.example@a.example/x", &[], false),
        ("http://a.example/x", &["user@a.example"], false),
        ("/x", &["user@a.example"], false),
        ("/x", &["a.example", "a.example"], false),
        ("/x", &["a b"], false),
        ("/x", &["a.example:99999"], false),
        ("/x", &["a.example:"], true),
        ("/x", &["[::1]:8080"], true),
        ("/x", &[], true),
        ("http://a.example/x", &[], true),
        ("http://a.example/x", &["A.example:80"], true),
        ("https://a.example/x", &["a.example:443"], true),
    ] {
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        let response = call(&mut service, request.body(()).unwrap()).await.unwrap();
        let told = response.headers()["x-larder-cache"].to_str().unwrap().to_owned();
        assert_eq!(told != "skip; reason=host", is_clear, "{target} {hosts:?}: {told}");
        let _ = response.into_body().collect().await;
        bed.stored().await;
    }
}

#[tokio::test]
async fn every_rule_has_its_method() {
    let bed = Bed::new().await;
    let layer = ResponseCacheLayer::builder(&bed.responses, "orders", 0)
        .vary_by_header("accept")
        .vary_by_query_parameter("page;size")
        .unlisted_query(UnlistedQuery::Ignored)
        .vary_by_developer(true)
        .vary_by_developer_groups(false)
        .downstream(DownstreamCaching::Private)
        .must_revalidate(false)
        .allow_private_response_caching(true)
        .cache_response(true)
        .store_for(|head| StoreRules::seconds(backend_max_age(&head.headers).unwrap_or(30)))
        .generation(7)
        .scope(|request, scope| {
            let id = request.headers.get("x-user").map_or("", |id| id.to_str().unwrap());
            scope.developer = Some(Arc::new(User { id: id.into(), ..User::default() }));
            scope.product = Some("starter".into());
            scope.is_traced = true;
        })
        .build()
        .unwrap();
    let mut service = layer.layer(Backend::new(|_| {
        let answer = Response::builder().header("cache-control", "max-age=90");
        Ok(answer.body(Full::from("1")).unwrap())
    }));
    let request = || get("/a?page=1&z=1").header("x-user", "ada").header("authorization", "x");
    for result in ["miss; store=internal; reason=absent", "hit; store=internal"] {
        let response = call(&mut service, request().body(()).unwrap()).await.unwrap();
        assert_eq!(response.headers()["x-larder-cache"], result);
        assert_eq!(
            response.headers()["x-larder-cache-key"],
            "1;g=7;api=orders;product=starter;host=api.example:80;path=/a;q.page=1;q.size;h.accept;dev=ada"
        );
        assert_eq!(response.headers()["cache-control"], "private, max-age=90");
        assert_eq!(response.headers()["vary"], "accept");
        let _ = response.into_body().collect().await;
        bed.stored().await;
    }
    let refused = ResponseCacheLayer::builder(&bed.responses, "orders", 60).vary_by_header("no header");
    assert!(refused.build().is_err());
}

#[tokio::test]
async fn other_methods_pass_and_say_why() {
    let bed = Bed::with(|builder| builder.debug_headers(true)).await;
    let backend = Backend::new(echo);
    let calls = backend.calls.clone();
    let mut service =
        ResponseCacheLayer::builder(&bed.responses, "orders", 60).build().unwrap().layer(backend);
    for _ in 0..2 {
        let request = get("/a").method(Method::POST).body(()).unwrap();
        let response = call(&mut service, request).await.unwrap();
        assert_eq!(response.headers()["x-larder-cache"], "skip; reason=method");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_error_of_the_service_is_its_error_or_a_stale_entry() {
    let bed = Bed::with(|builder| builder.stale_if_error(Duration::from_secs(30))).await;
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let backend = Backend::new(|request| match CALLS.fetch_add(1, Ordering::SeqCst) {
        0 => echo(request),
        _ => Err("down"),
    });
    let mut service =
        ResponseCacheLayer::builder(&bed.responses, "orders", 60).build().unwrap().layer(backend);
    assert_eq!(ask(&bed, &mut service, get("/a")).await.1, "/a");
    assert_eq!(call(&mut service, get("/b").body(()).unwrap()).await.unwrap_err(), "down");
    bed.clock.forward(Duration::from_secs(61));
    assert_eq!(ask(&bed, &mut service, get("/a")).await, (StatusCode::OK, "/a".to_owned()));
    assert_eq!(bed.responses.metrics().get(ResponseEvent::Stale), 1);
}

/// Answers its first request, and no other for ever.
#[derive(Clone)]
struct Hanging(Arc<AtomicUsize>);

impl Service<Request<()>> for Hanging {
    type Response = Response<Full<Bytes>>;
    type Error = &'static str;
    type Future = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let is_first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        Box::pin(async move { if is_first { echo(&request) } else { std::future::pending().await } })
    }
}

#[tokio::test]
async fn a_service_that_hangs_is_waited_for_only_as_long_as_a_stale_entry_allows() {
    let bed = Bed::with(|builder| builder.stale_if_error(Duration::from_secs(30))).await;
    let layer =
        ResponseCacheLayer::builder(&bed.responses, "orders", 60).backend_patience(Duration::from_millis(20));
    let mut service = layer.build().unwrap().layer(Hanging(Arc::default()));
    let first = call(&mut service, get("/a").body(()).unwrap()).await.unwrap();
    let _ = first.into_body().collect().await;
    bed.stored().await;
    bed.clock.forward(Duration::from_secs(61));
    let request = call(&mut service, get("/a").body(()).unwrap());
    let response = tokio::time::timeout(BUDGET, request).await.unwrap().unwrap();
    assert_eq!((response.status(), &response.headers()["age"]), (StatusCode::OK, &"61".parse().unwrap()));
}

#[tokio::test]
async fn head_has_no_body_and_the_length_of_the_entry() {
    let bed = Bed::with(|builder| builder.head(true)).await;
    let mut service =
        ResponseCacheLayer::builder(&bed.responses, "orders", 60).build().unwrap().layer(Backend::new(echo));
    ask(&bed, &mut service, get("/abc")).await;
    let response = call(&mut service, get("/abc").method(Method::HEAD).body(()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-length"], "4");
    let Ok(body) = response.into_body().collect().await.map_err(|never: Infallible| never);
    assert!(body.to_bytes().is_empty());
}

#[tokio::test]
async fn a_client_that_takes_nothing_delays_neither_the_entry_nor_the_next_miss() {
    let one = OriginLimit { parallel: 1, wait: Duration::ZERO, when_full: WhenFull::Refuse };
    let bed = Bed::with(|builder| builder.origin_limit(one)).await;
    let layer = ResponseCacheLayer::builder(&bed.responses, "orders", 60).build().unwrap();
    let mut service = layer.layer(Backend::new(echo));
    let slow = call(&mut service, get("/a").body(()).unwrap()).await.unwrap();
    eventually("its answer is stored", async || bed.redis.keys() == 1).await;
    let next = call(&mut service, get("/b").body(()).unwrap()).await.unwrap();
    assert_eq!(next.status(), StatusCode::OK, "the place is free");
    let length = slow.body().size_hint().exact();
    let body = slow.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(length, Some(body.len() as u64));
    assert!(!body.is_empty());
}
