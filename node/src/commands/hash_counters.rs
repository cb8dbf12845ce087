//! Counters in the fields of hashes.

use larder_proto::resp::{DECIMAL_BYTES_MAX, Out, decimal};

use super::args::Args;
use super::context::WriteCx;
use super::error::CommandError;
use super::number::{Decimal, parse_integer};
use super::spec::{Arity, Flags, Group, Keys, Outcome, Run, Spec, check};

/// The rows.
pub(super) const ROWS: &[Spec] = &[
    Spec {
        name: "hincrby",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::Hash,
        since: "2.0.0",
        summary: "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the field doesn't exist.",
        syntax: "key field increment",
        run: Run::Write(hincrby),
    },
    Spec {
        name: "hincrbyfloat",
        arity: Arity::Exactly(4),
        keys: Keys::At(1),
        flags: Flags::DENY_OOM.and(Flags::FAST),
        group: Group::Hash,
        since: "2.6.0",
        summary: "Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist.",
        syntax: "key field increment",
        run: Run::Write(hincrbyfloat),
    },
];
const _: () = check(ROWS);

fn hincrby(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, field, amount) = (args.key()?, args.bytes()?, args.integer()?);
    let old = match cx.keys.hash(key)?.and_then(|hash| hash.get(field)) {
        Some(text) => parse_integer(text).ok_or(CommandError::HashNotInteger)?,
        None => 0,
    };
    let sum = old.checked_add(amount).ok_or(CommandError::Overflow)?;
    cx.keys.hash_set(key, field, decimal(sum, &mut [0; DECIMAL_BYTES_MAX]))?;
    out.integer(sum);
    Ok(())
}

fn hincrbyfloat(cx: &mut WriteCx<'_, '_>, mut args: Args<'_>, out: &mut Out<'_>) -> Outcome {
    let (key, field, amount) = (args.key()?, args.bytes()?, args.bytes()?);
    let amount = Decimal::parse(amount).ok_or(CommandError::NotFloat)?;
    if !amount.is_finite() {
        return Err(CommandError::Plain("value is NaN or Infinity"));
    }
    let old = match cx.keys.hash(key)?.and_then(|hash| hash.get(field)) {
        Some(text) => Decimal::parse(text).ok_or(CommandError::HashNotFloat)?,
        None => Decimal::Exact(0),
    };
    let sum = old.plus(amount).ok_or(CommandError::NanOrInfinity)?.write();
    cx.keys.hash_set(key, field, sum.as_bytes())?;
    out.bulk(sum.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Bench;

    #[test]
    fn fields_count() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("hincrby h n 5", ":5|"),
            ("hincrby h n -7", ":-2|"),
            ("hget h n", "$2|-2|"),
            ("hincrby h n x", "-ERR value is not an integer or out of range|"),
            ("hincrby h n -9223372036854775807", "-ERR increment or decrement would overflow|"),
            ("hset h t text", ":1|"),
            ("hincrby h t 1", "-ERR hash value is not an integer|"),
            ("hincrbyfloat h t 1", "-ERR hash value is not a float|"),
            ("hincrbyfloat h n 2.5", "$3|0.5|"),
            ("hincrby h n 1", "-ERR hash value is not an integer|"),
            ("hincrbyfloat h f 5.0e3", "$4|5000|"),
            ("hincrbyfloat h f x", "-ERR value is not a valid float|"),
            ("hincrbyfloat h f nan", "-ERR value is not a valid float|"),
            ("hincrbyfloat h f inf", "-ERR value is NaN or Infinity|"),
            ("hset h i inf", ":1|"),
            ("hincrbyfloat h i 1", "-ERR increment would produce NaN or Infinity|"),
            ("hlen h", ":4|"),
        ]);
    }

    #[test]
    fn a_counted_hash_keeps_its_deadline() {
        let mut bench = Bench::new();
        bench.expect(&[
            ("hincrby h n 1", ":1|"),
            ("expire h 9", ":1|"),
            ("hincrby h n 1", ":2|"),
            ("ttl h", ":9|"),
        ]);
    }
}
