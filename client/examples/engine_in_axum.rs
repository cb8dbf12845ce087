//! An axum server whose requests run through a policy: the engine answers, and a router is the backend that
//! the policy forwards to. Routes of several APIs, subscriptions and named values are left to the gateway.
//!
//! ```text
//! cargo run -p larder-client --example engine_in_axum -- 127.0.0.1:8080 127.0.0.1:6379
//! curl -i http://127.0.0.1:8080/orders/1
//! ```

#![expect(clippy::print_stdout, reason = "it says where it listens")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Path, Request, State};
use axum::routing::get;
use axum::{Router, response};
use http_body_util::BodyExt;
use larder_client::context::{self, Api, Content, Context, Url};
use larder_client::engine::{Engine, Forward, ForwardError, ForwardOptions, Policies};
use larder_client::policy::{Fragments, NamedValues};
use larder_client::{Cache, Clock, SystemClock};
use tower_service::Service;

const POLICY: &str = r#"
<policies>
    <inbound>
        <cache-lookup vary-by-developer="false" vary-by-developer-groups="false">
            <vary-by-query-parameter>page</vary-by-query-parameter>
        </cache-lookup>
        <rate-limit-by-key calls="100" renewal-period="60" counter-key="@(context.Request.Url.Host)" />
    </inbound>
    <outbound>
        <cache-store duration="60" />
        <set-header name="x-order-path">
            <value>@(context.Request.Url.Path)</value>
        </set-header>
    </outbound>
</policies>"#;

struct Gateway {
    engine: Engine,
    policies: Policies,
    backend: Backend,
    api: Arc<Api>,
    clock: Arc<SystemClock>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let listen = args.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let nodes = args.next().unwrap_or_else(|| "127.0.0.1:6379".to_owned());

    let clock = Arc::new(SystemClock::new());
    let cache = Cache::builder("local").internal(nodes).build()?;
    let engine = Engine::builder(cache).clock(clock.clone()).debug_headers(true).build();
    let policy = engine.read(POLICY, &NamedValues::new(), &Fragments::new())?;
    let gateway = Gateway {
        engine,
        policies: Policies::of(&policy),
        backend: Backend(Router::new().route("/orders/{id}", get(order))),
        api: Arc::new(Api { id: "orders".into(), ..Api::default() }),
        clock,
    };
    let router = Router::new().fallback(answer).with_state(Arc::new(gateway));

    let listener = tokio::net::TcpListener::bind(&listen).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, router).await?;
    Ok(())
}

/// Every request: into a context, through the policy, out of the response.
async fn answer(State(gateway): State<Arc<Gateway>>, request: Request) -> response::Response {
    let (head, body) = request.into_parts();
    let host = context::joined(&head.headers, "host").unwrap_or_default();
    let mut asked = context::Request::new(head.method, Url::of(&head.uri, &host, "http"));
    asked.headers = head.headers;
    asked.body = into_content(body);
    let mut context = Context::new(asked);
    context.api = gateway.api.clone();
    context.started = gateway.clock.now();
    let answer = gateway.engine.run(&gateway.policies, &mut context, &gateway.backend).await;
    let mut response = response::Response::new(into_body(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// The backend of this gateway lies in the same process; another one has an HTTP client here.
struct Backend(Router);

impl Forward for Backend {
    async fn forward(
        &self,
        context: &mut Context,
        _: &ForwardOptions,
    ) -> Result<context::Response, ForwardError> {
        let asked = &mut context.request;
        let target = format!("{}{}", asked.url.path, asked.url.query_string());
        let mut request = Request::new(into_body(std::mem::take(&mut asked.body)));
        *request.method_mut() = asked.method.clone();
        *request.uri_mut() = target.parse().map_err(|_| ForwardError::Refused {
            status: http::StatusCode::BAD_REQUEST,
            why: "the policy made a path that no request can have".to_owned(),
        })?;
        *request.headers_mut() = asked.headers.clone();
        let Ok(answer) = self.0.clone().call(request).await;
        let (head, body) = answer.into_parts();
        let mut response = context::Response::new(head.status);
        response.headers = head.headers;
        response.body = into_content(body);
        Ok(response)
    }
}

fn into_content(body: Body) -> Content {
    if body.is_end_stream() {
        return Content::Absent;
    }
    Content::Stream(body.map_err(Into::into).boxed_unsync())
}

fn into_body(content: Content) -> Body {
    match content {
        Content::Absent | Content::Consumed => Body::empty(),
        Content::Bytes(bytes) => Body::from(bytes),
        Content::Stream(stream) => Body::new(stream),
    }
}

/// What is worth keeping: it takes its time.
async fn order(Path(id): Path<u32>) -> String {
    tokio::time::sleep(Duration::from_millis(300)).await;
    format!("order {id}\n")
}
