//! The gateway between a program that knows a password and Dovecot or Postfix with tokens: what it
//! adds to the direct connection, against `haproxy`, which takes TLS off and puts it on again and
//! knows nothing of mail, and against `emailproxy`.
//!
//! All speak TLS on both sides if nothing else is said. The processor time is that of the process
//! in the middle. Where Dovecot and a client in TLS would take more of the machine than what is
//! measured, an [`Origin`](gatepost_benches::Origin) takes Dovecot's place: see [`reading`].
//!
//! Arguments choose among the parts: `logins`, `first-logins`, `downloads`, `light`, `commands`,
//! `submissions`, `spool`, `spool-sending`, `idle`, `idle-clear`, `idle-many`, `idle-many-clear`,
//! `slow`. Each has processes of its own: memory that one part has used and given back would be
//! there for the next.

mod idling;
mod logins;
mod reading;
mod sending;
mod stand;

use anyhow::bail;
use gatepost_benches::more_files;

use stand::Stand;

fn main() -> anyhow::Result<()> {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    for name in &chosen {
        if !PARTS.iter().any(|(part, _)| part == name) {
            let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
            bail!("there is no part {name}; there are {}", names.join(", "));
        }
    }
    more_files()?;
    for (name, part) in PARTS {
        if chosen.is_empty() || chosen.iter().any(|chosen| chosen == name) {
            part(&Stand::start(name)?)?;
        }
    }
    Ok(())
}

type Part = fn(&Stand) -> anyhow::Result<()>;

const PARTS: [(&str, Part); 13] = [
    ("logins", logins::logins),
    ("first-logins", logins::first_logins),
    ("downloads", reading::downloads),
    ("light", reading::light),
    ("commands", reading::commands),
    ("submissions", sending::submissions),
    ("spool", sending::spool),
    ("spool-sending", sending::spool_sending),
    ("idle", idling::some),
    ("idle-clear", idling::some_in_clear),
    ("idle-many", idling::many),
    ("idle-many-clear", idling::many_in_clear),
    ("slow", idling::slow),
];
