//! The rows of the settings that make several nodes one cache. What they need of each other is said in `places`.

use std::path::Path;

use super::places::Peer;
use super::rows::{Row, put_name, put_within};
use super::{Ack, Config};

/// Where other nodes are.
pub(super) const JOIN: Row = Row {
    name: "join",
    value: "HOST:PORT,...",
    help: "Other nodes and their ports P+2, this one may be among them; a name may have many addresses. None for a node alone",
    parse: |config, text| {
        config.join =
            text.split(',').filter(|part| !part.is_empty()).map(str::parse).collect::<Result<_, _>>()?;
        if config.join.len() > PEERS_MAX {
            return Err(format!("there are more than {PEERS_MAX} entries"));
        }
        Ok(())
    },
    show: |config, _| config.join.iter().map(Peer::to_string).collect::<Vec<_>>().join(","),
    ..NONE
};

/// How many nodes form the cluster.
pub(super) const BOOTSTRAP_EXPECT: Row = Row {
    name: "bootstrap-expect",
    value: "N",
    default: "1",
    help: "Nodes that form the cluster, once, when so many have found each other by --join; a node with --join that expects 1 only joins",
    parse: |config, text| put_within(&mut config.bootstrap_expect, text, 1, NODES_EXPECTED_MAX),
    show: |config, _| config.bootstrap_expect.to_string(),
    ..NONE
};

/// Where the control plane keeps its log.
pub(super) const STATE_DIR: Row = Row {
    name: "state-dir",
    value: "DIRECTORY",
    help: "Where a cluster's node keeps who it is, never a value; without it larder/PORT in the platform's state directory. \
           Given alone it makes a cluster of one that others may join",
    parse: |config, text| put_path(&mut config.state_dir, text),
    show: |config, _| config.state_dir.display().to_string(),
    ..NONE
};

/// Copies beside the owner.
pub(super) const REPLICAS: Row = Row {
    name: "replicas",
    value: "N",
    default: "1",
    help: "Copies of every partition beside its owner, as far as there are nodes; the cluster keeps what it was formed with",
    parse: |config, text| put_within(&mut config.replicas, text, 0, REPLICAS_MAX),
    show: |config, _| config.replicas.to_string(),
    ..NONE
};

/// The failure domain.
pub(super) const ZONE: Row = Row {
    name: "zone",
    value: "NAME",
    help: "What fails together with this node: a rack, an availability zone. Copies go to another zone where there is one",
    parse: |config, text| {
        if text.is_empty() {
            config.zone.clear();
            return Ok(());
        }
        put_name(&mut config.zone, text)
    },
    show: |config, _| config.zone.clone(),
    ..NONE
};

/// What others are told.
pub(super) const ADVERTISE: Row = Row {
    name: "advertise",
    redis: Some("cluster-announce-hostname"),
    value: "HOST",
    help: "Host name or address at which clients and other nodes reach this one; without it the bind address",
    parse: |config, text| {
        if !text.is_empty() && !super::places::is_host(text) {
            return Err(format!(
                "'{}' is not a host name or an address; the port is --port's",
                text.escape_debug()
            ));
        }
        text.clone_into(&mut config.advertise);
        Ok(())
    },
    show: |config, _| config.advertise.clone(),
    ..NONE
};

/// What nodes prove to each other.
pub(super) const CLUSTER_SECRET: Row = Row {
    name: "cluster-secret",
    value: "SECRET",
    help: "What nodes prove to each other, 16 bytes or more, the same on all; needed beyond loopback. Better set by \
           LARDER_CLUSTER_SECRET or a file than as a flag",
    secret: true,
    parse: |config, text| {
        check_secret(text)?;
        text.clone_into(&mut config.cluster_secret);
        Ok(())
    },
    // No client is told, not even one that may read the settings.
    show: |config, _| if config.cluster_secret.is_empty() { String::new() } else { "********".to_owned() },
    ..NONE
};

/// The same from a file.
pub(super) const CLUSTER_SECRET_FILE: Row = Row {
    name: "cluster-secret-file",
    value: "FILE",
    help: "A file that holds the cluster's secret; a line end at its end is no part of it",
    parse: |config, text| put_path(&mut config.cluster_secret_file, text),
    show: |config, _| config.cluster_secret_file.display().to_string(),
    ..NONE
};

/// When a write is answered.
pub(super) const ACK: Row = Row {
    name: "ack",
    value: "WHEN",
    default: "in-sync",
    help: "A write is answered once every in-sync copy has it (in-sync), or at once (owner), which may lose it with its owner",
    parse: |config, text| {
        config.ack = match text {
            "in-sync" => Ack::InSync,
            "owner" => Ack::Owner,
            _ => return Err(format!("'{}' is neither in-sync nor owner", text.escape_debug())),
        };
        Ok(())
    },
    show: |config, _| match config.ack {
        Ack::InSync => "in-sync".to_owned(),
        Ack::Owner => "owner".to_owned(),
    },
    ..NONE
};

/// How long a node may serve unconfirmed.
pub(super) const LEASE: Row = Row {
    name: "lease",
    value: "MILLISECONDS",
    default: "500",
    help: "How long a node may serve after the cluster's leader has confirmed it; the same on all nodes. Shorter means faster \
           failover, and failover for shorter stalls",
    parse: |config, text| put_within(&mut config.lease_ms, text, LEASE_MS_MIN, LEASE_MS_MAX),
    show: |config, _| config.lease_ms.to_string(),
    ..NONE
};

/// How long a request waits for an owner.
pub(super) const RETRY_TIME: Row = Row {
    name: "retry-time",
    value: "MILLISECONDS",
    default: "5000",
    help: "How long a request waits for a partition that nobody serves, as during a failover, before it is answered with an error",
    parse: |config, text| put_within(&mut config.retry_ms_max, text, 0, RETRY_MS_MAX),
    show: |config, _| config.retry_ms_max.to_string(),
    ..NONE
};

/// What most of these rows have in common.
const NONE: Row = Row {
    name: "",
    redis: None,
    value: "",
    default: "",
    help: "",
    live: false,
    secret: false,
    parse: |_, _| Ok(()),
    show: |_: &Config, _| String::new(),
};

/// A secret that is short could be found by trying.
pub(super) fn check_secret(text: &str) -> Result<(), String> {
    if text.is_empty() || (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&text.len()) {
        return Ok(());
    }
    Err(format!("a secret has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes, this one has {}", text.len()))
}

pub(super) fn put_path(field: &mut std::path::PathBuf, text: &str) -> Result<(), String> {
    if text.contains('\0') {
        return Err("a path has no zero bytes".to_owned());
    }
    *field = Path::new(text).to_path_buf();
    Ok(())
}

const PEERS_MAX: usize = 64;
const NODES_EXPECTED_MAX: u8 = 100;
const REPLICAS_MAX: u8 = 6;
const SECRET_BYTES_MIN: usize = 16;
const SECRET_BYTES_MAX: usize = 1_024;
/// Shorter ones would end in the pauses of an ordinary machine.
const LEASE_MS_MIN: u64 = 100;
const LEASE_MS_MAX: u64 = 60_000;
const RETRY_MS_MAX: u64 = 600_000;
