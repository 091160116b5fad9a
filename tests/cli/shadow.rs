//! `thresher shadow report`.

use crate::support::{Folder, run};
use serde_json::json;

#[test]
fn samples_are_summed_up_for_people_and_in_json() {
    let folder = Folder::new();
    let side = |action: &str, rules: &[&str]| json!({ "action": action, "rules": rules, "scores": {}, "model_version": "m", "policy_version": "p" });
    let sample = |(compared, different): (u64, u64), site: &str, live, shadow| {
        let sample = json!({
            "time": "2026-01-01T00:00:00Z", "run": "r", "compared": compared, "different": different,
            "site": site,
            "comment_id": "c", "live": live, "shadow": shadow,
        });
        sample.to_string() + "\n"
    };
    let lines = [
        sample((150, 5), "news", side("PUBLISH", &[]), side("HOLD", &["SPAM.HOLD"])),
        sample((200, 6), "", side("HOLD", &["INSULT.HOLD"]), side("FLAG", &["links"])),
    ]
    .concat();
    let file = folder.write("shadow.jsonl", &lines);
    let ran = run(&["shadow", "report", &file]);
    let out = &ran.succeeds().out;
    assert!(
        out.starts_with(
            "200 comments compared, 6 would have been treated otherwise (3.00 %); 2 of them are in the samples\n"
        ),
        "{out}"
    );
    assert!(out.contains("\n  news             1         1       0           1                0\n"), "{out}");
    let answer = run(&["shadow", "report", &file, "--json"]).succeeds().answers().remove(0);
    assert_eq!((answer["compared"].as_u64(), answer["different"].as_u64()), (Some(200), Some(6)));
    assert_eq!(answer["all"]["different"], 2);
    assert_eq!(answer["rules"]["INSULT.HOLD"]["newly_published"], 1);
    assert_eq!(answer["attributes"]["SPAM"]["newly_held"], 1);
    // As a pattern for both names gives them.
    folder.write("shadow.jsonl.1", sample((100, 4), "", side("FLAG", &["links"]), side("PUBLISH", &[])));
    let both =
        run(&["shadow", "report", &file, &format!("{file}.1"), "--json"]).succeeds().answers().remove(0);
    assert_eq!(both["all"]["different"], 3);

    let bad = folder.write("bad.jsonl", format!("{lines}{{}}\n"));
    run(&["shadow", "report", &bad]).fails_like(1, &format!("{bad}:3: is no sample"));
    run(&["shadow", "report", "nowhere"]).fails_like(1, "nowhere: cannot be opened: ");
}
