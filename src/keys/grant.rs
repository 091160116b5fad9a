//! What a key is good for.

use crate::policy::DEFAULT_SITE;
use std::fmt;
use std::str::FromStr;

/// The longest name of a site, in bytes.
const MAX_SITE_BYTES: usize = 128;
/// What stands for every site.
const EVERY_SITE: &str = "*";

/// For which services a key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// To have comments judged.
    Moderate,
    /// To report what moderators decided.
    Feedback,
    /// For everything, the administration of the server included.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Moderate, Role::Feedback, Role::Admin];

    /// The name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Moderate => "moderate",
            Role::Feedback => "feedback",
            Role::Admin => "admin",
        }
    }

    /// Whether a key of this role may do what needs the other.
    pub fn allows(self, needed: Role) -> bool {
        self == needed || self == Role::Admin
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// For which sites a key may be used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// For all of them; written `*`.
    EverySite,
    /// For one.
    Site(String),
}

impl Scope {
    /// Whether a key of this scope may be used for the site; the empty name
    /// stands for the default one.
    pub fn allows(&self, site: &str) -> bool {
        match self {
            Scope::EverySite => true,
            Scope::Site(own) => own == if site.is_empty() { DEFAULT_SITE } else { site },
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Scope::EverySite => EVERY_SITE,
            Scope::Site(site) => site,
        })
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
        match text {
            EVERY_SITE => Ok(Scope::EverySite),
            site if plain && (1..=MAX_SITE_BYTES).contains(&site.len()) => Ok(Scope::Site(site.to_owned())),
            _ => Err(format!(
                "a site's name has 1 to {MAX_SITE_BYTES} letters, digits, dots, hyphens or underscores; \
                 `{EVERY_SITE}` stands for every site"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_may_do_all_and_the_others_what_they_are_for() {
        for role in Role::ALL {
            for needed in Role::ALL {
                assert_eq!(role.allows(needed), role == needed || role == Role::Admin, "{role} {needed}");
            }
        }
    }

    #[test]
    fn a_key_is_for_its_site() {
        let news: Scope = "news.example".parse().unwrap();
        assert!(news.allows("news.example"));
        for other in ["", "default", "news.example.org", "news", "*", "NEWS.example"] {
            assert!(!news.allows(other), "{other}");
        }
        let default: Scope = "default".parse().unwrap();
        assert!(default.allows("") && default.allows("default") && !default.allows("news"));
        let all: Scope = "*".parse().unwrap();
        assert!(all.allows("") && all.allows("news"));
    }

    #[test]
    fn what_no_site_is_called_is_no_scope() {
        for odd in ["", "a b", "a*", "é", "a\n", &"a".repeat(129)] {
            assert!(odd.parse::<Scope>().is_err(), "{odd:?}");
        }
        assert_eq!("a".repeat(128).parse::<Scope>().unwrap().to_string(), "a".repeat(128));
    }
}
