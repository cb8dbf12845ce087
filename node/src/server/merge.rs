//! One reply out of several: how the replies of the nodes that a request was divided among are put together.

use larder_proto::resp::{Out, Version};

use crate::commands::error::CommandError;

/// How the replies of the parts become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// Arrays whose elements belong to so many keys, in their order.
    Values {
        /// Keys of the whole request.
        keys: usize,
    },
    /// Numbers that are added.
    Sum,
    /// All of them say the same.
    All,
    /// Replies of their own, one behind the other.
    Each,
    /// Arrays that follow one another.
    Chain,
    /// Steps of a scan, each where the one before ended.
    Scan,
    /// How many keys there are, and one of them or null: one is chosen.
    Pick {
        /// A random number.
        chance: u64,
        version: Version,
    },
    /// How many keys each database has: those of one are added.
    Size {
        /// The database's number.
        database: usize,
    },
    /// The same, added up where a text of this node tells its own.
    Text { text: String, version: Version },
    /// The replies of a transaction's commands that went to another node, and those of the others with their places.
    Exec { commands: usize, own: Vec<(u32, Vec<u8>)>, version: Version },
}

impl Merge {
    /// Writes the reply. Of each part: its reply, and which of the keys it has. If one of them is an error, that is it; of a
    /// change only if no part of it was made, since errors promise as much.
    pub(super) fn write(&self, parts: &[(&[u8], &[u32])], changes: bool, to: &mut Vec<u8>) {
        if matches!(self, Self::Each) {
            return parts.iter().for_each(|(reply, _)| to.extend_from_slice(reply));
        }
        let is_error = |reply: &[u8]| reply.first() == Some(&b'-');
        let is_unknown = |reply: &[u8]| !is_error(reply) || reply.starts_with(UNKNOWN);
        if let Some((error, _)) = parts.iter().find(|(reply, _)| is_error(reply)) {
            if changes && parts.iter().any(|(reply, _)| is_unknown(reply)) {
                let error = CommandError::OutcomeUnknown;
                return Out::new(to, Version::Resp2).error(error.code().word(), &error.to_string());
            }
            return to.extend_from_slice(error);
        }
        let written = match self {
            Self::Values { keys } => write_values(*keys, parts, to),
            Self::Sum => {
                let sum = parts.iter().filter_map(|(reply, _)| number(reply)).sum();
                Out::new(to, Version::Resp2).integer(sum);
                Some(())
            }
            Self::All | Self::Each => parts.first().map(|(reply, _)| to.extend_from_slice(reply)),
            Self::Chain => write_chain(parts, to),
            Self::Scan => write_scan(parts, to),
            Self::Pick { chance, version } => write_pick(*chance, *version, parts, to),
            Self::Size { database } => sizes(parts).map(|sizes| {
                Out::new(to, Version::Resp2).integer(sizes.get(2 * database).copied().unwrap_or(0));
            }),
            Self::Text { text, version } => sizes(parts).map(|sizes| {
                Out::new(to, *version).verbatim(&with_keyspace(text, &sizes));
            }),
            Self::Exec { commands, own, version } => write_exec(*commands, own, *version, parts, to),
        };
        if written.is_none() {
            Out::new(to, Version::Resp2).error("ERR", "a node of the cluster replied what cannot be read");
        }
    }
}

/// The two elements of the reply to a step of a scan: where to go on, and the elements, encoded.
pub(super) fn scan_step(reply: &[u8]) -> Option<(u64, (usize, &[u8]))> {
    let (2, rest) = header(reply)? else { return None };
    let cursor = &rest[..element(rest)?];
    let (_, digits) = line(cursor)?;
    let cursor = std::str::from_utf8(digits.strip_suffix(b"\r\n")?).ok()?.parse().ok()?;
    Some((cursor, header(&rest[element(rest)?..])?))
}

