use super::*;
use std::fs;

const NOW: SystemTime = UNIX_EPOCH;

fn after(seconds: u64) -> SystemTime {
    NOW + Duration::from_secs(seconds)
}

fn site(name: &str) -> Scope {
    name.parse().unwrap()
}

fn problems(source: &str) -> String {
    Keys::parse(source, "keys.toml").unwrap_err().to_string()
}

/// Keys with one key of each role, and those.
fn some() -> (Keys, [Secret; 3]) {
    let mut keys = Keys::default();
    let secrets = [0; 3].map(|_| Secret::generate().unwrap());
    for ((secret, role), at) in secrets.iter().zip(Role::ALL).zip(1..) {
        keys.add(secret, site("news.example"), role, after(at)).unwrap();
    }
    (keys, secrets)
}

#[test]
fn a_key_is_found_by_itself_alone() {
    let (keys, secrets) = some();
    for (secret, role) in secrets.iter().zip(Role::ALL) {
        let key = keys.find(secret.reveal(), NOW).unwrap();
        assert_eq!((key.id, key.role), (secret.id(), role));
        // The right id with another secret.
        let mut forged = secret.reveal().to_owned();
        let last = if forged.pop() == Some('0') { '1' } else { '0' };
        forged.push(last);
        assert_eq!(keys.find(&forged, NOW), None);
    }
    let stranger = Secret::generate().unwrap();
    for other in ["", "thr_", &secrets[0].id().to_string(), stranger.reveal()] {
        assert_eq!(keys.find(other, NOW), None);
    }
}

#[test]
fn a_revoked_key_is_gone() {
    let (mut keys, secrets) = some();
    let [first, second, _] = &secrets;
    assert_eq!(keys.revoke(first.id()).unwrap().role, Role::Moderate);
    assert_eq!(keys.find(first.reveal(), NOW), None);
    assert!(keys.find(second.reveal(), NOW).is_some());
    let again = keys.revoke(first.id()).unwrap_err().to_string();
    assert_eq!(again, format!("no key has the id {}", first.id()));
}

#[test]
fn a_rotated_key_lives_on_for_the_overlap_and_no_longer() {
    let (mut keys, [old, ..]) = some();
    let new = Secret::generate().unwrap();
    let end = keys.rotate(old.id(), &new, after(100), Duration::from_secs(60)).unwrap().expires;
    assert_eq!(end, Some(after(160)));
    assert!(keys.find(old.reveal(), after(159)).is_some());
    assert_eq!(keys.find(old.reveal(), after(160)), None);
    let key = keys.find(new.reveal(), after(10_000)).unwrap();
    assert_eq!((&key.scope, key.role, key.expires), (&site("news.example"), Role::Moderate, None));

    // A second rotation does not give it more time; after its end there is none.
    let newer = Secret::generate().unwrap();
    let end = keys.rotate(old.id(), &newer, after(120), Duration::MAX).unwrap().expires;
    assert_eq!(end, Some(after(120)));
    let end = keys.rotate(old.id(), &newer, after(120), Duration::from_secs(1)).unwrap_err();
    assert!(matches!(end, KeysError::Expired(id) if id == old.id()));
}

#[test]
fn a_file_says_all_about_the_keys_and_nothing_of_them() {
    let (mut keys, secrets) = some();
    keys.add(&Secret::generate().unwrap(), Scope::EverySite, Role::Admin, after(9)).unwrap();
    keys.rotate(secrets[0].id(), &Secret::generate().unwrap(), after(9), Duration::from_secs(9)).unwrap();
    let text = keys.render();
    assert_eq!(Keys::parse(&text, "keys.toml").unwrap(), keys);
    for secret in &secrets {
        let (_, random) = secret.reveal().rsplit_once('_').unwrap();
        assert!(!text.contains(random) && text.contains(&secret.id().to_string()));
    }
    assert_eq!(Keys::parse(&Keys::default().render(), "keys.toml").unwrap(), Keys::default());
}

