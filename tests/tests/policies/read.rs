//! Reads a case. Whatever is not understood is an error with its line: a case never says less than it seems to.

use std::time::Duration;

use larder_client::dotnet::date;
use larder_tests::text;

use crate::case::{
    Act, Block, Call, Case, Entry, Exchange, Expected, ExpectedHeader, Gateway, Given, Health, Holds, Scope,
    StoreName,
};
use crate::pattern::Pattern;
use crate::uses::{self, Use};

/// What is wrong with a case: a line and a sentence.
pub(crate) type Fault = (usize, String);

/// Reads a case of this name.
pub(crate) fn read(name: &str, text: &str) -> Result<Case, Fault> {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| line.starts_with(HEAD)).unwrap_or(lines.len());
    let (sentence, uses, through_gateway) = opening(&lines[..first])?;
    let case = Case {
        name: name.to_owned(),
        sentence,
        uses,
        through_gateway,
        policies: Vec::new(),
        fragments: Vec::new(),
        named: Vec::new(),
        acts: Vec::new(),
    };
    let mut reader = Reader { case, open: None };
    let mut at = first;
    while at < lines.len() {
        let end = lines[at + 1..].iter().position(|line| line.starts_with(HEAD));
        let end = end.map_or(lines.len(), |next| at + 1 + next);
        reader.block(at + 1, lines[at], &lines[at + 1..end])?;
        at = end;
    }
    reader.finish(lines.len())
}

/// The sentence that says what a case shows, its uses, and whether it also runs through the binary.
fn opening(lines: &[&str]) -> Result<(String, Vec<&'static Use>, bool), Fault> {
    let (mut sentence, mut uses, mut through_gateway) = (Vec::new(), Vec::new(), false);
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        match line.split_once(": ") {
            Some(("shows", words)) => {
                for word in words.split(", ") {
                    let known = uses::USES.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
                    let found =
                        uses::find(word).ok_or_else(|| (at + 1, format!("{word:?} is none of {known}")));
                    uses.push(found?);
                }
            }
            Some(("also through", "larder-gateway")) => through_gateway = true,
            Some(("also through", other)) => {
                return Err((at + 1, format!("{other:?} is not larder-gateway")));
            }
            _ => sentence.push(line.trim()),
        }
    }
    let sentence = sentence.join(" ");
    match sentence.ends_with('.') {
        true => Ok((sentence, uses, through_gateway)),
        false => Err((1, "a case begins with a sentence that says what it shows".to_owned())),
    }
}

struct Reader {
    case: Case,
    /// The request that is told of.
    open: Option<Open>,
}

/// A request whose answer has not been read yet.
struct Open {
    at_once: usize,
    request: Message,
    asked: Option<(usize, Expected)>,
    calls: Vec<Call>,
}

