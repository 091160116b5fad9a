//! What every command loads: the configuration, the policy and the model.

use super::failure::Failure;
use clap::Args;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thresher::config::{Config, ShadowConfig};
use thresher::model::Model;
use thresher::moderator::Moderator;
use thresher::overwrite::Inputs;
use thresher::policy::{Policies, PolicyStore, Preset};
use thresher::server::{KeyFile, Security, StoreOptions, Tls};
use thresher::shadow::{SampleFile, Shadow};

/// Where the configuration, the model and the policy come from.
#[derive(Args, Debug)]
pub struct Sources {
    /// The configuration file; without it, the defaults inside the binary.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The model file; without it, the configuration's or the one inside the
    /// binary.
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// The policy file, or shipped, strict, balanced or lenient; without it, the
    /// configuration's or the one inside the binary.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

impl Sources {
    /// The configuration, with what the command line says in its place.
    pub fn config(&self) -> Result<Config, Failure> {
        let mut config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::open)?;
        config.model = self.model.clone().or(config.model);
        config.policy = self.policy.clone().or(config.policy);
        Ok(config)
    }

    /// The files that `config` was made of, and those that it names.
    pub fn inputs(&self, config: &Config) -> Inputs {
        Inputs::default()
            .and("--policy", policy_file(self.policy.as_deref()))
            .and("--model", &self.model)
            .and("--config", &self.config)
            .and(CONFIG_POLICY, policy_file(config.policy.as_deref()))
            .and(CONFIG_MODEL, &config.model)
    }

    /// Checks the files that a server writes line by line before it opens them:
    /// that they can be files, and that none is another that the server has.
    pub fn check_written(&self, config: &Config, lists: &[PathBuf]) -> Result<(), Failure> {
        let ShadowConfig { policy, model, samples, .. } = &config.shadow;
        let audit = config.audit.as_ref().map(|audit| &audit.file);
        let tls = config.tls.iter().flat_map(|tls| [&tls.certificate, &tls.key]);
        let read = self
            .inputs(config)
            .and("the shadow's policy", policy_file(policy.as_deref()))
            .and("the shadow's model", model)
            .and("the keys", &config.keys)
            .and("the certificate", tls)
            .and(LISTS, lists);
        for (key, file) in [("audit.file", audit), ("shadow.samples", samples.as_ref())] {
            let Some(file) = file else { continue };
            read.spared(key, Some(file))?;
            writable(file)?;
        }
        match samples {
            Some(file) if Some(file) == audit => {
                let why = "shadow.samples and audit.file are the same";
                Err(Failure::usage(format!("{}: {why}", file.display())))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses what a server could not append lines to: opening a pipe waits for
/// whoever reads it.
fn writable(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let why = match (fs::metadata(path), folder) {
        (Ok(file), _) if !file.is_file() => "it is no regular file",
        (Err(_), Some(folder)) if !folder.is_dir() => "there is no such folder",
        _ => return Ok(()),
    };
    Err(Failure::usage(format!("{}: cannot be written: {why}", path.display())))
}

/// Refuses a file of a server that is no regular one: opening a pipe waits for
/// whoever writes to it, for ever perhaps. What is not there is told by whoever
/// opens it.
pub fn regular(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(file) if !file.is_file() => {
            Err(Failure::usage(format!("{}: cannot be read: it is no regular file", path.display())))
        }
        _ => Ok(()),
    }
}

/// An address and a port of the command line.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |_| "it must be an address and a port, such as 127.0.0.1:50051 or [::]:50051".to_owned();
    text.parse().map_err(wrong)
}

/// What a policy is called that the configuration names.
pub const CONFIG_POLICY: &str = "the configuration's policy";
/// What a model is called that the configuration names.
pub const CONFIG_MODEL: &str = "the configuration's model";
/// What the files of lists are called.
pub const LISTS: &str = "the policy's list";

/// A moderator with the model of that path, or with the shipped one, that
/// passed its self-test.
pub fn moderator(path: Option<&Path>) -> Result<Moderator, Failure> {
    let model = path.map_or_else(Model::shipped, Model::open).map_err(Failure::failed)?;
    Moderator::tested(model).map_err(Failure::failed)
}

/// The policies of that path, those inside the binary by that name, or the
/// embedded ones.
pub fn policies(path: Option<&Path>) -> Result<Policies, Failure> {
    match path.and_then(preset) {
        Some(preset) => Ok(preset.open()?.policies),
        None => Ok(path.map_or_else(Policies::embedded, Policies::open)?),
    }
}

/// The file of a policy, if that is what the path names.
pub fn policy_file(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| preset(path).is_none())
}

fn preset(path: &Path) -> Option<Preset> {
    path.to_str().and_then(Preset::from_name)
}

/// The same, to be taken anew when the file changes.
pub fn policy_store(path: Option<&Path>) -> Result<PolicyStore, Failure> {
    match path {
        Some(path) if preset(path).is_none() => Ok(PolicyStore::open(path)?),
        path => Ok(policies(path)?.into()),
    }
}

/// What runs beside the policy and the model in force, if the configuration
/// names anything, with its samples.
pub fn shadow(config: &ShadowConfig) -> Result<Option<Shadow>, Failure> {
    let ShadowConfig { policy, model: candidate, samples, max_samples_bytes, texts } = config;
    if policy.is_none() && candidate.is_none() {
        return Ok(None);
    }
    let policies = policy.as_deref().map(|path| policy_store(Some(path))).transpose()?.map(Arc::new);
    candidate.as_deref().map_or(Ok(()), regular)?;
    let moderator = candidate.as_deref().map(|path| moderator(Some(path))).transpose()?;
    let open = |path: &PathBuf| {
        let unwritable = |error| Failure::failed(format!("{}: cannot be written: {error}", path.display()));
        SampleFile::open(path, *max_samples_bytes).map_err(unwritable)
    };
    let samples = samples.as_ref().map(open).transpose()?;
    Ok(Some(Shadow::new(policies, moderator, samples, *texts)))
}

/// The keys and the certificate of the configuration, as far as it names some,
/// or everything that is wrong with them.
pub fn security(config: &Config) -> Result<Security, Failure> {
    let keys = config.keys.as_deref().map(KeyFile::open).transpose().map_err(Failure::usage);
    let tls = config.tls.clone().map(Tls::open).transpose().map_err(Failure::usage);
    match (keys, tls) {
        (Ok(keys), Ok(tls)) => Ok(Security { keys, tls }),
        (Err(keys), Err(tls)) => Err(keys.and(tls)),
        (Err(one), _) | (_, Err(one)) => Err(one),
    }
}

/// The store that what is remembered is shared in, if the configuration names
/// one, with its secret.
pub fn store(config: &Config) -> Result<Option<StoreOptions>, Failure> {
    config.store.as_ref().map(StoreOptions::open).transpose().map_err(Failure::usage)
}
