//! The ports on which it listens: sections such as `[IMAP-1993]`.

use std::fmt;

use super::{Options, Remark};

/// A port on which it listens, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The name of its section.
    pub section: String,
    /// The line of its head, from 1.
    pub line: usize,
    /// What is spoken there.
    pub protocol: Protocol,
    /// The local port.
    pub port: u16,
    /// The address that is bound, as it is written. Without it: all interfaces.
    pub address: Option<String>,
    /// The host of the mail server.
    pub upstream_host: String,
    /// The port of the mail server.
    pub upstream_port: u16,
    /// Whether the way to an SMTP server begins in clear and is secured by STARTTLS.
    pub upstream_starttls: bool,
    /// How clients come in.
    pub tls: LocalTls,
    /// The names of its plugins, in order.
    pub plugins: Vec<String>,
}

/// A mail protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// POP3.
    Pop,
    /// SMTP submission.
    Smtp,
}

/// How clients come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalTls {
    /// In clear.
    Clear,
    /// With TLS from the first octet.
    Implicit {
        /// The PEM file of the certificate, as it is written.
        certificate: String,
        /// The PEM file of its key, as it is written.
        key: String,
    },
    /// In clear, with STARTTLS offered.
    StartTls {
        /// The PEM file of the certificate, as it is written.
        certificate: String,
        /// The PEM file of its key, as it is written.
        key: String,
    },
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Imap => "imap",
            Self::Pop => "pop3",
            Self::Smtp => "smtp",
        })
    }
}

impl Server {
    pub(super) fn read(
        options: &Options<'_>,
        (protocol, port): (Protocol, &str),
        remarks: &mut Vec<Remark>,
    ) -> Option<Self> {
        let Some(port) = port_number(port) else {
            let sentence = "the number in its name is no port".to_owned();
            remarks.push(options.remark(None, sentence));
            return None;
        };
        let upstream_port = options.text("server_port");
        let upstream_port = upstream_port.as_deref().and_then(port_number);
        let upstream = options.text("server_address").zip(upstream_port);
        let Some((upstream_host, upstream_port)) = upstream else {
            let sentence = "`server_address` and `server_port` must both be there: \
                            email-oauth2-proxy does not start with this section"
                .to_owned();
            remarks.push(options.remark(None, sentence));
            return None;
        };
        let former = options.switch("starttls", remarks);
        let upstream_starttls = options.switch("server_starttls", remarks).or(former);
        Some(Self {
            section: options.section.to_owned(),
            line: options.line(),
            protocol,
            port,
            address: options.text("local_address"),
            upstream_host,
            upstream_port,
            upstream_starttls: protocol == Protocol::Smtp && upstream_starttls.unwrap_or(false),
            tls: tls(options, protocol, remarks),
            plugins: options
                .get("plugins")
                .map(|entry| plugin_names(entry.value()))
                .unwrap_or_default(),
        })
    }
}

fn tls(options: &Options<'_>, protocol: Protocol, remarks: &mut Vec<Remark>) -> LocalTls {
    let starttls = options.switch("local_starttls", remarks) == Some(true);
    let certificate = options.text("local_certificate_path");
    let key = options.text("local_key_path");
    match (certificate, key) {
        (Some(certificate), Some(key)) if starttls && protocol == Protocol::Smtp => {
            LocalTls::StartTls { certificate, key }
        }
        (Some(certificate), Some(key)) => LocalTls::Implicit { certificate, key },
        (None, None) => LocalTls::Clear,
        (certificate, _) => {
            let there = if certificate.is_some() {
                "local_certificate_path"
            } else {
                "local_key_path"
            };
            let sentence = "certificate and key must both be there: it listens in clear".to_owned();
            remarks.push(options.remark(Some(there), sentence));
            LocalTls::Clear
        }
    }
}

/// Protocol and port of the section of a server.
pub(super) fn address(name: &str) -> Option<(Protocol, &str)> {
    let (protocol, port) = name.split_once('-')?;
    let protocol = match protocol {
        "IMAP" => Protocol::Imap,
        "POP" => Protocol::Pop,
        "SMTP" => Protocol::Smtp,
        _ => return None,
    };
    let is_number = !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then_some((protocol, port))
}

fn port_number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port > 0)
}

/// The names in a Python dictionary of plugins and their arguments: its keys, and not those of the
/// dictionaries in it.
fn plugin_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth = depth.saturating_sub(1),
            '\'' | '"' => {
                let (quoted, after) = quoted(rest, c);
                rest = after;
                if depth == 1 && rest.trim_start().starts_with(':') {
                    names.push(quoted.to_owned());
                }
            }
            _ => {}
        }
    }
    names
}

/// What stands before the closing quotation mark, and what after it.
fn quoted(text: &str, mark: char) -> (&str, &str) {
    let mut is_escaped = false;
    for (index, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == mark => return (&text[..index], &text[index + 1..]),
            _ => {}
        }
    }
    (text, "")
}

pub(super) const KNOWN: &[&str] = &[
    "server_address",
    "server_port",
    "local_address",
    "server_starttls",
    "starttls",
    "local_starttls",
    "local_certificate_path",
    "local_key_path",
    "plugins",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_told_from_their_arguments() {
        let text = "{'IMAPIgnoreSentMessageUpload': {}, \"SMTPBlackHole\" : {'a': ['b:', {'c': 1}]}, 'd' }";
        assert_eq!(
            plugin_names(text),
            ["IMAPIgnoreSentMessageUpload", "SMTPBlackHole"]
        );
        assert_eq!(plugin_names("{'a\\'b': 1, 'open"), ["a\\'b"]);
    }

    #[test]
    fn only_the_very_names_are_servers() {
        assert_eq!(address("POP-1995"), Some((Protocol::Pop, "1995")));
        for other in [
            "imap-1993",
            "IMAP-",
            "IMAP-1993 ",
            "IMAP-19x",
            "POP3-110",
            "IMAP",
        ] {
            assert_eq!(address(other), None, "{other}");
        }
    }
}
