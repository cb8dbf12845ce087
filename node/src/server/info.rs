//! INFO: a section is a function that writes its lines. Fields have the names that Redis clients and dashboards read; what
//! only Larder has stands in a section of its own.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering;

use larder_proto::topology::{CopyState, MemberState, NodeId, Row};

use super::node::Shared;
use super::statistics::Totals;
use crate::commands::cluster::{ClusterView, Endpoint};
use crate::commands::version::{LARDER_VERSION, REDIS_VERSION};
use crate::store::Database;

/// Writes one section.
type Section = fn(&Shared, Endpoint, &mut String);

/// Name, whether it is shown without asking, and what writes it.
const SECTIONS: [(&str, bool, Section); 14] = [
    ("Server", true, server),
    ("Clients", true, clients),
    ("Memory", true, memory),
    ("Persistence", true, persistence),
    ("Stats", true, stats),
    ("Replication", true, replication),
    ("CPU", true, cpu),
    ("Modules", true, |_, _, _| {}),
    ("Commandstats", false, commandstats),
    ("Errorstats", true, errorstats),
    ("Latencystats", false, latencystats),
    ("Cluster", true, cluster),
    ("Keyspace", true, keyspace),
    ("Larder", true, larder),
];

/// The sections of these names in lower case; `all`, `everything` and `default` name several. None names the default ones.
pub(super) fn write(shared: &Shared, names: &[String], endpoint: Endpoint) -> String {
    let mut text = String::new();
    let by_default = names.is_empty() || names.iter().any(|name| name == "default");
    let every = names.iter().any(|name| name == "all" || name == "everything");
    for (name, shown, write) in SECTIONS {
        let asked = names.iter().any(|asked| asked.eq_ignore_ascii_case(name));
        if every || asked || (by_default && shown) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            line(&mut text, format_args!("# {name}"));
            write(shared, endpoint, &mut text);
        }
    }
    text
}

/// Bytes by name, for MEMORY STATS.
pub(super) fn memory_facts(shared: &Shared) -> Vec<(&'static str, u64)> {
    let used = shared.store.memory().snapshot();
    let keys: usize = Database::all().map(|database| shared.store.size(database).keys).sum();
    vec![
        ("peak.allocated", used.peak as u64),
        ("total.allocated", used.used as u64),
        ("startup.allocated", used.process as u64),
        ("clients.normal", used.buffers as u64),
        ("keys.count", keys as u64),
        ("keys.bytes-per-key", used.data.checked_div(keys).unwrap_or(0) as u64),
        ("overhead.total", (used.index + used.buffers + used.process) as u64),
        ("dataset.bytes", (used.items + used.collections) as u64),
        ("larder.items.bytes", used.items as u64),
        ("larder.collections.bytes", used.collections as u64),
        ("larder.index.bytes", used.index as u64),
        ("larder.arena.bytes", used.arena as u64),
        ("larder.holes.bytes", used.arena.saturating_sub(used.items) as u64),
    ]
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(content);
    text.push_str("\r\n");
}

fn server(shared: &Shared, endpoint: Endpoint, text: &mut String) {
    let facts = &shared.facts;
    let uptime = shared.uptime_ms() / 1_000;
    line(text, format_args!("redis_version:{REDIS_VERSION}"));
    line(text, format_args!("larder_version:{LARDER_VERSION}"));
    line(
        text,
        format_args!("redis_mode:{}", if endpoint == Endpoint::Cluster { "cluster" } else { "standalone" }),
    );
    line(text, format_args!("os:{} {}", std::env::consts::OS, std::env::consts::ARCH));
    line(text, format_args!("arch_bits:{}", usize::BITS));
    line(text, format_args!("process_id:{}", std::process::id()));
    line(text, format_args!("run_id:{}", facts.run_id));
    line(text, format_args!("tcp_port:{}", facts.address.port() + port_offset(endpoint)));
    line(text, format_args!("server_time_usec:{}", shared.clock.now().0 * 1_000));
    line(text, format_args!("uptime_in_seconds:{uptime}"));
    line(text, format_args!("uptime_in_days:{}", uptime / 86_400));
    line(text, format_args!("io_threads_active:{}", usize::from(facts.threads > 1)));
}

fn clients(shared: &Shared, _: Endpoint, text: &mut String) {
    line(text, format_args!("connected_clients:{}", shared.registry.len()));
    line(text, format_args!("maxclients:{}", shared.tunables.clients_max.load(Ordering::Relaxed)));
    line(text, format_args!("blocked_clients:0"));
}

