//! One request to Graph: who asks for what, in which manner.

use axum::http::header::{AUTHORIZATION, HOST, HeaderMap};
use axum::http::{Method, Uri};
use jiff::Timestamp;

use super::Graph;
use super::options::Options;
use super::refusal::Refusal;
use super::strike::foreign;
use crate::faults::{FaultKind, Target};
use crate::tenant::{Principal, Resource};

/// A request from somebody who is known.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) graph: Graph,
    pub(super) principal: Principal,
    pub(super) method: Method,
    /// The segments of the path below the version, decoded; a key in parentheses is a segment.
    pub(super) path: Vec<String>,
    pub(super) options: Options,
    pub(super) headers: HeaderMap,
    pub(super) preferences: Preferences,
    /// The address of the request without its query.
    pub(super) address: String,
    /// Graph's address as the client wrote it, with the version.
    pub(super) base: String,
    pub(super) at: Timestamp,
}

/// What a request says before it is known who sends it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

impl Call {
    /// Reads a request, and its token.
    pub(super) fn new(graph: &Graph, line: Line<'_>) -> Result<Self, Refusal> {
        let principal = admit(graph, line.headers)?;
        Self::of(graph, principal, line)
    }

    /// Reads a request of somebody who is known.
    pub(super) fn of(graph: &Graph, principal: Principal, line: Line<'_>) -> Result<Self, Refusal> {
        let below = line.uri.path();
        let below = below.strip_prefix(VERSION).unwrap_or(below);
        let base = format!("{}{VERSION}", origin(graph.port, line));
        Ok(Self {
            principal,
            method: line.method.clone(),
            path: segments(below)?,
            options: Options::parse(line.uri.query().unwrap_or_default())?,
            headers: line.headers.clone(),
            preferences: Preferences::read(line.headers),
            address: format!("{base}{below}"),
            base,
            at: graph.tenant.now(),
            graph: graph.clone(),
        })
    }

    /// Whom the request concerns, where it concerns a mailbox.
    pub(super) fn target<'a>(&'a self, mailbox: Option<&'a str>) -> Target<'a> {
        Target {
            app: Some(self.principal.client_id()),
            mailbox,
        }
    }

    /// A header of the request.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The address of another page of what was asked for, in this mailbox.
    pub(super) fn page(&self, mailbox: &str, others: &[(&str, String)]) -> String {
        self.onward(
            mailbox,
            format!("{}?{}", self.address, self.options.with(others)),
        )
    }

    /// A link to more, or to where an order wants it to lead.
    pub(super) fn onward(&self, mailbox: &str, link: String) -> String {
        let target = self.target(Some(mailbox));
        if self
            .graph
            .faults
            .strikes(FaultKind::ForeignNextLink, target)
        {
            return foreign(&link);
        }
        link
    }
}

/// What a client would like (`Prefer`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// `IdType="ImmutableId"`.
    pub(super) immutable_ids: bool,
    /// `odata.maxpagesize`.
    pub(super) page: Option<usize>,
    /// `outlook.body-content-type`.
    pub(super) body: Option<BodyKind>,
    /// `outlook.timezone`.
    pub(super) zone: Option<String>,
}

/// In which form bodies are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyKind {
    Text,
    Html,
}

impl Preferences {
    fn read(headers: &HeaderMap) -> Self {
        let mut preferences = Self::default();
        let all = headers.get_all("prefer").iter();
        let all = all.filter_map(|value| value.to_str().ok());
        for one in all.flat_map(|value| value.split(',')) {
            let (name, value) = one.split_once('=').unwrap_or((one, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "idtype" => preferences.immutable_ids = value.eq_ignore_ascii_case("ImmutableId"),
                "odata.maxpagesize" => {
                    preferences.page = value.parse().ok().filter(|size| (1..=1_000).contains(size));
                }
                "outlook.body-content-type" => {
                    preferences.body = match value.to_ascii_lowercase().as_str() {
                        "text" => Some(BodyKind::Text),
                        "html" => Some(BodyKind::Html),
                        _ => None,
                    };
                }
                "outlook.timezone" => preferences.zone = Some(value.to_owned()),
                _ => {}
            }
        }
        preferences
    }

    /// What of it was heeded, for `Preference-Applied`.
    pub(super) fn applied(&self) -> String {
        let mut applied = Vec::new();
        if self.immutable_ids {
            applied.push("IdType=\"ImmutableId\"".to_owned());
        }
        if let Some(page) = self.page {
            applied.push(format!("odata.maxpagesize={page}"));
        }
        if let Some(body) = self.body {
            let name = match body {
                BodyKind::Text => "text",
                BodyKind::Html => "html",
            };
            applied.push(format!("outlook.body-content-type=\"{name}\""));
        }
        if let Some(zone) = &self.zone {
            applied.push(format!("outlook.timezone=\"{zone}\""));
        }
        applied.join(", ")
    }
}

fn admit(graph: &Graph, headers: &HeaderMap) -> Result<Principal, Refusal> {
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = bearer
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, token)| scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty())
        .ok_or_else(Refusal::token_empty)?
        .1;
    let admitted = graph
        .tenant
        .admit_to(token.trim(), Resource::Graph, &|_| true);
    admitted.map_err(|refused| {
        tracing::info!(reason = %refused, "the sandbox's Graph refused an access token");
        Refusal::token(refused)
    })
}

/// `users('ada')/mailFolders/inbox` is `users`, `ada`, `mailFolders`, `inbox`.
fn segments(path: &str) -> Result<Vec<String>, Refusal> {
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = percent_decoded(segment).ok_or_else(|| Refusal::segment(segment))?;
        let segment = segment.strip_prefix("microsoft.graph.").unwrap_or(&segment);
        match segment.split_once('(') {
            Some((name, rest)) if rest.ends_with(')') => {
                let key = rest.trim_end_matches(')').trim_matches('\'');
                segments.push(name.to_owned());
                if !key.is_empty() {
                    segments.push(key.replace("''", "'"));
                }
            }
            _ => segments.push(segment.to_owned()),
        }
    }
    Ok(segments)
}

/// RFC 3986 §2.1; `None` if what comes out is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let (hex, after) = rest.split_at_checked(2)?;
            let hex = std::str::from_utf8(hex).ok()?;
            octets.push(u8::from_str_radix(hex, 16).ok()?);
            rest = after;
        } else {
            octets.push(first);
        }
    }
    String::from_utf8(octets).ok()
}

/// The address that the client used, so that links lead back to it; but only names of ours, since
/// anybody can write a `Host` header.
fn origin(port: u16, line: Line<'_>) -> String {
    let host = line.headers.get(HOST).and_then(|host| host.to_str().ok());
    let name = host
        .and_then(|host| host.strip_suffix(&format!(":{port}")))
        .filter(|name| ["localhost", "127.0.0.1", "[::1]"].contains(name))
        .unwrap_or("localhost");
    format!("https://{name}:{port}")
}

/// The only version that is served.
pub(super) const VERSION: &str = "/v1.0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_segment_however_it_is_written() {
        for path in [
            "/users/ada%40contoso.com/mailFolders/inbox/messages/delta",
            "/users('ada@contoso.com')/mailFolders('inbox')/messages/microsoft.graph.delta()",
        ] {
            let segments = segments(path).expect(path);
            assert_eq!(
                segments,
                [
                    "users",
                    "ada@contoso.com",
                    "mailFolders",
                    "inbox",
                    "messages",
                    "delta"
                ]
            );
        }
        assert!(segments("/users/%zz").is_err());
        assert!(segments("/users/%e").is_err());
    }
}
