//! What keeps a call within its time and a broken cache away from the request: clock and chance
//! from outside, pauses between attempts, and the breaker that ties them.

mod backoff;
mod breaker;
mod budget;
mod clock;
mod random;
mod wall_clock;

pub(crate) use breaker::Breaker;
pub(crate) use budget::Budget;
pub use clock::{Clock, SystemClock};
pub use random::{Random, SystemRandom};
pub use wall_clock::{SystemWallClock, WallClock};
