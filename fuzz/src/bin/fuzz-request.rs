#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thresher_fuzz::request::run(data));
