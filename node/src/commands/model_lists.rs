//! For tests: commands on lists drawn at random, and what they mean, written as plainly as can be. The model's other types
//! are `model`'s.

use larder_proto::time::Deadline;
use proptest::prelude::*;

use super::model::{Model, Reply, WRONG_TYPE, key};
use crate::store::Plain;

/// A command on lists.
#[derive(Debug, Clone)]
pub(super) enum ListStep {
    Push { key: String, left: bool, only_there: bool, elements: Vec<String> },
    Pop { key: String, left: bool, count: Option<usize> },
    Set { key: String, index: i64, element: String },
    Insert { key: String, after: bool, pivot: String, element: String },
    Rem { key: String, count: i64, element: String },
    Trim { key: String, start: i64, stop: i64 },
    Move { keys: [String; 2], from_left: bool, to_left: bool },
    PopFirst { keys: [String; 2], left: bool, count: usize },
    Range { key: String, start: i64, stop: i64 },
    Index { key: String, index: i64 },
    Pos { key: String, element: String, rank: i64, count: usize, elements_max: usize },
}

/// Few different ones, so that they are found; some are longer than a block of the bench's lists.
fn element() -> impl Strategy<Value = String> {
    let lengths = prop_oneof![2 => 1..20_usize, 1 => Just(70), 1 => Just(5_000)];
    prop_oneof![
        3 => (0..4_u8).prop_map(|number| number.to_string()),
        1 => lengths.prop_map(|length| "e".repeat(length)),
    ]
}

/// Steps on a few keys, half of them more elements.
pub(super) fn list_step() -> impl Strategy<Value = ListStep> {
    let pair = || (key(), key()).prop_map(|(one, other)| [one, other]);
    let push = (key(), any::<bool>(), any::<bool>(), proptest::collection::vec(element(), 1..12));
    let count = || prop_oneof![2 => Just(None), 3 => (0..9_usize).prop_map(Some)];
    let index = || -12..12_i64;
    prop_oneof![
        9 => push.prop_map(|(key, left, only_there, elements)| ListStep::Push { key, left, only_there, elements }),
        2 => (key(), any::<bool>(), count()).prop_map(|(key, left, count)| ListStep::Pop { key, left, count }),
        2 => (key(), index(), element()).prop_map(|(key, index, element)| ListStep::Set { key, index, element }),
        3 => (key(), any::<bool>(), element(), element())
            .prop_map(|(key, after, pivot, element)| ListStep::Insert { key, after, pivot, element }),
        2 => (key(), -3..4_i64, element()).prop_map(|(key, count, element)| ListStep::Rem { key, count, element }),
        2 => (key(), -3..3_i64, -4..30_i64).prop_map(|(key, start, stop)| ListStep::Trim { key, start, stop }),
        3 => (pair(), any::<bool>(), any::<bool>())
            .prop_map(|(keys, from_left, to_left)| ListStep::Move { keys, from_left, to_left }),
        1 => (pair(), any::<bool>(), 1..5_usize)
            .prop_map(|(keys, left, count)| ListStep::PopFirst { keys, left, count }),
        1 => (key(), index(), index()).prop_map(|(key, start, stop)| ListStep::Range { key, start, stop }),
        1 => (key(), index()).prop_map(|(key, index)| ListStep::Index { key, index }),
        1 => (key(), element(), prop_oneof![-3..0_i64, 1..4_i64], 0..3_usize, 0..9_usize).prop_map(
            |(key, element, rank, count, elements_max)| ListStep::Pos { key, element, rank, count, elements_max }
        ),
    ]
}

