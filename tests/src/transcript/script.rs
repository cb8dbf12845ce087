//! A transcript file as a list of items, and back. Nothing here knows a server.

use std::fs;
use std::path::{Path, PathBuf};

use super::expect::{Expected, Order};
use crate::process::Peer;
use crate::text;

/// A transcript.
#[derive(Debug)]
pub struct Script {
    /// The file.
    pub path: PathBuf,
    /// Flags that the server of this script is started with.
    pub flags_redis: Vec<String>,
    /// The same for a Larder node.
    pub flags_larder: Vec<String>,
    /// What stands in the file, in order.
    pub items: Vec<Item>,
}

/// One step of a script, or text between steps.
#[derive(Debug)]
pub enum Item {
    /// A comment, an empty line, or a directive that was read already.
    Text(String),
    /// `!reset`: empty the server, close every connection, go back to connection `a`.
    Reset,
    /// `!resp2`, `!resp3`: HELLO on the connection in use.
    Protocol(u8),
    /// `!connection NAME`.
    Connection(String),
    /// `!close`: the connection in use is closed from this side.
    Close,
    /// Something sent, something expected.
    Exchange(Box<Exchange>),
}

/// Something sent and what is expected then.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Line number of what is sent.
    pub line: usize,
    /// The lines up to what is sent, as they stand in the file.
    pub head: Vec<String>,
    /// What is sent.
    pub send: Send,
    /// `!since 7.2`: the first Redis version that knows it.
    pub since: Option<(u32, u32)>,
    /// `!unordered`.
    pub order: Order,
    /// `!until`: sent again until the reply is as expected.
    pub until: bool,
    /// `!times N`: sent N times, `{i}` counting from 0.
    pub times: Option<u32>,
    /// `!let NAME`: what the text of the reply is kept as; `{NAME}` stands for it later.
    pub keep: Option<String>,
    /// What comes back.
    pub replies: Replies,
}

/// What is sent.
#[derive(Debug, Default)]
pub enum Send {
    /// `!await`: nothing; a reply is due from earlier.
    #[default]
    Nothing,
    /// `> …`: a command line.
    Words(String),
    /// `!raw "…"`: these bytes.
    Raw(Vec<u8>),
}

/// What comes back.
#[derive(Debug, Default)]
pub enum Replies {
    /// `!any`: one complete reply, whatever it says.
    Any,
    /// Nothing is recorded yet.
    #[default]
    Missing,
    /// The same from both servers.
    Same(Answer),
    /// `!differs REASON`: not the same, and that is listed.
    Differ(Box<Difference>),
}

/// A listed difference.
#[derive(Debug, Default)]
pub struct Difference {
    /// Why.
    pub reason: String,
    /// What Redis answers.
    pub redis: Option<Answer>,
    /// What Larder answers.
    pub larder: Option<Answer>,
}

/// The replies to one exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The lines as they stand in the file, without indent.
    pub lines: Vec<String>,
    /// What they say. Empty for `<none>`.
    pub replies: Vec<Expected>,
    /// `<closed>`: then the server closes the connection.
    pub closed: bool,
}

impl Script {
    /// Reads a file.
    ///
    /// # Errors
    /// File, line and a sentence that says what is wrong there.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(path, &text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`Script::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let script = Self {
            path: path.to_path_buf(),
            flags_redis: Vec::new(),
            flags_larder: Vec::new(),
            items: Vec::new(),
        };
        let lines: Vec<&str> = text.lines().collect();
        let mut reader = Reader { lines: &lines, at: 0, script, next: Exchange::default() };
        while reader.at < lines.len() {
            reader.item().map_err(|what| format!("{}:{}: {what}", path.display(), reader.at + 1))?;
        }
        reader.script.items.extend(reader.next.head.into_iter().map(Item::Text));
        Ok(reader.script)
    }

    /// The flags for this server.
    pub fn flags(&self, peer: Peer) -> &[String] {
        match peer {
            Peer::Redis => &self.flags_redis,
            Peer::Larder => &self.flags_larder,
        }
    }

    /// The exchanges in order.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.items.iter().filter_map(|item| match item {
            Item::Exchange(exchange) => Some(&**exchange),
            _ => None,
        })
    }

    /// The text of the file, with whatever answers it has now.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for item in &self.items {
            match item {
                Item::Text(line) => push_line(&mut text, line),
                Item::Reset => push_line(&mut text, "!reset"),
                Item::Protocol(version) => push_line(&mut text, &format!("!resp{version}")),
                Item::Connection(name) => push_line(&mut text, &format!("!connection {name}")),
                Item::Close => push_line(&mut text, "!close"),
                Item::Exchange(exchange) => exchange.push_text(&mut text),
            }
        }
        text
    }
}

