//! For tests: commands drawn at random, and what they mean, written as plainly as can be.

use std::collections::{BTreeMap, BTreeSet};

use larder_proto::time::{Deadline, Millis};
use proptest::prelude::*;

use super::model_lists::{ListStep, list_step};
use crate::store::{Contents, Plain};

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Wait(u64),
    Select(usize),
    Set { key: String, value: String, option: SetOption },
    Append { key: String, value: String },
    Incr { key: String },
    GetDel { key: String },
    Del { keys: [String; 2] },
    PExpire { key: String, ms: i64, condition: &'static str },
    Persist { key: String },
    Rename { from: String, to: String, only_new: bool },
    Copy { from: String, to: String, database: usize, replace: bool },
    Move { key: String, database: usize },
    HSet { key: String, field: String, value: String },
    HDel { key: String, field: String },
    HIncrBy { key: String, field: String, amount: i64 },
    List(ListStep),
    SAdd { key: String, members: [String; 2] },
    SRem { key: String, member: String },
    SMove { from: String, to: String, member: String },
    SStore { operation: Operation, to: String, from: [String; 2] },
    ZAdd { key: String, member: String, score: i64 },
    ZRem { key: String, member: String },
}

/// What is made of two sets.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Intersection,
    Union,
    Difference,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum SetOption {
    None,
    IfMissing,
    IfThere,
    KeepDeadline,
    For(u64),
}

pub(super) fn steps(count_max: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(step(), 1..count_max)
}

pub(super) fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("{x}1"), Just("{x}2")].prop_map(str::to_owned)
}

/// Numbers, short and long ones: a long one unpacks a hash, a longer one is dropped outside the locks.
pub(super) fn value() -> impl Strategy<Value = String> {
    let lengths = prop_oneof![4 => 1..20_usize, 1 => Just(70), 1 => Just(5_000)];
    prop_oneof![
        (0..100_u8).prop_map(|number| number.to_string()),
        lengths.prop_map(|length| "v".repeat(length))
    ]
}

/// Integers and words, a long one among them: sets take all their forms.
pub(super) fn member() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..12_i32).prop_map(|number| number.to_string()),
        2 => "[a-h]",
        1 => Just("m".repeat(70)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![4 => plain_step(), 1 => set_step()]
}

fn set_step() -> impl Strategy<Value = Step> {
    let operation =
        prop_oneof![Just(Operation::Intersection), Just(Operation::Union), Just(Operation::Difference)];
    prop_oneof![
        6 => (key(), [member(), member()]).prop_map(|(key, members)| Step::SAdd { key, members }),
        3 => (key(), member()).prop_map(|(key, member)| Step::SRem { key, member }),
        2 => (key(), key(), member()).prop_map(|(from, to, member)| Step::SMove { from, to, member }),
        2 => (operation, key(), [key(), key()])
            .prop_map(|(operation, to, from)| Step::SStore { operation, to, from }),
    ]
}

fn plain_step() -> impl Strategy<Value = Step> {
    let field = || prop_oneof![Just("f"), Just("g"), Just("h")].prop_map(str::to_owned);
    let option = prop_oneof![
        3 => Just(SetOption::None),
        1 => Just(SetOption::IfMissing),
        1 => Just(SetOption::IfThere),
        1 => Just(SetOption::KeepDeadline),
        2 => (1..200_u64).prop_map(SetOption::For),
    ];
    let condition = prop_oneof![Just(""), Just("nx"), Just("xx"), Just("gt"), Just("lt")];
    prop_oneof![
        2 => (1..150_u64).prop_map(Step::Wait),
        1 => (0..2_usize).prop_map(Step::Select),
        4 => (key(), value(), option).prop_map(|(key, value, option)| Step::Set { key, value, option }),
        2 => (key(), value()).prop_map(|(key, value)| Step::Append { key, value }),
        1 => key().prop_map(|key| Step::Incr { key }),
        1 => key().prop_map(|key| Step::GetDel { key }),
        1 => (key(), key()).prop_map(|(one, other)| Step::Del { keys: [one, other] }),
        3 => (key(), -5..200_i64, condition).prop_map(|(key, ms, condition)| Step::PExpire { key, ms, condition }),
        1 => key().prop_map(|key| Step::Persist { key }),
        2 => (key(), key(), any::<bool>()).prop_map(|(from, to, only_new)| Step::Rename { from, to, only_new }),
        2 => (key(), key(), 0..2_usize, any::<bool>())
            .prop_map(|(from, to, database, replace)| Step::Copy { from, to, database, replace }),
        1 => (key(), 0..2_usize).prop_map(|(key, database)| Step::Move { key, database }),
        4 => (key(), field(), value()).prop_map(|(key, field, value)| Step::HSet { key, field, value }),
        2 => (key(), field()).prop_map(|(key, field)| Step::HDel { key, field }),
        12 => list_step().prop_map(Step::List),
        1 => (key(), field(), -9..9_i64).prop_map(|(key, field, amount)| Step::HIncrBy { key, field, amount }),
        3 => (key(), value(), -3..3_i64).prop_map(|(key, member, score)| Step::ZAdd { key, member, score }),
        2 => (key(), value()).prop_map(|(key, member)| Step::ZRem { key, member }),
    ]
}

