//! Client assertions (RFC 7523 §2.2), verified as Entra verifies them and borne as loosely as
//! the libraries write them.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde_json::Value;

use super::call::Call;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::{federated, refusals};
use crate::tenant::{App, Thumbprint};

/// Checks the assertion of `app`.
pub(super) fn check(call: &Call, form: &Parameters, app: &App, text: &str) -> Result<(), Refusal> {
    if form.get("client_assertion_type") != Some(JWT_BEARER) {
        return Err(refusals::parameter_missing("client_assertion_type"));
    }
    let assertion = Assertion::parse(text).ok_or_else(refusals::malformed_assertion)?;
    if federated::is_foreign(&assertion.header, &assertion.claims, app) {
        return federated::check(call, text, &assertion.claims, app);
    }
    assertion.check_signature(app, call.at)?;
    assertion.check_subject(app)?;
    assertion.check_audience(call)?;
    assertion.check_time(call.at)
}

/// A JWT in three parts.
struct Assertion<'a> {
    message: &'a str,
    header: Value,
    claims: Value,
    signature: Vec<u8>,
}

impl<'a> Assertion<'a> {
    fn parse(jwt: &'a str) -> Option<Self> {
        let (message, signature) = jwt.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let json = |part: &str| serde_json::from_slice(&decode(part)?).ok();
        Some(Self {
            message,
            header: json(header)?,
            claims: json(claims)?,
            signature: decode(signature)?,
        })
    }

    fn check_signature(&self, app: &App, now: Timestamp) -> Result<(), Refusal> {
        let algorithm: &'static RsaParameters = match text(&self.header, "alg") {
            Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
            Some("PS256") => &RSA_PSS_2048_8192_SHA256,
            other => return Err(refusals::algorithm_unsupported(other.unwrap_or_default())),
        };
        let thumbprint = self.thumbprint().ok_or_else(refusals::thumbprint_missing)?;
        let certificate = app.certificate(&thumbprint);
        let certificate = certificate.ok_or_else(|| refusals::key_not_found(app, &thumbprint))?;
        if certificate.not_after <= now.as_second() {
            return Err(refusals::certificate_expired(&thumbprint));
        }
        UnparsedPublicKey::new(algorithm, &certificate.public_key)
            .verify(self.message.as_bytes(), &self.signature)
            .map_err(|_| refusals::signature_wrong(&thumbprint))
    }

    fn thumbprint(&self) -> Option<Thumbprint> {
        let decoded = |name| text(&self.header, name).and_then(decode);
        let strong = decoded("x5t#S256").map(Thumbprint::Sha256);
        strong.or_else(|| decoded("x5t").map(Thumbprint::Sha1))
    }

    fn check_subject(&self, app: &App) -> Result<(), Refusal> {
        let issuer = text(&self.claims, "iss").unwrap_or_default();
        let subject = text(&self.claims, "sub").unwrap_or_default();
        if issuer != subject {
            return Err(refusals::subject_is_not_issuer());
        }
        if !subject.eq_ignore_ascii_case(&app.client_id) {
            return Err(refusals::assertion_of_other_app());
        }
        Ok(())
    }

    /// The token endpoint in any of its spellings, or the issuer.
    fn check_audience(&self, call: &Call) -> Result<(), Refusal> {
        let given: Vec<&str> = match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let directory = call.entra.tenant.directory();
        let own = directory
            .domains
            .iter()
            .chain([&directory.tenant_id])
            .map(String::as_str);
        let mut names = own.chain(["common", "organizations"]);
        let accepted = names.any(|name| {
            let known = [
                format!("{}/{name}/oauth2/v2.0/token", call.base),
                format!("{}/{name}/oauth2/token", call.base),
                format!("{}/{name}/v2.0", call.base),
            ];
            given.iter().any(|audience| {
                known
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(audience.trim_end_matches('/')))
            })
        });
        if accepted {
            Ok(())
        } else {
            Err(refusals::assertion_audience())
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Refusal> {
        let start = number(self.claims.get("nbf")).unwrap_or(i64::MIN);
        let end = number(self.claims.get("exp")).ok_or_else(refusals::malformed_assertion)?;
        let now_second = now.as_second();
        let early = start.saturating_sub(CLOCK_SKEW) > now_second;
        let late = end.saturating_add(CLOCK_SKEW) <= now_second;
        if early || late {
            return Err(refusals::assertion_out_of_time(now, start, end));
        }
        Ok(())
    }
}

pub(super) fn text<'v>(part: &'v Value, name: &str) -> Option<&'v str> {
    part.get(name).and_then(Value::as_str)
}

/// Seconds since 1970 as an integer, a float or a string: libraries write all three.
pub(super) fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.parse().ok().or_else(|| whole(text.parse().ok()?)),
        _ => None,
    }
}

fn whole(seconds: f64) -> Option<i64> {
    Timestamp::from_second(0)
        .ok()?
        .checked_add(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?)
        .ok()
        .map(Timestamp::as_second)
}

/// Base64 in either alphabet, with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE
        .decode(text)
        .or_else(|_| STANDARD.decode(text))
        .ok()
}

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);

/// What Entra forgives a clock, in seconds.
pub(super) const CLOCK_SKEW: i64 = 300;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_come_in_three_forms() {
        let forms = [
            json!(1_700_000_000),
            json!(1_700_000_000.75),
            json!("1700000000"),
        ];
        for form in &forms {
            assert_eq!(number(Some(form)), Some(1_700_000_000), "{form}");
        }
        assert_eq!(number(Some(&json!("tomorrow"))), None);
        assert_eq!(number(Some(&json!(1e300))), None);
    }

    #[test]
    fn thumbprints_come_in_four_forms() {
        for form in ["-_8=", "-_8", "+/8=", "+/8"] {
            assert_eq!(decode(form), Some(vec![0xfb, 0xff]), "{form}");
        }
    }
}
