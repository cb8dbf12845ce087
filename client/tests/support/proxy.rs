//! A TCP proxy in front of a server, which a test makes misbehave.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the proxy does with what the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Hands it on.
    Pass,
    /// Takes everything, says nothing.
    Hang,
    /// Hands each piece on after a while.
    Slow(Duration),
    /// Says this instead.
    Say(&'static [u8]),
    /// Closes every connection, and each new one at once.
    Cut,
}

/// The proxy; it ends when this is dropped.
pub(crate) struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = watch::Sender::new(Mode::Pass);
        let modes = mode.subscribe();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                open.spawn(join(client, target.clone(), modes.clone()));
            }
        });
        Self { port, mode, _tasks: tasks }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn join(mut client: TcpStream, target: String, mut modes: watch::Receiver<Mode>) {
    if *modes.borrow_and_update() == Mode::Cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let (mut up, mut down) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        tokio::select! {
            changed = modes.changed() => {
                if changed.is_err() || *modes.borrow_and_update() == Mode::Cut {
                    return;
                }
            }
            read = client.read(&mut up) => match read {
                Ok(bytes) if bytes > 0 && server.write_all(&up[..bytes]).await.is_ok() => {}
                _ => return,
            },
            read = server.read(&mut down) => {
                let Ok(bytes @ 1..) = read else { return };
                let mode = *modes.borrow();
                let said = match mode {
                    Mode::Pass => &down[..bytes],
                    Mode::Slow(pause) => {
                        tokio::time::sleep(pause).await;
                        &down[..bytes]
                    }
                    Mode::Say(other) => other,
                    Mode::Hang => &[],
                    Mode::Cut => return,
                };
                if client.write_all(said).await.is_err() {
                    return;
                }
            }
        }
    }
}