impl Reader {
    fn block(&mut self, line: usize, head: &str, lines: &[&str]) -> Result<(), Fault> {
        let title = head[HEAD.len()..].split(" -- ").next().unwrap_or_default().trim();
        let body = Body { line: line + 1, lines };
        if self.open.is_some() && !matches!(title, "backend is asked" | "backend answers" | "answer") {
            return Err((line, "the request before has no answer".to_owned()));
        }
        let words: Vec<&str> = title.split(' ').collect();
        match words.as_slice() {
            ["policy"] => self.policy(line, Scope::Operation, &body),
            ["policy", "is", "refused"] => self.act(Act::Refused(patterns(&body)?)),
            ["policy", "is", "warned", "of"] => self.act(Act::Warned(patterns(&body)?)),
            ["policy", scope] => {
                let known = Scope::ALL.into_iter().find(|known| known.name() == *scope);
                let scope = known.ok_or_else(|| (line, format!("there is no scope {scope:?}")))?;
                self.policy(line, scope, &body)
            }
            ["fragment", id] => {
                self.case.fragments.push(((*id).to_owned(), body.block()));
                Ok(())
            }
            ["named", "values"] => {
                let pairs = body.pairs()?.into_iter();
                self.case.named.extend(pairs.map(|(_, name, value)| (name.to_owned(), value.to_owned())));
                Ok(())
            }
            ["gateway"] => self.act(Act::Gateway(gateway(&body)?)),
            ["caller"] => self.act(Act::Caller(caller(&body)?)),
            [number, "seconds" | "second", "pass" | "passes"] => {
                let seconds =
                    number.parse().map_err(|_| (line, format!("{number:?} is no number of seconds")))?;
                body.nothing()?;
                self.act(Act::Pass(Duration::from_secs(seconds)))
            }
            ["external", "holds"] => self.act(Act::Holds(holds(StoreName::External, &body)?)),
            ["internal", "holds"] => self.act(Act::Holds(holds(StoreName::Internal, &body)?)),
            ["external", "is", "given"] => self.act(Act::Given(given(StoreName::External, &body)?)),
            ["internal", "is", "given"] => self.act(Act::Given(given(StoreName::Internal, &body)?)),
            ["request"] => self.request(1, &body),
            ["request,", count, "at", "once"] => {
                let count = count.parse().ok().filter(|count| (2..=100).contains(count));
                let count = count.ok_or_else(|| (line, "2 to 100 at once".to_owned()))?;
                self.request(count, &body)
            }
            ["backend", "is", "asked"] => self.asked(line, &body),
            ["backend", "answers"] => self.answers(line, &body),
            ["answer"] => self.answer(line, &body),
            _ => Err((line, format!("no block is called {title:?}"))),
        }
    }

