//! A server that speaks as much of the Redis protocol as the watch of external entries needs: it answers
//! `LARDER.CACHES` with the list a test gives it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What is said to LARDER.CACHES.
#[derive(Clone)]
pub(crate) enum Says {
    /// A version and its entries: use-from and connection string.
    List(u64, Vec<(String, String)>),
    /// An error.
    Error(&'static str),
}

/// A cluster that knows external entries. It ends when this is dropped.
pub(crate) struct FakeCluster {
    pub(crate) port: u16,
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<Vec<Vec<String>>>>,
    _tasks: JoinSet<()>,
}

impl FakeCluster {
    pub(crate) async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::new(Mutex::new(Vec::new())));
        let mut tasks = JoinSet::new();
        let (said, noted) = (says.clone(), asked.clone());
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, said.clone(), noted.clone()));
            }
        });
        Self { port, says, asked, _tasks: tasks }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    /// The words of every question so far.
    pub(crate) fn asked(&self) -> Vec<Vec<String>> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(stream: TcpStream, says: Arc<Mutex<Says>>, asked: Arc<Mutex<Vec<Vec<String>>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(words) = read_command(&mut stream).await {
        let answer = match words[0].as_str() {
            "LARDER.CACHES" => {
                asked.lock().unwrap().push(words.clone());
                answer(&says.lock().unwrap(), words.get(1).map_or("", |version| version))
            }
            "PING" => "+PONG\r\n".to_owned(),
            "GET" => "$-1\r\n".to_owned(),
            _ => "-ERR unknown command\r\n".to_owned(),
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read_command(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let count: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let length: usize = line.trim().strip_prefix('$')?.parse().ok()?;
        let mut bytes = vec![0; length + 2];
        stream.read_exact(&mut bytes).await.ok()?;
        words.push(String::from_utf8(bytes[..length].to_vec()).unwrap());
    }
    Some(words)
}

fn answer(says: &Says, known: &str) -> String {
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    match says {
        Says::Error(error) => format!("-{error}\r\n"),
        Says::List(version, _) if known == version.to_string() => "*-1\r\n".to_owned(),
        Says::List(version, entries) => {
            let rows: String = entries
                .iter()
                .map(|(name, string)| format!("*3\r\n{}{}{}", bulk(name), bulk(string), bulk("")))
                .collect();
            format!("*2\r\n:{version}\r\n*{}\r\n{rows}", entries.len())
        }
    }
}
