//! `rate-limit`, `rate-limit-by-key`: what is counted, where, and what the caller is told.

use std::sync::Arc;

use larder_client::context::{Api, Context, Operation, Response, Subscription};
use larder_client::engine::{Forward, ForwardError, ForwardOptions, Policies};
use tokio::sync::Semaphore;

use crate::gateway::{Backend, Gateway, get, request, response};

fn subscriber(id: &str) -> Context {
    let mut context = get("/");
    context.subscription = Some(Arc::new(Subscription { id: id.into(), ..Subscription::default() }));
    context
}

fn of_api(id: &str, operation: &str) -> Context {
    let mut context = get("/");
    context.api = Arc::new(Api { id: id.into(), name: format!("{id} name").into(), ..Api::default() });
    context.operation = Arc::new(Operation { id: operation.into(), ..Operation::default() });
    context
}

fn inbound(statements: &str) -> String {
    format!("<policies><inbound>{statements}</inbound></policies>")
}

/// How many of so many calls pass.
async fn passed(gateway: &Gateway, policies: &Policies, calls: u32, context: impl Fn() -> Context) -> u32 {
    let mut passed = 0;
    for _ in 0..calls {
        passed += u32::from(gateway.run_scopes(policies, context()).await.status() == 200);
    }
    passed
}

#[tokio::test]
async fn table_2_7_rate_limit_counts_each_subscription() {
    let gateway = Gateway::start().await;
    let policies =
        Policies::of(&gateway.policy(&inbound("<rate-limit calls=\"3\" renewal-period=\"60\" />")));
    for id in ["a", "b", "a/api/x"] {
        assert_eq!(passed(&gateway, &policies, 5, || subscriber(id)).await, 3, "{id}");
    }
    // Without a subscription the API has one.
    for id in ["x", "y"] {
        assert_eq!(passed(&gateway, &policies, 5, || of_api(id, "")).await, 3, "{id}");
    }
}

/// Gateways that share a cache share the count; so does one that was restarted.
#[tokio::test]
async fn the_count_survives_a_restart() {
    let mut gateway = Gateway::start().await;
    let policies =
        Policies::of(&gateway.policy(&inbound("<rate-limit calls=\"3\" renewal-period=\"60\" />")));
    assert_eq!(passed(&gateway, &policies, 2, || get("/")).await, 2);
    gateway.restart().await;
    assert_eq!(passed(&gateway, &policies, 2, || get("/")).await, 1);
}

#[tokio::test]
async fn scopes_and_periods_are_counted_apart() {
    let gateway = Gateway::start().await;
    let limit = |calls: u32| format!("<base /><rate-limit calls=\"{calls}\" renewal-period=\"60\" />");
    let (inner, outer) = (gateway.policy(&inbound(&limit(2))), gateway.policy(&inbound(&limit(4))));
    let policies = Policies::of(&inner).within("product", &outer);
    assert_eq!(passed(&gateway, &policies, 5, || subscriber("a")).await, 2);
    let two =
        "<rate-limit calls=\"5\" renewal-period=\"60\" /><rate-limit calls=\"2\" renewal-period=\"30\" />";
    let policies = Policies::of(&gateway.policy(&inbound(two)));
    assert_eq!(passed(&gateway, &policies, 4, || subscriber("b")).await, 2);
}

#[tokio::test]
async fn an_api_and_an_operation_in_it_have_limits_of_their_own() {
    let gateway = Gateway::start().await;
    let policies = Policies::none().within("product", &gateway.policy(&inbound(
        "<rate-limit calls=\"10\" renewal-period=\"60\"><api name=\"a name\" calls=\"4\" renewal-period=\"60\">\
         <operation id=\"get\" calls=\"2\" renewal-period=\"60\" /></api><api id=\"b\" calls=\"3\" \
         renewal-period=\"30\" /></rate-limit>",
    )));
    // Of the API `a`: two calls of the operation, four in all; of `b` three; of others what is left.
    assert_eq!(passed(&gateway, &policies, 3, || subscribed("a", "get")).await, 2);
    assert_eq!(passed(&gateway, &policies, 3, || subscribed("a", "put")).await, 2);
    assert_eq!(passed(&gateway, &policies, 4, || subscribed("b", "get")).await, 3);
    assert_eq!(
        passed(&gateway, &policies, 4, || subscribed("c", "get")).await,
        3,
        "refused calls do not count"
    );
}

fn subscribed(api: &str, operation: &str) -> Context {
    Context { subscription: subscriber("s").subscription, ..of_api(api, operation) }
}

