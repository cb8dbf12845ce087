//! A cluster of real processes on 127.0.0.1: started, looked at, hurt and healed by tests, and gone when the handle is
//! dropped. Each node keeps its ports and its state directory for as long as the handle lives. A Redis Cluster of the same
//! size stands beside it, for what both have to do alike.

use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use larder_node::admin::Status;

use crate::clock::Deadline;
use crate::http::Client;
use crate::process::{Process, free_ports, larder_path, new_directory};
use crate::wire::Connection;

/// A cluster of larder nodes.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    /// Flags that all nodes have.
    flags: Vec<String>,
    /// Nodes that formed it.
    founders: usize,
    directory: PathBuf,
}

/// A node, running or not.
#[derive(Debug)]
pub struct Node {
    process: Option<Process>,
    port: u16,
    /// What it alone is started with.
    flags: Vec<String>,
    state: PathBuf,
}

impl Cluster {
    /// Starts so many nodes and waits until they are a healthy cluster.
    ///
    /// # Panics
    /// They do not become one in time; the message holds what they printed.
    pub fn start(nodes: usize, flags: &[&str]) -> Self {
        let mut failure = String::new();
        for _ in 0..START_ATTEMPTS {
            let mut cluster = Self::new(nodes, flags);
            (0..nodes).for_each(|node| cluster.run(node));
            match cluster.healthy_within(FORMING_TIME_MAX) {
                Ok(()) => return cluster,
                // Somebody else may have taken a port meanwhile.
                Err(error) => failure = format!("{error}\n{}", cluster.outputs()),
            }
        }
        panic!("{failure}");
    }

    /// Ports and directories for so many nodes, of which none runs yet.
    ///
    /// # Panics
    /// There are no free ports, or no directory can be made.
    pub fn new(nodes: usize, flags: &[&str]) -> Self {
        let directory = new_directory().unwrap_or_else(|error| panic!("no directory for a cluster: {error}"));
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        let mut cluster = Self { nodes: Vec::new(), flags, founders: nodes, directory };
        (0..nodes).for_each(|_| {
            cluster.reserve(&[]);
        });
        cluster
    }

    /// Ports and a directory for one node more, with flags of its own; its place.
    ///
    /// # Panics
    /// There are no free ports.
    pub fn reserve(&mut self, flags: &[&str]) -> usize {
        let place = self.nodes.len();
        let port = free_ports().unwrap_or_else(|| panic!("no block of free ports on 127.0.0.1"));
        let state = self.directory.join(format!("state-{place}"));
        let flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        self.nodes.push(Node { process: None, port, flags, state });
        place
    }

    /// Starts one node more, which joins.
    pub fn add(&mut self, flags: &[&str]) -> usize {
        let place = self.reserve(flags);
        self.run(place);
        place
    }

    /// Starts a node, or starts it again with its state. It kills the process that runs, if one does.
    ///
    /// # Panics
    /// The program cannot be run.
    pub fn run(&mut self, node: usize) {
        self.nodes[node].process = None;
        let mut command = Command::new(larder_path());
        command.args(self.arguments(node));
        let process = Process::start(command, "cargo build -p larder-node");
        self.nodes[node].process = Some(process.unwrap_or_else(|error| panic!("{error}")));
    }

