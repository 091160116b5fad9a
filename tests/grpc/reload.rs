//! Files of a policy that change while a server runs.

use crate::support::*;
use std::fs;
use std::sync::Arc;
use thresher::metrics::Metrics;
use thresher::policy::PolicyStore;
use thresher::server;
use tokio::time::{Duration, sleep, timeout};

/// The policy file, the file of a list, and one that only a policy which was
/// refused for want of it names.
#[tokio::test]
async fn a_changed_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let [one, two] = ["one", "two"].map(|name| {
        format!(
            "[lists.{name}]\nkind = \"words\"\nfile = \"{name}.txt\"\n[[site.default.rules]]\n\
             name = \"{name}\"\nwhen = \"list.{name}\"\nthen = \"HOLD\"\n"
        )
    });
    fs::write(path("one.txt"), "bridge\n").unwrap();
    fs::write(path("policy.toml"), "[site.default]\n").unwrap();
    let store = Arc::new(PolicyStore::open(&path("policy.toml")).unwrap());
    let metrics = Arc::new(Metrics::new());
    let watching = server::watch_policies(Arc::clone(&store), Arc::clone(&metrics)).unwrap();
    let watching = tokio::spawn(watching);
    let until = async |what: &str, is_so: &dyn Fn() -> bool| {
        let waiting = async {
            while !is_so() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(FOR_EVER, waiting).await.expect(what);
    };
    let rules = || store.current().site("").rules().count();
    fs::write(path("policy.toml"), format!("[site.default]\n{one}")).unwrap();
    until("the policy has changed", &|| rules() == 1).await;
    let before = store.current();
    fs::write(path("one.txt"), "bridge\nnumber\n").unwrap();
    until("the list has changed", &|| *store.current() != *before).await;

    fs::write(path("policy.toml"), format!("[site.default]\n{one}{two}")).unwrap();
    let refused = "thresher_reloads_total{what=\"policy\",outcome=\"failed\"} ";
    let count = || {
        let text = metrics.render();
        text.lines().find_map(|line| line.strip_prefix(refused)).unwrap().parse::<u32>().unwrap()
    };
    until("it is refused", &|| count() > 0).await;
    // Looked for by its own name, some looks after it was missed.
    sleep(Duration::from_secs(2)).await;
    assert_eq!((rules(), count()), (1, 1), "it is told once");
    fs::write(path("two.txt"), "bridge\n").unwrap();
    until("the list has come", &|| rules() == 2).await;
    watching.abort();
}
