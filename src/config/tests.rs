use super::*;
use std::fs;

fn problems(source: &str) -> String {
    Config::parse(source, "t.toml").unwrap_err().to_string()
}

#[test]
fn the_embedded_file_is_the_default() {
    assert_eq!(Config::parse(Config::EMBEDDED, "thresher.toml").unwrap(), Config::default());
    assert_eq!(Config::parse("", "empty.toml").unwrap(), Config::default());
}

/// Reads one value out of a parsed file by its dotted key.
fn value<'t>(table: &'t toml::Table, key: &str) -> &'t toml::Value {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let value = table.get(first).unwrap_or_else(|| panic!("config/thresher.toml does not document {key}"));
    if rest.is_empty() { value } else { self::value(value.as_table().unwrap(), rest) }
}

#[test]
fn the_embedded_file_documents_every_key_with_a_sentence() {
    let table: toml::Table = Config::EMBEDDED.parse().unwrap();
    let limits = file::LIMIT_KEYS.map(|key| format!("limits.{key}"));
    let log = file::LOG_KEYS.map(|key| format!("log.{key}"));
    let keys = file::KEYS_KEYS.map(|key| format!("keys.{key}"));
    let tls = file::TLS_KEYS.map(|key| format!("tls.{key}"));
    let state = file::STATE_KEYS.map(|key| format!("state.{key}"));
    let shadow = file::SHADOW_KEYS.map(|key| format!("shadow.{key}"));
    let models = file::MODELS_KEYS.map(|key| format!("models.{key}"));
    let admin = file::ADMIN_KEYS.map(|key| format!("admin.{key}"));
    let audit = file::AUDIT_KEYS.map(|key| format!("audit.{key}"));
    let otlp = file::OTLP_KEYS.map(|key| format!("otlp.{key}"));
    let top = file::KEYS.map(str::to_owned);
    for key in top
        .iter()
        .chain(&models)
        .chain(&keys)
        .chain(&tls)
        .chain(&shadow)
        .chain(&limits)
        .chain(&admin)
        .chain(&state)
        .chain(&audit)
        .chain(&otlp)
        .chain(&log)
    {
        if value(&table, key).is_table() {
            continue;
        }
        let line = format!("\n{} = ", key.rsplit('.').next().unwrap());
        let at = Config::EMBEDDED.find(&line).unwrap();
        let above = Config::EMBEDDED[..at].lines().last().unwrap();
        assert!(above.starts_with('#'), "{key} has no sentence above it");
    }
}

