//! One machine on the bridge, and the ways from it.

use std::net::Ipv4Addr;
use std::process::Command;

use super::switch::{Space, address, ip_in};

/// A namespace with one link.
#[derive(Debug)]
pub struct Machine {
    space: Space,
    /// The namespace of the bridge, with the other end of the link.
    switch: String,
    number: u8,
}

impl Machine {
    pub(super) fn new(space: Space, switch: String, number: u8) -> Self {
        Self { space, switch, number }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        address(self.number)
    }

    /// A command that runs on it, as the process that is started.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.space.path())).arg(program);
        command
    }

    /// Cuts it off from everybody, both ways. Nobody is told.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn isolate(&self) -> Result<(), String> {
        // A bridge's port that is down carries nothing; the machine sees its own link as up.
        ip_in(&self.switch, &format!("link set p{} nomaster", self.number))
    }

    /// Ends [`Machine::isolate`].
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn rejoin(&self) -> Result<(), String> {
        ip_in(&self.switch, &format!("link set p{} master br0", self.number))
    }

    /// Takes its own link down, which it sees.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn unplug(&self) -> Result<(), String> {
        self.space.ip("link set eth0 down")
    }

    /// Ends [`Machine::unplug`].
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn plug_in(&self) -> Result<(), String> {
        self.space.ip("link set eth0 up")
    }

    /// Lets it send only so many bits a second. What would wait for longer than 300 ms is lost.
    ///
    /// # Errors
    /// `tc` refuses.
    pub fn slow_down(&self, bits: u32) -> Result<(), String> {
        self.space.tc(&format!("qdisc add dev eth0 root tbf rate {bits}bit burst 16kb latency 300ms"))
    }

    /// Ends [`Machine::slow_down`].
    ///
    /// # Errors
    /// `tc` refuses.
    pub fn speed_up(&self) -> Result<(), String> {
        self.space.tc("qdisc del dev eth0 root")
    }

    /// Lets nothing arrive any more that this machine sends to another.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn cut_to(&self, other: &Self) -> Result<(), String> {
        let nobody = "lladdr 02:00:00:00:ff:ff nud permanent";
        self.space.ip(&format!("neigh replace {} {nobody} dev eth0", other.address()))
    }

    /// Ends [`Machine::cut_to`].
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn mend_to(&self, other: &Self) -> Result<(), String> {
        self.space.ip(&format!("neigh del {} dev eth0", other.address()))
    }
}
