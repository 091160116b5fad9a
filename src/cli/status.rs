//! `thresher status`: how a running server is, at a glance.

mod samples;
mod tables;

use super::failure::Failure;
use super::sources::address;
use super::terminal;
use clap::Args;
use samples::Samples;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;
use tables::Status;
use thresher::config::Config;

const EXAMPLES: &str = "\
Examples:
  thresher status --admin 127.0.0.1:9464
  thresher status --config /etc/thresher/thresher.toml
  thresher status --admin 127.0.0.1:9464 --json

It asks the admin port of the server, which [admin] in the configuration opens, or serve --admin.";

/// How long the server has to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// Tells how a running server is.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatusCommand {
    /// The configuration file of the server; without it, the defaults inside
    /// the binary.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address of the server's admin port, instead of the configuration's.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    admin: Option<SocketAddr>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl StatusCommand {
    /// Asks, and shows.
    pub fn run(&self) -> Result<(), Failure> {
        let address = match self.admin {
            Some(address) => address,
            None => {
                let config = self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::open)?;
                config.admin.address.ok_or_else(|| {
                    Failure::usage(
                        "the configuration opens no admin port; set address in [admin], or pass --admin ADDRESS",
                    )
                })?
            }
        };
        let text = fetch(address).map_err(|error| {
            let why = match error.kind() {
                // What the system calls a time that is over.
                ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("it took over {PATIENCE:?}"),
                _ => error.to_string(),
            };
            Failure::failed(format!("no answer from the admin port {address}: {why}"))
        })?;
        let status = Status::of(&Samples::parse(&text), jiff::Timestamp::now())
            .ok_or_else(|| Failure::failed(format!("{address} is the admin port of no thresher server")))?;
        if self.json {
            let json = serde_json::to_string(&status).map_err(Failure::failed)?;
            return terminal::print(&(json + "\n"));
        }
        terminal::print(&status.to_string())
    }
}

/// The metrics of a server. HTTP/1.0, since it has one answer, which ends with
/// the connection.
fn fetch(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // In one piece, so that no peer answers half of it.
    stream.write_all(format!("GET /metrics HTTP/1.0\r\nhost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer).map_err(|_| io::Error::other("it is no text"))?;
    let (head, body) =
        answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("it does not speak HTTP"))?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        Some(code) => Err(io::Error::other(format!("it says {code}"))),
        None => Err(io::Error::other("it does not speak HTTP")),
    }
}
