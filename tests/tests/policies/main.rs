//! The policies of `tests/policies`: each case is read, run end to end and compared. `LARDER_POLICY=name` picks cases
//! whose name contains this; `LARDER_REWRITE=policies` writes the table of `tests/policies/README.md` anew.

mod backend;
mod case;
mod clock;
mod compare;
mod context;
mod features;
mod pattern;
mod read;
mod read_tests;
mod run;
mod shapes;
mod stores;
mod through_gateway;
mod uses;

use std::fs;
use std::path::{Path, PathBuf};

use std::sync::Arc;

use larder_client::policy::{Document, Fragments, NamedValues};
use larder_tests::process::{Peer, Server};
use redis::aio::MultiplexedConnection;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::case::{Act, Case};
use crate::run::{Report, Stores};
use crate::stores::Store;

/// Redis is the external cache, Larder the internal one.
#[test]
fn the_cases_run_with_redis_outside() {
    all_are_right(&run_all(cases(), REDIS_OUTSIDE));
}

/// Those cases that say so, with clients, a process and a backend that speak HTTP.
#[test]
fn some_cases_run_through_the_gateway() {
    let marked: Vec<Case> = cases().into_iter().filter(|case| case.through_gateway).collect();
    let is_whole = std::env::var("LARDER_POLICY").is_err();
    assert!(!is_whole || marked.len() >= THROUGH_GATEWAY_MIN, "only {} cases", marked.len());
    all_are_right(&run_all(marked, Layout { through_gateway: true, ..REDIS_OUTSIDE }));
}

/// A case that is wrong in every line is told line by line: a runner that sees nothing would take it.
#[test]
fn a_wrong_case_is_told() {
    let reports = run_all(vec![read::read("wrong", WRONG).expect("it can be read")], REDIS_OUTSIDE);
    let lines: Vec<usize> = reports[0].lines();
    assert_eq!(lines, WRONG_LINES, "{}", reports[0]);
}

/// The other way round: what an application sees does not depend on which server it is.
#[test]
fn the_cases_run_with_larder_outside() {
    all_are_right(&run_all(cases(), LARDER_OUTSIDE));
}

/// As many as issue and reference ask for, and what they show.
#[test]
fn there_are_enough_cases_of_everything() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "{} cases, expected at least {CASES_MIN}", cases.len());
    let missing = features::missing(&cases);
    assert!(missing.is_empty(), "too few cases of:\n{}", missing.join("\n"));
}

/// The table of what the cases hold is that of the cases.
#[test]
fn the_page_counts_what_is_there() {
    let path = folder().join("README.md");
    let page = fs::read_to_string(&path).expect("the page is there");
    let wanted = features::page(&page, &cases());
    if std::env::var("LARDER_REWRITE").is_ok_and(|value| value == "policies") {
        fs::write(&path, &wanted).expect("the page can be written");
        return;
    }
    assert!(
        page == wanted,
        "tests/policies/README.md is out of date: \
         LARDER_REWRITE=policies cargo test -p larder-tests --test policies"
    );
}

/// The reader takes every policy but those whose case says that it is refused.
#[test]
fn every_policy_is_read() {
    let mut faults = Vec::new();
    for case in cases().iter().filter(|case| !case.acts.iter().any(|act| matches!(act, Act::Refused(_)))) {
        let named = NamedValues::new();
        let named = case.named.iter().fold(named, |named, (name, value)| named.with(name, value));
        let fragments = Fragments::new();
        let fragments = case.fragments.iter().fold(fragments, |all, (id, block)| all.with(id, &block.text));
        for (_, policy) in &case.policies {
            if let Err(problems) = Document::read(&policy.text, &named, &fragments) {
                faults.push(format!("{}.case, the policy of line {}:\n{problems:#}", case.name, policy.line));
            }
        }
    }
    assert!(faults.is_empty(), "{} policies are not taken:\n{}", faults.len(), faults.join("\n"));
}

