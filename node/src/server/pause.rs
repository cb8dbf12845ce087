//! CLIENT PAUSE: commands that are held back until a moment, or until the pause is ended. Connections wait for a change
//! instead of asking again.

use std::sync::atomic::{AtomicBool, Ordering};

use larder_proto::time::Millis;
use tokio::sync::watch;

use crate::commands::ports::Paused;

/// What is paused until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PauseState {
    pub(super) until: Millis,
    pub(super) what: Paused,
}

/// The node's pause. Written by CLIENT PAUSE and UNPAUSE.
#[derive(Debug)]
pub(super) struct Pause {
    /// Whether there may be a pause: the one load that a request pays.
    active: AtomicBool,
    state: watch::Sender<Option<PauseState>>,
}

impl Default for Pause {
    fn default() -> Self {
        Self { active: AtomicBool::new(false), state: watch::Sender::new(None) }
    }
}

impl Pause {
    /// Until when a command has to wait, if it has to.
    #[inline]
    pub(super) fn holds(&self, writes: bool, now: Millis) -> Option<Millis> {
        if !self.active.load(Ordering::Relaxed) {
            return None;
        }
        let state = (*self.state.borrow())?;
        if state.until <= now {
            self.expire(now);
            return None;
        }
        (writes || state.what == Paused::All).then_some(state.until)
    }

    /// Begins a pause. One that lasts longer, or holds back more, stays as it is in that.
    pub(super) fn begin(&self, until: Millis, what: Paused, now: Millis) {
        self.state.send_modify(|state| {
            let current = state.filter(|current| current.until > now);
            let until = current.map_or(until, |current| current.until.max(until));
            let all = what == Paused::All || current.is_some_and(|current| current.what == Paused::All);
            *state = Some(PauseState { until, what: if all { Paused::All } else { Paused::Writes } });
            self.active.store(true, Ordering::Release);
        });
    }

    pub(super) fn end(&self) {
        self.state.send_modify(|state| {
            *state = None;
            self.active.store(false, Ordering::Release);
        });
    }

    /// Ends the pause if it is over; another may have begun since somebody looked.
    fn expire(&self, now: Millis) {
        self.state.send_if_modified(|state| {
            let over = state.is_some_and(|state| state.until <= now);
            if over {
                *state = None;
                self.active.store(false, Ordering::Release);
            }
            over
        });
    }

    /// A view that wakes up when the pause changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<PauseState>> {
        self.state.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_and_stricter_pause_stays() {
        let pause = Pause::default();
        assert_eq!(pause.holds(true, Millis(0)), None);
        pause.begin(Millis(100), Paused::Writes, Millis(0));
        assert_eq!((pause.holds(true, Millis(1)), pause.holds(false, Millis(1))), (Some(Millis(100)), None));
        pause.begin(Millis(50), Paused::All, Millis(0));
        assert_eq!(pause.holds(false, Millis(1)), Some(Millis(100)));
        assert_eq!(pause.holds(true, Millis(100)), None);
        pause.begin(Millis(300), Paused::Writes, Millis(200));
        assert_eq!(pause.holds(false, Millis(201)), None);
        pause.end();
        assert_eq!(pause.holds(true, Millis(201)), None);
        // One that began after somebody saw that the one before was over, stays.
        pause.begin(Millis(500), Paused::All, Millis(400));
        pause.expire(Millis(450));
        assert_eq!(pause.holds(false, Millis(450)), Some(Millis(500)));
    }
}
