//! The accounts: sections whose names have an `@`.

use secrecy::SecretString;

use super::{Options, Remark, SealedState, Switches};

/// An account, with what it inherits.
#[derive(Debug)]
pub struct Account {
    /// What clients show as user name, letter for letter.
    pub name: String,
    /// The line of its head, from 1; 0 where only a cache store has it.
    pub line: usize,
    /// Where tokens are asked for.
    pub token_url: String,
    /// Where a person's browser is sent, or a device asks for its code.
    pub permission_url: Option<String>,
    /// How its token is obtained.
    pub flow: Flow,
    /// `oauth2_scope`, by its words.
    pub scopes: Vec<String>,
    /// `oauth2_resource`.
    pub resource: Option<String>,
    /// The application (client) id.
    pub client_id: String,
    /// What the app shows to prove that it is the app.
    pub proof: AppProof,
    /// Where the browser returns to.
    pub redirect_uri: Option<String>,
    /// Where that is received.
    pub redirect_listen_address: Option<String>,
    /// The text of `use_pkce`: any turns it on.
    pub use_pkce: Option<String>,
    /// What it keeps sealed, if somebody signed in.
    pub state: Option<SealedState>,
}

/// How a token is obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// A person signs in with a browser.
    AuthorizationCode,
    /// A person signs in on another device.
    DeviceCode,
    /// The app acts in its own name.
    ClientCredentials,
    /// The name and the password that the client shows are sent on.
    Password,
    /// A service account of Google's.
    ServiceAccount,
    /// None that its program knows.
    Other(String),
    /// None is written, and nobody can tell which is meant: its program refuses its logins.
    Missing,
}

/// What the app shows to prove that it is the app.
#[derive(Debug)]
pub enum AppProof {
    /// Nothing.
    Nothing,
    /// A secret that stands in the file.
    Secret(SecretString),
    /// A secret that is sealed as the tokens are, and opened with them.
    SealedSecret,
    /// The password that the client shows.
    LoginPassword,
    /// A certificate.
    Certificate {
        /// Its PEM file, as it is written.
        certificate: String,
        /// The PEM file of its key, as it is written.
        key: String,
    },
}

impl Account {
    pub(super) fn read(
        options: &Options<'_>,
        switches: Switches,
        remarks: &mut Vec<Remark>,
    ) -> Option<Self> {
        let resource = options.text("oauth2_resource");
        let written_flow = options.text("oauth2_flow");
        let permission_url = options.text("permission_url");
        let scope = options.text("oauth2_scope");
        let scope_needed = !(written_flow.as_deref() == Some("password") && resource.is_some());
        let (Some(token_url), Some(client_id), true) = (
            options.text("token_url"),
            options.text("client_id"),
            scope.is_some() || !scope_needed,
        ) else {
            remarks.push(options.remark(None, INCOMPLETE.to_owned()));
            return None;
        };
        let flow = match (permission_url.is_some(), written_flow.as_deref()) {
            (true, Some("device")) => Flow::DeviceCode,
            (true, _) => Flow::AuthorizationCode,
            (false, Some("client_credentials")) => Flow::ClientCredentials,
            (false, Some("password")) => Flow::Password,
            (false, Some("service_account")) => Flow::ServiceAccount,
            (false, Some(other)) => Flow::Other(other.to_owned()),
            (false, None) => Flow::Missing,
        };
        Some(Self {
            name: options.section.to_owned(),
            line: options.line(),
            token_url,
            permission_url,
            proof: proof(options, &flow, switches, remarks),
            flow,
            scopes: scope
                .iter()
                .flat_map(|scope| scope.split_whitespace())
                .map(str::to_owned)
                .collect(),
            resource,
            client_id,
            redirect_uri: options.text("redirect_uri"),
            redirect_listen_address: options.text("redirect_listen_address"),
            use_pkce: options.text("use_pkce"),
            state: SealedState::read(options, remarks),
        })
    }
}

/// A secret goes before a certificate, and a clear one before a sealed one.
fn proof(
    options: &Options<'_>,
    flow: &Flow,
    switches: Switches,
    remarks: &mut Vec<Remark>,
) -> AppProof {
    let secret = options.get("client_secret");
    let sealed = options.get("client_secret_encrypted");
    let certificate = options
        .text("jwt_certificate_path")
        .zip(options.text("jwt_key_path"));
    let unused = |option: &str| {
        let sentence = "it is not looked at where there is a client secret".to_owned();
        options.remark(Some(option), sentence)
    };
    if certificate.is_some() && (secret.is_some() || sealed.is_some()) {
        remarks.push(unused("jwt_certificate_path"));
    }
    if secret.is_some() && sealed.is_some() {
        let sentence = "it is not looked at where `client_secret` is in clear".to_owned();
        remarks.push(options.remark(Some("client_secret_encrypted"), sentence));
    }
    if let Some(secret) = secret {
        return AppProof::Secret(SecretString::from(secret.value()));
    }
    if sealed.is_some() {
        return AppProof::SealedSecret;
    }
    if let Some((certificate, key)) = certificate {
        return AppProof::Certificate { certificate, key };
    }
    if *flow == Flow::ClientCredentials && switches.login_password_is_secret {
        return AppProof::LoginPassword;
    }
    AppProof::Nothing
}

const INCOMPLETE: &str = "the account is incomplete, and email-oauth2-proxy refuses its logins: it \
    needs at least `token_url`, `client_id` and `oauth2_scope`";

pub(super) const KNOWN: &[&str] = &[
    "permission_url",
    "token_url",
    "oauth2_scope",
    "oauth2_resource",
    "oauth2_flow",
    "client_id",
    "client_secret",
    "client_secret_encrypted",
    "redirect_uri",
    "redirect_listen_address",
    "use_pkce",
    "jwt_certificate_path",
    "jwt_key_path",
    "token_salt",
    "token_iterations",
    "access_token",
    "access_token_expiry",
    "refresh_token",
    "last_activity",
];
