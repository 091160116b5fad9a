//! Configuration, policy and model files.

use crate::support::{Folder, HOLD_ALL, run};

#[test]
fn what_is_in_force_is_shown() {
    let folder = Folder::new();
    folder.write("policy.toml", HOLD_ALL);
    let config = "listen = \"127.0.0.1:7\"\npolicy = \"policy.toml\"\n[audit]\nfile = \"audit.jsonl\"\n\
                  one_in = 10\n[otlp]\nendpoint = \"http://127.0.0.1:9\"\none_in = 7\n";
    let config = folder.write("thresher.toml", config);
    let ran = run(&["check-config", "--config", &config]);
    let out = &ran.succeeds().out;
    for line in [
        "listen  127.0.0.1:7",
        "(inside the binary)",
        "admin   none",
        "audit   1 answer in 10 to ",
        "traces  1 call in 7 to http://127.0.0.1:9",
        "site default, policy version ",
        "site open, policy version ",
    ] {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
    let table: Vec<&str> = out.lines().filter(|line| line.starts_with("  SPAM ")).collect();
    let cells: Vec<Vec<&str>> = table.iter().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells, [["SPAM", "-", "0", "-", "-", "PUBLISH"], ["SPAM", "-", "-", "-", "-", "PUBLISH"]]);
    run(&["check-config"]).succeeds();
}

#[test]
fn what_a_server_writes_is_no_other_file_of_its_own() {
    let folder = Folder::new();
    let policy = folder.write("policy.toml", HOLD_ALL);
    let refused = |config: &str, why: &str| {
        let config = folder.write("thresher.toml", format!("policy = \"policy.toml\"\n{config}"));
        for command in ["check-config", "serve"] {
            let ran = run(&[command, "--config", &config]);
            assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{ran:?}");
            assert!(ran.err.contains(why), "{why} is not in {ran:?}");
        }
    };
    refused("audit.file = \"policy.toml\"", "audit.file ");
    refused("audit.file = \"policy.toml\"", "would overwrite the configuration's policy");
    refused("shadow = { policy = \"strict\", samples = \"policy.toml\" }", "would overwrite");
    refused("shadow = { policy = \"strict\", samples = \"thresher.toml\" }", "would overwrite --config");
    let both = "shadow = { policy = \"strict\", samples = \"s.jsonl\" }\naudit.file = \"s.jsonl\"";
    refused(both, "shadow.samples and audit.file are the same");
    refused("audit.file = \"none/a.jsonl\"", "cannot be written: there is no such folder");
    refused("audit.file = \".\"", "cannot be written: it is no regular file");
    assert_eq!(std::fs::read_to_string(policy).unwrap(), HOLD_ALL);
}

#[test]
fn a_preset_is_one_wherever_the_configuration_stands() {
    let folder = Folder::new();
    folder.write("balanced", HOLD_ALL);
    let shadow = "\n[shadow]\npolicy = \"strict\"\n";
    let config = folder.write("thresher.toml", format!("policy = \"balanced\"{shadow}"));
    let named = run(&["check-config", "--config", &config]);
    let expected = run(&["check-config", "--policy", "balanced"]);
    let sites = |out: &str| out.split_once("\nsite ").map(|(_, sites)| sites.to_owned());
    assert_eq!(sites(&named.succeeds().out), sites(&expected.succeeds().out));
    assert!(named.out.contains("shadow  policy strict\n"), "{}", named.out);
    let file = folder.write("thresher.toml", "policy = \"./balanced\"");
    assert_ne!(sites(&run(&["check-config", "--config", &file]).succeeds().out), sites(&named.out));
}

#[test]
fn the_files_in_the_repository_are_fine() {
    let root = env!("CARGO_MANIFEST_DIR");
    let (config, policy) = (format!("{root}/config/thresher.toml"), format!("{root}/config/policy.toml"));
    let shipped = run(&["check-config", "--config", &config, "--policy", &policy]);
    let embedded = run(&["check-config"]);
    let sites = |out: &str| out.split_once("\nsite ").map(|(_, sites)| sites.to_owned());
    assert_eq!(sites(&shipped.succeeds().out), sites(&embedded.succeeds().out));
}

