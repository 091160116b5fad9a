//! `thresher models`, and what a running server makes of it.

#[path = "../models/small.rs"]
mod small;

use crate::support::{Folder, run};
use small::{model, model_off_by, version};
use std::fs;

/// A folder with a configuration that names a registry of two models.
fn registry() -> (Folder, String, Vec<String>) {
    let folder = Folder::new();
    let models = folder.file("models");
    fs::create_dir(&models).unwrap();
    let versions = (1..3).map(|seed| {
        let bytes = model("small", seed);
        fs::write(format!("{models}/{seed}.safetensors"), &bytes).unwrap();
        version(&bytes)
    });
    let versions = versions.collect();
    let config = folder.write("thresher.toml", "models.directory = \"models\"\n");
    (folder, config, versions)
}

#[test]
fn models_are_listed_activated_and_taken_back() {
    let (folder, config, versions) = registry();
    let [first, second] = &versions[..] else { panic!("two models") };
    let list = |arguments: &[&str]| run(&[&["models", "list", "--config", &config], arguments].concat());
    let table = list(&[]).succeeds().out.clone();
    assert!(table.contains("1.safetensors") && table.contains(second.as_str()), "{table}");
    assert!(table.contains("inside the binary"), "{table}");

    let activate = |version: &str, site: &[&str]| {
        run(&[&["models", "activate", version, "--config", &config], site].concat())
    };
    let said = activate(first, &[]).succeeds().out.clone();
    assert_eq!(said, format!("site default is judged by {first}\n"));
    activate(second, &["--site", "news.example"]).succeeds();
    activate(second, &[]).succeeds();
    let told: serde_json::Value = serde_json::from_str(&list(&["--json"]).succeeds().out).unwrap();
    assert_eq!(told["models"].as_array().unwrap().len(), 3);
    assert_eq!(told["models"][1]["golden_comment_count"], 2);
    assert_eq!(told["site_models"][0]["model_version"], second.as_str());
    assert_eq!(told["site_models"][0]["previous_model_version"], first.as_str());
    assert_eq!(told["site_models"][1]["site"], "news.example");

    let shown = run(&["check-config", "--config", &config]).succeeds().out.clone();
    assert!(shown.contains(&format!("model   {second} ({})", folder.file("models"))), "{shown}");
    assert!(shown.contains(&format!("{second} for site news.example")), "{shown}");

    let back = run(&["models", "rollback", "--config", &config]);
    assert_eq!(back.succeeds().out, format!("site default is judged by {first}\n"));
    run(&["models", "rollback", "--site", "sports", "--directory", &folder.file("models")])
        .fails(1, "no model was activated for the site sports, so that there is none to go back from");
}

#[test]
fn what_cannot_serve_is_told_and_not_activated() {
    let (folder, config, _) = registry();
    let off = model_off_by("off", 7, 0.5);
    fs::write(folder.file("models/off.safetensors"), &off).unwrap();
    let listed = run(&["models", "list", "--config", &config]).succeeds().out.clone();
    assert!(listed.contains("fails its self-test"), "{listed}");
    let ran = run(&["models", "activate", &version(&off), "--config", &config]);
    ran.fails_like(1, &format!("no model has the version `{}`", version(&off)));
    // Nor is it loaded by any other command.
    let file = folder.file("models/off.safetensors");
    for command in [&["moderate", "--text", "Hello"][..], &["check-config"]] {
        let ran = run(&[command, &["--model", &file]].concat());
        assert!(ran.code != 0 && ran.err.contains("fails its self-test"), "{ran:?}");
    }
    run(&["models", "list"]).fails_like(64, "which folder?");
    run(&["models", "activate", "a@1", "--site", "*", "--config", &config]).fails_like(64, "invalid value");
    run(&["models"]).fails(64, "an action is needed: list, activate or rollback (see models --help)");
}
