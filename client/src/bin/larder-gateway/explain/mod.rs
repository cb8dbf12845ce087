//! `--check`: whether the policies are right, and what they do, in words. Nothing is connected and nothing is asked.

mod check;
mod key;
mod page;
mod statement;
mod steps;
mod words;

pub(crate) use check::check;
