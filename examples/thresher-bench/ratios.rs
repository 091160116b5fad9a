//! What a call costs, in multiples of a call that does nothing and of judging
//! without a call.

use super::comments::{Moderate, assess_cpu, batches, streamed, texts, unary};
use super::load::{Calls, Tally, closed, connect, open};
use super::process::Server;
use super::wire::Peer;
use super::{Run, line, median};
use anyhow::{Result, ensure};
use http::HeaderMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Characters of a comment.
pub const LENGTH: usize = 300;
pub const UNARY: &str = "/thresher.v1.ModerationService/ModerateComment";
pub const BATCH: &str = "/thresher.v1.ModerationService/BatchModerateComments";
pub const STREAM: &str = "/thresher.v1.ModerationService/StreamModerateComments";
pub const BATCH_SIZE: usize = 100;
const CONNECTIONS: usize = 4;
const IN_FLIGHT: usize = 8;
/// Requests of a stream that are sent before their answers are read.
const AHEAD: usize = 64;

pub fn start_thresher(path: &Path, processor: Option<usize>) -> Result<Server> {
    Server::start(path, &["serve", "--listen", "127.0.0.1:0"], processor)
}

pub fn start_echo(arguments: &[&str]) -> Result<Server> {
    start_echo_on(arguments, None)
}

pub fn start_echo_on(arguments: &[&str], processor: Option<usize>) -> Result<Server> {
    let mut all = vec!["echo"];
    all.extend(arguments);
    Server::start(&std::env::current_exe()?, &all, processor)
}

pub fn calls(length: usize) -> Result<Calls> {
    Ok(Calls { path: UNARY, headers: HeaderMap::new(), messages: unary(&texts(length))?, check: None })
}

/// The length of an answer, in bytes.
pub async fn answer_bytes(server: &Server, calls: &Calls) -> Result<usize> {
    let peer = connect(server.address, 1).await?.remove(0);
    let answer = peer.call(calls.path, &calls.headers, calls.messages[0].clone()).await?;
    ensure!(answer.code() == 0, "the server answers with status {}", answer.code());
    Ok(answer.message().len())
}

/// What one round of load on a server showed.
struct Round {
    tally: Tally,
    /// Server processor time for a call, in microseconds.
    cpu: f64,
}

async fn round(server: &Server, load: impl Future<Output = Result<Tally>>) -> Result<Round> {
    let before = server.cpu()?;
    let tally = load.await?;
    tally.check()?;
    let cpu = (server.cpu()? - before) * 1e6 / tally.accepted.len() as f64;
    Ok(Round { tally, cpu })
}

pub async fn run(run: &Run) -> Result<()> {
    let (calls, texts) = (calls(LENGTH)?, texts(LENGTH));
    let thresher = start_thresher(&run.server.path()?, None)?;
    let answer = answer_bytes(&thresher, &calls).await?;
    let echo = start_echo(&["--answer-bytes", &answer.to_string()])?;
    let floor = start_echo(&["--answer-bytes", &answer.to_string(), "--work", "inline"])?;
    let moderate = Moderate::new()?;
    let to_echo = connect(echo.address, CONNECTIONS).await?;
    let to_floor = connect(floor.address, CONNECTIONS).await?;
    let to_thresher = connect(thresher.address, CONNECTIONS).await?;
    println!(
        "\n{LENGTH} characters, {} bytes a request, {answer} an answer; {} rounds of {} s",
        calls.messages[0].len(),
        run.rounds,
        run.seconds
    );

    let (mut echoed, mut floored, mut judged) = (vec![], vec![], vec![]);
    let (mut alone, mut least, mut excess) = (vec![], vec![], vec![]);
    for _ in 0..run.rounds {
        let a = round(&echo, closed(&to_echo, &calls, IN_FLIGHT, run.time())).await?;
        let f = round(&floor, closed(&to_floor, &calls, IN_FLIGHT, run.time())).await?;
        let b = round(&thresher, closed(&to_thresher, &calls, IN_FLIGHT, run.time())).await?;
        let assess = assess_cpu(&moderate, &texts, run.time() / 3)? * 1e6;
        least.push((f.cpu - a.cpu) / assess);
        excess.push((b.cpu - a.cpu) / assess);
        alone.push(assess);
        echoed.push(a);
        floored.push(f);
        judged.push(b);
    }
    let of = |rounds: &[Round], what: &dyn Fn(&Round) -> f64| median(rounds.iter().map(what).collect());
    let saturation = of(&judged, &|r| r.tally.goodput());
    line("saturation, closed loop, load on the same processors", format!("{saturation:.0} /s"), "");
    line("  of echo", format!("{:.0} /s", of(&echoed, &|r| r.tally.goodput())), "");
    line("  of echo that calls assess", format!("{:.0} /s", of(&floored, &|r| r.tally.goodput())), "");
    line("server processor time a call", format!("{:.1} us", of(&judged, &|r| r.cpu)), "");
    line("  of echo", format!("{:.1} us", of(&echoed, &|r| r.cpu)), "");
    line("  of echo that calls assess", format!("{:.1} us", of(&floored, &|r| r.cpu)), "");
    line("  of assess alone, on all processors", format!("{:.1} us", median(alone)), "");
    line("  over echo, in multiples of assess", format!("{:.2} x", median(excess)), "<= 1.2");
    line("  the same of echo that calls assess: the least there is", format!("{:.2} x", median(least)), "");

    latency(run, saturation / 2.0, &calls, (&echo, &to_echo), (&thresher, &to_thresher)).await?;
    batch(run, &thresher, &moderate, &texts).await?;
    stream(run, &thresher, &moderate, &texts).await?;
    line("resident memory after this", format!("{:.1} MB", thresher.memory()? as f64 / 1e6), "< 60");
    Ok(())
}

