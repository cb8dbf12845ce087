//! What happens when a statement fails: `context.LastError`, `on-error`, the answer.

use larder_client::engine::{EngineBuilder, Policies};

use crate::gateway::{Backend, Gateway, get, request, response, stream};

const FAILS: &str = "<set-variable name=\"x\" value=\"@(1 / (int)context.Variables[\"zero\"])\" />";
const ZERO: &str = "<set-variable name=\"zero\" value=\"@(0)\" />";

#[tokio::test]
async fn last_error_says_what_failed_where_and_why() {
    let gateway = Gateway::start().await;
    let text = format!(
        "<policies><inbound>{ZERO}</inbound><outbound><choose><when condition=\"@(1 > 2)\" /><when \
         condition=\"true\"><set-variable name=\"a\" value=\"1\" />{}</when></choose></outbound></policies>",
        FAILS.replace("name=", "id=\"the-one\" name=")
    );
    let ran = gateway.get(&text).await;
    let error = ran.context.last_error.clone().unwrap();
    assert_eq!((&*error.source, &*error.reason), ("set-variable", "ExpressionValueEvaluationFailure"));
    assert_eq!((&*error.scope, &*error.section, &*error.policy_id), ("api", "outbound", "the-one"));
    assert_eq!(&*error.path, "choose[1]/when[2]/set-variable[2]");
    assert!(
        error.message.starts_with("Expression evaluation failed. DivideByZeroException"),
        "{}",
        error.message
    );
}

#[tokio::test]
async fn the_scope_and_the_path_are_those_of_the_statement() {
    let gateway = Gateway::start().await;
    let inner = gateway.policy(
        "<policies><inbound><choose><when condition=\"true\" /></choose><base /></inbound></policies>",
    );
    let outer = gateway.policy(&format!("<policies><inbound>{ZERO}{FAILS}</inbound></policies>"));
    let ran = gateway.run_scopes(&Policies::of(&inner).within("global", &outer), get("/")).await;
    let error = ran.context.last_error.unwrap();
    assert_eq!((&*error.scope, &*error.path), ("global", "set-variable[2]"));
}

#[tokio::test]
async fn a_condition_that_fails_stands_in_its_when() {
    let gateway = Gateway::start().await;
    let text = format!(
        "{ZERO}<choose><when condition=\"false\" /><when condition=\"@(1 / (int)context.Variables[\"zero\"] > \
         0)\" /></choose>"
    );
    let error = "ExpressionValueEvaluationFailure inbound choose[1]/when[2]";
    assert_eq!(gateway.inbound(&text).await.error().as_deref(), Some(error));
}

#[tokio::test]
async fn without_on_error_the_answer_is_a_500_that_names_no_value() {
    let gateway = Gateway::start().await;
    let mut context = get("/");
    context.variables.set("secret", larder_client::context::Datum::text("s3cr3t"));
    let text = "<policies><inbound><set-variable name=\"x\" value=\"@((int)context.Variables[\"secret\"])\" />\
                </inbound></policies>";
    let mut ran = gateway.run(text, context).await;
    assert_eq!((ran.status(), gateway.backend.calls()), (500, 0));
    assert_eq!(ran.body().await, "{ \"statusCode\": 500, \"message\": \"Internal server error\" }");
    assert_eq!(ran.header("content-type").as_deref(), Some("application/json"));
    assert!(!ran.context.last_error.unwrap().message.contains("s3cr3t"));
    assert!(!format!("{:?}", ran.answer.record).contains("s3cr3t"));
}

