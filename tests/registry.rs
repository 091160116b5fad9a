//! The registry of models on real files: what serves, what is refused, and what
//! outlasts a restart.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "models/small.rs"]
mod small;

use small::{model, model_off_by, version};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use thresher::registry::{ModelStore, Refreshed, Sources};

/// A folder of two models, `a` and `b`, and a base model of another file.
struct Registry {
    folder: TempDir,
    sources: Sources,
    base: String,
    a: String,
    b: String,
}

impl Registry {
    fn new() -> Registry {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        fs::create_dir(&models).unwrap();
        let write = |file: &str, seed: usize| {
            let bytes = model(file, seed);
            fs::write(folder.path().join(file), &bytes).unwrap();
            version(&bytes)
        };
        let base = write("base.safetensors", 1);
        let (a, b) = (write("models/a.safetensors", 2), write("models/b.safetensors", 3));
        let sources = Sources {
            base: Some(folder.path().join("base.safetensors")),
            folder: Some(models),
            pins: Default::default(),
        };
        Registry { folder, sources, base, a, b }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pinned(mut self, site: &str, version: &str) -> Registry {
        self.sources.pins.insert(site.into(), version.into());
        self
    }

    /// Starts, and all is well.
    #[track_caller]
    fn open(&self) -> ModelStore {
        let (store, refreshed) = ModelStore::open(self.sources.clone());
        assert_eq!(refreshed.problems, [""; 0]);
        assert!(store.current().is_ready());
        store
    }
}

#[track_caller]
fn serves(store: &ModelStore, site: &str, version: &str) {
    let serving = store.current();
    assert_eq!(serving.site(site).map(|moderator| moderator.model().version()), Some(version));
}

#[test]
fn what_was_activated_serves_outlasts_a_restart_and_is_taken_back() {
    let registry = Registry::new();
    let Registry { base, a, b, .. } = &registry;
    let store = registry.open();
    serves(&store, "", base);
    store.activate("default", a).unwrap();
    store.activate("news.example", b).unwrap();
    store.activate("default", b).unwrap();
    for store in [&store, &registry.open()] {
        serves(store, "", b);
        serves(store, "default", b);
        serves(store, "elsewhere", b);
        serves(store, "news.example", b);
    }
    store.roll_back("default").unwrap();
    serves(&store, "elsewhere", a);
    serves(&store, "news.example", b);
    let store = registry.open();
    store.roll_back("news.example").unwrap();
    serves(&store, "news.example", a);
    store.roll_back("default").unwrap();
    serves(&store, "news.example", base);
    let error = store.roll_back("default").unwrap_err().to_string();
    assert_eq!(error, "no model was activated for the site default, so that there is none to go back from");
    serves(&registry.open(), "", base);
}

#[test]
fn only_one_that_passes_its_self_test_is_loaded_or_activated() {
    let registry = Registry::new();
    let models = registry.file("models");
    fs::write(models.join("off.safetensors"), model_off_by("off", 4, 0.01)).unwrap();
    let off = version(&model_off_by("off", 4, 0.01));
    let mut cut = model("cut", 5);
    cut.truncate(cut.len() / 2);
    fs::write(models.join("cut.safetensors"), cut).unwrap();
    fs::write(models.join(".hidden.safetensors"), "being written").unwrap();
    let store = registry.open();
    let (entries, _) = store.list();
    let files: Vec<_> = entries.iter().map(|entry| entry.file.as_deref().unwrap()).collect();
    assert_eq!(files[1..], ["a.safetensors", "b.safetensors", "cut.safetensors", "off.safetensors"]);
    let problem = |i: usize| entries[i].content.as_ref().unwrap_err();
    assert!(problem(3).contains("cut.safetensors is not a whole model file"), "{}", problem(3));
    assert!(problem(4).contains("off.safetensors: the model off@"), "{}", problem(4));
    assert!(problem(4).contains("fails its self-test"), "{}", problem(4));
    for result in [store.load(&off).map(drop), store.activate("default", &off)] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(&format!("no model has the version `{off}`")), "{error}");
    }
    serves(&store, "", &registry.base);
    assert_eq!(store.load(&registry.a).unwrap().model().version(), registry.a);
}

#[test]
fn the_first_of_too_many_files_is_told() {
    let registry = Registry::new();
    let models = registry.file("models");
    for i in 0..110 {
        fs::write(models.join(format!("c{i:03}.safetensors")), "no model").unwrap();
    }
    let (entries, _) = registry.open().list();
    // The base model, a hundred files, and the first that is not read.
    assert_eq!(entries.len(), 102);
    let last = &entries[101];
    assert_eq!(last.file.as_deref(), Some("c098.safetensors"));
    let why = last.content.as_ref().unwrap_err();
    assert!(why.contains("a folder holds 100 models at most"), "{why}");
    assert!(entries[..3].iter().all(|entry| entry.content.is_ok()));
}

#[test]
fn a_pin_holds_whatever_is_activated() {
    let registry = Registry::new();
    let (a, b) = (registry.a.clone(), registry.b.clone());
    let registry = registry.pinned("news.example", &a);
    let store = registry.open();
    store.activate("default", &b).unwrap();
    serves(&store, "news.example", &a);
    serves(&store, "elsewhere", &b);
    for result in [store.activate("news.example", &b), store.roll_back("news.example")] {
        let error = result.unwrap_err().to_string();
        assert_eq!(error, format!("the site news.example is pinned to the model {a} by the configuration"));
    }
}

