//! The models in service, to be swapped while comments are judged.

use super::activations::{Activations, FILE};
use super::folder::{self, Entry, Folder, Summary};
use super::{RegistryError, Serving};
use crate::model::Model;
use crate::moderator::Moderator;
use crate::policy::DEFAULT_SITE;
use crate::stamp::{Stamp, regular};
use arc_swap::ArcSwap;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many models are kept ready beside those in service.
const MAX_READY: usize = 4;

/// Where models come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file of the base model; none for the model inside the binary.
    pub base: Option<PathBuf>,
    /// The folder of the registry; none if there is only the base model.
    pub folder: Option<PathBuf>,
    /// The sites that judge by one model whatever is activated, with its
    /// version; `default` for those not named.
    pub pins: BTreeMap<String, String>,
}

/// Holds the models in service.
///
/// Readers take a snapshot and keep it for as long as they need it: a swap
/// meanwhile changes nothing for them. Whoever changes something waits for
/// whoever does so already; readers never wait.
#[derive(Debug)]
pub struct ModelStore {
    current: ArcSwap<Serving>,
    sources: Sources,
    /// None for a model that never changes.
    known: Option<Mutex<Known>>,
}

/// What is known beside the models in service.
#[derive(Debug)]
struct Known {
    base: Option<Arc<Moderator>>,
    /// How the file of the base model looked when it was read.
    base_stamp: Option<Stamp>,
    folder: Option<Folder>,
    activations: Activations,
    /// Models that were asked to be loaded, the last one last.
    ready: Vec<Arc<Moderator>>,
    /// The problems that were told when the files were last looked at.
    told: Vec<String>,
}

/// The model of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The site; `default` for all that are not named.
    pub site: String,
    /// The version of its model; none when none could be used since the start.
    pub version: Option<String>,
    /// Whether the configuration pins it.
    pub pinned: bool,
    /// The version that a rollback leads to; none for the base model or the
    /// default site's.
    pub previous: Option<String>,
}

/// What came of looking at the files again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// The sites that have another model now, and its version; none where a
    /// site is judged by the default one again.
    pub changed: Vec<(String, Option<String>)>,
    /// What cannot be used, a line each. What was in service stays so.
    pub problems: Vec<String>,
}

impl From<Arc<Moderator>> for ModelStore {
    /// A model for every site that never changes.
    fn from(moderator: Arc<Moderator>) -> Self {
        let serving = Serving { default: Some(moderator), ..Serving::default() };
        Self { current: ArcSwap::from_pointee(serving), sources: Sources::default(), known: None }
    }
}

impl ModelStore {
    /// Reads and tests the models that are to serve. Problems leave a site
    /// without a model, or with one that was activated before; a later
    /// [`refresh`](Self::refresh) may mend that.
    pub fn open(sources: Sources) -> (ModelStore, Refreshed) {
        let known = Known {
            base: None,
            base_stamp: None,
            folder: sources.folder.clone().map(Folder::new),
            activations: Activations::default(),
            ready: Vec::new(),
            told: Vec::new(),
        };
        let known = Some(Mutex::new(known));
        let store = ModelStore { current: ArcSwap::default(), sources, known };
        let refreshed = store.refresh(false);
        (store, refreshed)
    }

    /// Which model judges which site now.
    pub fn current(&self) -> Arc<Serving> {
        self.current.load_full()
    }

