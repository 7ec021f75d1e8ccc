//! Our reading of the dialect against that of Python's own `configparser`.

use std::collections::BTreeMap;

use gatepost_host::Chance;
use gatepost_import::ini::Ini;
use gatepost_peers::EmailProxy;
use serde_json::{Value, json};

use crate::stand::{Failure, told};

#[test]
fn every_text_is_read_as_python_reads_it() -> Result<(), Failure> {
    let chance = Chance::system();
    let mut texts: Vec<String> = SPECIMENS.iter().map(|text| (*text).to_owned()).collect();
    texts.extend((0..TEXTS).map(|_| pieces(&chance)));
    let mut python = EmailProxy::installed()?.python();
    let said = told(python.args(["-c", READER]), &json!(texts))?;
    let theirs: Vec<Value> = serde_json::from_slice(&said.stdout)?;
    assert_eq!(theirs.len(), texts.len());
    let mut read = 0;
    for (text, theirs) in texts.iter().zip(theirs) {
        let ours = Ini::parse(text).map_or(Value::Null, |ini| shown(&ini));
        assert_eq!(ours, theirs, "{text:?}");
        read += usize::from(!theirs.is_null());
    }
    assert!(read > TEXTS / 20, "only {read} of {TEXTS} mean anything");
    Ok(())
}

fn shown(ini: &Ini) -> Value {
    let sections = ini.sections().map(|section| {
        let options = ini.options(section).into_iter();
        let options = options.map(|option| {
            let entry = ini.value(&section.name, option);
            (option, entry.map(|entry| entry.value().to_owned()))
        });
        (section.name.as_str(), options.collect::<BTreeMap<_, _>>())
    });
    json!(sections.collect::<BTreeMap<_, _>>())
}

/// A text of lines such as files have, and some that none should have.
fn pieces(chance: &Chance) -> String {
    let mut text = String::new();
    for _ in 0..=chance.below(8) {
        let piece = chance.below(PIECES.len() as u64);
        text.push_str(PIECES[usize::try_from(piece).unwrap_or_default()]);
    }
    text
}

const TEXTS: usize = 4_000;
const READER: &str = r#"
import configparser, json, sys
def read(text):
    parser = configparser.ConfigParser(interpolation=None)
    try:
        # As from a file: universal line ends.
        import io
        parser.read_file(io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
    except configparser.Error:
        return None
    return {name: dict(parser.items(name)) for name in parser.sections()}
json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
"#;
const PIECES: &[&str] = &[
    "[a]\n",
    "[b]\n",
    "[A]\n",
    "[DEFAULT]\n",
    "[a] trailing\n",
    "[x]y]\n",
    "[]\n",
    "[open\n",
    " [in]\n",
    "k = v\n",
    "K : v = w\n",
    "k=\n",
    "other=1:2\n",
    "= v\n",
    ": v\n",
    "word\n",
    "  deeper\n",
    "\tdeeper still\n",
    "  x = y\n",
    "\n",
    "   \n",
    "# note\n",
    "; note\n",
    "  # deeper note\n",
    "k2 = v # not a note\n",
    "É\u{a0}= ü\u{a0}\n",
    "k3 = v\r\n",
    "k4 = v\r",
    "k5 = \u{1f}v\u{1c}\n",
    "end = without",
];
const SPECIMENS: &[&str] = &[
    "",
    "\n\n",
    "[s]\nk = a\n\n  b\n\n\n",
    "[s]\nk = a\n# c\n  b\n",
    "[DEFAULT]\nk = a\n[DEFAULT]\nk = b\n",
    "[s]\n  k = a\n  l = b\n    c\nm = d\n",
    "[s]\nk = a\n  [t]\n",
    "[s]\nk\u{2003}=\u{2003}a\n",
    "[s]\nİ = 1\nΑΣ = 2\n",
];
