//! What clients ask before they ask for a token: configuration, keys, instances, realms.

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::call::{Call, Incoming, Place, Version};
use super::refusal::json_response;
use super::{Entra, refusals};
use crate::tenant::Trouble;

/// `/{tenant}/v2.0/.well-known/openid-configuration`
pub(super) async fn v2(incoming: Incoming) -> Response<Body> {
    published(incoming, Version::V2, configuration)
}

/// `/{tenant}/.well-known/openid-configuration`
pub(super) async fn v1(incoming: Incoming) -> Response<Body> {
    published(incoming, Version::V1, configuration)
}

/// `/{tenant}/discovery/v2.0/keys`
pub(super) async fn keys(incoming: Incoming) -> Response<Body> {
    published(incoming, Version::V2, |call| {
        call.entra.tenant.keys().jwks(&call.issuer())
    })
}

/// A document of a tenant that there is.
fn published(
    incoming: Incoming,
    version: Version,
    content: impl FnOnce(&Call) -> Value,
) -> Response<Body> {
    let (call, ..) = incoming.call(version);
    match call.known_tenant() {
        Err(refusal) => refusal.into_response(&call),
        Ok(()) => document(&content(&call), &call),
    }
}

/// What instance discovery is asked.
#[derive(Debug, Deserialize)]
pub(super) struct InstanceQuery {
    authorization_endpoint: Option<String>,
    #[serde(rename = "api-version")]
    api_version: Option<String>,
}

/// `/common/discovery/instance`
pub(super) async fn instance(
    State(entra): State<Entra>,
    Query(query): Query<InstanceQuery>,
    parts: Parts,
) -> Response<Body> {
    let call = Call::new(&entra, &parts, "common", Version::V2);
    let endpoint = query
        .authorization_endpoint
        .and_then(|text| Url::parse(&text).ok());
    let Some(endpoint) = endpoint else {
        return refusals::parameter_missing("authorization_endpoint").into_response(&call);
    };
    let host = match (endpoint.host_str(), endpoint.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let own = call.base.trim_start_matches("https://");
    if host != own
        && !CLOUDS
            .iter()
            .any(|aliases| aliases.contains(&host.as_str()))
    {
        return refusals::instance_unknown().into_response(&call);
    }
    let segment = endpoint
        .path_segments()
        .and_then(|mut path| path.next())
        .unwrap_or("common");
    let mut metadata = vec![cloud(&[own])];
    metadata.extend(CLOUDS.iter().map(|aliases| cloud(aliases)));
    let answer = json!({
        "tenant_discovery_endpoint":
            format!("{}/{segment}/v2.0/.well-known/openid-configuration", call.base),
        "api-version": query.api_version.as_deref().unwrap_or("1.1"),
        "metadata": metadata,
    });
    document(&answer, &call)
}

/// `/common/userrealm/{upn}`
pub(super) async fn user_realm(
    State(entra): State<Entra>,
    Path(upn): Path<String>,
    parts: Parts,
) -> Response<Body> {
    let call = Call::new(&entra, &parts, "common", Version::V1);
    let domain = upn.rsplit_once('@').map_or("", |(_, domain)| domain);
    let trouble = entra
        .tenant
        .directory()
        .person(&upn)
        .and_then(|person| person.trouble);
    let answer = if trouble == Some(Trouble::Federated) {
        json!({
            "ver": "1.0",
            "account_type": "federated",
            "domain_name": domain,
            "federation_protocol": "WSTrust",
            "federation_metadata_url": format!("https://sts.{domain}/adfs/services/trust/mex"),
            "federation_active_auth_url":
                format!("https://sts.{domain}/adfs/services/trust/2005/usernamemixed"),
            "cloud_instance_name": "microsoftonline.com",
            "cloud_audience_urn": "urn:federation:MicrosoftOnline",
        })
    } else if entra.tenant.directory().has_domain(domain) {
        json!({
            "ver": "1.0",
            "account_type": "Managed",
            "domain_name": domain,
            "cloud_instance_name": "microsoftonline.com",
            "cloud_audience_urn": "urn:federation:MicrosoftOnline",
        })
    } else {
        json!({"ver": "1.0", "account_type": "Unknown"})
    };
    document(&answer, &call)
}

fn configuration(call: &Call) -> Value {
    let (base, segment) = (&call.base, call.segment());
    let v2 = if call.version == Version::V2 {
        "/v2.0"
    } else {
        ""
    };
    let of_one_tenant = call.place == Place::Tenant;
    let issuer = match (of_one_tenant, call.version) {
        (true, Version::V2) => call.issuer(),
        // The braces stand there literally.
        (false, Version::V2) => format!("{base}/{{tenantid}}/v2.0"),
        (true, Version::V1) => format!("https://sts.windows.net/{segment}/"),
        (false, Version::V1) => "https://sts.windows.net/{tenantid}/".to_owned(),
    };
    json!({
        "token_endpoint": format!("{base}/{segment}/oauth2{v2}/token"),
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/{segment}/discovery{v2}/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer,
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": format!("{base}/{segment}/oauth2{v2}/authorize"),
        "device_authorization_endpoint": format!("{base}/{segment}/oauth2{v2}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/{segment}/oauth2{v2}/logout"),
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
            "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr",
            "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"
        ],
        "kerberos_endpoint": format!("{base}/{segment}/kerberos"),
        "tenant_region_scope": of_one_tenant.then_some("WW"),
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

fn cloud(aliases: &[&str]) -> Value {
    let cache = aliases.get(1).or(aliases.first());
    json!({
        "preferred_network": aliases.first(),
        "preferred_cache": cache,
        "aliases": aliases,
    })
}

/// A document that may be cached and read by scripts of any site.
fn document(value: &Value, call: &Call) -> Response<Body> {
    let mut response = json_response(StatusCode::OK, value.to_string().into_bytes(), call);
    let headers = response.headers_mut();
    headers.remove(header::PRAGMA);
    headers.remove(header::EXPIRES);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=86400, private"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

/// The clouds of the real instance discovery; the first name is the preferred one.
const CLOUDS: &[&[&str]] = &[
    &[
        "login.microsoftonline.com",
        "login.windows.net",
        "login.microsoft.com",
        "sts.windows.net",
    ],
    &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
    &["login.microsoftonline.us", "login.usgovcloudapi.net"],
];
