//! One external cache: for which region, how it is reached, what for. Lengths and characters are checked here; the options
//! within a connection string are read by the gateways that connect.

use std::fmt;

use larder_proto::external::{DEFAULT, normal};

use super::masked::masked;

/// The region whose gateways use a cache, in lower case and without blanks, so that `West Europe` is `westeurope`; or
/// [`DEFAULT`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UseFrom(String);

/// How a cache is reached, secrets included. `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionText(String);

/// What a cache is for, in somebody's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

/// An external cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who uses it.
    pub use_from: UseFrom,
    /// How it is reached.
    pub connection: ConnectionText,
    /// What it is for.
    pub description: Description,
}

/// What is wrong with an entry. Its sentence shows nothing of the entry: what stands in the wrong place may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// The name of the region.
    UseFrom,
    /// The connection string is empty, or nothing but blanks and commas.
    NoConnection,
    /// The connection string is too long.
    LongConnection,
    /// It has characters that no connection string has.
    ControlCharacters,
    /// It has options, but says nowhere where the cache is.
    NoEndpoint,
    /// The description is too long, or has characters that cannot be shown.
    Description,
}

impl UseFrom {
    /// Reads a region's name, or `default`, in any case and with blanks.
    ///
    /// # Errors
    /// It is empty, too long, or has a character that no region's name has.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        let is_wrong = |c: char| c.is_control() || FORBIDDEN.contains(c);
        if text.chars().count() > NAME_CHARACTERS_MAX || text.chars().any(is_wrong) {
            return Err(EntryError::UseFrom);
        }
        let normal = normal(text);
        // Some letters become longer in lower case.
        if normal.is_empty() || normal.len() > NAME_BYTES_MAX {
            return Err(EntryError::UseFrom);
        }
        Ok(Self(normal))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is for gateways whose region has no entry of its own.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0 == DEFAULT
    }
}

impl fmt::Display for UseFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ConnectionText {
    /// Takes a connection string, without the blanks around it.
    ///
    /// # Errors
    /// It is empty, too long, has control characters, or names no endpoint.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        let text = text.trim();
        if text.chars().count() > CONNECTION_CHARACTERS_MAX {
            return Err(EntryError::LongConnection);
        }
        if text.chars().any(char::is_control) {
            return Err(EntryError::ControlCharacters);
        }
        let mut tokens = text.split(',').map(str::trim).filter(|token| !token.is_empty()).peekable();
        if tokens.peek().is_none() {
            return Err(EntryError::NoConnection);
        }
        // A token with `=` past its first character is an option, but for a URL, which begins with where it leads.
        if !text.contains("://") && tokens.all(|token| token.find('=').is_some_and(|at| at > 0)) {
            return Err(EntryError::NoEndpoint);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text, secrets included: for gateways alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Where it leads and what can be shown of its options.
    #[must_use]
    pub fn masked(&self) -> String {
        masked(&self.0)
    }
}

impl fmt::Debug for ConnectionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectionText(***)")
    }
}

impl Description {
    /// Takes a description.
    ///
    /// # Errors
    /// It is too long, or has control characters.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        if text.chars().count() > DESCRIPTION_CHARACTERS_MAX || text.chars().any(char::is_control) {
            return Err(EntryError::Description);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Entry {
    /// Reads all of an entry.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(use_from: &str, connection: &str, description: &str) -> Result<Self, EntryError> {
        Ok(Self {
            use_from: UseFrom::parse(use_from)?,
            connection: ConnectionText::parse(connection)?,
            description: Description::parse(description)?,
        })
    }

    /// What belongs to the region's name, as one text that is kept: the connection string, a line end, the description.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}", self.connection.reveal(), self.description.as_str())
    }

    /// The entry of which [`Entry::to_text`] made this; none if it is something else.
    #[must_use]
    pub fn of_text(use_from: &str, text: &str) -> Option<Self> {
        let (connection, description) = text.split_once('\n')?;
        Self::parse(use_from, connection, description).ok()
    }
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UseFrom => {
                "use-from is 'default' or the name of a region: 1 to 256 characters, none of * # & + : < > ? = and no \
                 control characters"
            }
            Self::NoConnection => "the connection string is empty; write HOST:PORT,password=...,ssl=True",
            Self::LongConnection => "a connection string has at most 300 characters",
            Self::ControlCharacters => "a connection string is one line without control characters",
            Self::NoEndpoint => "the connection string names no host; write HOST:PORT first, then options",
            Self::Description => "a description has at most 2000 characters, on one line",
        })
    }
}

impl std::error::Error for EntryError {}

/// Those that an entity of the management interface may not have in its name, and `=`: a connection string in the wrong place.
const FORBIDDEN: &str = "*#&+:<>?=";

const NAME_CHARACTERS_MAX: usize = 256;
const NAME_BYTES_MAX: usize = 1_024;
const CONNECTION_CHARACTERS_MAX: usize = 300;
const DESCRIPTION_CHARACTERS_MAX: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_4_1_use_from_location_is_compared_as_people_mean_it() {
        for (text, normal) in [
            ("West Europe", "westeurope"),
            ("westeurope", "westeurope"),
            (" DEFAULT ", "default"),
            ("plant-7", "plant-7"),
            ("Zürich Süd", "zürichsüd"),
        ] {
            assert_eq!(UseFrom::parse(text).map(|name| name.as_str().to_owned()).as_deref(), Ok(normal));
        }
        assert!(UseFrom::parse("Default").unwrap().is_default());
        assert!(UseFrom::parse(&"a".repeat(256)).is_ok());
        let long = "a".repeat(257);
        for wrong in ["", " ", "a:b", "a*", "a#", "a&b", "a+b", "<a>", "a?", "host,password=x", "a\nb", &long]
        {
            assert_eq!(UseFrom::parse(wrong), Err(EntryError::UseFrom), "{wrong}");
        }
    }

    #[test]
    fn table_4_1_connection_string_has_bounds_and_leads_somewhere() {
        let error = |text: &str| ConnectionText::parse(text).unwrap_err();
        assert_eq!(error(" , ,"), EntryError::NoConnection);
        assert_eq!(error(""), EntryError::NoConnection);
        assert_eq!(error(&"a".repeat(301)), EntryError::LongConnection);
        assert_eq!(error("a\tb"), EntryError::ControlCharacters);
        assert_eq!(error("password=x,ssl=True"), EntryError::NoEndpoint);
        for right in ["h", "h:1,password=a==,ssl=True", "redis://u:p@h:1/0", "=h", &"a".repeat(300)] {
            assert!(ConnectionText::parse(right).is_ok(), "{right}");
        }
        assert_eq!(format!("{:?}", ConnectionText::parse("h,password=x").unwrap()), "ConnectionText(***)");
    }

    #[test]
    fn what_is_kept_is_read_again() {
        for (connection, description) in [("h:1,password=a", "cache of the west"), ("h", "")] {
            let entry = Entry::parse("West", connection, description).unwrap();
            assert_eq!(Entry::of_text("west", &entry.to_text()), Some(entry));
        }
        assert_eq!(Entry::of_text("west", "h"), None);
    }

    #[test]
    fn table_4_1_description_has_a_bound() {
        assert!(Description::parse(&"ä".repeat(2_000)).is_ok());
        for wrong in ["a".repeat(2_001), "a\nb".to_owned()] {
            assert_eq!(Description::parse(&wrong), Err(EntryError::Description));
        }
    }
}
