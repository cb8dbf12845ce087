//! External caches at run time, as operators and gateways see them: set on one node and known on all, kept over restarts and
//! without any leader that was, told to gateways alone, and shown nowhere with their secrets.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use larder_tests::asking::larder;
use larder_tests::clock::{Deadline, rest};
use larder_tests::cluster_process::Cluster;
use larder_tests::http::Client;
use larder_tests::process::larder_path;
use larder_tests::reply::Node;
use larder_tests::wire::Connection;

const SECRET: &str = "hunter2hunter2==";
const PASSWORD: &str = "gateways-only";
const SOON: Duration = Duration::from_secs(20);

/// Within which every node tells gateways of a change.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);

fn connection_string(host: &str) -> String {
    format!("{host}:6380,password={SECRET},user=joe{SECRET},ssl=True")
}

/// What a verb printed that has to end with this code: on standard output if it is 0, else on standard error.
fn told(output: &Output, code: i32) -> String {
    let [shown, errors] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(output.status.code(), Some(code), "{shown}{errors}");
    assert!(!shown.contains("hunter2") && !errors.contains("hunter2"), "{shown}{errors}");
    if code == 0 { shown } else { errors }
}

fn set(cluster: &Cluster, node: usize, region: &str, host: &str) -> String {
    let text = connection_string(host);
    let words = ["cache", "set", "--use-from", region, "--connection-string", &text, "--description", host];
    told(&cluster.verb(node, &words), 0)
}

fn gateway(port: u16) -> Option<Connection> {
    let mut connection = Connection::open(port).ok()?;
    let reply = connection.call(&["AUTH", "gateway", PASSWORD]).ok()?;
    assert_eq!(reply.text(), "OK", "{reply:?}");
    Some(connection)
}

/// The version, and of each entry the region and the connection string; none while the node does not know them.
fn caches(connection: &mut Connection) -> Option<(String, Vec<(String, String)>)> {
    let reply = connection.call(&["LARDER.CACHES"]).ok().filter(|reply| !reply.is_error())?;
    let [version, entries] = reply.items() else { panic!("{reply:?}") };
    let entry = |entry: &Node| (entry.items()[0].text(), entry.items()[1].text());
    Some((version.text(), entries.items().iter().map(entry).collect()))
}

/// Waits until a node tells exactly these regions and hosts; the version that it tells.
fn knows(port: u16, wanted: &[(&str, &str)], within: Duration) -> String {
    let wanted: Vec<(String, String)> =
        wanted.iter().map(|(region, host)| ((*region).to_owned(), connection_string(host))).collect();
    let mut last = None;
    let known = Deadline::after(within).poll(|| {
        last = caches(&mut gateway(port)?);
        last.clone().filter(|(_, found)| *found == wanted)
    });
    known.unwrap_or_else(|| panic!("{wanted:?} not known within {within:?}, but {last:?}")).0
}

fn cluster() -> Cluster {
    Cluster::start(3, &["--gateway-password", PASSWORD, "--cluster-secret", "a secret of sixteen bytes"])
}

