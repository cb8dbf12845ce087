//! `Random`, and the generator of random bytes. Numbers come from the source that is handed in; those of a
//! seed are the ones that .NET gives for it.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use super::{Call, Member, TypeRow, class, member};
use crate::dotnet::object::Instance;
use crate::dotnet::{Datum, Exception, ExceptionKind};

pub(super) static TYPES: &[TypeRow] = &[class("System", "class Random", RANDOM)];

static RANDOM: &[Member] = &[
    member("new()", |_| Ok(Datum::object(Random::Free))),
    member("new(int Seed)", |call| {
        Ok(Datum::object(Random::Seeded(Box::new(Mutex::new(Seeded::new(call.int(0)?))))))
    }),
    member("static Random Shared", |_| Ok(Datum::object(Random::Free))),
    member("int Next()", |call| {
        let (_, number) = drawn(call, i64::from(i32::MAX))?;
        Ok(Datum::Int(number))
    }),
    member("int Next(int maxValue)", |call| between(call, 0, i64::from(call.int(1)?))),
    member("int Next(int minValue, int maxValue)", |call| {
        between(call, i64::from(call.int(1)?), i64::from(call.int(2)?))
    }),
    member("double NextDouble()", |call| {
        let (share, _) = drawn(call, 1)?;
        Ok(Datum::Double(share))
    }),
];

#[derive(Debug)]
enum Random {
    /// Draws from the source of the evaluation.
    Free,
    Seeded(Box<Mutex<Seeded>>),
}

impl Instance for Random {
    fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed("Random")
    }
}

/// A share of one, and a number below the bound.
fn drawn(call: &Call<'_, '_>, bound: i64) -> Result<(f64, i32), Exception> {
    let share = match call.object::<Random>(0)? {
        Random::Free => (call.random() >> 11) as f64 / (1_u64 << 53) as f64,
        Random::Seeded(state) => {
            f64::from(state.lock().unwrap_or_else(PoisonError::into_inner).next()) * (1.0 / f64::from(BIG))
        }
    };
    Ok((share, (share * bound as f64) as i32))
}

fn between(call: &Call<'_, '_>, least: i64, bound: i64) -> Result<Datum, Exception> {
    if bound < least {
        return Err(Exception::new(
            ExceptionKind::ArgumentOutOfRange,
            "the upper bound is below the lower one",
        ));
    }
    let range = bound - least;
    let (share, _) = drawn(call, range)?;
    Ok(Datum::Int(i32::try_from(least + (share * range as f64) as i64).unwrap_or(i32::MAX)))
}

/// Knuth's subtractive generator, with the constants of .NET.
#[derive(Debug)]
struct Seeded {
    numbers: [i32; 56],
    at: usize,
}

impl Seeded {
    fn new(seed: i32) -> Self {
        let mut numbers = [0; 56];
        let mut last = 161_803_398 - seed.checked_abs().unwrap_or(i32::MAX);
        numbers[55] = last;
        let mut next = 1_i32;
        for step in 1..55 {
            let place = 21 * step % 55;
            numbers[place] = next;
            next = wrapped(last.wrapping_sub(next));
            last = numbers[place];
        }
        for _ in 1..5 {
            for place in 1..56 {
                let other = 1 + (place + 30) % 55;
                numbers[place] = wrapped(numbers[place].wrapping_sub(numbers[other]));
            }
        }
        Self { numbers, at: 0 }
    }

    fn next(&mut self) -> i32 {
        self.at = self.at % 55 + 1;
        let other = (self.at + 20) % 55 + 1;
        let mut number = self.numbers[self.at].wrapping_sub(self.numbers[other]);
        if number == BIG {
            number -= 1;
        }
        number = wrapped(number);
        self.numbers[self.at] = number;
        number
    }
}

fn wrapped(number: i32) -> i32 {
    if number < 0 { number.wrapping_add(BIG) } else { number }
}

const BIG: i32 = i32::MAX;
