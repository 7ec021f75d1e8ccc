//! The seeds of the fuzz targets, run as an ordinary test.

use std::fs;
use std::path::Path;

use gatepost_wire::fuzzing;

type Target = fn(&[u8]);

#[test]
fn no_seed_breaks_a_decoder() {
    let targets: [(&str, Target); 7] = [
        ("wire_assembler", fuzzing::assembler),
        ("wire_client", fuzzing::client),
        ("wire_command", fuzzing::command),
        ("wire_mailbox_names", fuzzing::mailbox_names),
        ("wire_response", fuzzing::response),
        ("wire_server", fuzzing::server),
        ("wire_sasl", fuzzing::sasl),
    ];
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in targets {
        let seeds = fs::read_dir(corpus.join(name)).expect("every target has a corpus");
        let mut count = 0;
        for seed in seeds {
            let octets = fs::read(seed.expect("the corpus can be listed").path());
            target(&octets.expect("a seed can be read"));
            count += 1;
        }
        assert!(count > 0, "{name} has seeds");
    }
}