#[test]
fn a_change_is_known_on_all_nodes_within_a_second_and_survives_the_leader() {
    let mut cluster = cluster();
    let mut versions = vec![knows(cluster.port(0), &[], SOON)];
    assert!(set(&cluster, 0, "West Europe", "one.example").contains("westeurope: added one.example:6380"));
    let known = |cluster: &Cluster, nodes: &[usize], wanted: &[(&str, &str)], within| {
        let all: Vec<String> = nodes.iter().map(|&node| knows(cluster.port(node), wanted, within)).collect();
        assert!(all.iter().all(|version| *version == all[0]), "{all:?}");
        all[0].clone()
    };
    let one = [("westeurope", "one.example")];
    versions.push(known(&cluster, &[0, 1, 2], &one, KNOWN_WITHIN));
    set(&cluster, 1, "DEFAULT", "two.example");
    assert!(set(&cluster, 2, "westeurope", "three.example").contains("westeurope: changed three.example"));
    assert!(set(&cluster, 2, "West europe", "three.example").contains("westeurope: unchanged"));
    let two = [("default", "two.example"), ("westeurope", "three.example")];
    versions.push(known(&cluster, &[0, 1, 2], &two, KNOWN_WITHIN));

    // The leader is lost; the others know what they knew, and take changes as soon as one of them leads.
    let leader = Deadline::after(SOON).poll(|| cluster.leader(0)).expect("somebody leads");
    cluster.kill(leader);
    let left: Vec<usize> = (0..3).filter(|&node| node != leader).collect();
    known(&cluster, &left, &two, KNOWN_WITHIN);
    let removed = told(&cluster.verb(left[0], &["cache", "remove", "--use-from", "Default"]), 0);
    assert_eq!(removed, "default: removed\n");
    let last = [("westeurope", "three.example")];
    versions.push(known(&cluster, &left, &last, KNOWN_WITHIN));

    // Whoever was away tells nothing old when it comes back.
    cluster.run(leader);
    let told_first = Deadline::after(SOON).poll(|| caches(&mut gateway(cluster.port(leader))?));
    let entry = ("westeurope".to_owned(), connection_string("three.example"));
    assert_eq!(told_first.map(|(_, entries)| entries), Some(vec![entry]));
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), 4, "every change has a version of its own: {versions:?}");
    assert!(!cluster.outputs().contains("hunter2"), "{}", cluster.outputs());
}

#[test]
fn entries_are_kept_over_a_restart_of_all_and_lie_sealed_on_the_disk() {
    let mut cluster = cluster();
    set(&cluster, 0, "default", "one.example");
    let wanted = [("default", "one.example")];
    let before = knows(cluster.port(2), &wanted, KNOWN_WITHIN);
    (0..3).for_each(|node| cluster.kill(node));
    let mut files = 0;
    for node in 0..3 {
        files += search(&cluster.state(node), &|bytes| {
            for secret in [SECRET.as_bytes(), b"hunter2", b"one.example"] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret), "a secret lies on the disk");
            }
        });
    }
    assert!(files >= 6, "only {files} files");
    (0..3).for_each(|node| cluster.run(node));
    let after: Vec<String> = (0..3).map(|node| knows(cluster.port(node), &wanted, SOON)).collect();
    assert!(after.iter().all(|version| *version == before), "{before}, {after:?}");
    let list = told(&cluster.verb(1, &["cache", "list"]), 0);
    assert!(list.contains("default   one.example:6380,password=***,user=***,ssl=True"), "{list}");
}

/// Shows each file below a directory; how many there are.
fn search(directory: &Path, look: &dyn Fn(&[u8])) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files += search(&path, look);
        } else {
            look(&fs::read(&path).expect("a file"));
            files += 1;
        }
    }
    files
}

#[test]
fn gateways_alone_are_told_and_their_regions_are_noted() {
    let cluster = cluster();
    for (region, host) in [("West Europe", "one.example"), ("Plant 7", "two.example")] {
        assert!(set(&cluster, 0, region, host).contains("has seen no gateway yet that uses it"));
    }
    let mut stranger = cluster.connect(1);
    for words in [&["LARDER.CACHES"][..], &["LARDER.CACHES", "0", "westeurope"]] {
        let reply = stranger.call(words).expect("a reply").text();
        assert!(reply.starts_with("NOPERM LARDER.CACHES") && reply.contains("gateway-password"), "{reply}");
    }
    let wrong = stranger.call(&["AUTH", "gateway", "wrong"]).expect("a reply").text();
    assert!(wrong.starts_with("WRONGPASS "), "{wrong}");
    assert!(stranger.call(&["LARDER.CACHES"]).expect("a reply").is_error());
    let hello = stranger.call(&["HELLO", "3", "AUTH", "gateway", PASSWORD]).expect("a reply");
    assert!(!hello.is_error(), "{hello:?}");
    let version = Deadline::after(SOON).poll(|| caches(&mut stranger)).expect("it is told").0;
    let known = stranger.call(&["LARDER.CACHES", &version, "WestEurope"]).expect("a reply");
    assert_eq!(known, Node::Line(b'_', Vec::new()));
    assert_eq!(stranger.call(&["SET", "k", "v"]).expect("a reply").text(), "OK");
    assert_eq!(stranger.call(&["GET", "k"]).expect("a reply").text(), "v");
    stranger.call(&["LARDER.CACHES", &version, "North Europe"]).expect("a reply");
    // Another node is asked than the one that saw the gateways.
    let list = told(&cluster.verb(2, &["cache", "list"]), 0);
    let line = |region: &str| list.lines().find(|line| line.starts_with(region)).expect("a line").to_owned();
    assert!(line("westeurope").contains(" now "), "{list}");
    assert!(line("plant7").contains("no gateway of this region seen"), "{list}");
    assert!(list.contains("gateways of northeurope use no external cache"), "{list}");
    assert!(cluster.output(1).contains("gateways of this region use no external cache"));
    assert!(cluster.output(0).contains("no gateway of this region has asked"));
}

