//! The plan as a configuration.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gatepost_oauth::EndpointVersion;
use secrecy::SecretString;

use super::plan::{DoorPlan, DoorTls, Keepsake, MailboxPlan, Plan, ProofPlan, RegistrationPlan};

/// The text of a configuration, and the files with secrets that it names.
#[derive(Debug)]
pub struct Written {
    /// The configuration.
    pub text: String,
    /// The files beside it.
    pub secrets: Vec<(PathBuf, SecretString)>,
}

/// Writes the plan for the configuration `file`, beside which the secrets go.
pub fn written(plan: &Plan, file: &Path) -> Written {
    let mut text = String::from(HEAD);
    let mut secrets = Vec::new();
    for cloud in &plan.clouds {
        let _ = write!(
            text,
            "\n[cloud.{}]\nlogin = {}\n",
            key(&cloud.name),
            quoted(&cloud.login)
        );
        for (name, host) in [
            ("imap", &cloud.imap),
            ("pop3", &cloud.pop3),
            ("smtp", &cloud.smtp),
        ] {
            if let Some(host) = host {
                let _ = writeln!(text, "{name} = {}", quoted(&host.to_string()));
            }
        }
    }
    for registration in &plan.registrations {
        let secret = secret_file(file, &registration.name);
        registration_text(registration, &secret, &mut text);
        if let ProofPlan::Secret(clear) = &registration.proof {
            secrets.push((secret, clear.clone()));
        }
    }
    for mailbox in &plan.mailboxes {
        mailbox_text(mailbox, &mut text);
    }
    for mailbox in &plan.mailboxes {
        if mailbox.login.to_lowercase() != mailbox.address {
            let (login, address) = (quoted(&mailbox.login), quoted(&mailbox.address));
            let _ = write!(text, "\n[login.{login}]\nmailbox = {address}\n");
        }
    }
    for (domain, registration) in &plan.domains {
        let (login, registration) = (quoted(&format!("*@{domain}")), quoted(registration));
        let _ = write!(text, "\n[login.{login}]\nregistration = {registration}\n");
    }
    for door in &plan.doors {
        door_text(door, &mut text);
    }
    Written { text, secrets }
}

fn registration_text(registration: &RegistrationPlan, secret: &Path, text: &mut String) {
    let _ = writeln!(text, "\n[registration.{}]", key(&registration.name));
    if registration.cloud != "global" {
        let _ = writeln!(text, "cloud = {}", quoted(&registration.cloud));
    }
    let tenant = quoted(registration.tenant.as_str());
    let _ = writeln!(text, "tenant = {tenant}");
    let _ = writeln!(text, "client_id = {}", quoted(&registration.client_id));
    if registration.endpoints == EndpointVersion::V1 {
        text.push_str("endpoint = \"v1\"\n");
    }
    match &registration.proof {
        ProofPlan::Public => {}
        ProofPlan::Secret(_) => {
            let name = secret.file_name().unwrap_or_default().to_string_lossy();
            let _ = writeln!(text, "secret = {{ file = {} }}", quoted(&name));
        }
        ProofPlan::Certificate { certificate, key } => {
            let _ = writeln!(text, "certificate = {{ file = {} }}", path(certificate));
            let _ = writeln!(text, "private_key = {{ file = {} }}", path(key));
        }
    }
}

fn mailbox_text(mailbox: &MailboxPlan, text: &mut String) {
    let _ = writeln!(text, "\n[mailbox.{}]", quoted(&mailbox.address));
    let _ = writeln!(text, "registration = {}", quoted(&mailbox.registration));
    let _ = writeln!(text, "grant = {}", quoted(mailbox.grant));
    if let Some(person) = &mailbox.sign_in_as {
        let _ = writeln!(text, "sign_in_as = {}", quoted(person));
    }
    if mailbox.read != "imap" {
        let _ = writeln!(text, "read = {}", quoted(mailbox.read));
    }
    if mailbox.sends {
        text.push_str("send = \"smtp\"\n");
    }
    if let Some(ask_for) = &mailbox.ask_for {
        let names: Vec<String> = ask_for.iter().map(|way| way.name().to_owned()).collect();
        let _ = writeln!(text, "ask_for = {}", list(&names));
    }
    if mailbox.grant == "password" && !matches!(mailbox.keepsake, Keepsake::Nothing) {
        text.push_str("keep_password = true\n");
    }
}

fn door_text(door: &DoorPlan, text: &mut String) {
    let _ = writeln!(text, "\n[gateway.{}]", key(&door.name));
    let _ = writeln!(text, "protocol = {}", quoted(&door.protocol.to_string()));
    let _ = writeln!(text, "listen = {}", list(&door.listen));
    if !door.formerly.is_empty() {
        let _ = writeln!(
            text,
            "# Before, passwords came in clear from other machines, too:"
        );
        let _ = writeln!(text, "# listen = {}", list(&door.formerly));
        let _ = writeln!(
            text,
            "# clear_beyond_loopback = \"this network is trusted\""
        );
    }
    let (mode, certificate, key) = match &door.tls {
        DoorTls::Off => return,
        DoorTls::Implicit(certificate, key) => ("implicit", certificate, key),
        DoorTls::StartTls(certificate, key) => ("starttls", certificate, key),
    };
    let _ = writeln!(text, "tls = \"{mode}\"");
    let (certificate, key) = (path(certificate), path(key));
    let _ = writeln!(
        text,
        "certificate = {{ file = {certificate}, key = {key} }}"
    );
}

/// Where the client secret of a registration goes.
fn secret_file(file: &Path, registration: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!("{stem}.{registration}.secret"))
}

fn list(all: &[String]) -> String {
    let quoted: Vec<String> = all.iter().map(|one| quoted(one)).collect();
    format!("[{}]", quoted.join(", "))
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

/// A key that needs quotation marks only where TOML wants them.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

const HEAD: &str = "# Taken over from email-oauth2-proxy by `gatepost import emailproxy`.\n";
