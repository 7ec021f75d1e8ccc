//! The clouds of Microsoft 365 as data: where to sign in, where the mail is, what things are
//! called there. Tokens of one cloud are worth nothing in another.

mod endpoints;

use std::fmt;
use std::net::IpAddr;

use gatepost_fault::{Fault, Next, Owner};
use url::{Host, Url};

pub use endpoints::{EndpointVersion, Tenant};

/// One cloud: its addresses, and the names its tokens go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// What a configuration calls it.
    pub name: String,
    /// Where to sign in, such as `https://login.microsoftonline.com/`.
    pub login: Url,
    /// Where Microsoft Graph answers. Like what follows it is `None` where a custom cloud does
    /// not say: a token must not go to another cloud's host.
    pub graph: Option<Url>,
    /// Where IMAP answers, with TLS from the first octet.
    pub imap: Option<HostPort>,
    /// Where POP3 answers, with TLS from the first octet.
    pub pop3: Option<HostPort>,
    /// Where SMTP submission answers, with STARTTLS.
    pub smtp: Option<HostPort>,
    /// What its tokens are asked for as.
    pub names: ResourceNames,
}

/// What the resources of a cloud are called in scopes and `resource` parameters. These are
/// names, not addresses: a custom cloud may use those of the global one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceNames {
    /// Exchange in app-only scopes, such as `https://outlook.office365.com`.
    pub exchange_app: String,
    /// Exchange in delegated scopes, such as `https://outlook.office.com`.
    pub exchange_delegated: String,
    /// Microsoft Graph, such as `https://graph.microsoft.com`.
    pub graph: String,
    /// Whom the statement of another issuer about an app is addressed to, such as
    /// `api://AzureADTokenExchange`.
    pub token_exchange: String,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// The name or address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// The addresses of a cloud that is not built in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomCloud {
    /// Where to sign in: `https://host:port`. Plain `http` is accepted for loopback addresses only.
    pub login: String,
    /// Where Microsoft Graph answers, if anybody asks it.
    pub graph: Option<String>,
    /// `host:port` of IMAP, if anybody reads by it.
    pub imap: Option<String>,
    /// `host:port` of POP3, if anybody reads by it.
    pub pop3: Option<String>,
    /// `host:port` of SMTP submission, if anybody sends by it.
    pub smtp: Option<String>,
}

impl Cloud {
    /// The names of the built-in clouds.
    pub const BUILT_IN: &'static [&'static str] = &["global", "usgov", "usgov-dod", "china"];

    /// The cloud nearly everybody is in, GCC included.
    pub fn global() -> Self {
        built_in(&GLOBAL)
    }

    /// The built-in cloud of that name.
    pub fn named(name: &str) -> Option<Self> {
        [&GLOBAL, &USGOV, &USGOV_DOD, &CHINA]
            .into_iter()
            .find(|row| row.name == name)
            .map(built_in)
    }

    /// A cloud of which only the sign-in matters, such as a sandbox: `https://host:port`.
    pub fn at(name: &str, login: &str) -> Result<Self, CloudError> {
        let addresses = CustomCloud {
            login: login.to_owned(),
            ..CustomCloud::default()
        };
        Self::custom(name, &addresses)
    }

    /// A cloud from a configuration. It has the hosts that it names and no others; what its
    /// resources are called in scopes is as in the global cloud.
    pub fn custom(name: &str, addresses: &CustomCloud) -> Result<Self, CloudError> {
        let port = |field, text: &Option<String>| {
            let port = text.as_deref().map(HostPort::parse).transpose();
            port.map_err(|reason| CloudError {
                cloud: name.to_owned(),
                field,
                reason,
            })
        };
        let url = |field, text: &str| {
            secure_origin(text).map_err(|reason| CloudError {
                cloud: name.to_owned(),
                field,
                reason,
            })
        };
        Ok(Self {
            name: name.to_owned(),
            login: url("login", &addresses.login)?,
            graph: match &addresses.graph {
                Some(graph) => Some(url("graph", graph)?),
                None => None,
            },
            imap: port("imap", &addresses.imap)?,
            pop3: port("pop3", &addresses.pop3)?,
            smtp: port("smtp", &addresses.smtp)?,
            names: Self::global().names,
        })
    }
}

