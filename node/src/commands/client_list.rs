//! CLIENT INFO, LIST and KILL: a connection as a line of text, and which connections are meant.

use std::fmt::Write as _;

use larder_proto::resp::Out;

use super::args::Args;
use super::context::SessionCx;
use super::error::{CommandError, shown};
use super::number::parse_integer;
use super::ports::ClientInfo;
use super::session::User;
use super::spec::Outcome;

pub(super) fn info(cx: &mut SessionCx<'_>, args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let mut text = String::new();
    write_line(&myself(cx, args), &mut text);
    out.verbatim(&text);
    Ok(())
}

pub(super) fn list(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let mut chosen = everyone(cx, args);
    if args.len() == 2 && args.option("TYPE") {
        let kind = Kind::named(args.bytes()?)?;
        chosen.retain(|_| kind == Kind::Normal);
    } else if args.len() >= 2 && args.option("ID") {
        let ids: Option<Vec<i64>> = args.rest().map(parse_integer).collect();
        let ids = ids.ok_or(CommandError::Plain("Invalid client ID"))?;
        chosen = with_ids(&chosen, &ids);
    } else {
        args.end()?;
    }
    let mut text = String::new();
    chosen.iter().for_each(|client| write_line(client, &mut text));
    out.verbatim(&text);
    Ok(())
}

pub(super) fn kill(cx: &mut SessionCx<'_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let clients = everyone(cx, args);
    let by_address = args.len() == 1;
    let filter = if by_address {
        Filter { address: Some(args.bytes()?), skip_me: false, ..Filter::default() }
    } else {
        Filter::read(args)?
    };
    let mut killed = 0;
    for client in clients {
        let me = client.id == cx.session.id;
        if !filter.fits(&client) || (me && filter.skip_me) {
            continue;
        }
        if me {
            // The reply still leaves, then the connection closes.
            cx.session.closing = true;
            killed += 1;
        } else {
            killed += usize::from(cx.node.clients().kill(client.id));
        }
    }
    match (by_address, killed) {
        (true, 0) => return Err(CommandError::Plain("No such client")),
        (true, _) => out.ok(),
        (false, _) => out.count(killed),
    }
    Ok(())
}

/// What CLIENT KILL asks of a connection.
struct Filter<'a> {
    id: Option<u64>,
    kind: Option<Kind>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    user: Option<User>,
    skip_me: bool,
}

impl Default for Filter<'_> {
    fn default() -> Self {
        Self { id: None, kind: None, address: None, local_address: None, user: None, skip_me: true }
    }
}

