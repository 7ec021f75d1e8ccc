//! The seeds of the fuzz targets, run as an ordinary test.

use gatepost_wire::fuzzing;

use crate::seeds;

#[test]
fn no_seed_breaks_a_decoder() {
    seeds::replay(&[
        ("wire_smtp_gate", fuzzing::smtp_gate),
        ("wire_smtp_client", fuzzing::smtp_client),
        ("wire_smtp_server", fuzzing::smtp_server),
        ("wire_smtp_texts", fuzzing::smtp_texts),
    ]);
}
