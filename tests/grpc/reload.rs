//! Policies that change while comments are judged under them.

use crate::support::*;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thresher::metrics::Metrics;
use thresher::policy::{PolicyStore, Reload};
use thresher::server::{self, pb};
use tokio::time::{Duration, sleep, timeout};
use tokio_stream::StreamExt;

/// Two rules that every comment meets, and which always tell the same.
fn policy(generation: usize) -> String {
    let action = if generation.is_multiple_of(2) { "FLAG" } else { "HOLD" };
    let rule = |name: &str| {
        format!(
            "[[site.default.rules]]\nname = \"{name}\"\nwhen = \"list.marks\"\nthen = \"{action}\"\n\
             because = \"{generation}\"\n"
        )
    };
    format!(
        "[lists.marks]\nkind = \"words\"\nentries = [\"bridge\", \"number{generation}\"]\n[site.default]\n{}{}",
        rule("one"),
        rule("two")
    )
}

/// Whether an answer is of one policy: its action, its reasons and its version.
fn check(answer: &pb::ModerateCommentResponse, versions: &[String]) {
    let told: Vec<&str> =
        answer.reasons.iter().map(|reason| reason.message.split(' ').next().unwrap()).collect();
    let generation: usize = told[0].parse().unwrap();
    assert_eq!(told, [told[0]; 2]);
    let expected = if generation.is_multiple_of(2) { pb::Action::Flag } else { pb::Action::Hold };
    assert_eq!(answer.action(), expected);
    assert_eq!(answer.policy_version, versions[generation % versions.len()]);
}

/// 10,000 comments: four callers, each with 500 calls, 10 batches of 100 and a
/// stream of 1,000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_mix_nothing_and_fail_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    let versions: Vec<String> = (0..4)
        .map(|generation| {
            fs::write(&file, policy(generation)).unwrap();
            PolicyStore::open(&file).unwrap().current().site("").version().to_owned()
        })
        .collect();
    fs::write(&file, policy(0)).unwrap();
    let store = Arc::new(PolicyStore::open(&file).unwrap());
    let server = TestServer::start_on(Arc::clone(&store)).await;

    let done = Arc::new(AtomicBool::new(false));
    let swaps = {
        let (store, done, file) = (Arc::clone(&store), Arc::clone(&done), file.clone());
        tokio::task::spawn_blocking(move || {
            let mut swaps = 0;
            for generation in 1.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // Every third time the file is no policy.
                if generation % 3 == 0 {
                    fs::write(&file, "[site.default]\nSPAM = { hold = 7 }").unwrap();
                    assert!(matches!(store.reload(), Reload::Refused(_)));
                }
                fs::write(&file, policy(generation % 4)).unwrap();
                assert!(matches!(store.reload(), Reload::Swapped(_)));
                swaps += 1;
            }
            swaps
        })
    };
    let mut callers = Vec::new();
    for _ in 0..4 {
        let (mut client, versions) = (server.client().await, versions.clone());
        callers.push(tokio::spawn(async move {
            for call in 0..500 {
                check(
                    &client
                        .moderate_comment(comment("c", "The bridge is closed."))
                        .await
                        .unwrap()
                        .into_inner(),
                    &versions,
                );
                if call % 50 == 0 {
                    let requests = vec![comment("c", "The bridge is closed."); 100];
                    let batch = pb::BatchModerateCommentsRequest { requests };
                    let answers = client.batch_moderate_comments(batch).await.unwrap().into_inner().answers;
                    let first = &response(&answers[0]).policy_version;
                    assert!(answers.iter().all(|answer| response(answer).policy_version == *first));
                    answers.iter().for_each(|answer| check(response(answer), &versions));
                }
            }
            // A stream may go from one policy to the next, but only between answers.
            let requests = tokio_stream::iter(0..1_000);
            let requests = requests.map(|i| streamed(&i.to_string(), "The bridge is closed."));
            let mut answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();
            let mut count = 0;
            while let Some(answer) = answers.message().await.unwrap() {
                check(response(answer.answer.as_ref().unwrap()), &versions);
                count += 1;
            }
            assert_eq!(count, 1_000);
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(swaps.await.unwrap() > 3);
}

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