#[test]
fn no_secret_is_shown_anywhere_else() {
    let cluster = cluster();
    set(&cluster, 0, "default", "one.example");
    knows(cluster.port(0), &[("default", "one.example")], KNOWN_WITHIN);
    let mut admin = Client::connect(cluster.port(0) + 3).expect("the admin port");
    for path in ["/status", "/metrics", "/caches", "/readyz"] {
        let answer = admin.get(path).expect("an answer");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("hunter2") && !text.contains(PASSWORD), "{path}: {text}");
        assert_eq!(answer.status, if path == "/caches" { 403 } else { 200 }, "{path}");
    }
    let refused = admin.send(hyper::Method::POST, "/caches", hyper::body::Bytes::from_static(b"{}"));
    assert_eq!(refused.expect("an answer").status, 403);
    let mut user = cluster.connect(0);
    for words in [
        &["CONFIG", "GET", "*"][..],
        &["INFO", "everything"],
        &["SLOWLOG", "GET", "100"],
        &["CLIENT", "LIST"],
        &["COMMAND", "DOCS", "larder.caches"],
    ] {
        let text = user.call(words).expect("a reply").to_lines().join("\n");
        assert!(!text.contains("hunter2") && !text.contains(PASSWORD), "{words:?}: {text}");
    }
    for words in [&["cache", "list"][..], &["cache", "list", "--json"], &["status", "--json"]] {
        told(&cluster.verb(1, words), 0);
    }
    let wrong = told(&cluster.verb(0, &["cache", "set", "--use-from", &connection_string("h")]), 2);
    assert!(wrong.contains("no connection string"), "{wrong}");
    let text = connection_string("h");
    let swapped = ["cache", "set", "--use-from", &text, "--connection-string", "west"];
    assert!(told(&cluster.verb(0, &swapped), 1).contains("use-from is 'default' or the name of a region"));
    let check = Command::new(larder_path()).args(["check-config", "--gateway-password", PASSWORD]).output();
    let check = String::from_utf8_lossy(&check.expect("it runs").stdout).into_owned();
    assert!(check.contains("gateway-password = \"********\"") && !check.contains(PASSWORD), "{check}");
}

#[test]
fn a_list_is_applied_and_applied_again() {
    let cluster = cluster();
    set(&cluster, 0, "old", "old.example");
    let path = std::env::temp_dir().join(format!("larder-caches-{}.toml", std::process::id()));
    let entry = |region: &str, host: &str| {
        format!(
            "[[external]]\nuse-from = \"{region}\"\nconnection-string = \"{}\"\n",
            connection_string(host)
        )
    };
    let list = entry("Default", "one.example") + &entry("West Europe", "two.example");
    fs::write(&path, &list).expect("a file");
    let name = path.to_str().expect("a name");
    let apply = |node: usize, words: &[&str], code| {
        told(&cluster.verb(node, &[&["cache", "apply", name], words].concat()), code)
    };
    let first = apply(1, &[], 0);
    assert!(first.contains("default: added") && first.contains("westeurope: added"), "{first}");
    assert!(!first.contains("old"), "{first}");
    let pruned = apply(2, &["--prune"], 0);
    assert!(pruned.contains("old: removed") && pruned.contains("default: unchanged"), "{pruned}");
    let again = apply(0, &["--prune"], 0);
    assert_eq!(again.matches("unchanged").count(), 2, "{again}");
    assert_eq!(again.lines().count(), 2, "{again}");
    let both = [("default", "one.example"), ("westeurope", "two.example")];
    knows(cluster.port(1), &both, KNOWN_WITHIN);
    for (wrong, why) in [
        (entry("a", "h") + &entry("A", "h"), "entry 2: there is another one for a"),
        (entry("a", "h") + &entry("b*", "h"), "entry 2: use-from is"),
    ] {
        fs::write(&path, wrong).expect("a file");
        let refused = apply(0, &["--prune"], 1);
        assert!(refused.contains(why), "{refused}");
    }
    fs::remove_file(&path).expect("it was there");
    // A list with a fault changes nothing.
    knows(cluster.port(1), &both, KNOWN_WITHIN);
}

