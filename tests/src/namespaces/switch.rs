//! The namespace with the bridge. The test's own clients live in it.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::Machine;

/// A bridge in a namespace of its own.
#[derive(Debug)]
pub struct Switch {
    space: Space,
}

impl Switch {
    /// Sets it up, with an address of its own on the bridge.
    ///
    /// # Errors
    /// A sentence that says what is missing, most likely root.
    pub fn new() -> Result<Self, String> {
        let space = Space::new()?;
        space.ip("link set lo up")?;
        space.ip("link add br0 type bridge")?;
        space.ip(&format!("addr add {}/24 dev br0", address(SWITCH)))?;
        space.ip("link set br0 up")?;
        Ok(Self { space })
    }

    /// Moves the calling thread, and all that it will start, into this namespace.
    ///
    /// # Errors
    /// The thread may not.
    pub fn enter(&self) -> Result<(), String> {
        let file = File::open(self.space.path()).map_err(|error| format!("the namespace: {error}"))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| format!("cannot enter the namespace: {error}"))
    }

    /// Connects a new machine.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn machine(&self, number: u8) -> Result<Machine, String> {
        let machine = Space::new()?;
        self.space.ip(&format!("link add p{number} type veth peer name eth0 netns {}", machine.pid()))?;
        self.space.ip(&format!("link set p{number} master br0"))?;
        self.space.ip(&format!("link set p{number} up"))?;
        machine.ip("link set lo up")?;
        machine.ip(&format!("addr add {}/24 dev eth0", address(number)))?;
        machine.ip("link set eth0 up")?;
        Ok(Machine::new(machine, self.space.path(), number))
    }
}

/// A namespace that lasts as long as a process in it, which ends when its input does.
#[derive(Debug)]
pub(super) struct Space(Child);

impl Space {
    pub(super) fn new() -> Result<Self, String> {
        let mut command = Command::new("unshare");
        command.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("unshare cannot be run: {error}"))?;
        // What comes back shows that the namespace is there.
        let came = echo(&mut child);
        let space = Self(child);
        came.map_err(|error| format!("no network namespace ({error}): this test needs root"))?;
        Ok(space)
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(super) fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    pub(super) fn ip(&self, words: &str) -> Result<(), String> {
        ip_in(&self.path(), words)
    }

    pub(super) fn tc(&self, words: &str) -> Result<(), String> {
        run_in(&self.path(), &format!("tc {words}"))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `ip` in a namespace.
pub(super) fn ip_in(path: &str, words: &str) -> Result<(), String> {
    run_in(path, &format!("ip {words}"))
}

/// Runs a program in a namespace.
fn run_in(path: &str, words: &str) -> Result<(), String> {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={path}")).args(words.split(' '));
    let output = command.output().map_err(|error| format!("nsenter cannot be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{words}: {}", said.trim()))
}

pub(super) fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, number)
}

fn echo(child: &mut Child) -> std::io::Result<()> {
    use std::io::{Read, Write};
    let (Some(input), Some(output)) = (child.stdin.as_mut(), child.stdout.as_mut()) else {
        return Err(std::io::ErrorKind::BrokenPipe.into());
    };
    input.write_all(b"x")?;
    output.read_exact(&mut [0])
}

const SWITCH: u8 = 254;
