//! What stands in `deploy/`: every flag, configuration key, path, port and
//! service that it names exists in the program.
// Helpers of tests, beside the tests themselves, may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use thresher::config::Config;
use thresher::server::pb::{model_service_server, moderation_service_server};
use yaml_rust2::{Yaml, YamlLoader};

/// What a server needs beyond the pause and the deadline to end.
const GOODBYE: Duration = Duration::from_secs(2);

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

fn config(source: &str, name: &str) -> Config {
    Config::parse(source, name).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The flags and what stands beside them, after the program's name: the command
/// exists, and so does each flag.
fn check_arguments(arguments: &[&str]) {
    let (command, rest) = arguments.split_first().unwrap();
    let help = Command::new(env!("CARGO_BIN_EXE_thresher")).args([command, "--help"]).output().unwrap();
    assert!(help.status.success(), "no command {command}");
    let help = String::from_utf8(help.stdout).unwrap();
    let flags: Vec<_> = rest.iter().filter(|argument| argument.starts_with("--")).collect();
    assert!(!flags.is_empty());
    for flag in flags {
        assert!(help.split_whitespace().any(|word| word == *flag), "no {flag} in {command} --help");
    }
}

fn after<'a>(arguments: &[&'a str], flag: &str) -> &'a str {
    arguments[arguments.iter().position(|argument| *argument == flag).unwrap() + 1]
}

/// The values of a key in a unit, in order; the section does not matter.
fn values<'u>(unit: &'u str, key: &str) -> Vec<&'u str> {
    let lines = unit.lines().filter(|line| !line.starts_with(['#', '[']) && !line.is_empty());
    lines.filter_map(|line| line.split_once('=')).filter(|(k, _)| *k == key).map(|(_, value)| value).collect()
}

#[test]
fn the_unit_starts_the_program_and_gives_it_time_to_end() {
    let unit = read("systemd/thresher.service");
    assert_eq!(values(&unit, "Type"), ["notify"]);
    let [start] = values(&unit, "ExecStart")[..] else { panic!("one program") };
    let words: Vec<&str> = start.split(' ').collect();
    assert_eq!(words[0], "/usr/local/bin/thresher");
    check_arguments(&words[1..]);
    let config = config(&read("systemd/thresher.toml"), "systemd/thresher.toml");
    let place = Path::new(after(&words, "--config"));
    let [folder] = values(&unit, "ConfigurationDirectory")[..] else { panic!("one folder") };
    assert_eq!(place, Path::new("/etc").join(folder).join("thresher.toml"));
    // The folder of models is one that the unit makes and may write to.
    let state: Vec<PathBuf> = values(&unit, "StateDirectory")
        .iter()
        .flat_map(|folders| folders.split(' '))
        .map(|folder| Path::new("/var/lib").join(folder))
        .collect();
    assert!(state.contains(config.models.directory.as_ref().unwrap()), "{state:?}");
    // A worker for each processor of a large machine, and those beside them.
    assert!(values(&unit, "TasksMax")[0].parse::<u32>().unwrap() >= 1_024);
    // What is filtered must not end the server.
    assert_eq!(values(&unit, "SystemCallErrorNumber"), ["EPERM"]);
    assert!(config.admin.address.unwrap().ip().is_loopback());
    // Without both the server would not start on this address.
    assert!(!config.listen.ip().is_loopback() && config.keys.is_some() && config.tls.is_some());
    let [stop] = values(&unit, "TimeoutStopSec")[..] else { panic!("one time to stop") };
    let stop = Duration::from_secs(stop.parse().unwrap());
    assert!(stop >= config.lame_duck + config.drain_deadline + GOODBYE);
    // The socket, where there is one, is where the server would listen by itself.
    let socket = read("systemd/thresher.socket");
    assert_eq!(values(&socket, "ListenStream"), [config.listen.port().to_string()]);
    for (key, user) in [("User", "thresher"), ("Group", "thresher")] {
        assert_eq!(values(&unit, key), [user]);
    }
    assert!(read("systemd/thresher.sysusers").starts_with("u thresher "));
}

#[test]
fn the_container_starts_the_program_with_the_configuration_in_it() {
    let file = read("container/Containerfile");
    let line = |instruction: &str| {
        let mut lines = file.lines().filter_map(|line| line.strip_prefix(instruction));
        lines.next().unwrap_or_else(|| panic!("no {instruction}"))
    };
    let command: Vec<String> = serde_json::from_str(line("CMD ")).unwrap();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    check_arguments(&command);
    let entry: Vec<String> = serde_json::from_str(line("ENTRYPOINT ")).unwrap();
    let copied: Vec<&str> = file.lines().filter_map(|line| line.strip_prefix("COPY ")).collect();
    let target = |path: &str| copied.iter().any(|line| line.split(' ').next_back() == Some(path));
    assert!(target(&entry[0]) && target(after(&command, "--config")));
    assert!(copied.contains(&"deploy/container/thresher.toml /etc/thresher/thresher.toml"));
    let config = config(&read("container/thresher.toml"), "container/thresher.toml");
    let admin = config.admin.address.unwrap();
    assert_eq!(line("EXPOSE "), format!("{} {}", config.listen.port(), admin.port()));
    assert!(config.admin.allow_remote);
    // What is built exists: the binary, and a server without the trainer.
    let build = line("RUN cargo build ");
    assert!(build.contains("--no-default-features --bin thresher"), "{build}");
    let manifest: toml::Table =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap().parse().unwrap();
    // The compiler is new enough.
    let needed = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(line("FROM docker.io/library/rust:").starts_with(&format!("{needed}-")));
}