impl ListStep {
    /// The command's words.
    pub(super) fn line(&self) -> String {
        let side = |left: &bool| if *left { "left" } else { "right" };
        let end = |left: &bool| if *left { 'l' } else { 'r' };
        match self {
            Self::Push { key, left, only_there, elements } => {
                let x = if *only_there { "x" } else { "" };
                format!("{}push{x} {key} {}", end(left), elements.join(" "))
            }
            Self::Pop { key, left, count: None } => format!("{}pop {key}", end(left)),
            Self::Pop { key, left, count: Some(count) } => format!("{}pop {key} {count}", end(left)),
            Self::Set { key, index, element } => format!("lset {key} {index} {element}"),
            Self::Insert { key, after, pivot, element } => {
                format!("linsert {key} {} {pivot} {element}", if *after { "after" } else { "before" })
            }
            Self::Rem { key, count, element } => format!("lrem {key} {count} {element}"),
            Self::Trim { key, start, stop } => format!("ltrim {key} {start} {stop}"),
            Self::Move { keys: [from, to], from_left, to_left } => {
                format!("lmove {from} {to} {} {}", side(from_left), side(to_left))
            }
            Self::PopFirst { keys: [one, other], left, count } => {
                format!("lmpop 2 {one} {other} {} count {count}", side(left))
            }
            Self::Range { key, start, stop } => format!("lrange {key} {start} {stop}"),
            Self::Index { key, index } => format!("lindex {key} {index}"),
            Self::Pos { key, element, rank, count, elements_max } => {
                format!("lpos {key} {element} rank {rank} count {count} maxlen {elements_max}")
            }
        }
    }
}

impl Model {
    /// The reply that the step should get.
    pub(super) fn list_step(&mut self, step: ListStep) -> Reply {
        match step {
            ListStep::Push { key, left, only_there, elements } => {
                if only_there && self.list(&key)?.is_none() {
                    return Ok(":0|".into());
                }
                let mut list = self.list(&key)?.unwrap_or_default();
                for element in elements {
                    list.insert(if left { 0 } else { list.len() }, element.into_bytes());
                }
                Ok(self.put(&key, list))
            }
            ListStep::Pop { key, left, count } => self.pop(&key, left, count),
            ListStep::Set { key, index, element } => {
                let mut list = self.list(&key)?.ok_or("ERR no such key")?;
                let at = at(index, list.len()).ok_or("ERR index out of range")?;
                list[at] = element.into_bytes();
                self.put(&key, list);
                Ok("+OK|".into())
            }
            ListStep::Insert { key, after, pivot, element } => {
                let Some(mut list) = self.list(&key)? else { return Ok(":0|".into()) };
                let found = list.iter().position(|other| other == pivot.as_bytes());
                let Some(found) = found else { return Ok(":-1|".into()) };
                list.insert(found + usize::from(after), element.into_bytes());
                Ok(self.put(&key, list))
            }
            ListStep::Rem { key, count, element } => self.remove_elements(&key, count, element.as_bytes()),
            ListStep::Trim { key, start, stop } => {
                if let Some(list) = self.list(&key)? {
                    let kept = within(&list, start, stop);
                    self.put(&key, kept);
                }
                Ok("+OK|".into())
            }
            ListStep::Move { keys, from_left, to_left } => self.move_element(keys, from_left, to_left),
            ListStep::PopFirst { keys, left, count } => {
                for key in keys {
                    if self.list(&key)?.is_some() {
                        let popped = self.pop(&key, left, Some(count))?;
                        return Ok(format!("*2|${}|{key}|{popped}", key.len()));
                    }
                }
                Ok("*-1|".into())
            }
            ListStep::Range { key, start, stop } => {
                Ok(array(&within(&self.list(&key)?.unwrap_or_default(), start, stop)))
            }
            ListStep::Index { key, index } => {
                let list = self.list(&key)?.unwrap_or_default();
                Ok(at(index, list.len()).map_or("$-1|".into(), |at| bulk(&list[at])))
            }
            ListStep::Pos { key, element, rank, count, elements_max } => {
                let list = self.list(&key)?.unwrap_or_default();
                let found = positions(&list, element.as_bytes(), rank, elements_max);
                let wanted = if count == 0 { found.len() } else { count.min(found.len()) };
                let shown: String = found[..wanted].iter().map(|at| format!(":{at}|")).collect();
                Ok(format!("*{wanted}|{shown}"))
            }
        }
    }

