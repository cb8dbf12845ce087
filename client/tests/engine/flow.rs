//! Sections, scopes, `choose`, fragments, `return-response`, the backend: in which order things run.

use std::time::Duration;

use larder_client::engine::{ForwardError, Policies};
use larder_client::policy::{Fragments, NamedValues};

use crate::gateway::{Backend, Gateway, Ran, get, response};

/// A statement that adds a letter to the variable `order`.
fn add(letter: &str) -> String {
    format!(
        "<set-variable name=\"order\" value=\"@((string)context.Variables[\"order\"] + \"{letter}\")\" />"
    )
}

fn order(ran: &Ran) -> String {
    ran.variable("order").unwrap_or_default().trim_start_matches("string:").to_owned()
}

#[tokio::test]
async fn sections_run_in_their_order() {
    let gateway = Gateway::start().await;
    let text = format!(
        "<policies><outbound>{}</outbound><on-error>{}</on-error><inbound>{}</inbound><backend>{}\
         <forward-request />{}</backend></policies>",
        add("4"),
        add("x"),
        add("1"),
        add("2"),
        add("3")
    );
    let mut ran = gateway.get(&text).await;
    assert_eq!((order(&ran).as_str(), ran.body().await.as_str()), ("1234", "body 1"));
}

#[tokio::test]
async fn base_runs_the_scope_around() {
    let gateway = Gateway::start().await;
    let scope = |before: &str, after: &str| {
        let text = format!("<policies><inbound>{}<base />{}</inbound></policies>", add(before), add(after));
        gateway.policy(&text)
    };
    let policies = Policies::none()
        .within("operation", &scope("1", "7"))
        .within("api", &scope("2", "6"))
        .within("global", &scope("3", "5"));
    let ran = gateway.run_scopes(&policies, get("/")).await;
    assert_eq!((order(&ran).as_str(), gateway.backend.calls()), ("123567", 1));
}

#[tokio::test]
async fn a_scope_without_the_section_inherits_it_and_one_without_base_replaces_it() {
    let gateway = Gateway::start().await;
    let outer = gateway.policy(&format!(
        "<policies><inbound>{}</inbound><outbound>{}</outbound></policies>",
        add("a"),
        add("b")
    ));
    let without = gateway.policy(&format!("<policies><outbound>{}</outbound></policies>", add("c")));
    let empty = gateway.policy("<policies><inbound /></policies>");
    let base = gateway.policy("<policies><inbound><base /></inbound></policies>");
    for (policies, expected) in [
        (Policies::of(&without).within("global", &outer), "ac"),
        (Policies::of(&empty).within("global", &outer), "b"),
        (Policies::of(&empty).within("product", &base).within("global", &outer), "b"),
        (Policies::of(&base).within("product", &without).within("global", &outer), "ac"),
    ] {
        assert_eq!(order(&gateway.run_scopes(&policies, get("/")).await), expected);
    }
}

#[tokio::test]
async fn the_outermost_backend_forwards_the_request() {
    let gateway = Gateway::start().await;
    for (backend, calls) in [
        ("", 1),
        ("<backend><base /></backend>", 1),
        ("<backend><forward-request timeout=\"10\" /></backend>", 1),
        ("<backend><forward-request /><forward-request /></backend>", 2),
        ("<backend />", 0),
    ] {
        let before = gateway.backend.calls();
        let mut ran = gateway.get(&format!("<policies>{backend}</policies>")).await;
        assert_eq!((ran.status(), gateway.backend.calls() - before), (200, calls), "{backend}");
        assert_eq!(ran.body().await.is_empty(), calls == 0, "{backend}");
    }
    let ran = gateway.run_scopes(&Policies::none(), get("/")).await;
    assert_eq!(ran.status(), 200);
}

#[tokio::test]
async fn the_backend_is_called_as_forward_request_says() {
    let gateway = Gateway::start().await;
    let ran = gateway
        .get(
            "<policies><backend><forward-request timeout=\"@(2 * 3)\" follow-redirects=\"true\" http-version=\"2\" \
             buffer-response=\"false\" /></backend></policies>",
        )
        .await;
    let options = gateway.backend.options.lock().unwrap().clone().unwrap();
    assert_eq!(
        (ran.status(), options.timeout, options.follow_redirects),
        (200, Duration::from_secs(6), true)
    );
    assert_eq!((options.http_version.as_deref(), options.buffer_response), (Some("2"), false));
    gateway.get("<policies><backend><forward-request timeout-ms=\"250\" /></backend></policies>").await;
    let options = gateway.backend.options.lock().unwrap().clone().unwrap();
    assert_eq!((options.timeout, options.follow_redirects), (Duration::from_millis(250), false));
}

