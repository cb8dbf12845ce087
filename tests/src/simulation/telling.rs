//! What the nodes log, with the simulated time and the host, for who wants to see a seed again. Nothing is logged unless
//! `LARDER_LOG` says what: it is read as `tracing` reads it.

use std::cell::Cell;
use std::env;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Once;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Logs from here on, if it was asked for.
pub(super) fn begin() {
    static BEGUN: Once = Once::new();
    let Ok(filter) = env::var("LARDER_LOG") else { return };
    BEGUN.call_once(|| {
        let filter = EnvFilter::new(filter);
        tracing_subscriber::fmt().with_env_filter(filter).with_timer(Moment).with_ansi(false).init();
    });
}

/// This host has its turn now.
pub(super) fn note_turn(now_ns: u64, host: IpAddr) {
    TURN.set((now_ns, host));
}

struct Moment;

impl FormatTime for Moment {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        let (now_ns, host) = TURN.get();
        write!(to, "{:>6} ms {host}", now_ns / 1_000_000)
    }
}

thread_local! {
    static TURN: Cell<(u64, IpAddr)> = const { Cell::new((0, IpAddr::V4(Ipv4Addr::UNSPECIFIED))) };
}
