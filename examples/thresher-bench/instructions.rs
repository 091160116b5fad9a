//! How many instructions a comment takes, as valgrind's callgrind counts them.
//! The kernel's are not among them, nor is waiting for memory; in return the
//! figures are the same however busy the machine is.

use super::comments::{Moderate, assess, batches, streamed, texts};
use super::load::{Calls, connect, counted};
use super::process::Server;
use super::ratios::{BATCH, BATCH_SIZE, LENGTH, STREAM, calls};
use super::wire::Peer;
use super::{ServerFile, line};
use anyhow::{Context, Result, ensure};
use clap::Args;
use http::HeaderMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const IN_FLIGHT: usize = 8;
const AHEAD: usize = 64;
/// The answer of the minimal server, in bytes.
const ANSWER_BYTES: &str = "173";
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args, Clone, Debug)]
pub struct Instructions {
    /// How many comments are judged in each way; the same again before that.
    #[arg(long, default_value_t = 4_000)]
    comments: usize,
    #[command(flatten)]
    server: ServerFile,
}

/// Judges so many comments, for callgrind to count.
#[derive(Args, Clone, Debug)]
pub struct Judge {
    comments: usize,
}

impl Judge {
    pub fn run(&self) -> Result<()> {
        let (moderate, texts) = (Moderate::new()?, texts(LENGTH));
        for text in texts.iter().cycle().take(self.comments) {
            assess(&moderate, text).context("the text can be judged")?;
        }
        Ok(())
    }
}

impl Instructions {
    pub async fn run(&self) -> Result<()> {
        println!("\ninstructions a comment of {LENGTH} characters, {} comments each", self.comments);
        let (bench, thresher) = (std::env::current_exe()?, self.server.path()?);
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let echo = ["echo", "--answer-bytes", ANSWER_BYTES];
        let judging = ["echo", "--answer-bytes", ANSWER_BYTES, "--work", "inline"];
        let alone = self.alone(&bench)?;
        let echo = self.of(&bench, &echo, Way::Call).await?;
        let least = self.of(&bench, &judging, Way::Call).await?;
        let call = self.of(&thresher, &serve, Way::Call).await?;
        let batch = self.of(&thresher, &serve, Way::Batch).await?;
        let stream = self.of(&thresher, &serve, Way::Stream).await?;
        let over = |call: f64| format!("{call:.0}, {:.2} x", (call - echo) / alone);
        let times = |one: f64| format!("{one:.0}, {:.2} x", one / alone);
        line("assess alone", format!("{alone:.0}"), "");
        line("a call of echo", format!("{echo:.0}"), "");
        line("a call of echo that calls assess, and over echo in assess", over(least), "");
        line("a call, and over echo in multiples of assess", over(call), "<= 1.2");
        line("a comment of a batch, in multiples of assess", times(batch), "<= 1.15");
        line("a comment of a stream, in multiples of assess", times(stream), "<= 1.15");
        Ok(())
    }

    /// Judging in a process of its own: what a second helping adds.
    fn alone(&self, bench: &Path) -> Result<f64> {
        let mut totals = [0.0; 2];
        for (total, helpings) in totals.iter_mut().zip(1..) {
            let out = tempfile::NamedTempFile::new()?;
            let comments = (helpings * self.comments).to_string();
            let mut valgrind = Command::new("valgrind");
            valgrind.args(["--tool=callgrind", &out_file(out.path())]).arg(bench).args(["judge", &comments]);
            let ended = valgrind.stderr(Stdio::null()).status().context("valgrind is needed")?;
            ensure!(ended.success(), "valgrind ended with {ended}");
            *total = counted_in(out.path())?;
        }
        Ok((totals[1] - totals[0]) / self.comments as f64)
    }

    async fn of(&self, program: &Path, arguments: &[&str], way: Way) -> Result<f64> {
        let out = tempfile::NamedTempFile::new()?;
        let (file, program) = (out_file(out.path()), program.display().to_string());
        let mut all = vec!["--tool=callgrind", "--instr-atstart=no", &file, &program];
        all.extend(arguments);
        let mut server = Server::start(Path::new("valgrind"), &all, None)?;
        let peer = connect(server.address, 1).await?.remove(0);
        way.load(&peer, self.comments).await?;
        count(&server, "on")?;
        way.load(&peer, self.comments).await?;
        count(&server, "off")?;
        server.signal("TERM")?;
        server.ended(PATIENCE)?;
        Ok(counted_in(out.path())? / self.comments as f64)
    }
}

#[derive(Clone, Copy)]
enum Way {
    Call,
    Batch,
    Stream,
}

impl Way {
    async fn load(self, peer: &Peer, comments: usize) -> Result<()> {
        let texts = texts(LENGTH);
        match self {
            Way::Call => counted(peer, &calls(LENGTH)?, IN_FLIGHT, comments).await,
            Way::Batch => {
                let messages = batches(&texts, BATCH_SIZE)?;
                let calls = Calls { path: BATCH, headers: HeaderMap::new(), messages, check: None };
                counted(peer, &calls, 1, comments / BATCH_SIZE).await
            }
            Way::Stream => {
                let messages = streamed(&texts)?;
                let all = (0..).map(|i: usize| messages[i % messages.len()].clone());
                let mut answered = 0;
                let take = |_| {
                    answered += 1;
                    answered < comments
                };
                peer.stream(STREAM, all, AHEAD, Duration::ZERO, take).await
            }
        }
    }
}

fn out_file(path: &Path) -> String {
    format!("--callgrind-out-file={}", path.display())
}

fn count(server: &Server, whether: &str) -> Result<()> {
    let pid = server.pid().to_string();
    let told =
        Command::new("callgrind_control").args(["-i", whether, &pid]).stdout(Stdio::null()).status()?;
    ensure!(told.success(), "callgrind_control ended with {told}");
    Ok(())
}

/// The total of a file of callgrind's.
fn counted_in(path: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(path)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).context("callgrind counted nothing")
}