impl Step {
    /// The command's words; none for what is no command.
    pub(super) fn line(&self) -> Option<String> {
        Some(match self {
            Self::Wait(_) | Self::Select(_) => return None,
            Self::Set { key, value, option } => match option {
                SetOption::None => format!("set {key} {value}"),
                SetOption::IfMissing => format!("set {key} {value} nx"),
                SetOption::IfThere => format!("set {key} {value} xx"),
                SetOption::KeepDeadline => format!("set {key} {value} keepttl"),
                SetOption::For(ms) => format!("set {key} {value} px {ms}"),
            },
            Self::Append { key, value } => format!("append {key} {value}"),
            Self::Incr { key } => format!("incr {key}"),
            Self::GetDel { key } => format!("getdel {key}"),
            Self::Del { keys: [one, other] } => format!("del {one} {other}"),
            Self::PExpire { key, ms, condition } => format!("pexpire {key} {ms} {condition}"),
            Self::Persist { key } => format!("persist {key}"),
            Self::Rename { from, to, only_new: false } => format!("rename {from} {to}"),
            Self::Rename { from, to, only_new: true } => format!("renamenx {from} {to}"),
            Self::Copy { from, to, database, replace } => {
                format!("copy {from} {to} db {database}{}", if *replace { " replace" } else { "" })
            }
            Self::Move { key, database } => format!("move {key} {database}"),
            Self::HSet { key, field, value } => format!("hset {key} {field} {value}"),
            Self::HDel { key, field } => format!("hdel {key} {field}"),
            Self::HIncrBy { key, field, amount } => format!("hincrby {key} {field} {amount}"),
            Self::List(step) => step.line(),
            Self::SAdd { key, members: [one, other] } => format!("sadd {key} {one} {other}"),
            Self::SRem { key, member } => format!("srem {key} {member}"),
            Self::SMove { from, to, member } => format!("smove {from} {to} {member}"),
            Self::SStore { operation, to, from: [one, other] } => {
                let name = match operation {
                    Operation::Intersection => "sinterstore",
                    Operation::Union => "sunionstore",
                    Operation::Difference => "sdiffstore",
                };
                format!("{name} {to} {one} {other}")
            }
            Self::ZAdd { key, member, score } => format!("zadd {key} {score} {member}"),
            Self::ZRem { key, member } => format!("zrem {key} {member}"),
        })
    }
}

/// Everything as one map, from which each command takes what has expired first.
#[derive(Default)]
pub(super) struct Model {
    pub(super) contents: Contents,
    pub(super) database: usize,
}

pub(super) type Reply = Result<String, String>;

impl Model {
    /// The reply that the step should get; empty for what is no command.
    pub(super) fn run(&mut self, step: &Step, now: &mut Millis) -> String {
        self.step(step, now).unwrap_or_else(|error| format!("-{error}|"))
    }