#[tokio::test]
async fn the_body_of_a_request_is_read_before_it_is_sent_where_the_policy_says_so() {
    let gateway = Gateway::start().await;
    for (buffer, expected) in [("true", Some("two pieces")), ("false", None)] {
        let mut context = crate::gateway::request("POST", "/");
        context.request.body = crate::gateway::stream(&["two ", "pieces"]);
        let text = format!(
            "<policies><backend><forward-request buffer-request-body=\"{buffer}\" /></backend></policies>"
        );
        gateway.run(&text, context).await;
        let body = gateway.backend.body.lock().unwrap().clone();
        assert_eq!(body.as_deref(), expected.map(str::as_bytes), "{buffer}");
    }
}

#[tokio::test]
async fn a_backend_that_does_not_answer_is_an_error() {
    let too_long = http::StatusCode::PAYLOAD_TOO_LARGE;
    for (error, reason, status) in [
        (ForwardError::Connection("refused".to_owned()), "BackendConnectionFailure", 502),
        (ForwardError::Timeout, "Timeout", 504),
        (ForwardError::Client("closed".to_owned()), "ClientConnectionFailure", 400),
        (ForwardError::Refused { status: too_long, why: "too long".to_owned() }, "ForwardRefused", 413),
    ] {
        let gateway = Gateway::before(Backend::new(move |_| Err(error.clone()))).await;
        let ran = gateway.get("<policies><backend><forward-request /></backend></policies>").await;
        let error = format!("{reason} backend forward-request[1]");
        assert_eq!((ran.status(), ran.error()), (status, Some(error)));
        let ran = gateway.get("<policies></policies>").await;
        assert_eq!((ran.status(), ran.error()), (status, Some(format!("{reason} backend "))));
        let counted = format!("larder_engine_failures_total{{reason=\"{reason}\"}} 2");
        assert!(gateway.engine.metrics().to_string().lines().any(|line| line == counted), "{counted}");
    }
}

#[tokio::test]
async fn an_error_status_is_an_error_where_the_policy_says_so() {
    let gateway = Gateway::before(Backend::new(|_| Ok(response(503, "busy")))).await;
    for (strict, error) in
        [("true", Some("BackendErrorStatusCode backend forward-request[1]")), ("false", None)]
    {
        let text = format!(
            "<policies><backend><forward-request fail-on-error-status-code=\"{strict}\" /></backend></policies>"
        );
        let mut ran = gateway.get(&text).await;
        assert_eq!((ran.status(), ran.error().as_deref()), (503, error));
        assert_eq!(ran.body().await, "busy");
    }
}

#[tokio::test]
async fn the_first_branch_that_holds_runs() {
    let gateway = Gateway::start().await;
    let text = |n: u32| {
        format!(
            "<set-variable name=\"n\" value=\"@({n})\" /><choose><when condition=\"@((int)context.Variables[\"n\"] \
             < 1)\">{}</when><when condition=\"@((int)context.Variables[\"n\"] < 2)\">{}</when><when \
             condition=\"false\">{}</when><otherwise>{}</otherwise></choose>",
            add("a"),
            add("b"),
            add("c"),
            add("d")
        )
    };
    for (n, expected) in [(0, "a"), (1, "b"), (2, "d")] {
        assert_eq!(order(&gateway.inbound(&text(n)).await), expected);
    }
    let without = format!("<choose><when condition=\"@(1 > 2)\">{}</when></choose>{}", add("a"), add("z"));
    assert_eq!(order(&gateway.inbound(&without).await), "z");
    // Later conditions are not evaluated.
    let text = "<choose><when condition=\"true\" /><when condition=\"@(1 / \
                (int)context.Variables[\"zero\"] > 1)\" /></choose>";
    assert_eq!(gateway.inbound(text).await.status(), 200);
}

#[tokio::test]
async fn variables_keep_their_types() {
    let gateway = Gateway::start().await;
    for (value, expected) in [
        ("text", "string:text"),
        ("@(true)", "bool:True"),
        ("@(1)", "int:1"),
        ("@(1L)", "long:1"),
        ("@(1.5)", "double:1.5"),
        ("@(1.50m)", "decimal:1.50"),
        ("@('c')", "char:c"),
        ("@(\"a\" + 1)", "string:a1"),
        ("@(null)", "null:"),
    ] {
        let ran = gateway.inbound(&format!("<set-variable name=\"v\" value=\"{value}\" />")).await;
        assert_eq!(ran.variable("v").as_deref(), Some(expected), "{value}");
    }
}

