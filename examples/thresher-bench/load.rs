//! Load: calls as fast as the answers come (closed loop), and calls at a fixed
//! rate whatever the answers do (open loop).

use super::wire::{Answer, Peer};
use anyhow::{Result, anyhow, ensure};
use hdrhistogram::Histogram;
use http::HeaderMap;
use prost::bytes::Bytes;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The longest time that is told apart, in microseconds.
const LONGEST: u64 = 60_000_000;
/// How long the pacer of an open loop sleeps at a time.
const PACE: Duration = Duration::from_micros(100);
/// The width of a slot of the timeline.
pub const SLOT: Duration = Duration::from_millis(100);
/// Of so many refusals one is looked at in detail.
const LOOKED_AT: u64 = 16;

/// What to send.
#[derive(Clone)]
pub struct Calls {
    pub path: &'static str,
    pub headers: HeaderMap,
    /// Sent in turn.
    pub messages: Arc<[Bytes]>,
    /// Whether an answer is the right one for the message of that number.
    pub check: Option<Check>,
}

/// See [`Calls::check`].
pub type Check = Arc<dyn Fn(usize, &Answer) -> Result<()> + Send + Sync>;

impl Calls {
    async fn make(&self, peer: &Peer, index: usize) -> Result<Answer> {
        let index = index % self.messages.len();
        let answer = peer.call(self.path, &self.headers, self.messages[index].clone()).await?;
        match &self.check {
            Some(check) if answer.code() == 0 => check(index, &answer).map(|()| answer),
            _ => Ok(answer),
        }
    }
}

/// What came of it.
pub struct Tally {
    pub accepted: Histogram<u64>,
    pub refused: Histogram<u64>,
    /// Neither accepted nor refused with RESOURCE_EXHAUSTED and the time to try
    /// again.
    pub failed: u64,
    /// Accepted, refused and the longest accepted time in microseconds, by the
    /// slot in which the answer came.
    pub timeline: Vec<(u64, u64, u64)>,
    pub seconds: f64,
    first_failure: Option<String>,
}

impl Tally {
    fn new() -> Result<Tally> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST, 3);
        Ok(Tally {
            accepted: histogram()?,
            refused: histogram()?,
            failed: 0,
            timeline: Vec::new(),
            seconds: 0.0,
            first_failure: None,
        })
    }

    fn record(&mut self, began: Instant, start: Instant, answer: Result<Answer>) {
        let now = Instant::now();
        let micros = u64::try_from((now - began).as_micros()).unwrap_or(LONGEST);
        let slot = ((now - start).as_micros() / SLOT.as_micros()) as usize;
        if self.timeline.len() <= slot {
            self.timeline.resize(slot + 1, (0, 0, 0));
        }
        match answer {
            Ok(answer) if answer.code() == 0 => {
                self.accepted.saturating_record(micros);
                self.timeline[slot].0 += 1;
                self.timeline[slot].2 = self.timeline[slot].2.max(micros);
            }
            Ok(answer) if self.is_refusal(&answer) => {
                self.refused.saturating_record(micros);
                self.timeline[slot].1 += 1;
            }
            other => {
                self.failed += 1;
                let what = || match other {
                    Ok(answer) => format!("status {}", answer.code()),
                    Err(error) => format!("{error:#}"),
                };
                self.first_failure.get_or_insert_with(what);
            }
        }
    }

    fn is_refusal(&self, answer: &Answer) -> bool {
        if answer.code() != Code::ResourceExhausted as u32 {
            return false;
        }
        if !self.refused.len().is_multiple_of(LOOKED_AT) {
            return true;
        }
        let status = Status::from_header_map(&answer.status);
        status
            .and_then(|status| status.get_details_retry_info())
            .is_some_and(|retry| retry.retry_delay.is_some())
    }

    /// Accepted calls a second.
    pub fn goodput(&self) -> f64 {
        self.accepted.len() as f64 / self.seconds
    }

    /// An error if a call was neither answered nor refused as it should be.
    pub fn check(&self) -> Result<()> {
        match &self.first_failure {
            None => Ok(()),
            Some(what) => Err(anyhow!("{} calls failed, the first with: {what}", self.failed)),
        }
    }
}

