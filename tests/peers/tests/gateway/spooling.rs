//! Programs that send through a door into the outbox: what arrives is what was sent, once.

use std::fs;

use crate::message::{TRACE, awkward, without};
use crate::stand::{ADA, BOB, Failure, Stand};

/// Sends each awkward message with each of these commands, which find it in `message.eml`; each has
/// a Message-ID of its own, since the same message is taken once.
fn sends_unchanged(stand: &Stand, commands: &[String]) -> Result<(), Failure> {
    let mut sent = 0;
    for command in commands {
        for message in awkward() {
            let message = with_id(&message, sent);
            fs::write(stand.file("message.eml"), &message)?;
            stand.run(command)?;
            sent += 1;
            let arrived = stand.arrived(sent)?;
            let mut copies = arrived.iter().map(|octets| without(TRACE, octets));
            let is_there = copies.any(|copy| copy.trim_ascii_end() == message.trim_ascii_end());
            assert!(is_there, "{command}: {:?}", arrived.last());
        }
    }
    // It did not hear that the last one was taken, and comes again.
    let command = commands.last().ok_or("a command")?;
    stand.run(command)?;
    stand.run(&commands[0].replace("message.eml", "other.eml"))?;
    assert_eq!(stand.arrived(sent + 1)?.len(), sent + 1);
    Ok(())
}

/// The message with a Message-ID that no other has.
fn with_id(message: &[u8], number: usize) -> Vec<u8> {
    let id = format!("Message-ID: <{number}@scanner.contoso.com>\n");
    [id.as_bytes(), &without(&["Message-ID"], message)].concat()
}

#[test]
fn msmtp_hands_over() -> Result<(), Failure> {
    let stand = Stand::new(&[("msmtp", "msmtp")])?;
    stand.write(
        ".msmtprc",
        &format!(
            "defaults\nfrom {ADA}\nauth on\nuser {ADA}\npassword PASSWORD\nhost localhost\n\
             account clear\nport PORT:smtp-spool:\ntls off\nauth login\n\
             account starttls\nport PORT:smtp-spool-starttls:\ntls on\ntls_starttls on\n\
             tls_trust_file CA\n"
        ),
    )?;
    fs::write(stand.file("other.eml"), with_id(&awkward()[0], 1_000))?;
    let commands = ["clear", "starttls"];
    let commands = commands.map(|account| format!("msmtp -a {account} {BOB} < message.eml"));
    sends_unchanged(&stand, &commands)
}

#[test]
fn swaks_hands_over_by_login_and_plain() -> Result<(), Failure> {
    let stand = Stand::new(&[("swaks", "swaks")])?;
    fs::write(stand.file("other.eml"), with_id(&awkward()[0], 1_000))?;
    let line = format!(
        "swaks --server localhost --auth-user {ADA} --auth-password PASSWORD --from {ADA} --to {BOB} \
         --data @message.eml --silent 2"
    );
    let commands = [
        "--port PORT:smtp-spool: --auth LOGIN",
        "--port PORT:smtp-spool: --auth PLAIN --pipeline",
        "--port PORT:smtp-spool-starttls: --auth PLAIN --tls --tls-verify --tls-ca-path CA",
    ];
    sends_unchanged(&stand, &commands.map(|how| format!("{line} {how}")))
}
