//! The rows of the settings. To add a setting, add a field to `Config` and a row here.

use super::Config;
use super::cluster_rows;
use super::units::{cores, machine_memory_bytes, parse_bytes};
use crate::store::Eviction;

/// One setting.
pub struct Row {
    /// Flag without dashes, key in the TOML file; the variable is `LARDER_` and this in capitals.
    pub name: &'static str,
    /// Name in CONFIG GET and SET, where Redis has such a setting.
    pub redis: Option<&'static str>,
    /// What stands for the value in the help.
    pub value: &'static str,
    /// The default as one would write it.
    pub default: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Whether CONFIG SET may change it while the node runs.
    pub live: bool,
    /// Whether its value is a secret, never shown.
    pub secret: bool,
    /// Reads a value into the settings.
    pub parse: fn(&mut Config, &str) -> Result<(), String>,
    /// Writes the value.
    pub show: fn(&Config, Names) -> String,
}

/// In whose words a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Ours: `check-config`.
    Own,
    /// Those of Redis: CONFIG GET.
    Redis,
}

/// All settings.
pub const ROWS: &[Row] = &[
    Row {
        name: "bind",
        redis: Some("bind"),
        value: "ADDRESS",
        default: "127.0.0.1",
        help: "Address of all listeners; one beyond loopback needs --require-password (health and metrics ask for none)",
        live: false,
        secret: false,
        parse: |config, text| put(&mut config.bind, text, "an IP address such as 127.0.0.1, 0.0.0.0 or ::1"),
        show: |config, _| config.bind.to_string(),
    },
    Row {
        name: "port",
        redis: Some("port"),
        value: "P",
        default: "6379",
        help: "Any Redis client on P, cluster-aware ones on P+1, other nodes on P+2, HTTP on P+3: health, metrics, status",
        live: false,
        secret: false,
        parse: |config, text| {
            put_within(&mut config.port, text, 1, u16::MAX - 3)?;
            Ok(())
        },
        show: |config, _| config.port.to_string(),
    },
    Row {
        name: "threads",
        redis: Some("io-threads"),
        value: "N",
        default: "cores",
        help: "Worker threads; 'cores' for those of the machine or its cgroup",
        live: false,
        secret: false,
        parse: |config, text| match text {
            "cores" => {
                config.threads = cores().min(THREADS_MAX);
                Ok(())
            }
            _ => put_within(&mut config.threads, text, 1, THREADS_MAX),
        },
        show: |config, _| config.threads.to_string(),
    },
    Row {
        name: "max-memory",
        redis: Some("maxmemory"),
        value: "BYTES",
        default: "60%",
        help: "Memory for values, keys, tables and buffers: 64mb, 1gb, or a share of the machine's or cgroup's memory",
        live: true,
        secret: false,
        parse: |config, text| put_bytes(&mut config.memory_bytes_max, text, MEMORY_BYTES_MIN, usize::MAX),
        show: |config, _| config.memory_bytes_max.to_string(),
    },
    Row {
        name: "eviction",
        redis: Some("maxmemory-policy"),
        value: "POLICY",
        default: "segment-merge",
        help: "At the limit: segment-merge evicts what is used least, none refuses writes; Redis' names are understood",
        live: true,
        secret: false,
        parse: |config, text| {
            let names = || Eviction::names().collect::<Vec<_>>().join(", ");
            config.eviction =
                Eviction::named(text).ok_or_else(|| format!("'{text}' is none of {}", names()))?;
            Ok(())
        },
        show: |config, names| match names {
            Names::Own => config.eviction.name().to_owned(),
            Names::Redis => config.eviction.redis_name().to_owned(),
        },
    },
    Row {
        name: "region",
        redis: None,
        value: "NAME",
        default: "local",
        help: "Name of the region that this cache serves",
        live: false,
        secret: false,
        parse: |config, text| put_name(&mut config.region, text),
        show: |config, _| config.region.clone(),
    },
    Row {
        name: "service",
        redis: None,
        value: "NAME",
        default: "default",
        help: "Name of the service that the values belong to",
        live: false,
        secret: false,
        parse: |config, text| put_name(&mut config.service, text),
        show: |config, _| config.service.clone(),
    },
    Row {
        name: "require-password",
        redis: Some("requirepass"),
        value: "PASSWORD",
        default: "",
        help: "Password that clients have to give (AUTH); better set by LARDER_REQUIRE_PASSWORD or the file than as a flag",
        live: false,
        secret: true,
        parse: |config, text| {
            text.clone_into(&mut config.password);
            Ok(())
        },
        show: |config, _| config.password.clone(),
    },
    Row {
        name: "gateway-password",
        redis: None,
        value: "PASSWORD",
        default: "",
        help: "Password of the user gateway, who may learn external caches (LARDER.CACHES); the same on all nodes, better set by \
               LARDER_GATEWAY_PASSWORD or a file than as a flag",
        live: false,
        secret: true,
        parse: |config, text| {
            text.clone_into(&mut config.gateway_password);
            Ok(())
        },
        // No client is told, not even one that may read the settings.
        show: |config, _| {
            if config.gateway_password.is_empty() { String::new() } else { "********".to_owned() }
        },
    },
    Row {
        name: "gateway-password-file",
        redis: None,
        value: "FILE",
        default: "",
        help: "A file that holds the password of the user gateway; a line end at its end is no part of it",
        live: false,
        secret: false,
        parse: |config, text| cluster_rows::put_path(&mut config.gateway_password_file, text),
        show: |config, _| config.gateway_password_file.display().to_string(),
    },
    Row {
        name: "max-clients",
        redis: Some("maxclients"),
        value: "N",
        default: "10000",
        help: "Connections at the same time; one more is answered with an error",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.clients_max, text, 1, CLIENTS_MAX),
        show: |config, _| config.clients_max.to_string(),
    },
    Row {
        name: "idle-timeout",
        redis: Some("timeout"),
        value: "SECONDS",
        default: "0",
        help: "Close a connection after so long without a request; 0 for never",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.idle_seconds_max, text, 0, SECONDS_MAX),
        show: |config, _| config.idle_seconds_max.to_string(),
    },
    Row {
        name: "request-timeout",
        redis: None,
        value: "SECONDS",
        default: "60",
        help: "Close a connection whose request began to arrive but is not whole after so long, or that takes no reply",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.frame_seconds_max, text, 1, SECONDS_MAX),
        show: |config, _| config.frame_seconds_max.to_string(),
    },
    Row {
        name: "max-value",
        redis: Some("proto-max-bulk-len"),
        value: "BYTES",
        default: "512mb",
        help: "Largest value, or argument of any command",
        live: true,
        secret: false,
        parse: |config, text| put_bytes(&mut config.value_bytes_max, text, VALUE_BYTES_MIN, VALUE_BYTES_MAX),
        show: |config, _| config.value_bytes_max.to_string(),
    },
    Row {
        name: "max-reply",
        redis: None,
        value: "BYTES",
        default: "1gb",
        help: "Largest reply to one request; a command that would give more is answered with an error",
        live: true,
        secret: false,
        parse: |config, text| put_bytes(&mut config.reply_bytes_max, text, VALUE_BYTES_MIN, usize::MAX >> 1),
        show: |config, _| config.reply_bytes_max.to_string(),
    },
    Row {
        name: "max-key",
        redis: None,
        value: "BYTES",
        default: "1mb",
        help: "Longest key",
        live: true,
        secret: false,
        parse: |config, text| put_bytes(&mut config.key_bytes_max, text, 1, VALUE_BYTES_MAX),
        show: |config, _| config.key_bytes_max.to_string(),
    },
    Row {
        name: "slow-log-threshold",
        redis: Some("slowlog-log-slower-than"),
        value: "MICROSECONDS",
        default: "10000",
        help: "From how long on a command is noted in SLOWLOG; -1 for never",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.slow_us_min, text, -1, i64::MAX),
        show: |config, _| config.slow_us_min.to_string(),
    },
    Row {
        name: "slow-log-length",
        redis: Some("slowlog-max-len"),
        value: "N",
        default: "128",
        help: "Entries that SLOWLOG keeps",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.slow_entries_max, text, 0, SLOW_ENTRIES_MAX),
        show: |config, _| config.slow_entries_max.to_string(),
    },
    Row {
        name: "hash-compact-entries",
        redis: Some("hash-max-listpack-entries"),
        value: "N",
        default: "512",
        help: "Fields up to which a hash is kept in one block",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.hash_entries_max, text, 0, 65_536),
        show: |config, _| config.hash_entries_max.to_string(),
    },
    Row {
        name: "hash-compact-value",
        redis: Some("hash-max-listpack-value"),
        value: "BYTES",
        default: "64",
        help: "Longest field or value of a hash that is kept in one block",
        live: true,
        secret: false,
        parse: |config, text| put_bytes(&mut config.hash_value_bytes_max, text, 0, 1 << 20),
        show: |config, _| config.hash_value_bytes_max.to_string(),
    },
    Row {
        name: "list-block-size",
        redis: Some("list-max-listpack-size"),
        value: "N",
        default: "-2",
        help: "Size of the blocks of a list: -1 to -5 for 4, 8, 16, 32 or 64 KiB, from 1 on a number of elements",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.list_block_size, text, i32::MIN.into(), i32::MAX.into()),
        show: |config, _| config.list_block_size.to_string(),
    },
    Row {
        name: "set-compact-integers",
        redis: Some("set-max-intset-entries"),
        value: "N",
        default: "512",
        help: "Members up to which a set of integers is kept in one block",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.set_integers_max, text, 0, 65_536),
        show: |config, _| config.set_integers_max.to_string(),
    },
    Row {
        name: "set-compact-entries",
        redis: Some("set-max-listpack-entries"),
        value: "N",
        default: "128",
        help: "Members up to which a set is kept in one block",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.set_entries_max, text, 0, 65_536),
        show: |config, _| config.set_entries_max.to_string(),
    },
    Row {
        name: "set-compact-value",
        redis: Some("set-max-listpack-value"),
        value: "BYTES",
        default: "64",
        help: "Longest member of a set that is kept in one block",
        live: true,
        secret: false,
        parse: |config, text| put_bytes(&mut config.set_value_bytes_max, text, 0, 1 << 20),
        show: |config, _| config.set_value_bytes_max.to_string(),
    },
    Row {
        name: "sorted-set-compact-entries",
        redis: Some("zset-max-listpack-entries"),
        value: "N",
        default: "128",
        help: "Members up to which a sorted set is kept in one block",
        live: true,
        secret: false,
        parse: |config, text| put_within(&mut config.sorted_set_entries_max, text, 0, 65_536),
        show: |config, _| config.sorted_set_entries_max.to_string(),
    },
    Row {
        name: "sorted-set-compact-value",
        redis: Some("zset-max-listpack-value"),
        value: "BYTES",
        default: "64",
        help: "Longest member of a sorted set that is kept in one block",
        live: true,
        secret: false,
        parse: |config, text| put_bytes(&mut config.sorted_set_member_bytes_max, text, 0, 1 << 20),
        show: |config, _| config.sorted_set_member_bytes_max.to_string(),
    },
    Row {
        name: "shutdown-timeout",
        redis: Some("shutdown-timeout"),
        value: "SECONDS",
        default: "10",
        help: "How long SIGTERM waits for what is in flight",
        live: false,
        secret: false,
        parse: |config, text| put_within(&mut config.shutdown_seconds_max, text, 0, SECONDS_MAX),
        show: |config, _| config.shutdown_seconds_max.to_string(),
    },
    Row {
        name: "log",
        redis: None,
        value: "FILTER",
        default: "info",
        help: "Messages on standard error: error, warn, info, debug, or a filter such as larder_node=debug",
        live: false,
        secret: false,
        parse: |config, text| {
            text.clone_into(&mut config.log);
            Ok(())
        },
        show: |config, _| config.log.clone(),
    },
    cluster_rows::JOIN,
    cluster_rows::BOOTSTRAP_EXPECT,
    cluster_rows::STATE_DIR,
    cluster_rows::REPLICAS,
    cluster_rows::ZONE,
    cluster_rows::ADVERTISE,
    cluster_rows::CLUSTER_SECRET,
    cluster_rows::CLUSTER_SECRET_FILE,
    cluster_rows::ACK,
    cluster_rows::LEASE,
    cluster_rows::RETRY_TIME,
];

