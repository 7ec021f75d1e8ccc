//! Runs the seeds of the fuzz targets in `fuzz/corpus`.

use std::fs;
use std::path::Path;

/// What a fuzz target runs.
pub(crate) type Target = fn(&[u8]);

/// Runs every seed of each target; a target without seeds is an error.
pub(crate) fn replay(targets: &[(&str, Target)]) {
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
