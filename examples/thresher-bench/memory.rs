//! Resident memory over many comments, in batches, streams and single calls.

use super::comments::{batches, streamed, texts};
use super::load::{Calls, closed, connect};
use super::ratios::{BATCH, LENGTH, STREAM, calls, start_thresher};
use super::{ServerFile, line};
use anyhow::Result;
use clap::Args;
use http::HeaderMap;
use std::time::Duration;

const BATCH_SIZE: usize = 1_000;
const AHEAD: usize = 64;
/// How many comments lie between two looks.
const STEPS: u64 = 10;

#[derive(Args, Clone, Debug)]
pub struct Memory {
    /// How many comments the server judges.
    #[arg(long, default_value_t = 10_000_000)]
    comments: u64,
    #[command(flatten)]
    server: ServerFile,
}

impl Memory {
    pub fn short(server: &ServerFile) -> Memory {
        Memory { comments: 500_000, server: server.clone() }
    }

    pub async fn run(&self) -> Result<()> {
        let thresher = start_thresher(&self.server.path()?, None)?;
        let megabytes = || thresher.memory().map(|bytes| bytes as f64 / 1e6);
        println!("\nresident memory, {} comments of {LENGTH} characters", self.comments);
        line("  before the first", format!("{:.1} MB", megabytes()?), "");
        let texts = texts(LENGTH);
        let batch = Calls {
            path: BATCH,
            headers: HeaderMap::new(),
            messages: batches(&texts, BATCH_SIZE)?,
            check: None,
        };
        let (single, messages) = (calls(LENGTH)?, streamed(&texts)?);
        let peers = connect(thresher.address, 2).await?;
        let (mut judged, mut looked, mut looks) = (0, 0, Vec::new());
        while judged < self.comments {
            // Mostly batches: they are the quickest way to many comments.
            let tally = closed(&peers, &batch, 1, Duration::from_secs(1)).await?;
            tally.check()?;
            judged += tally.accepted.len() * BATCH_SIZE as u64;
            let tally = closed(&peers, &single, 16, Duration::from_millis(200)).await?;
            tally.check()?;
            judged += tally.accepted.len();
            let endless = (0..).map(|i: usize| messages[i % messages.len()].clone());
            let mut answered = 0;
            let take = |_| {
                answered += 1;
                answered < 5_000
            };
            peers[0].stream(STREAM, endless, AHEAD, Duration::ZERO, take).await?;
            judged += answered;
            if judged >= looked + self.comments / STEPS {
                looked = judged;
                looks.push(megabytes()?);
                line(&format!("  after {judged}"), format!("{:.1} MB", megabytes()?), "");
            }
        }
        let most = looks.iter().copied().fold(0.0, f64::max);
        line("  the most of these", format!("{most:.1} MB"), "< 60");
        Ok(())
    }
}
