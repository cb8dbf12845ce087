//! The reference pages that are made of the code and say what it says: settings, commands, metrics.
//! `LARDER_REWRITE=docs cargo test -p larder-tests --test documents` writes them anew.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_node::commands;
use larder_node::commands::spec::{Group, Run};
use larder_node::commands::table::Row;
use larder_node::config::{self, ROWS};
use larder_tests::process::{Peer, Server};
use larder_tests::wire::Connection;

#[test]
fn settings_are_listed_as_they_are() {
    agree("docs/settings.md", &settings());
}

#[test]
fn commands_are_listed_as_they_are() {
    agree("docs/commands.md", &commands_page());
}

#[test]
fn metrics_are_listed_as_they_are() {
    agree("docs/metrics.md", &metrics());
}

/// Every link of the documents to a file leads to one.
#[test]
fn links_lead_somewhere() {
    for page in PAGES {
        let text = fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        let folder = Path::new(page).parent().unwrap_or(Path::new(""));
        for link in links(&text) {
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = root().join(if file.is_empty() { PathBuf::from(page) } else { folder.join(file) });
            assert!(target.exists(), "{page}: nothing at {link}");
            let known =
                || headings(&fs::read_to_string(&target).unwrap_or_default()).contains(&fragment.to_owned());
            assert!(fragment.is_empty() || known(), "{page}: no heading for {link}");
        }
    }
}

/// The tests that hold the invariants are there, each in the file that is said.
#[test]
fn every_invariant_has_its_test() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page");
    let mut tests = 0;
    for row in text.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`: `")) {
        let cell = row.rsplit(" | ").next().expect("a last cell");
        let (mut file, mut source) = (String::new(), String::new());
        for name in cell.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") {
                file = name.to_owned();
                source =
                    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            } else {
                assert!(source.contains(&format!("fn {name}(")), "there is no {name} in {file}");
                tests += 1;
            }
        }
    }
    assert!(tests > 15, "{tests} tests are named");
}

/// Flags, variables and metrics that the documents name are there.
#[test]
fn what_the_documents_name_exists() {
    let mut line = config::command_line();
    let mut help = line.render_help().to_string();
    for verb in line.get_subcommands_mut() {
        help.push_str(&verb.render_help().to_string());
        verb.get_subcommands_mut().for_each(|part| help.push_str(&part.render_help().to_string()));
    }
    let metrics = metrics();
    for page in PAGES {
        let text = fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
        let gateways = |name: &&str| name.starts_with("LARDER_GATEWAY_") && gateway_has(name);
        let own = |name: &&str| OWN_VARIABLES.contains(name) || gateways(name);
        for name in words_from(&text, "LARDER_").filter(|name| !own(name)) {
            let setting = name["LARDER_".len()..].to_ascii_lowercase().replace('_', "-");
            assert!(ROWS.iter().any(|row| row.name == setting) || setting == "config", "{page}: {name}");
        }
        for name in words_from(&text, "larder_").filter(|name| !OTHER_NAMES.contains(name)) {
            let is_metric = metrics.contains(&format!("`{name}`")) || client_counts(name);
            assert!(is_metric, "{page}: {name} is no metric");
        }
        // The gateway's flags are its own.
        let runs_node = |line: &&str| line.contains("larder ") || line.contains("cargo run --release");
        for line in text.lines().filter(runs_node).filter(|line| !line.contains("--example")) {
            for flag in words_from(line, "--").filter(|flag| !OTHERS_FLAGS.contains(flag)) {
                assert!(help.contains(flag), "{page}: {flag} is no flag of larder");
            }
        }
    }
}

/// The client's lines are those of its own documentation, which is compiled; the gateway's flags are rows of its own.
#[test]
fn the_gateway_part_is_that_of_the_client() {
    let read =
        |name: &str| fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let readme = read("README.md");
    let documented = read("client/src/lib.rs");
    let block =
        readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of Rust");
    assert!(block.lines().count() >= 10);
    for line in block.lines().filter(|line| !line.is_empty()) {
        assert!(documented.contains(&format!("//! {line}\n")), "README.md: not in client/src/lib.rs: {line}");
    }
    let rows = read("client/src/bin/larder-gateway/settings/rows.rs");
    let lines = readme.lines().filter(|line| line.contains("larder-gateway") || line.starts_with("    --"));
    let its_page = read("docs/larder-gateway.md");
    let named = |page, line| words_from(line, "--").map(move |flag| (page, flag));
    let flags = lines.flat_map(|line| named("README.md", line));
    let flags = flags.chain(named("docs/larder-gateway.md", &its_page));
    for (page, flag) in flags.filter(|(_, flag)| !OTHERS_FLAGS.contains(flag)) {
        let is_row = rows.contains(&format!("\"{}\",", flag.trim_start_matches('-')));
        assert!(
            is_row || ["--check", "--config", "--help"].contains(&flag),
            "{page}: the gateway has no {flag}"
        );
    }
}

