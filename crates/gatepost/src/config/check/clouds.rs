//! Clouds that the configuration describes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gatepost_fault::Fault as _;
use gatepost_host::Trust;
use gatepost_oauth::{Cloud, CustomCloud};

use super::Check;
use crate::config::HostError;
use crate::config::checked::{MailboxSettings, ReadBy, RegistrationSettings};
use crate::config::raw::{Placed, RawAlso, RawCloud, RawConfig};

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

/// Reports the clouds that leave out where a mailbox is which the configuration reads there, or
/// which sends from there: each key once.
pub(super) fn have_hosts(raw: &RawConfig, opened: &Opened<'_>, check: &mut Check<'_>) {
    for name in raw.cloud.keys() {
        let mut told = BTreeSet::new();
        for mailbox in opened.mailboxes.values() {
            let registration = opened.registrations.get(&mailbox.registration);
            let cloud = registration.map(|registration| &registration.cloud);
            let Some(cloud) = cloud.filter(|cloud| cloud.name == **name) else {
                continue;
            };
            for (what, key) in nowhere(mailbox, cloud) {
                if !told.insert(key) {
                    continue;
                }
                let error = HostError {
                    cloud: name.to_string(),
                    missing: format!("{} {what}", mailbox.address),
                    key,
                };
                check.report(name, error.code(), error.to_string());
            }
        }
    }
}

/// What is done with a mailbox that a cloud has no host for, with the key that would name it.
fn nowhere(mailbox: &MailboxSettings, cloud: &Cloud) -> Vec<(&'static str, &'static str)> {
    let read = (mailbox.read.host(cloud).is_none()).then(|| ("is read", mailbox.read.host_key()));
    let send = mailbox.send.filter(|send| send.host(cloud).is_none());
    let send = send.map(|send| ("sends", send.host_key()));
    let also = mailbox.also.iter().find(|also| **also != RawAlso::Changes);
    let also = also.filter(|_| cloud.graph.is_none());
    let also = also.map(|also| {
        let what = match also {
            RawAlso::Contacts => "has its contacts",
            RawAlso::Calendar | RawAlso::Changes => "has its calendar",
        };
        (what, ReadBy::Graph.host_key())
    });
    [read, send, also].into_iter().flatten().collect()
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