#[test]
fn everything_wrong_with_a_file_is_told_at_once() {
    let digest = "0".repeat(64);
    let source = format!(
        r#"version = 1
[[key]]
id = "0000000g"
site = "a b"
role = "moderator"
created = 1970-01-01T00:00:00+02:00
sha256 = "abc"
[[key]]
expires = "never"
colour = 1
[[key]]
id = "00000001"
site = "*"
role = "admin"
created = 1970-01-01T00:00:00Z
sha256 = "{digest}"
[[key]]
id = "00000001"
site = "*"
role = "admin"
created = 1970-01-01T00:00:00Z
sha256 = "{digest}"
"#
    );
    let told = problems(&source);
    let told: Vec<&str> = told.lines().collect();
    let expected = [
        "keys.toml:1:1: unknown key `version`",
        "keys.toml:3:6: `id`: a key's id has eight digits",
        "keys.toml:4:8: `site`: a site's name has 1 to 128",
        "keys.toml:5:8: `role`: must be one of moderate, feedback, admin",
        "keys.toml:6:11: `created` must be a time such as",
        "keys.toml:7:10: `sha256`: must have 64 digits",
        "keys.toml:8:1: this key has no `created`",
        "keys.toml:8:1: this key has no `id`",
        "keys.toml:8:1: this key has no `role`",
        "keys.toml:8:1: this key has no `sha256`",
        "keys.toml:8:1: this key has no `site`",
        "keys.toml:9:11: `expires` must be a time such as",
        "keys.toml:10:1: unknown key `colour`; expected one of id, site,",
        "keys.toml:17:1: the id 00000001 is there twice",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (line, expected) in told.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line} is not {expected}");
    }
    let scalar = problems("key = 7");
    assert!(scalar.contains("`key` must be a list of tables"), "{scalar}");
}

#[test]
fn no_message_quotes_a_key() {
    let secret = Secret::generate().unwrap();
    let key = secret.reveal();
    let source =
        format!("[[key]]\nid = \"{key}\"\nsite = \"{key}/\"\nrole = \"{key}\"\nsha256 = \"{key}\"\n");
    let source = format!("{key} = 1\n{source}{key} = 2\n");
    let told = problems(&source) + &*key.parse::<KeyId>().unwrap_err();
    assert!(!told.contains(&key[14..30]), "{told}");
}

#[test]
fn an_edit_is_whole_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let secret = Secret::generate().unwrap();
    let refused = edit(&path, Missing::Refuse, |_| Ok(())).unwrap_err().to_string();
    assert!(refused.starts_with(&format!("{}: cannot be read: ", path.display())), "{refused}");
    edit(&path, Missing::Create, |keys| keys.add(&secret, Scope::EverySite, Role::Admin, NOW)).unwrap();
    let before = fs::read(&path).unwrap();
    let failed = edit(&path, Missing::Create, |keys| {
        keys.revoke(secret.id())?;
        keys.revoke(secret.id())
    });
    assert!(failed.is_err());
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::write(&path, "key = ").unwrap();
    let broken = edit(&path, Missing::Create, |_| Ok(())).unwrap_err().to_string();
    assert!(broken.starts_with(&format!("{}:1:", path.display())), "{broken}");
    assert_eq!(fs::read(&path).unwrap(), b"key = ");
    let mut left: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["keys.toml", "keys.toml.lock"]);
}

#[test]
fn edits_at_the_same_time_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..8 {
                    let secret = Secret::generate().unwrap();
                    edit(&path, Missing::Create, |keys| {
                        keys.add(&secret, Scope::EverySite, Role::Moderate, NOW)
                    })
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(Keys::open(&path).unwrap().len(), 32);
}

#[test]
#[cfg(unix)]
fn a_new_file_is_its_owners_and_an_old_one_keeps_its_rights() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    edit(&path, Missing::Create, |_| Ok(())).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    edit(&path, Missing::Create, |_| Ok(())).unwrap();
    assert_eq!(mode(), 0o640);
}
