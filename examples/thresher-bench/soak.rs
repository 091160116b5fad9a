//! Load at half speed while policies and models change at random moments.
//! Every answer is held against the model and the policy that it names, so that
//! one that is mixed shows; every call has to be answered; and memory, sockets
//! and the server itself have to be as before when all is over.

mod change;
mod truth;

use super::comments::{request, texts};
use super::load::{Calls, closed, connect, open};
use super::process::Server;
use super::ratios::{LENGTH, STREAM, calls};
use super::wire::{Answer, Peer, framed};
use super::{ServerFile, line};
use anyhow::{Result, bail, ensure};
use change::{Changing, replace};
use clap::Args;
use prost::Message;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use thresher::server::pb::{self, moderate_comment_answer::Outcome};
use truth::{POLICIES, Truth};

const CONNECTIONS: usize = 4;
/// The stream goes gently: the single calls are what the load is.
const PAUSE: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(30);
/// How often memory is looked at.
const LOOKS: u32 = 10;

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
        let (policy, model) = (folder.path().join("policy.toml"), folder.path().join("base.safetensors"));
        let models = truth::models()?;
        let truth = Arc::new(Truth::new(&models)?);
        replace(&policy, POLICIES[0].0.as_bytes())?;
        replace(&model, &models[0].bytes)?;
        let registry = folder.path().join("models");
        std::fs::create_dir(&registry)?;
        for (i, file) in models.iter().enumerate() {
            std::fs::write(registry.join(format!("{i}.safetensors")), &file.bytes)?;
        }
        let config = folder.path().join("thresher.toml");
        std::fs::write(&config, configuration(&policy, &model, &registry))?;
        let config = config.display().to_string();
        let mut server = Server::start(
            &self.server.path()?,
            &["serve", "--config", &config, "--listen", "127.0.0.1:0"],
            None,
        )?;

        let calls = Calls { check: Some(check(&truth)), ..calls(LENGTH)? };
        let peers = connect(server.address, CONNECTIONS).await?;
        let operator = Peer::connect(server.address).await?;
        let full = closed(&peers, &calls, 8, Duration::from_secs(5)).await?;
        full.check()?;
        let rate = full.goodput() / 2.0;
        println!("\nsoak: {} minutes at {rate:.0} calls/s, and a stream beside them", self.minutes);
        let descriptors = server.descriptors()?;

        let time = Duration::from_secs_f64(self.minutes * 60.0);
        let over = Arc::new(AtomicBool::new(false));
        let changing = {
            let (pid, over) = (server.pid(), Arc::clone(&over));
            let changing = Changing { policy, model, models, pid, peer: operator };
            tokio::spawn(async move { changing.run(&over).await })
        };
        let streaming = {
            let (peer, truth, over) = (peers[0].clone(), Arc::clone(&truth), Arc::clone(&over));
            tokio::spawn(async move { stream(&peer, &truth, &over).await })
        };
        let watched = memory(&server, time);
        let (loaded, memory) = tokio::join!(open(&peers, &calls, rate, time), watched);
        over.store(true, Ordering::Relaxed);
        let (streamed, changes) = (streaming.await??, changing.await??);
        let (tally, memory) = (loaded?, memory?);
        tally.check()?;

        let (policies, models) = truth.least();
        ensure!(policies > 0 && models > 0, "a policy or a model never had its turn");
        line("  calls answered, as their policy and model say", format!("{}", tally.accepted.len()), "");
        line("  calls refused for want of time", format!("{}", tally.refused.len()), "0");
        line("  comments of streams answered in order, likewise", format!("{streamed}"), "");
        line(
            "  changes of the policy, of the model's file",
            format!("{}, {}", changes.policies, changes.model_files),
            "",
        );
        line(
            "  activations and rollbacks of models",
            format!("{}, {}", changes.activations, changes.rollbacks),
            "",
        );
        let percentile = |q| tally.accepted.value_at_quantile(q) as f64 / 1e3;
        let percentiles = format!("{:.1} ms, {:.1} ms", percentile(0.99), percentile(0.999));
        line("  99th and 99.9th percentile", percentiles, "");
        let megabytes = memory.iter().map(|bytes| format!("{:.0}", *bytes as f64 / 1e6)).collect::<Vec<_>>();
        line("  resident memory, tenth by tenth, in MB", megabytes.join(" "), "flat");
        // A file that changed last may be read at this moment.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let open = (descriptors, server.descriptors()?);
        line("  open files before and after", format!("{}, {}", open.0, open.1), "no more");
        ensure!(open.0 >= open.1, "open files have leaked");
        drop(peers);
        server.signal("TERM")?;
        let status = server.ended(PATIENCE)?;
        line("  ended by SIGTERM with", format!("{status}"), "exit status: 0");
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

fn configuration(policy: &Path, model: &Path, registry: &Path) -> String {
    format!("policy = {policy:?}\nmodel = {model:?}\n\n[models]\ndirectory = {registry:?}\n")
}

fn check(truth: &Arc<Truth>) -> super::load::Check {
    let truth = Arc::clone(truth);
    Arc::new(move |text, answer: &Answer| {
        truth.check(text, &pb::ModerateCommentResponse::decode(answer.message())?)
    })
}

/// Resident memory after each tenth of a time, in bytes.
async fn memory(server: &Server, time: Duration) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        tokio::time::sleep(time / LOOKS).await;
        found.push(server.memory()?);
    }
    Ok(found)
}

/// Streams until it is over, and counts. Answers have to come in order.
async fn stream(peer: &Peer, truth: &Truth, over: &AtomicBool) -> Result<u64> {
    let texts = texts(LENGTH);
    let messages = (0_u64..).filter_map(|i| {
        let request = request(&texts[i as usize % texts.len()]);
        framed(&pb::StreamModerateCommentsRequest { request_id: i.to_string(), request: Some(request) }).ok()
    });
    let (answered, mut wrong) = (AtomicU64::new(0), None);
    let take = |bytes| {
        let number = answered.fetch_add(1, Ordering::Relaxed);
        let right =
            pb::StreamModerateCommentsResponse::decode(bytes).map_err(Into::into).and_then(|answer| {
                ensure!(answer.request_id == number.to_string(), "the stream is out of order");
                match answer.answer.and_then(|answer| answer.outcome) {
                    Some(Outcome::Response(response)) => {
                        truth.check(number as usize % texts.len(), &response)
                    }
                    _ => bail!("the stream has an error"),
                }
            });
        wrong = wrong.take().or(right.err());
        !over.load(Ordering::Relaxed) && wrong.is_none()
    };
    peer.stream(STREAM, messages, 4, PAUSE, take).await?;
    wrong.map_or(Ok(answered.into_inner()), Err)
}
