//! The settings of the gateway that may hold secrets: where they come from, and that no output repeats them. What the
//! other flags do is left to `gateway`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::process::{Command, Output};
use std::time::Duration;

use larder_tests::process::{Peer, Process, Server, built};

const SOON: Duration = Duration::from_secs(20);
const SECRET: &str = "hunter2";

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(built("examples/gateway"));
    command.args(["--listen", "127.0.0.1:0"]).args(flags);
    command
}

/// Runs a gateway that ends by itself, and checks that it keeps the secret.
fn ended(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let printed = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(!printed.contains(SECRET), "a secret: {printed}");
    (status.code(), printed)
}

#[test]
fn a_password_in_the_backend_url_is_refused_and_not_printed() {
    for url in ["http://user:hunter2@127.0.0.1:1", "http://hunter2@127.0.0.1:1/path", "ftp://u:hunter2@host"]
    {
        let (code, printed) = ended(command(&["--backend", url]));
        assert_eq!(code, Some(2));
        assert_eq!(printed, "gateway: --backend: a user name or password in the URL is not supported\n");
    }
    let (code, printed) = ended(command(&["--backend", "https://127.0.0.1:1"]));
    assert_eq!(code, Some(2));
    assert_eq!(printed, "gateway: --backend: expected http://HOST:PORT or http://HOST:PORT/PATH\n");
}

#[test]
fn an_entry_without_a_region_is_refused_and_not_printed() {
    let backend = ["--backend", "http://127.0.0.1:1"];
    let (code, printed) = ended(command(&[&backend[..], &["--external", SECRET]].concat()));
    assert_eq!(
        (code, printed.as_str()),
        (Some(2), "gateway: --external: expected REGION=CONNECTION_STRING\n")
    );
    let mut from_environment = command(&backend);
    from_environment.env("GATEWAY_EXTERNAL", format!("Default=127.0.0.1:1;{SECRET}"));
    let (code, printed) = ended(from_environment);
    assert_eq!(
        (code, printed.as_str()),
        (Some(2), "gateway: GATEWAY_EXTERNAL: expected REGION=CONNECTION_STRING\n")
    );
}

#[test]
fn help_names_the_variables_and_not_what_is_in_them() {
    let mut help = command(&["--help"]);
    help.env("GATEWAY_INTERNAL", SECRET).env("GATEWAY_EXTERNAL", SECRET);
    let (code, printed) = ended(help);
    assert_eq!(code, Some(0));
    for name in ["GATEWAY_INTERNAL", "GATEWAY_EXTERNAL"] {
        assert!(printed.contains(name), "{printed}");
    }
}

/// Starts a gateway and waits for its line, which tells what it uses.
fn uses(mut command: Command) -> String {
    command.args(["--backend", "http://127.0.0.1:1", "--region", "West Europe"]);
    let mut process = Process::start(command, "cargo build -p larder-client --example gateway").unwrap();
    let line = process.wait_until(SOON, |process| {
        let output = process.output();
        output
            .split_inclusive('\n')
            .find(|line| line.starts_with("gateway: ") && line.ends_with('\n'))
            .map(str::to_owned)
    });
    line.unwrap_or_else(|| panic!("no line: {}", process.output()))
}

#[test]
fn the_caches_may_come_from_the_environment() {
    let server = || Server::start(Peer::Redis, &[]).unwrap_or_else(|error| panic!("{error}"));
    let (inside, outside) = (server(), server());
    for (separator, region) in [(";", "Default"), ("\n", "westeurope"), (" ; \n", "West Europe")] {
        let mut with = command(&[]);
        let entries = format!("East US=127.0.0.1:1{separator}{region}={}", outside.address());
        with.env("GATEWAY_EXTERNAL", entries).env("GATEWAY_INTERNAL", inside.address());
        check_uses(&uses(with), "external");
    }
    // The flag goes before the variable, and no default would reach this internal cache.
    let mut with = command(&["--external", "East US=127.0.0.1:1"]);
    let entry = format!("Default={}", outside.address());
    with.env("GATEWAY_EXTERNAL", entry).env("GATEWAY_INTERNAL", inside.address());
    check_uses(&uses(with), "internal");
}

/// The kind of cache, and that it was reached.
fn check_uses(line: &str, kind: &str) {
    assert!(line.contains(&format!("prefer-external cache: {kind}")), "{line}");
    assert!(!line.contains("not reached"), "{line}");
}