impl Exchange {
    /// What this server should answer, if it is recorded.
    pub fn answer(&self, peer: Peer) -> Option<&Answer> {
        match &self.replies {
            Replies::Any | Replies::Missing => None,
            Replies::Same(answer) => Some(answer),
            Replies::Differ(difference) => match peer {
                Peer::Redis => difference.redis.as_ref(),
                Peer::Larder => difference.larder.as_ref(),
            },
        }
    }

    /// Records what this server answered.
    pub fn record(&mut self, peer: Peer, answer: Answer) {
        match &mut self.replies {
            Replies::Any => {}
            Replies::Missing | Replies::Same(_) => self.replies = Replies::Same(answer),
            Replies::Differ(difference) => match peer {
                Peer::Redis => difference.redis = Some(answer),
                Peer::Larder => difference.larder = Some(answer),
            },
        }
    }

    /// What is sent, as it stands in the file.
    pub fn sent(&self) -> &str {
        self.head.last().map_or("", String::as_str)
    }

    fn push_text(&self, text: &mut String) {
        self.head.iter().for_each(|line| push_line(text, line));
        let mut push =
            |answer: &Answer| answer.lines.iter().for_each(|line| push_line(text, &format!("  {line}")));
        match &self.replies {
            Replies::Any | Replies::Missing => {}
            Replies::Same(answer) => push(answer),
            Replies::Differ(difference) => {
                for (name, answer) in [("redis:", &difference.redis), ("larder:", &difference.larder)] {
                    push_line(text, name);
                    for line in answer.iter().flat_map(|answer| &answer.lines) {
                        push_line(text, &format!("  {line}"));
                    }
                }
            }
        }
    }
}

impl Answer {
    /// Understands the lines of an answer.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(lines: &[&str]) -> Result<Self, String> {
        let mut answer =
            Self { lines: lines.iter().map(|line| (*line).to_owned()).collect(), ..Self::default() };
        let mut rest = lines;
        while let Some(line) = rest.first() {
            match *line {
                "<none>" if lines.len() == 1 => return Ok(answer),
                "<closed>" if rest.len() == 1 => {
                    answer.closed = true;
                    return Ok(answer);
                }
                _ => {
                    let (expected, after) = Expected::parse(rest)?;
                    answer.replies.push(expected);
                    rest = after;
                }
            }
        }
        Ok(answer)
    }
}

/// Goes through the lines; `next` collects what is said of the coming exchange.
struct Reader<'t> {
    lines: &'t [&'t str],
    at: usize,
    script: Script,
    next: Exchange,
}