/// A server and connections to it.
type Side<'a> = (&'a Server, &'a [Peer]);

async fn latency(run: &Run, rate: f64, calls: &Calls, echo: Side<'_>, thresher: Side<'_>) -> Result<()> {
    let mut found: [[Vec<f64>; 3]; 2] = Default::default();
    let mut ratios = vec![];
    for _ in 0..run.rounds {
        let mut p99 = [0.0; 2];
        for (at, (server, peers)) in [echo, thresher].into_iter().enumerate() {
            let round = round(server, open(peers, calls, rate, run.time())).await?;
            p99[at] = round.tally.accepted.value_at_quantile(0.99) as f64;
            let p50 = round.tally.accepted.value_at_quantile(0.5) as f64;
            for (all, one) in found[at].iter_mut().zip([p50, p99[at], round.cpu]) {
                all.push(one);
            }
        }
        ratios.push(p99[1] / p99[0]);
    }
    let [echo, thresher] = found.map(|figures| figures.map(median));
    println!("open loop at {rate:.0} /s, half of saturation");
    line("  median and 99th percentile", format!("{:.0} us, {:.0} us", thresher[0], thresher[1]), "");
    line("  of echo", format!("{:.0} us, {:.0} us", echo[0], echo[1]), "");
    line("  99th percentile in multiples of echo's", format!("{:.2} x", median(ratios)), "<= 2");
    line(
        "  server processor time a call, and of echo",
        format!("{:.1} us, {:.1} us", thresher[2], echo[2]),
        "",
    );
    Ok(())
}

async fn batch(run: &Run, thresher: &Server, moderate: &Moderate, texts: &[String]) -> Result<()> {
    let calls =
        Calls { path: BATCH, headers: HeaderMap::new(), messages: batches(texts, BATCH_SIZE)?, check: None };
    let peers = connect(thresher.address, 2).await?;
    let (mut figures, mut ratios) = (vec![], vec![]);
    for _ in 0..run.rounds {
        let round = round(thresher, closed(&peers, &calls, 2, run.time())).await?;
        let alone = assess_cpu(moderate, texts, run.time() / 3)? * 1e6;
        figures.push(round.cpu / BATCH_SIZE as f64);
        ratios.push(round.cpu / BATCH_SIZE as f64 / alone);
    }
    line("batch of 100: server processor time a comment", format!("{:.1} us", median(figures)), "");
    line("  in multiples of assess alone", format!("{:.2} x", median(ratios)), "<= 1.15");
    Ok(())
}

async fn stream(run: &Run, thresher: &Server, moderate: &Moderate, texts: &[String]) -> Result<()> {
    let messages = streamed(texts)?;
    let peers = connect(thresher.address, 2).await?;
    let (mut figures, mut ratios) = (vec![], vec![]);
    for _ in 0..run.rounds {
        let before = thresher.cpu()?;
        let mut streams = JoinSet::new();
        for peer in peers.clone() {
            let (messages, time) = (Arc::clone(&messages), run.time());
            streams.spawn(async move {
                let (mut answered, start) = (0_u64, Instant::now());
                let count = messages.len();
                let messages = (0..).map(move |i| messages[i % count].clone());
                let take = |_| {
                    answered += 1;
                    start.elapsed() < time
                };
                peer.stream(STREAM, messages, AHEAD, Duration::ZERO, take).await.map(|()| answered)
            });
        }
        let mut answered = 0;
        for one in streams.join_all().await {
            answered += one?;
        }
        let cpu = (thresher.cpu()? - before) * 1e6 / answered as f64;
        let alone = assess_cpu(moderate, texts, run.time() / 3)? * 1e6;
        figures.push(cpu);
        ratios.push(cpu / alone);
    }
    line("stream: server processor time a comment", format!("{:.1} us", median(figures)), "");
    line("  in multiples of assess alone", format!("{:.2} x", median(ratios)), "<= 1.15");
    Ok(())
}