    fn policy(&mut self, line: usize, scope: Scope, body: &Body<'_>) -> Result<(), Fault> {
        if self.case.policies.iter().any(|(other, _)| *other == scope) {
            return Err((line, format!("a second policy of the scope {}", scope.name())));
        }
        self.case.policies.push((scope, body.block()));
        self.case.policies.sort_by_key(|(scope, _)| *scope);
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<(), Fault> {
        self.case.acts.push(act);
        Ok(())
    }

    fn request(&mut self, at_once: usize, body: &Body<'_>) -> Result<(), Fault> {
        let request = message(body)?;
        self.open = Some(Open { at_once, request, asked: None, calls: Vec::new() });
        Ok(())
    }

    fn asked(&mut self, line: usize, body: &Body<'_>) -> Result<(), Fault> {
        let open = self.open.as_mut().ok_or_else(|| (line, "there is no request before".to_owned()))?;
        match open.asked.replace((line, expected(body)?)) {
            None => Ok(()),
            Some((line, _)) => Err((line, "the backend does not answer this".to_owned())),
        }
    }

    fn answers(&mut self, line: usize, body: &Body<'_>) -> Result<(), Fault> {
        let open = self.open.as_mut().ok_or_else(|| (line, "there is no request before".to_owned()))?;
        let message = message(body)?;
        let status = match message.start.as_str() {
            "no answer" => None,
            start => {
                Some(start.parse().map_err(|_| (line + 1, "expected a status, or no answer".to_owned()))?)
            }
        };
        let asked = open.asked.take();
        let line = asked.as_ref().map_or(line, |(line, _)| *line);
        let asked = asked.map(|(_, asked)| asked);
        open.calls.push(Call { line, asked, status, headers: message.headers, body: message.body });
        Ok(())
    }

    fn answer(&mut self, line: usize, body: &Body<'_>) -> Result<(), Fault> {
        let open = self.open.take().ok_or_else(|| (line, "there is no request before".to_owned()))?;
        if let Some((line, _)) = open.asked {
            return Err((line, "the backend does not answer this".to_owned()));
        }
        let Message { line, start, headers, body: sent } = open.request;
        let (method, target) =
            start.split_once(' ').ok_or_else(|| (line, "expected GET /path".to_owned()))?;
        let (method, target) = (method.to_owned(), target.to_owned());
        let answer = expected(body)?;
        self.act(Act::Exchange(Box::new(Exchange {
            line,
            at_once: open.at_once,
            method,
            target,
            headers,
            body: sent,
            calls: open.calls,
            answer,
        })))
    }

    fn finish(self, last: usize) -> Result<Case, Fault> {
        if self.open.is_some() {
            return Err((last, "the last request has no answer".to_owned()));
        }
        if self.case.policies.is_empty() {
            return Err((last, "there is no policy".to_owned()));
        }
        if self.case.assertions() == 0 {
            return Err((last, "nothing is asserted: there is no request and no judgement".to_owned()));
        }
        Ok(self.case)
    }
}

/// A message as it is written: a line, headers, an empty line, a body.
struct Message {
    line: usize,
    start: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

fn message(body: &Body<'_>) -> Result<Message, Fault> {
    let parts = parts(body)?;
    let mut headers = Vec::new();
    for (line, header) in parts.headers {
        let (name, value) =
            header.split_once(": ").ok_or_else(|| (line, format!("no header: {header:?}")))?;
        headers.push((name.to_owned(), value.to_owned()));
    }
    let (line, start) = parts.start;
    Ok(Message { line, start: start.to_owned(), headers, body: parts.body.map(|(_, text)| text) })
}

fn expected(body: &Body<'_>) -> Result<Expected, Fault> {
    let parts = parts(body)?;
    let (mut headers, mut text) = (Vec::new(), parts.body);
    for (line, header) in parts.headers {
        match (header, header.strip_prefix("no "), header.split_once(": ")) {
            ("no body", ..) if text.is_none() => text = Some((line, String::new())),
            (_, _, Some((name, value))) => {
                let value = Some(Pattern::new(value));
                headers.push(ExpectedHeader { line, name: name.to_owned(), value });
            }
            (_, Some(name), None) => {
                headers.push(ExpectedHeader { line, name: name.to_owned(), value: None })
            }
            _ => return Err((line, format!("expected a header, `no NAME` or `no body`: {header:?}"))),
        }
    }
    let (line, start) = parts.start;
    let body = text.map(|(line, text)| (line, Pattern::new(&text)));
    Ok(Expected { start: (line, Pattern::new(start)), headers, body })
}

/// A block that is a message, its lines with their numbers.
struct Parts<'t> {
    start: (usize, &'t str),
    headers: Vec<(usize, &'t str)>,
    body: Option<(usize, String)>,
}

fn parts<'t>(body: &Body<'t>) -> Result<Parts<'t>, Fault> {
    let mut lines = body.lines.iter().enumerate().map(|(at, line)| (body.line + at, *line));
    let start = lines.next().filter(|(_, line)| !line.is_empty());
    let start = start.ok_or_else(|| (body.line, "the block is empty".to_owned()))?;
    let headers: Vec<_> = lines.by_ref().take_while(|(_, line)| !line.is_empty()).collect();
    let rest: Vec<_> = lines.collect();
    let text = rest.iter().map(|(_, line)| *line).collect::<Vec<_>>().join("\n");
    let text = text.trim_end_matches('\n').to_owned();
    let line = rest.first().map(|(line, _)| *line);
    Ok(Parts { start, headers, body: line.filter(|_| !text.is_empty()).map(|line| (line, text)) })
}

fn patterns(body: &Body<'_>) -> Result<Vec<(usize, Pattern)>, Fault> {
    let found: Vec<_> = body.filled().map(|(line, text)| (line, Pattern::new(text))).collect();
    match found.is_empty() {
        true => Err((body.line, "the block is empty".to_owned())),
        false => Ok(found),
    }
}

fn gateway(body: &Body<'_>) -> Result<Gateway, Fault> {
    let mut gateway = Gateway { line: body.line - 1, ..Gateway::default() };
    let mut says_external = false;
    for (line, name, value) in body.pairs()? {
        let (place, health) = match value.strip_suffix(", down") {
            Some(place) => (place, Health::Down),
            None => (value, Health::Up),
        };
        match name {
            "region" => gateway.region = value.to_owned(),
            "internal" => {
                gateway.internal = match value {
                    "up" => Some(Health::Up),
                    "down" => Some(Health::Down),
                    "none" => None,
                    _ => return Err((line, format!("{value:?} is none of up, down, none"))),
                }
            }
            "external" => {
                if !std::mem::replace(&mut says_external, true) {
                    gateway.external.clear();
                }
                if value != "none" {
                    gateway.external.push((place.to_owned(), health));
                }
            }
            "time" => {
                let time = date::parse_offset(value).map_err(|_| (line, format!("{value:?} is no time")))?;
                gateway.time = Some(time.unix_milliseconds());
            }
            _ => return Err((line, format!("a gateway has no {name:?}"))),
        }
    }
    Ok(gateway)
}

fn caller(body: &Body<'_>) -> Result<Vec<(&'static str, String)>, Fault> {
    let known = |(line, name, value): (usize, &str, &str)| {
        let word = CALLER.iter().find(|word| **word == name);
        let word = word.ok_or_else(|| (line, format!("{name:?} is none of {}", CALLER.join(", "))))?;
        Ok((*word, value.to_owned()))
    };
    body.pairs()?.into_iter().map(known).collect()
}

fn holds(store: StoreName, body: &Body<'_>) -> Result<Holds, Fault> {
    let mut entries = Vec::new();
    for (line, text) in body.filled().filter(|(_, text)| *text != "nothing") {
        let wrong = || (line, format!("expected KEY = TYPE VALUE, SECONDS s: {text:?}"));
        let (entry, seconds) =
            text.strip_suffix(" s").and_then(|text| text.rsplit_once(", ")).ok_or_else(wrong)?;
        if !entry.contains(" = ") {
            return Err(wrong());
        }
        let (least, most) = seconds.split_once("..").unwrap_or((seconds, seconds));
        let number = |text: &str| text.parse().map_err(|_| wrong());
        let seconds = (number(least)?, number(most)?);
        entries.push(Entry { line, text: Pattern::new(entry), seconds });
    }
    if entries.is_empty() && body.filled().count() != 1 {
        return Err((body.line, "expected entries, or the word nothing".to_owned()));
    }
    Ok(Holds { line: body.line - 1, store, entries })
}

fn given(store: StoreName, body: &Body<'_>) -> Result<Given, Fault> {
    let entry = |(line, text): (usize, &str)| {
        let wrong = || (line, format!("expected KEY = BYTES, SECONDS s: {text:?}"));
        let (entry, seconds) =
            text.strip_suffix(" s").and_then(|text| text.rsplit_once(", ")).ok_or_else(wrong)?;
        let (key, bytes) = entry.split_once(" = ").ok_or_else(wrong)?;
        let bytes = text::unescape(bytes).map_err(|fault| (line, fault))?;
        Ok((key.to_owned(), bytes, seconds.parse().map_err(|_| wrong())?))
    };
    Ok(Given { store, entries: body.filled().map(entry).collect::<Result<_, Fault>>()? })
}

/// The lines of a block.
struct Body<'t> {
    /// The number of the first.
    line: usize,
    lines: &'t [&'t str],
}

