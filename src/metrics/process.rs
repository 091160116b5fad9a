//! What the system knows of the process, under the names that Prometheus' own
//! libraries give it. Read when asked for; what this system does not tell is
//! left out.

use super::{Described, unix_seconds};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::fs;

/// What the kernel counts processor time in: `USER_HZ`, which Linux fixes at
/// 100 a second for programs on the processors we build for (`man 5 proc`).
const TICKS_PER_SECOND: f64 = 100.0;

const START_TIME: Described = Described {
    name: "process_start_time_seconds",
    kind: "gauge",
    labels: &[],
    help: "When the process started, in seconds since 1970",
};
const CPU: Described = Described {
    name: "process_cpu_seconds_total",
    kind: "counter",
    labels: &[],
    help: "Processor time used, of programs and system together",
};
const RESIDENT: Described = Described {
    name: "process_resident_memory_bytes",
    kind: "gauge",
    labels: &[],
    help: "Memory that is in use and not swapped out",
};
const THREADS: Described =
    Described { name: "process_threads", kind: "gauge", labels: &[], help: "Threads of the process" };
const OPEN_FDS: Described =
    Described { name: "process_open_fds", kind: "gauge", labels: &[], help: "Open file descriptors" };
const MAX_FDS: Described =
    Described { name: "process_max_fds", kind: "gauge", labels: &[], help: "The most open file descriptors" };

/// The process.
#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    pub const DESCRIBED: [Described; 6] = [START_TIME, CPU, RESIDENT, THREADS, OPEN_FDS, MAX_FDS];

    pub fn starting_now() -> Process {
        Process { started: unix_seconds() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let gauges = [
            (START_TIME, Some(self.started)),
            (RESIDENT, field(&status, "VmRSS:").map(|kib| kib * 1024.0)),
            (THREADS, field(&status, "Threads:")),
            (OPEN_FDS, fs::read_dir("/proc/self/fd").ok().map(|open| open.count() as f64)),
            (MAX_FDS, field(&limits, "Max open files")),
        ];
        for (described, value) in gauges {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            let metric =
                encoder.encode_descriptor(described.name, described.help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        if let Some(seconds) = cpu_seconds() {
            let counter = ConstCounter::new(seconds);
            let name = CPU.name.trim_end_matches("_total");
            let metric = encoder.encode_descriptor(name, CPU.help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}

/// The first number of the line that begins so.
fn field(lines: &str, name: &str) -> Option<f64> {
    let rest = lines.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}