fn write_scan(parts: &[(&[u8], &[u32])], to: &mut Vec<u8>) -> Option<()> {
    let steps = parts.iter().map(|(reply, _)| scan_step(reply)).collect::<Option<Vec<_>>>()?;
    let mut out = Out::new(to, Version::Resp2);
    out.array(2);
    // Cursors stay far below 2^63.
    out.bulk_integer(steps.last()?.0 as i64);
    out.array(steps.iter().map(|(_, (count, _))| count).sum());
    steps.iter().for_each(|(_, (_, elements))| to.extend_from_slice(elements));
    Some(())
}

fn write_pick(chance: u64, version: Version, parts: &[(&[u8], &[u32])], to: &mut Vec<u8>) -> Option<()> {
    let mut picked = Vec::new();
    for (reply, _) in parts {
        let (2, rest) = header(reply)? else { return None };
        let (size, key) = rest.split_at(element(rest)?);
        if key.starts_with(b"$") && !key.starts_with(b"$-") {
            picked.push((number(size)?.max(1) as u64, key));
        }
    }
    let mut place = chance % picked.iter().map(|(size, _)| size).sum::<u64>().max(1);
    for (size, key) in picked {
        if place < size {
            to.extend_from_slice(key);
            return Some(());
        }
        place -= size;
    }
    Out::new(to, version).null();
    Some(())
}

/// The sums of the numbers that arrays of the same length hold.
fn sizes(parts: &[(&[u8], &[u32])]) -> Option<Vec<i64>> {
    let mut sums = Vec::new();
    for (reply, _) in parts {
        let (count, mut rest) = header(reply)?;
        sums.resize(count.max(sums.len()), 0);
        for sum in sums.iter_mut().take(count) {
            let (value, behind) = rest.split_at(element(rest)?);
            *sum += number(value)?;
            rest = behind;
        }
    }
    Some(sums)
}

/// Whether a text tells how many keys there are.
pub(super) fn has_keyspace(text: &str) -> bool {
    text.contains(KEYSPACE)
}

/// The text with other counts of keys in its section on them.
fn with_keyspace(text: &str, sizes: &[i64]) -> String {
    let Some(at) = text.find(KEYSPACE) else { return text.to_owned() };
    let (before, section) = text.split_at(at + KEYSPACE.len());
    let behind = section.find("\r\n#").map_or("", |end| &section[end..]);
    let mut written = before.to_owned();
    for (database, size) in sizes.chunks(2).enumerate() {
        if let [keys, deadlines] = size
            && *keys > 0
        {
            written.push_str(&format!("db{database}:keys={keys},expires={deadlines},avg_ttl=0\r\n"));
        }
    }
    written + behind
}

fn write_exec(
    commands: usize,
    own: &[(u32, Vec<u8>)],
    version: Version,
    parts: &[(&[u8], &[u32])],
    to: &mut Vec<u8>,
) -> Option<()> {
    let (reply, places) = *parts.first()?;
    let Some((count, mut rest)) = header(reply) else {
        Out::new(to, version).null_array();
        return Some(());
    };
    if count != places.len() {
        return None;
    }
    let mut replies: Vec<&[u8]> = vec![&[]; commands];
    for &place in places {
        let (element, behind) = rest.split_at(element(rest)?);
        *replies.get_mut(place as usize)? = element;
        rest = behind;
    }
    for (place, reply) in own {
        *replies.get_mut(*place as usize)? = reply;
    }
    Out::new(to, version).array(commands);
    replies.iter().for_each(|reply| to.extend_from_slice(reply));
    Some(())
}

fn write_values(keys: usize, parts: &[(&[u8], &[u32])], to: &mut Vec<u8>) -> Option<()> {
    let mut values: Vec<&[u8]> = vec![&[]; keys];
    for (reply, places) in parts {
        let (count, mut rest) = header(reply)?;
        if count != places.len() {
            return None;
        }
        for &place in *places {
            let length = element(rest)?;
            *values.get_mut(place as usize)? = &rest[..length];
            rest = &rest[length..];
        }
    }
    Out::new(to, Version::Resp2).array(keys);
    values.iter().for_each(|value| to.extend_from_slice(value));
    Some(())
}