    /// The command line of a node.
    fn arguments(&self, node: usize) -> Vec<String> {
        let Node { port, flags, state, .. } = &self.nodes[node];
        let peers: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port + NODE_PORT_OFFSET)).collect();
        let expected = if node < self.founders { self.founders } else { 1 };
        // A founder that is alone has nobody to join.
        let join = (self.founders > 1 || node > 0).then(|| ("--join", peers.join(",")));
        let own = [
            ("--port", port.to_string()),
            ("--bootstrap-expect", expected.to_string()),
            ("--state-dir", state.display().to_string()),
            ("--max-memory", "64mb".to_owned()),
            ("--threads", "1".to_owned()),
        ];
        let own = own.into_iter().chain(join).flat_map(|(flag, value)| [flag.to_owned(), value]);
        ["node".to_owned()].into_iter().chain(own).chain(self.flags.clone()).chain(flags.clone()).collect()
    }

    /// How many nodes there are places for.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node's port for any client.
    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port
    }

    /// Where a node keeps its state.
    pub fn state(&self, node: usize) -> PathBuf {
        self.nodes[node].state.clone()
    }

    /// A node's address for any client.
    pub fn address(&self, node: usize) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port(node)).into()
    }

    /// The addresses of all nodes that run, but for one.
    pub fn addresses_but(&self, left_out: Option<usize>) -> Vec<SocketAddr> {
        let runs = |node: &usize| self.nodes[*node].process.is_some() && Some(*node) != left_out;
        (0..self.len()).filter(runs).map(|node| self.address(node)).collect()
    }

    /// The place of the node that leads, as this node sees it.
    pub fn leader(&self, asked: usize) -> Option<usize> {
        let leader = self.status(asked).ok()?.leader;
        (0..self.len()).find(|&node| {
            self.nodes[node].process.is_some()
                && self.status(node).is_ok_and(|status| Some(status.node) == leader)
        })
    }

    /// The ports of all nodes for cluster-aware clients.
    pub fn cluster_ports(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.port + CLUSTER_PORT_OFFSET).collect()
    }

    /// A connection to a node's port for any client.
    ///
    /// # Panics
    /// Nobody listens there.
    pub fn connect(&self, node: usize) -> Connection {
        Connection::open(self.port(node)).unwrap_or_else(|error| panic!("node {node}: {error}"))
    }

    /// `kill -9`; gone when this returns, with what it printed.
    pub fn kill(&mut self, node: usize) {
        if let Some(mut process) = self.nodes[node].process.take() {
            process.kill();
        }
    }

    /// A signal to a node, named without `SIG`: `STOP` and `CONT` for a pause, `TERM` for an orderly end.
    ///
    /// # Panics
    /// The node does not run.
    pub fn signal(&self, node: usize, name: &str) {
        let process = self.nodes[node].process.as_ref().unwrap_or_else(|| panic!("node {node} does not run"));
        process.signal(name).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Waits until a node has ended by itself; whether well, and nothing if it still runs.
    pub fn ended_within(&mut self, node: usize, time: Duration) -> Option<bool> {
        let process = self.nodes[node].process.as_mut()?;
        process.wait_for_exit(Deadline::after(time)).map(|status| status.success())
    }

    /// Throws a stopped node's state away, as a lost disk does.
    ///
    /// # Panics
    /// The directory cannot be removed.
    pub fn lose_state(&mut self, node: usize) {
        self.nodes[node].process = None;
        let state = &self.nodes[node].state;
        if state.exists() {
            fs::remove_dir_all(state).unwrap_or_else(|error| panic!("{}: {error}", state.display()));
        }
    }

    /// How the cluster is, as this node sees it.
    ///
    /// # Errors
    /// The node does not answer.
    pub fn status(&self, node: usize) -> Result<Status, String> {
        let answer = Client::connect(self.port(node) + ADMIN_PORT_OFFSET)?.get("/status")?;
        serde_json::from_slice(&answer.body).map_err(|error| format!("node {node}: {error}"))
    }

    /// Waits until every running node says that the cluster is healthy, and that as many members are up as run.
    ///
    /// # Errors
    /// What is still missing when the time is over.
    pub fn healthy_within(&self, time: Duration) -> Result<(), String> {
        let running: Vec<usize> =
            (0..self.len()).filter(|&node| self.nodes[node].process.is_some()).collect();
        self.healthy_among(&running, time)
    }

    /// The same of these nodes, which are all that are up.
    ///
    /// # Errors
    /// What is still missing when the time is over.
    pub fn healthy_among(&self, nodes: &[usize], time: Duration) -> Result<(), String> {
        let mut last = "nobody was asked".to_owned();
        let healthy = Deadline::after(time).poll(|| {
            match nodes.iter().find_map(|&node| self.missing(node, nodes.len())) {
                Some(missing) => {
                    last = missing;
                    None
                }
                None => Some(()),
            }
        });
        healthy.ok_or_else(|| format!("not healthy within {time:?}: {last}"))
    }

    /// What a node says is missing.
    fn missing(&self, node: usize, members_up: usize) -> Option<String> {
        let status = match self.status(node) {
            Ok(status) => status,
            Err(error) => return Some(format!("node {node}: {error}")),
        };
        let up = status.members.iter().filter(|member| member.state == "up").count();
        if !status.healthy {
            return Some(format!("node {node}: {}", status.problems.join("; ")));
        }
        (up != members_up).then(|| format!("node {node} knows {up} members that are up, of {members_up}"))
    }

    /// Runs a verb of the command line for a node.
    ///
    /// # Panics
    /// The program cannot be run.
    pub fn verb(&self, node: usize, words: &[&str]) -> Output {
        let mut command = Command::new(larder_path());
        command.args(words).args(["--port", &self.port(node).to_string()]).stdin(Stdio::null());
        command.output().unwrap_or_else(|error| panic!("larder cannot be run: {error}"))
    }

    /// What a node that runs has printed.
    pub fn output(&self, node: usize) -> String {
        self.nodes[node].process.as_ref().map(Process::output).unwrap_or_default()
    }

    /// What all nodes printed.
    pub fn outputs(&self) -> String {
        let printed = |(place, node): (usize, &Node)| {
            let text = node.process.as_ref().map(Process::output).unwrap_or_default();
            format!("node {place} on port {} printed:\n{text}\n", node.port)
        };
        self.nodes.iter().enumerate().map(printed).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What went wrong is often told by the nodes alone, and is gone with them.
        if std::thread::panicking() {
            let _ = writeln!(io::stderr(), "{}", self.outputs());
        }
        self.nodes.clear();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A Redis Cluster of primaries.
#[derive(Debug)]
pub struct RedisCluster {
    processes: Vec<Process>,
    ports: Vec<u16>,
}

impl RedisCluster {
    /// Starts so many primaries, at least three, and deals the slots out to them.
    ///
    /// # Panics
    /// They do not become a cluster; the message holds what was printed.
    pub fn start(nodes: usize) -> Self {
        let mut failure = String::new();
        for _ in 0..START_ATTEMPTS {
            // Somebody else may take a port meanwhile.
            match Self::try_start(nodes) {
                Ok(cluster) => return cluster,
                Err(error) => failure = error,
            }
        }
        panic!("{failure}");
    }

    fn try_start(nodes: usize) -> Result<Self, String> {
        let mut cluster = Self { processes: Vec::new(), ports: Vec::new() };
        for _ in 0..nodes {
            let port = free_ports().ok_or("no block of free ports on 127.0.0.1")?;
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
            command.args(["--appendonly", "no", "--cluster-enabled", "yes"]);
            // Its own choice may be a port that the system lends to outgoing connections.
            command.args(["--cluster-port", &(port + NODE_PORT_OFFSET).to_string()]);
            // Nobody fails here: a node that had no turn for a while is not to be called down.
            command.args(["--cluster-node-timeout", "60000"]);
            cluster.processes.push(Process::start(command, "tests/run installs it")?);
            cluster.ports.push(port);
        }
        cluster.each(|port| Connection::open(port).ok()?.call(&["PING"]).ok())?;
        let hosts = cluster.ports.iter().map(|port| format!("127.0.0.1:{port}"));
        let made = Command::new("timeout")
            .args(["60", "redis-cli", "--cluster", "create"])
            .args(hosts)
            .arg("--cluster-yes")
            .output();
        let made = made.map_err(|error| format!("redis-cli cannot be run: {error}"))?;
        if !made.status.success() {
            let [out, err] =
                [made.stdout, made.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            return Err(format!("redis-cli --cluster create: {}\n{out}{err}", made.status));
        }
        cluster.each(|port| {
            let told = Connection::open(port).ok()?.call(&["CLUSTER", "INFO"]).ok()?.text();
            told.starts_with("cluster_state:ok").then_some(())
        })?;
        Ok(cluster)
    }

    /// Waits for something of every node, as long as its process runs: another's may answer on its port.
    fn each<T>(&mut self, mut seen: impl FnMut(u16) -> Option<T>) -> Result<(), String> {
        for (process, &port) in self.processes.iter_mut().zip(&self.ports) {
            let found = process.wait_until(FORMING_TIME_MAX, |_| seen(port));
            found.ok_or_else(|| format!("redis-server on port {port} printed:\n{}", process.output()))?;
        }
        Ok(())
    }

    /// The ports of all nodes.
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }
}

const CLUSTER_PORT_OFFSET: u16 = 1;
const NODE_PORT_OFFSET: u16 = 2;
const ADMIN_PORT_OFFSET: u16 = 3;
const START_ATTEMPTS: u32 = 3;

/// Far more than it takes, on a machine that does a lot beside.
const FORMING_TIME_MAX: Duration = Duration::from_secs(30);
