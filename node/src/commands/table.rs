//! All commands, found by name. Built once from the families' rows.

use larder_proto::resp::ArgRange;

use super::error::CommandError;
use super::spec::{Arity, Run, Spec};

/// A command's number, `0..Commands::len()`: the place of its counters. A subcommand has one of its own.
pub type CommandId = u16;

/// A row with its number and full name.
#[derive(Debug)]
pub struct Row {
    /// The row.
    pub spec: &'static Spec,
    /// Its number.
    pub id: CommandId,
    /// `name`, or `container|name`.
    pub full_name: String,
    /// The container's row, for a subcommand.
    pub container: Option<&'static Spec>,
    /// Numbers of its subcommands, in the order of their rows.
    subcommands: std::ops::Range<CommandId>,
}

/// All commands.
#[derive(Debug)]
pub struct Commands {
    /// Top-level commands first; then, container by container, their subcommands.
    rows: Vec<Row>,
    top: usize,
    /// Open addressing; `EMPTY` or a place in `rows`.
    buckets: Box<[CommandId]>,
    /// The same for names of up to eight bytes, which are compared as one number.
    short: Box<[ShortName]>,
}

/// A name of up to eight bytes, and its place in `rows`.
#[derive(Debug, Clone, Copy)]
struct ShortName {
    lower: u64,
    upper: u64,
    length: u8,
    id: CommandId,
}

impl Commands {
    /// The table of these families.
    #[must_use]
    pub fn new(families: &[&'static [Spec]]) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        for spec in families.iter().flat_map(|rows| rows.iter()) {
            rows.push(Row::new(spec, rows.len(), None));
        }
        let top = rows.len();
        for container in 0..top {
            let spec = rows[container].spec;
            let from = rows.len();
            for sub in spec.subcommands() {
                rows.push(Row::new(sub, rows.len(), Some(spec)));
            }
            rows[container].subcommands = from as CommandId..rows.len() as CommandId;
        }
        let mut buckets = vec![EMPTY; (top * 4).next_power_of_two()].into_boxed_slice();
        for (id, row) in rows[..top].iter().enumerate() {
            let mut at = hash(row.spec.name.as_bytes()) & (buckets.len() - 1);
            while buckets[at] != EMPTY {
                at = (at + 1) & (buckets.len() - 1);
            }
            buckets[at] = id as CommandId;
        }
        let short = short_names(&rows[..top]);
        Self { rows, top, buckets, short }
    }

    /// The command of a request, with the right number of words. `found` is what [`Commands::find`] says of the
    /// first word.
    ///
    /// # Errors
    /// There is no such command or subcommand, or the number of words is wrong.
    #[inline]
    pub fn resolve<'c>(
        &'c self,
        found: Option<&'c Row>,
        frame: &[u8],
        words: &[ArgRange],
    ) -> Result<&'c Row, CommandError> {
        let Some(row) = found else { return Err(unknown_command(frame, words)) };
        let row = match row.spec.run {
            Run::Container(_) => self.resolve_subcommand(row, frame, words)?,
            _ => row,
        };
        if row.spec.arity.allows(words.len()) { Ok(row) } else { Err(wrong_arity(row)) }
    }

    /// The top-level command of this name, in any case.
    #[must_use]
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<&Row> {
        let Some(word) = short_word(name) else { return self.find_long(name) };
        let lower = word | CASE_BITS;
        let mut at = short_place(lower) & (self.short.len() - 1);
        loop {
            let known = self.short[at];
            if known.id == EMPTY {
                return None;
            }
            let row = &self.rows[usize::from(known.id)];
            // As clients write it, or in mixed case.
            let same =
                usize::from(known.length) == name.len() && (word == known.upper || word == known.lower);
            if same || is(row, name) {
                return Some(row);
            }
            at = (at + 1) & (self.short.len() - 1);
        }
    }

    fn find_long(&self, name: &[u8]) -> Option<&Row> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let mut at = hash(name) & (self.buckets.len() - 1);
        loop {
            let id = self.buckets[at];
            if id == EMPTY {
                return None;
            }
            let row = &self.rows[usize::from(id)];
            if row.spec.name.as_bytes().eq_ignore_ascii_case(name) {
                return Some(row);
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// The command of this name; `container|name` for a subcommand.
    #[must_use]
    pub fn find_full(&self, name: &[u8]) -> Option<&Row> {
        let Some(bar) = name.iter().position(|&byte| byte == b'|') else { return self.find(name) };
        let container = self.find(&name[..bar])?;
        self.subcommands(container).iter().find(|row| is(row, &name[bar + 1..]))
    }

    /// Top-level commands, in the order of their families.
    #[must_use]
    pub fn top(&self) -> &[Row] {
        &self.rows[..self.top]
    }

    /// The subcommands of a container.
    #[must_use]
    pub fn subcommands(&self, container: &Row) -> &[Row] {
        &self.rows[usize::from(container.subcommands.start)..usize::from(container.subcommands.end)]
    }

    /// All rows; a row's place is its number.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn resolve_subcommand(&self, row: &Row, frame: &[u8], words: &[ArgRange]) -> Result<&Row, CommandError> {
        let Some(name) = words.get(1).map(|word| word.of(frame)) else {
            // A container that runs on its own (COMMAND) has a row of that kind, found by its empty name.
            return self
                .subcommands(row)
                .iter()
                .find(|sub| sub.spec.name == ALONE)
                .ok_or_else(|| wrong_arity(row));
        };
        self.subcommands(row).iter().find(|sub| is(sub, name)).ok_or_else(|| {
            CommandError::UnknownSubcommand {
                name: shown(name, SHOWN_BYTES_MAX),
                container: row.spec.name.to_ascii_uppercase(),
            }
        })
    }
}

