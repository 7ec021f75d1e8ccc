//! Clouds that the configuration describes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gatepost_fault::Fault as _;
use gatepost_host::Trust;
use gatepost_oauth::{Cloud, CustomCloud};

use super::Check;
use crate::config::HostError;
use crate::config::checked::{MailboxSettings, RegistrationSettings};
use crate::config::raw::{Placed, RawCloud, RawConfig};

/// A cloud with the authorities that are trusted there besides the system's.
pub(super) type Described = (Cloud, Option<PathBuf>);

pub(super) fn check(
    raw: &BTreeMap<Placed<String>, RawCloud>,
    check: &mut Check<'_>,
) -> BTreeMap<String, Described> {
    raw.iter()
        .filter_map(|(name, cloud)| Some((name.to_string(), one(name, cloud, check)?)))
        .collect()
}

/// Reports the clouds that leave out where a mailbox is which the configuration reads there.
pub(super) fn have_hosts(raw: &RawConfig, opened: &Opened<'_>, check: &mut Check<'_>) {
    for name in raw.cloud.keys() {
        let needs = |mailbox: &&MailboxSettings| {
            let registration = opened.registrations.get(&mailbox.registration);
            registration.is_some_and(|registration| {
                let cloud = &registration.cloud;
                cloud.name == **name && mailbox.read.host(cloud).is_none()
            })
        };
        if let Some(mailbox) = opened.mailboxes.values().find(needs) {
            let error = HostError {
                cloud: name.to_string(),
                missing: format!("{} is read", mailbox.address),
                key: mailbox.read.host_key(),
            };
            check.report(name, error.code(), error.to_string());
        }
    }
}

/// What is opened in the clouds.
pub(super) struct Opened<'a> {
    pub(super) registrations: &'a BTreeMap<String, RegistrationSettings>,
    pub(super) mailboxes: &'a BTreeMap<String, MailboxSettings>,
}

fn one(name: &Placed<String>, raw: &RawCloud, check: &mut Check<'_>) -> Option<Described> {
    if Cloud::BUILT_IN.contains(&name.as_str()) {
        let sentence = format!("the cloud `{}` is built in; choose another name", **name);
        check.report(name, "config_contradiction", sentence);
    }
    let text = |place: &Option<Placed<String>>| place.as_ref().map(|place| place.to_string());
    let addresses = CustomCloud {
        login: raw.login.to_string(),
        graph: text(&raw.graph),
        imap: text(&raw.imap),
        pop3: text(&raw.pop3),
        smtp: text(&raw.smtp),
    };
    let cloud = match Cloud::custom(name, &addresses) {
        Ok(cloud) => Some(cloud),
        Err(error) => {
            let places = [
                ("graph", raw.graph.as_ref()),
                ("imap", raw.imap.as_ref()),
                ("pop3", raw.pop3.as_ref()),
                ("smtp", raw.smtp.as_ref()),
            ];
            let wrong = places.into_iter().find(|(field, _)| *field == error.field);
            let at = wrong.and_then(|(_, place)| place).unwrap_or(&raw.login);
            check.report(at, "config_wrong_value", error.reason);
            None
        }
    };
    let ca_file = raw.ca_file.as_ref().map(|file| authorities(file, check));
    Some((cloud?, ca_file))
}

/// The path of a file of certificates, after a look into it.
pub(super) fn authorities(file: &Placed<PathBuf>, check: &mut Check<'_>) -> PathBuf {
    let path = check.path(file);
    if let Err(error) = Trust::with_authority(&path) {
        check.report(file, error.code(), error.to_string());
    }
    path
}