fn all_are_right(reports: &[Report]) {
    let mut failed: Vec<&Report> = reports.iter().filter(|report| !report.lines().is_empty()).collect();
    failed.sort_by_key(|report| report.to_string());
    let told: String = failed.iter().map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{} of {} cases failed:\n{told}", failed.len(), reports.len());
}

/// Which server is which, and what stands between.
#[derive(Clone, Copy)]
struct Layout {
    name: &'static str,
    external: Peer,
    internal: Peer,
    through_gateway: bool,
}

/// Runs cases, some at a time, on one server of each kind.
fn run_all(cases: Vec<Case>, layout: Layout) -> Vec<Report> {
    let start = |peer| Server::start(peer, &[]).unwrap_or_else(|error| panic!("{error}"));
    let (external, internal) = (start(layout.external), start(layout.internal));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let (internal, external) = (connect(&internal).await, connect(&external).await);
        let permits = Arc::new(Semaphore::new(CASES_AT_ONCE));
        let mut running = JoinSet::new();
        for case in cases {
            let store = |(connection, address): &(MultiplexedConnection, String)| Store {
                connection: connection.clone(),
                address: address.clone(),
                service: case.name.clone(),
            };
            let stores =
                Stores { layout: layout.name, internal: store(&internal), external: store(&external) };
            let permits = permits.clone();
            running.spawn(async move {
                let _permit = permits.acquire().await;
                match layout.through_gateway {
                    true => through_gateway::run(&case, stores).await,
                    false => run::run(&case, stores).await,
                }
            });
        }
        running.join_all().await
    })
}

async fn connect(server: &Server) -> (MultiplexedConnection, String) {
    let client = redis::Client::open(format!("redis://{}", server.address())).expect("an address");
    let connection = client.get_multiplexed_async_connection().await.expect("the server answers");
    (connection, server.address())
}

/// All cases, or those that are asked for.
fn cases() -> Vec<Case> {
    let wanted = std::env::var("LARDER_POLICY").unwrap_or_default();
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the cases are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "case"))
        .collect();
    paths.sort();
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a case can be read");
        match read::read(&name, &text) {
            Ok(case) => cases.push(case),
            Err((line, fault)) => faults.push(format!("{name}.case:{line}: {fault}")),
        }
    }
    assert!(faults.is_empty(), "{} cases are not understood:\n{}", faults.len(), faults.join("\n"));
    cases.retain(|case| case.name.contains(&wanted));
    cases
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

const REDIS_OUTSIDE: Layout =
    Layout { name: "redis outside", external: Peer::Redis, internal: Peer::Larder, through_gateway: false };
const LARDER_OUTSIDE: Layout =
    Layout { name: "larder outside", external: Peer::Larder, internal: Peer::Redis, through_gateway: false };

const THROUGH_GATEWAY_MIN: usize = 8;
const CASES_MIN: usize = 120;
const CASES_AT_ONCE: usize = 8;

const WRONG: &str = "\
Every line that can be wrong is wrong.

=== policy
<policies>
  <inbound>
    <cache-store-value key=\"k\" value=\"v\" duration=\"60\" />
    <cache-store-value key=\"l\" value=\"v\" duration=\"60\" caching-type=\"internal\" />
  </inbound>
</policies>

=== policy is warned of
<any>nothing of the kind<any>
=== request
GET /a
X-A: 1
=== backend is asked
POST /b
X-A: 2
no X-A
X-B: 1

body
=== backend answers
200
X-C: 1

text
=== answer
201
X-C: 2
no X-C
X-D: 1

txt
=== request
GET /not-told
=== answer
501
=== request
GET /told-twice
=== backend answers
200
=== backend answers
200
=== answer
200
=== external holds
k = string w, 60 s
k = string v, 65..70 s
=== 10 seconds pass
=== external holds
k = string v, 60 s
=== internal holds
nothing
";
const WRONG_LINES: &[usize] = &[12, 17, 18, 19, 20, 22, 29, 30, 31, 32, 34, 36, 43, 48, 49, 52, 53];
