//! What a function whose work is not bounded by the length of what it reads tells about that work while it is
//! under way. Limits, and the clock, are the caller's.

use super::Exception;

/// Hears of work, and ends it.
pub trait Meter {
    /// So many bytes are about to be walked through. Called before each part of the work; also looks at the clock.
    ///
    /// # Errors
    ///
    /// What the whole work is to end with.
    fn walk(&mut self, bytes: usize) -> Result<(), Exception>;

    /// So many bytes are about to be made.
    ///
    /// # Errors
    ///
    /// What the whole work is to end with.
    fn make(&mut self, bytes: usize) -> Result<(), Exception>;
}

/// Lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn walk(&mut self, _bytes: usize) -> Result<(), Exception> {
        Ok(())
    }

    fn make(&mut self, _bytes: usize) -> Result<(), Exception> {
        Ok(())
    }
}