#[tokio::test]
async fn fragments_run_where_they_are_included_as_often_as_they_are() {
    let gateway = Gateway::start().await;
    let fragments = Fragments::new()
        .with("outer", format!("<fragment>{}<include-fragment fragment-id=\"inner\" /></fragment>", add("o")))
        .with("inner", format!("<fragment>{}</fragment>", add("i")));
    let include = |id: &str| format!("<include-fragment fragment-id=\"{id}\" />");
    let text = format!(
        "<policies><inbound>{}{}</inbound><outbound>{}</outbound></policies>",
        include("outer"),
        include("inner"),
        include("inner")
    );
    let policy = gateway.engine.read(&text, &NamedValues::new(), &fragments).unwrap();
    assert_eq!(order(&gateway.run_scopes(&Policies::of(&policy), get("/")).await), "oiii");
}

#[tokio::test]
async fn return_response_ends_the_pipeline() {
    let gateway = Gateway::start().await;
    let returns = "<choose><when condition=\"true\"><return-response><set-status code=\"404\" reason=\"Gone \
                   Fishing\" /><set-header name=\"X-A\"><value>1</value><value>@(\"\" + 2)</value></set-header>\
                   <set-body>nothing</set-body></return-response></when></choose>";
    for section in ["inbound", "backend", "outbound"] {
        let rest = if section == "outbound" { "" } else { &format!("<outbound>{}</outbound>", add("o")) };
        let text = format!(
            "<policies><{section}>{}{returns}{}</{section}>{rest}<on-error>{}</on-error></policies>",
            add("a"),
            add("b"),
            add("e")
        );
        let mut ran = gateway.get(&text).await;
        assert_eq!((ran.status(), order(&ran).as_str()), (404, "a"), "{section}");
        assert_eq!(ran.answer.response.reason_phrase(), "Gone Fishing");
        assert_eq!((ran.header("x-a").as_deref(), ran.body().await.as_str()), (Some("1,2"), "nothing"));
    }
    assert_eq!(gateway.backend.calls(), 1, "for the one in outbound");
}

#[tokio::test]
async fn return_response_is_an_empty_200_or_what_a_variable_holds() {
    let gateway = Gateway::before(Backend::new(|_| {
        let mut response = response(201, "made");
        response.headers.insert("x-from", "backend".parse().unwrap());
        Ok(response)
    }))
    .await;
    let mut ran = gateway.inbound("<return-response />").await;
    assert_eq!((ran.status(), ran.body().await.as_str()), (200, ""));
    let keep = "<set-variable name=\"r\" value=\"@(context.Response)\" />";
    let text = |returned: &str| format!("<policies><outbound>{keep}{returned}</outbound></policies>");
    let mut ran = gateway.get(&text("<return-response response-variable-name=\"r\" />")).await;
    assert_eq!((ran.status(), ran.header("X-From").as_deref()), (201, Some("backend")));
    assert_eq!(ran.body().await, "made");
    let changed = "<return-response response-variable-name=\"r\"><set-status code=\"500\" />\
                   <set-body>other</set-body></return-response>";
    let mut ran = gateway.get(&text(changed)).await;
    assert_eq!((ran.status(), ran.header("x-from").as_deref()), (500, Some("backend")));
    assert_eq!(ran.body().await, "other");
    let ran = gateway.inbound("<return-response response-variable-name=\"none\" />").await;
    assert_eq!(ran.error().as_deref(), Some("ResponseVariableNotSet inbound return-response[1]"));
}

/// As deep as the reader allows, and fragments within fragments besides: an error, not a crash.
#[tokio::test]
async fn blocks_within_blocks_are_bounded() {
    let gateway = Gateway::start().await;
    let nested = |inner: &str| {
        (0..15).fold(inner.to_owned(), |inner, _| {
            format!("<choose><when condition=\"true\">{inner}</when></choose>")
        })
    };
    let fragments = (0..16).fold(Fragments::new(), |fragments, place| {
        let next = match place {
            15 => add("x"),
            place => format!("<include-fragment fragment-id=\"f{}\" />", place + 1),
        };
        fragments.with(format!("f{place}"), format!("<fragment>{}</fragment>", nested(&next)))
    });
    let read = |start: u32| {
        let text =
            format!("<policies><inbound><include-fragment fragment-id=\"f{start}\" /></inbound></policies>");
        Policies::of(&gateway.engine.read(&text, &NamedValues::new(), &fragments).unwrap())
    };
    let ran = gateway.run_scopes(&read(0), get("/")).await;
    assert_eq!((ran.status(), &*ran.context.last_error.unwrap().reason), (500, "TooDeep"));
    assert_eq!(order(&gateway.run_scopes(&read(10), get("/")).await), "x");
}