/// Whether the client has a metric of this name.
fn client_counts(name: &str) -> bool {
    let sources = ["client/src/metrics.rs", "client/src/engine/metrics.rs", "client/src/http/counters.rs"];
    sources.iter().any(|source| {
        let text =
            fs::read_to_string(root().join(source)).unwrap_or_else(|error| panic!("{source}: {error}"));
        text.contains(&format!("\"{name}\""))
    })
}

/// Whether the gateway has the setting of this variable.
fn gateway_has(variable: &str) -> bool {
    let rows = fs::read_to_string(root().join("client/src/bin/larder-gateway/settings/rows.rs"));
    let name = variable["LARDER_GATEWAY_".len()..].to_ascii_lowercase().replace('_', "-");
    rows.expect("the gateway's rows").contains(&format!("\"{name}\","))
}

/// Compares a page with what it should be, or writes it.
fn agree(name: &str, wanted: &str) {
    let path = root().join(name);
    if std::env::var("LARDER_REWRITE").is_ok_and(|value| value == "docs") {
        fs::write(&path, wanted).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{name} is out of date: LARDER_REWRITE=docs cargo test -p larder-tests --test documents"
    );
}

fn settings() -> String {
    let mut text = HEAD_SETTINGS.to_owned();
    for row in ROWS {
        let variable = format!("LARDER_{}", row.name.to_ascii_uppercase().replace('-', "_"));
        let default = if row.default.is_empty() { "none".to_owned() } else { format!("`{}`", row.default) };
        let redis = row.redis.map_or_else(|| "—".to_owned(), |name| format!("`{name}`"));
        text.push_str(&format!(
            "| `--{} {}` | `{variable}` | {default} | {redis} | {} | {} |\n",
            row.name,
            row.value,
            if row.live { "yes" } else { "no" },
            row.help,
        ));
    }
    text.push_str(HEAD_FIXED);
    for (name, value) in config::FIXED {
        let value = if value.is_empty() { "empty".to_owned() } else { format!("`{value}`") };
        text.push_str(&format!("| `{name}` | {value} |\n"));
    }
    text
}

fn commands_page() -> String {
    let table = commands::table();
    let rows: Vec<&Row> = table
        .rows()
        .iter()
        .filter(|row| !matches!(row.spec.run, Run::Container(_)) && !row.full_name.ends_with(')'))
        .collect();
    let mut text = HEAD_COMMANDS.to_owned();
    for (group, title) in GROUPS {
        let mut lines: Vec<String> =
            rows.iter().filter(|row| row.spec.group == group).map(|row| command_line(row)).collect();
        lines.sort();
        if !lines.is_empty() {
            text.push_str(&format!("\n## {title}\n\n| command | since | what it does |\n|---|---|---|\n"));
            text.push_str(&lines.concat());
        }
    }
    let listed = GROUPS.iter().map(|(group, _)| rows.iter().filter(|row| row.spec.group == *group).count());
    assert_eq!(listed.sum::<usize>(), rows.len(), "a group is missing in GROUPS");
    text
}

fn command_line(row: &Row) -> String {
    let name = row.full_name.to_ascii_uppercase().replace('|', " ");
    let usage = format!("{name} {}", row.spec.syntax);
    // Within a table even code needs its bars escaped.
    let usage = usage.trim_end().replace('|', "\\|");
    format!("| `{usage}` | {} | {} |\n", row.spec.since, row.spec.summary)
}

/// What a node that has answered one command tells, without its numbers.
fn metrics() -> String {
    let server = Server::start(Peer::Larder, &[]).unwrap_or_else(|error| panic!("{error}"));
    let mut connection = Connection::open(server.port()).expect("a connection");
    connection.call(&["GET", "k"]).expect("a reply");
    let scraped = get(server.port() + 3, "/metrics");
    let mut text = HEAD_METRICS.to_owned();
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in scraped.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            rows.push((name.to_owned(), help.trim_end_matches('.').to_owned()));
        }
    }
    assert!(rows.len() > 5, "{scraped}");
    for (name, help) in rows {
        let kind = after(&scraped, &format!("# TYPE {name} "));
        let shown = if kind == "counter" { format!("{name}_total") } else { name.clone() };
        let labels = labels(&scraped, &shown);
        text.push_str(&format!("| `{shown}` | {kind} | {labels} | {help} |\n"));
    }
    text
}

/// The rest of the first line that begins so.
fn after<'t>(text: &'t str, start: &str) -> &'t str {
    text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default()
}

