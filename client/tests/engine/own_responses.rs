//! Responses that a policy makes after a lookup has missed: they are no answers of the backend, so no entry
//! stands in for them, and those who wait for the backend's answer learn nothing from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use larder_client::context::Context;
use larder_client::engine::{Call, Decision, Engine, Handled, Handler, Policies};
use larder_client::http::Responses;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::gateway::{Backend, Gateway, get, response};
use crate::support::eventually;

/// A lookup, what follows it, and a store at the end.
fn document(inbound: &str, outbound: &str) -> String {
    format!(
        "<policies><inbound><cache-lookup />{inbound}</inbound><outbound>{outbound}<cache-store duration=\"60\" />\
         </outbound></policies>"
    )
}

fn with_header(name: &'static str) -> Context {
    let mut context = get("/");
    context.request.headers.append(name, "1".parse().unwrap());
    context
}

/// Statements for requests with this header alone.
fn when(header: &str, statements: &str) -> String {
    format!(
        "<choose><when condition=\"@(context.Request.Headers.ContainsKey(&quot;{header}&quot;))\">{statements}</when>\
         </choose>"
    )
}

fn answer(status: u16) -> String {
    format!("<return-response><set-status code=\"{status}\" /><set-body>own</set-body></return-response>")
}

/// A gateway with an entry `body 1` past its freshness that may stand in; the backend fails if told so.
async fn stale() -> (Gateway, Arc<AtomicBool>) {
    let fails = Arc::new(AtomicBool::new(false));
    let does_fail = fails.clone();
    let backend =
        Backend::new(move |_| Ok(response(if does_fail.load(Ordering::SeqCst) { 503 } else { 200 }, "")));
    let mut gateway = Gateway::before(backend).await;
    let cache = gateway.engine.cache().clone();
    let responses = Responses::builder(cache.clone())
        .stale_if_error(Duration::from_secs(1000))
        .wall_clock(gateway.clock.clone())
        .build();
    gateway.engine = Engine::builder(cache).responses(responses).build();
    assert_eq!(gateway.get(&document("", "")).await.body().await, "body 1");
    assert!(gateway.engine.responses().flush(Duration::from_secs(10)).await);
    gateway.clock.forward(61);
    (gateway, fails)
}

#[tokio::test]
async fn no_entry_stands_in_for_a_response_of_the_policy() {
    let (gateway, fails) = stale().await;
    for status in [500, 502, 503, 504] {
        let in_outbound = answer(status);
        let set_status = format!("<set-status code=\"{status}\" /><set-body>own</set-body>");
        for text in [document(&answer(status), ""), document("", &in_outbound), document("", &set_status)] {
            let mut ran = gateway.get(&text).await;
            assert_eq!((ran.status(), ran.body().await.as_str()), (status, "own"), "{text}");
        }
    }
    // After a backend that fails, too, what the policy says is what the client gets.
    fails.store(true, Ordering::SeqCst);
    let mut ran = gateway.get(&document("", &answer(503))).await;
    assert_eq!((ran.status(), ran.body().await.as_str()), (503, "own"));
    let mut ran = gateway.get(&document("", "")).await;
    assert_eq!((ran.status(), ran.body().await.as_str()), (200, "body 1"), "the backend's own 503");
}

/// `<hold />` waits for a permit, and counts who has come.
struct Hold {
    permits: Arc<Semaphore>,
    come: Arc<AtomicUsize>,
}

impl Handler for Hold {
    fn knows(&self, name: &str) -> bool {
        name == "hold"
    }

    fn run<'a>(&'a self, _: Call<'a>) -> Handled<'a> {
        Box::pin(async {
            self.come.fetch_add(1, Ordering::SeqCst);
            self.permits.acquire().await.unwrap().forget();
            Ok(Decision::Continue)
        })
    }
}

/// One client that is refused leads; the others share one call all the same, then and afterwards.
#[tokio::test]
async fn a_refused_request_does_not_switch_single_flight_off() {
    let (permits, come) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let hold = || Hold { permits: permits.clone(), come: come.clone() };
    let mut gateway = Gateway::before(Backend::counting()).await;
    gateway.engine = Engine::builder(gateway.engine.cache().clone()).handler(hold()).build();
    let gateway = Arc::new(gateway);
    let text = document(&format!("<hold />{}", when("X-Stranger", &answer(401))), "");
    let policies = Policies::of(&gateway.policy(&text));
    let run = |context: Context| {
        let (gateway, policies) = (gateway.clone(), policies.clone());
        async move {
            let mut ran = gateway.run_scopes(&policies, context).await;
            (ran.status(), ran.body().await)
        }
    };
    let mut stranger = JoinSet::new();
    stranger.spawn(run(with_header("x-stranger")));
    eventually("the stranger leads", async || come.load(Ordering::SeqCst) == 1).await;
    let mut others = JoinSet::new();
    (0..20).for_each(|_| drop(others.spawn(run(get("/")))));
    // They are all at the lookup: what they do next they do in one step.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    permits.add_permits(1);
    assert_eq!(stranger.join_all().await, [(401, "own".to_owned())]);
    eventually("another one leads", async || come.load(Ordering::SeqCst) == 2).await;
    permits.add_permits(20);
    assert_eq!(others.join_all().await, vec![(200, "body 1".to_owned()); 20]);
    assert_eq!((gateway.backend.calls(), come.load(Ordering::SeqCst)), (1, 2));
}