    /// The files that a change of which should be followed by a
    /// [`refresh`](Self::refresh); none if nothing can change.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.sources.base.iter().cloned().collect();
        if let Some(folder) = &self.sources.folder {
            files.push(folder.join(FILE));
            // A folder that cannot be read has no files; it is seen when it can.
            files.extend(Folder::files(folder).unwrap_or_default());
        }
        files
    }

    /// Looks at all files again and takes into service what they ask for. What
    /// cannot be used leaves what was in service before. Problems that were told
    /// the last time are left out unless they are to be told `again`.
    pub fn refresh(&self, again: bool) -> Refreshed {
        let Some(mut known) = self.known() else { return Refreshed::default() };
        let mut problems = Vec::new();
        if let Err(error) = known.read_base(&self.sources) {
            problems.push(error.to_string());
        }
        if let Some(folder) = &mut known.folder {
            let path = folder.path.join(FILE);
            match folder.scan().and_then(|()| Activations::open(&path)) {
                Ok(activations) => known.activations = activations,
                Err(error) => problems.push(error.to_string()),
            }
        }
        let changed = self.settle(&mut known, &mut problems);
        let told = std::mem::replace(&mut known.told, problems.clone());
        problems.retain(|problem| again || !told.contains(problem));
        Refreshed { changed, problems }
    }

    /// The model files there are, the base model first, and the model of each
    /// site.
    pub fn list(&self) -> (Vec<Entry>, Vec<Assignment>) {
        let serving = self.current();
        let Some(mut known) = self.known() else {
            let entry =
                |moderator: &Arc<Moderator>| Entry { file: None, content: Ok(Summary::of(moderator)) };
            return (serving.default.iter().map(entry).collect(), self.assignments(&serving, None));
        };
        if let Some(folder) = &mut known.folder {
            // What cannot be read now is listed as it last was.
            let _ = folder.scan();
        }
        let base = known.base.as_ref().map(|moderator| Summary::of(moderator));
        let base = base.ok_or_else(|| "no model could be read from it since the start".to_owned());
        let file = self.sources.base.as_ref().map(|path| path.display().to_string());
        let entries = known.folder.iter().flat_map(Folder::entries).cloned();
        let entries = std::iter::once(Entry { file, content: base }).chain(entries).collect();
        (entries, self.assignments(&serving, Some(&known)))
    }

    /// Reads and tests the model of that version and keeps it ready, so that
    /// activating it takes no time.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub fn load(&self, version: &str) -> Result<Arc<Moderator>, RegistryError> {
        let unknown = || RegistryError::Unknown(version.to_owned());
        let Some(mut known) = self.known() else {
            let current = self.current();
            let same = |moderator: &&Arc<Moderator>| moderator.model().version() == version;
            return current.default.as_ref().filter(same).cloned().ok_or_else(unknown);
        };
        if let Some(folder) = &mut known.folder {
            folder.scan()?;
        }
        let moderator = known.find(version, &self.current())?;
        known.keep_ready(Arc::clone(&moderator));
        Ok(moderator)
    }

    /// Takes a model into service for a site, or with the name `default` for all
    /// that have no model of their own, and writes that down for the next
    /// start.
    ///
    /// # Errors
    /// When the model cannot be used, the site is pinned, there is no folder, or
    /// nothing can be written down.
    pub fn activate(&self, site: &str, version: &str) -> Result<(), RegistryError> {
        self.check_pin(site)?;
        let mut known = self.known().ok_or(RegistryError::NoFolder)?;
        let folder = known.folder.as_mut().ok_or(RegistryError::NoFolder)?;
        folder.scan()?;
        let path = folder.path.join(FILE);
        // It must be there before anything says that it is in service.
        let moderator = known.find(version, &self.current())?;
        known.activations = Activations::edit(&path, |activations| activations.activate(site, version))?;
        known.keep_ready(moderator);
        self.settle(&mut known, &mut Vec::new());
        Ok(())
    }

    /// Goes back to the model that a site had before the one that was activated
    /// last, and writes that down for the next start.
    ///
    /// # Errors
    /// When none was activated, the one before cannot be used, the site is
    /// pinned, there is no folder, or nothing can be written down.
    pub fn roll_back(&self, site: &str) -> Result<(), RegistryError> {
        self.check_pin(site)?;
        let mut known = self.known().ok_or(RegistryError::NoFolder)?;
        let folder = known.folder.as_mut().ok_or(RegistryError::NoFolder)?;
        folder.scan()?;
        let path = folder.path.join(FILE);
        let serving = self.current();
        let mut before = None;
        known.activations = Activations::edit(&path, |activations| {
            activations.roll_back(site)?;
            if let Some(version) = activations.of(site).next() {
                before = Some(known.find(version, &serving)?);
            }
            Ok(())
        })?;
        before.into_iter().for_each(|moderator| known.keep_ready(moderator));
        self.settle(&mut known, &mut Vec::new());
        Ok(())
    }

    fn check_pin(&self, site: &str) -> Result<(), RegistryError> {
        let pin = self.sources.pins.get(site).map(|version| (site.to_owned(), version.clone()));
        pin.map_or(Ok(()), |(site, version)| Err(RegistryError::Pinned { site, version }))
    }

    /// Whoever held this and panicked left it a step behind at worst.
    fn known(&self) -> Option<MutexGuard<'_, Known>> {
        self.known.as_ref().map(|known| known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts into service what pins, activations and the base model ask for, and
    /// tells which sites that changes.
    fn settle(&self, known: &mut Known, problems: &mut Vec<String>) -> Vec<(String, Option<String>)> {
        let old = self.current();
        let mut new = Serving::default();
        let named = self.sources.pins.keys().chain(known.activations.sites.keys());
        let named: BTreeSet<&str> = named.map(String::as_str).collect();
        new.default = self.choose(DEFAULT_SITE, known, &old, problems).or_else(|| {
            let pinned = self.sources.pins.contains_key(DEFAULT_SITE);
            if pinned { None } else { known.base.clone() }
        });
        for site in named.into_iter().filter(|site| *site != DEFAULT_SITE) {
            let own = self.choose(site, known, &old, problems);
            // A site that is not pinned can do with the default model.
            if own.is_some() || self.sources.pins.contains_key(site) {
                new.sites.insert(site.to_owned(), own);
            }
        }
        let sites: BTreeSet<&str> = old.sites().chain(new.sites()).map(|(site, _)| site).collect();
        let version = |serving: &Serving, site: &str| {
            serving.own(site).map(|moderator| moderator.model().version().to_owned())
        };
        let changed: Vec<_> = sites
            .into_iter()
            .filter(|site| version(&old, site) != version(&new, site))
            .map(|site| (site.to_owned(), version(&new, site)))
            .collect();
        let new = Arc::new(new);
        self.current.store(Arc::clone(&new));
        let served: BTreeSet<&str> =
            new.sites().filter_map(|(_, moderator)| Some(moderator?.model().version())).collect();
        known.ready.retain(|moderator| !served.contains(moderator.model().version()));
        changed
    }

    /// The model that a site is to have of its own: the pinned one, or the one
    /// activated last. When that cannot be used, it is the one that the site
    /// has; and when it has none, at the start, one that was activated before.
    fn choose(
        &self,
        site: &str,
        known: &Known,
        old: &Serving,
        problems: &mut Vec<String>,
    ) -> Option<Arc<Moderator>> {
        let pin = self.sources.pins.get(site).map(String::as_str);
        let wanted: Vec<&str> = pin.map_or_else(|| known.activations.of(site).collect(), |pin| vec![pin]);
        for version in wanted {
            match known.find(version, old) {
                Ok(moderator) => return Some(moderator),
                Err(error) => problems.push(format!("site {site}: {error}")),
            }
            if let Some(moderator) = old.own(site) {
                return Some(Arc::clone(moderator));
            }
        }
        None
    }

    fn assignments(&self, serving: &Serving, known: Option<&Known>) -> Vec<Assignment> {
        let assignment = |(site, moderator): (&str, Option<&Arc<Moderator>>)| Assignment {
            site: site.to_owned(),
            version: moderator.map(|moderator| moderator.model().version().to_owned()),
            pinned: self.sources.pins.contains_key(site),
            previous: known.and_then(|known| known.activations.of(site).nth(1)).map(str::to_owned),
        };
        serving.sites().map(assignment).collect()
    }
}

