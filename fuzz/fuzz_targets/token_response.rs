//! See `gatepost_oauth::fuzzing::token_response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_oauth::fuzzing::token_response(input));
