//! What is told of a server, in JSON and in tables.

use super::samples::Samples;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use thresher::policy::Action;

/// How a server is.
#[derive(Debug, PartialEq, Serialize)]
pub struct Status {
    serving: bool,
    version: String,
    /// RFC 3339.
    started: String,
    uptime_seconds: u64,
    resident_memory_bytes: Option<u64>,
    models: Vec<String>,
    /// Versions by site.
    policies: BTreeMap<String, String>,
    calls: Places,
    connections: Places,
    /// Comments by site and action.
    comments: BTreeMap<String, BTreeMap<String, u64>>,
    /// By method.
    rpcs: BTreeMap<String, Rpc>,
    /// Calls and comments refused, by reason.
    refusals: BTreeMap<String, u64>,
    /// Changed files, by what they are and what became of them.
    reloads: BTreeMap<String, BTreeMap<String, u64>>,
    /// Mean time of a comment in each phase.
    phase_microseconds: BTreeMap<String, f64>,
}

/// Places in use, and how many there are.
#[derive(Debug, PartialEq, Serialize)]
struct Places {
    now: u64,
    limit: u64,
}

/// The calls of one method.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Rpc {
    calls: u64,
    /// Those that did not end with `OK`.
    not_ok: u64,
    /// At most so long took half of them.
    p50_seconds: Option<f64>,
    p99_seconds: Option<f64>,
}

/// Sums samples by two labels.
fn by_two(samples: &Samples<'_>, name: &str, labels: [&str; 2]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut sums: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for sample in samples.of(name).filter(|sample| sample.value > 0.0) {
        let [outer, inner] = labels.map(|label| sample.label(label).to_owned());
        *sums.entry(outer).or_default().entry(inner).or_default() += sample.value as u64;
    }
    sums
}

impl Status {
    /// What the samples say; none when they are of something else than a
    /// server of ours.
    pub fn of(samples: &Samples<'_>, now: Timestamp) -> Option<Status> {
        let version = samples.of("thresher_build_info").next()?.label("version").to_owned();
        let started = samples.value("process_start_time_seconds")?;
        let started = Timestamp::from_second(started as i64).ok()?;
        let count = |name: &str| samples.value(name).unwrap_or_default() as u64;
        let mut rpcs: BTreeMap<String, Rpc> = BTreeMap::new();
        for sample in samples.of("thresher_requests_total") {
            let rpc = rpcs.entry(sample.label("rpc").to_owned()).or_default();
            rpc.calls += sample.value as u64;
            if sample.label("code") != "OK" {
                rpc.not_ok += sample.value as u64;
            }
        }
        for (name, rpc) in &mut rpcs {
            let quantile = |share| samples.quantile("thresher_request_duration_seconds", "rpc", name, share);
            (rpc.p50_seconds, rpc.p99_seconds) = (quantile(0.5), quantile(0.99));
        }
        let phases = samples.of("thresher_phase_duration_seconds_count").filter(|count| count.value > 0.0);
        let mean = |phase: &str, count: f64| {
            let mut sums = samples.of("thresher_phase_duration_seconds_sum");
            sums.find(|sum| sum.label("phase") == phase).map(|sum| sum.value * 1e6 / count)
        };
        Some(Status {
            serving: samples.value("thresher_serving")? > 0.0,
            version,
            started: started.to_string(),
            uptime_seconds: u64::try_from(now.as_second() - started.as_second()).unwrap_or_default(),
            resident_memory_bytes: samples.value("process_resident_memory_bytes").map(|bytes| bytes as u64),
            models: samples
                .of("thresher_model_info")
                .map(|model| model.label("version").to_owned())
                .collect(),
            policies: samples
                .of("thresher_policy_info")
                .map(|policy| (policy.label("site").to_owned(), policy.label("version").to_owned()))
                .collect(),
            calls: Places { now: count("thresher_calls_in_flight"), limit: count("thresher_calls_limit") },
            connections: Places {
                now: count("thresher_connections_open"),
                limit: count("thresher_connections_limit"),
            },
            comments: by_two(samples, "thresher_comments_total", ["site", "action"]),
            rpcs,
            refusals: samples
                .of("thresher_refusals_total")
                .map(|refusal| (refusal.label("reason").to_owned(), refusal.value as u64))
                .collect(),
            reloads: by_two(samples, "thresher_reloads_total", ["what", "outcome"]),
            phase_microseconds: phases
                .filter_map(|count| {
                    let phase = count.label("phase");
                    Some((phase.to_owned(), mean(phase, count.value)?))
                })
                .collect(),
        })
    }
}

