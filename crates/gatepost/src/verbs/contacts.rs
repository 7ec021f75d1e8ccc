//! `gatepost contacts MAILBOX`: who stands in the address book of a mailbox.

use gatepost_mail::graph::Contact;

use crate::cli::Settings;
use crate::failure::Failure;
use crate::screen::Form;
use crate::verbs::{Chosen, configuration, session};

/// What `contacts` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// Only those with this text in a name, an address, a telephone or the organisation.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    #[command(flatten)]
    form: Form,
}

/// Lists the contacts by Microsoft Graph, whatever the mailbox is read by.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    let contacts = session::asking_graph((config, settings), &mailbox, async |graph| {
        Ok(graph.contacts(arguments.search.as_deref()).await?)
    })?;
    arguments.form.list(
        &contacts,
        ["NAME", "ADDRESS", "TELEPHONE", "ORGANISATION"],
        |contact| {
            [
                contact.display_name.clone().unwrap_or_default(),
                addresses(contact),
                telephone(contact),
                contact.company_name.clone().unwrap_or_default(),
            ]
        },
    )
}

fn addresses(contact: &Contact) -> String {
    let all = contact.email_addresses.iter();
    let all: Vec<&str> = all.filter_map(|one| one.address.as_deref()).collect();
    all.join(", ")
}

fn telephone(contact: &Contact) -> String {
    let mut all = contact.business_phones.iter().chain(&contact.mobile_phone);
    all.next().cloned().unwrap_or_default()
}
