//! Files that people write, such as configurations, policies and keys. A wrong
//! path may lead to anything; what is far longer than any such file is refused
//! before it is read whole.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The text of a file.
///
/// # Errors
/// When it cannot be read, is longer than `most` bytes, or is no text.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<String> {
    let wrong = |why: String| io::Error::new(ErrorKind::InvalidData, why);
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(wrong(format!("it is over the limit of {most} bytes")));
    }
    String::from_utf8(bytes)
        .map_err(|error| wrong(format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_or_no_text_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for (bytes, expected) in [
            (&b"abcd"[..], Ok("abcd")),
            (b"", Ok("")),
            (b"abcde", Err("it is over the limit of 4 bytes")),
            (b"ab\xff", Err("it is not UTF-8 from byte 2 on")),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let read = read(&path, 4).map_err(|error| error.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), expected);
        }
        assert_eq!(read(&folder.path().join("b"), 4).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
