//! The seeds of the fuzz targets, run as an ordinary test.

use std::path::Path;

use gatepost_oauth::fuzzing;

#[test]
fn token_responses() {
    run("token_response", fuzzing::token_response);
}

#[test]
fn assertions() {
    run("assertion", fuzzing::assertion);
}

fn run(target: &str, parser: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let seeds = std::fs::read_dir(&folder).expect("the seeds are in the repository");
    let mut count = 0;
    for seed in seeds {
        let path = seed.expect("the folder can be listed").path();
        parser(&std::fs::read(&path).expect("a seed can be read"));
        count += 1;
    }
    assert!(count >= 5, "{count} seeds in {}", folder.display());
}
