//! The permissions that an app can be given, with the ids by which a manifest names them.

/// A permission of one of Microsoft's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    /// Whose permission it is.
    pub resource: Resource,
    /// Who acts with it.
    pub kind: Kind,
    /// Its name, such as `IMAP.AccessAsApp`.
    pub name: &'static str,
    /// Its id. Names and ids are the same in every cloud, and the same name has other ids at
    /// other resources.
    pub id: &'static str,
}

/// One of Microsoft's APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Office 365 Exchange Online: IMAP, POP3, SMTP.
    Exchange,
    /// Microsoft Graph.
    Graph,
}

/// Who acts with a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The app in its own name.
    Role,
    /// The app in the name of a person.
    Scope,
}

impl Resource {
    /// The app id of the API, the same in every tenant.
    pub fn app_id(self) -> &'static str {
        match self {
            Self::Exchange => "00000002-0000-0ff1-ce00-000000000000",
            Self::Graph => "00000003-0000-0000-c000-000000000000",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Exchange => "Office 365 Exchange Online",
            Self::Graph => "Microsoft Graph",
        }
    }
}

impl Kind {
    /// The word for it in `resourceAccess`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::Scope => "Scope",
        }
    }
}

const fn exchange(kind: Kind, name: &'static str, id: &'static str) -> Permission {
    Permission {
        resource: Resource::Exchange,
        kind,
        name,
        id,
    }
}

const fn graph(name: &'static str, id: &'static str) -> Permission {
    Permission {
        resource: Resource::Graph,
        kind: Kind::Scope,
        name,
        id,
    }
}

const fn graph_role(name: &'static str, id: &'static str) -> Permission {
    Permission {
        kind: Kind::Role,
        ..graph(name, id)
    }
}

pub(super) const IMAP_AS_APP: Permission = exchange(
    Kind::Role,
    "IMAP.AccessAsApp",
    "5e5addcd-3e8d-4e90-baf5-964efab2b20a",
);
/// No page of Microsoft's has this id; scripts look it up by its name.
pub(super) const SMTP_AS_APP: Permission = exchange(
    Kind::Role,
    "SMTP.SendAsApp",
    "7146a1f0-8703-45b3-9eae-527a64c00995",
);
pub(super) const POP_AS_APP: Permission = exchange(
    Kind::Role,
    "POP.AccessAsApp",
    "cb842b43-da6e-4506-86fe-bb12199c656d",
);
pub(super) const POP_AS_USER: Permission = exchange(
    Kind::Scope,
    "POP.AccessAsUser.All",
    "fb698133-92fa-453e-a9ed-688e10f2e5ac",
);
pub(super) const IMAP_AS_USER: Permission = exchange(
    Kind::Scope,
    "IMAP.AccessAsUser.All",
    "195adc35-e27b-454b-a7ed-1ecdffa1c09f",
);
pub(super) const SMTP_AS_USER: Permission = exchange(
    Kind::Scope,
    "SMTP.Send",
    "76faac2a-0f20-42f1-928a-50de5b9dbe52",
);
pub(super) const OFFLINE_ACCESS: Permission =
    graph("offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182");
pub(super) const OPENID: Permission = graph("openid", "37f7f235-527c-4136-accd-4a02d197296e");
pub(super) const PROFILE: Permission = graph("profile", "14dad69e-099b-42c9-810b-d002981feec1");
pub(super) const MAIL_READ_AS_APP: Permission =
    graph_role("Mail.Read", "810c84a8-4a9e-49e6-bf7d-12d183f40d01");
pub(super) const MAIL_WRITE_AS_APP: Permission =
    graph_role("Mail.ReadWrite", "e2a3a72e-5f79-4c64-b1b1-878b674786c9");
pub(super) const MAIL_SEND_AS_APP: Permission =
    graph_role("Mail.Send", "b633e1c5-b582-4048-a93e-9f11b44c7e96");
pub(super) const CALENDARS_AS_APP: Permission =
    graph_role("Calendars.Read", "798ee544-9d2d-430c-a058-570e29e34338");
pub(super) const CONTACTS_AS_APP: Permission =
    graph_role("Contacts.Read", "089fe4d0-434a-44c5-8827-41ba8a0b17f5");
pub(super) const CALENDARS_AS_USER: Permission =
    graph("Calendars.Read", "465a38f9-76ea-45b9-9f34-9e8b0d4b0b42");
pub(super) const CONTACTS_AS_USER: Permission =
    graph("Contacts.Read", "ff74d97f-43af-4b68-9f2a-b77ee6968c5d");
pub(super) const MAIL_READ_AS_USER: Permission =
    graph("Mail.Read", "570282fd-fa5c-430d-a7fd-fc8dc98a9dca");
pub(super) const MAIL_WRITE_AS_USER: Permission =
    graph("Mail.ReadWrite", "024d486e-b451-40bb-833d-3e66d98c5c73");
pub(super) const MAIL_SEND_AS_USER: Permission =
    graph("Mail.Send", "e383f46e-2787-4529-855e-0e479a3ffac0");
/// The three for a mailbox of somebody else than the person who signs in.
pub(super) const MAIL_READ_SHARED: Permission =
    graph("Mail.Read.Shared", "7b9103a5-4610-446b-9670-80643382c1fa");
pub(super) const MAIL_WRITE_SHARED: Permission = graph(
    "Mail.ReadWrite.Shared",
    "5df07973-7d5d-46ed-9847-1271055cbd51",
);
pub(super) const MAIL_SEND_SHARED: Permission =
    graph("Mail.Send.Shared", "a367ab51-6b49-43bf-a716-a1fb06d2a174");
