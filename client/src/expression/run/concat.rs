//! Texts that are joined: everything is written into one buffer.

use std::fmt::Write;

use super::machine::{Evaluated, Machine, Thrown, UNPLACED};
use super::node::Part;
use crate::dotnet::text::{Formattable, aligned};
use crate::dotnet::{Datum, Exception};

impl Machine<'_> {
    /// `a + b`, `$"{a}{b}"`
    pub(super) fn concat(&mut self, parts: &[Part]) -> Evaluated {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(node) => {
                    let value = self.evaluate(node)?;
                    append(&mut text, &value).map_err(|error| Thrown::boxed(error, UNPLACED))?;
                }
                Part::Formatted(node, width, format, at) => {
                    let value = self.evaluate(node)?;
                    let formatted = value.to_text(format).and_then(|part| aligned(part, *width));
                    text.push_str(&formatted.map_err(|error| Thrown::boxed(error, *at))?);
                }
            }
        }
        self.charge(text.len()).map_err(|error| Thrown::last(error, UNPLACED))?;
        Ok(Datum::String(text.into()))
    }
}

/// What `ToString()` gives, without a buffer of its own for the usual types.
pub(super) fn append(text: &mut String, value: &Datum) -> Result<(), Exception> {
    match value {
        Datum::String(part) => text.push_str(part),
        Datum::Null => {}
        // Writing to a text does not fail.
        Datum::Int(value) => drop(write!(text, "{value}")),
        Datum::Long(value) => drop(write!(text, "{value}")),
        other => text.push_str(&other.to_text("")?),
    }
    Ok(())
}