fn memory(shared: &Shared, _: Endpoint, text: &mut String) {
    let used = shared.store.memory().snapshot();
    let total = used.used;
    let resident = resident_bytes();
    line(text, format_args!("used_memory:{total}"));
    line(text, format_args!("used_memory_human:{}", human(total)));
    line(text, format_args!("used_memory_rss:{resident}"));
    line(text, format_args!("used_memory_rss_human:{}", human(resident)));
    line(text, format_args!("used_memory_peak:{}", used.peak));
    line(text, format_args!("used_memory_peak_human:{}", human(used.peak)));
    line(text, format_args!("used_memory_overhead:{}", used.index + used.buffers + used.process));
    line(text, format_args!("used_memory_startup:{}", used.process));
    line(text, format_args!("used_memory_dataset:{}", used.items + used.collections));
    line(text, format_args!("allocator_active:{}", used.resident()));
    line(text, format_args!("allocator_allocated:{total}"));
    line(text, format_args!("mem_clients_normal:{}", used.buffers));
    line(text, format_args!("maxmemory:{}", used.limit));
    line(text, format_args!("maxmemory_human:{}", human(used.limit)));
    line(text, format_args!("maxmemory_policy:{}", shared.store.eviction().redis_name()));
    line(text, format_args!("mem_fragmentation_ratio:{:.2}", resident as f64 / total.max(1) as f64));
}

fn persistence(_shared: &Shared, _: Endpoint, text: &mut String) {
    for field in ["loading", "rdb_changes_since_last_save", "rdb_bgsave_in_progress", "aof_enabled"] {
        line(text, format_args!("{field}:0"));
    }
}

fn stats(shared: &Shared, _: Endpoint, text: &mut String) {
    let Totals { commands, hits, misses, input_bytes, output_bytes, .. } = shared.statistics.totals();
    let used = shared.store.memory().snapshot();
    let registry = &shared.registry;
    let errors = shared.statistics.errors().map(|(_, count)| count).sum();
    let rows = [
        ("total_connections_received", registry.accepted.load(Ordering::Relaxed)),
        ("total_commands_processed", commands),
        ("total_net_input_bytes", input_bytes),
        ("total_net_output_bytes", output_bytes),
        ("rejected_connections", registry.refused.load(Ordering::Relaxed)),
        ("expired_keys", used.expired_keys),
        ("evicted_keys", used.evicted_keys),
        ("keyspace_hits", hits),
        ("keyspace_misses", misses),
        ("total_error_replies", errors),
    ];
    for (name, value) in rows {
        line(text, format_args!("{name}:{value}"));
    }
}

/// The nodes that hold copies of what this one owns, as Redis shows replicas of a primary.
fn replication(shared: &Shared, endpoint: Endpoint, text: &mut String) {
    line(text, format_args!("role:master"));
    let view = shared.membership.view();
    let holders = view.as_ref().map(holders).unwrap_or_default();
    line(text, format_args!("connected_slaves:{}", holders.len()));
    for (number, (node, filling)) in holders.iter().enumerate() {
        let member = view.as_ref().and_then(|view| view.topology.members.get(node));
        let Some(member) = member else { continue };
        let (host, port) = (&member.host, member.port + port_offset(endpoint));
        let state = if *filling { "send_bulk" } else { "online" };
        line(text, format_args!("slave{number}:ip={host},port={port},state={state},offset=0,lag=0"));
    }
    line(text, format_args!("master_failover_state:no-failover"));
    line(text, format_args!("master_replid:{}", shared.facts.run_id));
    line(text, format_args!("master_repl_offset:0"));
}

/// Each node that holds copies of what this one owns, and whether one of them is still being filled.
fn holders(view: &ClusterView) -> BTreeMap<NodeId, bool> {
    let mut holders = BTreeMap::new();
    let owned = view.topology.rows.iter().filter(|row| row.owner == Some(view.own));
    for copy in owned.flat_map(|row| &row.copies) {
        *holders.entry(copy.node).or_default() |= copy.state == CopyState::Filling;
    }
    holders
}

/// The cluster endpoint is the next port.
fn port_offset(endpoint: Endpoint) -> u16 {
    u16::from(endpoint == Endpoint::Cluster)
}

fn cpu(_shared: &Shared, _: Endpoint, text: &mut String) {
    let (user, system) = cpu_seconds();
    line(text, format_args!("used_cpu_sys:{system:.6}"));
    line(text, format_args!("used_cpu_user:{user:.6}"));
}

