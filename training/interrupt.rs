//! What happens on Ctrl-C: files are whole or as they were, and one line says
//! so.

use anyhow::{Context, Result};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held while files are written: who wants to end the program waits for it.
static WRITING: Mutex<()> = Mutex::new(());

/// Keeps signals from ending the program until it is dropped. Not to be taken
/// twice by one thread.
pub fn hold_off() -> MutexGuard<'static, ()> {
    // What it guards is no data that a panic could have left half-changed.
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the program in order when it is interrupted (SIGINT) or told to end
/// (SIGTERM), from now on: with the code that shells give for the signal, and
/// when no file is being written.
#[cfg(unix)]
pub fn watch() -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let _held = hold_off();
                eprintln!("thresher-train: interrupted; every file is whole or as it was before");
                std::process::exit(128 + signal);
            }
        })
        .context("cannot wait for signals")?;
    Ok(())
}

/// Elsewhere the system ends the program itself.
#[cfg(not(unix))]
pub fn watch() -> Result<()> {
    Ok(())
}
