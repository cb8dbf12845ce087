//! Statements of the gateway: who runs them, what they see, and what becomes of those nobody knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_client::dotnet::text::Formattable;
use larder_client::engine::{Call, Decision, EngineBuilder, Handled, Handler, Policy, StatementError};
use larder_client::policy::{Fragments, NamedValues, ProblemKind};
use tokio::sync::Semaphore;

use crate::gateway::{Backend, Gateway, response};

/// `<gate />` waits for a permit.
struct Gate {
    permits: Arc<Semaphore>,
}

static WAITING: AtomicUsize = AtomicUsize::new(0);

impl Handler for Gate {
    fn knows(&self, name: &str) -> bool {
        name == "gate"
    }

    fn run<'a>(&'a self, _: Call<'a>) -> Handled<'a> {
        Box::pin(async {
            WAITING.fetch_add(1, Ordering::SeqCst);
            self.permits.acquire().await.unwrap().forget();
            Ok(Decision::Continue)
        })
    }
}

pub(crate) fn gated(permits: &Arc<Semaphore>) -> impl Fn(EngineBuilder) -> EngineBuilder + use<> {
    let permits = permits.clone();
    move |engine| engine.handler(Gate { permits: permits.clone() })
}

/// How many requests have come to a gate so far. One test has gates.
pub(crate) fn waiting(_: &Gateway) -> usize {
    WAITING.load(Ordering::SeqCst)
}

/// `note` keeps what its `text` and its `line` elements say; `stop` answers; `break` fails.
struct Own;

impl Handler for Own {
    fn knows(&self, name: &str) -> bool {
        matches!(name, "note" | "stop" | "break")
    }

    fn run<'a>(&'a self, mut call: Call<'a>) -> Handled<'a> {
        Box::pin(async move {
            let element = call.element();
            match element.name.as_str() {
                "note" => {
                    let mut note = call.text("text").await?.unwrap_or_default().to_string();
                    for line in element.elements().filter_map(|line| line.text()) {
                        note += &call.value(line).await?.to_text("").unwrap();
                    }
                    let note = format!("{} {note}", call.section());
                    call.context().variables.set("note", larder_client::context::Datum::text(&note));
                    Ok(Decision::Continue)
                }
                "stop" => Ok(Decision::Respond(response(202, "stopped"))),
                _ => Err(StatementError::new("Broken", "It broke.").answer(response(418, "broke"))),
            }
        })
    }
}

async fn gateway() -> Gateway {
    Gateway::with(Backend::counting(), |cache| cache, |engine| engine.handler(Own)).await
}

#[tokio::test]
async fn a_handler_gets_what_the_statement_says_evaluated() {
    let gateway = gateway().await;
    let ran = gateway
        .inbound(
            "<set-variable name=\"n\" value=\"@(1)\" /><note text=\"@(\"a\" + context.Variables[\"n\"])\">\
             <line>b</line><line>@(2 + 3)</line></note>",
        )
        .await;
    assert_eq!(ran.variable("note").as_deref(), Some("string:inbound a1b5"));
    assert_eq!(gateway.inbound("<note />").await.variable("note").as_deref(), Some("string:inbound "));
}

#[tokio::test]
async fn a_handler_answers_and_nothing_else_runs() {
    let gateway = gateway().await;
    let text = "<policies><inbound><stop /><note /></inbound><outbound><note /></outbound></policies>";
    let mut ran = gateway.get(text).await;
    assert_eq!((ran.status(), ran.body().await.as_str()), (202, "stopped"));
    assert_eq!((ran.variable("note"), gateway.backend.calls()), (None, 0));
}

#[tokio::test]
async fn a_handler_fails_and_on_error_runs() {
    let gateway = gateway().await;
    let text = "<policies><inbound><break id=\"b1\" /></inbound><on-error><note /></on-error></policies>";
    let mut ran = gateway.get(text).await;
    assert_eq!((ran.status(), ran.body().await.as_str()), (418, "broke"));
    assert_eq!(ran.variable("note").as_deref(), Some("string:on-error "));
    let error = ran.context.last_error.unwrap();
    assert_eq!((&*error.source, &*error.reason, &*error.policy_id), ("break", "Broken", "b1"));
}

#[tokio::test]
async fn an_expression_in_a_statement_of_the_gateway_is_compiled_when_it_is_read() {
    let gateway = gateway().await;
    let text =
        "<policies><inbound><note text=\"@(nothing)\"><line>@(\"a\" * 2)</line></note></inbound></policies>";
    let problems = gateway.engine.read(text, &NamedValues::new(), &Fragments::new()).unwrap_err();
    let kinds: Vec<ProblemKind> = problems.errors().iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, [ProblemKind::Expression; 2], "{problems}");
}

/// None is left out in silence: neither a stranger's nor one that is misspelt, nor one in a fragment.
#[test]
fn a_statement_that_nobody_knows_is_an_error() {
    let fragments = Fragments::new().with("f", "<fragment><validate-jwt /></fragment>");
    let text = "<policies>\n<inbound><cache-lookup-valu key=\"k\" /><send-request><x /></send-request>\n\
                <include-fragment fragment-id=\"f\" /></inbound>\n</policies>";
    let problems = Policy::read(text, &NamedValues::new(), &fragments, |_| false).unwrap_err();
    let lines: Vec<String> = problems.errors().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "error: line 2, column 10, inbound, cache-lookup-valu: found \"cache-lookup-valu\", expected \
             cache-lookup-value, or a statement that the gateway knows",
            "error: line 2, column 39, inbound, send-request: found \"send-request\", expected a statement that \
             Larder or the gateway knows",
            "error: fragment f, line 1, column 11, validate-jwt: found \"validate-jwt\", expected a statement that \
             Larder or the gateway knows",
        ]
    );
    let knows = |name: &str| matches!(name, "cache-lookup-valu" | "send-request" | "validate-jwt");
    assert!(Policy::read(text, &NamedValues::new(), &fragments, knows).is_ok());
}