impl<'t> Body<'t> {
    fn block(&self) -> Block {
        Block { line: self.line, text: self.lines.join("\n") }
    }

    /// The lines that hold something.
    fn filled(&self) -> impl Iterator<Item = (usize, &'t str)> + '_ {
        let lines = self.lines.iter().enumerate().map(|(at, line)| (self.line + at, *line));
        lines.filter(|(_, line)| !line.is_empty())
    }

    /// `NAME: VALUE` in each line.
    fn pairs(&self) -> Result<Vec<(usize, &'t str, &'t str)>, Fault> {
        let pair = |(line, text): (usize, &'t str)| {
            let (name, value) =
                text.split_once(": ").ok_or_else(|| (line, format!("expected NAME: VALUE: {text:?}")))?;
            Ok((line, name, value))
        };
        self.filled().map(pair).collect()
    }

    fn nothing(&self) -> Result<(), Fault> {
        match self.filled().next() {
            None => Ok(()),
            Some((line, text)) => Err((line, format!("nothing may stand here: {text:?}"))),
        }
    }
}

const HEAD: &str = "=== ";

/// What a block `caller` may say: parts of the context.
const CALLER: &[&str] = &[
    "subscription",
    "subscription key",
    "user",
    "user email",
    "group",
    "product",
    "api",
    "api path",
    "operation",
    "template",
    "address",
];
