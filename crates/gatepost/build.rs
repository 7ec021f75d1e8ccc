//! Embeds the pages of `docs/codes`, so that `gatepost explain` needs no files.

use std::fmt::Write as _;
use std::path::Path;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script where it is and where to write by the environment"
)]
fn main() {
    // At run time: a target folder that came from another clone has this program built already.
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let folder = Path::new(&here).join("../../docs/codes");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages: Vec<_> = std::fs::read_dir(&folder)
        .expect("docs/codes is part of the source")
        .map(|entry| entry.expect("docs/codes is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    let mut list = String::from("&[\n");
    for page in pages {
        let code = page
            .file_stem()
            .expect("it has an extension, so it has a stem")
            .to_string_lossy();
        let path = page.canonicalize().expect("it was just listed");
        let path = path
            .to_str()
            .expect("the source lies under a path that is text");
        writeln!(list, "    ({code:?}, include_str!({path:?})),").expect("a String takes any text");
    }
    list.push_str("]\n");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out).join("pages.rs"), list).expect("OUT_DIR is writable");
}
