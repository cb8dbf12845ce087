//! Processes for tests: any program in a directory of its own, and a Redis or a Larder node on free ports of
//! 127.0.0.1, ready when `start` returns and gone when the handle is dropped. What is said to them is left to `wire`.

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

/// A running program; dropping it kills the process and removes its directory.
#[derive(Debug)]
pub struct Process {
    child: Child,
    directory: PathBuf,
}

impl Process {
    /// Starts a program in a new directory; what it prints is kept. Wait until it is ready with
    /// [`Process::wait_until`].
    ///
    /// # Errors
    /// When it cannot be run; `advice` says what to do then.
    pub fn start(mut command: Command, advice: &str) -> Result<Self, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let directory = new_directory().map_err(|error| format!("no directory for {program}: {error}"))?;
        let log = || File::options().create(true).append(true).open(directory.join(OUTPUT));
        let spawned = log().and_then(|out| {
            let err = log()?;
            command.current_dir(&directory).stdin(Stdio::null()).stdout(out).stderr(err).spawn()
        });
        match spawned {
            Ok(child) => Ok(Self { child, directory }),
            Err(error) => {
                // The directory is empty but for the log.
                let _ = fs::remove_dir_all(&directory);
                Err(format!("{program} cannot be run ({error}): {advice}"))
            }
        }
    }

    /// Looks until `ready` sees something; nothing if the process ends or the time is up before.
    pub fn wait_until<T>(&mut self, time: Duration, mut ready: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let seen = Deadline::after(time).poll(|| match self.child.try_wait() {
            Ok(None) => ready(self).map(Some),
            _ => Some(None),
        });
        seen.flatten()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the process printed so far.
    pub fn output(&self) -> String {
        let bytes = fs::read(self.directory.join(OUTPUT)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
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

    /// Kills the process as `kill -9` does; it is gone when this returns.
    pub fn kill(&mut self) {
        // Failures mean that the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for the process to end by itself; nothing if it still runs at the deadline.
    pub fn wait_for_exit(&mut self, deadline: Deadline) -> Option<ExitStatus> {
        deadline.poll(|| self.child.try_wait().ok().flatten())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A running server; dropping it kills the process and removes its directory.
#[derive(Debug)]
pub struct Server {
    process: Process,
    peer: Peer,
    flags: Vec<String>,
    port: u16,
}

impl Server {
    /// Starts a server with `flags` after the usual ones and waits until it answers.
    ///
    /// # Errors
    /// A sentence that says what is missing or what the process printed last.
    pub fn start(peer: Peer, flags: &[String]) -> Result<Self, String> {
        let mut failure = String::new();
        for _ in 0..START_ATTEMPTS {
            let port = free_ports().ok_or("no block of free ports on 127.0.0.1")?;
            // Somebody else may have taken the port meanwhile.
            match start_ready(peer, port, flags)? {
                Ok(process) => return Ok(Self { process, peer, flags: flags.to_vec(), port }),
                Err(text) => failure = text,
            }
        }
        Err(failure)
    }

    /// Kills the process, as `kill -9` does. The port stays this server's for [`Server::start_again`].
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server again, empty, on the same port and with the same flags; kills it first if it still runs.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_again(&mut self) -> Result<(), String> {
        self.kill();
        let mut failure = String::new();
        for _ in 0..START_ATTEMPTS {
            // Somebody else may be looking whether the port is free.
            match start_ready(self.peer, self.port, &self.flags)? {
                Ok(process) => {
                    self.process = process;
                    return Ok(());
                }
                Err(text) => failure = text,
            }
        }
        Err(failure)
    }

    /// The port for ordinary clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `HOST:PORT`, as clients are configured with.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What the process printed so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// Sends a signal, named without `SIG`.
    ///
    /// # Errors
    /// When `kill` cannot be run or refuses.
    pub fn signal(&self, name: &str) -> Result<(), String> {
        self.process.signal(name)
    }

    /// Waits for the process to end by itself; nothing if it still runs at the deadline.
    pub fn wait_for_exit(&mut self, deadline: Deadline) -> Option<ExitStatus> {
        self.process.wait_for_exit(deadline)
    }
}

/// Where the `larder` binary of the running test's profile lies.
pub fn larder_path() -> PathBuf {
    built("larder")
}

/// Where the build of the running test's profile puts this file: `larder`, `examples/gateway`.
pub fn built(file: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    // target/<profile>/deps/<test> → target/<profile>/<file>
    let profile = test.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
    profile.join(file)
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

/// One attempt. The outer error is final, the inner one may be a port that somebody else took.
fn start_ready(peer: Peer, port: u16, flags: &[String]) -> Result<Result<Process, String>, String> {
    let mut command = command(peer, port);
    command.args(flags);
    let mut process = Process::start(command, advice(peer))?;
    Ok(match process.wait_until(START_TIME_MAX, |_| answers(port)) {
        Some(()) => Ok(process),
        None => Err(format!("{peer} on port {port} did not answer PING; it printed:\n{}", process.output())),
    })
}

fn answers(port: u16) -> Option<()> {
    let mut connection = Connection::open(port).ok()?;
    connection.send(&["PING"]).ok()?;
    // Any complete reply will do: with a password it is an error.
    connection.read(Duration::from_secs(1)).ok().map(|_| ())
}

fn advice(peer: Peer) -> &'static str {
    match peer {
        Peer::Redis => "tests/run installs it",
        Peer::Larder => "cargo build -p larder-node",
    }
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

/// A new directory for what a test or a process leaves behind.
///
/// # Errors
/// It cannot be made.
pub fn new_directory() -> std::io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("larder-tests-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let directory = std::env::temp_dir().join(name);
    fs::create_dir_all(&directory)?;
    Ok(directory)
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
