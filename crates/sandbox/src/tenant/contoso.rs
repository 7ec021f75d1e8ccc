//! What the sandbox's tenant is made of when it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    App, AppCertificate, ClientKind, ClientSecret, Directory, FederatedCredential, IssuerKeys,
    MailboxRights, Person, RedirectUri, Resource, TokenKeys, Trouble, Trustee,
};

/// The tenant's id, the same in every sandbox, so that examples can name it.
pub const TENANT_ID: &str = "7c9f2b64-5d3e-4a18-9b0c-2e6f41d8a3b5";

/// Its verified domain.
pub const DOMAIN: &str = "contoso.com";

/// The client id of the app that is registered in every sandbox.
pub const CLIENT_ID: &str = "bcdb5ae8-1ab8-47c3-b0b2-6756048e2ddc";

/// The object id of the identity that the machine has.
pub const MACHINE_OBJECT_ID: &str = "0d5a9c1e-6b7f-4c0d-a1f2-93c84be7d610";

/// Who speaks when a machine's identity vouches for an app: the tenant itself, by the name it has
/// at Microsoft wherever the sandbox listens.
pub const MACHINE_ISSUER: &str =
    "https://login.microsoftonline.com/7c9f2b64-5d3e-4a18-9b0c-2e6f41d8a3b5/v2.0";

/// Whom statements about an app are addressed to.
pub const TOKEN_EXCHANGE: &str = "api://AzureADTokenExchange";

/// The person who signs in when nobody says otherwise.
pub const USER: &str = "ada.berg@contoso.com";

/// The person who may permit apps for everybody.
pub const ADMINISTRATOR: &str = USER;

/// A mailbox that nobody gave to the app: what a missing permission looks like.
pub const ADMIN_ONLY_MAILBOX: &str = "board@contoso.com";

/// The tenant Contoso: its people, its app, and who may open what.
#[derive(Debug)]
pub struct Contoso {
    /// Everybody's password.
    pub password: SecretString,
    /// The app's secret.
    pub client_secret: SecretString,
    /// The app's certificate.
    pub certificate: AppCertificate,
    /// The keys of the issuer that is trusted beside it.
    pub workload: Arc<TokenKeys>,
}

