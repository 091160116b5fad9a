//! Servers in processes of their own, and what the kernel knows about them.

use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What `/proc` counts processor time in, in seconds: USER_HZ is 100 on every
/// architecture that this runs on.
const TICK: f64 = 0.01;

/// A server that ends with this value.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    /// Starts a program that says `listening on ADDRESS` in its first line; on
    /// one processor if a number is given.
    pub fn start(program: &Path, arguments: &[&str], processor: Option<usize>) -> Result<Server> {
        let mut command = match processor {
            None => Command::new(program),
            Some(number) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(number.to_string()).arg(program);
                command
            }
        };
        command.args(arguments);
        Server::spawn(command)
    }

    /// The same by a command of one's own.
    pub fn spawn(mut command: Command) -> Result<Server> {
        let program = command.get_program().display().to_string();
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null()).spawn();
        let mut child = child
            .with_context(|| format!("cannot start {program}; build it: cargo build --release --bins"))?;
        let mut line = String::new();
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("no standard output"))?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.strip_prefix("listening on ").and_then(|rest| {
            let end = rest.find([',', '\n']).unwrap_or(rest.len());
            rest[..end].parse().ok()
        });
        match address {
            Some(address) => Ok(Server { child, address }),
            None => {
                drop(child.kill());
                bail!("{program} did not start: {line:?}")
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Processor time used so far, in seconds.
    pub fn cpu(&self) -> Result<f64> {
        cpu(self.pid())
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kib.ok_or_else(|| anyhow!("no VmRSS"))? * 1024)
    }

    /// Open files and sockets.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    pub fn signal(&self, name: &str) -> Result<()> {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status()?;
        if sent.success() { Ok(()) } else { bail!("cannot send {name}") }
    }

    /// Waits until the process has ended, for so long.
    pub fn ended(&mut self, patience: Duration) -> Result<std::process::ExitStatus> {
        let since = std::time::Instant::now();
        while since.elapsed() < patience {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server did not end within {patience:?}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time that a process has used, in seconds.
fn cpu(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program may hold blanks and ends with the last bracket;
    // user and system time are the 14th and 15th field (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|f| f.parse::<f64>().ok());
    Ok((ticks(14).zip(ticks(15))).map(|(user, system)| user + system).ok_or_else(|| anyhow!("no times"))?
        * TICK)
}

/// Processor time that this thread has used, in seconds.
pub fn thread_cpu() -> Result<f64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    Ok(nanos.ok_or_else(|| anyhow!("no times"))? * 1e-9)
}

/// Keeps this process to one processor. False where that cannot be done.
pub fn keep_to(processor: usize) -> bool {
    let arguments = ["-acp".to_owned(), processor.to_string(), std::process::id().to_string()];
    let done = Command::new("taskset").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}
