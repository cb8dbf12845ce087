//! The settings, one row each: flag, environment variable, key of the TOML file, default, help and parser all stand
//! there. What follows from them together is left to `plan`.

mod file;
#[cfg(test)]
mod page;
mod rows;
mod sources;
mod values;

#[cfg(test)]
pub(crate) use file::entries_of;
pub(crate) use file::{Entries, RouteEntry, SubscriptionEntry, UserEntry, read_text};
pub(crate) use rows::backend_url;
pub(crate) use sources::{command_line, is_check, load, safe_error, unknown_variables};
pub(crate) use values::Settings;
