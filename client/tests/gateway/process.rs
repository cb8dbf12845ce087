//! The gateway's process, and the files it is started with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::client::{Answer, ask};
use crate::support::{TempDir, eventually, free_port};

/// A policy that does nothing.
pub(crate) const NOTHING: &str = "<policies><inbound><base /></inbound></policies>";

/// A running gateway; dropping it kills the process.
pub(crate) struct Gateway {
    child: Child,
    dir: TempDir,
    /// `HOST:PORT`.
    pub(crate) address: String,
}

impl Gateway {
    /// A gateway with this policy for every route.
    pub(crate) async fn start(backend_port: u16, policy: &str, args: &[&str]) -> Self {
        let dir = TempDir::new();
        let backend = format!("http://127.0.0.1:{backend_port}");
        let file = write(&dir, "policy.xml", policy);
        // No test but those that say so needs a cache; nobody listens there.
        let nobody = format!("127.0.0.1:{}", free_port());
        let args = if args.contains(&"--internal") {
            args.to_vec()
        } else {
            [args, &["--internal", &nobody]].concat()
        };
        Self::started(dir, &[&["--backend", &backend, "--policy", &file], &args[..]].concat()).await
    }

    /// A gateway with a file of settings; `BACKEND` in it is the backend's URL, other files stand beside it.
    pub(crate) async fn configured(backend_port: u16, config: &str, files: &[(&str, &str)]) -> Self {
        let dir = TempDir::new();
        let config = config.replace("BACKEND", &format!("http://127.0.0.1:{backend_port}"));
        let nobody = format!("internal = \"127.0.0.1:{}\"\n{config}", free_port());
        let config = if config.contains("internal = ") { config } else { nobody };
        let file = write(&dir, "gateway.toml", &config);
        files.iter().for_each(|(name, text)| {
            write(&dir, name, text);
        });
        Self::started(dir, &["--config", &file]).await
    }

    async fn started(dir: TempDir, args: &[&str]) -> Self {
        let output = |name: &str| File::create(dir.path().join(name)).unwrap();
        let mut child = command(args)
            .env("LARDER_GATEWAY_LISTEN", "127.0.0.1:0")
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .unwrap();
        let mut address = None;
        eventually("the gateway serves", async || {
            let printed = fs::read_to_string(dir.path().join("stdout")).unwrap();
            address = printed
                .split_once("serves clients on http://")
                .map(|(_, rest)| rest.split(';').next().unwrap_or_default().to_owned());
            let said = || fs::read_to_string(dir.path().join("stderr")).unwrap();
            assert!(child.try_wait().unwrap().is_none(), "it ended: {}", said());
            address.is_some() && printed.ends_with('\n')
        })
        .await;
        Self { child, dir, address: address.unwrap() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        ask(&self.address, method, path, headers, body)
    }

    /// What it printed to start with.
    pub(crate) fn report(&self) -> String {
        fs::read_to_string(self.dir.path().join("stdout")).unwrap()
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("stderr")).unwrap()
    }

    /// Writes one of its files anew.
    pub(crate) fn write(&self, name: &str, text: &str) {
        write(&self.dir, name, text);
    }

    /// Sends a signal, named without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The status that it ended with; none while it runs.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap().map(|status| status.code().unwrap_or(-1))
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program with these arguments and no settings of whoever runs the tests.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_larder-gateway"));
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LARDER_GATEWAY_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the program until it ends: its status, what it printed, what it complained of.
pub(crate) fn run(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Writes a file and gives its path.
pub(crate) fn write(dir: &TempDir, name: &str, text: &str) -> String {
    let path: PathBuf = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