    fn step(&mut self, step: &Step, now: &mut Millis) -> Reply {
        match step.clone() {
            Step::Wait(ms) => {
                now.0 += ms;
                let now = *now;
                self.contents.retain(|_, (_, deadline)| !deadline.passed(now));
                Ok(String::new())
            }
            Step::Select(database) => {
                self.database = database;
                Ok(String::new())
            }
            Step::Set { key, value, option } => Ok(self.set(&key, &value, option, *now)),
            Step::Append { key, value } => self.append(&key, &value),
            Step::Incr { key } => self.incr(&key),
            Step::GetDel { key } => {
                let text = self.string(&key)?;
                self.contents.remove(&self.at(&key));
                Ok(text.map_or("$-1|".into(), |text| format!("${}|{text}|", text.len())))
            }
            Step::Del { keys } => {
                let removed = keys.iter().filter(|key| self.contents.remove(&self.at(key)).is_some()).count();
                Ok(format!(":{removed}|"))
            }
            Step::PExpire { key, ms, condition } => Ok(self.pexpire(&key, ms, condition, *now)),
            Step::Persist { key } => {
                let found = self.contents.get_mut(&(self.database, key.into_bytes()));
                let had_one = found.is_some_and(|(_, old)| std::mem::replace(old, Deadline::NEVER) != *old);
                Ok(format!(":{}|", i32::from(had_one)))
            }
            Step::Rename { from, to, only_new } => self.rename(&from, &to, only_new),
            Step::Copy { from, to, database, replace } => self.copy(&from, &to, database, replace),
            Step::Move { key, database } => self.move_key(&key, database),
            Step::HSet { key, field, value } => {
                let is_new = self.hash(&key)?.insert(field.into_bytes(), value.into_bytes()).is_none();
                Ok(format!(":{}|", i32::from(is_new)))
            }
            Step::HDel { key, field } => {
                let hash = self.hash(&key)?;
                let removed = hash.remove(field.as_bytes()).is_some();
                if hash.is_empty() {
                    self.contents.remove(&self.at(&key));
                }
                Ok(format!(":{}|", i32::from(removed)))
            }
            Step::HIncrBy { key, field, amount } => self.hincrby(&key, field, amount),
            Step::List(step) => self.list_step(step),
            Step::SAdd { key, members } => {
                let set = self.set_under(&key)?;
                let added = members.into_iter().filter(|member| set.insert(member.clone().into())).count();
                Ok(format!(":{added}|"))
            }
            Step::SRem { key, member } => {
                Ok(format!(":{}|", i32::from(self.set_under(&key)?.remove(member.as_bytes()))))
            }
            Step::SMove { from, to, member } => self.smove(&from, &to, member),
            Step::SStore { operation, to, from } => self.sstore(operation, &to, from),
            Step::ZAdd { key, member, score } => {
                let bits = (score as f64).to_bits();
                let is_new = self.sorted_set(&key)?.insert(member.into_bytes(), bits).is_none();
                Ok(format!(":{}|", i32::from(is_new)))
            }
            Step::ZRem { key, member } => {
                let removed = self.sorted_set(&key)?.remove(member.as_bytes()).is_some();
                Ok(format!(":{}|", i32::from(removed)))
            }
        }
    }

    fn set(&mut self, key: &str, value: &str, option: SetOption, now: Millis) -> String {
        let old = self.contents.get(&self.at(key)).map(|(_, deadline)| *deadline);
        let deadline = match (option, old) {
            (SetOption::IfMissing, Some(_)) | (SetOption::IfThere, None) => return "$-1|".into(),
            (SetOption::KeepDeadline, Some(deadline)) => deadline,
            (SetOption::For(ms), _) => Deadline::at(Millis(now.0 + ms)),
            _ => Deadline::NEVER,
        };
        self.contents.insert(self.at(key), (Plain::String(value.into()), deadline));
        "+OK|".into()
    }

    fn append(&mut self, key: &str, value: &str) -> Reply {
        let text = self.string(key)?.unwrap_or_default() + value;
        let length = text.len();
        self.replace(key, text);
        Ok(format!(":{length}|"))
    }

    fn incr(&mut self, key: &str) -> Reply {
        let text = self.string(key)?.unwrap_or("0".into());
        let number: i64 = canonical(&text).ok_or("ERR value is not an integer or out of range")?;
        self.replace(key, (number + 1).to_string());
        Ok(format!(":{}|", number + 1))
    }

    fn pexpire(&mut self, key: &str, ms: i64, condition: &str, now: Millis) -> String {
        let at = self.at(key);
        let Some((_, old)) = self.contents.get_mut(&at) else { return ":0|".into() };
        let new = Deadline::at(Millis(now.0.saturating_add_signed(ms)));
        let wanted = match condition {
            "nx" => *old == Deadline::NEVER,
            "xx" => *old != Deadline::NEVER,
            "gt" => new > *old,
            "lt" => new < *old,
            _ => true,
        };
        if wanted && ms <= 0 {
            self.contents.remove(&at);
        } else if wanted {
            *old = new;
        }
        format!(":{}|", i32::from(wanted))
    }

    fn rename(&mut self, from: &str, to: &str, only_new: bool) -> Reply {
        let value = self.contents.get(&self.at(from)).cloned().ok_or("ERR no such key")?;
        if only_new && self.contents.contains_key(&self.at(to)) {
            return Ok(":0|".into());
        }
        self.contents.remove(&self.at(from));
        self.contents.insert(self.at(to), value);
        Ok(if only_new { ":1|" } else { "+OK|" }.into())
    }

