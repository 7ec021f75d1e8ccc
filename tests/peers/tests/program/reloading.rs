//! A configuration that changes under a running `gatepost serve`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatepost_peers::Running;

use crate::stand::{ADA, Failure, Stand, message};

#[test]
fn what_did_not_change_is_not_disturbed() -> Result<(), Failure> {
    let stand = Stand::new(&fifty_watches())?;
    deliver_to_all(&stand, "first")?;
    let mut serve = stand.program.start(&["serve"])?;
    arrived(&stand, &mut serve, "first")?;
    assert_eq!(logins(&stand, None), WATCHES);

    let configuration = Configuration::of(&stand);
    configuration.change(&with_poll("5m"), &with_poll("4m"))?;
    let said = String::from_utf8(stand.printed(&["reload"])?)?;
    assert!(said.contains("1 replaced, 49 unchanged"), "{said}");
    deliver_to_all(&stand, "second")?;
    arrived(&stand, &mut serve, "second")?;
    assert_eq!(logins(&stand, None), WATCHES + 1, "one reconnects");
    assert_eq!(logins(&stand, Some(CHANGING)), 2);

    for round in 0..20 {
        let (from, to) = if round % 2 == 0 {
            ("4m", "3m")
        } else {
            ("3m", "4m")
        };
        configuration.change(&with_poll(from), &with_poll(to))?;
        stand.printed(&["reload"])?;
    }
    deliver_to_all(&stand, "third")?;
    arrived(&stand, &mut serve, "third")?;
    let others = logins(&stand, None) - logins(&stand, Some(CHANGING));
    assert_eq!(others, WATCHES - 1, "nobody else ever reconnects");
    assert!(serve.stop(), "{}", stand.program.log());
    Ok(())
}

#[test]
fn a_bad_configuration_changes_nothing() -> Result<(), Failure> {
    let stand = Stand::new(ONE_WATCH)?;
    stand.dovecot.deliver(ADA, "INBOX", &message("first"))?;
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["first"]);
    let configuration = Configuration::of(&stand);
    let good = configuration.text()?;
    let secret = "secret = { file = \"client.secret\" }";
    for (from, to, named) in [
        ("sinks = [\"screen\"]", "sinks = [\"scren\"]", "scren"),
        // What only the running serve finds out.
        (secret, "secret = { command = [\"false\"] }", "false"),
        ("state = \"state\"", "state = \"other\"", "gatepost serve"),
    ] {
        configuration.change(from, to)?;
        let output = stand.program.run(&["reload"])?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(named), "{said}");
        fs::write(&configuration.0, &good)?;
    }
    let unchanged = String::from_utf8(stand.printed(&["reload"])?)?;
    assert_eq!(unchanged.matches("1 unchanged").count(), 3, "{unchanged}");
    stand.dovecot.deliver(ADA, "INBOX", &message("second"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["second"]);
    assert_eq!(logins(&stand, None), 1);
    assert!(serve.stop(), "{}", stand.program.log());
    Ok(())
}

#[test]
fn watches_come_and_go() -> Result<(), Failure> {
    let stand = Stand::new(ONE_WATCH)?;
    stand.dovecot.deliver(ADA, "INBOX", &message("first"))?;
    let mut serve = stand.program.start(&["serve"])?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["first"]);
    let configuration = Configuration::of(&stand);
    let alone = configuration.text()?;
    let bob = "bob@contoso.com";
    let both = format!(
        "{alone}\n[mailbox.\"{bob}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\n\
         [[watch]]\nmailbox = \"{bob}\"\nfrom = \"beginning\"\nsinks = [\"screen\"]\n"
    );
    fs::write(&configuration.0, both)?;
    let said = String::from_utf8(stand.printed(&["reload"])?)?;
    assert!(
        said.contains("1 started, 0 ended, 0 replaced, 1 unchanged"),
        "{said}"
    );
    stand.dovecot.deliver(bob, "INBOX", &message("to bob"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["to bob"]);
    fs::write(&configuration.0, alone)?;
    let said = String::from_utf8(stand.printed(&["reload"])?)?;
    assert!(
        said.contains("0 started, 1 ended, 0 replaced, 1 unchanged"),
        "{said}"
    );
    let watched = stand.listed(&["mailboxes"])?;
    assert_eq!(watched.len(), 1, "{watched:?}");
    stand.dovecot.deliver(ADA, "INBOX", &message("second"))?;
    assert_eq!(stand.subjects(&mut serve, 1)?, ["second"]);
    assert!(serve.stop(), "{}", stand.program.log());
    Ok(())
}