fn commandstats(shared: &Shared, _: Endpoint, text: &mut String) {
    for row in shared.commands.rows() {
        let totals = shared.statistics.command(row.id);
        if totals.calls + totals.rejected == 0 {
            continue;
        }
        let us = totals.took_ns / 1_000;
        let each = totals.took_ns as f64 / 1_000.0 / totals.calls.max(1) as f64;
        let (name, calls) = (&row.full_name, totals.calls);
        let (rejected, failed) = (totals.rejected, totals.failed);
        line(
            text,
            format_args!(
                "cmdstat_{name}:calls={calls},usec={us},usec_per_call={each:.2},\
                 rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

fn errorstats(shared: &Shared, _: Endpoint, text: &mut String) {
    for (word, count) in shared.statistics.errors() {
        line(text, format_args!("errorstat_{word}:count={count}"));
    }
}

fn latencystats(shared: &Shared, _: Endpoint, text: &mut String) {
    for row in shared.commands.rows() {
        let histogram = shared.statistics.histogram(row.id);
        if histogram.calls == 0 {
            continue;
        }
        let at = |share: f64| {
            let wanted = (histogram.calls as f64 * share).ceil() as u64;
            histogram.buckets.iter().find(|(_, calls)| *calls >= wanted).map_or(0, |(us, _)| *us)
        };
        let (half, most, nearly) = (at(0.5), at(0.99), at(0.999));
        let name = &row.full_name;
        line(
            text,
            format_args!("latency_percentiles_usec_{name}:p50={half}.000,p99={most}.000,p99.9={nearly}.000"),
        );
    }
}

fn cluster(_shared: &Shared, endpoint: Endpoint, text: &mut String) {
    line(text, format_args!("cluster_enabled:{}", u8::from(endpoint == Endpoint::Cluster)));
}

fn keyspace(shared: &Shared, _: Endpoint, text: &mut String) {
    for database in Database::all() {
        let size = shared.store.size(database);
        if size.keys > 0 {
            let (number, keys, deadlines) = (database.number(), size.keys, size.deadlines);
            line(text, format_args!("db{number}:keys={keys},expires={deadlines},avg_ttl=0"));
        }
    }
}

fn larder(shared: &Shared, _: Endpoint, text: &mut String) {
    let used = shared.store.memory().snapshot();
    line(text, format_args!("region:{}", shared.facts.region));
    line(text, format_args!("service:{}", shared.facts.service));
    membership(shared, text);
    line(text, format_args!("threads:{}", shared.facts.threads));
    line(text, format_args!("eviction:{}", shared.store.eviction().name()));
    line(text, format_args!("bytes_live:{}", used.items + used.collections));
    line(text, format_args!("bytes_items:{}", used.items));
    line(text, format_args!("bytes_collections:{}", used.collections));
    line(text, format_args!("bytes_index:{}", used.index));
    line(text, format_args!("bytes_arena:{}", used.arena));
    line(text, format_args!("bytes_holes:{}", used.arena.saturating_sub(used.items)));
    line(text, format_args!("bytes_process:{}", used.process));
    line(text, format_args!("bytes_moved:{}", used.moved_bytes));
    line(text, format_args!("bytes_buffers:{}", used.buffers));
    line(text, format_args!("effects:{}", shared.statistics.totals().effects));
    let lag = shared.store.expiry_lag();
    line(text, format_args!("expiry_lag_ms_mean:{}", lag.total_ms.checked_div(lag.keys).unwrap_or(0)));
    line(text, format_args!("expiry_lag_ms_max:{}", lag.max_ms));
    line(text, format_args!("expiry_late_keys:{}", lag.late_keys));
    let turns = shared.statistics.turns();
    for (bound, count) in turns.cumulative() {
        match bound {
            Some(bound) => line(text, format_args!("turns_within_{bound}us:{count}")),
            None => line(text, format_args!("turns:{count}")),
        }
    }
    line(text, format_args!("turn_longest_us:{}", turns.longest_us));
}

/// What this node is in its cluster.
fn membership(shared: &Shared, text: &mut String) {
    let Some(view) = shared.membership.view() else {
        line(text, format_args!("lease:none"));
        return;
    };
    let (topology, own) = (&view.topology, view.own);
    let up = topology.members.values().filter(|member| member.state == MemberState::Up).count();
    let rows = || topology.rows.iter();
    let copies = |state| {
        let is_so = move |row: &&Row| row.copy(own).is_some_and(|copy| copy.state == state);
        rows().filter(is_so).count()
    };
    line(text, format_args!("cluster:{:032x}", topology.cluster.0));
    line(text, format_args!("node:{}", own.0));
    line(text, format_args!("epoch:{}", topology.epoch.0));
    line(text, format_args!("lease:{}", if view.serving { "held" } else { "none" }));
    line(text, format_args!("members:{}", topology.members.len()));
    line(text, format_args!("members_up:{up}"));
    line(text, format_args!("replicas:{}", topology.replicas));
    line(text, format_args!("partitions_owned:{}", rows().filter(|row| row.owner == Some(own)).count()));
    line(text, format_args!("partitions_copied:{}", copies(CopyState::InSync)));
    line(text, format_args!("partitions_filling:{}", copies(CopyState::Filling)));
    line(text, format_args!("partitions_unowned:{}", rows().filter(|row| row.owner.is_none()).count()));
    line(text, format_args!("partitions_lost:{}", topology.lost));
}

fn human(bytes: usize) -> String {
    let units = [("G", 1_u64 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match units.iter().find(|(_, size)| bytes as u64 >= *size) {
        Some((unit, size)) => format!("{:.2}{unit}", bytes as f64 / *size as f64),
        None => format!("{bytes}B"),
    }
}

/// Resident memory of the process, 0 where the system does not tell.
pub(super) fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok());
    kib.unwrap_or(0) * 1_024
}

/// Seconds of CPU time of the process in user and kernel mode, 0 where the system does not tell.
fn cpu_seconds() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold spaces; fields are counted after it, from the third.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let seconds =
        |field: usize| fields.get(field - 3).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (seconds(14) / TICKS_PER_SECOND, seconds(15) / TICKS_PER_SECOND)
}

/// The unit of /proc/self/stat on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
