//! `thresher lists`: lists of other programs.

use crate::support::{Folder, run};

#[test]
fn the_keys_of_wordpress_become_a_list_and_a_rule() {
    let folder = Folder::new();
    let keys = folder.write("keys.txt", "casino\r\n@mail.example\n\ncasino\n#top\nbob@post.example\n");
    let output = folder.file("disallowed.txt");
    let ran = run(&["lists", "import", "--wordpress", &keys, "--output", &output, "--then", "hold"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let notes: Vec<&str> = ran.err.lines().collect();
    assert!(notes[0].starts_with(&format!("note: {keys}:5: left out: begins with #")), "{notes:?}");
    assert!(notes[1].starts_with(&format!("note: {keys}:6: is looked for in texts;")), "{notes:?}");
    assert!(
        notes[2].ends_with("3 keys taken over, 1 of them as e-mail domains too; 1 left out, 1 repeated"),
        "{notes:?}"
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("disallowed.txt"), "# From keys.txt.\ncasino\n@mail.example\nbob@post.example\n");
    assert_eq!(read("disallowed-email.txt"), "# From keys.txt.\nmail.example\n");

    // What it says to add to a policy works.
    let policy = folder.write("policy.toml", format!("[site.default]\n{}", ran.out));
    let judged = run(&["moderate", "--text", "Our supercasinos are open.", "--policy", &policy, "--json"]);
    let answer = &judged.succeeds().answers()[0];
    let reason = &answer["reasons"][0];
    assert_eq!((answer["action"].as_str(), reason["rule"].as_str()), (Some("HOLD"), Some("disallowed")));
    assert_eq!(reason["list_hits"][0]["entry"], "casino");
}

#[test]
fn what_cannot_be_taken_over_writes_nothing() {
    let folder = Folder::new();
    let output = folder.file("out.txt");
    let import = |keys: &str, more: &[&str]| {
        run(&[&["lists", "import", "--wordpress", keys, "--output", &output], more].concat())
    };
    import("nowhere.txt", &[]).fails_like(1, "nowhere.txt: cannot be read");
    let empty = folder.write("empty.txt", "\n#only\n");
    import(&empty, &[]).fails(1, &format!("{empty}: holds no key that could be taken over"));
    let latin = folder.write("latin.txt", b"caf\xe9\n");
    import(&latin, &[]).fails(1, &format!("{latin}: is not UTF-8 from byte 3 on"));
    let keys = folder.write("keys.txt", "casino\n");
    let name = "--name: list name `two words` must be 1 to 64 letters, digits, underscores, no digit or hyphen first";
    import(&keys, &["--name", "two words"]).fails(64, name);
    run(&["lists", "import", "--wordpress", &keys, "--output", "-"])
        .fails(64, "--output needs a file: the standard output has the policy's lines");
    assert!(!folder.names().contains(&"out.txt".to_owned()));
}
