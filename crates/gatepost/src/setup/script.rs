//! The whole set-up of a registration as a script: every step looks first, so that it can be run
//! again, and every line says why it is there.

mod bash;
mod exchange;
mod powershell;
mod reasons;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gatepost_host::SecretSource;
use gatepost_oauth::{Certificate, Tenant, WhichIdentity};
use serde_json::{Value, json};

use super::manifest::{self, Manifest};
use super::permission::Resource;
use super::{ManifestFormat, Needs, Permission, SetupError, quoting};
use crate::config::ProofSource;

/// A registration, ready to be set up.
#[derive(Debug)]
pub struct Setup<'a> {
    /// What it needs.
    pub needs: Needs<'a>,
    /// Its certificate, if it proves itself with one.
    pub certificate: Option<Certificate>,
    /// The configuration all of it comes from.
    pub file: &'a Path,
    /// How much is set up.
    pub extent: Extent,
    /// The client id of the app that is gone on with, where that is not the configuration's.
    pub app_id: Option<&'a str>,
}

/// How much is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What is needed.
    Needed,
    /// An application access policy besides, which is legacy.
    AccessPolicy,
}

/// The language of a script.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Style {
    /// PowerShell with Microsoft's modules.
    #[default]
    Powershell,
    /// Bash with `az rest` and `jq`, and PowerShell for the half that only Exchange knows.
    Az,
    /// Bash with `curl` and `jq`, and PowerShell for the half that only Exchange knows.
    Graph,
}

impl Setup<'_> {
    /// The script. The same configuration gives the same octets.
    pub fn script(&self, style: Style) -> Result<String, SetupError> {
        self.check()?;
        let tools = self.tools();
        let unknown = |program| SetupError::UnknownCloud {
            registration: self.needs.name.to_owned(),
            cloud: self.needs.settings.cloud.name.clone(),
            program,
        };
        Ok(match style {
            Style::Powershell => powershell::script(self, &tools.ok_or(unknown("PowerShell"))?),
            Style::Az => bash::script(self, bash::Asks::Az(tools.ok_or(unknown("az"))?)),
            Style::Graph => bash::script(self, bash::Asks::Curl(tools)),
        })
    }

    /// Refuses what no quoting makes safe: a line end in a comment, a text that shows as another.
    fn check(&self) -> Result<(), SetupError> {
        let file = self.file.to_string_lossy();
        let kept = self.kept_secret().map(Path::to_string_lossy);
        let texts = [
            ("the name of the registration", self.needs.name),
            ("the path", &*file),
            ("the path of a secret", kept.as_deref().unwrap_or_default()),
        ];
        let addresses = self.needs.mailboxes.iter().flat_map(|mailbox| {
            let person = mailbox.grant.person();
            [mailbox.address.as_str(), person.unwrap_or_default()].map(|text| ("an address", text))
        });
        let harmful = |c: char| c.is_control() || crate::screen::is_harmful(c);
        let found = texts
            .into_iter()
            .chain(addresses)
            .find(|(_, text)| text.contains(harmful));
        found.map_or(Ok(()), |(what, _)| Err(SetupError::Unquotable { what }))
    }

    /// What the tools of Microsoft call its cloud; `None` if it is none of Microsoft's.
    fn tools(&self) -> Option<Tools> {
        let (graph, exchange, az) = match self.needs.settings.cloud.name.as_str() {
            "global" => ("Global", "O365Default", "AzureCloud"),
            "usgov" => ("USGov", "O365USGovGCCHigh", "AzureUSGovernment"),
            "usgov-dod" => ("USGovDoD", "O365USGovDoD", "AzureUSGovernment"),
            "china" => ("China", "O365China", "AzureChinaCloud"),
            _ => return None,
        };
        Some(Tools {
            graph,
            exchange,
            az,
        })
    }

    /// The client id of the app that is looked for.
    fn client_id(&self) -> &str {
        self.app_id.unwrap_or(&self.needs.settings.client_id)
    }

    /// Whether what is to stand in the configuration is another client id.
    fn is_of_another_app(&self) -> bool {
        !self
            .client_id()
            .eq_ignore_ascii_case(&self.needs.settings.client_id)
    }

    /// What people see as the name of the app.
    fn title(&self) -> String {
        format!("Gatepost {}", self.needs.name)
    }

    /// Where Microsoft Graph lists the apps of that name. In `OData` a quotation mark in a text is
    /// doubled; in an address everything unusual is a number.
    fn apps_of_the_title(&self) -> String {
        let text = self.title().replace('\'', "''");
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let encoded = encoded.replace('+', "%20");
        format!("v1.0/applications?$filter=displayName%20eq%20%27{encoded}%27")
    }

    /// The name of something in Exchange, which takes 64 characters.
    fn named(&self, what: &str) -> String {
        let name: String = self.needs.name.chars().take(MOST_NAME).collect();
        format!("Gatepost {name} {what}")
    }

    /// The body of the request that makes the app.
    fn application(&self) -> Value {
        let tenant = &self.needs.settings.tenant;
        let required = Manifest::new(&self.needs, None).entries(ManifestFormat::Graph);
        let mut application = json!({
            "displayName": self.title(),
            "signInAudience": audience(tenant),
            "requiredResourceAccess": required["requiredResourceAccess"],
        });
        let signs_in_by = |grant: &str| {
            let mut mailboxes = self.needs.mailboxes.iter();
            mailboxes.any(|mailbox| mailbox.grant.name() == grant)
        };
        let is_public = matches!(self.needs.settings.proof, ProofSource::Public);
        if signs_in_by("device_code") || (is_public && signs_in_by("password")) {
            // Entra takes neither a code nor a password without a proof from another app
            // (AADSTS7000218).
            application["isFallbackPublicClient"] = json!(true);
        }
        // A person who signed in with a browser returns here, and so does the administrator of
        // `gatepost registration consent`. A public client and a confidential one have their
        // redirects in different places; in the wrong one the proof is refused (AADSTS700025).
        let place = if is_public { "publicClient" } else { "web" };
        application[place] = json!({ "redirectUris": ["http://localhost"] });
        application
    }

    /// The entry of `keyCredentials`, if there is a certificate.
    fn key_credential(&self) -> Option<(String, Value)> {
        let certificate = self.certificate.as_ref()?;
        let entry = manifest::key_credential(certificate, ManifestFormat::Graph);
        Some((manifest::key_id(certificate), entry))
    }

    /// Where a client secret is kept, if it is one and that is a file.
    fn kept_secret(&self) -> Option<&Path> {
        match &self.needs.settings.proof {
            ProofSource::Secret(SecretSource::File(file)) => Some(file),
            _ => None,
        }
    }

    /// The other issuer whose token is its proof, if that is one: why it is still to be entered,
    /// and the entry, in which stands what is known.
    fn trusted_issuer(&self) -> Option<(&'static str, Value)> {
        let settings = self.needs.settings;
        let (why, issuer, subject) = match &settings.proof {
            ProofSource::Assertion(_) => (reasons::ISSUER, "ISS".to_owned(), "SUB".to_owned()),
            ProofSource::FederatedIdentity(which) => (
                reasons::VOUCHING_MACHINE,
                format!("{}TENANT-ID/v2.0", settings.cloud.login),
                match which {
                    WhichIdentity::ObjectId(id) => id.clone(),
                    _ => "OBJECT-ID".to_owned(),
                },
            ),
            _ => return None,
        };
        let entry = json!({
            "name": "gatepost",
            "issuer": issuer,
            "subject": subject,
            "audiences": [settings.cloud.names.token_exchange],
        });
        Some((why, entry))
    }

    fn has_secret(&self) -> bool {
        matches!(self.needs.settings.proof, ProofSource::Secret(_))
    }

    /// The resources that something is needed of.
    fn resources(&self) -> BTreeSet<Resource> {
        let needed = self.needs.permissions().into_iter();
        needed.map(|permission| permission.resource).collect()
    }

    /// What the head of every script says.
    fn head(&self, how: &str) -> String {
        let mut head = Lines::default();
        let what = if self.needs.is_of_machine() {
            "Permits the managed identity"
        } else {
            "Sets up the app"
        };
        head.why(&format!(
            "{what} \"{}\" (registration {}) for Gatepost, as {} describes it, and no more.",
            self.title(),
            self.needs.name,
            self.file.display()
        ));
        head.why(how);
        head.why(
            "Every step looks first, so that it can be run again: after a failure, or when the \
             configuration has changed. It takes nothing away.",
        );
        head.run("#");
        for sentence in self.needs.told() {
            head.why(&sentence);
        }
        head.0
    }
}