    fn pop(&mut self, key: &str, left: bool, count: Option<usize>) -> Reply {
        let Some(mut list) = self.list(key)? else {
            return Ok(if count.is_some() { "*-1|" } else { "$-1|" }.into());
        };
        let wanted = count.unwrap_or(1).min(list.len());
        let popped: Vec<_> =
            (0..wanted).map(|_| list.remove(if left { 0 } else { list.len() - 1 })).collect();
        self.put(key, list);
        Ok(if count.is_some() { array(&popped) } else { bulk(&popped[0]) })
    }

    fn remove_elements(&mut self, key: &str, count: i64, element: &[u8]) -> Reply {
        let mut list = self.list(key)?.unwrap_or_default();
        let mut removed = 0;
        while count == 0 || removed < count.abs() {
            let mut places = list.iter();
            let found = match count < 0 {
                true => places.rposition(|other| other == element),
                false => places.position(|other| other == element),
            };
            let Some(found) = found else { break };
            list.remove(found);
            removed += 1;
        }
        self.put(key, list);
        Ok(format!(":{removed}|"))
    }

    fn move_element(&mut self, [from, to]: [String; 2], from_left: bool, to_left: bool) -> Reply {
        let Some(mut source) = self.list(&from)? else { return Ok("$-1|".into()) };
        self.list(&to)?;
        let element = source.remove(if from_left { 0 } else { source.len() - 1 });
        let mut target = if from == to { source.clone() } else { self.list(&to)?.unwrap_or_default() };
        target.insert(if to_left { 0 } else { target.len() }, element.clone());
        if from != to {
            self.put(&from, source);
        }
        self.put(&to, target);
        Ok(bulk(&element))
    }

    fn list(&self, key: &str) -> Result<Option<Vec<Vec<u8>>>, String> {
        match self.contents.get(&self.at(key)) {
            None => Ok(None),
            Some((Plain::List(list), _)) => Ok(Some(list.clone())),
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    /// Puts a list where one may be, whose deadline stays, and gives its length as a reply. An empty one takes the key
    /// away.
    fn put(&mut self, key: &str, list: Vec<Vec<u8>>) -> String {
        let (at, length) = (self.at(key), list.len());
        if list.is_empty() {
            self.contents.remove(&at);
        } else {
            self.contents.entry(at).or_insert((Plain::List(Vec::new()), Deadline::NEVER)).0 =
                Plain::List(list);
        }
        format!(":{length}|")
    }
}

fn at(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index + length as i64 } else { index };
    (0..length as i64).contains(&index).then_some(index as usize)
}

fn within(list: &[Vec<u8>], start: i64, stop: i64) -> Vec<Vec<u8>> {
    let length = list.len() as i64;
    let from_left = |index: i64| if index < 0 { index + length } else { index };
    (0..length)
        .filter(|at| (from_left(start)..=from_left(stop)).contains(at))
        .map(|at| list[at as usize].clone())
        .collect()
}

/// Where the element is, from the match on that the rank says.
fn positions(list: &[Vec<u8>], element: &[u8], rank: i64, elements_max: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..list.len()).collect();
    if rank < 0 {
        places.reverse();
    }
    places.truncate(if elements_max == 0 { usize::MAX } else { elements_max });
    places.retain(|at| list[*at] == element);
    places.split_off((rank.unsigned_abs() as usize - 1).min(places.len()))
}

fn bulk(bytes: &[u8]) -> String {
    format!("${}|{}|", bytes.len(), String::from_utf8_lossy(bytes))
}

fn array(elements: &[Vec<u8>]) -> String {
    let shown: String = elements.iter().map(|element| bulk(element)).collect();
    format!("*{}|{shown}", elements.len())
}
