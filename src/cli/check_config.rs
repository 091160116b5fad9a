//! `thresher check-config`: everything that is wrong, or what is in force.

use super::failure::Failure;
use super::sources::{self, Sources};
use super::terminal;
use clap::Args;
use std::fmt::Write;
use std::iter;
use std::path::Path;
use thresher::attribute::Attribute;
use thresher::config::{Config, ShadowConfig};
use thresher::policy::{
    Action, Calibration, DEFAULT_SITE, Fail, Mode, Policies, SitePolicy, Trust, UnfamiliarLanguage,
};
use thresher::registry::{Assignment, ModelStore, Sources as Models};
use thresher::server::{Security, StoreOptions};

const EXAMPLES: &str = "\
Examples:
  thresher check-config --config thresher.toml
  thresher check-config --policy policy.toml";

/// Checks the configuration, the policy and the model, and shows what is in
/// force.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct CheckConfig {
    #[command(flatten)]
    sources: Sources,
}

impl CheckConfig {
    /// Shows the summary.
    pub fn run(&self) -> Result<(), Failure> {
        let config = self.sources.config();
        // With a broken configuration, what the command line names is checked
        // all the same; what only the configuration names is not known.
        let named = config.as_ref().ok();
        let policy = named.map_or(self.sources.policy.as_deref(), |config| config.policy.as_deref());
        let base = self.sources.model.clone();
        let models = named.map_or(Models { base, ..Models::default() }, Config::model_sources);
        let policies = sources::policies(policy);
        // Here a model that cannot be used is one more problem of the files.
        let (models, refreshed) = ModelStore::open(models);
        let models = match refreshed.problems.as_slice() {
            [] => Ok(models),
            problems => Err(Failure::usage(problems.join("\n"))),
        };
        let security = named.map_or_else(|| Ok(Security::default()), sources::security);
        // The samples are not opened, which would make their file.
        let shadow = named.map_or(Ok(None), |config| {
            sources::shadow(&ShadowConfig { samples: None, ..config.shadow.clone() })
        });
        let store = named.map_or(Ok(None), sources::store);
        let lists = policies.as_ref().map_or(&[][..], Policies::list_files);
        let written = named.map_or(Ok(()), |config| self.sources.check_written(config, lists));
        let shadow = written.and(shadow);
        match (config, policies, models, security, shadow, store) {
            (Ok(config), Ok(policies), Ok(models), Ok(security), Ok(_), Ok(store)) => {
                terminal::print(&summary(&config, &policies, &models, &security, store.as_ref()))
            }
            (config, policies, models, security, shadow, store) => {
                let files = [policies.err(), models.err(), security.err(), shadow.err(), store.err()];
                let failures = iter::once(config.err()).chain(files);
                let all = failures.flatten().reduce(Failure::and);
                Err(all.unwrap_or_else(Failure::reported))
            }
        }
    }
}

fn summary(
    config: &Config,
    policies: &Policies,
    models: &ModelStore,
    security: &Security,
    store: Option<&StoreOptions>,
) -> String {
    let mut text = String::new();
    let path = |path: Option<&Path>| path.map_or("inside the binary".to_owned(), |p| p.display().to_string());
    // Writing to a string cannot fail.
    let _ = writeln!(text, "listen  {}", config.listen);
    let (entries, assignments) = models.list();
    let base = entries.first().and_then(|base| base.content.as_ref().ok()).map(|base| &base.version);
    for Assignment { site, version, .. } in &assignments {
        let place = match &config.models.directory {
            Some(directory) if version.as_ref() != base => directory.display().to_string(),
            _ => path(config.model.as_deref()),
        };
        let version = version.as_deref().unwrap_or("none");
        let _ = match site.as_str() {
            DEFAULT_SITE => writeln!(text, "model   {version} ({place})"),
            site => writeln!(text, "        {version} for site {site} ({place})"),
        };
    }
    let _ = writeln!(text, "policy  {}", path(config.policy.as_deref()));
    let keys = security.keys.as_ref().zip(config.keys.as_deref());
    let keys =
        keys.map_or("none".to_owned(), |(keys, path)| format!("{} ({})", keys.count(), path.display()));
    let _ = writeln!(text, "keys    {keys}");
    let tls = match &security.tls {
        None => "none",
        Some(tls) if tls.is_mutual() => "callers need a certificate",
        Some(_) => "callers need no certificate",
    };
    let _ = writeln!(text, "tls     {tls}");
    let state = store.map_or(String::new(), |store| format!(", shared at {}", store.shown()));
    let _ = writeln!(text, "state   {} MB in memory{state}", config.state_mb);
    let none = || "none".to_owned();
    let admin = config.admin.address.map_or_else(none, |address| address.to_string());
    let _ = writeln!(text, "admin   {admin}");
    let audit = config.audit.as_ref();
    let audit = audit.map_or_else(none, |it| format!("1 answer in {} to {}", it.one_in, it.file.display()));
    let _ = writeln!(text, "audit   {audit}");
    let _ = writeln!(text, "shadow  {}", shadow(&config.shadow));
    let traces = config.traces.as_ref();
    let traces = traces.map_or_else(none, |it| format!("1 call in {} to {}", it.one_in, it.endpoint));
    let _ = writeln!(text, "traces  {traces}");
    for (name, policy) in policies.sites() {
        let _ = writeln!(text, "\nsite {name}, policy version {}", policy.version());
        write_site(&mut text, policy);
    }
    text
}

