//! Whole conversations under random input: every request gets exactly one reply that `redis-protocol` reads, memory
//! stays below the limit, nothing panics. What is found is shrunk and shown as words. The corpus of the fuzz targets
//! is gone through too, so that what was found once stays found. `LARDER_CASES=100000` searches for longer.

use std::fmt;
use std::fs;
use std::path::Path;

use larder_node::commands;
use larder_tests::conversation::{Driver, Phrase, Said, commands_that_can_be_said, same_however_cut};
use larder_tests::text::escape;
use larder_tests::wire::encode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

/// One step of a conversation.
#[derive(Clone)]
enum Step {
    /// A command that is well-formed as a request.
    Say(Phrase),
    /// The same with one byte changed, taken out or put in.
    Garble(Phrase, Change),
    /// From here on in RESP3.
    Newer,
    /// Milliseconds pass.
    Wait(u64),
}

/// What happens to one byte of a request.
#[derive(Clone, Debug)]
struct Change {
    at: prop::sample::Index,
    kind: u8,
    byte: u8,
}

#[test]
fn every_request_has_one_reply() {
    run(|steps| hold(steps).map(|_| ()));
}

#[test]
fn memory_stays_within_its_limit() {
    run(|steps| hold(steps)?.memory_held());
}

#[test]
fn requests_are_the_same_however_they_are_cut() {
    let table = commands::table();
    let said = commands_that_can_be_said(&table);
    let cuts = (conversation(), any::<prop::sample::Index>());
    let outcome = TestRunner::new(config()).run(&cuts, |(steps, cut)| {
        let bytes = steps.iter().flat_map(|step| step.bytes(&said)).collect::<Vec<u8>>();
        same_however_cut(&bytes, cut.index(bytes.len() + 1)).map_err(TestCaseError::fail)
    });
    assert!(outcome.is_ok(), "{}", outcome.err().map_or_else(String::new, |error| error.to_string()));
}

#[test]
fn the_corpus_of_the_conversation_target_is_answered() {
    for (name, bytes) in corpus("conversation") {
        let replies = Driver::new(MEMORY_BYTES_MAX).feed(&bytes);
        assert!(replies.as_ref().is_ok_and(|replies| !replies.is_empty()), "{name}: {replies:?}");
    }
}

#[test]
fn the_corpus_of_the_parser_target_is_the_same_however_cut() {
    for (name, bytes) in corpus("request_parser") {
        // The target's first two bytes say where it cuts; here it is everywhere.
        for cut in 0..bytes.len() {
            assert_eq!(same_however_cut(&bytes[2..], cut), Ok(()), "{name}");
        }
    }
}

/// Phrases that were all refused would show nothing.
#[test]
fn much_of_what_is_said_is_carried_out() {
    let table = commands::table();
    let said = commands_that_can_be_said(&table);
    let mut runner = TestRunner::deterministic();
    let mut driver = Driver::new(MEMORY_BYTES_MAX);
    let (mut all, mut errors) = (0_u32, 0_u32);
    for _ in 0..2_000 {
        let phrase = phrase().new_tree(&mut runner).expect("a phrase").current();
        for reply in driver.feed(&encode(&phrase.words(&said))).expect("a reply") {
            all += 1;
            errors += u32::from(reply.first() == Some(&b'-'));
        }
    }
    assert!(all >= 1_900 && errors * 4 < all * 3, "{errors} errors in {all} replies");
}

/// Looks for a conversation that fails, and shows the smallest one.
fn run(check: impl Fn(&[Step]) -> Result<(), String>) {
    let outcome =
        TestRunner::new(config()).run(&conversation(), |steps| check(&steps).map_err(TestCaseError::fail));
    assert!(outcome.is_ok(), "{}", outcome.err().map_or_else(String::new, |error| error.to_string()));
}

