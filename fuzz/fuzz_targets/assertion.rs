//! See `gatepost_oauth::fuzzing::assertion`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_oauth::fuzzing::assertion(input));
