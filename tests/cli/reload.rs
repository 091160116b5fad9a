//! A policy that changes under load, as it does for whoever runs the server: by
//! its file and by SIGHUP.

use crate::serve::{Server, signal};
use crate::support::{Folder, thresher};
use std::io::{BufRead, BufReader};
use std::process::ChildStderr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use thresher::policy::Policies;
use thresher::server::pb;
use thresher::server::pb::moderate_comment_answer::Outcome;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use tokio_stream::StreamExt;
use tonic::transport::Channel;

/// A wait that ends only when something is broken.
const FOR_EVER: Duration = Duration::from_secs(120);
/// How many policies take turns.
const GENERATIONS: usize = 4;
/// Each on a connection of its own.
const CALLERS: usize = 8;
const REQUESTS: usize = 10_000;
/// How many comments a batch and a stream have.
const SEVERAL: usize = 5;
/// Holds an entry of every generation's list.
const TEXT: &str = "number0 number1 number2 number3";

/// Two rules that every comment meets, a threshold and a list, all of which tell
/// one policy from the others.
fn policy(generation: usize) -> String {
    let action = ["FLAG", "HOLD"][generation % 2];
    let rule = |name: &str| {
        format!(
            "[[site.default.rules]]\nname = \"{name}\"\nwhen = \"list.marks\"\nthen = \"{action}\"\n\
             because = \"{generation}\"\n"
        )
    };
    format!(
        "[lists.marks]\nkind = \"words\"\nentries = [\"number{generation}\"]\n\
         [site.default]\nPROFANITY = {{ flag = 0.00{generation} }}\n{}{}",
        rule("one"),
        rule("two")
    )
}

fn request() -> pb::ModerateCommentRequest {
    let attributes = vec![pb::Attribute::Profanity.into()];
    pb::ModerateCommentRequest { attributes, ..crate::serve::request(TEXT) }
}

/// Holds an answer against the policy that it names.
#[track_caller]
fn check(answer: &pb::ModerateCommentResponse, versions: &[String]) {
    let generation = versions.iter().position(|version| *version == answer.policy_version);
    let generation = generation.expect("a policy that was in force");
    let expected = [pb::Action::Flag, pb::Action::Hold][generation % 2];
    assert_eq!(answer.action(), expected);
    let named: Vec<&pb::Reason> =
        answer.reasons.iter().filter(|it| it.attribute() == pb::Attribute::Unspecified).collect();
    assert_eq!(named.len(), 2);
    for reason in named {
        assert_eq!(reason.message, format!("{generation} (marks: number{generation})"));
    }
    let threshold = answer.reasons.iter().find(|it| it.attribute() == pb::Attribute::Profanity);
    assert_eq!(threshold.and_then(|it| it.threshold), Some(generation as f32 / 1000.0));
}

/// What the server's log has told of its policies so far.
#[derive(Default)]
struct Told {
    swapped: AtomicUsize,
    refused: AtomicUsize,
}

impl Told {
    fn listen(log: ChildStderr) -> Arc<Told> {
        let told = Arc::new(Told::default());
        let telling = Arc::clone(&told);
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                let of = |part| usize::from(line.contains(part));
                telling.swapped.fetch_add(of("a new policy is in force"), Relaxed);
                telling.refused.fetch_add(of("the new policy cannot be used"), Relaxed);
            }
        });
        told
    }
}