#[tokio::test]
async fn on_error_decides_the_answer() {
    let gateway = Gateway::start().await;
    let with = |on_error: &str| {
        format!("<policies><inbound>{ZERO}{FAILS}</inbound><on-error>{on_error}</on-error></policies>")
    };
    let mut ran = gateway
        .get(&with(
            "<set-header name=\"X-Reason\"><value>@(context.LastError.Reason)</value></set-header><set-status \
             code=\"503\" /><set-body>@(context.LastError.Source + \" \" + context.LastError.Section)</set-body>",
        ))
        .await;
    assert_eq!(ran.status(), 503);
    assert_eq!(ran.header("X-Reason").as_deref(), Some("ExpressionValueEvaluationFailure"));
    assert_eq!(ran.body().await, "set-variable inbound");
    let returned = "<return-response><set-status code=\"299\" /></return-response>";
    let mut ran = gateway.get(&with(returned)).await;
    assert_eq!((ran.status(), ran.body().await.as_str()), (299, ""));
}

#[tokio::test]
async fn an_error_in_on_error_is_the_last_one() {
    let gateway = Gateway::start().await;
    let text = format!(
        "<policies><inbound><set-header name=\"@((string)null)\" />{ZERO}</inbound><on-error>{ZERO}<set-status \
         code=\"299\" />{FAILS}</on-error></policies>"
    );
    let ran = gateway.get(&text).await;
    assert_eq!(ran.status(), 500);
    let error = "ExpressionValueEvaluationFailure on-error set-variable[2]";
    assert_eq!(ran.error().as_deref(), Some(error));
}

#[tokio::test]
async fn an_error_in_outbound_replaces_the_response() {
    let gateway = Gateway::start().await;
    let text = format!(
        "<policies><inbound>{ZERO}</inbound><outbound>{FAILS}</outbound><on-error><set-variable name=\"status\" \
         value=\"@(context.Response.StatusCode)\" /></on-error></policies>"
    );
    let mut ran = gateway.get(&text).await;
    assert_eq!((ran.status(), ran.variable("status").as_deref()), (500, Some("int:500")));
    assert!(!ran.body().await.contains("body 1"));
}

#[tokio::test]
async fn a_body_is_read_before_an_expression_looks_at_it() {
    let gateway = Gateway::before(Backend::new(|_| {
        let mut response = response(200, "x");
        response.body = stream(&["from ", "the ", "backend"]);
        Ok(response)
    }))
    .await;
    let mut context = request("POST", "/");
    context.request.body = stream(&["from the ", "client"]);
    let keep = |name: &str, of: &str| {
        format!(
            "<set-variable name=\"{name}\" value=\"@(context.{of}.Body.As<string>(preserveContent: true))\" />"
        )
    };
    let text = format!(
        "<policies><inbound>{}</inbound><outbound>{}</outbound></policies>",
        keep("request", "Request"),
        keep("response", "Response")
    );
    let mut ran = gateway.run(&text, context).await;
    assert_eq!(
        ran.variable("request").as_deref(),
        Some("string:from the client"),
        "{:?}",
        ran.context.last_error
    );
    assert_eq!(ran.variable("response").as_deref(), Some("string:from the backend"));
    assert_eq!(gateway.backend.body.lock().unwrap().as_deref(), Some(b"from the client".as_slice()));
    assert_eq!(ran.body().await, "from the backend");
}

#[tokio::test]
async fn a_body_that_is_too_long_fails_the_expression() {
    let limit = |engine: EngineBuilder| engine.body_bytes_max(10);
    let gateway = Gateway::with(Backend::counting(), |cache| cache, limit).await;
    for (pieces, status) in [(["12345", "67890"], 200), (["12345", "678901"], 500)] {
        let mut context = request("POST", "/");
        context.request.body = stream(&pieces);
        let text = "<policies><inbound><set-variable name=\"b\" value=\"@(context.Request.Body.As<string>(true))\" />\
                    </inbound></policies>";
        let ran = gateway.run(text, context).await;
        assert_eq!(ran.status(), status);
        if status == 500 {
            let message = &ran.context.last_error.unwrap().message;
            assert!(message.ends_with("The body of the request is longer than 10 bytes."), "{message}");
        }
    }
}