#[test]
fn every_problem_of_every_file_is_told() {
    let folder = Folder::new();
    let config = folder.write("thresher.toml", "listn = \"127.0.0.1:7\"\nreflection = 1\n");
    let policy = folder.write("policy.toml", "[site.default]\nSPAM = { hold = 1.5 }\nTOXCITY = {}\n");
    let model = folder.write("model.safetensors", "no model");
    let ran = run(&["check-config", "--config", &config, "--policy", &policy, "--model", &model]);
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(ran.code, 64);
    assert_eq!(lines.len(), 5, "{}", ran.err);
    assert_eq!(lines[0], format!("error: {config}:1:1: unknown key `listn`; did you mean `listen`?"));
    assert_eq!(lines[1], format!("error: {config}:2:14: `reflection` must be true or false, not an integer"));
    assert_eq!(lines[2], format!("error: {policy}:2:17: `hold` is 1.5, outside 0..=1"));
    assert_eq!(
        lines[3],
        format!("error: {policy}:3:1: unknown attribute `TOXCITY`; did you mean `TOXICITY`?")
    );
    assert!(lines[4].starts_with("error: ") && lines[4].contains(&model), "{}", lines[4]);
    assert_eq!(ran.out, "");
}

#[test]
fn no_command_starts_with_a_broken_file() {
    let folder = Folder::new();
    let config = folder.write("thresher.toml", "[limits]\nmax_text_byte = 5\n");
    let policy = folder.write("policy.toml", "[site.default]\nSPAM = { hold = 0.9, reject = 0.8 }\n");
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["moderate", "--text", "Hello"]] {
        run(&[command, &["--config", &config]].concat())
            .fails(64, &format!("{config}:2:1: unknown key `max_text_byte`; did you mean `max_text_bytes`?"));
        run(&[command, &["--policy", &policy]].concat())
            .fails(64, &format!("{policy}:2:31: SPAM: `hold` 0.9 is above `reject` 0.8"));
        let nowhere = folder.file("nowhere.toml");
        run(&[command, &["--config", &nowhere]].concat())
            .fails_like(64, &format!("{nowhere}: cannot be read: "));
        run(&[command, &["--policy", &nowhere]].concat())
            .fails_like(64, &format!("{nowhere}: cannot be read: "));
    }
}

#[test]
fn a_model_that_cannot_be_used_is_named() {
    let folder = Folder::new();
    for model in [folder.write("broken.safetensors", "no model"), folder.file("nowhere.safetensors")] {
        let ran = run(&["moderate", "--text", "Hello", "--model", &model]);
        assert!(ran.fails_like(1, "").err.contains(&model), "{ran:?}");
    }
}

#[test]
fn what_is_no_file_of_ours_is_refused_before_it_is_read_whole() {
    let folder = Folder::new();
    let long = folder.write("long.toml", "#".repeat((16 << 20) + 1));
    let told = |limit: u64| format!("{long}: cannot be read: it is over the limit of {limit} bytes");
    run(&["check-config", "--policy", &long]).fails(64, &told(16 << 20));
    run(&["check-config", "--config", &long]).fails(64, &told(1 << 20));
    // A line is a problem, and there are many.
    let lines: String = (0..100_000).map(|i| format!("key{i} = 1\n")).collect();
    let ran = run(&["check-config", "--policy", &folder.write("p.toml", format!("[site.default]\n{lines}"))]);
    assert_eq!((ran.code, ran.err.lines().count()), (64, 101), "{}", ran.err.lines().count());
    assert!(ran.err.trim_end().ends_with("and 99900 more problems"), "{}", ran.err.lines().last().unwrap());
    assert!(ran.err.lines().next().unwrap().contains(":2:1: unknown key `key0`"));
    let sites: String = (0..=10_000).map(|i| format!("[site.s{i}]\n")).collect();
    let ran = run(&["check-config", "--policy", &folder.write("s.toml", sites)]);
    assert!(ran.code == 64 && ran.err.contains(":10001:7: over the limit of 10000 sites"), "{ran:?}");
}
