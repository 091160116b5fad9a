//! `thresher policy`: shows, compares and changes policy files.

use crate::support::{Folder, finished, run, thresher};
use serde_json::json;
use std::process::Stdio;

const POLICY: &str = "\
# Ours.
[lists.shops]
kind = \"domains\"
entries = [\"shop.example\"]

[site.default]
SPAM = { flag = 0.50, hold = 0.80 } # adverts
trust = { approved_count = 5 }
unfamiliar_language = \"UNSCORED\"

[[site.default.rules]]
name = \"shops\"
when = \"list.shops\"
then = \"HOLD\"

[site.news]
SPAM = { hold = 0.9 }
calibration.SPAM.shift = 0.71
";

fn policy(arguments: &[&str]) -> crate::support::Ran {
    run(&[&["policy"], arguments].concat())
}

#[test]
fn what_is_in_force_is_shown_with_its_place() {
    let folder = Folder::new();
    let file = folder.write("p.toml", POLICY);
    let shown = policy(&["show", "news", "--policy", &file]);
    let out = &shown.succeeds().out;
    let line = |key: &str| out.lines().find(|line| line.trim_start().starts_with(key)).unwrap_or_default();
    assert!(line("SPAM.FLAG").starts_with("  SPAM.FLAG               0.5  "), "{out}");
    assert!(line("SPAM.FLAG").ends_with(&format!("  {file}:7 (site default)")), "{out}");
    assert!(line("SPAM.HOLD").ends_with(&format!("{file}:17")), "{out}");
    assert!(line("rules.shops").contains("HOLD when list.shops"), "{out}");
    assert!(line("lists.shops").contains("1 entry, digest "), "{out}");
    assert!(line("lists.shops").ends_with(&format!("{file}:2")), "{out}");
    assert!(line("calibration.SPAM.shift").ends_with(&format!("{file}:18")), "{out}");
    assert!(line("calibration.SPAM.scale").starts_with("  calibration.SPAM.scale  1  "), "{out}");
    let unfamiliar = line("unfamiliar_language");
    assert!(unfamiliar.contains("  UNSCORED  ") && unfamiliar.ends_with(":9 (site default)"), "{out}");
    assert!(!out.contains("INSULT") && !out.contains("trust.staff"), "{out}");

    let all = policy(&["show", "news", "--policy", &file, "--all"]);
    assert!(all.succeeds().out.contains("trust.staff"), "{}", all.out);
    let answer = policy(&["show", "news", "--policy", &file, "--json"]).answers().remove(0);
    let settings = answer["settings"].as_array().unwrap();
    let find = |key: &str| settings.iter().find(|setting| setting["key"] == key).unwrap();
    assert_eq!(
        *find("SPAM.FLAG"),
        json!({ "key": "SPAM.FLAG", "value": "0.5", "from": file, "line": 7, "site": "default" })
    );
    assert_eq!(find("trust.staff")["from"], "default");
    let places = ["lists.shops", "calibration.SPAM.shift"]
        .map(|key| (&find(key)["from"], &find(key)["line"], &find(key)["site"]));
    assert_eq!(places[0], (&json!(file), &json!(2), &json!(null)));
    assert_eq!(places[1], (&json!(file), &json!(18), &json!("news")));
    assert_eq!(find("calibration.THREAT.shift")["from"], "default");
    let preset = policy(&["show", "--policy", "strict"]);
    assert!(preset.succeeds().out.contains("preset strict:"), "{}", preset.out);
}

#[test]
fn lists_that_win_over_others_are_shown_and_told_apart() {
    let folder = Folder::new();
    let allowing = |entry: &str| {
        let list = format!("\n[lists.ours]\nkind = \"domains\"\nallow = true\nentries = [\"{entry}\"]\n");
        folder.write(&format!("{entry}.toml"), [POLICY, &list].concat())
    };
    let [a, b] = ["a.example", "b.example"].map(allowing);
    let shown = policy(&["show", "news", "--policy", &a]).succeeds().out.clone();
    assert!(shown.contains("lists.ours") && shown.contains("1 entry, allow, digest "), "{shown}");
    let told = policy(&["diff", &a, &b]).out;
    assert!(told.contains("lists.ours") && !told.contains("lists.shops"), "{told}");
}

#[test]
fn a_change_is_checked_written_and_told_in_one_line() {
    let folder = Folder::new();
    let file = folder.write("p.toml", POLICY);
    let set = |arguments: &[&str]| policy(&[&["set"], arguments, &["--policy", &file]].concat());
    let read = || std::fs::read_to_string(&file).unwrap();

    let ran = set(&["news", "SPAM.HOLD", "0.85"]);
    let line = ran.succeeds().out.clone();
    assert!(line.starts_with(&format!("{file}: site news: SPAM.HOLD 0.9 → 0.85; policy ")), "{line}");
    assert_eq!(line.lines().count(), 1);
    assert_eq!(read(), POLICY.replace("hold = 0.9 ", "hold = 0.85 "));
    // The version that is told is the one that is in force.
    let version = line.trim_end().rsplit(' ').next().unwrap();
    let shown = policy(&["show", "news", "--policy", &file]);
    assert!(shown.out.starts_with(&format!("site news, policy {version}\n")), "{}", shown.out);

    let ran = set(&["news", "calibration.SPAM.scale", "0.9"]);
    assert!(ran.succeeds().out.contains("site news: calibration.SPAM.scale 1 → 0.9; policy "), "{}", ran.out);
    set(&["news", "calibration.SPAM.scale", "11"]).fails(
        64,
        &format!("{file}: calibration.SPAM.scale 11 of site news: `scale` is 11, outside 0.1..=10"),
    );
    for key in ["calibration.SPAM.shift", "fail.model"] {
        set(&["news", key, "off"]).fails_like(64, &format!("{file}: {key} off of site news: `"));
    }
    set(&["news", "calibration.SPAM.scale", "inherit"]).succeeds();

    // What others inherit changes for them too.
    let ran = set(&["default", "rules.shops.mode", "shadow", "--json"]);
    let answer = ran.succeeds().answers().remove(0);
    let sites: Vec<_> = answer["sites"].as_array().unwrap().iter().map(|site| site["site"].clone()).collect();
    assert_eq!(sites, [json!("default"), json!("news")]);
    assert_eq!(answer["written"], true);

    let before = read();
    set(&["default", "SPAM.HOLD", "0.3"])
        .fails_like(64, &format!("{file}: SPAM.HOLD 0.3 of site default: SPAM: "));
    // Here it is another line that disagrees, too, which the file has.
    let ran = set(&["default", "SPAM.FLAG", "0.95"]);
    let (code, line) = (ran.code, before.lines().position(|line| line.contains("hold = 0.85")).unwrap() + 1);
    assert!(code == 64 && ran.err.contains(&format!("{file}:{line}:")), "{ran:?}");
    set(&["default", "SPAM.HOLD", "1.5"])
        .fails(64, &format!("{file}: SPAM.HOLD 1.5 of site default: `hold` is 1.5, outside 0..=1"));
    set(&["nws", "SPAM.HOLD", "0.5"]).fails(
        64,
        &format!("{file}: no site `nws` in the file; did you mean `news`? (--new-site makes one)"),
    );
    set(&["news", "SPAM.HOULD", "0.5"]).fails_like(64, "invalid value 'SPAM.HOULD'");
    let dry = set(&["news", "SPAM.HOLD", "0.7", "--dry-run"]);
    assert!(dry.succeeds().out.ends_with("(not written)\n"), "{}", dry.out);
    let same = set(&["news", "SPAM.HOLD", "0.85"]);
    assert!(same.succeeds().out.contains("nothing to change"), "{}", same.out);
    assert_eq!(read(), before);
    // The lock stays, so that all who change the file wait for the same one.
    assert_eq!(folder.names(), ["p.toml", "p.toml.lock"]);

    policy(&["set", "default", "SPAM.HOLD", "0.5", "--policy", "strict"])
        .fails_like(64, "the policy inside the binary cannot be changed");
}

#[test]
fn policies_are_compared_by_what_is_in_force() {
    let folder = Folder::new();
    let old = folder.write("old.toml", POLICY);
    let rewritten = POLICY.replace("# Ours.\n", "").replace("hold = 0.80", "hold = 0.8000");
    let same = policy(&["diff", &old, &folder.write("same.toml", rewritten)]);
    assert!(same.succeeds().out.ends_with("say the same\n"), "{}", same.out);

    let changed = POLICY
        .replace("flag = 0.50", "flag = 0.40")
        .replace("\"shop.example\"", "\"shop.example\", \"b.example\"");
    let new = folder.write("new.toml", changed + "[site.sport]\nINSULT = { hold = 0.9 }\n");
    let out = policy(&["diff", &old, &new]).succeeds().out.clone();
    let heads: Vec<&str> = out.lines().filter(|line| line.starts_with("site ")).collect();
    assert!(heads[0].starts_with("site default: policy "), "{out}");
    assert_eq!(heads.len(), 3, "{out}");
    assert!(out.contains(&format!("0.5 → 0.4         {old}:7 → {new}:7\n")), "{out}");
    assert!(out.contains("lists.shops"), "{out}");
    let answer = policy(&["diff", &old, &new, "--json"]).answers().remove(0);
    let sport = &answer["sites"][2];
    assert_eq!((sport["site"].as_str(), sport["changes"].as_array().unwrap().len()), (Some("sport"), 3));
    let presets = policy(&["diff", "balanced", "strict"]);
    assert!(presets.succeeds().out.contains("0.8 → 0.5"), "{}", presets.out);
}

#[test]
fn another_order_and_another_kind_are_no_same_policy() {
    let folder = Folder::new();
    let rule = |name: &str, when: &str, then: &str| {
        format!(
            "[[site.default.rules]]\nname = \"{name}\"\nwhen = \"{when}\"\nthen = \"{then}\"\nfinal = true\n"
        )
    };
    let first = rule("first", "comment.is_reply", "FLAG");
    let pass = rule("pass", "comment.length > 3", "PUBLISH");
    let drop = rule("drop", "comment.length > 5", "DISCARD");
    let old = folder.write("old.toml", ["[site.default]\n", &first, &pass, &drop].concat());
    let new = folder.write("new.toml", ["[site.default]\n", &first, &drop, &pass].concat());
    let action = |file: &str| {
        run(&["moderate", "--text", "A long comment.", "--policy", file, "--json"]).answers()[0]["action"]
            .clone()
    };
    assert_eq!((action(&old), action(&new)), (json!("PUBLISH"), json!("DISCARD")));
    let out = policy(&["diff", &old, &new]).succeeds().out.clone();
    assert!(out.contains(&format!("  rules  pass, drop → drop, pass  {old}:8 → {new}:8\n")), "{out}");
    let changes = policy(&["diff", &old, &new, "--json"]).answers()[0]["sites"][0]["changes"].clone();
    assert_eq!(
        changes,
        json!([{
            "key": "rules",
            "old": { "value": "pass, drop", "line": 8, "site": "default" },
            "new": { "value": "drop, pass", "line": 8, "site": "default" },
        }])
    );
    // A rule that only one of them has moves no other.
    let more = folder.write("more.toml", ["[site.default]\n", &pass, &first, &drop].concat());
    let fewer = folder.write("fewer.toml", ["[site.default]\n", &pass, &drop].concat());
    let out = policy(&["diff", &more, &fewer]).succeeds().out.clone();
    assert!(out.contains("rules.first") && !out.contains("  rules  "), "{out}");

    let words = folder.write("words.toml", POLICY.replace("\"domains\"", "\"words\""));
    let out = policy(&["diff", &folder.write("domains.toml", POLICY), &words]).succeeds().out.clone();
    assert!(out.contains("lists.shops  domains, 1 entry, digest "), "{out}");
    assert!(out.contains(" → words, 1 entry, digest "), "{out}");
}

#[test]
fn the_examples_of_the_documentation_work_on_the_shipped_policy() {
    let folder = Folder::new();
    let shipped = include_str!("../../config/policy.toml");
    folder.write("policy.toml", shipped);
    folder.write("new.toml", shipped);
    let documentation = include_str!("../../docs/policy.md");
    let (_, section) = documentation.split_once("## On the command line").unwrap();
    let examples =
        section.split("```").nth(1).unwrap().lines().filter_map(|line| line.strip_prefix("thresher "));
    let mut count = 0;
    for example in examples {
        let mut command = thresher(&example.split_whitespace().collect::<Vec<_>>());
        let ran = finished(command.current_dir(folder.path()).output().unwrap());
        assert_eq!(ran.code, 0, "{example}: {ran:?}");
        count += 1;
    }
    assert!(count >= 4, "{count}");
}

#[test]
fn changes_at_the_same_time_wait_for_one_another() {
    let folder = Folder::new();
    let file = folder.write("policy.toml", "[site.default]\nSPAM = { hold = 0.5 }\n");
    let attributes = ["SPAM", "TOXICITY", "INSULT", "PROFANITY", "THREAT", "IDENTITY_ATTACK"];
    let changes: Vec<(String, &str)> = attributes
        .iter()
        .flat_map(|name| [(format!("{name}.FLAG"), "0.25"), (format!("{name}.REJECT"), "0.75")])
        .collect();
    let set = |(key, value): &(String, &str)| {
        let arguments = ["policy", "set", "default", key, value, "--policy", &file];
        thresher(&arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = changes.iter().map(set).collect();
    for child in running {
        finished(child.wait_with_output().unwrap()).succeeds();
    }
    let shown = policy(&["show", "default", "--policy", &file, "--json"]).answers().remove(0);
    let settings = shown["settings"].as_array().unwrap();
    for (key, value) in changes {
        let setting = settings.iter().find(|setting| setting["key"] == key.as_str()).unwrap();
        assert_eq!(setting["value"], value, "{key} is lost");
    }
}