impl Contoso {
    /// People who sign in: object id, address, name.
    pub const PEOPLE: &'static [(&'static str, &'static str, &'static str)] = &[
        ("2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c01", USER, "Ada Berg"),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c02",
            "jun.tanaka@contoso.com",
            "Jun Tanaka",
        ),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c03",
            "marta.kowalska@contoso.com",
            "Marta Kowalska",
        ),
    ];

    /// People who have a sign-in but no mailbox, and a trouble each: object id, address, trouble.
    pub const TROUBLED: &'static [(&'static str, &'static str, Trouble)] = &[
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c11",
            "second.factor@contoso.com",
            Trouble::SecondFactor,
        ),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c12",
            "no.second.factor@contoso.com",
            Trouble::SecondFactorMissing,
        ),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c13",
            "disabled@contoso.com",
            Trouble::Disabled,
        ),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c14",
            "locked@contoso.com",
            Trouble::Locked,
        ),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c15",
            "expired.password@contoso.com",
            Trouble::PasswordExpired,
        ),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c16",
            "no.password@contoso.com",
            Trouble::NoPassword,
        ),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c17",
            "federated@contoso.com",
            Trouble::Federated,
        ),
        (
            "2f4c5d0e-9f0b-4d3a-8a55-0a4f7a3b1c18",
            "policy@contoso.com",
            Trouble::Policy,
        ),
    ];

    /// Mailboxes that nobody signs in to.
    pub const SHARED: &'static [&'static str] = &[
        "support@contoso.com",
        "invoices@contoso.com",
        ADMIN_ONLY_MAILBOX,
    ];

    /// Further addresses, each with its mailbox.
    pub const ALIASES: &'static [(&'static str, &'static str)] = &[
        ("a.berg@contoso.com", USER),
        ("help@contoso.com", "support@contoso.com"),
    ];

    /// Who and what is in it at `now`.
    pub fn directory(&self, now: Timestamp) -> Directory {
        let mut directory =
            Directory::new(TENANT_ID, "Contoso", &[DOMAIN, "contoso.onmicrosoft.com"]);
        for (oid, upn, name) in Self::PEOPLE {
            let password = SecretString::from(self.password.expose_secret());
            directory.add_person(Person::new(oid, upn, name, password));
        }
        for (oid, upn, trouble) in Self::TROUBLED {
            let password = SecretString::from(self.password.expose_secret());
            let person = Person::new(oid, upn, upn, password);
            directory.add_person(person.in_trouble(*trouble));
        }
        directory.add_app(self.app(now));
        directory
    }

    /// Who may open what.
    pub fn rights() -> MailboxRights {
        let mut rights = MailboxRights::default();
        rights.add_service_principal(CLIENT_ID);
        let app = Trustee::App(CLIENT_ID.to_owned());
        let people = Self::PEOPLE.iter().map(|(_, upn, _)| *upn);
        for mailbox in people.chain(Self::SHARED.iter().copied()) {
            if mailbox != ADMIN_ONLY_MAILBOX {
                rights.add_full_access(&app, mailbox);
                rights.restrict_app(CLIENT_ID, mailbox);
            }
        }
        let ada = Trustee::Person(USER.to_owned());
        rights.add_full_access(&ada, "support@contoso.com");
        rights.add_send_as(&ada, "support@contoso.com");
        rights.add_send_on_behalf(&ada, "invoices@contoso.com");
        for (alias, mailbox) in Self::ALIASES {
            rights.add_alias(alias, mailbox);
        }
        rights
    }

    fn app(&self, now: Timestamp) -> App {
        let object_id = MACHINE_OBJECT_ID;
        // Confidential and public at once: foreign clients come both ways.
        let mut app = App::new(CLIENT_ID, object_id, "Gatepost", ClientKind::Both);
        let secret = SecretString::from(self.client_secret.expose_secret());
        let expires_at = now.checked_add(SECRET_LIFETIME).unwrap_or(Timestamp::MAX);
        app.secrets.push(ClientSecret::new(secret, expires_at));
        app.certificates.push(self.certificate.clone());
        app.federated.push(FederatedCredential {
            issuer: WORKLOAD_ISSUER.to_owned(),
            subject: WORKLOAD_SUBJECT.to_owned(),
            audience: TOKEN_EXCHANGE.to_owned(),
            keys: IssuerKeys::Foreign(Arc::clone(&self.workload)),
        });
        app.federated.push(FederatedCredential {
            issuer: MACHINE_ISSUER.to_owned(),
            subject: MACHINE_OBJECT_ID.to_owned(),
            audience: TOKEN_EXCHANGE.to_owned(),
            keys: IssuerKeys::Own,
        });
        app.redirect_uris = REDIRECT_URIS
            .iter()
            .copied()
            .filter_map(RedirectUri::parse)
            .collect();
        app.roles = BTreeMap::from([
            (
                Resource::Exchange,
                roles(&["IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"]),
            ),
            (
                Resource::Graph,
                roles(&[
                    "Application.Read.All",
                    "Calendars.ReadWrite",
                    "Contacts.ReadWrite",
                    "Mail.ReadWrite",
                    "Mail.Send",
                    "User.Read.All",
                ]),
            ),
        ]);
        app.permissions = BTreeMap::from([
            (
                Resource::Exchange,
                BTreeSet::from(["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"]),
            ),
            (
                Resource::Graph,
                BTreeSet::from([
                    "Calendars.ReadWrite",
                    "Contacts.ReadWrite",
                    "Mail.ReadWrite",
                    "Mail.Send",
                    "User.Read",
                ]),
            ),
        ]);
        app
    }
}

fn roles(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The loopback addresses stand for any port.
const REDIRECT_URIS: &[&str] = &[
    "http://localhost",
    "http://127.0.0.1",
    "http://[::1]",
    "https://login.microsoftonline.com/common/oauth2/nativeclient",
];

/// Another issuer whose word about one workload is a proof of the app, as a cluster's is.
pub(crate) const WORKLOAD_ISSUER: &str = "https://oidc.cluster.example/contoso";
/// The workload.
pub(crate) const WORKLOAD_SUBJECT: &str = "system:serviceaccount:mail:gatepost";

/// The longest that Entra offers.
const SECRET_LIFETIME: Duration = Duration::from_hours(24 * 730);
