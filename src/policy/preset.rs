//! The policies inside the binary, by name.

use super::{Policies, PolicyError, PolicyFile};
use std::path::Path;

/// A policy inside the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The one that is in force when no other is named: `config/policy.toml`.
    Shipped,
    /// For a small team that sees most of what is doubtful.
    Strict,
    /// Between the other two.
    Balanced,
    /// Readers come first, moderators look at what is flagged.
    Lenient,
}

impl Preset {
    /// Every preset.
    pub const ALL: [Preset; 4] = [Preset::Shipped, Preset::Strict, Preset::Balanced, Preset::Lenient];

    /// The name on the command line: `strict`.
    pub const fn name(self) -> &'static str {
        match self {
            Preset::Shipped => "shipped",
            Preset::Strict => "strict",
            Preset::Balanced => "balanced",
            Preset::Lenient => "lenient",
        }
    }

    /// The preset of that name.
    pub fn from_name(name: &str) -> Option<Preset> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The file, as it stands in `config/`.
    pub const fn source(self) -> &'static str {
        match self {
            Preset::Shipped => Policies::EMBEDDED,
            Preset::Strict => include_str!("../../config/presets/strict.toml"),
            Preset::Balanced => include_str!("../../config/presets/balanced.toml"),
            Preset::Lenient => include_str!("../../config/presets/lenient.toml"),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// Only when the binary was built with a broken file.
    pub fn open(self) -> Result<PolicyFile, PolicyError> {
        PolicyFile::parse(self.source(), self.name(), Path::new(""))
    }
}
