//! How long a server takes from its start until it is ready, as it tells whoever
//! started it, and until it has answered its first call.

use super::load::connect;
use super::process::Server;
use super::ratios::{LENGTH, calls};
use super::{ServerFile, line, median};
use anyhow::{Result, ensure};
use clap::Args;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a server has to become ready.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args, Clone, Debug)]
pub struct Start {
    /// How often a server is started.
    #[arg(long, default_value_t = 15)]
    starts: usize,
    #[command(flatten)]
    server: ServerFile,
}

impl Start {
    pub fn few(server: &ServerFile) -> Start {
        Start { starts: 15, server: server.clone() }
    }

    pub async fn run(&self) -> Result<()> {
        println!("\nfrom the start of a server with the shipped model, {} times", self.starts);
        let (mut ready, mut answered) = (Vec::new(), Vec::new());
        for _ in 0..self.starts {
            let (one, other) = self.once().await?;
            ready.push(one);
            answered.push(other);
        }
        for (what, times, wanted) in
            [("until it is ready", ready, "< 300"), ("until it has answered a call", answered, "")]
        {
            let most = times.iter().copied().fold(0.0, f64::max);
            line(&format!("  {what}: median, most"), format!("{:.1}, {most:.1} ms", median(times)), wanted);
        }
        Ok(())
    }

    /// Starts a server in the way of systemd; how many milliseconds it took to say
    /// `READY=1` and to answer.
    async fn once(&self) -> Result<(f64, f64)> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("notify");
        let notified = UnixDatagram::bind(&path)?;
        notified.set_read_timeout(Some(PATIENCE))?;
        let calls = calls(LENGTH)?;
        let mut command = Command::new(self.server.path()?);
        command.args(["serve", "--listen", "127.0.0.1:0"]).env("NOTIFY_SOCKET", &path);
        let since = Instant::now();
        let millis = || since.elapsed().as_secs_f64() * 1e3;
        let server = Server::spawn(command)?;
        let mut told = [0; 1_024];
        let bytes = notified.recv(&mut told)?;
        let ready = millis();
        ensure!(told[..bytes].starts_with(b"READY=1"), "the server says something else first");
        let peer = connect(server.address, 1).await?.remove(0);
        let answer = peer.call(calls.path, &calls.headers, calls.messages[0].clone()).await?;
        let answered = millis();
        ensure!(answer.code() == 0, "the server answers with status {}", answer.code());
        Ok((ready, answered))
    }
}
