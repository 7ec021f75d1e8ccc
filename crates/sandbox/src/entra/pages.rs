//! The pages that people see: plain HTML forms, no scripts.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::call::Call;
use super::refusal::{Refusal, timestamp};

/// Asks for address and password.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignInPage<'a> {
    pub(super) app: &'a str,
    pub(super) action: String,
    pub(super) flow: String,
    pub(super) username: &'a str,
    pub(super) fault: Option<String>,
}

/// Asks for permissions.
#[derive(Template)]
#[template(path = "consent.html")]
pub(super) struct ConsentPage<'a> {
    pub(super) app: &'a str,
    pub(super) person: &'a str,
    pub(super) wishes: Vec<Wish>,
    pub(super) action: String,
    pub(super) flow: String,
}

/// A permission in a person's words.
pub(super) struct Wish {
    pub(super) meaning: &'static str,
    pub(super) name: String,
}

/// Asks for the code that another device shows.
#[derive(Template)]
#[template(path = "device.html")]
pub(super) struct DevicePage {
    pub(super) action: String,
    pub(super) fault: Option<String>,
}

/// Says that a sign-in on another device is over.
#[derive(Template)]
#[template(path = "through.html")]
pub(super) struct ThroughPage<'a> {
    title: &'static str,
    app: &'a str,
}

impl<'a> ThroughPage<'a> {
    pub(super) fn done(app: &'a str) -> Self {
        let title = "You have signed in on your device";
        Self { title, app }
    }

    pub(super) fn cancelled(app: &'a str) -> Self {
        let title = "You have cancelled the sign-in on your device";
        Self { title, app }
    }
}

/// Carries an answer to the app as a form (`response_mode=form_post`).
#[derive(Template)]
#[template(path = "post_back.html")]
pub(super) struct PostBackPage<'a> {
    pub(super) action: &'a str,
    pub(super) fields: &'a [(&'static str, String)],
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    sentence: String,
    trace_id: &'a str,
    correlation_id: &'a str,
    timestamp: String,
}

/// A page, never cached and never framed.
pub(super) fn page(status: StatusCode, template: &impl Template) -> Response<Body> {
    let html = template
        .render()
        .expect("the templates write to memory only");
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What a person sees when an answer must not go to the app.
pub(super) fn refused(refusal: &Refusal, call: &Call) -> Response<Body> {
    let template = RefusedPage {
        sentence: refusal.sentence(),
        trace_id: &call.trace_id,
        correlation_id: &call.correlation_id,
        timestamp: timestamp(call.at),
    };
    page(StatusCode::BAD_REQUEST, &template)
}

/// Sends the browser elsewhere.
pub(super) fn redirect(to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-cache"),
    );
    response
}

const HEADERS: &[(&str, &str)] = &[
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store, no-cache"),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    // No `form-action`: a browser would apply it to the redirect to the app.
    (
        "content-security-policy",
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    ),
];
