//! Making, listing, revoking and rotating keys.

use crate::support::{Folder, run};
use serde_json::Value;

/// The key on the standard output and its id.
fn key(out: &str) -> (String, String) {
    let key = out.strip_suffix('\n').unwrap();
    assert!(key.starts_with("thr_") && key.len() == 77 && !key.contains(char::is_whitespace), "{key}");
    (key.to_owned(), key[4..12].to_owned())
}

fn list(file: &str) -> Vec<Value> {
    let ran = run(&["keys", "list", "--json", "--file", file]);
    serde_json::from_str::<Value>(&ran.succeeds().out).unwrap().as_array().unwrap().clone()
}

#[test]
fn a_key_is_shown_once_and_listed_rotated_and_revoked_by_its_id() {
    let folder = Folder::new();
    let file = folder.file("keys.toml");
    let ran = run(&["keys", "create", "--site", "news", "--role", "moderate", "--file", &file]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let (first, id) = key(&ran.out);
    assert_eq!(ran.err, format!("note: key {id} for site news in role moderate; it is not shown again\n"));

    let ran = run(&["keys", "rotate", &id, "--overlap", "90m", "--file", &file]);
    let (second, new) = key(&ran.out);
    assert!(ran.err.contains(&format!("the old one, {id}, ends at ")), "{}", ran.err);
    let listed = list(&file);
    assert_eq!(listed.len(), 2);
    for entry in &listed {
        let expected = [("site", "news"), ("role", "moderate")];
        assert!(expected.iter().all(|(field, value)| entry[field] == **value), "{entry}");
        assert_eq!(entry["expires"].is_string(), entry["id"] == *id);
        assert_eq!(entry["expired"], false);
    }

    let revoked = run(&["keys", "revoke", &id, "--file", &file]);
    assert_eq!(revoked.succeeds().out, format!("revoked {id}, for site news in role moderate\n"));
    // The whole key will do in the place of its id, and is not repeated.
    run(&["keys", "revoke", &first, "--file", &file]).fails(1, &format!("no key has the id {id}"));
    let table = run(&["keys", "list", "--file", &file]);
    let lines: Vec<&str> = table.succeeds().out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", table.out);
    assert!(lines[0].starts_with("id        site  role      created") && lines[1].starts_with(&new));

    let kept = std::fs::read_to_string(&file).unwrap() + table.out.as_str();
    for key in [first, second] {
        assert!(!kept.contains(&key[13..]));
    }
}

#[test]
fn the_file_may_be_that_of_the_configuration() {
    let folder = Folder::new();
    let config = folder.write("thresher.toml", "keys.file = \"keys.toml\"\n");
    // Nothing starts without the file that is named.
    let missing = run(&["check-config", "--config", &config]);
    missing.fails_like(64, &format!("{}: cannot be read: ", folder.file("keys.toml")));
    let ran = run(&["keys", "create", "--site", "*", "--role", "admin", "--config", &config]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(list(&folder.file("keys.toml"))[0]["site"], "*");
    let checked = run(&["check-config", "--config", &config]);
    assert!(checked.succeeds().out.contains("keys    1 ("), "{}", checked.out);
}

#[test]
fn what_is_wrong_is_told_in_one_line() {
    let folder = Folder::new();
    let file = folder.file("keys.toml");
    run(&["keys"]).fails(64, "an action is needed: create, list, revoke or rotate (see keys --help)");
    run(&["keys", "list"]).fails_like(64, "which file? name it with --file");
    run(&["keys", "list", "--file", &file]).fails_like(64, &format!("{file}: cannot be read: "));
    run(&["keys", "revoke", "0000000f", "--file", &file])
        .fails_like(64, &format!("{file}: cannot be read: "));
    let site = &["keys", "create", "--site", "a b", "--role", "admin", "--file", &file];
    run(site).fails_like(64, "invalid value 'a b' for '--site <SITE>'");
    let role = &["keys", "create", "--site", "a", "--role", "boss", "--file", &file];
    run(role).fails_like(64, "invalid value 'boss' for '--role <ROLE>'");
    let nowhere = folder.file("no/keys.toml");
    let create = &["keys", "create", "--site", "a", "--role", "admin", "--file", &nowhere];
    run(create).fails_like(1, &format!("{nowhere}: cannot be written: "));
    let broken = folder.write("broken.toml", "[[key]]\nid = 7\n");
    let ran = run(&["keys", "list", "--file", &broken]);
    assert!(
        ran.code == 64 && ran.err.contains(&format!("{broken}:2:6: `id` must be a string")),
        "{}",
        ran.err
    );
    assert_eq!(folder.names(), ["broken.toml"]);
}
