//! LARDER.LIMIT: counts calls and says whether one more may pass, in one step. How calls are counted is the
//! window's.

use larder_proto::resp::Out;
use larder_proto::time::{Deadline, Millis};
use larder_proto::window::{Ask, BYTES_MAX, COUNT_MAX, Mode, PERIOD_MS_MAX, Window};

use super::args::Args;
use super::context::WriteCx;
use super::error::CommandError;
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

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

fn limit(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let key = args.key()?;
    let calls = count(&mut args, 1, "calls must be a number from 1 to 2147483647")?;
    let period_ms = number(
        &mut args,
        1,
        PERIOD_MS_MAX,
        "period-ms must be a number of milliseconds from 1 to 31622400000, which are 366 days",
    )?;
    let cost = count(&mut args, 0, "cost must be a number from 0 to 2147483647")?;
    let mode = if args.option("CHECK") {
        Mode::Check
    } else if args.option("FORCE") {
        Mode::Force
    } else {
        Mode::Count
    };
    args.end()?;
    let now = cx.keys.now().0;
    let mut window = match cx.keys.string(key)? {
        Some(bytes) => Window::read(bytes).ok_or(CommandError::WrongType)?,
        None => Window::new(period_ms, now),
    };
    let taken = window.take(Ask { calls, period_ms, cost, mode }, now);
    if taken.has_changed {
        // Room for it was made with that for any item: it is no longer than what that allows for.
        cx.keys.set(key, window.write(&mut [0; BYTES_MAX]), Deadline::at(Millis(window.over_at())));
    }
    out.array(3);
    out.integer(i64::from(taken.allowed));
    out.integer(i64::from(taken.remaining));
    out.integer(i64::try_from(taken.retry_after_ms).unwrap_or(i64::MAX));
    Ok(())
}

fn count(args: &mut Args<'_>, min: u64, sentence: &'static str) -> Result<u32, CommandError> {
    let count = number(args, min, u64::from(COUNT_MAX), sentence)?;
    u32::try_from(count).map_err(|_| CommandError::Plain(sentence))
}

fn number(args: &mut Args<'_>, min: u64, max: u64, sentence: &'static str) -> Result<u64, CommandError> {
    let number = args.integer().ok().and_then(|number| u64::try_from(number).ok());
    number.filter(|number| (min..=max).contains(number)).ok_or(CommandError::Plain(sentence))
}

// What makes room for a command allows for this much beside its words.
const _: () = assert!(BYTES_MAX < crate::limits::ITEM_OVERHEAD_BYTES);
