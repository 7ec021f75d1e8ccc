//! What a registration holds for Gatepost, as its manifest and as requests to Microsoft Graph.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_oauth::Certificate;
use serde_json::{Value, json};
use url::Url;

use super::{Needs, Resource};

/// The parts of a registration that Gatepost needs.
#[derive(Debug)]
pub struct Manifest<'a> {
    needs: &'a Needs<'a>,
    certificate: Option<&'a Certificate>,
}

/// Who reads a manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ManifestFormat {
    /// The manifest editor of the portal, in the format of Azure AD Graph.
    #[default]
    Portal,
    /// Microsoft Graph.
    Graph,
}

impl<'a> Manifest<'a> {
    /// Of a registration, with its certificate if it proves itself with one.
    pub fn new(needs: &'a Needs<'a>, certificate: Option<&'a Certificate>) -> Self {
        Self { needs, certificate }
    }

    /// The entries, in the names of `format`.
    pub fn entries(&self, format: ManifestFormat) -> Value {
        let mut entries = json!({ "requiredResourceAccess": self.required() });
        if let Some(certificate) = self.certificate {
            entries["keyCredentials"] = json!([key_credential(certificate, format)]);
        }
        entries
    }

    /// The entries with what is to be done with them, for people.
    pub fn told(&self, format: ManifestFormat) -> String {
        let entries = pretty(&self.entries(format));
        match format {
            ManifestFormat::Portal => format!(
                "{}# In the Entra admin center, App registrations, the app, Manifest: add each\n\
                 # entry below to the array of its name. What stands there already stays: other\n\
                 # certificates may be in use.\n{entries}\n",
                self.reasons()
            ),
            ManifestFormat::Graph => self.requests(),
        }
    }

    /// The three requests: read, append, write.
    fn requests(&self) -> String {
        let settings = self.needs.settings;
        let app = format!(
            "{}v1.0/applications(appId='{}')",
            settings.graph().map_or("", Url::as_str),
            settings.client_id
        );
        let entries = self.entries(ManifestFormat::Graph);
        format!(
            "{}# PATCH replaces a whole array: an entry that is not sent again is gone, and with\n\
             # it every program that signs in with that certificate. So read, append, write.\n\
             \n\
             # 1. Read what is there. Only when it is named in $select does each entry come with\n\
             #    its key, without which it cannot be sent back.\n\
             GET {app}?$select=keyCredentials,requiredResourceAccess\n\
             \n\
             # 2. Append these entries to the arrays of their names, unless they are there.\n\
             {}\n\
             \n\
             # 3. Write both arrays back, whole.\n\
             PATCH {app}\n\
             Content-Type: application/json\n\
             \n\
             {{\"keyCredentials\": [OLD AND NEW], \"requiredResourceAccess\": [OLD AND NEW]}}\n\
             \n\
             # `gatepost registration script {} --style graph` does it all.\n",
            self.reasons(),
            pretty(&entries),
            super::quoting::comment(&super::quoting::shell(self.needs.name)),
        )
    }

    fn reasons(&self) -> String {
        let told = self.needs.told();
        told.iter().fold(String::new(), |text, sentence| {
            text + &super::script::wrapped(sentence)
        })
    }

    /// `requiredResourceAccess`: what the app asks for, and no more.
    pub(super) fn required(&self) -> Value {
        let needed = self.needs.permissions();
        let of = |resource: Resource| {
            let access: Vec<Value> = needed
                .iter()
                .filter(|permission| permission.resource == resource)
                .map(|permission| json!({ "id": permission.id, "type": permission.kind.word() }))
                .collect();
            (!access.is_empty())
                .then(|| json!({ "resourceAppId": resource.app_id(), "resourceAccess": access }))
        };
        [Resource::Exchange, Resource::Graph]
            .into_iter()
            .filter_map(of)
            .collect()
    }
}

/// The entry of `keyCredentials` for a certificate.
///
/// Its `keyId` is made of the certificate's thumbprint, so that the same certificate has the same
/// id however often it is uploaded. `customKeyIdentifier` is the SHA-1 thumbprint: the manifest
/// has it in base64, Microsoft Graph in hexadecimal digits.
pub(super) fn key_credential(certificate: &Certificate, format: ManifestFormat) -> Value {
    let key = STANDARD.encode(certificate.der());
    let sha1 = certificate.sha1();
    let id = key_id(certificate);
    match format {
        ManifestFormat::Portal => json!({
            "customKeyIdentifier": sha1.base64(),
            "displayName": certificate.subject,
            "endDate": certificate.not_after,
            "keyId": id,
            "startDate": certificate.not_before,
            "type": TYPE,
            "usage": USAGE,
            "value": key,
        }),
        ManifestFormat::Graph => json!({
            "customKeyIdentifier": sha1.hex(),
            "displayName": certificate.subject,
            "endDateTime": certificate.not_after,
            "key": key,
            "keyId": id,
            "startDateTime": certificate.not_before,
            "type": TYPE,
            "usage": USAGE,
        }),
    }
}

/// A UUID of version 8: the first octets of the SHA-256 thumbprint.
pub(super) fn key_id(certificate: &Certificate) -> String {
    let mut octets = [0; 16];
    octets.copy_from_slice(&certificate.sha256().octets()[..16]);
    let id = uuid::Builder::from_custom_bytes(octets).into_uuid();
    id.hyphenated().to_string()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("our own shapes are plain JSON")
}

const TYPE: &str = "AsymmetricX509Cert";
const USAGE: &str = "Verify";
