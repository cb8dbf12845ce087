//! Every transcript runs against the installed Redis and against Larder. `LARDER_SCRIPT=name` picks scripts whose
//! name contains this, `LARDER_REWRITE=redis` (or `larder`) records replies into the files.

use std::fs;
use std::path::{Path, PathBuf};

use larder_tests::process::{Peer, Server};
use larder_tests::transcript::{Outcome, Runner, Script};

#[test]
fn redis_answers_as_recorded() {
    if wants_rewrite_of(Peer::Larder) {
        println!("redis: not run, replies of larder are being recorded");
        return;
    }
    if !redis_is_the_recorded_one() {
        println!("redis: not compared, the transcripts hold the replies of Redis {RECORDED}");
        return;
    }
    run_all(Peer::Redis, |text| println!("{text}"));
}

#[test]
fn larder_answers_as_recorded() {
    if wants_rewrite_of(Peer::Redis) {
        println!("larder: not run, replies of redis are being recorded");
        return;
    }
    run_all(Peer::Larder, |text| println!("{text}"));
}

#[test]
fn enough_is_asserted() {
    let asserted: usize = scripts(None).iter().map(|script| script.exchanges().count()).sum();
    assert!(asserted >= EXCHANGES_MIN, "{asserted} exchanges, expected at least {EXCHANGES_MIN}");
}

/// Runs every script on a fresh server; panics with every difference that is not listed.
fn run_all(peer: Peer, say: impl Fn(&str)) {
    let wanted = std::env::var("LARDER_SCRIPT").ok();
    let mut total = Outcome::default();
    for mut script in scripts(wanted.as_deref()) {
        let outcome = run_one(peer, &mut script);
        say(&headline(peer, &script.path, &outcome));
        total.add(outcome);
    }
    say(&headline(peer, Path::new("total"), &total));
    let failed = total.failures.len();
    let shown = total.failures.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(total.failures.is_empty(), "{failed} exchanges went wrong (at most {SHOWN_MAX} shown):\n{shown}");
}

fn run_one(peer: Peer, script: &mut Script) -> Outcome {
    let record = wants_rewrite_of(peer);
    let server = Server::start(peer, script.flags(peer)).unwrap_or_else(|error| panic!("{error}"));
    let outcome = Runner::new(peer, server.port(), record).run(script);
    if record {
        fs::write(&script.path, script.to_text()).expect("the script can be written");
    }
    outcome
}

fn headline(peer: Peer, path: &Path, outcome: &Outcome) -> String {
    format!(
        "{peer} {}: {} exchanges compared, {} of them listed as different, {} of any reply, {} skipped \
         (newer than this Redis), {} failed",
        path.file_stem().unwrap_or_default().to_string_lossy(),
        outcome.asserted,
        outcome.differences,
        outcome.any,
        outcome.skipped,
        outcome.failures.len()
    )
}

fn scripts(wanted: Option<&str>) -> Vec<Script> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut paths: Vec<PathBuf> = fs::read_dir(&directory)
        .expect("the scripts are there")
        .map(|entry| entry.expect("the directory can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .filter(|path| wanted.is_none_or(|part| path.to_string_lossy().contains(part)))
        .collect();
    paths.sort();
    paths.iter().map(|path| Script::load(path).unwrap_or_else(|error| panic!("{error}"))).collect()
}

fn wants_rewrite_of(peer: Peer) -> bool {
    std::env::var("LARDER_REWRITE").is_ok_and(|value| value == peer.to_string())
}

/// Later versions word some replies differently; what Larder must say stays as recorded.
fn redis_is_the_recorded_one() -> bool {
    let output = std::process::Command::new("redis-server").arg("--version").output();
    let output = output.expect("redis-server can be run: tests/run installs it");
    String::from_utf8_lossy(&output.stdout).contains(&format!("v={RECORDED}."))
}

const RECORDED: &str = "7.0";
const EXCHANGES_MIN: usize = 400;
const SHOWN_MAX: usize = 200;
