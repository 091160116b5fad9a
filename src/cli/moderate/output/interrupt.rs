//! What becomes of the file beside an output when the command is interrupted:
//! it goes, and the command ends as it would have.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file that is there for the time being. One, since a command has one
/// output that is a file.
static BESIDE: Mutex<Option<PathBuf>> = Mutex::new(None);

fn beside() -> MutexGuard<'static, Option<PathBuf>> {
    BESIDE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a file that is removed when the command is interrupted (SIGINT), told to
/// end (SIGTERM) or its terminal goes (SIGHUP), from its first moment on.
pub fn guard<T>(make: impl FnOnce() -> io::Result<(T, PathBuf)>) -> io::Result<T> {
    await_signals()?;
    let mut beside = beside();
    let (made, path) = make()?;
    *beside = Some(path);
    Ok(made)
}

/// Puts the file in its place, which no signal interrupts.
pub fn release<T>(put: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut beside = beside();
    let put = put()?;
    *beside = None;
    Ok(put)
}

#[cfg(unix)]
fn await_signals() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let ignored = ignored();
    let awaited = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let mut signals = signal_hook::iterator::Signals::new(awaited)?;
    let ending = move || {
        if let Some(signal) = signals.forever().next() {
            // Held to the end: what is gone is not put in its place any more.
            let mut beside = beside();
            if let Some(path) = beside.take() {
                let _ = std::fs::remove_file(path);
            }
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(ending)?;
    Ok(())
}

/// The signals that whoever started the command had it ignore, as `nohup` does, a
/// bit each from the first on. They go on being ignored. Nothing is known of them
/// where there is no such file.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Elsewhere the system ends the command itself.
#[cfg(not(unix))]
fn await_signals() -> io::Result<()> {
    Ok(())
}
