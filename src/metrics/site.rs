//! Sites as labels: those that the configuration names, and one for all others.

use super::labels::SiteLabels;
use crate::policy::{Action, DEFAULT_SITE};
use arc_swap::ArcSwap;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The most sites that stand under their own names.
const MAX_SITES: usize = 1_000;
/// What all others are called. A site of that name is one of them.
const OTHER: &str = "other";

/// A site, and the count of its comments.
#[derive(Debug)]
pub struct Site {
    label: Arc<str>,
    /// In the order of [`Action::ALL`].
    comments: [Counter; Action::ALL.len()],
}

impl Site {
    fn new(name: &str, comments: &Family<SiteLabels, Counter>) -> Arc<Site> {
        let site: Arc<str> = name.into();
        let counter = |action: Action| {
            comments.get_or_create_owned(&SiteLabels { site: Arc::clone(&site), action: action.name() })
        };
        Arc::new(Site { comments: Action::ALL.map(counter), label: site })
    }

    /// The name in labels.
    pub fn label(&self) -> Arc<str> {
        Arc::clone(&self.label)
    }

    pub(super) fn count(&self, action: Action) {
        self.comments[action as usize].inc();
    }
}

/// All sites that have a label.
#[derive(Debug)]
pub(super) struct Sites {
    named: ArcSwap<HashMap<String, Arc<Site>>>,
    default: Arc<Site>,
    other: Arc<Site>,
    comments: Family<SiteLabels, Counter>,
    /// Held while names are added.
    naming: Mutex<()>,
    /// The label of what has no site.
    pub none: Arc<str>,
}

impl Sites {
    pub fn new(comments: Family<SiteLabels, Counter>) -> Sites {
        Sites {
            named: ArcSwap::default(),
            default: Site::new(DEFAULT_SITE, &comments),
            other: Site::new(OTHER, &comments),
            comments,
            naming: Mutex::default(),
            none: "".into(),
        }
    }

    pub fn get(&self, name: &str) -> Arc<Site> {
        if name.is_empty() || name == DEFAULT_SITE {
            return Arc::clone(&self.default);
        }
        Arc::clone(self.named.load().get(name).unwrap_or(&self.other))
    }

    /// Adds names; they stay, so that counts never go back.
    pub fn name<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        let _naming = self.naming.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut named = HashMap::clone(&self.named.load());
        let before = named.len();
        for name in names {
            if name != DEFAULT_SITE && name != OTHER && named.len() < MAX_SITES && !named.contains_key(name) {
                named.insert(name.to_owned(), Site::new(name, &self.comments));
            }
        }
        if named.len() > before {
            self.named.store(Arc::new(named));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_stands_under_its_name_once_it_is_named() {
        let sites = Sites::new(Family::default());
        let label = |name: &str| sites.get(name).label().to_string();
        assert_eq!([label(""), label("default"), label("news")], ["default", "default", "other"]);
        sites.name(["news", "default", "other"]);
        assert_eq!([label("news"), label("other"), label("blog")], ["news", "other", "other"]);
        // The same site, not a new one that counts from nothing.
        let news = sites.get("news");
        sites.name(["news", "blog"]);
        assert!(Arc::ptr_eq(&news, &sites.get("news")) && label("blog") == "blog");
    }

    #[test]
    fn there_are_only_so_many_labels() {
        let sites = Sites::new(Family::default());
        let names: Vec<String> = (0..2 * MAX_SITES).map(|i| format!("site-{i}")).collect();
        sites.name(names.iter().map(String::as_str));
        let own = names.iter().filter(|name| *sites.get(name).label() == ***name).count();
        assert_eq!(own, MAX_SITES);
    }
}