fn write_chain(parts: &[(&[u8], &[u32])], to: &mut Vec<u8>) -> Option<()> {
    let elements = parts.iter().map(|(reply, _)| header(reply)).collect::<Option<Vec<_>>>()?;
    Out::new(to, Version::Resp2).array(elements.iter().map(|(count, _)| count).sum());
    elements.iter().for_each(|(_, bytes)| to.extend_from_slice(bytes));
    Some(())
}

/// The number that an integer reply says.
pub(super) fn number(reply: &[u8]) -> Option<i64> {
    let line = reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// How many elements an array has, and what follows its header.
pub(super) fn header(reply: &[u8]) -> Option<(usize, &[u8])> {
    let (line, rest) = line(reply)?;
    let count = line.strip_prefix(b"*").or_else(|| line.strip_prefix(b"~"))?;
    Some((std::str::from_utf8(count).ok()?.parse().ok()?, rest))
}

/// Bytes of the first element, with all that is within it.
pub(super) fn element(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut open) = (0, 1_usize);
    while open > 0 {
        let (first, rest) = line(bytes.get(at..)?)?;
        let kind = *first.first()?;
        at = bytes.len() - rest.len();
        open -= 1;
        let count = || std::str::from_utf8(&first[1..]).ok()?.parse::<i64>().ok();
        let elements = match kind {
            b'$' | b'=' => {
                at += usize::try_from(count()?).map_or(0, |length| length + 2);
                0
            }
            b'*' | b'~' | b'>' => count()?,
            b'%' => 2 * count()?,
            _ => 0,
        };
        open += usize::try_from(elements).unwrap_or(0);
    }
    (at <= bytes.len()).then_some(at)
}

fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], &bytes[end + 2..]))
}

/// How the error begins that promises nothing.
const UNKNOWN: &[u8] = b"-ERR outcome unknown";

