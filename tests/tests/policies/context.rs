//! What a gateway fills in for a request of a case: the request itself, who calls, and what is called.

use std::sync::Arc;

use http::Method;
use indexmap::IndexMap;
use larder_client::context::{
    Api, Context, Deployment, Group, Operation, Product, Request, Subscription, Url, User,
};
use larder_client::{Clock, WallClock};

use crate::backend::{header_map, streamed};
use crate::case::{Exchange, Gateway};
use crate::clock::StillClock;
use crate::pattern::{Names, Pattern};

/// Who calls: the words of a block `caller`.
pub(crate) type Caller = Vec<(&'static str, String)>;

/// The context of a request.
pub(crate) fn context(
    exchange: &Exchange,
    caller: &Caller,
    gateway: &Gateway,
    clock: &StillClock,
    names: &Names,
) -> Context {
    let said = |name: &str| caller.iter().find(|(word, _)| *word == name).map(|(_, value)| value.as_str());
    let mut context = Context::new(request(exchange, caller, names));
    context.started = clock.now();
    context.timestamp = clock.date();
    context.request_id = larder_client::Guid(fastrand::u128(..).to_be_bytes());
    context.deployment = Arc::new(Deployment {
        gateway_id: "managed".into(),
        region: gateway.region.as_str().into(),
        service_id: "service".into(),
        service_name: "service".into(),
    });
    let api = said("api").unwrap_or("api");
    context.api = Arc::new(Api { id: api.into(), name: api.into(), ..Api::default() });
    let operation = said("operation").unwrap_or("operation");
    context.operation =
        Arc::new(Operation { id: operation.into(), name: operation.into(), ..Operation::default() });
    context.product = said("product")
        .map(|name| Arc::new(Product { id: name.into(), name: name.into(), ..Product::default() }));
    context.subscription = said("subscription")
        .map(|id| Arc::new(Subscription { id: id.into(), name: id.into(), ..Subscription::default() }));
    let groups = caller.iter().filter(|(word, _)| *word == "group");
    let groups = groups.map(|(_, name)| Group { id: name.as_str().into(), name: name.as_str().into() });
    let groups: Vec<Group> = groups.collect();
    context.user = said("user").map(|id| Arc::new(User { id: id.into(), groups, ..User::default() }));
    context
}

fn request(exchange: &Exchange, caller: &Caller, names: &Names) -> Request {
    let said = |name: &str| caller.iter().find(|(word, _)| *word == name).map(|(_, value)| value.as_str());
    let target = Pattern::filled(&exchange.target, names);
    let method = Method::from_bytes(exchange.method.as_bytes()).expect("a method");
    let url = |host: &str| Url::parse(&format!("http://{host}{target}")).expect("a path and a query");
    let mut request = Request::new(method, url("backend.example"));
    request.original_url = url("gateway.example");
    let headers = exchange.headers.iter();
    let headers: Vec<_> =
        headers.map(|(name, value)| (name.clone(), Pattern::filled(value, names))).collect();
    request.headers = header_map(&headers);
    request.body = streamed(exchange.body.clone());
    request.ip_address = Some(said("address").unwrap_or("192.0.2.1").parse().expect("an address"));
    request.matched_parameters =
        said("template").map(|template| matched(template, &request.url.path)).unwrap_or_default();
    request
}

/// The parameters of a template like `/orders/{id}` in a path.
fn matched(template: &str, path: &str) -> IndexMap<Arc<str>, Arc<str>> {
    let parts = template.split('/').zip(path.split('/'));
    let named = parts.filter_map(|(part, value)| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some((name.into(), value.into()))
    });
    named.collect()
}
