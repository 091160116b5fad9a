//! The audit log: what was answered, sampled, as JSON Lines in a file of
//! bounded size. No text, no author, no id of the caller's, no key: what is
//! there is the id of the assessment, the site, versions, language, scores,
//! action and the names of the reasons.

mod file;

use crate::metrics::{Metrics, Token};
use crate::moderator::Assessment;
use crate::score::Scores;
use file::Rotating;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// The most lines that wait to be written; more are dropped and counted.
const MAX_WAITING: usize = 1_024;

/// A line that is counted as waiting until it is written.
type Waiting = (Vec<u8>, Token);

/// Where the audit log is written, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditOptions {
    /// The file.
    pub file: PathBuf,
    /// One comment in so many is written down; at least 1.
    pub one_in: u64,
    /// How large the file may grow, in bytes, before it is put aside.
    pub max_bytes: u64,
    /// How many files that were put aside are kept, as `FILE.1`, `FILE.2` and
    /// so on, the youngest first.
    pub keep: usize,
}

/// Writes the audit log, on a thread of its own, so that no call waits for a
/// disk.
pub struct AuditLog {
    one_in: u64,
    seen: AtomicU64,
    metrics: Arc<Metrics>,
    lines: Option<SyncSender<Waiting>>,
    writer: Option<JoinHandle<()>>,
}

/// Scores by the name of their attribute.
type Scored = BTreeMap<&'static str, f32>;

/// One answer as a line of the log.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    assessment_id: &'a str,
    site: &'a str,
    action: &'static str,
    scores: Scored,
    /// The scores before the site's calibration, where it moved any.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_scores: Option<Scored>,
    reasons: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow_reasons: Vec<String>,
    language_code: &'a str,
    model_version: &'a str,
    policy_version: &'a str,
}

/// What an answer has beside its assessment.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// The id of the assessment.
    pub assessment_id: &'a str,
    /// The site of the request; empty for the default one.
    pub site: &'a str,
    /// The version of the model.
    pub model_version: &'a str,
    /// The version of the policy.
    pub policy_version: &'a str,
}

impl AuditLog {
    /// Opens the file to append to it, and starts to write.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread started.
    pub fn open(options: AuditOptions, metrics: Arc<Metrics>) -> io::Result<AuditLog> {
        let AuditOptions { file, one_in, max_bytes, keep } = options;
        let file = Rotating::open(file, max_bytes, keep)?;
        let (sender, receiver) = sync_channel(MAX_WAITING);
        let counted = Arc::clone(&metrics);
        let writer =
            thread::Builder::new().name("audit".into()).spawn(move || write(file, &receiver, &counted))?;
        Ok(AuditLog {
            one_in: one_in.max(1),
            seen: AtomicU64::new(0),
            metrics,
            lines: Some(sender),
            writer: Some(writer),
        })
    }

    /// Writes an answer down, if it is one of those that are. Never waits.
    pub fn note(&self, answered: Answered<'_>, assessment: &Assessment) {
        if !self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.one_in) {
            return;
        }
        let Answered { assessment_id, site, model_version, policy_version } = answered;
        let names =
            |reasons: &[crate::policy::Reason]| reasons.iter().map(|it| it.rule.to_string()).collect();
        let scored = |scores: &Scores| -> Scored {
            scores.iter().filter_map(|(it, score)| Some((it.name(), score.ok()?.get()))).collect()
        };
        let (scores, model_scores) = (scored(&assessment.scores), scored(&assessment.model_scores));
        let line = Line {
            time: jiff::Timestamp::now().to_string(),
            assessment_id,
            site: if site.is_empty() { crate::policy::DEFAULT_SITE } else { site },
            action: assessment.verdict.action.name(),
            model_scores: (model_scores != scores).then_some(model_scores),
            scores,
            reasons: names(&assessment.verdict.reasons),
            shadow_reasons: names(&assessment.verdict.shadow_reasons),
            language_code: assessment.language_code,
            model_version,
            policy_version,
        };
        // A struct of strings and finite numbers is always JSON.
        let Ok(mut line) = serde_json::to_vec(&line) else { return };
        line.push(b'\n');
        let waiting = self.metrics.audit_line();
        let sent = self.lines.as_ref().is_some_and(|lines| lines.try_send((line, waiting)).is_ok());
        if !sent {
            self.metrics.audited("dropped");
        }
    }
}

impl Drop for AuditLog {
    /// Waits until what was noted is written.
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            // Its panic was logged.
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").field("one_in", &self.one_in).finish_non_exhaustive()
    }
}

/// Writes lines for as long as there may be some.
fn write(mut file: Rotating, lines: &Receiver<Waiting>, metrics: &Metrics) {
    let mut failing = false;
    for (line, _waiting) in lines {
        match file.append(&line) {
            Ok(()) => {
                metrics.audited("written");
                failing = false;
            }
            Err(error) => {
                metrics.audited("failed");
                // Told once, not for every line of a full disk.
                if !failing {
                    tracing::warn!(%error, "cannot write the audit log");
                }
                failing = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