impl HostPort {
    /// Reads `host:port` or `[address]:port`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not host:port, such as outlook.office365.com:993");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong())?;
        let host = Host::parse(host).map_err(|_| wrong())?;
        if port == 0 {
            return Err(wrong());
        }
        Ok(Self {
            host: match host {
                Host::Ipv6(address) => address.to_string(),
                other => other.to_string(),
            },
            port,
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An address in a custom cloud is unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cloud {cloud}: {field} is unusable: {reason}")]
pub struct CloudError {
    /// The cloud's name.
    pub cloud: String,
    /// The key in its configuration.
    pub field: &'static str,
    /// What is wrong.
    pub reason: String,
}

impl CloudError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["cloud_unusable"];
}

impl Fault for CloudError {
    fn code(&self) -> &'static str {
        "cloud_unusable"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Reconfigure
    }
}

/// Secrets are sent to this address: it must be `https`, or not leave this machine.
fn secure_origin(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no URL: {error}"))?;
    let host = url
        .host()
        .ok_or_else(|| format!("{text:?} names no host"))?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !bare || !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{text:?} must be scheme, host and port only, such as https://localhost:8443"
        ));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&host) => Ok(url),
        "http" => Err(format!(
            "{text:?} would send secrets in clear over the network; use https"
        )),
        other => Err(format!("{text:?} has the scheme {other}; use https")),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
        Host::Domain(_) => false,
    }
}

fn built_in(row: &Row) -> Cloud {
    let url = |host| Url::parse(&format!("https://{host}/")).expect("the table holds host names");
    let port = |host: &str, port| {
        Some(HostPort {
            host: host.to_owned(),
            port,
        })
    };
    Cloud {
        name: row.name.to_owned(),
        login: url(row.login),
        graph: Some(url(row.graph)),
        imap: port(row.mail, 993),
        pop3: port(row.mail, 995),
        smtp: port(row.smtp, 587),
        names: ResourceNames {
            exchange_app: row.exchange_app.to_owned(),
            exchange_delegated: row.exchange_delegated.to_owned(),
            graph: format!("https://{}", row.graph),
            token_exchange: row.token_exchange.to_owned(),
        },
    }
}

struct Row {
    name: &'static str,
    login: &'static str,
    graph: &'static str,
    mail: &'static str,
    smtp: &'static str,
    exchange_app: &'static str,
    exchange_delegated: &'static str,
    token_exchange: &'static str,
}

const GLOBAL: Row = Row {
    name: "global",
    login: "login.microsoftonline.com",
    graph: "graph.microsoft.com",
    mail: "outlook.office365.com",
    smtp: "smtp.office365.com",
    exchange_app: "https://outlook.office365.com",
    exchange_delegated: "https://outlook.office.com",
    token_exchange: "api://AzureADTokenExchange",
};

const USGOV: Row = Row {
    name: "usgov",
    login: "login.microsoftonline.us",
    graph: "graph.microsoft.us",
    mail: "outlook.office365.us",
    smtp: "smtp.office365.us",
    exchange_app: "https://outlook.office365.us",
    exchange_delegated: "https://outlook.office365.us",
    token_exchange: "api://AzureADTokenExchangeUSGov",
};

const USGOV_DOD: Row = Row {
    name: "usgov-dod",
    login: "login.microsoftonline.us",
    graph: "dod-graph.microsoft.us",
    mail: "outlook-dod.office365.us",
    smtp: "outlook-dod.office365.us",
    exchange_app: "https://outlook.office365.us",
    exchange_delegated: "https://outlook.office365.us",
    token_exchange: "api://AzureADTokenExchangeUSGov",
};

