use super::*;
use crate::comment::Comment;
use crate::model::Model;
use crate::moderator::{Ask, Moderator, Scratch};
use crate::policy::Policies;
use std::fs;
use std::path::Path;

/// Judges as many comments, notes them all, and waits for them to be written.
fn noted(options: &AuditOptions, comments: usize, site: &str) -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::new());
    let log = AuditLog::open(options.clone(), Arc::clone(&metrics)).unwrap();
    note(&log, comments, site);
    drop(log);
    metrics
}

/// Judges as many comments, and notes them all.
fn note(log: &AuditLog, comments: usize, site: &str) {
    let moderator = Moderator::new(Model::shipped().unwrap());
    let policies = Policies::parse("[site.default]\nSPAM = { hold = 0 }\n", "the test's policies").unwrap();
    let mut scratch = Scratch::default();
    for i in 0..comments {
        let comment = Comment::new("xyzzytext about the roses", 1_000).unwrap();
        let assessment = moderator.assess(&comment, None, policies.site(""), Ask::default(), &mut scratch);
        let id = format!("a{i}");
        let model_version = moderator.model().version();
        let policy_version = policies.site("").version();
        log.note(Answered { assessment_id: &id, site, model_version, policy_version }, assessment);
    }
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn options(file: PathBuf) -> AuditOptions {
    AuditOptions { file, one_in: 1, max_bytes: 1 << 20, keep: 2 }
}

#[test]
fn a_line_says_what_was_answered_and_not_to_what() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let metrics = noted(&options(file.clone()), 3, "news");
    let lines = lines(&file);
    assert_eq!(lines.len(), 3);
    let line = &lines[1];
    assert_eq!((&line["assessment_id"], &line["site"]), (&"a1".into(), &"news".into()));
    assert_eq!((&line["action"], &line["reasons"][0]), (&"HOLD".into(), &"SPAM.HOLD".into()));
    assert!(line["scores"]["TOXICITY"].is_number() && line["scores"]["OFF_TOPIC"].is_null());
    let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
    let known = [
        "action",
        "assessment_id",
        "language_code",
        "model_version",
        "policy_version",
        "reasons",
        "scores",
        "site",
        "time",
    ];
    assert_eq!(keys, known);
    assert!(line["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(!fs::read_to_string(&file).unwrap().contains("xyzzytext"));
    assert!(metrics.render().contains("thresher_audit_lines_total{outcome=\"written\"} 3"));
}

#[test]
fn what_a_site_made_of_the_scores_stands_beside_what_the_model_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let moderator = Moderator::new(Model::shipped().unwrap());
    let policies =
        Policies::parse("[site.default.calibration]\nSPAM = { shift = 2.0 }\n", "a policy").unwrap();
    let log = AuditLog::open(options(file.clone()), Arc::default()).unwrap();
    let comment = Comment::new("Thank you, that was a good read.", 1_000).unwrap();
    let mut scratch = Scratch::default();
    let assessment = moderator.assess(&comment, None, policies.site(""), Ask::default(), &mut scratch);
    let answered = Answered { assessment_id: "a", site: "", model_version: "m", policy_version: "p" };
    log.note(answered, assessment);
    drop(log);
    let line = &lines(&file)[0];
    let (said, made) = (&line["model_scores"], &line["scores"]);
    assert!(said["SPAM"].as_f64().unwrap() < made["SPAM"].as_f64().unwrap());
    assert_eq!(said["TOXICITY"], made["TOXICITY"]);
}

#[test]
fn one_in_so_many_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    noted(&AuditOptions { one_in: 4, ..options(file.clone()) }, 10, "");
    let ids: Vec<String> =
        lines(&file).iter().map(|line| line["assessment_id"].as_str().unwrap().into()).collect();
    assert_eq!(ids, ["a0", "a4", "a8"]);
    assert_eq!(lines(&file)[0]["site"], "default");
}

#[test]
fn it_never_takes_more_room_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let bounded = AuditOptions { max_bytes: 2_000, ..options(file.clone()) };
    noted(&bounded, 40, "");
    // Another run goes on with the same files.
    noted(&bounded, 5, "");
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.lock"]);
    for name in &names[..3] {
        let path = folder.path().join(name);
        assert!(fs::metadata(&path).unwrap().len() <= 2_000);
        assert!(!lines(&path).is_empty());
    }
    assert_eq!(lines(&file).last().unwrap()["assessment_id"], "a4");
    let none = AuditOptions { max_bytes: 600, keep: 0, ..options(folder.path().join("one.jsonl")) };
    noted(&none, 10, "");
    assert_eq!(lines(&none.file).last().unwrap()["assessment_id"], "a9");
    assert!(!folder.path().join("one.jsonl.1").exists());
}

#[test]
fn what_cannot_be_opened_is_told_and_what_cannot_be_written_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let missing = options(folder.path().join("no/such/audit.jsonl"));
    assert!(AuditLog::open(missing, Arc::default()).is_err());
    #[cfg(target_os = "linux")]
    {
        let full = options("/dev/full".into());
        let metrics = noted(&full, 2, "");
        assert!(metrics.render().contains("thresher_audit_lines_total{outcome=\"failed\"} 2"));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_takes_nothing_costs_lines_and_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    // A pipe that nobody reads takes some lines and then no more.
    assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
    let path = file.clone();
    let reader = thread::spawn(move || fs::File::open(path).unwrap());
    let metrics = Arc::new(Metrics::new());
    let log = AuditLog::open(options(file), Arc::clone(&metrics)).unwrap();
    let pipe = reader.join().unwrap();
    let all = 2 * MAX_WAITING + 1_000;
    // This would not return if a line ever waited.
    note(&log, all, "");
    let told = |name: &str| -> usize {
        let text = metrics.render();
        text.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.parse().unwrap())
    };
    let counted = |outcome: &str| told(&format!("thresher_audit_lines_total{{outcome=\"{outcome}\"}} "));
    let waiting = || told("thresher_audit_lines_waiting ");
    // Those in the queue, and the one that is being written.
    assert!((MAX_WAITING..=MAX_WAITING + 1).contains(&waiting()), "{} wait", waiting());
    let dropped = counted("dropped");
    assert!(dropped > 0, "{all} lines waited");
    let read = thread::spawn(move || io::read_to_string(pipe).unwrap().lines().count());
    drop(log);
    assert_eq!(read.join().unwrap() + dropped, all);
    assert_eq!(counted("written") + dropped, all);
    assert_eq!(waiting(), 0);
}

#[test]
fn two_that_write_one_file_lose_nothing_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    const LINE: u64 = 10;
    const LINES: u64 = 100;
    let write = &|name: char| {
        let mut file = Rotating::open(path.clone(), 5 * LINE, 1_000).unwrap();
        (0..LINES).for_each(|i| file.append(format!("{name}{i:08}\n").as_bytes()).unwrap());
    };
    thread::scope(|scope| {
        for name in ['a', 'b'] {
            scope.spawn(move || write(name));
        }
    });

    let mut written: Vec<String> = Vec::new();
    for file in fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        // Each may look before the other has written.
        assert!(text.len() as u64 <= 6 * LINE, "{}", file.display());
        written.extend(text.lines().map(str::to_owned));
    }
    written.sort_unstable();
    let expected = ['a', 'b'].into_iter().flat_map(|name| (0..LINES).map(move |i| format!("{name}{i:08}")));
    assert!(written.iter().eq(&expected.collect::<Vec<_>>()), "{} lines", written.len());
}
