//! The JSON Schema of the configuration, for editors.

use super::raw::RawConfig;

/// The JSON Schema of the configuration file, as indented JSON. It is checked in as
/// `docs/gatepost.schema.json`.
pub fn schema() -> String {
    let schema = schemars::schema_for!(RawConfig);
    let mut text =
        serde_json::to_string_pretty(&schema).expect("a schema of plain types is plain JSON");
    text.push('\n');
    text
}