/// A value other than the default for every key reaches the configuration.
#[test]
fn every_key_is_read() {
    let config = Config::parse(
        r#"
            listen = "[::1]:0"
            model = "m.safetensors"
            models = { directory = "m", pins = { "news.example" = "m@12", default = "n@34" } }
            policy = "/etc/p.toml"
            keys = { file = "k.toml" }
            tls = { certificate = "c.pem", key = "/k.pem", client_ca = "a.pem" }
            shadow = { policy = "n.toml", model = "n.safetensors", samples = "s.jsonl", max_samples_bytes = 5_000_000, texts = true }
            state = { memory_mb = 12, address = "redis://u:p@h:1/2", password = "p", secret = "/s", timeout_ms = 3, prefix = "x:" }
            drain_deadline_ms = 1
            lame_duck_ms = 0
            reflection = false
            admin = { address = "[::1]:9", allow_remote = true }
            audit = { file = "/a.jsonl", one_in = 2, max_bytes = 5_000, keep = 3 }
            otlp = { endpoint = "http://[::1]:4317", one_in = 7, service = "comments" }
            limits = { max_text_bytes = 1, max_thread_bytes = 2, max_recent_texts = 3, max_batch_comments = 4, max_message_bytes = 1_024, max_pending_bytes = 8_192, max_header_bytes = 2_048, message_timeout_ms = 5, stream_idle_timeout_ms = 14, give_way_after_ms = 15, max_wait_ms = 13, comments_per_second = 6, comments_burst = 7, max_concurrent_calls = 8, max_concurrent_streams = 9, max_connections = 10, handshake_timeout_ms = 11 }
            log = { format = "json", level = "debug" }
        "#,
        "t.toml",
    )
    .unwrap();
    assert_eq!(
        config,
        Config {
            listen: "[::1]:0".parse().unwrap(),
            model: Some("m.safetensors".into()),
            models: Models {
                directory: Some("m".into()),
                pins: [("news.example", "m@12"), ("default", "n@34")]
                    .map(|(site, version)| (site.into(), version.into()))
                    .into(),
            },
            policy: Some("/etc/p.toml".into()),
            keys: Some("k.toml".into()),
            tls: Some(TlsFiles {
                certificate: "c.pem".into(),
                key: "/k.pem".into(),
                client_ca: Some("a.pem".into()),
            }),
            state_mb: 12,
            store: Some(StoreFiles {
                address: "redis://u:p@h:1/2".into(),
                password: Some("p".into()),
                secret: "/s".into(),
                timeout: Duration::from_millis(3),
                prefix: "x:".into(),
            }),
            limits: Limits {
                max_text_bytes: 1,
                max_thread_bytes: 2,
                max_recent_texts: 3,
                max_batch_comments: 4,
                max_message_bytes: 1024,
                max_pending_bytes: 8192,
                max_header_bytes: 2048,
                message_timeout_ms: 5,
                stream_idle_timeout_ms: 14,
                give_way_after_ms: 15,
                max_wait_ms: 13,
                comments_per_second: 6,
                comments_burst: 7,
                max_concurrent_calls: 8,
                max_concurrent_streams: 9,
                max_connections: 10,
                handshake_timeout_ms: 11,
            },
            shadow: ShadowConfig {
                policy: Some("n.toml".into()),
                model: Some("n.safetensors".into()),
                samples: Some("s.jsonl".into()),
                max_samples_bytes: 5_000_000,
                texts: true,
            },
            drain_deadline: Duration::from_millis(1),
            lame_duck: Duration::ZERO,
            reflection: false,
            admin: Admin { address: Some("[::1]:9".parse().unwrap()), allow_remote: true },
            audit: Some(AuditOptions { file: "/a.jsonl".into(), one_in: 2, max_bytes: 5_000, keep: 3 }),
            traces: Some(TraceOptions {
                endpoint: "http://[::1]:4317".into(),
                one_in: 7,
                service: "comments".into(),
            }),
            log: Log { format: LogFormat::Json, level: LevelFilter::DEBUG },
        }
    );
    let options = config.server_options();
    assert_eq!(
        options,
        Options {
            max_text_bytes: 1,
            max_thread_bytes: 2,
            max_recent_texts: 3,
            max_batch_comments: 4,
            max_message_bytes: 1024,
            max_pending_bytes: 8192,
            max_header_bytes: 2048,
            message_timeout: Duration::from_millis(5),
            stream_idle_timeout: Duration::from_millis(14),
            give_way_after: Duration::from_millis(15),
            max_wait: Duration::from_millis(13),
            rate: Some(Rate { per_second: 6.try_into().unwrap(), burst: 7.try_into().unwrap() }),
            max_concurrent_calls: 8,
            max_concurrent_streams: 9,
            max_connections: 10,
            handshake_timeout: Duration::from_millis(11),
            drain_deadline: Duration::from_millis(1),
            lame_duck: Duration::ZERO,
            reflection: false,
            state_bytes: 12 << 20,
            store: None,
        }
    );
    assert_eq!(Config::default().server_options(), Options::default());
}

#[test]
fn relative_paths_start_at_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thresher.toml");
    fs::write(
        &file,
        "model = \"models/m.safetensors\"\nmodels.directory = \"models\"\npolicy = \"/etc/p.toml\"\nkeys.file = \"k.toml\"\n\
         shadow = { policy = \"n.toml\", samples = \"/s.jsonl\" }\n\
         tls = { certificate = \"c.pem\", key = \"/k.pem\", client_ca = \"a.pem\" }",
    )
    .unwrap();
    let config = Config::open(&file).unwrap();
    assert_eq!(config.model, Some(folder.path().join("models/m.safetensors")));
    assert_eq!(config.models.directory, Some(folder.path().join("models")));
    assert_eq!(config.policy, Some("/etc/p.toml".into()));
    assert_eq!(config.keys, Some(folder.path().join("k.toml")));
    assert_eq!(config.shadow.policy, Some(folder.path().join("n.toml")));
    assert_eq!(config.shadow.samples, Some("/s.jsonl".into()));
    let tls = config.tls.unwrap();
    assert_eq!((tls.certificate, tls.key), (folder.path().join("c.pem"), "/k.pem".into()));
    assert_eq!(tls.client_ca, Some(folder.path().join("a.pem")));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let source = r#"
listen = "localhost"
modle = "m"
reflection = "yes"
drain_deadline_ms = 600_001
limits.max_text_bytes = 0
limits.max_message_byte = 5
limits.max_batch_comments = -1
lame_duck_ms = 1.5

[log]
level = "inf"
format = 7
colour = true
"#;
    assert_eq!(
        problems(source),
        r#"t.toml:2:10: `listen` must be an address and a port, such as "127.0.0.1:50051" or "[::]:50051"
t.toml:3:1: unknown key `modle`; did you mean `model`?
t.toml:4:14: `reflection` must be true or false, not a string
t.toml:5:21: `drain_deadline_ms` is 600001, outside 0..=600000
t.toml:6:25: `max_text_bytes` is 0, outside 1..=1048576
t.toml:7:8: unknown key `max_message_byte`; did you mean `max_message_bytes`?
t.toml:8:29: `max_batch_comments` is -1, outside 1..=100000
t.toml:9:16: `lame_duck_ms` must be a whole number, not a float
t.toml:12:9: unknown level `inf`; did you mean `info`?
t.toml:13:10: `format` must be a string, not an integer
t.toml:14:1: unknown key `colour`; expected one of format, level"#
    );
}