/// Each has its own count, and in one that says the same a call counts once.
#[tokio::test]
async fn two_limits_of_one_scope_and_period_do_not_count_a_call_twice() {
    let gateway = Gateway::start().await;
    let limit = |calls: u32| format!("<rate-limit calls=\"{calls}\" renewal-period=\"60\" />");
    for (id, calls, expected) in [("a", [4, 4], 4), ("b", [5, 2], 2), ("c", [2, 5], 2)] {
        let text = inbound(&calls.map(limit).concat());
        let policies = Policies::of(&gateway.policy(&text));
        assert_eq!(passed(&gateway, &policies, 6, || subscriber(id)).await, expected, "{calls:?}");
    }
    let twice = "<api id=\"x\" calls=\"4\" renewal-period=\"60\" /><api name=\"x name\" calls=\"4\" \
                 renewal-period=\"60\" />";
    let text = format!("<rate-limit calls=\"9\" renewal-period=\"60\">{twice}</rate-limit>");
    let policies = Policies::none().within("product", &gateway.policy(&inbound(&text)));
    assert_eq!(passed(&gateway, &policies, 6, || subscribed("x", "")).await, 4);
}

#[tokio::test]
async fn entities_whose_names_run_together_are_counted_apart() {
    let gateway = Gateway::start().await;
    let limit = gateway.policy(&inbound("<rate-limit calls=\"2\" renewal-period=\"60\" />"));
    let policies = Policies::none().within("operation", &limit);
    for (api, operation) in [("a.b", "c"), ("a", "b.c"), ("a%2Eb", "c")] {
        assert_eq!(
            passed(&gateway, &policies, 3, || subscribed(api, operation)).await,
            2,
            "{api} {operation}"
        );
    }
    // The id of one API may be the name of another.
    let parts = "<api id=\"x\" calls=\"2\" renewal-period=\"60\" /><api name=\"x\" calls=\"2\" \
                 renewal-period=\"60\" />";
    let text = format!("<rate-limit calls=\"9\" renewal-period=\"60\">{parts}</rate-limit>");
    let policies = Policies::none().within("product", &gateway.policy(&inbound(&text)));
    for (id, name) in [("x", "n"), ("y", "x")] {
        let of = || {
            let mut context = subscribed(id, "");
            context.api = Arc::new(Api { id: id.into(), name: name.into(), ..Api::default() });
            context
        };
        assert_eq!(passed(&gateway, &policies, 3, of).await, 2, "{id} {name}");
    }
}

/// Who has the backend work and does not wait for the answer has called all the same.
#[tokio::test]
async fn a_client_that_hangs_up_is_counted() {
    let gateway = Gateway::start().await;
    let text = inbound(
        "<rate-limit-by-key calls=\"2\" renewal-period=\"60\" counter-key=\"k\" \
         increment-condition=\"@(context.Response.StatusCode == 200)\" />",
    );
    let policies = Policies::of(&gateway.policy(&text));
    let silent = Silent(Semaphore::new(0));
    for _ in 0..2 {
        let mut context = get("/");
        let mut run = std::pin::pin!(gateway.engine.answer(&policies, &mut context, &silent));
        tokio::select! {
            _ = &mut run => panic!("the backend does not answer"),
            asked = silent.0.acquire() => asked.unwrap().forget(),
        }
    }
    assert!(gateway.engine.cache().flush().await);
    assert_eq!(gateway.run_scopes(&policies, get("/")).await.status(), 429);
    assert_eq!(gateway.backend.calls(), 0);
}

/// Tells that it was asked, and never answers.
struct Silent(Semaphore);