impl<'a> Filter<'a> {
    fn read(mut args: Args<'a>) -> Result<Self, CommandError> {
        let mut filter = Self::default();
        while !args.is_empty() {
            if args.len() < 2 {
                return Err(CommandError::Syntax);
            }
            if args.option("ID") {
                filter.id = Some(client_id(args.bytes()?)?);
            } else if args.option("TYPE") {
                filter.kind = Some(Kind::named(args.bytes()?)?);
            } else if args.option("ADDR") {
                filter.address = Some(args.bytes()?);
            } else if args.option("LADDR") {
                filter.local_address = Some(args.bytes()?);
            } else if args.option("USER") {
                filter.user = Some(user(args.bytes()?)?);
            } else if args.option("SKIPME") {
                filter.skip_me = args.option("YES");
                if !filter.skip_me && !args.option("NO") {
                    return Err(CommandError::Syntax);
                }
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(filter)
    }

    fn fits(&self, client: &ClientInfo) -> bool {
        self.id.is_none_or(|id| id == client.id)
            && self.kind.is_none_or(|kind| kind == Kind::Normal)
            && self.address.is_none_or(|address| address == client.address.as_bytes())
            && self.user.is_none_or(|user| user == client.user)
            && self.local_address.is_none_or(|address| address == client.local_address.as_bytes())
    }
}

/// The types of connections that Redis tells apart. Those of a node's clients are all normal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Other,
}

impl Kind {
    fn named(name: &[u8]) -> Result<Self, CommandError> {
        let is = |kind: &str| name.eq_ignore_ascii_case(kind.as_bytes());
        if is("normal") {
            Ok(Self::Normal)
        } else if ["master", "slave", "replica", "pubsub"].into_iter().any(is) {
            Ok(Self::Other)
        } else {
            Err(CommandError::Told(format!("Unknown client type '{}'", shown(name))))
        }
    }
}

fn client_id(word: &[u8]) -> Result<u64, CommandError> {
    parse_integer(word)
        .and_then(|id| u64::try_from(id).ok())
        .filter(|&id| id > 0)
        .ok_or(CommandError::Plain("client-id should be greater than 0"))
}

fn user(name: &[u8]) -> Result<User, CommandError> {
    let found = User::ALL.into_iter().find(|user| user.name().as_bytes() == name);
    found.ok_or_else(|| CommandError::Told(format!("No such user '{}'", shown(name))))
}

/// All connections, this one as it is now.
fn everyone(cx: &SessionCx<'_>, args: Args<'_>) -> Vec<ClientInfo> {
    let mut clients = cx.node.clients().list(cx.now);
    if let Some(me) = clients.iter_mut().find(|client| client.id == cx.session.id) {
        *me = myself(cx, args);
    }
    clients
}

/// This connection, whose last command is the one being run.
fn myself(cx: &SessionCx<'_>, args: Args<'_>) -> ClientInfo {
    let words: Vec<&[u8]> = [0, 1].into_iter().filter_map(|at| args.word(at)).collect();
    let row = cx.node.commands().find_full(&words.join(&b'|'));
    ClientInfo {
        idle_seconds: 0,
        last_command: row.map_or_else(String::new, |row| row.full_name.clone()),
        ..cx.node.clients().describe(cx.session, cx.now)
    }
}

/// The connections with these numbers, in the order asked for.
fn with_ids(clients: &[ClientInfo], ids: &[i64]) -> Vec<ClientInfo> {
    let place = |id: &i64| {
        let id = u64::try_from(*id).ok()?;
        clients.binary_search_by_key(&id, |client| client.id).ok()
    };
    ids.iter().filter_map(place).map(|place| clients[place].clone()).collect()
}

/// The fields and their order are those of Redis; what a node does not count is 0, what it does not have is -1.
fn write_line(client: &ClientInfo, text: &mut String) {
    let ClientInfo { id, address, local_address, name, age_seconds, idle_seconds, flags, .. } = client;
    let ClientInfo { database, queued, queued_bytes, watched, input_bytes, output_bytes, .. } = client;
    let ClientInfo { last_command, protocol, library_name, library_version, .. } = client;
    let total_bytes = queued_bytes + input_bytes + output_bytes;
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "id={id} addr={address} laddr={local_address} fd=-1 name={name} age={age_seconds} idle={idle_seconds} \
         flags={flags} db={database} sub=0 psub=0 ssub=0 multi={queued} watch={watched} qbuf={input_bytes} \
         qbuf-free=0 argv-mem=0 multi-mem={queued_bytes} rbs=0 rbp=0 obl={output_bytes} oll=0 omem=0 \
         tot-mem={total_bytes} events=r cmd={last_command} user={} redir=-1 resp={protocol} \
         lib-name={library_name} lib-ver={library_version}",
        client.user.name()
    );
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    fn ids(reply: &str) -> Vec<&str> {
        reply.split(['\n', '|']).filter_map(|line| line.strip_prefix("id=")?.split(' ').next()).collect()
    }

    #[test]
    fn lists_are_filtered() {
        let mut bench = Bench::new();
        assert_eq!(ids(&bench.run("client list")), ["1", "2", "3"]);
        assert_eq!(ids(&bench.run("client list type normal")), ["1", "2", "3"]);
        assert_eq!(ids(&bench.run("client list id 3 9 1 -4")), ["3", "1"]);
        bench.expect(&[
            ("client list type replica", "$0||"),
            ("client list type foo", "-ERR Unknown client type 'foo'|"),
            ("client list type normal x", "-ERR syntax error|"),
            ("client list id", "-ERR syntax error|"),
            ("client list id 1 x", "-ERR Invalid client ID|"),
            ("client list foo bar", "-ERR syntax error|"),
        ]);
    }

    #[test]
    fn killing_takes_filters() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("client kill 10.0.0.7:1", "-ERR No such client|"),
            ("client kill 10.0.0.2:5000", "+OK|"),
            ("client kill a b", "-ERR syntax error|"),
            ("client kill a b c", "-ERR syntax error|"),
            ("client kill id a", "-ERR client-id should be greater than 0|"),
            ("client kill id 0", "-ERR client-id should be greater than 0|"),
            ("client kill id 2", ":0|"),
            ("client kill type foo", "-ERR Unknown client type 'foo'|"),
            ("client kill type pubsub", ":0|"),
            ("client kill user foo", "-ERR No such user 'foo'|"),
            ("client kill skipme maybe", "-ERR syntax error|"),
            ("client kill laddr 1.1.1.1:1", ":0|"),
            ("client kill user default type normal", ":1|"),
        ]);
        assert!(bench.node.others.borrow().is_empty() && !bench.session.closing);
        bench.expect(&[("client kill id 1 skipme yes", ":0|"), ("client kill id 1 skipme no", ":1|")]);
        assert!(bench.session.closing, "the reply comes first");
    }
}
