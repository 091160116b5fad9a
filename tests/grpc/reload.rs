//! Policies that change while comments are judged under them.

use crate::support::*;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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

#[tokio::test]
async fn a_changed_file_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    fs::write(&file, policy(0)).unwrap();
    let store = Arc::new(PolicyStore::open(&file).unwrap());
    let watching = tokio::spawn(server::watch_policies(Arc::clone(&store), Arc::default()));
    let before = store.current();
    fs::write(&file, policy(1) + "# longer").unwrap();
    let changed = async {
        while *store.current() == *before {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(FOR_EVER, changed).await.expect("the change is noticed");
    watching.abort();
}
