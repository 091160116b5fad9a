//! The named rules of a site.

use super::Action;
use super::expression::Expression;
use std::fmt::{self, Write};
use std::sync::Arc;

use crate::signals::lists::Lists;

/// A rule as answers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRule {
    /// Its name, unique in its site.
    pub name: String,
    /// What moderators are told; may be empty.
    pub because: String,
    /// What it asks for.
    pub action: Action,
}

/// Whether a rule acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    #[default]
    Act,
    /// It is only reported.
    Shadow,
}

impl Mode {
    /// Both.
    pub(super) const ALL: [Mode; 2] = [Mode::Act, Mode::Shadow];

    /// The name in policy files.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Mode::Act => "act",
            Mode::Shadow => "shadow",
        }
    }
}

/// A rule of a site, ready to be looked at.
#[derive(Clone, Debug)]
pub(super) struct SiteRule {
    pub rule: Arc<NamedRule>,
    pub when: Arc<Expression>,
    pub priority: i32,
    pub mode: Mode,
    /// Whether it settles the action alone when it fires.
    pub is_final: bool,
    /// Switched off, or taken back from what was inherited.
    pub enabled: bool,
    /// Whether it says what it is for; to take back an inherited one, its name is
    /// enough.
    pub is_whole: bool,
}

impl SiteRule {
    /// Writes all that the rule says in one fixed way, with the contents of the
    /// lists it names.
    pub fn write_canonical(&self, lists: &Lists, out: &mut String) -> fmt::Result {
        let SiteRule { rule, when, priority, mode, is_final, .. } = self;
        let NamedRule { name, because, action } = &**rule;
        write!(out, "rule {name} {action} priority={priority} {} final={is_final}", mode.name())?;
        write!(out, " when={when} because={because:?}")?;
        for list in when.lists() {
            write!(out, " {}={:032x}", lists.name(*list), lists.digest(*list))?;
        }
        out.write_char('\n')
    }
}
