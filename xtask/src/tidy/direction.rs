//! Who may use whom.

use super::Finding;
use crate::tree::Tree;

/// Each crate names in its manifest only what the architecture allows it to.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.texts("/Cargo.toml") {
        let Some(name) = path
            .strip_prefix("crates/")
            .and_then(|p| p.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        let Some((_, allowed)) = MAY_USE.iter().find(|(from, _)| *from == name) else {
            found.push(Finding::in_file(
                path,
                "a new crate: say in xtask/src/tidy/direction.rs what it may use",
            ));
            continue;
        };
        match dependencies(text) {
            Ok(names) => found.extend(
                names
                    .iter()
                    .filter_map(|used| refusal(name, allowed, used))
                    .map(|sentence| Finding::in_file(path, sentence)),
            ),
            Err(error) => found.push(Finding::in_file(path, error)),
        }
    }
    found
}

fn refusal(name: &str, allowed: &[&str], used: &str) -> Option<String> {
    if let Some(ours) = used.strip_prefix("gatepost-") {
        return (!allowed.contains(&ours)).then(|| format!("`{name}` may not use `{ours}`"));
    }
    let (_, owners, reason) = OWNED.iter().find(|(library, ..)| *library == used)?;
    (!owners.contains(&name)).then(|| format!("`{name}` may not use {used}: {reason}"))
}

/// The names under `[dependencies]` and `[build-dependencies]`. Tests may look anywhere.
fn dependencies(manifest: &str) -> Result<Vec<String>, String> {
    let manifest: toml::Table = manifest.parse().map_err(|error| format!("{error}"))?;
    let tables = ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|key| manifest.get(*key));
    Ok(tables
        .filter_map(toml::Value::as_table)
        .flat_map(|table| table.keys().cloned())
        .collect())
}

/// The picture in ARCHITECTURE.md as a table. Arrows point down only.
const MAY_USE: &[(&str, &[&str])] = &[
    ("fault", &[]),
    ("host", &["fault"]),
    ("wire", &["fault"]),
    ("oauth", &["fault", "host"]),
    ("mail", &["fault", "host", "oauth", "wire"]),
    ("mailroom", &["fault", "host", "mail", "oauth"]),
    ("gateway", &["fault", "host", "wire", "oauth", "mail"]),
    (
        "store",
        &["fault", "host", "oauth", "mail", "mailroom", "gateway"],
    ),
    // An independent judge: it shares the wire with what it judges, and nothing else.
    ("sandbox", &["fault", "host", "wire"]),
    ("import", &["fault"]),
    (
        "gatepost",
        &[
            "fault", "host", "wire", "oauth", "mail", "mailroom", "gateway", "store", "sandbox",
            "import",
        ],
    ),
];

/// Libraries that belong to some crates only, and why.
const OWNED: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["store"], "SQL is only in `store`"),
    (
        "imap-codec",
        &["wire"],
        "one module owns the pinned pre-release",
    ),
    (
        "clap",
        &["gatepost"],
        "the command line is only in `gatepost`",
    ),
    ("anyhow", &["gatepost"], "libraries answer with faults"),
    (
        "rustls-platform-verifier",
        &["host"],
        "trust is decided in `host`",
    ),
    (
        "axum",
        &["sandbox", "oauth"],
        "the imaginary tenant serves HTTP, and `oauth` the redirect of a sign-in",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let manifest = "[dependencies]\ngatepost-store.workspace = true\n";
        let found = check(&Tree::of(&[("crates/mail/Cargo.toml", manifest)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].sentence.contains("`mail` may not use `store`"));
    }

    #[test]
    fn sql_outside_the_store_is_found() {
        let manifest = "[dependencies]\nsqlx.workspace = true\n";
        assert_eq!(
            check(&Tree::of(&[("crates/mailroom/Cargo.toml", manifest)])).len(),
            1
        );
        assert_eq!(
            check(&Tree::of(&[("crates/store/Cargo.toml", manifest)])).len(),
            0
        );
    }

    #[test]
    fn an_unknown_crate_must_be_placed_first() {
        assert_eq!(
            check(&Tree::of(&[("crates/novel/Cargo.toml", "")])).len(),
            1
        );
    }
}
