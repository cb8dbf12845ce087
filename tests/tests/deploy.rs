//! The files under `deploy/` against the binary: every flag, variable and key in them is a setting, `larder check-config`
//! takes them as they are, and what they promise each other holds. No container engine is needed, nor systemd.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use larder_node::config::ROWS;
use larder_tests::process::larder_path;

#[test]
fn the_unit_and_its_file_are_what_the_binary_takes() {
    let unit = unit();
    let words: Vec<&str> = only(&unit, "ExecStart").split_whitespace().collect();
    assert_eq!(words[..2], [INSTALLED, "node"]);
    let arguments = in_repository(&words[2..]);
    let settings = checked(&arguments, &[]).unwrap_or_else(|error| panic!("{error}"));

    let stop_seconds: u64 = only(&unit, "TimeoutStopSec").parse().expect("seconds");
    assert!(
        stop_seconds > number(&settings, "shutdown-timeout"),
        "systemd would kill a node that still drains"
    );
    let files: u64 = only(&unit, "LimitNOFILE").parse().expect("a number");
    assert!(files >= number(&settings, "max-clients") + DESCRIPTORS_RESERVED);
    assert_eq!(only(&unit, "KillSignal"), "SIGTERM");
    assert_eq!((settings["bind"].as_str(), settings["require-password"].as_str()), ("127.0.0.1", ""));
    for hardening in ["DynamicUser", "NoNewPrivileges", "PrivateDevices", "MemoryDenyWriteExecute"] {
        assert_eq!(only(&unit, hardening), "yes");
    }
    assert_eq!((only(&unit, "ProtectSystem"), only(&unit, "Restart")), ("strict", "on-failure"));
}

/// The password that the unit reads from its second file lets the node serve other machines.
#[test]
fn the_unit_serves_others_with_the_password_of_its_environment_file() {
    let unit = unit();
    assert_eq!(only(&unit, "EnvironmentFile"), "-/etc/larder/larder.env");
    let path = larder_toml();
    let beyond = ["--config", path.to_str().expect("a path"), "--bind", "0.0.0.0"].map(str::to_owned);
    let error = checked(&beyond, &[]).expect_err("no password, so it is refused");
    assert!(error.contains("LARDER_REQUIRE_PASSWORD"), "{error}");
    let settings = checked(&beyond, &[("LARDER_REQUIRE_PASSWORD", "secret")]).expect("accepted");
    assert_eq!(settings["require-password"], "********");
}

/// Lines that are commented out are examples: taken in, they are right too.
#[test]
fn the_examples_in_the_settings_file_are_right() {
    let text = fs::read_to_string(larder_toml()).expect("the file");
    let is_example =
        |line: &&str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    assert!(text.lines().filter(is_example).count() >= 3);
    let taken_in: Vec<&str> =
        text.lines().map(|line| if is_example(&line) { &line[1..] } else { line }).collect();
    let path = std::env::temp_dir().join(format!("larder-deploy-{}.toml", std::process::id()));
    fs::write(&path, taken_in.join("\n")).expect("a file");
    let outcome = checked(&["--config".to_owned(), path.display().to_string()], &[]);
    fs::remove_file(&path).expect("removed");
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_image_is_built_of_what_is_there() {
    let steps = dockerfile();
    let from_repository =
        steps.iter().filter(|step| step.name == "COPY" && !step.text.starts_with("--from="));
    let copied: Vec<&str> = from_repository.flat_map(|step| sources(&step.text)).collect();
    for source in &copied {
        assert!(root().join(source).exists(), "COPY {source}: no such file");
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    for member in manifest["workspace"]["members"].as_array().expect("members") {
        assert!(copied.contains(&member.as_str().expect("a name")), "{member:?} is not copied");
    }
    let version = manifest["workspace"]["package"]["rust-version"].as_str().expect("a version");
    assert!(steps[0].text.starts_with(&format!("rust:{version}-")), "{}", steps[0].text);
    let runs: Vec<&str> =
        steps.iter().filter(|step| step.name == "RUN").map(|step| step.text.as_str()).collect();
    assert_eq!(runs[0], "cargo build --release --locked -p larder-node");
    // The node's user may write its state there, and nowhere else.
    let user = text(&steps, "USER");
    let (number, group) = user.split_once(':').expect("a user and a group");
    assert_eq!(runs[1..], [format!("install -d -o {number} -g {group} -m 700 /var/lib/larder")]);
    let built =
        steps.iter().find(|step| step.text.starts_with("--from=build")).expect("the binary is copied");
    assert_eq!(built.text, format!("--from=build /src/target/release/larder {INSTALLED}"));
}

#[test]
fn the_image_runs_with_settings_that_the_binary_takes() {
    let steps = dockerfile();
    assert_eq!(words(text(&steps, "ENTRYPOINT")), [INSTALLED]);
    let command = words(text(&steps, "CMD"));
    assert_eq!(command[0], "node");
    let environment = text(&steps, "ENV").to_owned();
    let mut variables: Vec<(&str, &str)> =
        environment.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
    for (name, _) in &variables {
        assert!(is_variable(name), "{name} is no setting");
    }
    let error = checked(&command[1..], &variables).expect_err("no password, so it is refused");
    assert!(error.contains("LARDER_REQUIRE_PASSWORD"), "{error}");
    variables.push(("LARDER_REQUIRE_PASSWORD", "secret"));
    let settings = checked(&command[1..], &variables).unwrap_or_else(|error| panic!("{error}"));

    let port = number(&settings, "port");
    let ports: Vec<String> = (port..port + 4).map(|port| port.to_string()).collect();
    assert_eq!(text(&steps, "EXPOSE"), ports.join(" "));
    assert!(number(&settings, "shutdown-timeout") < DOCKER_STOP_SECONDS);
    assert_eq!(text(&steps, "STOPSIGNAL"), "SIGTERM");
    let user = text(&steps, "USER").split(':').next().and_then(|user| user.parse::<u32>().ok());
    assert!(user.is_some_and(|user| user > 0), "a user by number, and not root");
}

#[test]
fn a_wrong_setting_is_noticed() {
    assert!(checked(&["--no-such-flag".to_owned()], &[]).is_err());
    assert!(checked(&[], &[("LARDER_PORT", "none")]).is_err());
    assert!(is_variable("LARDER_MAX_MEMORY") && !is_variable("LARDER_MAX_MEMROY"));
}

/// Where systemd's own tool is installed, it reads the unit without a complaint.
#[test]
fn systemd_understands_the_unit() {
    let directory = std::env::temp_dir().join(format!("larder-unit-{}", std::process::id()));
    fs::create_dir_all(&directory).expect("a directory");
    let path = directory.join("larder.service");
    let text = fs::read_to_string(root().join("deploy/larder.service")).expect("the unit");
    // The tool wants to see the program where it is said to be.
    fs::write(&path, text.replace(INSTALLED, &larder_path().display().to_string())).expect("a file");
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output();
    fs::remove_dir_all(&directory).expect("removed");
    let Ok(output) = output else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("larder.service")).collect();
    assert!(complaints.is_empty(), "{said}");
}

/// What `larder check-config` makes of these arguments and variables, or what it says against them.
fn checked(arguments: &[String], variables: &[(&str, &str)]) -> Result<BTreeMap<String, String>, String> {
    let mut command = Command::new(larder_path());
    command.arg("check-config").args(arguments);
    for row in ROWS {
        command.env_remove(variable(row.name));
    }
    command.env_remove("LARDER_CONFIG").envs(variables.iter().copied());
    let Output { status, stdout, stderr } = command
        .output()
        .map_err(|error| format!("{}: {error}: tests/run builds it", larder_path().display()))?;
    if !status.success() {
        return Err(String::from_utf8_lossy(&stderr).into_owned());
    }
    let table: toml::Table = String::from_utf8_lossy(&stdout).parse().map_err(|error| format!("{error}"))?;
    Ok(table.into_iter().map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned())).collect())
}

