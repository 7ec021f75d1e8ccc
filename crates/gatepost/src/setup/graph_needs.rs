//! What mailboxes need that are read by Microsoft Graph, or send by it.

use super::permission::{
    CALENDARS_AS_APP, CALENDARS_AS_USER, CONTACTS_AS_APP, CONTACTS_AS_USER, Kind, MAIL_READ_AS_APP,
    MAIL_READ_AS_USER, MAIL_READ_SHARED, MAIL_SEND_AS_APP, MAIL_SEND_AS_USER, MAIL_SEND_SHARED,
    MAIL_WRITE_AS_APP, MAIL_WRITE_AS_USER, MAIL_WRITE_SHARED, Permission, Resource,
};
use crate::config::{Also, Config, MailboxSettings, ReadBy, SendBy};

/// What the app needs to open `mailbox` in its own name.
pub(super) fn of_app(config: &Config, mailbox: &MailboxSettings) -> Vec<Permission> {
    let permissions = Permissions {
        reads: MAIL_READ_AS_APP,
        writes: MAIL_WRITE_AS_APP,
        sends: MAIL_SEND_AS_APP,
        calendar: CALENDARS_AS_APP,
        contacts: CONTACTS_AS_APP,
    };
    permissions.needed(config, mailbox)
}

/// What the person is asked for who opens `mailbox`.
pub(super) fn of_person(config: &Config, mailbox: &MailboxSettings) -> Vec<Permission> {
    let is_own = mailbox.grant.person() == Some(&mailbox.address);
    let permissions = if is_own {
        Permissions {
            reads: MAIL_READ_AS_USER,
            writes: MAIL_WRITE_AS_USER,
            sends: MAIL_SEND_AS_USER,
            calendar: CALENDARS_AS_USER,
            contacts: CONTACTS_AS_USER,
        }
    } else {
        Permissions {
            reads: MAIL_READ_SHARED,
            writes: MAIL_WRITE_SHARED,
            sends: MAIL_SEND_SHARED,
            calendar: CALENDARS_AS_USER,
            contacts: CONTACTS_AS_USER,
        }
    };
    permissions.needed(config, mailbox)
}

/// What application permissions of Graph open, how they are fenced, and what of the rest.
pub(super) fn told(roles: &[Permission]) -> Vec<String> {
    let mail = roles
        .iter()
        .filter(|role| role.resource == Resource::Graph && role.kind == Kind::Role);
    let mail: Vec<&str> = mail.map(|role| role.name).collect();
    if mail.is_empty() {
        return vec![
            "Any other permission is unused. An application permission of Microsoft Graph such as \
             Mail.Read opens every mailbox of the tenant unless a scope of RBAC for Applications \
             fences it: remove it."
                .to_owned(),
        ];
    }
    let fenced = mail.iter().map(|name| format!("Application {name}"));
    let fenced: Vec<String> = fenced.collect();
    vec![
        format!(
            "With {} of Microsoft Graph as application permission the app opens every mailbox of \
             the tenant. To fence it, give the app the Exchange role {} in a scope of RBAC for \
             Applications (New-ManagementRoleAssignment -CustomResourceScope), and do not consent \
             to the permission.",
            mail.join(" and "),
            fenced.join(" and ")
        ),
        "Any other permission is unused: remove it.".to_owned(),
    ]
}

/// One for each thing that is done with a mailbox.
struct Permissions {
    reads: Permission,
    writes: Permission,
    sends: Permission,
    calendar: Permission,
    contacts: Permission,
}

impl Permissions {
    /// Who changes nothing need not be able to.
    fn needed(self, config: &Config, mailbox: &MailboxSettings) -> Vec<Permission> {
        let mut watches = config.watches.iter();
        let by_graph = mailbox.read.ways().contains(&ReadBy::Graph);
        let acts = by_graph
            && watches.any(|watch| watch.mailbox == mailbox.address && watch.after.is_some());
        let writes = acts || mailbox.also.contains(&Also::Changes);
        let reading = match (writes, by_graph) {
            (true, _) => Some(self.writes),
            (false, true) => Some(self.reads),
            (false, false) => None,
        };
        let sending = mailbox.may_send_by(SendBy::Graph).then_some(self.sends);
        let also = mailbox.also.iter().filter_map(|also| match also {
            Also::Calendar => Some(self.calendar),
            Also::Contacts => Some(self.contacts),
            Also::Changes => None,
        });
        reading.into_iter().chain(sending).chain(also).collect()
    }
}
