//! Server processes for tests: a Redis or a Larder node on free ports of 127.0.0.1, in a directory of its own,
//! ready when `start` returns and gone when the handle is dropped. What is said to them is left to `wire`.

use std::fmt;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::clock::Deadline;
use crate::wire::Connection;

/// Which server a test speaks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The installed `redis-server`.
    Redis,
    /// The `larder` binary of this workspace.
    Larder,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis => "redis",
            Self::Larder => "larder",
        })
    }
}

/// A running server; dropping it kills the process and removes its directory.
#[derive(Debug)]
pub struct Server {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Server {
    /// Starts a server with `flags` after the usual ones and waits until it answers.
    ///
    /// # Errors
    /// A sentence that says what is missing or what the process printed last.
    pub fn start(peer: Peer, flags: &[String]) -> Result<Self, String> {
        let mut failure = String::new();
        for _ in 0..START_ATTEMPTS {
            match Self::attempt(peer, flags)? {
                Ok(server) => return Ok(server),
                Err(text) => failure = text,
            }
        }
        Err(failure)
    }

    /// The port for ordinary clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the process printed so far.
    pub fn output(&self) -> String {
        read_output(&self.directory)
    }

    /// Sends a signal, named without `SIG`.
    ///
    /// # Errors
    /// When `kill` cannot be run or refuses.
    pub fn signal(&self, name: &str) -> Result<(), String> {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .map_err(|error| format!("kill cannot be run: {error}"))?;
        status.success().then_some(()).ok_or_else(|| format!("kill -s {name} failed"))
    }

    /// Waits for the process to end by itself; nothing if it still runs at the deadline.
    pub fn wait_for_exit(&mut self, deadline: Deadline) -> Option<ExitStatus> {
        deadline.poll(|| self.child.try_wait().ok().flatten())
    }

    /// One attempt. The outer error is final, the inner one may be a port that somebody else took meanwhile.
    fn attempt(peer: Peer, flags: &[String]) -> Result<Result<Self, String>, String> {
        let port = free_ports().ok_or("no block of free ports on 127.0.0.1")?;
        let directory = new_directory().map_err(|error| format!("no directory for {peer}: {error}"))?;
        let log = || File::options().create(true).append(true).open(directory.join(OUTPUT));
        let spawned = log().and_then(|out| {
            let err = log()?;
            command(peer, port)
                .args(flags)
                .current_dir(&directory)
                .stdin(Stdio::null())
                .stdout(out)
                .stderr(err)
                .spawn()
        });
        let child = spawned.map_err(|error| {
            // Best effort: an empty directory is all that stays.
            let _ = fs::remove_dir_all(&directory);
            missing(peer, &error)
        })?;
        let mut server = Self { child, port, directory };
        Ok(if server.wait_until_ready() {
            Ok(server)
        } else {
            Err(format!("{peer} on port {port} did not answer PING; it printed:\n{}", server.output()))
        })
    }

    fn wait_until_ready(&mut self) -> bool {
        let answered = Deadline::after(START_TIME_MAX).poll(|| {
            if self.child.try_wait().ok().flatten().is_some() {
                return Some(false);
            }
            let mut connection = Connection::open(self.port).ok()?;
            connection.send(&["PING"]).ok()?;
            // Any complete reply will do: with a password it is an error.
            connection.read(Duration::from_secs(1)).ok().map(|_| true)
        });
        answered == Some(true)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Failures mean that the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Where the `larder` binary of the running test's profile lies.
pub fn larder_path() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    // target/<profile>/deps/<test> → target/<profile>/larder
    let profile = test.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
    profile.join("larder")
}

/// The first of four neighbouring free ports: a node uses P, P+1, P+2 and P+3. They lie below the range from which
/// systems take the ports of outgoing connections, since thousands of those may be in use after a busy test.
pub fn free_ports() -> Option<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    (0..PORT_ATTEMPTS).find_map(|_| {
        let number =
            NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(PORT_SPREAD));
        let port = PORT_MIN + u16::try_from(number % PORT_BLOCKS).ok()? * PORTS;
        let held: Option<Vec<_>> =
            (0..PORTS).map(|step| TcpListener::bind((Ipv4Addr::LOCALHOST, port + step)).ok()).collect();
        held.map(|_| port)
    })
}

fn command(peer: Peer, port: u16) -> Command {
    let port = port.to_string();
    match peer {
        Peer::Redis => {
            let mut command = Command::new("redis-server");
            command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
            command
        }
        Peer::Larder => {
            let mut command = Command::new(larder_path());
            command.args(["node", "--port", &port, "--bind", "127.0.0.1", "--max-memory", "256mb"]);
            command
        }
    }
}

fn missing(peer: Peer, error: &std::io::Error) -> String {
    match peer {
        Peer::Redis => format!("redis-server cannot be run ({error}): tests/run installs it"),
        Peer::Larder => {
            format!("{} cannot be run ({error}): cargo build -p larder-node", larder_path().display())
        }
    }
}

fn new_directory() -> std::io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("larder-tests-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let directory = std::env::temp_dir().join(name);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

fn read_output(directory: &Path) -> String {
    let bytes = fs::read(directory.join(OUTPUT)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

const OUTPUT: &str = "output.log";
const PORTS: u16 = 4;
const PORT_MIN: u16 = 10_000;
/// Up to port 29,999.
const PORT_BLOCKS: u32 = 5_000;
/// Blocks between the first ones that neighbouring process ids look at.
const PORT_SPREAD: u32 = 61;
const PORT_ATTEMPTS: u32 = 500;
const START_ATTEMPTS: u32 = 4;
const START_TIME_MAX: Duration = Duration::from_secs(20);
