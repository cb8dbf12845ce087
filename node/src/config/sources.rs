//! Where settings come from: defaults, then the file, then the environment, then flags; the later wins. The command line
//! is made from the rows.

use std::fmt;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::rows::{Names, ROWS};
use super::{Ack, CacheOrder, Config, cache_line, file};
use crate::store::Eviction;

/// What the command line asks for.
#[derive(Debug)]
pub struct Invocation {
    /// What to do.
    pub verb: Verb,
    /// The settings.
    pub config: Config,
    /// What is probably a mistake, but none that keeps a node from running.
    pub warnings: Vec<String>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// Run a node.
    Node,
    /// Say whether the settings are right, and what they are.
    CheckConfig,
    /// Show how the cluster of a running node is.
    Status {
        /// As JSON.
        json: bool,
        /// Seconds to wait until the cluster is healthy.
        wait_seconds: Option<u64>,
    },
    /// Have a running node leave its cluster.
    Drain {
        /// It will be back: what it owns is handed over, and no more.
        restart: bool,
        /// Whatever is lost by it.
        force: bool,
    },
    /// Make a new cluster of what a state directory holds.
    Recover,
    /// Show or change the external caches of a running node's cluster.
    Cache(CacheOrder),
}

/// Settings that a node cannot run with.
#[derive(Debug)]
pub struct ConfigError(pub(super) String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// The command line: `larder` alone is `larder node`.
#[must_use]
pub fn command_line() -> Command {
    let about = "A volatile regional cache that any Redis client can talk to";
    let file =
        Arg::new("config").long("config").value_name("FILE").env("LARDER_CONFIG").hide_env(true).global(true);
    let command = Command::new("larder")
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
        .args_override_self(true)
        .after_help(
            "Each setting can also be given by the environment, as LARDER_MAX_MEMORY=1gb, or in the file.",
        )
        .subcommand(Command::new("node").about("Run a node (the default)"))
        .subcommand(Command::new("check-config").about("Check the settings and show them, secrets masked"))
        .subcommand(status_line())
        .subcommand(drain_line())
        .subcommand(recover_line())
        .subcommand(cache_line::cache_line())
        .arg(file.help("TOML file with any of these settings"));
    ROWS.iter().fold(command, |command, row| command.arg(argument(row)))
}

/// Reads the settings that a command line, the environment and a file give.
///
/// # Errors
/// A setting is unknown or cannot be read, or settings contradict each other. The message says where the value came from.
pub fn load(matches: &ArgMatches) -> Result<Invocation, ConfigError> {
    let (verb, matches) = match matches.subcommand() {
        Some(("check-config", matches)) => (Verb::CheckConfig, matches),
        Some(("status", matches)) => {
            let wait_seconds = matches.get_one::<u64>(WAIT_HEALTHY).copied();
            (Verb::Status { json: matches.get_flag(JSON), wait_seconds }, matches)
        }
        Some(("drain", matches)) => {
            (Verb::Drain { restart: matches.get_flag(RESTART), force: matches.get_flag(FORCE) }, matches)
        }
        Some(("recover", matches)) => (Verb::Recover, matches),
        Some(("cache", matches)) => (Verb::Cache(cache_line::read(matches)?), matches),
        Some((_, matches)) => (Verb::Node, matches),
        None => (Verb::Node, matches),
    };
    let mut config = Config::unset();
    for row in ROWS {
        (row.parse)(&mut config, row.default).map_err(|error| told(row.name, "its default", &error))?;
    }
    if let Some(path) = matches.get_one::<String>("config") {
        for (row, text) in file::read(&PathBuf::from(path)).map_err(ConfigError)? {
            (row.parse)(&mut config, &text).map_err(|error| told(row.name, path, &error))?;
        }
    }
    for row in ROWS {
        let Some(text) = matches.get_one::<String>(row.name) else { continue };
        let from = match matches.value_source(row.name) {
            Some(ValueSource::EnvVariable) => variable(row.name),
            _ => format!("--{}", row.name),
        };
        (row.parse)(&mut config, text).map_err(|error| told(row.name, &from, &error))?;
    }
    // The other verbs need to know no more than where the node is.
    if matches!(verb, Verb::Node | Verb::CheckConfig) {
        config.agree()?;
    }
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    Ok(Invocation { verb, config, warnings: unknown_variables(variables) })
}

impl Config {
    /// Settings before any row was read; every field is overwritten by its row's default.
    fn unset() -> Self {
        Self {
            bind: std::net::Ipv4Addr::LOCALHOST.into(),
            port: 0,
            threads: 0,
            memory_bytes_max: 0,
            eviction: Eviction::SEGMENT_MERGE,
            region: String::new(),
            service: String::new(),
            password: String::new(),
            gateway_password: String::new(),
            gateway_password_file: PathBuf::new(),
            clients_max: 0,
            idle_seconds_max: 0,
            frame_seconds_max: 0,
            value_bytes_max: 0,
            reply_bytes_max: 0,
            key_bytes_max: 0,
            slow_us_min: 0,
            slow_entries_max: 0,
            hash_entries_max: 0,
            hash_value_bytes_max: 0,
            list_block_size: 0,
            set_integers_max: 0,
            set_entries_max: 0,
            set_value_bytes_max: 0,
            sorted_set_entries_max: 0,
            sorted_set_member_bytes_max: 0,
            shutdown_seconds_max: 0,
            log: String::new(),
            join: Vec::new(),
            bootstrap_expect: 1,
            state_dir: PathBuf::new(),
            replicas: 0,
            zone: String::new(),
            advertise: String::new(),
            cluster_secret: String::new(),
            cluster_secret_file: PathBuf::new(),
            ack: Ack::InSync,
            lease_ms: 0,
            retry_ms_max: 0,
        }
    }

    /// What no setting can say alone.
    fn agree(&mut self) -> Result<(), ConfigError> {
        self.read_cluster_secret().map_err(ConfigError)?;
        self.read_gateway_password().map_err(ConfigError)?;
        self.agree_on_cluster().map_err(ConfigError)?;
        if !self.bind.is_loopback() && self.password.is_empty() {
            return Err(ConfigError(format!(
                "bind {} can be reached from other machines, so a password is needed: \
                 set LARDER_REQUIRE_PASSWORD (or require-password in the file), or bind 127.0.0.1",
                self.bind
            )));
        }
        Ok(())
    }

    /// The settings as lines of the TOML file, secrets masked.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let line = |row: &super::Row| {
            let shown = (row.show)(self, Names::Own);
            let shown = if row.secret && !shown.is_empty() { "********".to_owned() } else { shown };
            format!("{} = {shown:?}\n", row.name)
        };
        ROWS.iter().map(line).collect()
    }
}

