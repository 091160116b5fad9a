//! What is read is never what is written over.

use crate::support::{Folder, HOLD_ALL, comments, run};
use std::path::Path;

/// The command is refused for one file under two options, and leaves the files
/// as they are.
#[track_caller]
fn refused(folder: &Folder, arguments: &[&str], written: &str, read: &str) {
    let contents =
        || folder.names().iter().map(|name| std::fs::read(folder.file(name)).unwrap()).collect::<Vec<_>>();
    let (names, before) = (folder.names(), contents());
    run(arguments).fails(64, &format!("{written} would overwrite {read}, which is the same file"));
    assert_eq!((folder.names(), contents()), (names, before));
}

#[test]
fn no_command_writes_over_what_it_reads() {
    let folder = Folder::new();
    let data = folder.write("d.jsonl", comments(3));
    let threads = folder.write("d.threads.jsonl", "");
    let list = folder.write("words.txt", "casino\n");
    let rule = "[lists.words]\nkind = \"words\"\nfile = \"words.txt\"\n[[site.default.rules]]\nname = \"words\"\n\
                when = \"list.words\"\nthen = \"HOLD\"\n";
    let policy = folder.write("p.toml", [HOLD_ALL, rule].concat());
    let config = folder.write("t.toml", "policy = \"p.toml\"\n");
    let model = folder.write("m.safetensors", "no model");
    // However the same file is spelled.
    let roundabout = Path::new(&folder.file(".")).join("p.toml").display().to_string();

    let backtest = |more: &[&str], report: &str, read: &str| {
        let all = [&["backtest", "--data", &data, "--report", report], more].concat();
        refused(&folder, &all, &format!("--report {report}"), read);
    };
    backtest(&["--policy", "strict"], &data, &format!("--data {data}"));
    backtest(&["--policy", "strict"], &threads, &format!("the threads beside --data {threads}"));
    backtest(&["--policy", &policy], &policy, &format!("--policy {policy}"));
    backtest(&["--policy", &policy], &roundabout, &format!("--policy {policy}"));
    backtest(&["--policy", &policy], &list, &format!("the policy's list {list}"));
    backtest(&["--policy", "strict", "--against", &policy], &policy, &format!("--against {policy}"));
    backtest(&["--model", &model], &model, &format!("--model {model}"));
    backtest(&["--policy", "strict", "--config", &config], &config, &format!("--config {config}"));
    let of_config = format!("the configuration's policy {policy}");
    backtest(&["--policy", "strict", "--config", &config], &policy, &of_config);
    let folded = folder.path().to_str().unwrap();
    let all = ["backtest", "--data", folded, "--policy", "strict", "--report", &data];
    refused(&folder, &all, &format!("--report {data}"), &format!("--data {data}"));

    let moderate = |more: &[&str], output: &str, read: &str| {
        let all = [&["moderate", "--input", &data, "--output", output], more].concat();
        refused(&folder, &all, &format!("--output {output}"), read);
    };
    moderate(&[], &data, &format!("--input {data}"));
    moderate(&["--threads", &threads], &threads, &format!("--threads {threads}"));
    moderate(&["--policy", &policy], &policy, &format!("--policy {policy}"));
    moderate(&["--policy", &policy], &list, &format!("the policy's list {list}"));
    moderate(&["--model", &model], &model, &format!("--model {model}"));
    moderate(&["--config", &config], &config, &format!("--config {config}"));
    moderate(&["--config", &config], &policy, &of_config);

    let import = |keys: &str, output: &str, written: &str| {
        let all = ["lists", "import", "--wordpress", keys, "--output", output];
        refused(&folder, &all, written, &format!("--wordpress {keys}"));
    };
    import(&list, &list, &format!("--output {list}"));
    let email = folder.write("keys-email.txt", "@mail.example\n");
    let beside = format!("the e-mail domains of --output {email}");
    import(&email, &folder.file("keys.txt"), &beside);
}

#[test]
#[cfg(unix)]
fn links_lead_to_the_same_file() {
    let folder = Folder::new();
    let (data, link) = (folder.write("d.jsonl", comments(1)), folder.file("link.jsonl"));
    std::os::unix::fs::symlink(&data, &link).unwrap();
    let all = ["moderate", "--input", &data, "--output", &link];
    refused(&folder, &all, &format!("--output {link}"), &format!("--input {data}"));
    // Standard input from the file is reading it.
    let script = format!("{} moderate --input - --output {data} < {data}", env!("CARGO_BIN_EXE_thresher"));
    let ran = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(ran.status.code(), Some(64), "{ran:?}");
    // What is another file is written.
    run(&["moderate", "--input", &link, "--output", &folder.file("out.jsonl")]).succeeds();
}
