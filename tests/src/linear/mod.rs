//! Whether what clients saw of one object could have come from one thing that does one operation at a time.

#[cfg(test)]
mod brute;
mod checker;
mod counters;
mod mixed;
mod model;
mod operation;

pub use checker::{Fault, STEPS_MAX, check};
pub use counters::{Count, CountFault, check_count};
pub use mixed::{Mixed, MixedAnswer, MixedCall, MixedState};
pub use model::{
    Counter, CounterCall, Log, LogAnswer, LogCall, Model, Pair, PairCall, Register, RegisterCall, Volatile,
    VolatileCall,
};
pub use operation::{Operation, Outcome};
