//! Ways to run a server, each on the minimal one, all in one run.

use super::load::{closed, connect};
use super::ratios::{LENGTH, calls, start_echo};
use super::{Run, median};
use anyhow::Result;
use http::HeaderValue;

const CONNECTIONS: usize = 8;
const IN_FLIGHT: usize = 4;

/// What to compare, and how the minimal server is told.
const WAYS: [(&str, &[&str]); 8] = [
    ("multi-thread runtime, judged inline", &["--work", "inline"]),
    ("a runtime for each processor (SO_REUSEPORT)", &["--work", "inline", "--per-core"]),
    ("judged in the blocking pool", &["--work", "pooled"]),
    ("nothing judged: as it comes", &[]),
    ("  windows of 1 MiB", &["--window-kib", "1024"]),
    ("  windows of 64 KiB", &["--window-kib", "64"]),
    ("  adaptive windows", &["--adaptive-window"]),
    ("  answers compressed with gzip", &["--gzip"]),
];

pub async fn run(run: &Run) -> Result<()> {
    println!("\nways to run a server, closed loop, {} rounds of {} s", run.rounds, run.seconds);
    println!("{:<46} {:>10} {:>14} {:>10} {:>12}", "", "calls/s", "server CPU", "p99", "by one peer");
    let servers = WAYS.iter().map(|(_, way)| start_echo(way)).collect::<Result<Vec<_>>>()?;
    let plain = calls(LENGTH)?;
    let mut compressed = plain.clone();
    compressed.headers.insert("grpc-accept-encoding", HeaderValue::from_static("gzip"));
    let mut found = vec![<[Vec<f64>; 4]>::default(); WAYS.len()];
    for _ in 0..run.rounds {
        for ((server, (_, way)), found) in servers.iter().zip(WAYS).zip(&mut found) {
            let peers = connect(server.address, CONNECTIONS).await?;
            let calls = if way.contains(&"--gzip") { &compressed } else { &plain };
            let before = server.cpu()?;
            let tally = closed(&peers, calls, IN_FLIGHT, run.time()).await?;
            tally.check()?;
            let cpu = (server.cpu()? - before) * 1e6 / tally.accepted.len() as f64;
            let p99 = tally.accepted.value_at_quantile(0.99) as f64;
            // A platform has one connection as often as not.
            let alone = closed(&peers[..1], calls, CONNECTIONS * IN_FLIGHT, run.time()).await?;
            alone.check()?;
            for (all, one) in found.iter_mut().zip([tally.goodput(), cpu, p99, alone.goodput()]) {
                all.push(one);
            }
        }
    }
    for ((name, _), figures) in WAYS.iter().zip(found) {
        let [goodput, cpu, p99, alone] = figures.map(median);
        println!("{name:<46} {goodput:>10.0} {cpu:>11.1} us {p99:>7.0} us {alone:>10.0} /s");
    }
    Ok(())
}
