//! One way from one host to another: how long it takes, how much it carries, whether it is open.

use fastrand::Rng;

/// How a way behaves while it is open.
#[derive(Clone, Copy, Debug)]
pub struct PathSettings {
    /// The shortest time from a write to its arrival.
    pub latency_ns_min: u64,
    /// The longest, but for the few that take many times as long.
    pub latency_ns_max: u64,
    /// What it carries in a microsecond.
    pub bytes_per_us: u64,
}

impl Default for PathSettings {
    fn default() -> Self {
        Self { latency_ns_min: 50_000, latency_ns_max: 500_000, bytes_per_us: 1_000 }
    }
}

/// The state of a way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Path {
    pub(super) settings: PathSettings,
    /// Nothing arrives; what was sent is sent again once it is open.
    pub(super) is_cut: bool,
    /// Nothing arrives before this.
    pub(super) held_until_ns: u64,
}

impl Path {
    /// When something that is sent now arrives, if the way is open.
    pub(super) fn arrival_ns(&self, random: &mut Rng, sent_ns: u64, bytes: usize) -> u64 {
        let settings = self.settings;
        let mut latency_ns = random.u64(settings.latency_ns_min..=settings.latency_ns_max);
        if random.u8(..) == 0 {
            latency_ns *= STRAGGLER;
        }
        let carried_ns = bytes as u64 * 1_000 / settings.bytes_per_us.max(1);
        (sent_ns + latency_ns + carried_ns).max(self.held_until_ns)
    }
}

/// One message in 256 takes this many times as long.
const STRAGGLER: u64 = 8;
