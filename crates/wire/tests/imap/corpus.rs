//! The seeds of the fuzz targets, run as an ordinary test.

use gatepost_wire::fuzzing;

use crate::seeds;

#[test]
fn no_seed_breaks_a_decoder() {
    seeds::replay(&[
        ("wire_imap_gate", fuzzing::imap_gate),
        ("wire_assembler", fuzzing::assembler),
        ("wire_client", fuzzing::client),
        ("wire_command", fuzzing::command),
        ("wire_mailbox_names", fuzzing::mailbox_names),
        ("wire_response", fuzzing::response),
        ("wire_server", fuzzing::server),
        ("wire_sasl", fuzzing::sasl),
    ]);
}
