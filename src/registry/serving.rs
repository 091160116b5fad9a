//! Which model judges which site, at one moment.

use crate::moderator::Moderator;
use crate::policy::DEFAULT_SITE;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which model judges which site. A snapshot: whoever judges by one does not
/// mix two models.
#[derive(Clone, Debug, Default)]
pub struct Serving {
    pub(super) default: Option<Arc<Moderator>>,
    /// The sites with a model of their own; none in it for a site that is
    /// pinned to a model that never could be used.
    pub(super) sites: BTreeMap<String, Option<Arc<Moderator>>>,
}

impl Serving {
    /// The model of a site: its own, or the default one, which is also that of
    /// the empty name. None when no model could be used since the start.
    pub fn site(&self, name: &str) -> Option<&Arc<Moderator>> {
        // Most servers have one model for all, and need not look.
        let own = if self.sites.is_empty() { None } else { self.sites.get(name) };
        own.unwrap_or(&self.default).as_ref()
    }

    /// Whether every site has a model.
    pub fn is_ready(&self) -> bool {
        self.default.is_some() && self.sites.values().all(Option::is_some)
    }

    /// The sites with a model of their own, after the default one.
    pub fn sites(&self) -> impl Iterator<Item = (&str, Option<&Arc<Moderator>>)> {
        let named = self.sites.iter().map(|(name, model)| (name.as_str(), model.as_ref()));
        std::iter::once((DEFAULT_SITE, self.default.as_ref())).chain(named)
    }

    pub(super) fn own(&self, site: &str) -> Option<&Arc<Moderator>> {
        if site == DEFAULT_SITE { self.default.as_ref() } else { self.sites.get(site)?.as_ref() }
    }
}