#[test]
fn a_message_must_hold_a_comment_and_its_thread() {
    assert_eq!(
        problems("[limits]\nmax_message_bytes = 200_000"),
        "t.toml:2:21: `max_message_bytes` is 200000, too few for `max_text_bytes` and `max_thread_bytes` \
         together (282624)"
    );
    let thread = problems("[limits]\nmax_thread_bytes = 8_000_000");
    assert!(thread.starts_with("t.toml:1:1: `max_message_bytes` is 4194304, too few"), "{thread}");
}

#[test]
fn broken_toml_and_what_it_says_are_told_together() {
    let source = "listen = \nmodle = 1\nreflection = true\nreflection = false\n";
    let problems = problems(source);
    let lines: Vec<&str> = problems.lines().collect();
    assert_eq!(lines.len(), 3, "{problems}");
    assert!(lines[0].starts_with("t.toml:1:"), "{problems}");
    assert_eq!(lines[1], "t.toml:2:1: unknown key `modle`; did you mean `model`?");
    assert_eq!(lines[2], "t.toml:4:1: duplicate key `reflection`");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::open(Path::new("no/such.toml")).unwrap_err().to_string();
    assert!(error.starts_with("no/such.toml: cannot be read: "), "{error}");
}

#[test]
fn a_certificate_and_its_key_come_together() {
    assert_eq!(
        problems("[tls]\ncertificate = \"c.pem\""),
        "t.toml:1:1: `tls` has a `certificate` and no `key`"
    );
    for lacking in ["key = \"k.pem\"", "client_ca = \"a.pem\""] {
        assert_eq!(problems(&format!("[tls]\n{lacking}")), "t.toml:1:1: `tls` has no `certificate`");
    }
}

#[test]
fn pins_are_sites_with_versions() {
    assert_eq!(
        problems("[models.pins]\n\"news example\" = \"m@1\"\n\"*\" = \"m@1\"\nnews = 1\n"),
        "t.toml:2:1: a site's name has 1 to 128 letters, digits, dots, hyphens or underscores; `*` stands for \
         every site\nt.toml:3:1: `*` is no site; `default` stands for all sites without a model of their own\n\
         t.toml:4:8: `news` must be a string, not an integer"
    );
}

#[test]
fn a_burst_must_hold_a_batch() {
    assert_eq!(
        problems("[limits]\ncomments_per_second = 5\ncomments_burst = 999"),
        "t.toml:3:18: `comments_burst` is 999, too few for a batch of `max_batch_comments` (1000)"
    );
    // Where there is no rate, there is no burst.
    assert!(Config::parse("[limits]\ncomments_burst = 999", "t.toml").is_ok());
}

#[test]
fn a_collector_is_an_address_and_a_port() {
    let with = |endpoint: &str| Config::parse(&format!("otlp.endpoint = {endpoint:?}"), "t.toml");
    for endpoint in ["http://127.0.0.1:4317", "http://collector.example:4317/", "http://[::1]:1"] {
        assert_eq!(with(endpoint).unwrap().traces.unwrap().endpoint, endpoint);
    }
    assert_eq!(with("").unwrap().traces, None);
    let wrong = [
        "http://user:word@127.0.0.1:4317",
        "collector:4317",
        "https://collector:4317",
        "http://collector",
        "http://collector:4317/v1/traces",
        "x",
    ];
    for endpoint in wrong {
        let told = with(endpoint).unwrap_err().to_string();
        assert!(told.starts_with("t.toml:1:") && told.contains("`endpoint` must be http://"), "{told}");
    }
}

#[test]
fn an_address_of_a_store_is_checked_and_its_password_told_to_nobody() {
    let problems =
        |state: &str| Config::parse(&format!("state = {{ {state} }}"), "t.toml").unwrap_err().to_string();
    for address in ["host:6379", "http://u:hush@host", "redis://", "rediss://u:hush@h/x"] {
        let told = problems(&format!("address = \"{address}\", secret = \"s\""));
        assert!(told.contains("`address` must be such as") && !told.contains("hush"), "{told}");
    }
    assert!(problems("address = \"unix:///s.sock\"").contains("no `secret`"));
    let long = "x".repeat(65);
    assert!(problems(&format!("prefix = \"{long}\"")).contains("at most 64 bytes"));
    assert!(problems("timeout_ms = 0").contains("outside 1..=1000"));
    let config = "state = { address = \"redis://u:hush@host\", secret = \"s\" }";
    let shown = format!("{:?}", Config::parse(config, "t.toml").unwrap());
    assert!(!shown.contains("hush"), "{shown}");
    // Without an address there is no store.
    assert_eq!(Config::parse("state.secret = \"s\"", "t.toml").unwrap(), Config::default());
}
