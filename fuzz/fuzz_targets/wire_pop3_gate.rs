#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_wire::fuzzing::pop3_gate(input));
