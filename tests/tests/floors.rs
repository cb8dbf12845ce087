//! The shape of the sources: who may import whom, and how a file begins and how long it gets. Reads the text of
//! every Rust file, no more: what the compiler and clippy can see is left to them.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_source_keeps_to_its_floor() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let files = sources(root);
    assert!(files.len() > 10, "only {} sources found", files.len());
    let faults: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            faults(&name, &fs::read_to_string(path).unwrap())
        })
        .collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_made_up_offender_is_reported() {
    // Written in pieces, so that this file does not offend itself.
    let ignored = ["#[", "ignore]"].concat();
    let danger = ["un", "safe"].concat();
    for (name, source, wanted) in [
        ("node/src/store/item.rs", "//! x.\nuse crate::commands::Args;\n", "imports commands"),
        ("node/src/store/item.rs", "//! x.\nuse crate::{clock, server::dispatch};\n", "imports server"),
        ("node/src/store/item.rs", "//! x.\nfn f() { crate::cluster::f() }\n", "imports cluster"),
        ("node/src/commands/keys.rs", "//! x.\nuse crate::server::Out;\n", "imports server"),
        ("node/src/commands/keys.rs", "//! x.\nuse crate::config::Settings;\n", "imports config"),
        ("node/src/replication/feed.rs", "//! x.\nuse crate::cluster::Handle;\n", "imports cluster"),
        ("node/src/replication/feed.rs", "//! x.\nuse crate::commands::Args;\n", "imports commands"),
        ("node/src/cluster/plan.rs", "//! x.\nuse crate::store::Store;\n", "imports store"),
        ("node/src/cluster/plan.rs", "//! x.\nuse crate::replication::Replication;\n", "imports replication"),
        ("node/src/link/frames.rs", "//! x.\nuse crate::store::Store;\n", "imports store"),
        (
            "node/src/commands/keys.rs",
            "//! x.\nuse crate::replication::Replication;\n",
            "imports replication",
        ),
        ("node/src/store/arena.rs", "//! x.\nuse larder_client::Cache;\n", "imports larder_client"),
        ("client/src/cache.rs", "//! x.\nuse larder_node::store;\n", "imports larder_node"),
        ("client/src/cache.rs", "//! x.\nuse crate::engine::Engine;\n", "imports engine"),
        ("client/src/dotnet/json.rs", "//! x.\nuse crate::context::Context;\n", "imports context"),
        ("client/src/context/url.rs", "//! x.\nuse crate::{expression, policy};\n", "imports expression"),
        ("client/src/expression/run/mod.rs", "//! x.\nuse crate::Cache;\n", "imports cache"),
        ("client/src/policy/load.rs", "//! x.\nuse crate::engine::Engine;\n", "imports engine"),
        ("client/src/policy/load.rs", "//! x.\nuse crate::Cache;\n", "imports cache"),
        ("client/src/http/key.rs", "//! x.\nuse crate::engine::Engine;\n", "imports engine"),
        ("client/src/link/keeper.rs", "//! x.\nuse crate::policy::Document;\n", "imports policy"),
        ("client/src/engine/run.rs", "//! x.\nuse crate::link::Link;\n", "imports link"),
        ("client/src/limits.rs", "//! x.\nuse crate::guard::Budget;\n", "imports guard"),
        ("client/src/novel.rs", "//! x.\n", "has no floor"),
        ("proto/src/time.rs", "//! x.\nuse std::time::{Duration, Instant};\n", "names Instant"),
        ("proto/src/time.rs", "//! x.\nfn f() -> std::time::SystemTime {}\n", "names SystemTime"),
        ("proto/src/slot.rs", "//! x.\nuse tokio::net;\n", "names tokio"),
        ("node/src/server/dispatch.rs", "//! x.\nuse memmap2::MmapMut;\n", "names memmap2"),
        ("node/src/app.rs", "//! x.\nuse openraft::Raft;\n", "names openraft"),
        ("node/src/server/listener.rs", &format!("//! x.\n{danger} fn f() {{}}\n"), "names unsafe"),
        ("node/src/server/listener.rs", "use std::io;\n", "does not open"),
        ("node/src/server/listener.rs", "//! \nuse std::io;\n", "does not open"),
        ("node/src/server/listener.rs", &format!("//! x.\n{}", "// line\n".repeat(600)), "601 lines"),
        ("tests/tests/x.rs", &format!("//! x.\n{ignored}\n"), "ignored test"),
        ("node/src/server/mod.rs", "//! x.\nmod a;\nfn f() {}\n", "table of contents"),
    ] {
        let found = faults(name, source);
        assert!(found.iter().any(|fault| fault.contains(wanted)), "{name}: {source:.60}: {found:?}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (name, source) in [
        (
            "node/src/store/arena.rs",
            "//! x.\n//! Not server::x.\nuse crate::limits::Limits;\n// crate::server\n",
        ),
        ("node/src/commands/keys.rs", "//! x.\nuse crate::store::Keyspace;\nuse super::spec::Spec;\n"),
        (
            "node/src/replication/feed.rs",
            "//! x.\nuse crate::{commands::ports::Effects, link::Link, store::Store};\n",
        ),
        ("node/src/cluster/plan.rs", "//! x.\nuse crate::{link::Link, replication::ports::Proposals};\n"),
        ("node/src/link/frames.rs", "//! x.\nuse crate::{limits::A, net::Stream};\n"),
        ("node/src/server/forward.rs", "//! x.\nuse crate::{commands::find, store::Keyspace};\n"),
        (
            "node/src/server/mod.rs",
            "//! x.\n\n#[cfg(test)]\nmod a;\npub(crate) mod b;\npub use a::{\n    B,\n};\n",
        ),
        ("node/src/app.rs", "//! x.\nuse crate::{cluster, config, store::Index};\n"),
        ("client/src/engine/run.rs", "//! x.\nuse crate::{Clock, Value, http::Responses};\n"),
        ("client/src/calls.rs", "//! x.\nuse crate::{cache::Cache, switch::Changes};\n"),
        ("node/src/store/arena.rs", "//! x.\nuse memmap2::MmapMut;\nlet text = \"crate::server\";\n"),
    ] {
        assert_eq!(faults(name, source), Vec::<String>::new(), "{name}");
    }
}

/// What is wrong with a file of this name, relative to the workspace.
fn faults(name: &str, source: &str) -> Vec<String> {
    let code = code_of(source);
    let mut faults = Vec::new();
    check_text(name, source, &code, &mut faults);
    check_names(name, &code, &mut faults);
    check_floor(name, &code, &mut faults);
    faults.iter().map(|fault| format!("{name}: {fault}")).collect()
}

fn check_text(name: &str, source: &str, code: &str, faults: &mut Vec<String>) {
    let first = source.lines().next().unwrap_or_default();
    if first.strip_prefix("//! ").is_none_or(|sentence| sentence.trim().len() < 2) {
        faults.push("does not open with a //! sentence".to_owned());
    }
    let lines = source.lines().count();
    if lines > LINES_MAX {
        faults.push(format!("{lines} lines, at most {LINES_MAX}"));
    }
    if code.contains("#[ignore") {
        faults.push("an ignored test".to_owned());
    }
    // The families of commands are listed there by hand: nothing registers itself.
    let listing = name == "node/src/commands/mod.rs";
    let contents = name.contains("/src/") && (name.ends_with("/mod.rs") || name.ends_with("/lib.rs"));
    if contents && !listing && !is_table_of_contents(code) {
        faults.push("is more than a table of contents: docs, mod, use".to_owned());
    }
}

/// Crates and types that have one home.
fn check_names(name: &str, code: &str, faults: &mut Vec<String>) {
    let mut check = |word: &str, allowed: bool| {
        if !allowed && has_word(code, word) {
            faults.push(format!("names {word}"));
        }
    };
    check("unsafe", matches!(name, "node/src/store/arena.rs" | "node/src/store/segment.rs"));
    check("memmap2", name == "node/src/store/arena.rs");
    check("openraft", !name.starts_with("node/") || name.starts_with("node/src/cluster"));
    if name.starts_with("proto/src/") {
        for word in ["tokio", "parking_lot", "Instant", "SystemTime", "larder_node", "larder_client"] {
            check(word, false);
        }
    }
}

/// The table of ARCHITECTURE.md: what the modules of the node may import of each other.
fn check_floor(name: &str, code: &str, faults: &mut Vec<String>) {
    if let Some(path) = name.strip_prefix("client/src/") {
        check_client_floor(path, code, faults);
    }
    let Some(path) = name.strip_prefix("node/src/") else { return };
    if has_word(code, "larder_client") {
        faults.push("imports larder_client".to_owned());
    }
    let floor = path.split(['/', '.']).next().unwrap_or_default();
    for (module, rest) in imports(code) {
        let ports = module == "commands" && rest.starts_with("ports");
        let allowed = match floor {
            "app" | "main" | "lib" => true,
            own if own == module => true,
            _ if !FLOORS.contains(&module.as_str()) => module != "config",
            "commands" => module == "store",
            // A setting may be of a type of the store: what happens at the memory limit.
            "config" => module == "store",
            // Neither knows commands beyond the ports that are declared for it.
            "replication" => ports || matches!(module.as_str(), "store" | "link"),
            "cluster" => ports || module == "link" || (module == "replication" && rest.starts_with("ports")),
            "server" | "admin" => {
                matches!(
                    module.as_str(),
                    "store" | "commands" | "link" | "replication" | "cluster" | "server" | "admin"
                )
            }
            _ => false,
        };
        if !allowed {
            faults.push(format!("imports {module}"));
        }
    }
}

/// The other table of ARCHITECTURE.md: the modules of the client, as the page has them.
fn check_client_floor(path: &str, code: &str, faults: &mut Vec<String>) {
    if has_word(code, "larder_node") {
        faults.push("imports larder_node".to_owned());
    }
    // The program's `crate` is itself; of the library it sees what is public.
    let floor = path.split(['/', '.']).next().unwrap_or_default();
    if matches!(floor, "bin" | "lib") {
        return;
    }
    let Some(allowed) =
        client_floors().into_iter().find(|(module, _)| module == floor).map(|(_, allowed)| allowed)
    else {
        return faults.push(format!("{floor} has no floor in ARCHITECTURE.md"));
    };
    for (name, _) in imports(code) {
        let module = home(&name);
        if module != floor && module != "larder_proto" && !allowed.contains(&module) {
            faults.push(format!("imports {module}"));
        }
    }
}

/// Each module of the client and those that it may import.
fn client_floors() -> Vec<(String, Vec<String>)> {
    let rows = ARCHITECTURE.lines().skip_while(|line| !line.starts_with("| module of `client/src` |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with("| `"));
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut floors = Vec::new();
    for row in rows {
        let (modules, rest) = row[1..].split_once('|').expect("two cells");
        floors.extend(words(modules).into_iter().map(|module| (module, words(rest))));
    }
    // The last row of the stores names what they may not import.
    let all: Vec<String> = floors.iter().map(|(module, _)| module.clone()).collect();
    for (module, words) in &mut floors {
        if matches!(module.as_str(), "cache" | "calls" | "builder") {
            *words = all.iter().filter(|module| !words.contains(module)).cloned().collect();
        }
    }
    floors
}

/// The module that a name of the client's root comes from; a module's own name otherwise.
fn home(name: &str) -> String {
    let uses = CLIENT_ROOT.split("pub use ").skip(1).filter_map(|rest| rest.split_once(';'));
    for (path, _) in uses {
        let mut words =
            path.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        let module = words.next().unwrap_or_default();
        if words.any(|word| word == name) {
            return module.to_owned();
        }
    }
    name.to_owned()
}

/// Every `crate::a::b` of the code as (`a`, `b…`), those inside `crate::{…}` included.
fn imports(code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let paths = match rest.strip_prefix('{') {
            Some(list) => top_level_items(list),
            None => vec![rest],
        };
        for path in paths {
            let path = path.trim();
            let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
            found.push((path[..end].to_owned(), path[end..].trim_start_matches(':').to_owned()));
        }
    }
    found
}

/// The parts of `a, b::{c, d}, e}` up to the brace that closes the list.
fn top_level_items(list: &str) -> Vec<&str> {
    let (mut depth, mut start) = (0, 0);
    let mut items = Vec::new();
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&list[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

/// The source without comments and without what stands between double quotes on one line.
fn code_of(source: &str) -> String {
    let strip = |line: &str| {
        let mut code = String::with_capacity(line.len());
        let (mut quoted, mut escaped, mut last) = (false, false, ' ');
        for c in line.chars() {
            if !quoted && c == '/' && last == '/' {
                code.pop();
                break;
            }
            // A quote character as a char literal opens nothing.
            if c == '"' && !escaped && last != '\'' {
                quoted = !quoted;
            }
            if !quoted {
                code.push(c);
            }
            escaped = c == '\\' && !escaped;
            last = c;
        }
        code
    };
    source.lines().map(strip).collect::<Vec<_>>().join("\n")
}

fn has_word(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(part) && !code[at + word.len()..].starts_with(part))
}

/// Only `mod`, `use` and attributes, each ended by a semicolon or closed by its bracket.
fn is_table_of_contents(code: &str) -> bool {
    let mut rest = code.trim_start();
    while !rest.is_empty() {
        let end = if rest.starts_with("#[") || rest.starts_with("#![") {
            rest.find(']')
        } else {
            let item = rest.strip_prefix("pub").map_or(rest, |rest| {
                let rest = rest.trim_start();
                if rest.starts_with('(') { rest.split_once(')').map_or("", |(_, rest)| rest) } else { rest }
            });
            let item = item.trim_start();
            (item.starts_with("mod ") || item.starts_with("use ")).then(|| rest.find(';')).flatten()
        };
        let Some(end) = end else { return false };
        rest = rest[end + 1..].trim_start();
    }
    true
}

fn sources(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories: Vec<PathBuf> =
        ["proto", "node", "client", "tests"].map(|name| root.join(name)).into();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of sources") {
            let path = entry.expect("a file").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                directories.push(path);
            } else if name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

const FLOORS: &[&str] =
    &["store", "commands", "link", "replication", "cluster", "server", "admin", "app", "main"];
const LINES_MAX: usize = 600;
const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");
const CLIENT_ROOT: &str = include_str!("../../client/src/lib.rs");
