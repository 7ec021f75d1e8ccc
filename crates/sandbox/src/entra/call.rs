//! One request to the identity platform: who called where, and by which numbers it is known.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts as _, Path, Request};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Entra;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::refusals;
use crate::tenant::Tenant;

/// A request in progress.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) entra: Entra,
    /// The platform's address as the client wrote it, without a trailing slash.
    pub(super) base: String,
    pub(super) place: Place,
    pub(super) version: Version,
    /// `x-ms-request-id`, and `trace_id` in errors.
    pub(super) trace_id: String,
    /// The client's `client-request-id`, or a new one.
    pub(super) correlation_id: String,
    pub(super) at: Timestamp,
}

/// A request as it came in, before it is known which generation of the protocol it speaks.
#[derive(Debug)]
pub(super) struct Incoming {
    entra: Entra,
    place: String,
    parts: Parts,
    body: Body,
}

impl FromRequest<Entra> for Incoming {
    type Rejection = PathRejection;

    async fn from_request(request: Request, entra: &Entra) -> Result<Self, PathRejection> {
        let (mut parts, body) = request.into_parts();
        let Path(place) = Path::from_request_parts(&mut parts, entra).await?;
        Ok(Self {
            entra: entra.clone(),
            place,
            parts,
            body,
        })
    }
}

impl Incoming {
    /// The call in this version, with the rest of the request.
    pub(super) fn call(self, version: Version) -> (Call, Parts, Body) {
        let call = Call::new(&self.entra, &self.parts, &self.place, version);
        (call, self.parts, self.body)
    }
}

/// What stood in the place of the tenant in the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The tenant, by its id or by a domain.
    Tenant,
    /// `common`.
    Common,
    /// `organizations`.
    Organizations,
    /// `consumers`, or the id that stands for them.
    Consumers,
    /// Something else.
    Unknown(String),
}

/// The two generations of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Version {
    /// `resource`, and numbers as strings.
    V1,
    /// `scope`, and numbers as numbers.
    V2,
}

impl Call {
    /// Reads what all requests have in common.
    pub(super) fn new(entra: &Entra, parts: &Parts, place: &str, version: Version) -> Self {
        Self {
            base: base(entra.port, parts),
            place: Place::parse(place, &entra.tenant),
            version,
            trace_id: entra.chance.uuid(),
            correlation_id: correlation_id(&parts.headers).unwrap_or_else(|| entra.chance.uuid()),
            at: entra.tenant.now(),
            entra: entra.clone(),
        }
    }

    /// Clients also send `client-request-id` as a field, or in the query.
    pub(super) fn note_correlation(&mut self, parameters: &Parameters) {
        let id = parameters.get("client-request-id").and_then(uuid_text);
        if let Some(id) = id {
            self.correlation_id = id;
        }
    }

    /// The tenant's segment in the addresses that we publish.
    pub(super) fn segment(&self) -> String {
        match self.place {
            Place::Common => "common".to_owned(),
            Place::Organizations => "organizations".to_owned(),
            Place::Consumers => "consumers".to_owned(),
            Place::Tenant | Place::Unknown(_) => self.entra.tenant.id(),
        }
    }

    /// The issuer of this tenant's `id_token`s.
    pub(super) fn issuer(&self) -> String {
        format!("{}/{}/v2.0", self.base, self.entra.tenant.id())
    }

    /// Refuses a tenant that is not ours.
    pub(super) fn known_tenant(&self) -> Result<(), Refusal> {
        match &self.place {
            Place::Unknown(name) => Err(refusals::tenant_not_found(name)),
            _ => Ok(()),
        }
    }
}

impl Place {
    fn parse(text: &str, tenant: &Tenant) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "common" => Self::Common,
            "organizations" => Self::Organizations,
            "consumers" | CONSUMERS => Self::Consumers,
            _ if tenant.directory().is_called(text) => Self::Tenant,
            _ => Self::Unknown(text.to_owned()),
        }
    }
}

/// The address that the client used, so that it finds its own name in what we publish; but only
/// names of ours, since anybody can write a `Host` header.
fn base(port: u16, parts: &Parts) -> String {
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = parts.uri.authority().map(Authority::as_str).or(host);
    let name = authority
        .and_then(|authority| authority.strip_suffix(&format!(":{port}")))
        .filter(|name| ["localhost", "127.0.0.1", "[::1]"].contains(name))
        .unwrap_or("localhost");
    format!("https://{name}:{port}")
}

fn correlation_id(headers: &HeaderMap) -> Option<String> {
    uuid_text(headers.get("client-request-id")?.to_str().ok()?)
}

/// What is no UUID is not echoed.
fn uuid_text(text: &str) -> Option<String> {
    uuid::Uuid::parse_str(text).ok().map(|id| id.to_string())
}

/// The tenant id of personal accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