#[test]
fn a_delivery_under_way_ends_before_its_sink_is_replaced() -> Result<(), Failure> {
    let stand = Stand::new(SLOW_SINK)?;
    let [begun, gate] = ["begun", "gate"].map(|name| stand.program.folder().join(name));
    for pipe in [&begun, &gate] {
        assert!(Command::new("mkfifo").arg(pipe).status()?.success());
    }
    stand.dovecot.deliver(ADA, "INBOX", &message("first"))?;
    let serve = stand.program.start(&["serve"])?;
    assert_eq!(fs::read_to_string(&begun)?, "old\n");
    Configuration::of(&stand).change("echo old", "echo new")?;
    let said = String::from_utf8(stand.printed(&["reload"])?)?;
    assert!(said.contains("1 replaced"), "{said}");
    stand.dovecot.deliver(ADA, "INBOX", &message("second"))?;
    // Until this, the old program holds its message.
    fs::write(&gate, "go on\n")?;
    assert_eq!(
        fs::read_to_string(&begun)?,
        "new\n",
        "for the second message"
    );
    let deliveries = stand.listed(&["deliveries", "list"])?;
    let first = deliveries.last().ok_or("two are listed")?;
    assert_eq!(first["state"], "done", "{deliveries:?}");
    assert_eq!(first["attempts"], 1, "{deliveries:?}");
    fs::write(&gate, "go on\n")?;
    assert!(serve.stop(), "{}", stand.program.log());
    Ok(())
}

/// The configuration file of a stand.
struct Configuration(PathBuf);

impl Configuration {
    fn of(stand: &Stand) -> Self {
        Self(stand.program.folder().join("gatepost.toml"))
    }

    fn text(&self) -> Result<String, Failure> {
        Ok(fs::read_to_string(&self.0)?)
    }

    fn change(&self, from: &str, to: &str) -> Result<(), Failure> {
        let text = self.text()?;
        assert!(text.contains(from), "{from} is in {text}");
        replace(&self.0, &text.replace(from, to))
    }
}

fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    Ok(fs::write(file, text)?)
}

fn address(number: usize) -> String {
    format!("m{number:02}@contoso.com")
}

fn fifty_watches() -> String {
    let mut text = String::from("[sink.screen]\nkind = \"stream\"\n");
    for number in 0..WATCHES {
        let address = address(number);
        let _ = write!(
            text,
            "\n[mailbox.\"{address}\"]\nregistration = \"peers\"\ngrant = \"client_credentials\"\n\n\
             [[watch]]\nmailbox = \"{address}\"\nfrom = \"beginning\"\nsinks = [\"screen\"]\n"
        );
        if address == CHANGING {
            text += &with_poll("5m");
        }
    }
    text
}

fn with_poll(poll: &str) -> String {
    format!("poll = \"{poll}\"\n")
}

fn deliver_to_all(stand: &Stand, what: &str) -> Result<(), Failure> {
    for number in 0..WATCHES {
        let message = message(&format!("{what}-{number:02}"));
        stand.dovecot.deliver(&address(number), "INBOX", &message)?;
    }
    Ok(())
}

/// Waits until all that was delivered to all is told.
fn arrived(stand: &Stand, serve: &mut Running, what: &str) -> Result<(), Failure> {
    let told: BTreeSet<String> = stand.subjects(serve, WATCHES)?.into_iter().collect();
    let expected = (0..WATCHES).map(|number| format!("{what}-{number:02}"));
    assert_eq!(told, expected.collect());
    Ok(())
}

/// How often somebody has signed in, as Dovecot tells it.
fn logins(stand: &Stand, user: Option<&str>) -> usize {
    let wanted = format!("Login: user=<{}", user.unwrap_or_default());
    stand.dovecot.log().matches(&wanted).count()
}

const WATCHES: usize = 50;
const CHANGING: &str = "m07@contoso.com";

const ONE_WATCH: &str = "\
[sink.screen]
kind = \"stream\"

[[watch]]
mailbox = \"ada@contoso.com\"
from = \"beginning\"
sinks = [\"screen\"]
";

const SLOW_SINK: &str = "\
[sink.slow]
kind = \"command\"
run = [\"sh\", \"-c\", \"echo old > begun; read -r _ < gate\"]

[[watch]]
mailbox = \"ada@contoso.com\"
from = \"beginning\"
sinks = [\"slow\"]
";