impl Known {
    /// Reads the base model if its file has changed since it was last read. One
    /// that cannot be used leaves the one before.
    fn read_base(&mut self, sources: &Sources) -> Result<(), RegistryError> {
        let Some(path) = &sources.base else {
            if self.base.is_none() {
                self.base = Some(folder::tested(Model::shipped()?, "the shipped model")?);
            }
            return Ok(());
        };
        // Looked at before it is read: a change in between is seen later.
        let stamp = Stamp::of(path);
        if self.base_stamp.as_ref() == Some(&stamp) {
            return Ok(());
        }
        regular(path).map_err(|error| RegistryError::file(path, format!("cannot be read: {error}")))?;
        let moderator = folder::read(path)?;
        self.base_stamp = Some(stamp);
        let same =
            self.base.as_ref().is_some_and(|base| base.model().version() == moderator.model().version());
        if !same {
            self.base = Some(moderator);
        }
        Ok(())
    }

    /// The model of that version: one in service, one that is ready, the base
    /// model, or one of the folder.
    fn find(&self, version: &str, serving: &Serving) -> Result<Arc<Moderator>, RegistryError> {
        let loaded = serving.sites().filter_map(|(_, moderator)| moderator);
        let mut loaded = loaded.chain(&self.ready).chain(&self.base);
        if let Some(moderator) = loaded.find(|moderator| moderator.model().version() == version) {
            return Ok(Arc::clone(moderator));
        }
        let folder = self.folder.as_ref().ok_or_else(|| RegistryError::Unknown(version.to_owned()))?;
        folder.find(version)
    }

    fn keep_ready(&mut self, moderator: Arc<Moderator>) {
        self.ready.retain(|ready| ready.model().version() != moderator.model().version());
        self.ready.push(moderator);
        let over = self.ready.len().saturating_sub(MAX_READY);
        self.ready.drain(..over);
    }
}