#[test]
fn the_manifests_fit_together_and_the_program() {
    let documents = YamlLoader::load_from_str(&read("kubernetes/thresher.yaml")).unwrap();
    let kind =
        |kind: &str| documents.iter().find(|document| document["kind"].as_str() == Some(kind)).unwrap();
    let deployment = kind("Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let arguments: Vec<&str> = strings(&container["args"]);
    check_arguments(&arguments);

    // The configuration is where it is looked for, and what it names is mounted.
    let mounts: Vec<(&str, &str)> = container["volumeMounts"]
        .as_vec()
        .unwrap()
        .iter()
        .map(|mount| (mount["name"].as_str().unwrap(), mount["mountPath"].as_str().unwrap()))
        .collect();
    let volume = |file: &Path| {
        let folder = file.parent().unwrap().to_str().unwrap();
        let name = mounts.iter().find(|(_, path)| *path == folder).unwrap_or_else(|| panic!("{file:?}")).0;
        pod["volumes"].as_vec().unwrap().iter().find(|volume| volume["name"].as_str() == Some(name)).unwrap()
    };
    let file = Path::new(after(&arguments, "--config"));
    assert_eq!(volume(file)["configMap"]["name"], kind("ConfigMap")["metadata"]["name"]);
    let source = &kind("ConfigMap")["data"][file.file_name().unwrap().to_str().unwrap()];
    let config = config(source.as_str().unwrap(), "the config map");
    assert!(!volume(config.keys.as_deref().unwrap())["secret"].is_badvalue());

    // One port throughout.
    let port = i64::from(config.listen.port());
    assert_eq!(container["ports"][0]["containerPort"].as_i64(), Some(port));
    let service = &kind("Service")["spec"];
    assert_eq!(service["ports"][0]["port"].as_i64(), Some(port));
    assert_eq!(service["ports"][0]["targetPort"], container["ports"][0]["name"]);
    let policy = &kind("NetworkPolicy")["spec"];
    assert_eq!(policy["ingress"][0]["ports"][0]["port"].as_i64(), Some(port));
    // And another one for metrics, from others.
    let admin = config.admin.address.unwrap();
    assert!(config.admin.allow_remote && !admin.ip().is_loopback());
    let admin = i64::from(admin.port());
    assert_eq!(container["ports"][1]["containerPort"].as_i64(), Some(admin));
    assert_eq!(policy["ingress"][1]["ports"][0]["port"].as_i64(), Some(admin));
    assert_ne!(policy["ingress"][0]["from"], policy["ingress"][1]["from"]);
    let services = [model_service_server::SERVICE_NAME, moderation_service_server::SERVICE_NAME];
    for (probe, service) in [("startupProbe", 0), ("readinessProbe", 1), ("livenessProbe", 0)] {
        let probe = &container[probe]["grpc"];
        assert_eq!(probe["port"].as_i64(), Some(port));
        assert_eq!(probe["service"].as_str(), Some(services[service]));
    }
    // A probe speaks no TLS.
    assert!(config.tls.is_none() && arguments.contains(&"--insecure"));

    let grace = pod["terminationGracePeriodSeconds"].as_i64().unwrap();
    let grace = Duration::from_secs(u64::try_from(grace).unwrap());
    assert!(grace >= config.lame_duck + config.drain_deadline + GOODBYE);

    // Everything means the same pods.
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    let chosen = [
        &deployment["spec"]["selector"]["matchLabels"],
        &service["selector"],
        &kind("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        &policy["podSelector"]["matchLabels"],
    ];
    assert!(chosen.iter().all(|selector| *selector == labels));
}

fn strings(list: &Yaml) -> Vec<&str> {
    list.as_vec().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// The commands of the README are those of the program.
#[test]
fn the_commands_that_are_told_exist() {
    let text = read("README.md");
    let told: Vec<&str> = text.lines().filter_map(|line| line.split("thresher models ").nth(1)).collect();
    assert!(told.len() >= 3);
    for line in told {
        let action = line.split(' ').next().unwrap();
        let help =
            Command::new(env!("CARGO_BIN_EXE_thresher")).args(["models", action, "--help"]).output().unwrap();
        let help_text = String::from_utf8(help.stdout).unwrap();
        assert!(help.status.success() && help_text.contains("--config"), "{line}");
    }
}