#[test]
fn a_node_alone_keeps_them_in_memory_and_says_so() {
    let server = larder(&[]);
    let run = |words: &[&str], code| {
        let port = server.port().to_string();
        let output = Command::new(larder_path())
            .args(words)
            .args(["--port", &port])
            .env("LARDER_CONNECTION_STRING", connection_string("one.example"))
            .output();
        told(&output.expect("larder can be run"), code)
    };
    let shown = run(&["cache", "set", "--use-from", "default"], 0);
    assert!(shown.contains("keeps external caches in memory"), "{shown}");
    // Without any password and on loopback everybody is a gateway.
    let mut user = Connection::open(server.port()).expect("a connection");
    let (version, entries) = caches(&mut user).expect("it is told");
    assert_eq!(entries, [("default".to_owned(), connection_string("one.example"))]);
    assert_eq!(user.call(&["LARDER.CACHES", &version]).expect("a reply"), Node::Line(b'$', b"-1".to_vec()));
    for number in 1..100 {
        run(&["cache", "set", "--use-from", &format!("region-{number}")], 0);
    }
    let full = run(&["cache", "set", "--use-from", "one more"], 1);
    assert!(full.contains("100 external caches"), "{full}");
    assert_eq!(run(&["cache", "remove", "--use-from", "REGION-1"], 0), "region-1: removed\n");
    assert_eq!(run(&["cache", "remove", "--use-from", "region-1"], 0), "region-1: missing\n");
    let other = larder(&[]);
    let theirs = caches(&mut Connection::open(other.port()).expect("a connection")).expect("it is told");
    assert_ne!(theirs.0, version);
    let guarded = larder(&["--require-password", "x"]);
    let mut user = Connection::open(guarded.port()).expect("a connection");
    assert_eq!(user.call(&["AUTH", "x"]).expect("a reply").text(), "OK");
    let refused = user.call(&["LARDER.CACHES"]).expect("a reply").text();
    assert!(refused.starts_with("NOPERM "), "{refused}");
}

/// Gateways ask four times a second: nobody is told of half a change, and none of an old one after a new one.
#[test]
fn what_gateways_are_told_never_goes_back() {
    let cluster = cluster();
    set(&cluster, 0, "default", "h0.example");
    knows(cluster.port(2), &[("default", "h0.example")], SOON);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut connection = gateway(cluster.port(2)).expect("a connection");
            let mut last = 0;
            let end = Deadline::after(SOON);
            while last < 5 {
                assert!(end.left().is_some(), "stayed at {last}");
                let (_, entries) = caches(&mut connection).expect("it is told");
                let [(_, text)] = entries.as_slice() else { panic!("{entries:?}") };
                let number = text.strip_prefix('h').and_then(|rest| rest.split('.').next()?.parse().ok());
                let number: u32 = number.expect("a number");
                assert!(number >= last, "{number} after {last}");
                last = number;
                rest(Duration::from_millis(5));
            }
        });
        for number in 1..=5 {
            set(&cluster, number % 3, "default", &format!("h{number}.example"));
        }
        asking.join().expect("it goes forward");
    });
}
