use super::*;

const FILE: &str = "\
# ours
[site.default]
SPAM = { flag = 0.50, hold = 0.80 } # adverts

# Rude.
TOXICITY = { flag = 0.6 }
missing = { SPAM = \"HOLD\" }

[[site.default.rules]]
name = \"links\" # many
when = \"signal.links > 2\"
then = \"HOLD\"

# The news.
[site.news]
trust = { staff = true }
";

fn changed(site: &str, key: &str, to: &str) -> String {
    set(FILE, site, &key.parse().unwrap(), to, false).unwrap()
}

#[test]
fn one_thing_changes_and_all_else_stays() {
    for (site, key, to, old, new) in [
        ("default", "SPAM.HOLD", "0.85", "hold = 0.80 }", "hold = 0.85 }"),
        ("default", "spam.reject", "0.9", "hold = 0.80 }", "hold = 0.80, reject = 0.9 }"),
        ("default", "SPAM.FLAG", "off", "flag = 0.50", "flag = false"),
        ("default", "missing.SPAM", "FLAG", "\"HOLD\" }", "\"FLAG\" }"),
        (
            "default",
            "rules.links.enabled",
            "false",
            "then = \"HOLD\"\n",
            "then = \"HOLD\"\nenabled = false\n",
        ),
        ("default", "rules.links.when", "signal.links > 3", "links > 2", "links > 3"),
        ("news", "trust.approved_count", "5", "staff = true }", "staff = true, approved_count = 5 }"),
        ("default", "SPAM.HOLD", "inherit", "{ flag = 0.50, hold = 0.80 }", "{ flag = 0.50 }"),
        ("default", "TOXICITY.FLAG", "inherit", "TOXICITY = { flag = 0.6 }\n", ""),
        ("default", "missing.SPAM", "inherit", "missing = { SPAM = \"HOLD\" }\n", ""),
        (
            "news",
            "unfamiliar_language",
            "UNSCORED",
            "true }\n",
            "true }\nunfamiliar_language = \"UNSCORED\"\n",
        ),
    ] {
        assert_eq!(changed(site, key, to), FILE.replacen(old, new, 1), "{key} {to}");
    }
    assert_eq!(changed("news", "INSULT.HOLD", "inherit"), FILE);
    assert_eq!(changed("news", "trust.approved_count", "inherit"), FILE);
    let calibrated = changed("default", "calibration.spam.shift", "-0.5");
    assert_eq!(calibrated, FILE.replace("\n[[site", "calibration = { SPAM = { shift = -0.5 } }\n\n[[site"),);
    let key = "calibration.SPAM.shift".parse().unwrap();
    assert_eq!(set(&calibrated, "default", &key, "inherit", false).unwrap(), FILE);
}

#[test]
fn comments_outlast_what_they_stood_beside() {
    let file = "\
[site.default]
# All of ours.

# Adverts.
SPAM = { hold = 0.8 } # for now
# \"taken out\" is no mark.

# Staff.
[site.default.trust]
# They know.
staff = true
";
    let without =
        |file: &str, key: &str| set(file, "default", &key.parse().unwrap(), "inherit", false).unwrap();
    let rest = without(file, "SPAM.HOLD");
    assert_eq!(rest, file.replace("SPAM = { hold = 0.8 } # for now", "# for now"));
    assert_eq!(without(&rest, "trust.staff"), rest.replace("staff = true\n", ""));
    let dotted = "[site.default]\n# They know.\ntrust.staff = true\n";
    assert_eq!(without(dotted, "trust.staff"), "[site.default]\n# They know.\n");
}

#[test]
fn lines_end_as_they_did() {
    let windows = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));
    let key = "SPAM.HOLD".parse().unwrap();
    let expected = set(FILE, "news", &key, "0.7", false).unwrap();
    let made = set(&windows, "news", &key, "0.7", false).unwrap();
    assert_eq!(made, format!("\u{feff}{}", expected.replace('\n', "\r\n")));
}

