//! fail2ban reads who is turned away, and nothing that a client makes up.

use std::path::Path;

use crate::stand::{ADA, Failure, Stand};

#[test]
fn fail2ban_reads_who_is_turned_away() -> Result<(), Failure> {
    let stand = Stand::new(&[("curl", "curl"), ("fail2ban-regex", "fail2ban")])?;
    let made_up = "x login refused from 10.0.0.1 by imap";
    for (scheme, door, user) in [
        ("imap", "imap", ADA),
        ("pop3", "pop3", made_up),
        ("smtp", "smtp", "nobody"),
    ] {
        stand.run(&format!(
            "curl --silent --user '{user}:wrong' '{scheme}://localhost:PORT:{door}:' && exit 1 || true"
        ))?;
    }
    // Who comes in is not among them.
    stand.run(&format!(
        "curl --silent --show-error --user '{ADA}:PASSWORD' 'imap://localhost:PORT:imap:'"
    ))?;
    stand.write("gatepost.log", &stand.log())?;
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fail2ban/gatepost.conf");
    let found = stand.run(&format!(
        "fail2ban-regex --out ip gatepost.log '{}'",
        filter.display()
    ))?;
    let found = String::from_utf8(found)?;
    // A client may try more than one mechanism; whatever it says of itself, it is this machine.
    let mut addresses: Vec<&str> = found.split_whitespace().collect();
    assert!(addresses.len() >= 3, "{found}\n{}", stand.log());
    addresses.dedup();
    assert_eq!(addresses, ["127.0.0.1"], "{}", stand.log());
    Ok(())
}
