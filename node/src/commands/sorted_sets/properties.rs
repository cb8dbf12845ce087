//! Properties of the family: replies agree with a plain model, effects rebuild the store, memory is counted to the byte.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::commands::testing::{Bench, Replica};

/// Scores in halves, so that the model counts exactly.
type Halves = i64;

/// What happens to one of three keys.
#[derive(Debug, Clone)]
enum Step {
    Add { key: u8, option: &'static str, score: Halves, member: u16 },
    AddMany { key: u8, from: u16, count: u16, factor: i64 },
    Increment { key: u8, by: Halves, member: u16 },
    Remove { key: u8, members: [u16; 2] },
    Pop { key: u8, highest: bool, count: usize },
    RemoveRanks { key: u8, start: i64, stop: i64 },
    RemoveScores { key: u8, bounds: Bounds },
    Ranks { key: u8, start: i64, stop: i64, reversed: bool },
    Scores { key: u8, bounds: Bounds, reversed: bool, offset: usize, limit: i64 },
    Count { key: u8, bounds: Bounds },
    Rank { key: u8, member: u16, reversed: bool },
    Score { key: u8, members: [u16; 2] },
    StoreRange { to: u8, from: u8, start: i64, stop: i64 },
    Combine { way: Way, to: u8, one: u8, other: u8, weights: [i64; 2], aggregate: &'static str },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Union,
    Intersection,
    Difference,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    min: Halves,
    max: Halves,
    without_min: bool,
    without_max: bool,
}

impl Bounds {
    fn contain(self, score: Halves) -> bool {
        (self.min < score || (!self.without_min && self.min == score))
            && (score < self.max || (!self.without_max && score == self.max))
    }

    fn words(self) -> [String; 2] {
        let word = |bound, without| format!("{}{}", if without { "(" } else { "" }, shown(bound));
        [word(self.min, self.without_min), word(self.max, self.without_max)]
    }
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (-9_i64..80, -4_i64..60, any::<bool>(), any::<bool>()).prop_map(
        |(min, width, without_min, without_max)| Bounds { min, max: min + width, without_min, without_max },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let (key, member, rank) = (|| 0_u8..3, || 0_u16..260, || -12_i64..250);
    let option = proptest::sample::select(vec!["", "", "nx", "xx", "gt", "lt", "ch", "xx ch", "gt ch"]);
    let way = proptest::sample::select(vec![Way::Union, Way::Intersection, Way::Difference]);
    let aggregate = proptest::sample::select(vec!["sum", "min", "max"]);
    prop_oneof![
        4 => (key(), option, -9_i64..40, member())
            .prop_map(|(key, option, score, member)| Step::Add { key, option, score, member }),
        2 => (key(), member(), 1_u16..200, 0_i64..3)
            .prop_map(|(key, from, count, factor)| Step::AddMany { key, from, count, factor }),
        2 => (key(), -9_i64..9, member()).prop_map(|(key, by, member)| Step::Increment { key, by, member }),
        2 => (key(), [member(), member()]).prop_map(|(key, members)| Step::Remove { key, members }),
        1 => (key(), any::<bool>(), 0_usize..9).prop_map(|(key, highest, count)| Step::Pop { key, highest, count }),
        1 => (key(), rank(), rank()).prop_map(|(key, start, stop)| Step::RemoveRanks { key, start, stop }),
        1 => (key(), bounds()).prop_map(|(key, bounds)| Step::RemoveScores { key, bounds }),
        2 => (key(), rank(), rank(), any::<bool>())
            .prop_map(|(key, start, stop, reversed)| Step::Ranks { key, start, stop, reversed }),
        2 => (key(), bounds(), any::<bool>(), 0_usize..9, -1_i64..40)
            .prop_map(|(key, bounds, reversed, offset, limit)| Step::Scores { key, bounds, reversed, offset, limit }),
        1 => (key(), bounds()).prop_map(|(key, bounds)| Step::Count { key, bounds }),
        1 => (key(), member(), any::<bool>()).prop_map(|(key, member, reversed)| Step::Rank { key, member, reversed }),
        1 => (key(), [member(), member()]).prop_map(|(key, members)| Step::Score { key, members }),
        1 => (key(), key(), rank(), rank())
            .prop_map(|(to, from, start, stop)| Step::StoreRange { to, from, start, stop }),
        2 => (way, key(), key(), key(), [-2_i64..3, -2_i64..3], aggregate)
            .prop_map(|(way, to, one, other, weights, aggregate)| Step::Combine { way, to, one, other, weights, aggregate }),
    ]
}

fn name(key: u8) -> String {
    format!("{{z}}{key}")
}

/// Some are too long for a compact sorted set.
fn member(number: u16) -> String {
    format!("m{number}{}", if number == 259 { "x".repeat(70) } else { String::new() })
}

fn shown(halves: Halves) -> String {
    format!("{}", halves as f64 / 2.0)
}

impl Step {
    fn line(&self) -> String {
        match self {
            Self::Add { key, option, score, member: number } => {
                format!("zadd {} {option} {} {}", name(*key), shown(*score), member(*number))
            }
            Self::AddMany { key, from, count, factor } => {
                let pairs: Vec<String> = many(*from, *count, *factor)
                    .map(|(number, score)| format!("{} {}", shown(score), member(number)))
                    .collect();
                format!("zadd {} {}", name(*key), pairs.join(" "))
            }
            Self::Increment { key, by, member: number } => {
                format!("zincrby {} {} {}", name(*key), shown(*by), member(*number))
            }
            Self::Remove { key, members: [one, other] } => {
                format!("zrem {} {} {}", name(*key), member(*one), member(*other))
            }
            Self::Pop { key, highest, count } => {
                format!("{} {} {count}", if *highest { "zpopmax" } else { "zpopmin" }, name(*key))
            }
            Self::RemoveRanks { key, start, stop } => {
                format!("zremrangebyrank {} {start} {stop}", name(*key))
            }
            Self::RemoveScores { key, bounds } => {
                format!("zremrangebyscore {} {}", name(*key), bounds.words().join(" "))
            }
            Self::Ranks { key, start, stop, reversed } => {
                format!(
                    "zrange {} {start} {stop} {} withscores",
                    name(*key),
                    if *reversed { "rev" } else { "" }
                )
            }
            Self::Scores { key, bounds, reversed, offset, limit } => {
                let mut words = bounds.words();
                if *reversed {
                    words.reverse();
                }
                let command = if *reversed { "zrevrangebyscore" } else { "zrangebyscore" };
                format!("{command} {} {} limit {offset} {limit} withscores", name(*key), words.join(" "))
            }
            Self::Count { key, bounds } => format!("zcount {} {}", name(*key), bounds.words().join(" ")),
            Self::Rank { key, member: number, reversed } => {
                format!("{} {} {}", if *reversed { "zrevrank" } else { "zrank" }, name(*key), member(*number))
            }
            Self::Score { key, members: [one, other] } => {
                format!("zmscore {} {} {}", name(*key), member(*one), member(*other))
            }
            Self::StoreRange { to, from, start, stop } => {
                format!("zrangestore {} {} {start} {stop}", name(*to), name(*from))
            }
            Self::Combine { way, to, one, other, weights, aggregate } => {
                let (command, takes_weights) = match way {
                    Way::Union => ("zunionstore", true),
                    Way::Intersection => ("zinterstore", true),
                    Way::Difference => ("zdiffstore", false),
                };
                let [first, second] = weights;
                let options = if takes_weights {
                    format!("weights {first} {second} aggregate {aggregate}")
                } else {
                    String::new()
                };
                format!("{command} {} 2 {} {} {options}", name(*to), name(*one), name(*other))
            }
        }
    }
}

fn many(from: u16, count: u16, factor: i64) -> impl Iterator<Item = (u16, Halves)> {
    (from..from + count).map(move |number| (number % 260, i64::from(number) * factor))
}

/// Each key's members with their scores.
#[derive(Default)]
struct Model([BTreeMap<String, Halves>; 3]);

impl Model {
    fn run(&mut self, step: &Step) -> String {
        match step.clone() {
            Step::Add { key, option, score, member: number } => self.add(key, option, score, number),
            Step::AddMany { key, from, count, factor } => {
                let before = self.set(key).len();
                for (number, score) in many(from, count, factor) {
                    self.set(key).insert(member(number), score);
                }
                format!(":{}|", self.set(key).len() - before)
            }
            Step::Increment { key, by, member: number } => {
                let score = self.set(key).entry(member(number)).or_default();
                *score += by;
                bulk(&shown(*score))
            }
            Step::Remove { key, members } => {
                let removed =
                    members.iter().filter(|number| self.set(key).remove(&member(**number)).is_some());
                format!(":{}|", removed.collect::<Vec<_>>().len())
            }
            Step::Pop { key, highest, count } => {
                let mut entries = self.entries(key);
                if highest {
                    entries.reverse();
                }
                entries.truncate(count);
                self.remove_all(key, &entries);
                pairs(&entries)
            }
            Step::RemoveRanks { key, start, stop } => {
                let entries = ranked(self.entries(key), start, stop);
                self.remove_all(key, &entries)
            }
            Step::RemoveScores { key, bounds } => {
                let entries = self.within(key, bounds);
                self.remove_all(key, &entries)
            }
            Step::StoreRange { to, from, start, stop } => {
                let entries = ranked(self.entries(from), start, stop);
                self.store(to, entries.into_iter().map(|(score, name)| (name, score)).collect())
            }
            Step::Combine { way, to, one, other, weights, aggregate } => {
                let combined = self.combine(way, [one, other], weights, aggregate);
                self.store(to, combined)
            }
            _ => self.read(step),
        }
    }

    /// The reply to a step that changes nothing.
    fn read(&self, step: &Step) -> String {
        match step.clone() {
            Step::Ranks { key, start, stop, reversed } => {
                let mut entries = self.entries(key);
                if reversed {
                    entries.reverse();
                }
                pairs(&ranked(entries, start, stop))
            }
            Step::Scores { key, bounds, reversed, offset, limit } => {
                let mut entries = self.within(key, bounds);
                if reversed {
                    entries.reverse();
                }
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                pairs(&entries.into_iter().skip(offset).take(limit).collect::<Vec<_>>())
            }
            Step::Count { key, bounds } => format!(":{}|", self.within(key, bounds).len()),
            Step::Rank { key, member: number, reversed } => {
                let mut entries = self.entries(key);
                if reversed {
                    entries.reverse();
                }
                let rank = entries.iter().position(|(_, name)| *name == member(number));
                rank.map_or("$-1|".into(), |rank| format!(":{rank}|"))
            }
            Step::Score { key, members } => {
                let score = |number: &u16| self.0[usize::from(key)].get(&member(*number));
                let texts = members
                    .iter()
                    .map(|number| score(number).map_or("$-1|".into(), |score| bulk(&shown(*score))));
                format!("*2|{}", texts.collect::<String>())
            }
            _ => String::new(),
        }
    }

    fn add(&mut self, key: u8, option: &str, score: Halves, number: u16) -> String {
        let set = self.set(key);
        let old = set.get(&member(number)).copied();
        let is_wanted = match (old, option.split(' ').next()) {
            (Some(_), Some("nx")) | (None, Some("xx")) => false,
            (Some(old), Some("gt")) => score > old,
            (Some(old), Some("lt")) => score < old,
            _ => true,
        };
        if is_wanted {
            set.insert(member(number), score);
        }
        let counted = if option.ends_with("ch") { old != Some(score) } else { old.is_none() };
        format!(":{}|", u8::from(is_wanted && counted))
    }

    fn combine(
        &self,
        way: Way,
        keys: [u8; 2],
        weights: [i64; 2],
        aggregate: &str,
    ) -> BTreeMap<String, Halves> {
        let [one, other] = keys.map(|key| &self.0[usize::from(key)]);
        if way == Way::Difference {
            return one
                .iter()
                .filter(|(name, _)| !other.contains_key(*name))
                .map(|(n, s)| (n.clone(), *s))
                .collect();
        }
        let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
        let score = |name: &String| {
            let left = one.get(name).map(|score| score * weights[0]);
            let right = other.get(name).map(|score| score * weights[1]);
            match (left, right, aggregate) {
                (Some(left), Some(right), "min") => Some(left.min(right)),
                (Some(left), Some(right), "max") => Some(left.max(right)),
                (Some(left), Some(right), _) => Some(left + right),
                _ if way == Way::Union => left.or(right),
                _ => None,
            }
        };
        names.filter_map(|name| Some((name.clone(), score(name)?))).collect()
    }

    fn store(&mut self, key: u8, set: BTreeMap<String, Halves>) -> String {
        let reply = format!(":{}|", set.len());
        *self.set(key) = set;
        reply
    }

    fn set(&mut self, key: u8) -> &mut BTreeMap<String, Halves> {
        &mut self.0[usize::from(key)]
    }

    fn entries(&self, key: u8) -> Vec<(Halves, String)> {
        let mut entries: Vec<_> =
            self.0[usize::from(key)].iter().map(|(name, score)| (*score, name.clone())).collect();
        entries.sort();
        entries
    }

    fn within(&self, key: u8, bounds: Bounds) -> Vec<(Halves, String)> {
        self.entries(key).into_iter().filter(|(score, _)| bounds.contain(*score)).collect()
    }

    fn remove_all(&mut self, key: u8, entries: &[(Halves, String)]) -> String {
        for (_, name) in entries {
            self.set(key).remove(name);
        }
        format!(":{}|", entries.len())
    }
}

fn ranked(entries: Vec<(Halves, String)>, start: i64, stop: i64) -> Vec<(Halves, String)> {
    let length = entries.len() as i64;
    let from_front = |rank: i64| if rank < 0 { rank + length } else { rank };
    let wanted = from_front(start)..=from_front(stop);
    entries
        .into_iter()
        .enumerate()
        .filter(|(rank, _)| wanted.contains(&(*rank as i64)))
        .map(|(_, entry)| entry)
        .collect()
}

fn bulk(text: &str) -> String {
    format!("${}|{text}|", text.len())
}

fn pairs(entries: &[(Halves, String)]) -> String {
    let texts = entries.iter().map(|(score, name)| bulk(name) + &bulk(&shown(*score)));
    format!("*{}|{}", entries.len() * 2, texts.collect::<String>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn commands_mean_what_the_model_says(steps in proptest::collection::vec(step(), 1..60)) {
        let (mut bench, mut model) = (Bench::new(), Model::default());
        bench.effects.1 = Some(Replica::new(bench.now));
        for step in &steps {
            let reply = bench.run(&step.line());
            // Minus nothing, from a weight below nothing, is nothing.
            prop_assert_eq!(reply.replace("$2|-0|", "$1|0|"), model.run(step), "reply to {:?}", step);
            let replica = &bench.effects.1.as_ref().unwrap().store;
            prop_assert_eq!(bench.store.contents(bench.now), replica.contents(bench.now), "after {:?}", step);
            prop_assert_eq!(bench.store.counted(), bench.store.recount());
            prop_assert_eq!(replica.counted(), replica.recount());
        }
        for key in 0..3 {
            prop_assert_eq!(bench.run(&format!("zcard {}", name(key))), format!(":{}|", model.set(key).len()));
            bench.run(&format!("del {}", name(key)));
        }
        prop_assert_eq!(bench.store.memory().snapshot().data, 0);
    }
}
