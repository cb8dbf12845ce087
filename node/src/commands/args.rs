//! A cursor over a command's words: takes them in order, parses them once, refuses what is left over.

use larder_proto::resp::ArgRange;

use super::error::CommandError;
use super::number::{parse_float, parse_integer};
use crate::store::Database;

/// The words of a command that are not taken yet. Nothing is copied: a word is a range of the request's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    frame: &'a [u8],
    words: &'a [ArgRange],
    at: usize,
}

impl<'a> Args<'a> {
    /// All words of a request, its name included.
    #[must_use]
    #[inline]
    pub const fn new(frame: &'a [u8], words: &'a [ArgRange]) -> Self {
        Self { frame, words, at: 0 }
    }

    /// The same words without the first `count`.
    #[must_use]
    #[inline]
    pub const fn skip(mut self, count: usize) -> Self {
        self.at += count;
        self
    }

    /// Words not taken yet.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.words.len().saturating_sub(self.at)
    }

    /// Whether every word is taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All words of the request, taken or not.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.words.len()
    }

    /// The word at this position of the request, taken or not.
    #[must_use]
    #[inline]
    pub fn word(&self, position: usize) -> Option<&'a [u8]> {
        self.words.get(position).map(|word| word.of(self.frame))
    }

    /// The next word, which stays.
    #[must_use]
    #[inline]
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.word(self.at)
    }

    /// The next word, if there is one.
    #[inline]
    pub fn optional(&mut self) -> Option<&'a [u8]> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// The next word.
    ///
    /// # Errors
    /// There is none: a syntax error, since the row's arity was checked before.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], CommandError> {
        self.optional().ok_or(CommandError::Syntax)
    }

    /// The next word, which is a key.
    ///
    /// # Errors
    /// There is none.
    #[inline]
    pub fn key(&mut self) -> Result<&'a [u8], CommandError> {
        self.bytes()
    }

    /// The next word as a 64-bit integer in its only decimal spelling.
    ///
    /// # Errors
    /// There is none, or it is no such integer.
    pub fn integer(&mut self) -> Result<i64, CommandError> {
        parse_integer(self.bytes()?).ok_or(CommandError::NotInteger)
    }

    /// The next word as a number above 0.
    ///
    /// # Errors
    /// This sentence: there is none, or it is no such number.
    pub fn positive_or(&mut self, sentence: &'static str) -> Result<usize, CommandError> {
        let number = self.integer().ok().and_then(|number| usize::try_from(number).ok());
        number.filter(|&number| number > 0).ok_or(CommandError::Plain(sentence))
    }

    /// The next word as an integer within these bounds, both included.
    ///
    /// # Errors
    /// There is none, it is no 64-bit integer, or it is beyond the bounds.
    pub fn integer_between(&mut self, min: i64, max: i64) -> Result<i64, CommandError> {
        let value = self.integer()?;
        if (min..=max).contains(&value) { Ok(value) } else { Err(CommandError::NotBetween { min, max }) }
    }

    /// The next word as the number of a database.
    ///
    /// # Errors
    /// There is none, it is no integer of 32 bits, or there is no such database.
    pub fn database(&mut self) -> Result<Database, CommandError> {
        let number = self.integer_between(i32::MIN.into(), i32::MAX.into())?;
        Database::new(number).ok_or(CommandError::DatabaseOutOfRange)
    }

    /// The next word as a finite number.
    ///
    /// # Errors
    /// There is none, or it is no number.
    pub fn float(&mut self) -> Result<f64, CommandError> {
        parse_float(self.bytes()?).ok_or(CommandError::NotFloat)
    }

    /// Takes the next word if it is this one, in any case.
    pub fn option(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        self.at += usize::from(found);
        found
    }

    /// The words not taken yet.
    pub fn rest(self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        self.words[self.at.min(self.words.len())..].iter().map(move |word| word.of(self.frame))
    }

    /// The words not taken yet, two by two.
    ///
    /// # Errors
    /// They are odd in number: as Redis says it, a wrong number of arguments for `command`.
    pub fn pairs(
        self,
        command: &'static str,
    ) -> Result<impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>, CommandError> {
        let words = &self.words[self.at.min(self.words.len())..];
        if words.len() % 2 == 1 {
            return Err(CommandError::WrongArity { command: command.to_owned() });
        }
        Ok(words.chunks_exact(2).map(move |pair| (pair[0].of(self.frame), pair[1].of(self.frame))))
    }

    /// Refuses words that are left over.
    ///
    /// # Errors
    /// Some are left: a syntax error.
    #[inline]
    pub fn end(self) -> Result<(), CommandError> {
        if self.is_empty() { Ok(()) } else { Err(CommandError::Syntax) }
    }
}
