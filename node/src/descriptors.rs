//! File descriptors: a connection takes one, and the usual soft limit of 1,024 is far below what a cache serves.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit as far as so many clients need and the hard limit allows, and says so if that is not enough.
pub fn raise_limit(clients_max: usize) {
    let needed = clients_max as u64 + RESERVED;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return;
    }
    let reachable = maximum.map_or(needed, |maximum| needed.min(maximum));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reachable), maximum });
    if raised.is_err() || reachable < needed {
        let clients = current.unwrap_or(reachable).max(reachable).saturating_sub(RESERVED);
        tracing::warn!(
            clients,
            clients_max,
            "the limit of open files allows fewer clients: raise it (ulimit -n)"
        );
    }
}

/// Descriptors for everything that is not a client: listeners, runtimes, admin connections, standard streams.
const RESERVED: u64 = 128;
