//! What sites inherit from one another, and whether what they say together
//! makes sense.

use super::{LIMITS, Said, Settings, Site};
use crate::config::document::Document;
use crate::policy::DEFAULT_SITE;
use crate::score::Score;
use std::collections::HashMap;

/// What each site says together with what it inherits, in the order of
/// `sites`.
pub(super) fn inherit(document: &mut Document<'_>, sites: &[Site]) -> Vec<Settings> {
    let by_name: HashMap<&str, usize> =
        sites.iter().enumerate().map(|(i, site)| (site.name.as_str(), i)).collect();
    let parents: Vec<Option<usize>> =
        sites.iter().map(|site| parent(document, &by_name, sites, site)).collect();

    let mut effective: Vec<Option<Settings>> = vec![None; sites.len()];
    for start in 0..sites.len() {
        // From the site up to one that is known already, or to the top.
        let mut path = Vec::new();
        let mut next = Some(start);
        while let Some(site) = next.filter(|site| effective[*site].is_none()) {
            if let Some(begin) = path.iter().position(|seen| *seen == site) {
                report_cycle(document, sites, &path[begin..]);
                next = None;
                break;
            }
            path.push(site);
            next = parents[site];
        }
        let mut inherited = next.and_then(|site| effective[site].clone()).unwrap_or_else(Settings::empty);
        for site in path.into_iter().rev() {
            check_switched_off(document, &sites[site].settings, &inherited);
            inherited.override_with(&sites[site].settings);
            effective[site] = Some(inherited.clone());
        }
    }
    effective.into_iter().map(|settings| settings.unwrap_or_else(Settings::empty)).collect()
}

/// The site that `site` inherits from.
fn parent(
    document: &mut Document<'_>,
    by_name: &HashMap<&str, usize>,
    sites: &[Site],
    site: &Site,
) -> Option<usize> {
    let Some((name, span)) = &site.inherits else {
        return by_name.get(DEFAULT_SITE).copied().filter(|_| site.name != DEFAULT_SITE);
    };
    let parent = by_name.get(name.as_str()).copied();
    if parent.is_none() && document.is_whole() {
        document.report_unknown(span, "site", name, sites.iter().map(|site| site.name.as_str()));
    }
    parent
}

/// A rule that is switched off by its name alone has to be inherited.
fn check_switched_off(document: &mut Document<'_>, site: &Settings, inherited: &Settings) {
    let known = || inherited.rules.iter().map(|said| said.value.rule.name.as_str());
    for Said { value, span, .. } in &site.rules {
        let is_inherited = known().any(|name| name == value.rule.name);
        if !value.is_whole && !is_inherited && document.is_whole() {
            document.report_unknown(span, "rule to switch off", &value.rule.name, known());
        }
    }
}

fn report_cycle(document: &mut Document<'_>, sites: &[Site], cycle: &[usize]) {
    // Told from the site that stands first in the file.
    let first = (0..cycle.len()).min_by_key(|i| sites[cycle[*i]].span.start).unwrap_or_default();
    let round = cycle[first..].iter().chain(&cycle[..=first]);
    let names: Vec<&str> = round.map(|site| sites[*site].name.as_str()).collect();
    let site = &sites[cycle[first]];
    let span = site.inherits.as_ref().map_or(&site.span, |(_, span)| span);
    document.report(span, format!("site `{}` inherits from itself: {}", site.name, names.join(" -> ")));
}

/// Thresholds must not fall as actions get more severe. Told where a site sets
/// one of the two that disagree.
pub(super) fn check_order(document: &mut Document<'_>, sites: &[Site], effective: &[Settings]) {
    for (index, settings) in effective.iter().enumerate() {
        for (attribute, limits) in settings.limits.iter() {
            let set: Vec<(&str, &Said<Option<Score>>, Score)> = LIMITS
                .iter()
                .zip(limits)
                .filter_map(|((key, _), limit)| {
                    let limit = limit.as_ref()?;
                    Some((*key, limit, limit.value?))
                })
                .collect();
            for pair in set.windows(2) {
                let [(mild, below, low), (severe, above, high)] = pair else { continue };
                let own = [above, below].into_iter().find(|limit| limit.site == index);
                let (Some(own), true) = (own, low > high) else { continue };
                let from = |limit: &Said<Option<Score>>| match limit.site == index {
                    true => String::new(),
                    false => format!(" (inherited from `{}`)", sites[limit.site].name),
                };
                let message = format!(
                    "{attribute}: `{mild}` {low}{} is above `{severe}` {high}{}",
                    from(below),
                    from(above)
                );
                document.report(&own.span, message);
            }
        }
    }
}
