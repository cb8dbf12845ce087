//! Everything of .NET that expressions can name; generated from the rows.
//!
#![doc = include_str!("members.md")]