impl Display for Status {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let state = if self.serving { "serving" } else { "not serving" };
        writeln!(f, "{state}, up {}, version {}", duration(self.uptime_seconds), self.version)?;
        writeln!(f, "model        {}", self.models.join(", "))?;
        for (i, (site, version)) in self.policies.iter().enumerate() {
            writeln!(f, "{:<13}{version}  {site}", if i == 0 { "policy" } else { "" })?;
        }
        if let Some(bytes) = self.resident_memory_bytes {
            writeln!(f, "memory       {:.1} MB", bytes as f64 / 1e6)?;
        }
        writeln!(f, "calls        {} of {}", self.calls.now, self.calls.limit)?;
        writeln!(f, "connections  {} of {}", self.connections.now, self.connections.limit)?;
        self.write_comments(f)?;
        self.write_rpcs(f)?;
        if !self.refusals.is_empty() {
            writeln!(f, "\nRefused")?;
            for (reason, count) in &self.refusals {
                writeln!(f, "  {reason:<22}{count:>10}")?;
            }
        }
        if !self.reloads.is_empty() {
            writeln!(f, "\nReloaded                  ok    failed")?;
            for (what, outcomes) in &self.reloads {
                let of = |outcome: &str| outcomes.get(outcome).copied().unwrap_or_default();
                writeln!(f, "  {what:<16}{:>10}{:>10}", of("ok"), of("failed"))?;
            }
        }
        Ok(())
    }
}

impl Status {
    fn write_comments(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.comments.is_empty() {
            return writeln!(f, "\nNo comment was judged yet.");
        }
        write!(f, "\n{:<24}", "Comments")?;
        for action in Action::ALL {
            write!(f, "{action:>10}")?;
        }
        writeln!(f, "{:>12}", "all")?;
        for (site, actions) in &self.comments {
            write!(f, "  {site:<22}")?;
            for action in Action::ALL {
                match actions.get(action.name()) {
                    Some(count) => write!(f, "{count:>10}")?,
                    None => write!(f, "{:>10}", "-")?,
                }
            }
            writeln!(f, "{:>12}", actions.values().sum::<u64>())?;
        }
        if let Some(mean) = self.phase_microseconds.get("total") {
            writeln!(f, "  {mean:.1} µs each on average")?;
        }
        Ok(())
    }

    fn write_rpcs(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.rpcs.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{:<24}{:>10}{:>10}{:>12}{:>12}", "Calls", "all", "not OK", "p50 under", "p99 under")?;
        for (name, rpc) in &self.rpcs {
            let time = |seconds: Option<f64>| seconds.map_or("-".to_owned(), short);
            let (p50, p99) = (time(rpc.p50_seconds), time(rpc.p99_seconds));
            writeln!(f, "  {name:<22}{:>10}{:>10}{p50:>12}{p99:>12}", rpc.calls, rpc.not_ok)?;
        }
        Ok(())
    }
}

/// A short time for people.
fn short(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.0} s"),
    }
}

/// A long time for people.
fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_server_of_ours_has_no_status() {
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!(Status::of(&Samples::parse("up 1\n"), now), None);
    }

    #[test]
    fn times_are_short_for_people() {
        assert_eq!([5e-5, 2e-3, 5.0].map(short), ["50 µs", "2 ms", "5 s"]);
        assert_eq!([7, 61, 3_661, 90_000].map(duration), ["7 s", "1 min", "1 h 1 min", "1 d 1 h"]);
    }
}
