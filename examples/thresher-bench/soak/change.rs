//! What changes under the load, at random moments.

use super::truth::{File, POLICIES};
use crate::wire::{Peer, framed};
use anyhow::{Result, bail, ensure};
use http::HeaderMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thresher::server::pb;

const ACTIVATE: &str = "/thresher.v1.ModelService/ActivateModel";
const ROLL_BACK: &str = "/thresher.v1.ModelService/RollbackModel";
/// FAILED_PRECONDITION: there was nothing to roll back.
const NOTHING_TO_ROLL_BACK: u32 = 9;

/// A server's files, and the server.
pub struct Changing {
    pub policy: PathBuf,
    pub model: PathBuf,
    pub models: [File; 2],
    pub pid: u32,
    pub peer: Peer,
}

/// How often each was changed.
#[derive(Default)]
pub struct Changes {
    pub policies: usize,
    pub model_files: usize,
    pub activations: usize,
    pub rollbacks: usize,
}

impl Changing {
    /// Replaces the policy file or the base model's, or has a model activated
    /// or taken back, until it is over. A word is sent to the server after half
    /// of the changes of files.
    pub async fn run(self, over: &AtomicBool) -> Result<Changes> {
        let mut random = random()?;
        let mut done = Changes::default();
        while !over.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(200 + random() % 2_000)).await;
            let one = (random() % 2) as usize;
            match random() % 4 {
                0 => {
                    replace(&self.policy, POLICIES[one].0.as_bytes())?;
                    done.policies += 1;
                }
                1 => {
                    replace(&self.model, &self.models[one].bytes)?;
                    done.model_files += 1;
                }
                2 => {
                    let model_version = self.models[one].version.clone();
                    let request = pb::ActivateModelRequest { model_version, site: String::new() };
                    let answer = self.peer.call(ACTIVATE, &HeaderMap::new(), framed(&request)?).await?;
                    ensure!(answer.code() == 0, "a model was not activated: status {}", answer.code());
                    done.activations += 1;
                    continue;
                }
                _ => {
                    let request = pb::RollbackModelRequest::default();
                    let answer = self.peer.call(ROLL_BACK, &HeaderMap::new(), framed(&request)?).await?;
                    match answer.code() {
                        0 => done.rollbacks += 1,
                        NOTHING_TO_ROLL_BACK => {}
                        code => bail!("a model was not taken back: status {code}"),
                    }
                    continue;
                }
            }
            if random() % 2 == 0 {
                let sent =
                    std::process::Command::new("kill").arg("-HUP").arg(self.pid.to_string()).status()?;
                ensure!(sent.success(), "the server is gone");
            }
        }
        Ok(done)
    }
}

/// Replaces a file at once.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, bytes)?;
    Ok(std::fs::rename(new, path)?)
}

/// Xorshift (G. Marsaglia, Xorshift RNGs, 2003); any spread will do.
fn random() -> Result<impl FnMut() -> u64> {
    let mut state = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64 | 1;
    Ok(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 8
    })
}