/// Says that it is over, also when a test fails.
struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn wait(counter: &AtomicUsize, count: usize) {
    let since = Instant::now();
    while counter.load(Relaxed) < count {
        assert!(since.elapsed() < FOR_EVER, "it is told");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Changes the policy until nobody asks any more: says how often by SIGHUP, how
/// often by the file alone, and how often it was no policy.
fn change(
    server: &Server,
    folder: &Folder,
    told: &Told,
    is_enough: &AtomicBool,
    done: &AtomicBool,
) -> [usize; 3] {
    let [mut asked, mut unasked, mut refused] = [0; 3];
    let put = |text: &str| {
        let new = folder.write("new.toml", text);
        std::fs::rename(new, folder.file("policy.toml")).unwrap();
    };
    for i in 1.. {
        if done.load(Relaxed) {
            break;
        }
        if i % 4 == 3 {
            put("[site.default]\nSPAM = { hold = 7 }");
            signal(server, "HUP");
            refused += 1;
            wait(&told.refused, refused);
        }
        put(&policy(i % GENERATIONS));
        // The file alone is noticed within a second.
        if i % 16 == 8 {
            unasked += 1;
        } else {
            signal(server, "HUP");
            asked += 1;
        }
        wait(&told.swapped, asked + unasked);
        is_enough.store(asked > 20 && unasked > 0 && refused > 5, Relaxed);
    }
    [asked, unasked, refused]
}

/// The policies that one caller saw.
async fn call(
    mut client: ModerationServiceClient<Channel>,
    versions: &[String],
    is_enough: &AtomicBool,
) -> Vec<String> {
    let mut seen = Vec::new();
    let mut note = |answer: &pb::ModerateCommentResponse| {
        check(answer, versions);
        if !seen.contains(&answer.policy_version) {
            seen.push(answer.policy_version.clone());
        }
    };
    let response = |answer: pb::ModerateCommentAnswer| match answer.outcome {
        Some(Outcome::Response(response)) => response,
        other => panic!("not a response: {other:?}"),
    };
    for i in 0.. {
        if i >= REQUESTS / CALLERS && is_enough.load(Relaxed) {
            break;
        }
        match i % 50 {
            0 => {
                let requests = vec![request(); SEVERAL];
                let batch = pb::BatchModerateCommentsRequest { requests };
                let answers = client.batch_moderate_comments(batch).await.unwrap().into_inner().answers;
                let answers: Vec<_> = answers.into_iter().map(response).collect();
                assert_eq!(answers.len(), SEVERAL);
                answers.iter().for_each(&mut note);
                // A batch has one policy; a stream may go on under the next.
                assert!(answers.iter().all(|it| it.policy_version == answers[0].policy_version));
            }
            25 => {
                let one =
                    |_| pb::StreamModerateCommentsRequest { request: Some(request()), ..Default::default() };
                let requests = tokio_stream::iter(0..SEVERAL).map(one);
                let mut answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();
                for _ in 0..SEVERAL {
                    let answer = answers.message().await.unwrap().unwrap();
                    note(&response(answer.answer.unwrap()));
                }
                assert!(answers.message().await.unwrap().is_none());
            }
            _ => note(&client.moderate_comment(request()).await.unwrap().into_inner()),
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_ten_thousand_requests_mix_nothing_and_fail_nothing() {
    let folder = Arc::new(Folder::new());
    let version = |i| Policies::parse(&policy(i), "p.toml").unwrap().site("").version().to_owned();
    let versions: Arc<Vec<String>> = Arc::new((0..GENERATIONS).map(version).collect());
    // A machine with too little time for all of this is no reason to refuse.
    let config = "policy = \"policy.toml\"\nlimits.max_wait_ms = 600000\n";
    let (config, _) = (folder.write("thresher.toml", config), folder.write("policy.toml", policy(0)));
    let mut server = Server::spawn(&mut thresher(&["serve", "--listen", "127.0.0.1:0", "--config", &config]));
    let told = Told::listen(server.child.stderr.take().unwrap());
    let address = format!("http://{}", server.address());

    let (is_enough, is_done): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
    let done = Done(Arc::clone(&is_done));
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let client = ModerationServiceClient::connect(address.clone()).await.unwrap();
        let (versions, is_enough) = (Arc::clone(&versions), Arc::clone(&is_enough));
        callers.push(tokio::spawn(async move { call(client, &versions, &is_enough).await }));
    }
    let changing = {
        let folder = Arc::clone(&folder);
        tokio::task::spawn_blocking(move || change(&server, &folder, &told, &is_enough, &is_done))
    };
    for caller in callers {
        let seen = tokio::time::timeout(FOR_EVER, caller).await.unwrap().unwrap();
        assert_eq!(seen.len(), GENERATIONS, "every policy was seen while it was in force");
    }
    drop(done);
    let [asked, unasked, refused] = changing.await.unwrap();
    println!("{asked} policies by SIGHUP, {unasked} by the file alone, {refused} refused");
}