impl Reader<'_> {
    fn item(&mut self) -> Result<(), String> {
        let line = self.lines[self.at];
        if line.is_empty() || line.starts_with('#') {
            self.take(line, |_| ());
            return Ok(());
        }
        if let Some(words) = line.strip_prefix("> ") {
            text::split(words)?;
            let words = words.to_owned();
            return self.exchange(line, Send::Words(words));
        }
        let directive = line.strip_prefix('!').ok_or_else(|| format!("not understood: {line}"))?;
        let (name, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        match name {
            "raw" => {
                let mut bytes = text::split(rest)?;
                let bytes = bytes.pop().filter(|_| bytes.is_empty()).ok_or("!raw takes one text")?;
                self.exchange(line, Send::Raw(bytes))
            }
            "await" => self.exchange(line, Send::Nothing),
            "reset" => self.step(Item::Reset),
            "resp2" => self.step(Item::Protocol(2)),
            "resp3" => self.step(Item::Protocol(3)),
            "close" => self.step(Item::Close),
            "connection" => self.step(Item::Connection(rest.to_owned())),
            _ => self.modifier(line, name, rest),
        }
    }

    /// A line that speaks of the coming exchange or of the whole script.
    fn modifier(&mut self, line: &str, name: &str, rest: &str) -> Result<(), String> {
        let flags = || rest.split_whitespace().map(str::to_owned).collect();
        match name {
            "redis" => self.script.flags_redis = flags(),
            "larder" => self.script.flags_larder = flags(),
            "any" => self.next.replies = Replies::Any,
            "until" => self.next.until = true,
            "let" => self.next.keep = Some(rest.to_owned()),
            "times" => self.next.times = Some(rest.parse().map_err(|_| "!times takes a number")?),
            "since" => self.next.since = Some(version(rest).ok_or("!since takes a version")?),
            "unordered" => self.next.order = order(rest)?,
            "differs" if rest.is_empty() => return Err("!differs takes a reason".to_owned()),
            "differs" => {
                let reason = rest.to_owned();
                self.next.replies = Replies::Differ(Box::new(Difference { reason, ..Difference::default() }));
            }
            _ => return Err(format!("no such directive: !{name}")),
        }
        self.take(line, |_| ());
        Ok(())
    }

    fn step(&mut self, item: Item) -> Result<(), String> {
        let pending = std::mem::take(&mut self.next);
        self.script.items.extend(pending.head.into_iter().map(Item::Text));
        self.script.items.push(item);
        self.at += 1;
        Ok(())
    }

    fn exchange(&mut self, line: &str, send: Send) -> Result<(), String> {
        self.take(line, |next| next.send = send);
        let mut exchange = std::mem::take(&mut self.next);
        exchange.line = self.at;
        match &mut exchange.replies {
            Replies::Any => {}
            Replies::Differ(difference) => {
                difference.redis = self.named("redis:")?;
                difference.larder = self.named("larder:")?;
            }
            Replies::Missing | Replies::Same(_) => {
                if let Some(answer) = self.answer()? {
                    exchange.replies = Replies::Same(answer);
                }
            }
        }
        self.script.items.push(Item::Exchange(Box::new(exchange)));
        Ok(())
    }

    fn named(&mut self, name: &str) -> Result<Option<Answer>, String> {
        if self.lines.get(self.at) != Some(&name) {
            return Ok(None);
        }
        self.at += 1;
        self.answer()
    }

    fn answer(&mut self) -> Result<Option<Answer>, String> {
        let rest = &self.lines[self.at..];
        let lines: Vec<&str> = rest.iter().map_while(|line| line.strip_prefix("  ")).collect();
        let answer = (!lines.is_empty()).then(|| Answer::parse(&lines)).transpose()?;
        self.at += lines.len();
        Ok(answer)
    }

    fn take(&mut self, line: &str, change: impl FnOnce(&mut Exchange)) {
        self.next.head.push(line.to_owned());
        change(&mut self.next);
        self.at += 1;
    }
}

fn order(text: &str) -> Result<Order, String> {
    let mut order = Order { unordered_at: Some(0), pairs: false };
    for word in text.split_whitespace() {
        match word {
            "inner" => order.unordered_at = Some(1),
            "pairs" => order.pairs = true,
            _ => return Err(format!("!unordered {word}")),
        }
    }
    Ok(order)
}

/// `7.2` or `7.2.4` as a pair.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
!larder --a 1
!reset
!connection b
!close
!resp3
!let x
!times 3
> SET k{i} \"a b\"
  +OK
!differs for a reason
!raw \"PING\\r\"
redis:
  +PONG
larder:
  -ERR x
  <closed>
!unordered inner pairs
!until
> HGETALL k
  %1
  $1
  a
  <int>
!any
> TIME
> SKIPPED
  <none>

";

    fn parse(text: &str) -> Result<Script, String> {
        Script::parse(Path::new("x.txt"), text)
    }

    #[test]
    fn a_script_survives_reading_and_writing() {
        let script = parse(TEXT).unwrap();
        assert_eq!(script.to_text(), TEXT);
        assert_eq!(script.flags(Peer::Larder), ["--a", "1"]);
        let exchanges: Vec<_> = script.exchanges().collect();
        assert_eq!(exchanges.len(), 5);
        assert_eq!((exchanges[0].line, exchanges[0].times), (9, Some(3)));
        assert!(exchanges[1].answer(Peer::Larder).unwrap().closed);
        assert!(!exchanges[1].answer(Peer::Redis).unwrap().closed);
        assert_eq!(exchanges[2].order, Order { unordered_at: Some(1), pairs: true });
        assert!(exchanges[3].answer(Peer::Redis).is_none());
        assert!(exchanges[4].answer(Peer::Redis).unwrap().replies.is_empty());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, line) in [
            ("\n> GET \"k\n", 2),
            ("!what\n", 1),
            ("> GET k\n  $5\n  a\n", 2),
            ("+OK\n", 1),
            ("!differs\n> GET k\n", 1),
            ("!unordered outer\n", 1),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("x.txt:{line}: ")), "{error}");
        }
    }
}
