//! Load at half speed while the policy changes at random moments. Every answer
//! is held against the policy it says it was decided under, so that one that
//! is mixed shows; every call has to be answered; and memory, sockets and the
//! server itself have to be as before when all is over.

use super::comments::texts;
use super::load::{Calls, Check, closed, connect, open};
use super::process::Server;
use super::ratios::{LENGTH, STREAM, calls};
use super::wire::Answer;
use super::{ServerFile, line};
use anyhow::{Result, bail, ensure};
use clap::Args;
use prost::Message;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use thresher::policy::Policies;
use thresher::server::pb::{self, moderate_comment_answer::Outcome};

/// Two policies that decide every comment differently.
const POLICIES: [(&str, pb::Action); 2] = [
    ("[site.default]\nSPAM = { flag = 0.0 }\n", pb::Action::Flag),
    ("[site.default]\nSPAM = { hold = 0.0 }\n", pb::Action::Hold),
];
const CONNECTIONS: usize = 4;
/// The stream goes gently: the single calls are what the load is.
const PAUSE: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args, Clone, Debug)]
pub struct Soak {
    /// How long, in minutes.
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    #[command(flatten)]
    server: ServerFile,
}

impl Soak {
    pub async fn run(&self) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let policy = folder.path().join("policy.toml");
        let mut actions = HashMap::new();
        for (source, action) in POLICIES {
            let version = Policies::parse(source, "p.toml")?.site("").version().to_owned();
            actions.insert(version, action);
        }
        write(&policy, POLICIES[0].0)?;
        let (path, file) = (self.server.path()?, policy.display().to_string());
        let mut server =
            Server::start(&path, &["serve", "--listen", "127.0.0.1:0", "--policy", &file], None)?;

        let check = check(actions);
        let unchecked = calls(LENGTH)?;
        let calls = Calls { check: Some(unary_check(&check)), ..unchecked };
        let peers = connect(server.address, CONNECTIONS).await?;
        let full = closed(&peers, &calls, 8, Duration::from_secs(5)).await?;
        full.check()?;
        let rate = full.goodput() / 2.0;
        println!("\nsoak: {} minutes at {rate:.0} calls/s, and a stream beside them", self.minutes);
        let (memory, descriptors) = (server.memory()?, server.descriptors()?);

        let time = Duration::from_secs_f64(self.minutes * 60.0);
        let over = Arc::new(AtomicBool::new(false));
        let changing = tokio::spawn(change(policy, server.pid(), Arc::clone(&over)));
        let streaming = {
            let (peer, check, over) = (peers[0].clone(), Arc::clone(&check), Arc::clone(&over));
            tokio::spawn(async move { stream(&peer, &check, &over).await })
        };
        let loaded = open(&peers, &calls, rate, time).await;
        over.store(true, Ordering::Relaxed);
        let (streamed, changes) = (streaming.await??, changing.await??);
        let tally = loaded?;
        tally.check()?;
        ensure!(tally.refused.is_empty(), "{} calls were refused", tally.refused.len());

        line("  calls answered, each as its policy says", format!("{}", tally.accepted.len()), "");
        line("  comments of streams answered in order, likewise", format!("{streamed}"), "");
        line("  changes of policy", format!("{changes}"), "");
        let percentile = |q| tally.accepted.value_at_quantile(q) as f64 / 1e3;
        line(
            "  99th and 99.9th percentile",
            format!("{:.1} ms, {:.1} ms", percentile(0.99), percentile(0.999)),
            "",
        );
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let memories = format!("{:.1} MB, {:.1} MB", megabytes(memory), megabytes(server.memory()?));
        line("  resident memory before and after", memories, "");
        let open = (descriptors, server.descriptors()?);
        line("  open files before and after", format!("{}, {}", open.0, open.1), "the same");
        ensure!(open.0 == open.1, "open files have leaked");
        drop(peers);
        server.signal("TERM")?;
        let status = server.ended(PATIENCE)?;
        line("  ended by SIGTERM with", format!("{status}"), "exit status: 0");
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// Whether an answer is for that comment and as its own policy decides.
type Decided = Arc<dyn Fn(&pb::ModerateCommentResponse) -> Result<()> + Send + Sync>;

fn check(actions: HashMap<String, pb::Action>) -> Decided {
    Arc::new(move |answer| match actions.get(&answer.policy_version) {
        Some(action) if answer.action() == *action && answer.comment_id == "c-1234567" => Ok(()),
        Some(_) => bail!("an answer says {:?} under {}", answer.action(), answer.policy_version),
        None => bail!("an answer is under an unknown policy"),
    })
}

fn unary_check(decided: &Decided) -> Check {
    let decided = Arc::clone(decided);
    Arc::new(move |_, answer: &Answer| decided(&pb::ModerateCommentResponse::decode(answer.message())?))
}

/// Streams until it is over, and counts. Answers have to come in order.
async fn stream(peer: &super::wire::Peer, decided: &Decided, over: &AtomicBool) -> Result<u64> {
    let texts = texts(LENGTH);
    let messages = (0_u64..).filter_map(|i| {
        let request = super::comments::request(&texts[i as usize % texts.len()]);
        let message = pb::StreamModerateCommentsRequest { request_id: i.to_string(), request: Some(request) };
        super::wire::framed(&message).ok()
    });
    let (answered, mut wrong) = (AtomicU64::new(0), None);
    let take = |bytes| {
        let number = answered.fetch_add(1, Ordering::Relaxed);
        let right =
            pb::StreamModerateCommentsResponse::decode(bytes).map_err(Into::into).and_then(|answer| {
                ensure!(answer.request_id == number.to_string(), "the stream is out of order");
                match answer.answer.and_then(|answer| answer.outcome) {
                    Some(Outcome::Response(response)) => decided(&response),
                    _ => bail!("the stream has an error"),
                }
            });
        wrong = wrong.take().or(right.err());
        !over.load(Ordering::Relaxed) && wrong.is_none()
    };
    peer.stream(STREAM, messages, 4, PAUSE, take).await?;
    wrong.map_or(Ok(answered.into_inner()), Err)
}

/// Changes the policy at random moments, sometimes with a word to the server,
/// until it is over.
async fn change(path: std::path::PathBuf, pid: u32, over: Arc<AtomicBool>) -> Result<u64> {
    let mut state = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64 | 1;
    let mut random = || {
        // Xorshift (G. Marsaglia, Xorshift RNGs, 2003); any spread will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut changes, start) = (0, Instant::now());
    while !over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(200 + random() % 2_000)).await;
        changes += 1;
        write(&path, POLICIES[changes % POLICIES.len()].0)?;
        if random() % 2 == 0 {
            let sent = std::process::Command::new("kill").arg("-HUP").arg(pid.to_string()).status()?;
            ensure!(sent.success(), "the server is gone after {:?}", start.elapsed());
        }
    }
    Ok(changes as u64)
}

/// Replaces the file at once.
fn write(path: &Path, source: &str) -> Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, source)?;
    Ok(std::fs::rename(new, path)?)
}