fn status_line() -> Command {
    let wait = "Wait until every partition has an owner and all its copies in sync; exit with 1 if that takes longer";
    Command::new("status")
        .about("Show how the cluster of the node at --port is")
        .arg(Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Show it as JSON"))
        .arg(
            Arg::new(WAIT_HEALTHY)
                .long(WAIT_HEALTHY)
                .value_name("SECONDS")
                .value_parser(clap::value_parser!(u64).range(..=WAIT_SECONDS_MAX))
                .help(wait),
        )
}

fn drain_line() -> Command {
    let restart =
        "It will be back: hand over what it serves and keep its place in the cluster, as SIGTERM does";
    let force = "Leave even if values are lost by it, since nobody else has them";
    Command::new("drain")
        .about("Have the node at --port hand over all that it holds and leave its cluster; only on its own machine")
        .arg(Arg::new(RESTART).long(RESTART).action(ArgAction::SetTrue).help(restart))
        .arg(Arg::new(FORCE).long(FORCE).action(ArgAction::SetTrue).help(force))
}

fn recover_line() -> Command {
    let more = "For a cluster that has lost more than half of its voters for good, and with them their state directories. Stop all \
                nodes, run this on the machine of one of them, start it again, and then the others with empty state directories. \
                Never while a majority may come back: there would be two clusters.";
    Command::new("recover")
        .about("Make a new cluster of what the state directory of this machine's stopped node knows; values are lost")
        .after_help(more)
}

fn argument(row: &'static super::Row) -> Arg {
    let default = if row.default.is_empty() { String::new() } else { format!(" [default: {}]", row.default) };
    Arg::new(row.name)
        .long(row.name)
        .value_name(row.value)
        .env(variable(row.name))
        .hide_env(true)
        .global(true)
        .allow_hyphen_values(true)
        .help(format!("{}{default}", row.help))
}

/// The environment variable of a setting.
fn variable(name: &str) -> String {
    format!("LARDER_{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// A sentence for each variable that looks like a setting and is none.
fn unknown_variables(variables: impl Iterator<Item = String>) -> Vec<String> {
    let known = |name: &str| {
        ["LARDER_CONFIG", cache_line::CONNECTION_VARIABLE].contains(&name)
            || ROWS.iter().any(|row| variable(row.name) == name)
    };
    let unknown = variables.filter(|name| name.starts_with("LARDER_") && !known(name));
    unknown.map(|name| format!("the variable {name} is no setting; see larder --help")).collect()
}

fn told(name: &str, from: &str, error: &str) -> ConfigError {
    ConfigError(format!("{name} (from {from}): {error}"))
}

const JSON: &str = "json";
const WAIT_HEALTHY: &str = "wait-healthy";
const FORCE: &str = "force";
const RESTART: &str = "restart";
const WAIT_SECONDS_MAX: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn invoke(words: &[&str]) -> Result<Invocation, String> {
        let matches = command_line().try_get_matches_from(words).map_err(|error| error.to_string())?;
        load(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_those_of_a_local_node() {
        let Invocation { verb, config, .. } = invoke(&["larder"]).unwrap();
        assert_eq!((verb, config.port, config.threads > 0), (Verb::Node, 6379, true));
        assert!(config.bind.is_loopback() && config.memory_bytes_max > 1 << 20);
    }

    #[test]
    fn a_bind_address_beyond_loopback_needs_a_password() {
        let error = invoke(&["larder", "--bind", "0.0.0.0"]).unwrap_err();
        assert!(error.contains("LARDER_REQUIRE_PASSWORD"), "{error}");
        assert!(invoke(&["larder", "--bind", "0.0.0.0", "--require-password", "x"]).is_ok());
        assert!(invoke(&["larder", "node", "--bind", "::1"]).is_ok());
    }

    #[test]
    fn verbs_need_to_know_no_more_than_where_the_node_is() {
        let status =
            invoke(&["larder", "status", "--bind", "10.0.0.1", "--json", "--wait-healthy", "60"]).unwrap();
        assert_eq!(status.verb, Verb::Status { json: true, wait_seconds: Some(60) });
        let status = invoke(&["larder", "status", "--port", "7000"]).unwrap();
        assert_eq!(
            (status.verb, status.config.port),
            (Verb::Status { json: false, wait_seconds: None }, 7000)
        );
        assert_eq!(
            invoke(&["larder", "recover", "--port", "7000"]).map(|it| (it.verb, it.config.port)).unwrap(),
            (Verb::Recover, 7000)
        );
        assert_eq!(
            invoke(&["larder", "drain", "--force"]).unwrap().verb,
            Verb::Drain { restart: false, force: true }
        );
        assert!(invoke(&["larder", "status", "--wait-healthy", "soon"]).is_err());
        assert!(invoke(&["larder", "--json"]).is_err());
    }

    #[test]
    fn a_mistyped_variable_is_told() {
        let variables =
            ["LARDER_MAX_MEMROY", "LARDER_MAX_MEMORY", "LARDER_CONFIG", "PATH"].map(str::to_owned);
        let told = unknown_variables(variables.into_iter());
        assert_eq!(told, ["the variable LARDER_MAX_MEMROY is no setting; see larder --help"]);
    }

    #[test]
    fn wrong_values_name_their_source_and_what_is_right() {
        let error = invoke(&["larder", "--port", "65533"]).unwrap_err();
        assert_eq!(error, "port (from --port): '65533' is not a number from 1 to 65532");
        let error = invoke(&["larder", "--max-memory", "lots"]).unwrap_err();
        assert!(error.contains("write for example 67108864, 64mb or 1gb"), "{error}");
    }

    #[test]
    fn what_is_shown_can_be_read_again_and_hides_the_password() {
        let config = invoke(&["larder", "check-config", "--require-password", "hunter2"]).unwrap().config;
        let shown = config.to_toml();
        assert!(!shown.contains("hunter2") && shown.contains("require-password = \"********\""));
        let path = std::env::temp_dir().join(format!("larder-config-{}.toml", std::process::id()));
        std::fs::write(&path, &shown).unwrap();
        let again = invoke(&["larder", "--config", path.to_str().unwrap()]);
        std::fs::remove_file(&path).unwrap();
        let again = again.unwrap().config;
        assert_eq!(
            (again.port, again.threads, again.memory_bytes_max),
            (config.port, config.threads, config.memory_bytes_max)
        );
    }

    #[test]
    fn names_stand_once() {
        let mut names: Vec<&str> =
            ROWS.iter().map(|row| row.name).chain(ROWS.iter().filter_map(|row| row.redis)).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        // Four settings have the same name in Redis.
        assert_eq!(all - names.len(), ROWS.iter().filter(|row| row.redis == Some(row.name)).count());
        assert!(super::super::FIXED.iter().all(|(name, _)| !names.contains(name)));
    }
}