fn number(settings: &BTreeMap<String, String>, name: &str) -> u64 {
    settings[name].parse().unwrap_or_else(|_| panic!("{name} = {}", settings[name]))
}

fn variable(name: &str) -> String {
    format!("LARDER_{}", name.to_ascii_uppercase().replace('-', "_"))
}

fn is_variable(name: &str) -> bool {
    ROWS.iter().any(|row| variable(row.name) == name)
}

/// The unit's lines as names and values, comments left out.
fn unit() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("deploy/larder.service")).expect("the unit");
    let lines = text.lines().filter(|line| !line.starts_with(['#', '[']));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The value of a name that stands once.
fn only<'u>(unit: &'u [(String, String)], name: &str) -> &'u str {
    let values: Vec<&str> =
        unit.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect();
    assert_eq!(values.len(), 1, "{name} stands {} times", values.len());
    values[0]
}

/// The arguments, with the installed settings file replaced by the one that is to be installed.
fn in_repository(arguments: &[&str]) -> Vec<String> {
    let here = |word: &&str| match *word {
        "/etc/larder/larder.toml" => larder_toml().display().to_string(),
        word => word.to_owned(),
    };
    arguments.iter().map(here).collect()
}

/// An instruction of the Dockerfile.
struct Step {
    name: String,
    text: String,
}

/// The instructions in order, lines that go on joined, comments left out.
fn dockerfile() -> Vec<Step> {
    let text = fs::read_to_string(root().join("deploy/Dockerfile")).expect("the Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let step = |line: &str| {
        let (name, text) = line.split_once(' ')?;
        Some(Step { name: name.to_owned(), text: text.trim().to_owned() })
    };
    joined.lines().filter_map(step).collect()
}

/// The text of an instruction that stands once.
fn text<'s>(steps: &'s [Step], name: &str) -> &'s str {
    let found: Vec<&Step> = steps.iter().filter(|step| step.name == name).collect();
    assert_eq!(found.len(), 1, "{name} stands {} times", found.len());
    &found[0].text
}

/// What a COPY takes: all words but the last.
fn sources(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.pop();
    words
}

/// The words of `["a", "b"]`.
fn words(text: &str) -> Vec<String> {
    let table: toml::Table = format!("words = {text}").parse().expect("a list of words");
    let words = table["words"].as_array().expect("a list");
    words.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

fn larder_toml() -> PathBuf {
    root().join("deploy/larder.toml")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

const INSTALLED: &str = "/usr/local/bin/larder";

/// What `docker stop` waits for unless it is told otherwise.
const DOCKER_STOP_SECONDS: u64 = 10;

/// As in `node/src/descriptors.rs`.
const DESCRIPTORS_RESERVED: u64 = 128;
