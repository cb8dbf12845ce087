//! Runs a case through the built `larder-gateway`: clients and backend speak HTTP with a process. Only cases that ask for
//! it, and that speak of nothing but requests and stores: the process has a clock of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client;
use hyper::server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use larder_tests::clock;
use larder_tests::gateway::Gateway;
use larder_tests::process::new_directory;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::backend::{Backend, header_map};
use crate::case::{Act, Case, Exchange, Holds, Scope, StoreName};
use crate::compare::{self, Failure, Seen};
use crate::pattern::Pattern;
use crate::run::{Report, Stores};

/// Runs a case to its end.
pub(crate) async fn run(case: &Case, mut stores: Stores) -> Report {
    let backend = Backend::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let mut serving = JoinSet::new();
    serving.spawn(serve(listener, backend.clone()));
    let failures = match tokio::task::block_in_place(|| start(case, &stores, port)) {
        Ok(gateway) => {
            stores.internal.wait_for_client(&case.name).await;
            stores.external.wait_for_client(&case.name).await;
            acts(case, &mut stores, &backend, &gateway).await
        }
        Err(error) => vec![Failure::new(0, "a gateway that starts", error)],
    };
    Report::new(&case.name, "through larder-gateway", failures)
}

async fn acts(case: &Case, stores: &mut Stores, backend: &Backend, gateway: &Gateway) -> Vec<Failure> {
    let started = clock::now();
    let mut failures = Vec::new();
    let mut last: BTreeMap<bool, Option<&Holds>> = BTreeMap::from([(true, None), (false, None)]);
    for act in &case.acts {
        match act {
            Act::Exchange(exchange) => failures.extend(one(exchange, backend, gateway).await),
            Act::Given(given) => {
                let store = stores.of(given.store);
                store.give(given).await.expect("the store answers");
            }
            // Entries may be stored behind the client's back: they are compared at the end.
            Act::Holds(holds) => drop(last.insert(holds.store == StoreName::Internal, Some(holds))),
            Act::Warned(_) => {}
            Act::Gateway(_) | Act::Caller(_) | Act::Pass(_) | Act::Refused(_) => {
                failures.push(Failure::new(0, "a case of requests and stores alone", format!("{act:?}")));
            }
        }
    }
    for (is_internal, holds) in last {
        let store = if is_internal { StoreName::Internal } else { StoreName::External };
        let mut names = backend.with_names(|names| names.clone());
        let (store, elapsed) = (stores.of(store), clock::now() - started);
        let compared = store.compare(holds, 0, elapsed, &mut names).await;
        failures.extend(compared.expect("the store answers"));
    }
    failures
}

async fn one(exchange: &Exchange, backend: &Backend, gateway: &Gateway) -> Vec<Failure> {
    backend.expect(exchange);
    let asked = ask(exchange, backend, gateway.port()).await;
    let mut failures = backend.finish();
    match asked {
        Ok(seen) => {
            failures.extend(backend.with_names(|names| compare::message(&exchange.answer, &seen, names)));
        }
        Err(error) => failures.push(Failure::new(exchange.line, "an answer", error.to_string())),
    }
    failures
}

async fn ask(exchange: &Exchange, backend: &Backend, port: u16) -> Result<Seen, hyper::Error> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the gateway listens");
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let filled = |text: &str| backend.with_names(|names| Pattern::filled(text, names));
    let headers: Vec<_> =
        exchange.headers.iter().map(|(name, value)| (name.clone(), filled(value))).collect();
    let body = Full::new(Bytes::from(exchange.body.clone().unwrap_or_default()));
    let mut request = Request::new(body);
    *request.method_mut() = exchange.method.parse().expect("a method");
    *request.uri_mut() = filled(&exchange.target).parse().expect("a target");
    *request.headers_mut() = header_map(&headers);
    request.headers_mut().insert(header::HOST, header::HeaderValue::from_static("gateway.example"));
    let (head, body) = sender.send_request(request).await?.into_parts();
    // A reason that is not the usual one comes beside the status.
    let reason = head.extensions.get::<hyper::ext::ReasonPhrase>();
    let reason = reason.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    let reason = reason.unwrap_or_else(|| head.status.canonical_reason().unwrap_or_default().to_owned());
    let start = format!("{} {reason}", head.status.as_u16());
    Ok(Seen { start, headers: head.headers, body: body.collect().await?.to_bytes() })
}

fn start(case: &Case, stores: &Stores, backend_port: u16) -> Result<Gateway, String> {
    let [(Scope::Operation, policy)] = case.policies.as_slice() else {
        return Err("larder-gateway takes one policy".to_owned());
    };
    let directory = new_directory().expect("a directory");
    let mut flags = vec![
        "--service".to_owned(),
        stores.internal.service.clone(),
        "--internal".to_owned(),
        format!("{},name={}", stores.internal.address, case.name),
        "--external".to_owned(),
        format!("Default={},name={}", stores.external.address, case.name),
        "--time-budget-ms".to_owned(),
        "10000".to_owned(),
    ];
    for (name, value) in &case.named {
        flags.extend(["--named".to_owned(), format!("{name}={value}")]);
    }
    for (name, block) in &case.fragments {
        let file = directory.join(format!("{name}.xml"));
        fs::write(&file, &block.text).expect("the fragment can be written");
        flags.extend(["--fragment".to_owned(), format!("{name}={}", file.display())]);
    }
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let gateway = Gateway::start_with(&policy.text, backend_port, &flags);
    fs::remove_dir_all(&directory).expect("the directory can be removed");
    gateway
}

/// The backend as a server; it ends when its task does.
async fn serve(listener: TcpListener, backend: Backend) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let backend = backend.clone();
        let service = service_fn(move |request| answer(request, backend.clone()));
        connections
            .spawn(server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    backend: Backend,
) -> Result<http::Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let start = format!("{} {}", head.method, head.uri);
    let seen = Seen { start, headers: head.headers, body };
    match backend.reply(&seen).await {
        None => Err(io::Error::other("the connection ends here")),
        Some((status, headers, body)) => {
            let mut response = http::Response::new(Full::new(Bytes::from(body.unwrap_or_default())));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            *response.headers_mut() = header_map(&headers);
            Ok(response)
        }
    }
}
