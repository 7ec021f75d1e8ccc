//! The seeds of the fuzz targets, run as an ordinary test.

use gatepost_wire::fuzzing;

use crate::seeds;

#[test]
fn no_seed_breaks_a_decoder() {
    seeds::replay(&[
        ("wire_pop3_gate", fuzzing::pop3_gate),
        ("wire_body", fuzzing::body),
        ("wire_pop3_client", fuzzing::pop3_client),
        ("wire_pop3_server", fuzzing::pop3_server),
    ]);
}
