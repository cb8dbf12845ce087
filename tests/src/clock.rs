//! The only clock of the tests: deadlines, and polling until an event is seen. Nothing else here may read the time.

use std::time::{Duration, Instant};

/// Pause between two looks at something that is awaited.
const POLL_PAUSE: Duration = Duration::from_millis(5);

/// A moment after which waiting is a failure.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment that lies `span` ahead.
    pub fn after(span: Duration) -> Self {
        Self(now() + span)
    }

    /// What is left, or nothing once the moment has passed.
    pub fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(now()).filter(|left| !left.is_zero())
    }

    /// Looks again and again until `look` sees something; nothing once the deadline has passed.
    pub fn poll<T>(self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(seen) = look() {
                return Some(seen);
            }
            self.left()?;
            pause(POLL_PAUSE);
        }
    }
}

/// The present, for measuring.
#[expect(clippy::disallowed_methods, reason = "the one place of the tests that reads the time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Rests between two requests, so that a load is no heavier than it is meant to be. Nothing may be awaited this way.
pub fn rest(span: Duration) {
    pause(span);
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks of a poll with a deadline")]
fn pause(span: Duration) {
    std::thread::sleep(span);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_ends_with_the_event_or_the_deadline() {
        let mut looks = 0;
        let seen = Deadline::after(Duration::from_secs(5)).poll(|| {
            looks += 1;
            (looks == 3).then_some("seen")
        });
        assert_eq!((seen, looks), (Some("seen"), 3));
        assert_eq!(Deadline::after(Duration::from_millis(1)).poll(|| None::<()>), None);
    }
}
