//! The gateway of the client's examples as a process. What it should answer is left to the tests.

use std::process::Command;
use std::time::Duration;

use crate::http::{Answer, Client};
use crate::process::{Process, built};

/// A running gateway; dropping it kills the process.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    port: u16,
}

impl Gateway {
    /// Starts a gateway in front of the backend on this port and waits until it listens.
    ///
    /// # Errors
    /// A sentence that says what is missing or what the process printed.
    pub fn start(backend_port: u16, flags: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(built("examples/gateway"));
        command
            .args(["--listen", "127.0.0.1:0", "--backend", &format!("http://127.0.0.1:{backend_port}")])
            .args(flags);
        let mut process = Process::start(command, "cargo build -p larder-client --example gateway")?;
        match process.wait_until(START_TIME_MAX, |process| port(&process.output())) {
            Some(port) => Ok(Self { process, port }),
            None => {
                Err(format!("the gateway did not say where it listens; it printed:\n{}", process.output()))
            }
        }
    }

    /// The port for HTTP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the process printed so far.
    pub fn output(&self) -> String {
        self.process.output()
    }

    /// `GET path` on a connection of its own.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        Client::connect(self.port)?.get(path)
    }
}

/// The port that the first line tells, once all of the line is there.
fn port(output: &str) -> Option<u16> {
    let line = output.split_inclusive('\n').find(|line| line.starts_with("gateway: http://"))?;
    let address = line.strip_suffix('\n')?.strip_prefix("gateway: http://")?.split(' ').next()?;
    address.rsplit(':').next()?.parse().ok()
}

const START_TIME_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_told_by_a_whole_line() {
        let line = "warning\ngateway: http://127.0.0.1:8080 -> http://127.0.0.1:9000/, region local\n";
        assert_eq!(port(line), Some(8080));
        assert_eq!(port(&line[..line.len() - 1]), None);
        assert_eq!(port("gateway: --listen 127.0.0.1:1: refused\n"), None);
    }
}
