//! Who must still sign in, and which mailbox needs a password: no more than what has to be done.

use gatepost_import::emailproxy::Account;

use super::plan::{Keepsake, MailboxPlan};
use super::report::{Heading, Report};

/// Says what remains to be done before the clients of each mailbox come in.
pub(super) fn remaining(accounts: &[Account], mailboxes: &[MailboxPlan], report: &mut Report) {
    for (at, mailbox) in mailboxes.iter().enumerate() {
        let is_unused = matches!(mailbox.keepsake, Keepsake::Nothing);
        let address = &mailbox.address;
        let add = format!("gatepost password add {address}");
        let sign_in = format!("gatepost login {address}");
        let sentence = match (is_unused, sign_in_of(at, mailboxes)) {
            (false, SignIn::Needless | SignIn::There | SignIn::Of(_)) => continue,
            (false, SignIn::Lacking) => format!("a person must sign in once: {sign_in}"),
            (true, SignIn::Needless | SignIn::There) => format!("{UNUSED}: {add}"),
            (true, SignIn::Of(other)) => {
                format!("{UNUSED}: {add}; the sign-in of [{other}] opens it, too")
            }
            (true, SignIn::Lacking) => format!(
                "it was never used: run {sign_in}, where a person signs in, and {add}, which prints \
                 the password for its clients"
            ),
        };
        let mut accounts = accounts.iter();
        let account = accounts.find(|account| account.name == mailbox.login);
        let place = (
            mailbox.login.as_str(),
            account.map_or(0, |account| account.line),
        );
        report.add(Heading::Next, place, sentence);
    }
}

/// Where the sign-in comes from that opens a mailbox.
enum SignIn<'a> {
    /// The app opens it.
    Needless,
    /// It is carried over, or waits.
    There,
    /// From that of another account, which is carried over or told before.
    Of(&'a str),
    /// From nowhere.
    Lacking,
}

fn sign_in_of(at: usize, mailboxes: &[MailboxPlan]) -> SignIn<'_> {
    let mailbox = &mailboxes[at];
    if mailbox.grant == "client_credentials" {
        return SignIn::Needless;
    }
    if brings_one(mailbox) {
        return SignIn::There;
    }
    let of_same = |other: &&MailboxPlan| {
        (&other.registration, other.grant, person(other))
            == (&mailbox.registration, mailbox.grant, person(mailbox))
    };
    let carried = mailboxes
        .iter()
        .find(|other| of_same(other) && brings_one(other));
    let before = || mailboxes[..at].iter().find(of_same);
    match carried.or_else(before) {
        Some(other) => SignIn::Of(&other.login),
        None => SignIn::Lacking,
    }
}

/// Whether its own sign-in is carried over, or waits for its password.
fn brings_one(mailbox: &MailboxPlan) -> bool {
    match &mailbox.keepsake {
        Keepsake::Nothing => false,
        Keepsake::Sealed(_) => true,
        // What clients show is what the person shows.
        Keepsake::Password { refresh_token, .. } => {
            refresh_token.is_some() || mailbox.grant == "password"
        }
    }
}

fn person(mailbox: &MailboxPlan) -> &str {
    mailbox.sign_in_as.as_ref().unwrap_or(&mailbox.address)
}

const UNUSED: &str = "it was never used, so no password of it is known";