/// Settings of Redis that have one value here; clients and tools ask for them. CONFIG SET accepts that value and no
/// other.
pub const FIXED: &[(&str, &str)] = &[
    ("appendonly", "no"),
    ("appendfsync", "everysec"),
    ("cluster-enabled", "no"),
    ("daemonize", "no"),
    ("databases", "16"),
    ("dir", ""),
    ("latency-monitor-threshold", "0"),
    ("latency-tracking", "yes"),
    ("lazyfree-lazy-eviction", "yes"),
    ("lazyfree-lazy-expire", "yes"),
    ("lazyfree-lazy-server-del", "yes"),
    ("lazyfree-lazy-user-del", "yes"),
    ("lazyfree-lazy-user-flush", "yes"),
    ("list-compress-depth", "0"),
    ("maxmemory-samples", "8"),
    ("notify-keyspace-events", ""),
    ("protected-mode", "yes"),
    ("replica-read-only", "yes"),
    ("save", ""),
    ("tcp-keepalive", "300"),
];

fn put<T: std::str::FromStr>(field: &mut T, text: &str, expected: &str) -> Result<(), String> {
    *field = text.parse().map_err(|_| format!("'{text}' is not {expected}"))?;
    Ok(())
}

pub(super) fn put_within<T>(field: &mut T, text: &str, min: T, max: T) -> Result<(), String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    match text.parse::<T>() {
        Ok(value) if value >= min && value <= max => {
            *field = value;
            Ok(())
        }
        _ => Err(format!("'{text}' is not a number from {min} to {max}")),
    }
}

fn put_bytes(field: &mut usize, text: &str, min: usize, max: usize) -> Result<(), String> {
    let bytes = parse_bytes(text, Some(machine_memory_bytes()))?;
    if bytes < min {
        return Err(format!("'{text}' is below the minimum of {min} bytes"));
    }
    if bytes > max {
        return Err(format!("'{text}' is above the maximum of {max} bytes"));
    }
    *field = bytes;
    Ok(())
}

pub(super) fn put_name(field: &mut String, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!("'{}' is not a name of 1 to {NAME_BYTES_MAX} bytes", text.escape_debug()));
    }
    text.clone_into(field);
    Ok(())
}

/// Less would not hold the tables of an empty node and a few connections.
const MEMORY_BYTES_MIN: usize = 1 << 20;

const THREADS_MAX: usize = 256;
const CLIENTS_MAX: usize = 1_000_000;
const SECONDS_MAX: u64 = 10 * 365 * 86_400;
const SLOW_ENTRIES_MAX: usize = 100_000;
const NAME_BYTES_MAX: usize = 256;
const VALUE_BYTES_MIN: usize = 1 << 20;
const VALUE_BYTES_MAX: usize = 1 << 30;
