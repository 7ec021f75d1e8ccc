//! Reads the dialogues of `tests/dialogues`, a folder for each protocol: one file is one
//! connection.
//!
//! | line | meaning |
//! |---|---|
//! | `C: …` | the client sends this line |
//! | `S: …` | the server sends this line |
//! | `-- for client server` | which of our sides the file is run against; both if not said |
//! | `-- wait …` | time passes; what happens at its end depends on the side |
//! | `-- …` | a remark |
//! | `!` | the connection drops |
//!
//! Every `C:` and `S:` line ends in CRLF on the wire. `\xHH` is the octet HH, and `\x` at the
//! very end leaves the CRLF out. The octets of a literal are simply the lines that follow.

use std::fs;
use std::path::{Path, PathBuf};

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Dialogue {
    /// The file name without its extension.
    pub(crate) name: String,
    /// Whether our client is run against it.
    pub(crate) for_client: bool,
    /// Whether our server is run against it.
    pub(crate) for_server: bool,
    /// What happens, in order.
    pub(crate) steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The client sends these octets.
    Client(Vec<u8>),
    /// The server sends these octets.
    Server(Vec<u8>),
    /// Time passes.
    Wait(String),
    /// The connection drops.
    Drop,
}

/// All dialogues of a protocol, in the order of their names.
pub(crate) fn all(protocol: &str) -> Vec<Dialogue> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/dialogues")
        .join(protocol);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of dialogues is there")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(
        !files.is_empty(),
        "there are dialogues in {}",
        folder.display()
    );
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Dialogue {
    let text = fs::read_to_string(path).expect("a dialogue is text");
    let name = path
        .file_stem()
        .expect("a file has a name")
        .to_string_lossy()
        .into_owned();
    let mut dialogue = Dialogue {
        name,
        for_client: true,
        for_server: true,
        steps: Vec::new(),
    };
    for (number, line) in text.lines().enumerate() {
        let at = format!("{}:{}", path.display(), number + 1);
        if let Some(remark) = line.strip_prefix("--") {
            read_remark(remark.trim(), &mut dialogue);
        } else if line == "!" {
            dialogue.steps.push(Step::Drop);
        } else if let Some(octets) = line.strip_prefix("C:") {
            dialogue.steps.push(Step::Client(unescape(octets, &at)));
        } else if let Some(octets) = line.strip_prefix("S:") {
            dialogue.steps.push(Step::Server(unescape(octets, &at)));
        } else {
            assert!(line.is_empty(), "{at}: a line begins with C: S: -- or !");
        }
    }
    dialogue
}

fn read_remark(remark: &str, dialogue: &mut Dialogue) {
    if let Some(sides) = remark.strip_prefix("for ") {
        dialogue.for_client = sides.contains("client");
        dialogue.for_server = sides.contains("server");
    } else if let Some(until) = remark.strip_prefix("wait ") {
        dialogue.steps.push(Step::Wait(until.to_owned()));
    }
}

fn unescape(line: &str, at: &str) -> Vec<u8> {
    let line = line.strip_prefix(' ').unwrap_or(line);
    let (line, end) = match line.strip_suffix("\\x") {
        Some(line) => (line, b"".as_slice()),
        None => (line, b"\r\n".as_slice()),
    };
    let mut octets = Vec::new();
    let mut parts = line.split("\\x");
    octets.extend_from_slice(parts.next().expect("split gives at least one").as_bytes());
    for part in parts {
        let octet = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        octets.push(octet.unwrap_or_else(|| panic!("{at}: \\x needs two hexadecimal digits")));
        octets.extend_from_slice(&part.as_bytes()[2..]);
    }
    octets.extend_from_slice(end);
    octets
}
