//! What the clients saw, object by object. Whether it could have been is left to `linear`.

use std::collections::BTreeMap;

use larder_proto::slot::{Partition, Slot};

use crate::linear::{
    Count, CounterCall, Mixed, MixedAnswer, MixedCall, Operation, Outcome, Volatile, VolatileCall, check,
    check_count,
};

/// One object of a history: one key, or two of one slot.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its key, or what its two keys have in common.
    pub key: String,
    /// Where it lies.
    pub partition: Partition,
}

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string that is set and read.
    Register,
    /// A string that is incremented.
    Counter,
    /// A list that grows.
    Log,
    /// Two strings between which amounts are moved.
    Pair,
}

/// All histories of one run.
#[derive(Debug)]
pub struct Recorder {
    /// The objects, by number.
    pub objects: Vec<Object>,
    histories: Vec<Vec<Event>>,
    /// Objects whose partition may have begun empty since.
    emptied: Vec<bool>,
    /// Operations that are known to have had no effect.
    void: Vec<Operations>,
    moment: u64,
    last_value: u64,
    /// How many operations were answered.
    pub answered: u64,
    /// Answers that were errors, by their first word.
    pub errors: BTreeMap<String, u64>,
}

type Event = Operation<VolatileCall<MixedCall>, MixedAnswer>;
type Operations = std::collections::BTreeSet<usize>;

/// An operation that was begun.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    object: usize,
    at: usize,
}

impl Object {
    /// An object whose key has a hash tag of its own: `{tag}name`.
    #[must_use]
    pub fn new(kind: Kind, key: String) -> Self {
        let partition = Slot::of(key.as_bytes()).partition();
        Self { kind, key, partition }
    }
}

impl Recorder {
    /// No operations yet.
    #[must_use]
    pub fn new(objects: Vec<Object>) -> Self {
        let count = objects.len();
        Self {
            objects,
            histories: vec![Vec::new(); count],
            emptied: vec![false; count],
            void: vec![Operations::new(); count],
            moment: 0,
            last_value: 0,
            answered: 0,
            errors: BTreeMap::new(),
        }
    }

    /// A value that was never written before.
    pub fn fresh_value(&mut self) -> u64 {
        self.last_value += 1;
        self.last_value
    }

    /// The present moment; none is told twice.
    pub fn moment(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// An operation is about to be asked for.
    pub fn begin(&mut self, object: usize, call: MixedCall) -> Begun {
        let called = self.moment();
        let history = &mut self.histories[object];
        tracing::debug!(key = self.objects[object].key, called, ?call, "asked");
        history.push(Operation { called, call: VolatileCall::Asked(call), outcome: Outcome::Unknown });
        Begun { object, at: history.len() - 1 }
    }

    /// It was answered.
    pub fn end(&mut self, begun: Begun, answer: MixedAnswer) {
        let at = self.moment();
        self.answered += 1;
        tracing::debug!(key = self.objects[begun.object].key, at, ?answer, "answered");
        self.histories[begun.object][begun.at].outcome = Outcome::Answered { at, answer };
    }

    /// It certainly had no effect, and told nothing.
    pub fn cancel(&mut self, begun: Begun) {
        tracing::debug!(key = self.objects[begun.object].key, at = begun.at, "had no effect");
        self.void[begun.object].insert(begun.at);
    }

    /// An answer was an error.
    pub fn error(&mut self, text: &str) {
        let word = text.split(' ').next().unwrap_or_default();
        // An error without a word of its own is told as a whole.
        let name = if matches!(word, "ERR" | "EXECABORT") { text } else { word };
        *self.errors.entry(name.to_owned()).or_default() += 1;
    }

    /// This partition may have begun empty at some time after this moment.
    pub fn emptied(&mut self, partition: Partition, since: u64) {
        for (number, object) in self.objects.iter().enumerate() {
            if object.partition == partition {
                let call = VolatileCall::Emptied;
                self.histories[number].push(Operation { called: since, call, outcome: Outcome::Unknown });
                self.emptied[number] = true;
            }
        }
    }

    /// Looks at every history.
    ///
    /// # Errors
    /// What could not have been, in words.
    pub fn check(&self) -> Result<(), String> {
        for number in 0..self.objects.len() {
            let history = self.history(number);
            check::<Volatile<Mixed>>(&history).map_err(|fault| self.explain(number, &history, &fault))?;
            if self.objects[number].kind == Kind::Counter && !self.emptied[number] {
                let name = &self.objects[number].key;
                check_count(&count(&history)).map_err(|fault| format!("counter {name}: {fault}"))?;
            }
        }
        Ok(())
    }

    /// How many operations were begun.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.histories.iter().map(Vec::len).sum()
    }

    fn history(&self, object: usize) -> Vec<Event> {
        let kept = self.histories[object].iter().enumerate();
        kept.filter(|(at, _)| !self.void[object].contains(at)).map(|(_, event)| event.clone()).collect()
    }

    fn explain(&self, number: usize, history: &[Event], fault: &crate::linear::Fault) -> String {
        let object = &self.objects[number];
        let mut text =
            format!("{:?} {} in partition {}: {fault}\n", object.kind, object.key, object.partition.index());
        if let crate::linear::Fault::Impossible { explained, stuck } = fault {
            let last = &explained[explained.len().saturating_sub(SHOWN_MAX)..];
            let mut show =
                |name: &str, at: usize| text.push_str(&format!("  {name} {at}: {:?}\n", history[at]));
            last.iter().for_each(|at| show("explained", *at));
            stuck.iter().for_each(|at| show("stuck", *at));
        } else {
            for event in history.iter().take(120) {
                text.push_str(&format!("  {event:?}\n"));
            }
        }
        text
    }
}

fn count(history: &[Event]) -> Count {
    let mut count = Count::default();
    let mut last_read = 0;
    for event in history {
        match (&event.call, event.answer()) {
            (
                VolatileCall::Asked(MixedCall::Counter(CounterCall::Increment)),
                Some(MixedAnswer::Counter(told)),
            ) => {
                count.answers.push(*told);
            }
            (VolatileCall::Asked(MixedCall::Counter(CounterCall::Increment)), _) => count.unknown += 1,
            (
                VolatileCall::Asked(MixedCall::Counter(CounterCall::Read)),
                Some(MixedAnswer::Counter(told)),
            ) if event.called >= last_read => {
                last_read = event.called;
                count.last = *told;
            }
            _ => {}
        }
    }
    count
}

/// How many operations are shown with a fault.
const SHOWN_MAX: usize = 16;