/// What runs beside the policy and the model in force, and where its samples go.
fn shadow(config: &ShadowConfig) -> String {
    let ShadowConfig { policy, model, samples, .. } = config;
    let named = [("policy", policy), ("model", model), ("samples to", samples)];
    let named = named.into_iter().filter_map(|(what, file)| Some((what, file.as_ref()?)));
    let named: Vec<_> = named.map(|(what, file)| format!("{what} {}", file.display())).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}

/// The effective thresholds as a table, a line for each attribute.
fn write_site(text: &mut String, policy: &SitePolicy) {
    let actions = [Action::Flag, Action::Hold, Action::Reject, Action::Discard];
    let _ = write!(text, "  {:<18}", "");
    for action in actions {
        let _ = write!(text, "{action:>9}");
    }
    let _ = writeln!(text, "  without a score");
    for attribute in Attribute::ALL {
        let _ = write!(text, "  {attribute:<18}");
        for (_, threshold) in policy.thresholds(attribute).descending().into_iter().rev() {
            let shown = threshold.map_or("-".to_owned(), |threshold| threshold.to_string());
            let _ = write!(text, "{shown:>9}");
        }
        let _ = writeln!(text, "  {}", policy.missing(attribute));
    }
    for (attribute, Calibration { scale, shift }) in policy.scoring().calibration.iter() {
        if policy.scoring().calibration[attribute] != Calibration::default() {
            let _ = writeln!(text, "  {attribute:<18} log-odds times {scale}, plus {shift}");
        }
    }
    if policy.scoring().unfamiliar_language == UnfamiliarLanguage::Unscored {
        let _ = writeln!(text, "  no scores in languages that the model does not know");
    }
    for (i, (rule, mode)) in policy.rules().enumerate() {
        let shadow = if mode == Mode::Shadow { " (shadow)" } else { "" };
        let _ = writeln!(
            text,
            "  {:<8}{}: {}{shadow}",
            if i == 0 { "rules" } else { "" },
            rule.name,
            rule.action
        );
    }
    let Fail { model, context, deadline } = *policy.fail();
    if *policy.fail() != Fail::default() {
        let deadline =
            deadline.map_or(String::new(), |deadline| format!(", deadline {} ms", deadline.as_millis()));
        let _ = writeln!(text, "  fail    model {}, context {}{deadline}", model.name(), context.name());
    }
    let Trust { approved_count, new_author_days, new_author_margin, staff } = *policy.trust();
    if *policy.trust() != Trust::default() {
        let approved =
            approved_count.map_or("nobody".to_owned(), |count| format!("{count} approved comments"));
        let days = new_author_days.map_or(String::new(), |days| format!(" for {days} days"));
        let _ = writeln!(
            text,
            "  trust   {approved}, staff {}; new authors{days}: thresholds lower by {new_author_margin}",
            if staff { "flagged at most" } else { "as anybody" }
        );
    }
}
