//! What `larder status` and `larder drain` do: ask the admin port of a running node, show, wait. And `larder recover`, which asks
//! nobody.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use larder_proto::topology::{Incarnation, Member, MemberState};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::ADMIN_PORT_OFFSET;
use crate::admin::{Asked, Asking, Status, bar};
use crate::cluster::control;
use crate::cluster::identity::StateDir;
use crate::config::Config;
use crate::link::VERSIONS;
use crate::net::TcpNetwork;
use crate::server::Leave;

/// How a verb ended, as its exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// 0: as it should.
    Well,
    /// 1: not healthy in time, or refused by the node.
    Badly,
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Well => Self::SUCCESS,
            Ended::Badly => Self::FAILURE,
        }
    }
}

/// Shows how the cluster is; with `wait`, as soon as it is healthy, or when the time is over.
///
/// # Errors
/// No node answers.
pub async fn status(config: &Config, json: bool, wait: Option<Duration>) -> Result<Ended, String> {
    let asking = admin_port(config);
    // What was waited for is what is shown: a moment later the cluster may be moving partitions for balance.
    let awaited = match wait {
        Some(time) => timeout(time, until_healthy(asking)).await.ok(),
        None => None,
    };
    let told = match awaited {
        Some(told) => Ok(told),
        None => asking.status().await,
    };
    let (body, status) = match told {
        Ok(told) => told,
        Err(error) if wait.is_some() => {
            complain(&error.to_string());
            return Ok(Ended::Badly);
        }
        Err(error) => return Err(error.to_string()),
    };
    show(&if json { body } else { status.to_text() })?;
    Ok(if wait.is_none() || status.healthy { Ended::Well } else { Ended::Badly })
}

/// A node that does not answer yet may be about to start.
async fn until_healthy(asking: Asking) -> (String, Status) {
    let mut progress = Progress::default();
    loop {
        match asking.status().await {
            Ok((body, status)) if status.healthy => return (body, status),
            Ok((_, status)) => progress.tell(&status.to_line()),
            Err(error) => progress.tell(&error.to_string()),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Orders the node to leave the cluster, and waits until it holds nothing that would be missed.
///
/// # Errors
/// No node answers.
pub async fn drain(config: &Config, order: Leave) -> Result<Ended, String> {
    let asking = admin_port(config);
    match asking.drain(order).await {
        Ok(true) => {}
        Ok(false) => {
            show("there is nobody to hand over to; stop the node, and its values are gone\n")?;
            return Ok(Ended::Well);
        }
        Err(Asked::Refused(why)) => {
            complain(&format!("{why}\nlarder drain --force leaves all the same"));
            return Ok(Ended::Badly);
        }
        Err(error) => return Err(error.to_string()),
    }
    let mut progress = Progress::default();
    let mut most = 0;
    loop {
        let (_, status) = asking.status().await.map_err(|error| error.to_string())?;
        let left = held(&status, order);
        if left == 0 {
            break;
        }
        most = most.max(left);
        progress.tell(&format!("handed over {} {}/{most}", bar((most - left, most), BAR), most - left));
        sleep(LOOK_EVERY).await;
    }
    show(if order.for_good {
        "drained: the node is no member any more and may be stopped\n"
    } else {
        "drained: other nodes serve what this one served; it may be stopped\n"
    })?;
    Ok(Ended::Well)
}

/// Makes a new cluster of what this machine's node knows, which must not run.
///
/// # Errors
/// The state directory is in use, cannot be read or written, or is not that of a member.
pub async fn recover(config: &Config) -> Result<Ended, String> {
    let place =
        StateDir::open(&config.state_directory()).map_err(|error| format!("{error}; see --state-dir"))?;
    let member = Member {
        host: config.advertised_host(),
        port: config.port,
        zone: config.zone.clone(),
        incarnation: Incarnation::default(),
        state: MemberState::Down,
        version: VERSIONS.max,
    };
    let recovered = control::recover(&place, Arc::new(TcpNetwork), member, fastrand::u64(..));
    // Raft's tasks stay on this thread.
    let cluster = LocalSet::new().run_until(recovered).await.map_err(|error| error.to_string())?;
    show(&format!(
        "recovered: this node alone is cluster {:032x} now; start it, then the others with empty state directories\n",
        cluster.0
    ))?;
    Ok(Ended::Well)
}

/// What keeps the node from being stopped: the partitions that it owns, and that the others still count on it; if it leaves for
/// good, also the copies that are not made elsewhere yet, and that it is still a member.
fn held(status: &Status, order: Leave) -> usize {
    // It is not told any more that it was removed.
    if status.left {
        return 0;
    }
    let Some(own) = status.own() else { return 0 };
    match order.for_good {
        true => own.owned + own.copies_in_sync + 1,
        false if own.state == "down" => 0,
        false => own.owned + 1,
    }
}

/// The node's admin port, as the settings of this machine say it. A node that binds every address binds loopback too.
pub(super) fn admin_port(config: &Config) -> Asking {
    let host = match config.bind {
        IpAddr::V4(bind) if bind.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(bind) if bind.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        bind => bind,
    };
    Asking { address: SocketAddr::new(host, config.port + ADMIN_PORT_OFFSET) }
}

/// A line that is written anew while something is waited for, where a person looks.
#[derive(Default)]
struct Progress {
    /// What stands there.
    shown: String,
}

impl Progress {
    fn tell(&mut self, line: &str) {
        if self.shown != line && std::io::stderr().is_terminal() {
            // Clears what stood there.
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        }
        line.clone_into(&mut self.shown);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.shown.is_empty() && std::io::stderr().is_terminal() {
            let _ = writeln!(std::io::stderr());
        }
    }
}

pub(super) fn complain(message: &str) {
    let _ = writeln!(std::io::stderr(), "larder: {message}");
}

pub(super) fn show(text: &str) -> Result<(), String> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| error.to_string())
}

const LOOK_EVERY: Duration = Duration::from_millis(200);
const BAR: usize = 40;
