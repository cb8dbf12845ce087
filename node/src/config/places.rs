//! Where a node of a cluster is and where it finds the others, and what the settings about that need of each other.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Config;
use super::cluster_rows::check_secret;

/// A host, which may be a name with many addresses, and the port P+2 of a node there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The host, without the brackets of an IPv6 address.
    pub host: String,
    /// The port between nodes.
    pub port: u16,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{}' is not HOST:PORT, as larder-1.example.net:6381", text.escape_debug());
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_right = match bare {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host(host) && !host.contains(':'),
        };
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        if is_right { Ok(Self { host: bare.unwrap_or(host).to_owned(), port }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Whether the text is an address, or may be a host's name.
pub(super) fn is_host(text: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_name = !text.is_empty() && text.len() <= HOST_BYTES_MAX && text.chars().all(in_name);
    is_name || text.parse::<IpAddr>().is_ok()
}

impl Config {
    /// Whether the node belongs to a cluster, or is to form one. A node alone keeps no state.
    #[must_use]
    pub fn is_clustered(&self) -> bool {
        !self.join.is_empty() || self.bootstrap_expect > 1 || !self.state_dir.as_os_str().is_empty()
    }

    /// The host that clients and other nodes are told.
    #[must_use]
    pub fn advertised_host(&self) -> String {
        if self.advertise.is_empty() { self.bind.to_string() } else { self.advertise.clone() }
    }

    /// Where the control plane keeps its log: as set, or else in the platform's state directory.
    #[must_use]
    pub fn state_directory(&self) -> PathBuf {
        if !self.state_dir.as_os_str().is_empty() {
            return self.state_dir.clone();
        }
        platform_directory(|name| std::env::var_os(name).map(PathBuf::from)).join(self.port.to_string())
    }

    /// Takes the secret from its file, if one is named.
    pub(super) fn read_cluster_secret(&mut self) -> Result<(), String> {
        let read = secret_of_file("cluster-secret", &self.cluster_secret, &self.cluster_secret_file)?;
        let Some(secret) = read else { return Ok(()) };
        let path = self.cluster_secret_file.display();
        check_secret(&secret).map_err(|error| format!("cluster-secret-file {path}: {error}"))?;
        self.cluster_secret = secret;
        Ok(())
    }

    /// Takes the gateways' password from its file, if one is named.
    pub(super) fn read_gateway_password(&mut self) -> Result<(), String> {
        let path = &self.gateway_password_file;
        if let Some(password) = secret_of_file("gateway-password", &self.gateway_password, path)? {
            self.gateway_password = password;
        }
        Ok(())
    }

    /// What the settings of a cluster need of each other.
    pub(super) fn agree_on_cluster(&self) -> Result<(), String> {
        if !self.is_clustered() {
            return Ok(());
        }
        if self.bootstrap_expect > 1 && self.join.is_empty() {
            return Err(format!(
                "bootstrap-expect {} without join: nodes find each other by --join HOST:PORT,... with their ports P+2",
                self.bootstrap_expect
            ));
        }
        if self.bind.is_unspecified() && self.advertise.is_empty() {
            return Err(format!(
                "bind {} is an address that others cannot be told: set --advertise to this node's name or address",
                self.bind
            ));
        }
        if !self.bind.is_loopback() && self.cluster_secret.is_empty() {
            return Err(format!(
                "bind {} can be reached from other machines, so the nodes of a cluster need a secret: set \
                 LARDER_CLUSTER_SECRET or --cluster-secret-file, the same on all nodes",
                self.bind
            ));
        }
        Ok(())
    }
}

/// What a file holds that takes the place of a secret setting; none if no file is named. A line end at its end is no part of
/// it.
fn secret_of_file(name: &str, set: &str, path: &Path) -> Result<Option<String>, String> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    if !set.is_empty() {
        return Err(format!("{name} and {name}-file are both set: set one"));
    }
    let told = |why: &dyn fmt::Display| format!("{name}-file {}: {why}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(told(&"the file is empty"));
    }
    Ok(Some(secret.to_owned()))
}

/// `STATE_DIRECTORY` is what systemd gives a unit, the others are those of the XDG base directories.
fn platform_directory(variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let set = |name| variable(name).filter(|path| path.is_absolute());
    set("STATE_DIRECTORY")
        .or_else(|| set("XDG_STATE_HOME").map(|path| path.join("larder")))
        .or_else(|| set("HOME").map(|path| path.join(".local/state/larder")))
        .unwrap_or_else(|| Path::new("/var/lib/larder").to_path_buf())
}

/// As long as a name in the domain name system can be.
const HOST_BYTES_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::super::{command_line, load};
    use super::*;

    fn config(words: &[&str]) -> Result<Config, String> {
        let matches = command_line().try_get_matches_from(words).map_err(|error| error.to_string())?;
        load(&matches).map(|invocation| invocation.config).map_err(|error| error.to_string())
    }

    fn refusal(words: &[&str]) -> String {
        config(words).expect_err("it is refused")
    }

    #[test]
    fn peers_are_a_host_and_a_port() {
        for text in ["a:1", "larder-0.larder.cache.svc:6381", "127.0.0.1:6381", "[::1]:6381"] {
            assert_eq!(text.parse::<Peer>().map(|peer| peer.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("[fe80::1]:7".parse(), Ok(Peer { host: "fe80::1".to_owned(), port: 7 }));
        for text in ["", "a", "a:", ":1", "a:0", "a:65536", "a b:1", "::1:1", "[a]:1", "redis://a:1"] {
            assert!(text.parse::<Peer>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_node_alone_needs_none_of_it() {
        let alone = config(&["larder"]).expect("defaults");
        assert!(!alone.is_clustered() && alone.join.is_empty());
        assert_eq!((alone.replicas, alone.bootstrap_expect, alone.lease_ms), (1, 1, 500));
        assert!(config(&["larder", "--state-dir", "/tmp/x"]).expect("a cluster of one").is_clustered());
    }

    #[test]
    fn three_nodes_on_loopback_form_a_cluster() {
        let words =
            ["larder", "node", "--port", "7000", "--join", "127.0.0.1:7002,127.0.0.1:7012,127.0.0.1:7022"];
        let of_three = [&words[..], &["--bootstrap-expect", "3", "--zone", "a", "--ack", "owner"]].concat();
        let config = config(&of_three).expect("right");
        assert_eq!((config.join.len(), config.bootstrap_expect, config.zone.as_str()), (3, 3, "a"));
        assert_eq!((config.ack, config.advertised_host().as_str()), (super::super::Ack::Owner, "127.0.0.1"));
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_to_do() {
        assert!(refusal(&["larder", "--bootstrap-expect", "3"]).contains("--join HOST:PORT"));
        assert!(
            refusal(&["larder", "--join", "nonsense"]).starts_with("join (from --join): 'nonsense' is not")
        );
        assert!(refusal(&["larder", "--lease", "1"]).contains("from 100 to 60000"));
        assert!(refusal(&["larder", "--ack", "maybe"]).contains("neither in-sync nor owner"));
        assert!(refusal(&["larder", "--advertise", "host:1"]).contains("the port is --port's"));
    }

    #[test]
    fn a_cluster_beyond_loopback_needs_a_secret_and_an_address() {
        let beyond = ["larder", "--bind", "0.0.0.0", "--require-password", "p", "--join", "a:1"];
        assert!(refusal(&beyond).contains("--advertise"));
        let told = [&beyond[..], &["--advertise", "node-1"]].concat();
        assert!(refusal(&told).contains("LARDER_CLUSTER_SECRET"));
        let short = [&told[..], &["--cluster-secret", "tooshort"]].concat();
        let message = refusal(&short);
        assert!(message.contains("has 8") && !message.contains("tooshort"), "{message}");
        let right = [&told[..], &["--cluster-secret", "sixteen bytes or"]].concat();
        let config = config(&right).expect("right");
        assert_eq!(config.cluster_secret, "sixteen bytes or");
        assert!(!config.to_toml().contains("sixteen bytes or"));
    }

    #[test]
    fn the_secret_may_stand_in_a_file() {
        let path = std::env::temp_dir().join(format!("larder-secret-{}", std::process::id()));
        let words = ["larder", "--cluster-secret-file", path.to_str().expect("a path")];
        assert!(refusal(&words).starts_with("cluster-secret-file"));
        std::fs::write(&path, "a secret of 22 bytes  \n").expect("written");
        let read = config(&words);
        let twice = config(&[&words[..], &["--cluster-secret", "another one, long"]].concat());
        std::fs::write(&path, "short\n").expect("written");
        let short = config(&words);
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(read.expect("right").cluster_secret, "a secret of 22 bytes  ");
        assert!(twice.expect_err("both").contains("both set"));
        let short = short.expect_err("too short");
        assert!(short.contains("has 5") && !short.contains("short\n"), "{short}");
    }

    #[test]
    fn state_lies_where_the_platform_keeps_it() {
        let with = |names: &[(&str, &str)]| {
            platform_directory(|name| {
                names.iter().find(|(known, _)| *known == name).map(|(_, path)| PathBuf::from(path))
            })
        };
        let all = [("STATE_DIRECTORY", "/var/lib/larder"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(with(&all), Path::new("/var/lib/larder"));
        assert_eq!(with(&all[1..]), Path::new("/x/larder"));
        assert_eq!(with(&all[2..]), Path::new("/h/.local/state/larder"));
        assert_eq!(with(&[("HOME", "relative")]), Path::new("/var/lib/larder"));
        let config = config(&["larder", "--port", "7000"]).expect("right");
        assert!(config.state_directory().ends_with("7000"));
    }
}
