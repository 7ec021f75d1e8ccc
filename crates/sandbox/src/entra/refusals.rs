//! The AADSTS numbers that the sandbox answers, with Entra's sentences.

mod client;
mod device;
mod federated;
mod grant;
mod person;
mod request;
mod scope;
mod sign_in;

pub(super) use client::*;
pub(super) use device::*;
pub(super) use federated::*;
pub(super) use grant::*;
pub(super) use person::*;
pub(super) use request::*;
pub(super) use scope::*;
pub(super) use sign_in::*;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::entra::refusal::Refusal;
    use crate::tenant::{App, ClientKind, ScopeError, SessionRefused, Thumbprint};

    #[test]
    fn every_refusal_reads_as_entras() {
        let lines: Vec<String> = all().iter().map(line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    fn line(refusal: &Refusal) -> String {
        let Refusal {
            error,
            suberror,
            status,
            ..
        } = refusal;
        let suberror = suberror.map(|name| format!("/{name}")).unwrap_or_default();
        let status = status
            .map(|status| format!(" HTTP {}", status.as_u16()))
            .unwrap_or_default();
        format!("{error}{suberror}{status} {}", refusal.sentence())
    }

    fn all() -> Vec<Refusal> {
        let app = App::new("APP", "OBJECT", "Gatepost", ClientKind::Both);
        let moment = Timestamp::UNIX_EPOCH;
        let thumbprint = Thumbprint::Sha1(vec![0xab, 0x0c]);
        let revoked = SessionRefused::Revoked {
            issued_at: moment,
            since: moment,
        };
        vec![
            tenant_not_found("TENANT"),
            instance_unknown(),
            tenant_not_named(),
            consumers_not_served(&app),
            only_post(),
            malformed(),
            parameter_missing("NAME"),
            scope_missing(),
            parameter_twice("NAME"),
            grant_unsupported("GRANT"),
            resource_not_taken(),
            throttled(),
            transient(),
            app_not_found("APP"),
            app_only_without_proof(),
            proof_missing(),
            proof_from_public_client(),
            secret_wrong("APP"),
            secret_expired("APP"),
            malformed_assertion(),
            algorithm_unsupported("none"),
            thumbprint_missing(),
            key_not_found(&app, &thumbprint),
            signature_wrong(&thumbprint),
            certificate_expired(&thumbprint),
            subject_is_not_issuer(),
            assertion_of_other_app(),
            assertion_audience(),
            assertion_out_of_time(moment, 1, 2),
            scope_not_default("SCOPE"),
            scope_error(&ScopeError::UnknownResource("https://x".to_owned())),
            scope_error(&ScopeError::UnknownPermission("https://x/Y".to_owned())),
            several_resources("SCOPE"),
            scope_empty_for_code(),
            consent_missing(&app),
            code_refused(SessionRefused::Unknown),
            code_refused(SessionRefused::Used),
            code_refused(SessionRefused::Expired { issued_at: moment }),
            refresh_token_refused(SessionRefused::Unknown),
            refresh_token_refused(SessionRefused::Expired { issued_at: moment }),
            refresh_token_refused(revoked),
            grant_of_other_client(),
            redirect_changed("URI"),
            verifier_wrong(),
            verifier_size(),
            redirect_not_registered("URI", &app),
            response_type_unsupported("token"),
            nobody_signed_in(),
            challenge_size(),
            flow_expired(),
            person_not_found("UPN"),
            password_wrong(),
            consent_declined(),
            administrator_needed(&app),
            grant_not_at_common(),
            account_disabled(),
            account_locked(),
            password_expired(),
            password_not_in_cloud(),
            second_factor_needed(),
            second_factor_missing(),
            policy_blocks(),
            context_missing("c1"),
            no_federated_credential(),
            no_matching_federated_credential("ISSUER", "SUBJECT", "AUDIENCE"),
            foreign_signature_wrong(),
            authorization_pending(),
            slow_down(),
            authorization_declined(),
            device_code_refused(SessionRefused::Expired { issued_at: moment }),
            device_code_refused(SessionRefused::Unknown),
        ]
    }
}
