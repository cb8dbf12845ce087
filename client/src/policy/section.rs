//! The four sections of a policy.

use std::fmt;

/// A section, in the order in which a request passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Before the backend is chosen.
    Inbound,
    /// Around the call of the backend.
    Backend,
    /// On the way back.
    Outbound,
    /// After a statement has failed.
    OnError,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 4] = [Self::Inbound, Self::Backend, Self::Outbound, Self::OnError];

    /// Its element.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Backend => "backend",
            Self::Outbound => "outbound",
            Self::OnError => "on-error",
        }
    }

    /// The section of this element.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.as_str() == name)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In which sections a statement may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sections(&'static [Section]);

impl Sections {
    /// All of them.
    pub const ALL: Self = Self(&Section::ALL);
    /// Inbound only.
    pub const INBOUND: Self = Self(&[Section::Inbound]);
    /// Backend only.
    pub const BACKEND: Self = Self(&[Section::Backend]);
    /// Outbound only.
    pub const OUTBOUND: Self = Self(&[Section::Outbound]);

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(self, section: Section) -> bool {
        self.0.contains(&section)
    }
}

impl fmt::Display for Sections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("any section");
        }
        for (place, section) in self.0.iter().enumerate() {
            write!(f, "{}{section}", if place == 0 { "" } else { " or " })?;
        }
        Ok(())
    }
}
