//! From the address where tokens are asked for to the cloud, the tenant and the generation of
//! endpoints; and from the address of a mail server to the cloud that it is of.

use gatepost_oauth::{Cloud, EndpointVersion, Tenant};
use url::Url;

/// Where an account's tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) cloud: SignInAt,
    pub(super) tenant: Tenant,
    pub(super) endpoints: EndpointVersion,
}

/// The cloud of a sign-in address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SignInAt {
    /// One that Gatepost knows by this name.
    BuiltIn(&'static str),
    /// Another with the endpoints of Entra: its scheme, host and port.
    Elsewhere(String),
}

/// Reads the address where tokens are asked for. The error is the rest of a sentence.
pub(super) fn of_token_url(text: &str, servers: &[&str]) -> Result<Origin, String> {
    let url = Url::parse(text).map_err(|error| format!("is no address: {error}"))?;
    let host = url.host_str().ok_or("names no host")?.to_ascii_lowercase();
    let cloud = built_in(&host, servers);
    let mut segments = url.path_segments().ok_or("has no path")?;
    let tenant = segments.next().unwrap_or_default();
    let rest: Vec<&str> = segments.collect();
    let endpoints = match rest.as_slice() {
        ["oauth2", "v2.0", "token"] => EndpointVersion::V2,
        ["oauth2", "token"] => EndpointVersion::V1,
        _ => {
            let whose = if is_googles(&host) {
                "Google's and "
            } else {
                ""
            };
            return Err(format!(
                "is at {host}, which is {whose}not Microsoft's sign-in: Gatepost opens mailboxes \
                 of Microsoft 365 only"
            ));
        }
    };
    let tenant = Tenant::parse(tenant)?;
    let cloud = if let Some(name) = cloud {
        SignInAt::BuiltIn(name)
    } else {
        let origin = url.origin().ascii_serialization();
        Cloud::at("elsewhere", &origin).map_err(|error| error.reason)?;
        SignInAt::Elsewhere(origin)
    };
    Ok(Origin {
        cloud,
        tenant,
        endpoints,
    })
}

/// The cloud that signs in at `host`. One host signs in for two of them, which the mail servers
/// tell apart.
fn built_in(host: &str, servers: &[&str]) -> Option<&'static str> {
    let (name, _) = SIGN_IN.iter().find(|(_, hosts)| hosts.contains(&host))?;
    let is_dod = |server: &&str| server.eq_ignore_ascii_case(DOD_SERVER);
    if *name == "usgov" && servers.iter().any(is_dod) {
        return Some("usgov-dod");
    }
    Some(name)
}

fn is_googles(host: &str) -> bool {
    let domains = ["googleapis.com", "google.com"];
    domains.iter().any(|domain| {
        let rest = host.strip_suffix(domain);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Whether a mail server is one of Microsoft's.
pub(super) fn is_microsofts(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    MAIL.iter().any(|(_, hosts)| hosts.contains(&host.as_str()))
}

/// Whether a mail server of Microsoft's is of that cloud.
pub(super) fn is_of(host: &str, cloud: &str) -> bool {
    let host = host.to_ascii_lowercase();
    MAIL.iter()
        .any(|(name, hosts)| *name == cloud && hosts.contains(&host.as_str()))
}

const SIGN_IN: &[(&str, &[&str])] = &[
    (
        "global",
        &[
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        ],
    ),
    (
        "usgov",
        &["login.microsoftonline.us", "login-us.microsoftonline.com"],
    ),
    (
        "china",
        &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
    ),
];

const MAIL: &[(&str, &[&str])] = &[
    (
        "global",
        &[
            "outlook.office365.com",
            "outlook.office.com",
            "smtp.office365.com",
            "smtp-mail.outlook.com",
            "imap-mail.outlook.com",
            "pop-mail.outlook.com",
        ],
    ),
    ("usgov", &["outlook.office365.us", "smtp.office365.us"]),
    ("usgov-dod", &[DOD_SERVER]),
    ("china", &["partner.outlook.cn", "smtp.partner.outlook.cn"]),
];
const DOD_SERVER: &str = "outlook-dod.office365.us";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloud_tenant_and_generation_stand_in_the_address() {
        let of = |url| of_token_url(url, &["outlook.office365.com"]);
        let global = of("https://login.microsoftonline.com/common/oauth2/v2.0/token");
        let global = global.expect("it is Microsoft's");
        assert_eq!(global.cloud, SignInAt::BuiltIn("global"));
        assert_eq!(global.tenant.as_str(), "common");
        assert_eq!(global.endpoints, EndpointVersion::V2);
        let china =
            of("https://login.partner.microsoftonline.cn/x.partner.onmschina.cn/oauth2/token");
        let china = china.expect("it is 21Vianet's");
        assert_eq!(china.cloud, SignInAt::BuiltIn("china"));
        assert_eq!(china.endpoints, EndpointVersion::V1);
        let own = of("https://Login.Lab.example:8443/t/oauth2/v2.0/token");
        assert_eq!(
            own.expect("it has the endpoints").cloud,
            SignInAt::Elsewhere("https://login.lab.example:8443".to_owned())
        );
    }

    #[test]
    fn one_host_signs_in_for_two_clouds() {
        let url = "https://login.microsoftonline.us/t/oauth2/v2.0/token";
        let cloud = |servers: &[&str]| of_token_url(url, servers).map(|origin| origin.cloud);
        assert_eq!(cloud(&[]), Ok(SignInAt::BuiltIn("usgov")));
        assert_eq!(cloud(&[DOD_SERVER]), Ok(SignInAt::BuiltIn("usgov-dod")));
    }

    #[test]
    fn other_providers_are_refused_by_name() {
        let google = of_token_url("https://oauth2.googleapis.com/token", &[]);
        let reason = google.expect_err("it is Google's");
        let said = "oauth2.googleapis.com, which is Google's and not Microsoft's";
        assert!(reason.contains(said), "{reason}");
        let like = of_token_url("https://notgoogle.com/token", &[]);
        assert!(!like.expect_err("nobody's").contains("Google's"));
        for wrong in ["", "token", "http://10.0.0.1/t/oauth2/v2.0/token"] {
            of_token_url(wrong, &[]).expect_err(wrong);
        }
    }
}