/// Microsoft's pages disagree on the login host; discovery prefers this one and lists
/// `login.chinacloudapi.cn` as its alias.
const CHINA: Row = Row {
    name: "china",
    login: "login.partner.microsoftonline.cn",
    graph: "microsoftgraph.chinacloudapi.cn",
    mail: "partner.outlook.cn",
    smtp: "partner.outlook.cn",
    exchange_app: "https://partner.outlook.cn",
    exchange_delegated: "https://partner.outlook.cn",
    token_exchange: "api://AzureADTokenExchangeChina",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(login: &str) -> Result<Cloud, CloudError> {
        let addresses = CustomCloud {
            login: login.to_owned(),
            ..CustomCloud::default()
        };
        Cloud::custom("lab", &addresses)
    }

    #[test]
    fn every_built_in_cloud_is_found_by_its_name() {
        for name in Cloud::BUILT_IN {
            assert_eq!(Cloud::named(name).expect("it is built in").name, *name);
        }
        assert_eq!(Cloud::named("germany"), None);
    }

    /// <https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud> and
    /// <https://learn.microsoft.com/graph/deployments>: a letter wrong here sends secrets elsewhere.
    #[test]
    fn every_cloud_has_its_own_hosts_and_names() {
        for (name, login, graph, mail, smtp, app, delegated) in [
            (
                "global",
                "https://login.microsoftonline.com/",
                "https://graph.microsoft.com/",
                "outlook.office365.com",
                "smtp.office365.com",
                "https://outlook.office365.com",
                "https://outlook.office.com",
            ),
            (
                "usgov",
                "https://login.microsoftonline.us/",
                "https://graph.microsoft.us/",
                "outlook.office365.us",
                "smtp.office365.us",
                "https://outlook.office365.us",
                "https://outlook.office365.us",
            ),
            (
                "usgov-dod",
                "https://login.microsoftonline.us/",
                "https://dod-graph.microsoft.us/",
                "outlook-dod.office365.us",
                "outlook-dod.office365.us",
                "https://outlook.office365.us",
                "https://outlook.office365.us",
            ),
            (
                "china",
                "https://login.partner.microsoftonline.cn/",
                "https://microsoftgraph.chinacloudapi.cn/",
                "partner.outlook.cn",
                "partner.outlook.cn",
                "https://partner.outlook.cn",
                "https://partner.outlook.cn",
            ),
        ] {
            let cloud = Cloud::named(name).expect("it is built in");
            assert_eq!(cloud.login.as_str(), login);
            assert_eq!(cloud.graph.as_ref().map(Url::as_str), Some(graph));
            let at = |host: &str, port: u16| HostPort::parse(&format!("{host}:{port}")).ok();
            assert_eq!(cloud.imap, at(mail, 993), "{name}");
            assert_eq!(cloud.pop3, at(mail, 995), "{name}");
            assert_eq!(cloud.smtp, at(smtp, 587), "{name}");
            assert_eq!(cloud.names.exchange_app, app, "{name}");
            assert_eq!(cloud.names.exchange_delegated, delegated, "{name}");
            let graph = graph.strip_suffix('/').expect("an origin");
            assert_eq!(cloud.names.graph, graph, "{name}");
        }
    }

    #[test]
    fn a_custom_cloud_has_no_host_of_another() {
        let lab = custom("https://login.lab.example").expect("https is fine");
        assert_eq!((lab.graph, lab.imap), (None, None));
        assert_eq!((lab.pop3, lab.smtp), (None, None));
    }

    #[test]
    fn secrets_leave_the_machine_under_tls_only() {
        custom("https://login.lab.example:8443").expect("https is fine");
        custom("http://127.0.0.1:8080").expect("loopback stays here");
        custom("http://[::1]:8080").expect("loopback stays here");
        for refused in [
            "http://login.lab.example",
            "http://localhost:80",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://user:pass@login.lab.example",
            "https://login.lab.example/tenant",
            "login.lab.example",
        ] {
            custom(refused).expect_err(refused);
        }
    }

    #[test]
    fn host_and_port_are_read_and_written_alike() {
        for text in ["localhost:1993", "[::1]:993", "10.0.0.1:25"] {
            assert_eq!(
                HostPort::parse(text).expect("well formed").to_string(),
                text
            );
        }
        for wrong in ["localhost", "localhost:0", "a b:1", ":1", "x:65536", ""] {
            HostPort::parse(wrong).expect_err(wrong);
        }
    }
}