/// How the section of INFO on keys begins.
const KEYSPACE: &str = "# Keyspace\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(merge: Merge, parts: &[(&str, &[u32])]) -> String {
        let parts: Vec<(&[u8], &[u32])> = parts.iter().map(|(reply, at)| (reply.as_bytes(), *at)).collect();
        let mut reply = Vec::new();
        merge.write(&parts, false, &mut reply);
        String::from_utf8(reply).unwrap().replace("\r\n", "|")
    }

    #[test]
    fn values_stand_in_the_order_of_their_keys() {
        let parts: &[(&str, &[u32])] =
            &[("*2\r\n$1\r\na\r\n$-1\r\n", &[0, 3]), ("*2\r\n$4\r\n\r\n$1\r\n_\r\n", &[2, 1])];
        assert_eq!(merged(Merge::Values { keys: 4 }, parts), "*4|$1|a|_|$4||$1|$-1|");
        let short: &[(&str, &[u32])] = &[("*1\r\n$1\r\na\r\n", &[0, 1])];
        assert!(merged(Merge::Values { keys: 2 }, short).starts_with("-ERR"));
    }

    #[test]
    fn numbers_are_added_and_an_error_is_the_whole_reply() {
        assert_eq!(merged(Merge::Sum, &[(":2\r\n", &[]), (":3\r\n", &[])]), ":5|");
        assert_eq!(merged(Merge::Sum, &[(":2\r\n", &[]), ("-OOM no\r\n", &[])]), "-OOM no|");
        assert_eq!(merged(Merge::All, &[("+OK\r\n", &[]), ("+OK\r\n", &[])]), "+OK|");
    }

    #[test]
    fn a_change_that_was_made_in_part_has_an_unknown_outcome() {
        let told = |parts: &[&str], changes| {
            let parts: Vec<(&[u8], &[u32])> = parts.iter().map(|reply| (reply.as_bytes(), &[][..])).collect();
            let mut reply = Vec::new();
            Merge::All.write(&parts, changes, &mut reply);
            String::from_utf8(reply).unwrap()
        };
        let (down, ok) = ("-CLUSTERDOWN nothing was changed\r\n", "+OK\r\n");
        assert_eq!(told(&[down, ok], false), down);
        assert_eq!(told(&[down, down], true), down);
        let unknown = told(&[down, ok], true);
        assert!(unknown.starts_with("-ERR outcome unknown: "), "{unknown}");
        assert_eq!(told(&[down, &unknown], true), unknown, "one part may have been made");
    }

    #[test]
    fn a_key_is_chosen_in_proportion() {
        let parts: &[(&str, &[u32])] = &[
            ("*2\r\n:3\r\n$1\r\na\r\n", &[]),
            ("*2\r\n:0\r\n$-1\r\n", &[]),
            ("*2\r\n:1\r\n$1\r\nb\r\n", &[]),
        ];
        let pick = |chance| merged(Merge::Pick { chance, version: Version::Resp2 }, parts);
        assert_eq!((0..5).map(pick).collect::<Vec<_>>(), ["$1|a|", "$1|a|", "$1|a|", "$1|b|", "$1|a|"]);
        let none: &[(&str, &[u32])] = &[("*2\r\n:0\r\n_\r\n", &[])];
        assert_eq!(merged(Merge::Pick { chance: 7, version: Version::Resp3 }, none), "_|");
    }

    #[test]
    fn sizes_are_added_where_they_are_told() {
        let parts: &[(&str, &[u32])] =
            &[("*4\r\n:1\r\n:0\r\n:2\r\n:1\r\n", &[]), ("*4\r\n:3\r\n:1\r\n:0\r\n:0\r\n", &[])];
        assert_eq!(merged(Merge::Size { database: 0 }, parts), ":4|");
        let text = "# A\r\nb:1\r\n\r\n# Keyspace\r\ndb7:keys=9\r\n\r\n# C\r\n".to_owned();
        let told =
            "$72||# A|b:1||# Keyspace|db0:keys=4,expires=1,avg_ttl=0|db1:keys=2,expires=1,avg_ttl=0||# C||";
        let reply = merged(Merge::Text { text, version: Version::Resp2 }, parts);
        assert_eq!(reply.split_once('|').map(|(_, rest)| rest), told.split_once("||").map(|(_, rest)| rest));
    }

    #[test]
    fn replies_of_a_transaction_find_their_places() {
        let parts: &[(&str, &[u32])] = &[("*2\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n%1\r\n+a\r\n_\r\n", &[0, 2])];
        let merge =
            Merge::Exec { commands: 3, own: vec![(1, b"+PONG\r\n".to_vec())], version: Version::Resp3 };
        assert_eq!(merged(merge.clone(), parts), "*3|*2|:1|*1|$1|x|+PONG|%1|+a|_|");
        assert_eq!(merged(merge, &[("_\r\n", &[0, 2])]), "_|");
    }

    #[test]
    fn steps_of_a_scan_become_one() {
        let parts: &[(&str, &[u32])] =
            &[("*2\r\n$2\r\n77\r\n*0\r\n", &[]), ("*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n", &[])];
        assert_eq!(merged(Merge::Scan, parts), "*2|$1|0|*1|$1|a|");
        assert_eq!(scan_step(parts[0].0.as_bytes()), Some((77, (0, &b""[..]))));
    }

    #[test]
    fn arrays_follow_one_another() {
        let parts: &[(&str, &[u32])] =
            &[("*1\r\n$1\r\na\r\n", &[]), ("*0\r\n", &[]), ("*1\r\n$1\r\nb\r\n", &[])];
        assert_eq!(merged(Merge::Chain, parts), "*2|$1|a|$1|b|");
    }
}
