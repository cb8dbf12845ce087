//! How long requests took. The clock is looked at after each request that may take long, and once for a run of reads that
//! cannot: to look for each would cost a twentieth of such a read.

use super::statistics::WorkerStatistics;
use crate::clock::Clock;
use crate::commands::perform::Request;
use crate::commands::spec::{Flags, Run};
use crate::commands::table::CommandId;
use crate::limits::{NOW_STALE_NS, SHORT_BYTES_MAX, SHORT_RUN_MAX, SLOW_EXACT_US};

/// Times the requests of one batch.
pub(super) struct Meter<'m> {
    clock: &'m dyn Clock,
    statistics: &'m WorkerStatistics,
    /// When the request before ended, or the run that is open began.
    pub(super) ended_ns: u64,
    /// The run of short reads that is open.
    run: ShortRun,
    /// Microseconds from which a command counts as slow; negative for never.
    slow_us_min: i64,
}

/// Short reads of one command, one after the other, that are not timed yet.
#[derive(Clone, Copy, Default)]
pub(super) struct ShortRun {
    pub(super) command: CommandId,
    pub(super) calls: u32,
}

/// What was timed.
pub(super) struct Timed {
    /// The time of the request, or of the whole run.
    pub(super) took_ns: u64,
    /// What took it was a run; otherwise the request at hand.
    pub(super) run: Option<ShortRun>,
}

impl<'m> Meter<'m> {
    pub(super) fn new(
        clock: &'m dyn Clock,
        statistics: &'m WorkerStatistics,
        now_ns: u64,
        slow_us_min: i64,
    ) -> Self {
        Self { clock, statistics, ended_ns: now_ns, run: ShortRun::default(), slow_us_min }
    }

    /// Before a request: ends the run that it does not belong to.
    #[inline]
    pub(super) fn begin(&mut self, request: &Request<'_>) -> Option<Timed> {
        if self.run.calls == 0 || (self.run.command == request.id && self.is_short(request)) {
            return None;
        }
        self.end_run()
    }

    /// After a request, which ended at this moment if that was looked at.
    #[inline]
    pub(super) fn end(
        &mut self,
        request: &Request<'_>,
        (reply_bytes, failed): (usize, bool),
        ended_ns: Option<u64>,
    ) -> Option<Timed> {
        if self.is_short(request) && reply_bytes <= SHORT_BYTES_MAX && !failed {
            self.run.command = request.id;
            self.run.calls += 1;
            return if self.run.calls == SHORT_RUN_MAX { self.end_run() } else { None };
        }
        // The time of reads that were short until now is that of this one: it was much longer.
        self.statistics.count_calls(request.id, u64::from(self.run.calls), 0);
        self.run.calls = 0;
        // A time before the last look is that of another request.
        let took_ns = match ended_ns.filter(|ended_ns| *ended_ns > self.ended_ns) {
            Some(ended_ns) => ended_ns - std::mem::replace(&mut self.ended_ns, ended_ns),
            None => self.look(),
        };
        self.statistics.count_call(request.id, took_ns, failed);
        Some(Timed { took_ns, run: None })
    }

    /// Ends the run that is open, if one is. Where it took long, one of its reads had to wait, and the time is counted
    /// as that one's.
    #[inline]
    pub(super) fn end_run(&mut self) -> Option<Timed> {
        let run = std::mem::take(&mut self.run);
        if run.calls == 0 {
            return None;
        }
        let (took_ns, calls) = (self.look(), u64::from(run.calls));
        if took_ns > NOW_STALE_NS {
            self.statistics.count_calls(run.command, calls - 1, 0);
            self.statistics.count_call(run.command, took_ns, false);
        } else {
            self.statistics.count_calls(run.command, calls, took_ns);
        }
        Some(Timed { took_ns, run: Some(run) })
    }

    /// Whether so much time belongs in the slow log.
    #[inline]
    pub(super) fn is_slow(&self, took_ns: u64) -> bool {
        self.slow_us_min >= 0 && took_ns / 1_000 >= self.slow_us_min.unsigned_abs()
    }

    /// Whether the request is a read of constant time. None is while the slow log asks for times that short.
    #[inline]
    fn is_short(&self, request: &Request<'_>) -> bool {
        matches!(request.spec.run, Run::Read(_))
            && request.spec.flags.has(Flags::FAST)
            && request.frame.len() <= SHORT_BYTES_MAX
            && !(0..SLOW_EXACT_US).contains(&self.slow_us_min)
    }

    /// Nanoseconds since the last look.
    fn look(&mut self) -> u64 {
        let now_ns = self.clock.monotonic_ns();
        let took_ns = now_ns.saturating_sub(self.ended_ns);
        self.ended_ns = now_ns;
        took_ns
    }
}