type Shared = Arc<Mutex<Tally>>;

fn record(tally: &Shared, began: Instant, start: Instant, answer: Result<Answer>) {
    tally.lock().unwrap_or_else(PoisonError::into_inner).record(began, start, answer);
}

fn finish(tally: Shared, seconds: f64) -> Result<Tally> {
    let tally = Arc::into_inner(tally).ok_or_else(|| anyhow!("a call outlived its load"))?;
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Tally { seconds, ..tally })
}

pub async fn connect(address: SocketAddr, connections: usize) -> Result<Vec<Peer>> {
    let mut peers = Vec::with_capacity(connections);
    for _ in 0..connections {
        peers.push(Peer::connect(address).await?);
    }
    Ok(peers)
}

/// Keeps `in_flight` calls going on each connection for so long.
pub async fn closed(peers: &[Peer], calls: &Calls, in_flight: usize, time: Duration) -> Result<Tally> {
    let tally = Arc::new(Mutex::new(Tally::new()?));
    let start = Instant::now();
    let mut running = JoinSet::new();
    for (number, peer) in peers.iter().flat_map(|peer| std::iter::repeat_n(peer, in_flight)).enumerate() {
        let (peer, calls, tally) = (peer.clone(), calls.clone(), Arc::clone(&tally));
        running.spawn(async move {
            let mut index = number;
            while start.elapsed() < time {
                let began = Instant::now();
                let answer = calls.make(&peer, index).await;
                record(&tally, began, start, answer);
                index += 1;
            }
        });
    }
    while running.join_next().await.is_some() {}
    finish(tally, start.elapsed().as_secs_f64())
}

/// Makes so many calls, `in_flight` at a time, and wants each of them answered.
pub async fn counted(peer: &Peer, calls: &Calls, in_flight: usize, count: usize) -> Result<()> {
    let mut running = JoinSet::new();
    for first in 0..in_flight {
        let (peer, calls) = (peer.clone(), calls.clone());
        running.spawn(async move {
            for index in (first..count).step_by(in_flight) {
                let answer = calls.make(&peer, index).await?;
                ensure!(answer.code() == 0, "the server answers with status {}", answer.code());
            }
            anyhow::Ok(())
        });
    }
    running.join_all().await.into_iter().collect()
}

/// Makes `rate` calls a second for so long, evenly spread over time and over
/// the connections, and then waits for their answers.
///
/// Each call's time counts from the moment it was meant to be made, not from
/// when the generator or the connection got round to it: a server that stalls
/// is charged for the calls that it kept from being made ("coordinated
/// omission", G. Tene, How NOT to Measure Latency, 2013).
pub async fn open(peers: &[Peer], calls: &Calls, rate: f64, time: Duration) -> Result<Tally> {
    let tally = Arc::new(Mutex::new(Tally::new()?));
    let start = Instant::now();
    // On a thread of its own: the runtime's timers have steps of a millisecond.
    let (sender, mut due) = mpsc::unbounded_channel::<std::ops::Range<u64>>();
    let pacer = std::thread::spawn(move || {
        let mut made = 0;
        while start.elapsed() < time {
            let wanted = (start.elapsed().as_secs_f64() * rate) as u64;
            if wanted > made && sender.send(made..wanted).is_err() {
                return;
            }
            made = wanted;
            std::thread::sleep(PACE);
        }
    });
    let mut running = JoinSet::new();
    while let Some(range) = due.recv().await {
        for index in range {
            let (peer, calls, tally) =
                (peers[index as usize % peers.len()].clone(), calls.clone(), Arc::clone(&tally));
            let meant = start + Duration::from_secs_f64(index as f64 / rate);
            running.spawn(async move {
                let answer = calls.make(&peer, index as usize).await;
                record(&tally, meant, start, answer);
            });
        }
        while running.try_join_next().is_some() {}
    }
    while running.join_next().await.is_some() {}
    pacer.join().map_err(|_| anyhow!("the pacer panicked"))?;
    finish(tally, time.as_secs_f64())
}
