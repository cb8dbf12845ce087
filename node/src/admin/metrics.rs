//! The metrics, in the text format of OpenMetrics. Everything is counted where it happens and only summed up here, at
//! each scrape. Labels name commands, databases and the region; never a key, a value or a client.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as encode_text;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::status::Status;
use crate::commands::ports::Node;
use crate::commands::version::LARDER_VERSION;
use crate::server::Shared;
use crate::store::Database;

/// What a scraper is told the text is.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics as they stand.
pub(super) fn encode(shared: &Arc<Shared>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("larder");
    registry.register_collector(Box::new(Scrape(Arc::clone(shared))));
    let mut text = String::new();
    encode_text(&mut text, &registry)?;
    Ok(text)
}

struct Scrape(Arc<Shared>);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shared = &*self.0;
        let facts = shared.facts();
        let labels = [("version", LARDER_VERSION), ("region", &facts.region), ("service", &facts.service)];
        let mut info = encoder.encode_descriptor("node", "What the node is", None, MetricType::Gauge)?;
        ConstGauge::new(1_i64).encode(info.encode_family(&labels)?)?;
        gauges(shared, &mut encoder)?;
        membership(shared, &mut encoder)?;
        counters(shared, &mut encoder)?;
        turns(shared, &mut encoder)?;
        databases(shared, &mut encoder)?;
        commands(shared, &mut encoder)
    }
}

fn gauges(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let used = shared.store().memory().snapshot();
    let rows = [
        ("memory_limit_bytes", "Memory limit", used.limit),
        ("memory_data_bytes", "Memory of keys, values and tables", used.data),
        ("memory_used_bytes", "Memory in use, with all overheads", used.used),
        ("memory_items_bytes", "Memory of live items", used.items),
        ("memory_collections_bytes", "Memory of collections", used.collections),
        ("memory_index_bytes", "Memory of tables", used.index),
        ("memory_arena_bytes", "Memory resident for items, holes included", used.arena),
        ("memory_process_bytes", "Memory of the process itself", used.process),
        ("memory_buffer_bytes", "Memory of connection buffers", used.buffers),
        ("memory_peak_bytes", "Highest memory in use that was seen", used.peak),
        ("connections", "Open connections of clients", shared.registry().len()),
        ("uptime_seconds", "Time since the start", (shared.uptime_ms() / 1_000) as usize),
    ];
    for (name, help, value) in rows {
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value as i64).encode(metric)?;
    }
    Ok(())
}

/// The cluster as this node sees it; those of a node that has not joined are all zero.
fn membership(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let (membership, region) = (shared.membership(), &shared.facts().region);
    let status = Status::of(region, membership.view().as_ref(), &membership.live());
    let own = status.own().cloned().unwrap_or_default();
    let up = status.members.iter().filter(|member| member.state == "up").count();
    let rows = [
        ("cluster_epoch", "Number of the topology", status.epoch as usize),
        (
            "cluster_healthy",
            "1 if every partition has an owner and all copies in sync",
            status.healthy.into(),
        ),
        ("cluster_members", "Members of the cluster", status.members.len()),
        ("cluster_members_up", "Members that are up", up),
        ("cluster_partitions_owned", "Partitions of the cluster that are served", status.partitions.owned),
        ("cluster_partitions_copied", "Partitions whose copies are all in sync", status.partitions.copied),
        ("cluster_partitions_lost", "Times that a partition began empty", status.partitions.lost as usize),
        ("lease_held", "1 if this node has a lease and serves", status.serving.into()),
        ("partitions_owned", "Partitions that this node serves", own.owned),
        ("partitions_in_sync", "Partitions of which this node holds a copy", own.copies_in_sync),
        ("partitions_filling", "Partitions of which this node gets a copy", own.copies_filling),
    ];
    for (name, help, value) in rows {
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(value as i64).encode(metric)?;
    }
    Ok(())
}

fn counters(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let used = shared.store().memory().snapshot();
    let totals = shared.counters().totals();
    let (accepted, refused) = shared.registry().totals();
    let lag = shared.store().expiry_lag();
    let rows = [
        ("keyspace_hits", "Keys found", totals.hits),
        ("keyspace_misses", "Keys not found", totals.misses),
        ("effects", "Changes made by writes", totals.effects),
        ("received_bytes", "Bytes received from clients", totals.input_bytes),
        ("sent_bytes", "Bytes sent to clients", totals.output_bytes),
        ("expiry_late_keys", "Keys reclaimed more than a second after their deadline", lag.late_keys),
        ("expiry_lag_milliseconds", "Sum of the times from deadline to reclaim", lag.total_ms),
        ("moved_bytes", "Bytes of items moved to close holes", used.moved_bytes),
        ("expired_keys", "Keys reclaimed after their deadline", used.expired_keys),
        ("evicted_keys", "Keys evicted at the memory limit", used.evicted_keys),
        ("connections_accepted", "Connections accepted", accepted),
        ("connections_refused", "Connections refused because there were too many", refused),
    ];
    for (name, help, value) in rows {
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        ConstCounter::new(value).encode(metric)?;
    }
    Ok(())
}

fn turns(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let (name, help) = ("turns", "Turns of workers and of the sweep by the time they stayed within");
    let mut turns = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    let totals = shared.counters().turns();
    for (bound, count) in totals.cumulative() {
        let labels = [("microseconds", bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string()))];
        ConstCounter::new(count).encode(turns.encode_family(&labels)?)?;
    }
    let (name, help) = ("turn_longest_microseconds", "Longest turn of a worker or of the sweep");
    let longest = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(totals.longest_us as i64).encode(longest)
}

fn databases(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut keys = encoder.encode_descriptor("keys", "Keys of a database", None, MetricType::Gauge)?;
    for database in Database::all() {
        let labels = [("database", database.number().to_string())];
        ConstGauge::new(shared.store().size(database).keys as i64).encode(keys.encode_family(&labels)?)?;
    }
    Ok(())
}

fn commands(shared: &Shared, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let rows: Vec<_> = Node::commands(shared).rows().iter().collect();
    let totals: Vec<_> = rows.iter().map(|row| (&row.full_name, shared.counters().command(row.id))).collect();
    let called = || totals.iter().filter(|(_, totals)| totals.calls + totals.rejected > 0);
    type Column = (&'static str, &'static str, fn(&crate::server::CommandTotals) -> u64);
    let columns: [Column; 4] = [
        ("commands", "Commands carried out", |totals| totals.calls),
        ("commands_failed", "Commands that failed", |totals| totals.failed),
        ("commands_rejected", "Commands refused before they began", |totals| totals.rejected),
        ("commands_busy_microseconds", "Time that commands took", |totals| totals.took_ns / 1_000),
    ];
    for (name, help, value) in columns {
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (command, totals) in called() {
            let labels = [("command", command.as_str())];
            ConstCounter::new(value(totals)).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
