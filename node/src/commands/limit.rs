//! LARDER.LIMIT: counts calls and says whether one more may pass, in one step. How calls are counted is the module
//! `window`'s.

use larder_proto::resp::Out;
use larder_proto::time::{Deadline, Millis};

use self::window::Window;
use super::args::Args;
use super::context::WriteCx;
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

mod window;

#[cfg(test)]
mod tests;

/// The rows.
pub(super) const ROWS: &[Spec] = &[Spec {
    name: "larder.limit",
    arity: Arity::AtLeast(5),
    keys: Keys::At(1),
    flags: Flags::DENY_OOM.and(Flags::FAST),
    group: Group::String,
    since: "7.2.0",
    summary: "Counts a cost if no more than so many calls are counted in any period; replies whether it fits, what is left, \
              and milliseconds until it fits. CHECK counts nothing, FORCE counts in any case.",
    syntax: "key calls period-ms cost [CHECK | FORCE]",
    run: Run::Write(limit),
}];
const _: () = check(ROWS);

/// What is to be counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    /// The cost, if it fits.
    IfItFits,
    /// Nothing.
    Nothing,
    /// The cost in any case.
    Anyway,
}

fn limit(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let calls = number(&mut args, 1, COUNT_MAX, "calls must be a number from 1 to 2147483647")?;
    let period_ms = number(
        &mut args,
        1,
        PERIOD_MS_MAX,
        "period-ms must be a number of milliseconds from 1 to 31622400000, which are 366 days",
    )?;
    let cost = number(&mut args, 0, COUNT_MAX, "cost must be a number from 0 to 2147483647")?;
    let take = if args.option("CHECK") {
        Take::Nothing
    } else if args.option("FORCE") {
        Take::Anyway
    } else {
        Take::IfItFits
    };
    args.end()?;
    let now = cx.keys.now();
    let (mut window, mut has_changed) = match cx.keys.string(key)? {
        Some(bytes) => Window::read(bytes).ok_or(CommandError::WrongType)?.at(period_ms, now.0),
        None => (Window::new(period_ms, now.0), false),
    };
    let fits = window.used() + cost <= calls;
    if cost > 0 && (take == Take::Anyway || (take == Take::IfItFits && fits)) {
        window.add(cost);
        has_changed = true;
    }
    if has_changed {
        // Room for it was made with that for any item: it is no longer than what that allows for.
        cx.keys.set(key, window.write().as_slice(), Deadline::at(Millis(window.over_at())));
    }
    let retry_after_ms = if fits { 0 } else { window.room_at(calls, cost).saturating_sub(now.0) };
    out.array(3);
    out.integer(i64::from(fits));
    out.integer(i64::try_from(calls.saturating_sub(window.used())).unwrap_or(i64::MAX));
    out.integer(i64::try_from(retry_after_ms).unwrap_or(i64::MAX));
    Ok(())
}

fn number(args: &mut Args<'_>, min: u64, max: u64, sentence: &'static str) -> Result<u64, CommandError> {
    let number = args.integer().ok().and_then(|number| u64::try_from(number).ok());
    number.filter(|number| (min..=max).contains(number)).ok_or(CommandError::Plain(sentence))
}

/// Calls of a period, and the cost of one.
const COUNT_MAX: u64 = i32::MAX as u64;

/// 366 days.
const PERIOD_MS_MAX: u64 = 366 * 24 * 60 * 60 * 1_000;