#[test]
fn a_pin_that_cannot_be_held_leaves_the_site_without_a_model_until_it_can() {
    let registry = Registry::new();
    let late = model("late", 9);
    let wanted = version(&late);
    let registry = registry.pinned("news.example", &wanted);
    let (store, refreshed) = ModelStore::open(registry.sources.clone());
    let [problem] = &refreshed.problems[..] else { panic!("{refreshed:?}") };
    assert!(
        problem.starts_with(&format!("site news.example: no model has the version `{wanted}`")),
        "{problem}"
    );
    assert!(!store.current().is_ready());
    assert!(store.current().site("news.example").is_none());
    serves(&store, "elsewhere", &registry.base);
    // Told once, and again when asked.
    assert_eq!(store.refresh(false), Refreshed::default());
    assert_eq!(store.refresh(true).problems.len(), 1);
    fs::write(registry.file("models/late.safetensors"), late).unwrap();
    let refreshed = store.refresh(false);
    assert_eq!(refreshed.changed, [("news.example".to_owned(), Some(wanted.clone()))]);
    assert!(store.current().is_ready());
    serves(&store, "news.example", &wanted);
}

#[test]
fn a_base_model_that_goes_bad_leaves_the_last_good_one() {
    let registry = Registry::new();
    let store = registry.open();
    let file = registry.file("base.safetensors");
    let good = fs::read(&file).unwrap();
    for bad in [&b"no model"[..], &good[..good.len() / 2], &model_off_by("off", 1, 0.01)] {
        fs::write(&file, bad).unwrap();
        let Refreshed { changed, problems } = store.refresh(false);
        assert!(changed.is_empty());
        assert!(problems.len() == 1 && problems[0].contains("base.safetensors"), "{problems:?}");
        serves(&store, "", &registry.base);
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(store.refresh(false).problems.len(), 1);
    serves(&store, "", &registry.base);
    let other = model("other", 6);
    fs::write(&file, &other).unwrap();
    assert_eq!(store.refresh(false).changed, [("default".to_owned(), Some(version(&other)))]);
    serves(&store, "", &version(&other));
    assert_eq!(store.refresh(false), Refreshed::default());
}

#[test]
fn without_a_model_at_first_there_is_none_until_the_file_is_mended() {
    let registry = Registry::new();
    let file = registry.file("base.safetensors");
    let good = fs::read(&file).unwrap();
    fs::write(&file, "no model").unwrap();
    let (store, refreshed) = ModelStore::open(registry.sources.clone());
    assert_eq!(refreshed.problems.len(), 1);
    assert!(!store.current().is_ready() && store.current().site("").is_none());
    fs::write(&file, good).unwrap();
    store.refresh(false);
    serves(&store, "", &registry.base);
}

#[test]
fn an_activated_file_that_is_gone_changes_nothing_until_a_restart_which_takes_the_one_before() {
    let registry = Registry::new();
    let store = registry.open();
    store.activate("default", &registry.a).unwrap();
    store.activate("default", &registry.b).unwrap();
    fs::write(registry.file("models/b.safetensors"), "garbage").unwrap();
    assert_eq!(store.refresh(false), Refreshed::default());
    serves(&store, "", &registry.b);
    let (store, refreshed) = ModelStore::open(registry.sources.clone());
    let [problem] = &refreshed.problems[..] else { panic!("{refreshed:?}") };
    assert!(
        problem.starts_with(&format!("site default: no model has the version `{}`", registry.b)),
        "{problem}"
    );
    serves(&store, "", &registry.a);
}

#[test]
fn what_another_process_activates_is_noticed() {
    let registry = Registry::new();
    let (running, other) = (registry.open(), registry.open());
    other.activate("default", &registry.a).unwrap();
    assert!(running.files().iter().any(|file| file.ends_with("activations.toml")));
    assert_eq!(running.refresh(false).changed, [("default".to_owned(), Some(registry.a.clone()))]);
    serves(&running, "", &registry.a);
    // A file that says nothing sensible is told, and changes nothing.
    fs::write(registry.file("models/activations.toml"), "sites = 7\n").unwrap();
    let problems = running.refresh(false).problems;
    assert!(problems.len() == 1 && problems[0].contains("activations.toml:1:9: "), "{problems:?}");
    serves(&running, "", &registry.a);
    assert!(running.activate("default", &registry.b).is_err());
    serves(&running, "", &registry.a);
}

#[test]
fn without_a_folder_there_is_the_base_model_alone() {
    let registry = Registry::new();
    let sources = Sources { folder: None, ..registry.sources.clone() };
    let (store, _) = ModelStore::open(sources);
    assert_eq!(store.list().0.len(), 1);
    let error = store.activate("default", &registry.base).unwrap_err().to_string();
    assert_eq!(error, "the configuration names no folder of models; set [models] directory");
    // So does a model that was handed over.
    let fixed = ModelStore::from(Arc::clone(store.current().site("").unwrap()));
    assert!(fixed.files().is_empty() && fixed.refresh(true) == Refreshed::default());
    assert!(fixed.activate("default", &registry.base).is_err());
    assert_eq!(fixed.load(&registry.base).unwrap().model().version(), registry.base);
    assert!(fixed.load(&registry.a).is_err());
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for() {
    let registry = Registry::new();
    let store = Arc::new(registry.open());
    let pipe = |name: &str| {
        let path = registry.file(name);
        let _ = fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    };
    pipe("base.safetensors");
    pipe("models/activations.toml");
    let (sender, refreshed) = std::sync::mpsc::channel();
    let refreshing = Arc::clone(&store);
    std::thread::spawn(move || sender.send(refreshing.refresh(false)));
    let refreshed =
        refreshed.recv_timeout(std::time::Duration::from_secs(60)).expect("nothing is waited for");
    let expected = ["base.safetensors", "models/activations.toml"]
        .map(|name| format!("{} cannot be read: it is no regular file", registry.file(name).display()));
    assert_eq!(refreshed, Refreshed { changed: vec![], problems: expected.into() });
    serves(&store, "", &registry.base);
}