/// What the tools of Microsoft call a cloud.
#[derive(Debug, Clone, Copy)]
struct Tools {
    graph: &'static str,
    exchange: &'static str,
    az: &'static str,
}

/// A script that grows line by line.
#[derive(Debug, Default)]
struct Lines(String);

impl Lines {
    /// A comment, in lines that fit a screen.
    fn why(&mut self, text: &str) {
        self.0 += &wrapped(text);
    }

    /// A step: an empty line, then what it is for.
    fn step(&mut self, text: &str) {
        self.0.push('\n');
        self.why(text);
    }

    /// What runs.
    fn run(&mut self, text: &str) {
        self.0 += text;
        self.0.push('\n');
    }
}

/// `text` as comment lines.
pub(super) fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in quoting::comment(text).split(' ') {
        if line.len() + 1 + word.len() > WIDTH && line.len() > 1 {
            lines += &line;
            lines.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line += word;
    }
    lines + &line + "\n"
}

/// What a person permits, by resource: the names of the scopes with blanks between.
fn scopes(asked: &BTreeSet<Permission>) -> BTreeMap<Resource, String> {
    let mut by_resource: BTreeMap<Resource, String> = BTreeMap::new();
    for permission in asked {
        let names = by_resource.entry(permission.resource).or_default();
        if !names.is_empty() {
            names.push(' ');
        }
        names.push_str(permission.name);
    }
    by_resource
}

/// Who may sign in to an app of that tenant.
fn audience(tenant: &Tenant) -> &'static str {
    match tenant.as_str() {
        "common" => "AzureADandPersonalMicrosoftAccount",
        "organizations" => "AzureADMultipleOrgs",
        "consumers" => "PersonalMicrosoftAccount",
        _ => "AzureADMyOrg",
    }
}

const WIDTH: usize = 96;
/// What is left of Exchange's 64 characters between `Gatepost ` and ` senders`.
const MOST_NAME: usize = 40;

#[cfg(test)]
mod tests;
