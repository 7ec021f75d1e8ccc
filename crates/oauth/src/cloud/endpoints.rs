//! The paths of the identity endpoints, from cloud, tenant and version.

use std::fmt;

use url::Url;

use super::Cloud;

/// Which generation of endpoints a registration uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EndpointVersion {
    /// `/oauth2/v2.0/…`, which takes `scope`.
    #[default]
    V2,
    /// `/oauth2/…`, which takes `resource` and answers numbers as strings.
    V1,
}

/// The tenant in an endpoint's path: a GUID, a verified domain, `organizations`, `common` or
/// `consumers`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(String);

impl Tenant {
    /// Those that stand for many, where an app cannot sign in as itself.
    pub const SHARED: &'static [&'static str] = &["organizations", "common", "consumers"];

    /// Checks that the text can be a tenant: letters, digits, dots and hyphens.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=MOST).contains(&text.len())
            && text
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'))
            && !text.starts_with('.');
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is no tenant; it is the directory's id or a domain of it, such as contoso.onmicrosoft.com"
            ))
        }
    }

    /// The text of the tenant.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name stands for many tenants, where an app cannot sign in as itself.
    pub fn is_shared(&self) -> bool {
        Self::SHARED.contains(&self.as_str())
    }

    /// Whether a person's password is taken there: not where personal accounts may be meant.
    pub fn takes_passwords(&self) -> bool {
        !matches!(self.0.as_str(), "common" | "consumers" | PERSONAL)
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Cloud {
    /// Where tokens are asked for.
    pub fn token_endpoint(&self, tenant: &Tenant, version: EndpointVersion) -> Url {
        self.endpoint(tenant, version, "token")
    }

    /// Where a person's browser is sent.
    pub fn authorize_endpoint(&self, tenant: &Tenant, version: EndpointVersion) -> Url {
        self.endpoint(tenant, version, "authorize")
    }

    /// Where a sign-in on another device begins.
    pub fn device_code_endpoint(&self, tenant: &Tenant, version: EndpointVersion) -> Url {
        self.endpoint(tenant, version, "devicecode")
    }

    /// What anybody may read of where a tenant signs in.
    pub fn discovery_document(&self, tenant: &Tenant) -> Url {
        let mut url = self.login.clone();
        url.set_path(&format!("/{tenant}/v2.0/.well-known/openid-configuration"));
        url
    }

    fn endpoint(&self, tenant: &Tenant, version: EndpointVersion, leaf: &str) -> Url {
        let folder = match version {
            EndpointVersion::V2 => "oauth2/v2.0",
            EndpointVersion::V1 => "oauth2",
        };
        let mut url = self.login.clone();
        url.set_path(&format!("/{tenant}/{folder}/{leaf}"));
        url
    }
}

/// The tenant of personal accounts, which works in place of `consumers`.
const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// A domain name has 253 octets at most (RFC 1035 §2.3.4 less the root and a length octet).
const MOST: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_are_those_of_the_two_generations() {
        let tenant = Tenant::parse("contoso.onmicrosoft.com").expect("a domain");
        let cloud = Cloud::global();
        assert_eq!(
            cloud.token_endpoint(&tenant, EndpointVersion::V2).as_str(),
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
        );
        assert_eq!(
            cloud
                .authorize_endpoint(&tenant, EndpointVersion::V1)
                .as_str(),
            "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/authorize"
        );
    }

    #[test]
    fn a_tenant_cannot_lead_to_another_path() {
        for wrong in ["", "..", "a/b", "a b", "a?b", "%2e", "é"] {
            Tenant::parse(wrong).expect_err(wrong);
        }
    }
}
