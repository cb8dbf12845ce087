//! Expressions that were compiled before: policies name the same few patterns for every request, and
//! compiling one takes thousands of times as long as matching it.

use std::sync::{LazyLock, Mutex, PoisonError};

use indexmap::IndexMap;

use super::{Options, Regex};
use crate::dotnet::Exception;
use crate::dotnet::limits::{REGEX_CACHED_MAX, REGEX_COMPILED_BYTES_MAX};
use crate::dotnet::meter::Meter;

/// `new Regex(pattern, options)`, compiled only if it is not among the last [`REGEX_CACHED_MAX`].
///
/// # Errors
///
/// As [`Regex::new`]; patterns that fail are not kept. What the meter says, which is asked before a pattern is
/// compiled.
pub fn cached(pattern: &str, options: Options, meter: &mut dyn Meter) -> Result<Regex, Exception> {
    if let Some(known) = lock().get(&(pattern.to_owned(), options.0)) {
        return Ok(known.clone());
    }
    meter.walk(REGEX_COMPILED_BYTES_MAX)?;
    let compiled = Regex::new(pattern, options)?;
    let mut known = lock();
    if known.len() >= REGEX_CACHED_MAX {
        known.shift_remove_index(0);
    }
    known.insert((pattern.to_owned(), options.0), compiled.clone());
    Ok(compiled)
}

type Known = IndexMap<(String, i32), Regex>;

/// Written by [`cached`] alone, one entry at a time.
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

fn lock() -> std::sync::MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dotnet::meter::Unmetered;

    fn get(pattern: &str, options: Options) -> Result<Regex, Exception> {
        cached(pattern, options, &mut Unmetered)
    }

    #[test]
    fn a_pattern_is_kept_with_its_options() {
        assert!(get("a", Options::IGNORE_CASE).unwrap().is_match("A").unwrap());
        assert!(!get("a", Options::NONE).unwrap().is_match("A").unwrap());
        assert!(get("(", Options::NONE).is_err());
        for number in 0..2 * REGEX_CACHED_MAX {
            assert!(get(&format!("x{number}"), Options::NONE).is_ok());
        }
        assert!(lock().len() <= REGEX_CACHED_MAX);
    }
}