/// Names of the labels of a metric's first sample.
fn labels(text: &str, name: &str) -> String {
    let Some((inside, _)) = after(text, &format!("{name}{{")).split_once('}') else {
        return "—".to_owned();
    };
    let names = inside.split("\",").filter_map(|label| label.split_once('='));
    names.map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The body of an HTTP answer.
fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the admin port");
    stream.set_read_timeout(Some(ANSWER_TIME_MAX)).expect("a timeout");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}

/// Targets of `[text](target)` that are files of the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let between = move |opening: &'static str, closing: char| {
        text.match_indices(opening).filter_map(move |(at, _)| {
            let rest = &text[at + opening.len()..];
            rest.find(closing).map(|end| &rest[..end])
        })
    };
    between("](", ')').chain(between("src=\"", '"')).filter(|link| !link.contains("://"))
}

/// The headings of a page as their links name them.
fn headings(text: &str) -> Vec<String> {
    let heading = |line: &str| {
        let title = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        Some(kept.map(|c| if c == ' ' { '-' } else { c }).collect())
    };
    text.lines().filter_map(heading).collect()
}

/// Every word of the text that begins so, cut where it ends.
fn words_from<'t>(text: &'t str, start: &'static str) -> impl Iterator<Item = &'t str> {
    let within = move |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == '-' && start == "--");
    text.match_indices(start).filter_map(move |(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !within(c)).unwrap_or(rest.len());
        let begins = !text[..at].ends_with(within);
        (begins && end > start.len()).then(|| &rest[..end])
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const GROUPS: [(Group, &str); 10] = [
    (Group::String, "Strings"),
    (Group::Hash, "Hashes"),
    (Group::List, "Lists"),
    (Group::Set, "Sets"),
    (Group::SortedSet, "Sorted sets"),
    (Group::Generic, "Keys of any type"),
    (Group::Transactions, "Transactions"),
    (Group::Connection, "The connection"),
    (Group::Server, "The node"),
    (Group::Cluster, "The cluster, on port P+1"),
];

const PAGES: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "deploy/README.md",
    "docs/settings.md",
    "docs/commands.md",
    "docs/gateways.md",
    "docs/metrics.md",
    "docs/policies.md",
    "docs/larder-gateway.md",
    "tests/policies/README.md",
    "tests/reference/README.md",
    "fuzz/README.md",
];

/// Variables of the test command.
const OWN_VARIABLES: &[&str] =
    &["LARDER_REWRITE", "LARDER_SCRIPT", "LARDER_CASES", "LARDER_CONNECTION_STRING", "LARDER_POLICY"];

/// Crates, and a test.
const OTHER_NAMES: &[&str] =
    &["larder_client", "larder_node", "larder_proto", "larder_tests", "larder_answers_as_recorded"];

/// Flags on lines about larder that belong to cargo, docker or a client.
const OTHERS_FLAGS: &[&str] = &[
    "--release",
    "--features",
    "--bin",
    "--locked",
    "--rm",
    "--env",
    "--publish",
    "--memory",
    "--name",
    "--tag",
    "--file",
    "--stop-timeout",
];

const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

const HEAD_SETTINGS: &str = "# Settings

Written from the rows in `node/src/config/rows.rs` by `LARDER_REWRITE=docs cargo test -p larder-tests --test documents`.

A setting is given as a flag, as an environment variable, or as a key of the TOML file that `--config FILE`
(`LARDER_CONFIG`) names; the key is the flag without its dashes. The flag wins over the variable, the variable over the
file. `larder check-config` reads them all as the node would, and prints the result with secrets masked.

Bytes are written `67108864`, `64mb` (units of 1,024) or `64m` (units of 1,000); where a share makes sense, `60%`. CONFIG GET and SET
know a setting by its Redis name, or by its own where Redis has none; CONFIG SET changes those marked *live*.

| flag | variable | default | Redis name | live | what it sets |
|---|---|---|---|---|---|
";

const HEAD_FIXED: &str = "
## Settings of Redis that have one value here

CONFIG GET shows them, since clients and tools ask. CONFIG SET accepts this value and no other.

| name | value |
|---|---|
";

const HEAD_COMMANDS: &str = "# Commands

Written from the command rows in `node/src/commands` by `LARDER_REWRITE=docs cargo test -p larder-tests --test documents`.

Replies and error texts are those of Redis 7.2, in RESP2 and RESP3; where they are not, `tests/DIFFERENCES.md` says so
and why. *Since* is the version of Redis that had the command first.
";

const HEAD_METRICS: &str = "# Metrics

Scraped from a node by `LARDER_REWRITE=docs cargo test -p larder-tests --test documents`.

`GET /metrics` on port P+3 answers in the OpenMetrics text format, which Prometheus reads. Labels name commands, databases
and what the node is; never a key, a value or a client. A command has its samples from its first call on.

| metric | type | labels | what it says |
|---|---|---|---|
";
