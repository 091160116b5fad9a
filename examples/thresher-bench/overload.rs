//! Three times as many calls as the server can answer: what it still answers,
//! how soon, how the others are refused, and how soon all is well again.
//!
//! Server and load have a processor each, or the load would take from the
//! server what is to be measured; the comments are long enough that one
//! processor can ask for three times what the other can judge.

use super::load::{Calls, SLOT, Tally, closed, connect, open};
use super::process::keep_to;
use super::ratios::{calls, start_echo_on, start_thresher};
use super::wire::{Peer, framed};
use super::{Run, line, median};
use anyhow::Result;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Duration;

/// The answer of the minimal server, in bytes.
const ANSWER_BYTES: &str = "173";
const LENGTH: usize = 2_400;
const CONNECTIONS: usize = 16;
const FACTOR: f64 = 3.0;
/// A call that is answered later than this counts as late, in microseconds.
const LATE: u64 = 50_000;
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// How often health is asked for, a second.
const HEALTH_RATE: f64 = 50.0;

pub async fn run(run: &Run) -> Result<()> {
    let apart = keep_to(1);
    let thresher = start_thresher(&run.server.path()?, apart.then_some(0))?;
    let peers = connect(thresher.address, CONNECTIONS).await?;
    let calls = calls(LENGTH)?;
    let asking = connect(thresher.address, 1).await?;
    // What the load makes of the same calls when nothing is judged.
    let echo = start_echo_on(&["--answer-bytes", ANSWER_BYTES], apart.then_some(0))?;
    let to_echo = connect(echo.address, CONNECTIONS).await?;
    println!(
        "\noverload: {LENGTH} characters, {} rounds of {} s{}",
        run.rounds,
        run.seconds,
        if apart { ", a processor for the server and one for the load" } else { "; taskset is missing" }
    );
    let mut found: [Vec<f64>; 9] = Default::default();
    for _ in 0..run.rounds {
        let peak = closed(&peers, &calls, 2, run.time()).await?;
        peak.check()?;
        let rate = FACTOR * peak.goodput();
        let (over, health) = with_health(&peers, &asking, &calls, rate, run.time()).await?;
        let (after, _) = with_health(&peers, &asking, &calls, peak.goodput() / 2.0, run.time()).await?;
        let echoed = open(&to_echo, &calls, rate, run.time()).await?;
        for tally in [&over, &health, &after, &echoed] {
            tally.check()?;
        }
        let p99 = |tally: &Tally| tally.accepted.value_at_quantile(0.99) as f64 / 1e3;
        let refused = over.refused.len() as f64;
        let figures = [
            peak.goodput(),
            over.goodput() / peak.goodput(),
            p99(&over),
            refused / (refused + over.accepted.len() as f64),
            over.refused.value_at_quantile(0.99) as f64 / 1e3,
            p99(&health),
            recovery(&after),
            p99(&after),
            p99(&echoed),
        ];
        for (all, one) in found.iter_mut().zip(figures) {
            all.push(one);
        }
    }
    let [peak, goodput, accepted, share, refused, health, recovery, after, echoed] = found.map(median);
    line("peak, closed loop", format!("{peak:.0} /s"), "");
    line("at three times that: answered, of the peak", format!("{:.0} %", goodput * 1e2), ">= 90");
    line("  99th percentile of what is answered", format!("{accepted:.1} ms"), "< 50");
    line("  refused, of all calls", format!("{:.0} %", share * 1e2), "");
    line("  99th percentile of refusals", format!("{refused:.1} ms"), "");
    line("  99th percentile of health", format!("{health:.1} ms"), "");
    line("  99th percentile of echo at the same rate", format!("{echoed:.1} ms"), "");
    line("at half the peak after that: well again after", format!("{recovery:.1} s"), "<= 1");
    line("  99th percentile", format!("{after:.1} ms"), "");
    Ok(())
}

/// Load, and calls for health beside it.
async fn with_health(
    peers: &[Peer],
    asking: &[Peer],
    calls: &Calls,
    rate: f64,
    time: Duration,
) -> Result<(Tally, Tally)> {
    let empty = framed(&())?;
    let health = Calls { path: HEALTH, headers: HeaderMap::new(), messages: Arc::from([empty]), check: None };
    tokio::try_join!(open(peers, calls, rate, time), open(asking, &health, HEALTH_RATE, time))
}

/// The end of the last slot with a refusal or a late answer, in seconds.
fn recovery(after: &Tally) -> f64 {
    let bad = after.timeline.iter().rposition(|(_, refused, longest)| *refused > 0 || *longest > LATE);
    bad.map_or(0.0, |slot| (slot + 1) as f64 * SLOT.as_secs_f64())
}