    fn copy(&mut self, from: &str, to: &str, database: usize, replace: bool) -> Reply {
        let target = (database, to.as_bytes().to_vec());
        if target == self.at(from) {
            return Err("ERR source and destination objects are the same".into());
        }
        let source = self.contents.get(&self.at(from)).cloned();
        let copied = source.filter(|_| replace || !self.contents.contains_key(&target));
        let reply = format!(":{}|", i32::from(copied.is_some()));
        copied.map(|value| self.contents.insert(target, value));
        Ok(reply)
    }

    fn move_key(&mut self, key: &str, database: usize) -> Reply {
        if database == self.database {
            return Err("ERR source and destination objects are the same".into());
        }
        let reply = self.copy(key, key, database, false)?;
        if reply == ":1|" {
            self.contents.remove(&self.at(key));
        }
        Ok(reply)
    }

    fn hincrby(&mut self, key: &str, field: String, amount: i64) -> Reply {
        let existed = self.contents.contains_key(&self.at(key));
        let hash = self.hash(key)?;
        let text = hash.get(field.as_bytes()).map_or("0".into(), |text| String::from_utf8_lossy(text));
        let Some(number) = canonical(&text) else {
            assert!(existed, "a new field is a number");
            return Err("ERR hash value is not an integer".into());
        };
        hash.insert(field.into_bytes(), (number + amount).to_string().into_bytes());
        Ok(format!(":{}|", number + amount))
    }

    fn smove(&mut self, from: &str, to: &str, member: String) -> Reply {
        if !self.contents.contains_key(&self.at(from)) {
            return Ok(":0|".into());
        }
        self.set_under(from)?;
        self.set_under(to)?;
        let moved = self.set_under(from)?.remove(member.as_bytes());
        if moved {
            self.set_under(to)?.insert(member.into());
        }
        Ok(format!(":{}|", i32::from(moved)))
    }

    fn sstore(&mut self, operation: Operation, to: &str, from: [String; 2]) -> Reply {
        let one = self.set_under(&from[0])?.clone();
        let other = self.set_under(&from[1])?.clone();
        let result: BTreeSet<Vec<u8>> = match operation {
            Operation::Intersection => &one & &other,
            Operation::Union => &one | &other,
            Operation::Difference => &one - &other,
        };
        let length = result.len();
        self.contents.insert(self.at(to), (Plain::Set(result), Deadline::NEVER));
        Ok(format!(":{length}|"))
    }

    pub(super) fn at(&self, key: &str) -> (usize, Vec<u8>) {
        (self.database, key.as_bytes().to_vec())
    }

    fn string(&self, key: &str) -> Result<Option<String>, String> {
        match self.contents.get(&self.at(key)) {
            None => Ok(None),
            Some((Plain::String(text), _)) => Ok(Some(String::from_utf8_lossy(text).into_owned())),
            Some(_) => Err(WRONG_TYPE.into()),
        }
    }

    /// The hash under a key, made if there is none.
    fn hash(&mut self, key: &str) -> Result<&mut BTreeMap<Vec<u8>, Vec<u8>>, String> {
        let empty = || (Plain::Hash(BTreeMap::new()), Deadline::NEVER);
        match self.contents.entry((self.database, key.as_bytes().to_vec())).or_insert_with(empty) {
            (Plain::Hash(hash), _) => Ok(hash),
            _ => Err(WRONG_TYPE.into()),
        }
    }

    /// The set under a key, made if there is none.
    fn set_under(&mut self, key: &str) -> Result<&mut BTreeSet<Vec<u8>>, String> {
        let empty = || (Plain::Set(BTreeSet::new()), Deadline::NEVER);
        match self.contents.entry((self.database, key.as_bytes().to_vec())).or_insert_with(empty) {
            (Plain::Set(set), _) => Ok(set),
            _ => Err(WRONG_TYPE.into()),
        }
    }

    /// The scores of the sorted set under a key, made if there is none.
    fn sorted_set(&mut self, key: &str) -> Result<&mut BTreeMap<Vec<u8>, u64>, String> {
        let empty = || (Plain::SortedSet(BTreeMap::new()), Deadline::NEVER);
        match self.contents.entry((self.database, key.as_bytes().to_vec())).or_insert_with(empty) {
            (Plain::SortedSet(scores), _) => Ok(scores),
            _ => Err(WRONG_TYPE.into()),
        }
    }

    /// Another string under a key, which keeps its deadline.
    fn replace(&mut self, key: &str, text: String) {
        let entry = self.contents.entry(self.at(key));
        entry.or_insert((Plain::String(Vec::new()), Deadline::NEVER)).0 = Plain::String(text.into_bytes());
    }
}

pub(super) const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

fn canonical(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}