#[test]
fn a_site_and_a_switch_of_its_own_are_made() {
    let made = changed("news", "rules.links.enabled", "false");
    assert!(made.ends_with("[[site.news.rules]]\nname = \"links\"\nenabled = false\n"), "{made}");
    let made = set(FILE, "sport.example", &"SPAM.HOLD".parse().unwrap(), "0.7", true).unwrap();
    assert!(made.ends_with("[site.\"sport.example\"]\nSPAM = { hold = 0.7 }\n"), "{made}");
}

#[test]
fn an_inline_site_gets_a_switch_of_its_own_too() {
    let off = |site: &str| {
        let key = "rules.a.enabled".parse().unwrap();
        set(&format!("[site.default]\n{site}\n"), "n", &key, "false", false).unwrap()
    };
    for (before, after) in [
        (
            "[site]\nn = { SPAM = { hold = 0.5 } } # ours",
            "[site]\nn = { SPAM = { hold = 0.5 }, rules = [{ name = \"a\", enabled = false }] } # ours",
        ),
        (
            "[site.n]\nrules = [{ name = \"b\", enabled = false }]",
            "[site.n]\nrules = [{ name = \"b\", enabled = false }, { name = \"a\", enabled = false }]",
        ),
    ] {
        assert_eq!(off(before), format!("[site.default]\n{after}\n"));
    }
}

#[test]
fn lines_that_say_something_else_stay_as_they_are_spelled() {
    let file = "\
[site.default]
SPAM = { hold = 0.8 }
[site.\"default\".trust]
staff = true

[[site.'default'.rules]]
name = \"links\"
when = \"signal.links > 2\"
then = \"HOLD\"";
    for (key, to, old, new) in [
        ("SPAM.HOLD", "0.7", "0.8", "0.7"),
        ("rules.links.then", "FLAG", "\"HOLD\"", "\"FLAG\"\n"),
        ("trust.staff", "inherit", "[site.\"default\".trust]\nstaff = true\n", ""),
        ("TOXICITY.HOLD", "0.7", "0.8 }\n", "0.8 }\nTOXICITY = { hold = 0.7 }\n"),
        ("rules.links.mode", "shadow", "\"HOLD\"", "\"HOLD\"\nmode = \"shadow\"\n"),
    ] {
        let made = set(file, "default", &key.parse().unwrap(), to, false).unwrap();
        assert_eq!(made, file.replacen(old, new, 1), "{key} {to}");
    }
}

#[test]
fn the_comment_at_the_head_stays_there() {
    let rules = "[[site.default.rules]]\nname = \"links\"\nenabled = false\n";
    let made = |head: &str| {
        let file = format!("{head}{rules}");
        set(&file, "default", &"SPAM.HOLD".parse().unwrap(), "0.8", false).unwrap()
    };
    let new = "[site.default]\nSPAM = { hold = 0.8 }\n";
    for (head, comment) in
        [("# Ours.\n#\n\n", ""), ("# Ours.\n\n# More of it.\n\n", "# Links.\n"), ("", "# Links.\n"), ("", "")]
    {
        assert_eq!(made(&format!("{head}{comment}")), format!("{head}{new}\n{comment}{rules}"));
    }
}

#[test]
fn what_is_not_there_is_named() {
    for (key, message) in [
        ("SPAM.HOULD", "unknown key `SPAM.HOULD`: no `HOULD`; did you mean `HOLD`?"),
        ("SPA.HOLD", "unknown key `SPA.HOLD`: no `SPA`; did you mean `SPAM`?"),
        ("trust.staf", "unknown key `trust.staf`: no `staf`; did you mean `staff`?"),
        (
            "rules.links",
            "`rules.links` is none of ATTRIBUTE.ACTION (SPAM.HOLD), missing.ATTRIBUTE, trust.KEY, fail.KEY, \
             calibration.ATTRIBUTE.KEY, unfamiliar_language and rules.NAME.KEY",
        ),
    ] {
        assert_eq!(key.parse::<Key>().unwrap_err().to_string(), message);
    }
    let error =
        |site, key: &str| set(FILE, site, &key.parse().unwrap(), "0.5", false).unwrap_err().to_string();
    assert_eq!(error("nes", "SPAM.HOLD"), "no site `nes` in the file; did you mean `news`?");
    assert_eq!(error("news", "rules.links.priority"), "site `news` says no rule `links` itself");
}
