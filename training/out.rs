//! The standard output. A reader that has seen enough and closed it (`| head`)
//! is no error: the work goes on, since a model may still have to be written.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

/// As `println!`, for readers that may be gone.
macro_rules! outln {
    ($($arguments:tt)*) => { $crate::out::write(format_args!("{}\n", format_args!($($arguments)*))) };
}

/// As `print!`, for readers that may be gone.
macro_rules! out {
    ($($arguments:tt)*) => { $crate::out::write(format_args!($($arguments)*)) };
}

/// Writes at once. Ends the program when the output cannot be written to for
/// another reason than a closed pipe, such as a full disk.
pub fn write(text: Arguments<'_>) {
    let mut out = io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("thresher-train: standard output: {error}");
            std::process::exit(1);
        }
        _ => {}
    }
}