impl Row {
    fn new(spec: &'static Spec, id: usize, container: Option<&'static Spec>) -> Self {
        let full_name = match container {
            Some(container) => format!("{}|{}", container.name, spec.name),
            None => spec.name.to_owned(),
        };
        Self { spec, id: id as CommandId, full_name, container, subcommands: 0..0 }
    }

    /// Words before the first argument: one, or two for a subcommand.
    #[must_use]
    #[inline]
    pub fn name_words(&self) -> usize {
        1 + usize::from(self.container.is_some() && self.spec.arity != Arity::Exactly(1))
    }
}

/// The places of the names of up to eight bytes.
fn short_names(rows: &[Row]) -> Box<[ShortName]> {
    let empty = ShortName { lower: 0, upper: 0, length: 0, id: EMPTY };
    let mut places = vec![empty; (rows.len() * 4).next_power_of_two()].into_boxed_slice();
    for row in rows {
        let upper = row.spec.name.to_ascii_uppercase();
        let (Some(lower), Some(upper)) = (short_word(row.spec.name.as_bytes()), short_word(upper.as_bytes()))
        else {
            continue;
        };
        let mut at = short_place(lower | CASE_BITS) & (places.len() - 1);
        while places[at].id != EMPTY {
            at = (at + 1) & (places.len() - 1);
        }
        places[at] = ShortName { lower, upper, length: row.spec.name.len() as u8, id: row.id };
    }
    places
}

/// One to eight bytes as a number; different words of one length give different numbers. `None` for longer ones.
#[inline]
fn short_word(name: &[u8]) -> Option<u64> {
    let length = name.len();
    let part = |from: usize| name.get(from..from + 4)?.try_into().ok().map(u32::from_le_bytes);
    match length {
        4..=8 => Some(u64::from(part(0)?) | u64::from(part(length - 4)?) << (8 * (length - 4))),
        1..=3 => {
            let byte = |at: usize| u64::from(name[at]) << (8 * at);
            Some(byte(0) | byte(length / 2) | byte(length - 1))
        }
        _ => None,
    }
}

#[inline]
const fn short_place(lower: u64) -> usize {
    (lower.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
}

/// Letters differ from their capitals in this bit of each byte.
const CASE_BITS: u64 = 0x2020_2020_2020_2020;

/// The name of the row that a container runs when it stands alone.
pub const ALONE: &str = "(alone)";

/// Longest command name that is looked up.
const NAME_BYTES_MAX: usize = 32;

const EMPTY: CommandId = CommandId::MAX;

/// Bytes of a word that an error shows.
const SHOWN_BYTES_MAX: usize = 128;

fn is(row: &Row, name: &[u8]) -> bool {
    row.spec.name.as_bytes().eq_ignore_ascii_case(name)
}

/// FNV-1a over the name in lower case: names are a few bytes long and come from no attacker's choice of table.
#[inline]
fn hash(name: &[u8]) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name {
        hash = (hash ^ u64::from(byte | 0x20)).wrapping_mul(0x0100_0000_01b3);
    }
    (hash ^ (hash >> 32)) as usize
}

#[cold]
fn wrong_arity(row: &Row) -> CommandError {
    CommandError::WrongArity { command: row.full_name.clone() }
}

/// Redis' sentence: the name, then words until 128 bytes of them are shown.
#[cold]
fn unknown_command(frame: &[u8], words: &[ArgRange]) -> CommandError {
    let mut arguments = String::new();
    for word in words.iter().skip(1) {
        if arguments.len() >= SHOWN_BYTES_MAX {
            break;
        }
        let room = SHOWN_BYTES_MAX - arguments.len();
        arguments.push_str(&format!("'{}' ", shown(word.of(frame), room)));
    }
    let name = words.first().map(|word| shown(word.of(frame), SHOWN_BYTES_MAX)).unwrap_or_default();
    CommandError::UnknownCommand { name, arguments }
}

fn shown(word: &[u8], bytes_max: usize) -> String {
    String::from_utf8_lossy(&word[..word.len().min(bytes_max)]).into_owned()
}

#[cfg(test)]
mod tests {
    use crate::commands;

    #[test]
    fn every_name_is_found_and_stands_once() {
        let table = commands::table();
        for row in table.top() {
            let upper = row.spec.name.to_ascii_uppercase();
            let found = table.find(upper.as_bytes()).unwrap();
            assert_eq!(found.id, row.id, "{upper} stands twice");
            let mixed = format!("{}{}", &row.spec.name[..1], &upper[1..]);
            for spelling in [row.spec.name, &mixed] {
                assert_eq!(table.find(spelling.as_bytes()).map(|found| found.id), Some(row.id), "{spelling}");
            }
            for wrong in [format!("{upper}\0"), format!("\0{upper}"), upper[1..].to_owned()] {
                assert!(table.find(wrong.as_bytes()).is_none_or(|found| found.id != row.id), "{wrong:?}");
            }
        }
        for (place, row) in table.rows().iter().enumerate() {
            assert_eq!(usize::from(row.id), place);
            assert_eq!(table.find_full(row.full_name.as_bytes()).unwrap().id, row.id, "{}", row.full_name);
        }
        assert!(table.find(b"nosuch").is_none());
        assert!(table.find(&[b'a'; 1_000]).is_none());
    }
}