impl Forward for Silent {
    async fn forward(&self, _: &mut Context, _: &ForwardOptions) -> Result<Response, ForwardError> {
        self.0.add_permits(1);
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_refused_call_is_told_when_to_come_back() {
    let gateway = Gateway::start().await;
    let text = "<policies><inbound><rate-limit id=\"the-limit\" calls=\"2\" renewal-period=\"60\" \
                retry-after-header-name=\"X-Wait\" retry-after-variable-name=\"wait\" \
                remaining-calls-header-name=\"X-Left\" remaining-calls-variable-name=\"left\" \
                total-calls-header-name=\"X-Total\" /></inbound><on-error><set-variable name=\"seen\" \
                value=\"@(context.LastError.Source + \" \" + context.LastError.Reason)\" /></on-error></policies>";
    for left in [1, 0] {
        let ran = gateway.get(text).await;
        assert_eq!((ran.status(), ran.header("X-Left")), (200, Some(left.to_string())));
        assert_eq!((ran.header("X-Total").as_deref(), ran.header("X-Wait")), (Some("2"), None));
        assert_eq!((ran.variable("left"), ran.variable("wait")), (Some(format!("int:{left}")), None));
    }
    let mut ran = gateway.get(text).await;
    assert_eq!((ran.status(), ran.header("X-Left").as_deref()), (429, Some("0")));
    assert_eq!((ran.header("X-Total").as_deref(), ran.header("Retry-After")), (Some("2"), None));
    let wait: i32 = ran.header("X-Wait").unwrap().parse().unwrap();
    assert!((1..=62).contains(&wait), "{wait}");
    assert_eq!(ran.variable("wait"), Some(format!("int:{wait}")));
    assert_eq!(ran.variable("seen").as_deref(), Some("string:rate-limit RateLimitExceeded"));
    let body = ran.body().await;
    let told = format!(
        "{{ \"statusCode\": 429, \"message\": \"Rate limit is exceeded. Try again in {wait} seconds.\" }}"
    );
    assert_eq!(body, told);
    assert_eq!(&*ran.context.last_error.unwrap().policy_id, "the-limit");
    assert_eq!(gateway.engine.metrics().rate_limited(), 1);
}

#[tokio::test]
async fn table_2_7_rate_limit_by_key_has_one_count_in_all_scopes() {
    let gateway = Gateway::start().await;
    let text = inbound(
        "<base /><rate-limit-by-key calls=\"@(2 + 2)\" renewal-period=\"@(30 * 2)\" \
         counter-key=\"@(context.Request.Headers.GetValueOrDefault(\"X-Key\", \"none\"))\" />",
    );
    let policy = gateway.policy(&text);
    let with_key = |key: &'static str| {
        move || {
            let mut context = get("/");
            context.request.headers.insert("x-key", key.parse().unwrap());
            context
        }
    };
    for key in ["a", "b"] {
        assert_eq!(passed(&gateway, &Policies::of(&policy), 3, with_key(key)).await, 3, "{key}");
    }
    let other_scope = Policies::none().within("global", &policy);
    assert_eq!(passed(&gateway, &other_scope, 3, with_key("a")).await, 1);
    assert_eq!(passed(&gateway, &other_scope, 3, || get("/")).await, 3, "another key");
}

#[tokio::test]
async fn a_call_counts_if_its_condition_holds_and_as_much_as_it_says() {
    let gateway = Gateway::start().await;
    let text = inbound(
        "<rate-limit-by-key calls=\"4\" renewal-period=\"60\" counter-key=\"k\" \
         increment-condition=\"@(context.Request.Method == \"POST\")\" increment-count=\"@(1 + 1)\" />",
    );
    let policies = Policies::of(&gateway.policy(&text));
    assert_eq!(passed(&gateway, &policies, 6, || get("/")).await, 6, "they do not count");
    assert_eq!(passed(&gateway, &policies, 6, || request("POST", "/")).await, 2);
    assert_eq!(passed(&gateway, &policies, 2, || get("/")).await, 0, "the limit holds for them, too");
}

#[tokio::test]
async fn a_condition_on_the_response_is_evaluated_when_it_is_there() {
    let gateway = Gateway::before(Backend::new(|context| {
        let is_wrong = &*context.request.url.path == "/wrong";
        Ok(response(if is_wrong { 500 } else { 200 }, "ab"))
    }))
    .await;
    let text = inbound(
        "<rate-limit-by-key calls=\"2\" renewal-period=\"60\" counter-key=\"k\" \
         increment-condition=\"@(context.Response.StatusCode == 500)\" />",
    );
    let policies = Policies::of(&gateway.policy(&text));
    assert_eq!(passed(&gateway, &policies, 5, || get("/right")).await, 5);
    for _ in 0..2 {
        assert_eq!(gateway.run_scopes(&policies, get("/wrong")).await.status(), 500);
    }
    assert_eq!(gateway.run_scopes(&policies, get("/right")).await.status(), 429);
    assert_eq!(gateway.backend.calls(), 7);
}

#[tokio::test]
async fn out_of_range_is_an_error() {
    let gateway = Gateway::start().await;
    for attributes in [
        "calls=\"@(0)\" renewal-period=\"60\"",
        "calls=\"1\" renewal-period=\"@(301)\"",
        "calls=\"1\" renewal-period=\"@(0)\"",
        "calls=\"1\" renewal-period=\"60\" increment-count=\"@(-1)\"",
    ] {
        let ran = gateway.inbound(&format!("<rate-limit-by-key {attributes} counter-key=\"k\" />")).await;
        let error = "ExpressionValueEvaluationFailure inbound rate-limit-by-key[1]";
        assert_eq!(ran.error().as_deref(), Some(error), "{attributes}");
    }
}

/// Without the cache each gateway counts for itself: the backend stays protected.
#[tokio::test]
async fn an_unreachable_cache_neither_blocks_nor_frees_callers() {
    let gateway = Gateway::away().await;
    let policies =
        Policies::of(&gateway.policy(&inbound("<rate-limit calls=\"2\" renewal-period=\"60\" />")));
    assert_eq!(passed(&gateway, &policies, 4, || get("/")).await, 2);
    let ran = gateway.run_scopes(&policies, get("/")).await;
    assert!(ran.answer.record.events[0].cause.is_some(), "{:?}", ran.events());
}