fn config() -> Config {
    let cases = std::env::var("LARDER_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(CASES);
    Config { cases, failure_persistence: None, max_shrink_iters: 4_096, ..Config::default() }
}

/// Goes through a conversation.
fn hold(steps: &[Step]) -> Result<Driver, String> {
    let table = commands::table();
    let said = commands_that_can_be_said(&table);
    let mut driver = Driver::new(MEMORY_BYTES_MAX);
    for step in steps {
        let failed = |error: String| format!("{error}\nafter: {step:?}");
        if let Step::Wait(milliseconds) = step {
            driver.advance(*milliseconds);
        }
        let replies = driver.feed(&step.bytes(&said)).map_err(failed)?;
        if matches!(step, Step::Say(_)) && replies.len() != 1 {
            return Err(failed(format!("{} replies", replies.len())));
        }
    }
    Ok(driver)
}

/// The seeds of a fuzz target, with their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let seed = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("the corpus can be read").path();
        (path.display().to_string(), fs::read(&path).expect("a seed can be read"))
    };
    let seeds: Vec<_> = fs::read_dir(directory).expect("the corpus is there").map(seed).collect();
    assert!(seeds.len() >= SEEDS_MIN, "{} seeds of {target}", seeds.len());
    seeds
}

/// Steps that say a few commands again and again: those that bear on each other meet more often than if every step
/// chose among all.
fn conversation() -> impl Strategy<Value = Vec<Step>> {
    (vec(any::<u16>(), 1..REPERTOIRE_MAX), vec(step(), 1..STEPS_MAX)).prop_map(|(repertoire, mut steps)| {
        for step in &mut steps {
            if let Step::Say(phrase) | Step::Garble(phrase, _) = step {
                phrase.command = usize::from(repertoire[phrase.command % repertoire.len()]);
            }
        }
        steps
    })
}

fn step() -> impl Strategy<Value = Step> {
    let change = (any::<prop::sample::Index>(), 0_u8..3, any::<u8>());
    let change = change.prop_map(|(at, kind, byte)| Change { at, kind, byte });
    prop_oneof![
        20 => phrase().prop_map(Step::Say),
        2 => (phrase(), change).prop_map(|(phrase, change)| Step::Garble(phrase, change)),
        1 => Just(Step::Newer),
        1 => (0_u64..2_000).prop_map(Step::Wait),
    ]
}

fn phrase() -> impl Strategy<Value = Phrase> {
    (any::<prop::sample::Index>(), vec(any::<u16>(), 4..CHOICES_MAX))
        .prop_map(|(command, choices)| Phrase { command: command.index(1 << 16), choices })
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = self.at.index(bytes.len());
        match self.kind {
            0 => bytes[at] = self.byte,
            1 => {
                bytes.remove(at);
            }
            _ => bytes.insert(at, self.byte),
        }
    }
}

impl Step {
    /// What is sent.
    fn bytes(&self, said: &[Said]) -> Vec<u8> {
        match self {
            Self::Say(phrase) => encode(&phrase.words(said)),
            Self::Garble(phrase, change) => {
                let mut bytes = encode(&phrase.words(said));
                change.apply(&mut bytes);
                bytes
            }
            Self::Newer => encode(&["HELLO", "3"]),
            Self::Wait(_) => Vec::new(),
        }
    }
}

/// As one would write it in a transcript.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = commands_that_can_be_said(&commands::table());
        match self {
            Self::Say(phrase) => {
                let quoted = |word: &Vec<u8>| format!("\"{}\"", escape(word));
                write!(f, "> {}", phrase.words(&said).iter().map(quoted).collect::<Vec<_>>().join(" "))
            }
            Self::Garble(..) => write!(f, "!raw \"{}\"", escape(&self.bytes(&said))),
            Self::Newer => write!(f, "> HELLO 3"),
            Self::Wait(milliseconds) => write!(f, "{milliseconds} ms pass"),
        }
    }
}

/// Conversations of one run, commands that one of them knows, its steps, numbers drawn for one command: some seconds,
/// without optimisation.
const CASES: u32 = 600;
const REPERTOIRE_MAX: usize = 10;
const STEPS_MAX: usize = 120;
const CHOICES_MAX: usize = 24;

/// So little that conversations reach it.
const MEMORY_BYTES_MAX: usize = 1 << 20;

const SEEDS_MIN: usize = 5;
