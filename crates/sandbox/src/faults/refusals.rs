//! The refusals of the token endpoint that are given on demand, by their AADSTS number.
//!
//! Meanings and sentences are those of Microsoft's reference of error codes
//! (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>).

/// One refusal.
#[derive(Debug, PartialEq, Eq)]
pub struct OnDemand {
    /// The number behind `AADSTS`.
    pub code: u32,
    /// The OAuth error (RFC 6749 §5.2, and Entra's own).
    pub error: &'static str,
    /// Entra's finer distinction for libraries.
    pub suberror: Option<&'static str>,
    /// Entra's sentence.
    pub text: &'static str,
}

impl OnDemand {
    /// Every refusal that can be ordered.
    pub const ALL: &'static [Self] = &[
        refusal(
            16_000,
            "interaction_required",
            None,
            "Either multiple user identities are available for the current request or selected account is not supported for the scenario.",
        ),
        refusal(
            28_000,
            "invalid_request",
            None,
            "Provided value for the input parameter scope isn't valid because it contains more than one resource.",
        ),
        refusal(
            28_002,
            "invalid_request",
            None,
            "Provided value for the input parameter scope isn't valid when requesting an access token. Specify a valid scope.",
        ),
        refusal(
            28_003,
            "invalid_request",
            None,
            "Provided value for the input parameter scope can't be empty when requesting an access token using the provided authorization code. Specify a valid scope.",
        ),
        refusal(
            50_001,
            "invalid_resource",
            None,
            "The resource is disabled or the resource named was not found.",
        ),
        refusal(
            50_011,
            "invalid_client",
            None,
            "The redirect URI specified in the request does not match the redirect URIs configured for the application.",
        ),
        refusal(
            50_012,
            "invalid_client",
            None,
            "Authentication failed: the signature of the client's assertion is not valid.",
        ),
        refusal(
            50_013,
            "invalid_grant",
            None,
            "Assertion failed signature validation.",
        ),
        refusal(
            50_020,
            "invalid_grant",
            None,
            "User account from identity provider does not exist in tenant and cannot access the application in that tenant. The account needs to be added as an external user in the tenant first.",
        ),
        refusal(
            50_034,
            "invalid_grant",
            None,
            "The user account does not exist in the directory. To sign into this application, the account must be added to the directory.",
        ),
        refusal(
            50_048,
            "invalid_client",
            None,
            "Subject must match Issuer claim in the client assertion.",
        ),
        refusal(
            50_049,
            "invalid_instance",
            None,
            "Unknown or invalid instance.",
        ),
        refusal(
            50_053,
            "invalid_grant",
            None,
            "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
        ),
        refusal(
            50_055,
            "invalid_grant",
            Some("user_password_expired"),
            "The password is expired.",
        ),
        refusal(
            50_056,
            "invalid_grant",
            None,
            "Invalid or null password: password doesn't exist in the directory for this user.",
        ),
        refusal(
            50_057,
            "invalid_grant",
            None,
            "The user account is disabled.",
        ),
        refusal(
            50_058,
            "login_required",
            None,
            "A silent sign-in request was sent but no user is signed in.",
        ),
        refusal(
            50_059,
            "invalid_request",
            None,
            "No tenant-identifying information found in either the request or implied by any provided credentials.",
        ),
        refusal(
            50_072,
            "invalid_grant",
            Some("basic_action"),
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource.",
        ),
        refusal(
            50_074,
            "invalid_grant",
            Some("basic_action"),
            "Strong authentication is required and the user did not pass the MFA challenge.",
        ),
        refusal(
            50_076,
            "invalid_grant",
            Some("basic_action"),
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.",
        ),
        refusal(
            50_078,
            "invalid_grant",
            Some("basic_action"),
            "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access the resource.",
        ),
        refusal(
            50_079,
            "invalid_grant",
            Some("basic_action"),
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource.",
        ),
        refusal(
            50_089,
            "invalid_grant",
            None,
            "Authentication failed due to flow token expired.",
        ),
        refusal(
            50_097,
            "interaction_required",
            None,
            "Device authentication is required.",
        ),
        refusal(
            50_105,
            "access_denied",
            None,
            "Your administrator has configured the application to block users unless they are specifically granted access to the application.",
        ),
        refusal(
            50_126,
            "invalid_grant",
            None,
            "Error validating credentials due to invalid username or password.",
        ),
        refusal(
            50_128,
            "invalid_request",
            None,
            "Invalid domain name. No tenant-identifying information found in either the request or implied by any provided credentials.",
        ),
        refusal(
            50_131,
            "interaction_required",
            None,
            "Device is not in required device state, or the request was blocked due to suspicious activity, access policy, or security policy decisions.",
        ),
        refusal(
            50_132,
            "invalid_grant",
            None,
            "The session is not valid due to the following reasons: password expiration or recent password change, SSO artifact is invalid or expired, session is not fresh enough for application.",
        ),
        refusal(
            50_133,
            "invalid_grant",
            Some("bad_token"),
            "Session is invalid due to expiration or recent password change.",
        ),
        refusal(
            50_140,
            "interaction_required",
            None,
            "This error occurred due to 'Keep me signed in' interrupt when the user was signing-in.",
        ),
        refusal(
            50_158,
            "invalid_grant",
            Some("basic_action"),
            "External security challenge was not satisfied.",
        ),
        refusal(
            50_173,
            "invalid_grant",
            Some("bad_token"),
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
        ),
        refusal(
            50_194,
            "invalid_request",
            None,
            "Application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps.",
        ),
        refusal(
            50_196,
            "invalid_grant",
            None,
            "The server terminated an operation because it encountered a client request loop.",
        ),
        refusal(
            53_000,
            "interaction_required",
            Some("message_only"),
            "Device is not in required device state: compliant. Conditional Access policy requires a compliant device, and the device is not compliant.",
        ),
        refusal(
            53_001,
            "interaction_required",
            Some("message_only"),
            "Device is not in required device state: domain_joined. Conditional Access policy requires a domain joined device, and the device is not domain joined.",
        ),
        refusal(
            53_002,
            "interaction_required",
            Some("message_only"),
            "The app used is not an approved app for Conditional Access.",
        ),
        refusal(
            53_003,
            "invalid_grant",
            Some("message_only"),
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        ),
        refusal(
            53_004,
            "invalid_grant",
            Some("basic_action"),
            "User needs to complete Multi-factor authentication registration process before accessing this content.",
        ),
        refusal(
            53_011,
            "invalid_grant",
            Some("message_only"),
            "User blocked due to risk on home tenant.",
        ),
        refusal(
            54_005,
            "invalid_grant",
            None,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
        ),
        refusal(
            65_001,
            "invalid_grant",
            Some("consent_required"),
            "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.",
        ),
        refusal(
            65_004,
            "access_denied",
            None,
            "User declined to consent to access the app.",
        ),
        refusal(
            65_005,
            "invalid_resource",
            None,
            "The application required resource access list does not contain applications discoverable by the resource or the client application has requested access to resource which was not specified in its required resource access list.",
        ),
        refusal(
            70_000,
            "invalid_grant",
            None,
            "Provided grant is invalid or malformed.",
        ),
        refusal(
            70_001,
            "unauthorized_client",
            None,
            "The application is disabled.",
        ),
        refusal(
            70_002,
            "invalid_client",
            None,
            "Error validating credentials. The client secret does not match the expected value for this client.",
        ),
        refusal(
            70_008,
            "invalid_grant",
            None,
            "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
        ),
        refusal(
            70_011,
            "invalid_scope",
            None,
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid.",
        ),
        refusal(
            70_021,
            "invalid_client",
            None,
            "No matching federated identity record found for presented assertion.",
        ),
        refusal(
            70_025,
            "invalid_client",
            None,
            "The client has no configured federated identity credentials.",
        ),
        refusal(
            70_043,
            "invalid_grant",
            Some("token_expired"),
            "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access.",
        ),
        refusal(
            90_002,
            "invalid_tenant",
            None,
            "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
        ),
        refusal(
            90_006,
            "temporarily_unavailable",
            None,
            "The service is temporarily unavailable.",
        ),
        refusal(
            90_010,
            "invalid_request",
            None,
            "The grant type isn't supported over the /common or /consumers endpoints. Use the /organizations or tenant-specific endpoint.",
        ),
        refusal(
            90_012,
            "temporarily_unavailable",
            None,
            "The request has timed out.",
        ),
        refusal(
            90_014,
            "invalid_request",
            None,
            "The required field is missing from the credential.",
        ),
        refusal(
            90_023,
            "invalid_request",
            None,
            "The authentication service request isn't valid.",
        ),
        refusal(
            90_024,
            "temporarily_unavailable",
            None,
            "The request budget was exceeded. A transient error occurred.",
        ),
        refusal(
            90_027,
            "invalid_request",
            None,
            "The client cannot get tokens for personal accounts from this version of the endpoint.",
        ),
        refusal(
            90_033,
            "temporarily_unavailable",
            None,
            "A transient error has occurred. Please try again.",
        ),
        refusal(
            90_055,
            "invalid_request",
            None,
            "The tenant is throttled due to too many requests.",
        ),
        refusal(
            90_072,
            "invalid_grant",
            None,
            "The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Microsoft Entra user account.",
        ),
        refusal(
            90_094,
            "access_denied",
            None,
            "Admin consent is required for the permissions requested by this application.",
        ),
        refusal(
            90_095,
            "access_denied",
            None,
            "Admin consent is required for the permissions requested by this application. The user may request it.",
        ),
        refusal(
            90_124,
            "invalid_request",
            None,
            "The resource isn't supported over the /common or /consumers endpoints. Use the /organizations or tenant-specific endpoint.",
        ),
        refusal(
            90_130,
            "invalid_request",
            None,
            "Application isn't supported over the /common or /consumers endpoints. Use the /organizations or tenant-specific endpoint.",
        ),
        refusal(
            500_011,
            "invalid_resource",
            None,
            "The resource principal was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
        ),
        refusal(
            500_133,
            "invalid_grant",
            None,
            "Assertion isn't within its valid time range. Ensure that the access token isn't expired before using it for user assertion, or request a new token.",
        ),
        refusal(
            530_032,
            "invalid_grant",
            Some("message_only"),
            "Access blocked by a security policy that was set up by the tenant's administrator.",
        ),
        refusal(
            530_035,
            "invalid_grant",
            Some("message_only"),
            "Access has been blocked by security defaults.",
        ),
        refusal(
            650_052,
            "invalid_client",
            None,
            "The app is trying to access a service that your organization lacks a service principal or a subscription for.",
        ),
        refusal(
            650_056,
            "invalid_request",
            None,
            "Misconfigured application: the client has not listed any permissions in the requested permissions of the client's application registration, or the admin has not consented in the tenant.",
        ),
        refusal(
            650_057,
            "invalid_resource",
            None,
            "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration.",
        ),
        refusal(
            700_005,
            "invalid_grant",
            None,
            "Provided Authorization Code is intended to use against other tenant, thus rejected.",
        ),
        refusal(
            700_011,
            "unauthorized_client",
            None,
            "Application was not found in directory.",
        ),
        refusal(
            700_016,
            "unauthorized_client",
            None,
            "Application was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
        ),
        refusal(
            700_022,
            "invalid_request",
            None,
            "The provided value for the input parameter scope is not valid because it contains more than one resource.",
        ),
        refusal(
            700_024,
            "invalid_client",
            None,
            "Client assertion is not within its valid time range.",
        ),
        refusal(
            700_025,
            "invalid_client",
            None,
            "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        ),
        refusal(
            700_027,
            "invalid_client",
            None,
            "The certificate with identifier used to sign the client assertion is not registered on application.",
        ),
        refusal(
            700_082,
            "invalid_grant",
            None,
            "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00.",
        ),
        refusal(
            700_084,
            "invalid_grant",
            None,
            "The refresh token was issued to a single page app, and therefore has a fixed, limited lifetime of 1.00:00:00, which can't be extended.",
        ),
        refusal(
            700_213,
            "invalid_client",
            None,
            "No matching federated identity record found for presented assertion subject.",
        ),
        refusal(
            700_229,
            "invalid_client",
            None,
            "Only app-only tokens can be used as federated identity credentials for the issuer.",
        ),
        refusal(
            900_144,
            "invalid_request",
            None,
            "The request body must contain the following parameter.",
        ),
        refusal(
            900_561,
            "invalid_request",
            None,
            "The endpoint only accepts POST requests. Received a GET request.",
        ),
        refusal(
            901_002,
            "invalid_request",
            None,
            "The 'resource' request parameter isn't supported.",
        ),
        refusal(
            1_002_012,
            "invalid_scope",
            None,
            "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.",
        ),
        refusal(
            5_002_730,
            "invalid_client",
            None,
            "Invalid JWT token. The certificate with which the token was signed is not known.",
        ),
        refusal(
            5_002_738,
            "invalid_client",
            None,
            "Invalid JWT token. The key with which the token was signed is not known.",
        ),
        refusal(
            7_000_112,
            "unauthorized_client",
            None,
            "The application is disabled.",
        ),
        refusal(
            7_000_215,
            "invalid_client",
            None,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app.",
        ),
        refusal(
            7_000_216,
            "invalid_client",
            None,
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
        ),
        refusal(
            7_000_218,
            "invalid_client",
            None,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        ),
        refusal(
            7_000_222,
            "invalid_client",
            None,
            "The provided client secret keys are expired.",
        ),
        refusal(
            9_001_023,
            "invalid_request",
            None,
            "The grant type isn't supported over the /common or /consumers endpoints. Use the tenant-specific endpoint.",
        ),
        refusal(
            9_002_313,
            "invalid_request",
            None,
            "Invalid request. Request is malformed or invalid.",
        ),
    ];

    /// The refusal with this number.
    pub fn find(code: u32) -> Option<&'static Self> {
        let found = Self::ALL.binary_search_by_key(&code, |refusal| refusal.code);
        found.ok().map(|at| &Self::ALL[at])
    }
}

const fn refusal(
    code: u32,
    error: &'static str,
    suberror: Option<&'static str>,
    text: &'static str,
) -> OnDemand {
    OnDemand {
        code,
        error,
        suberror,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_number() {
        assert!(OnDemand::ALL.is_sorted_by(|one, next| one.code < next.code));
        for refusal in OnDemand::ALL {
            assert_eq!(OnDemand::find(refusal.code), Some(refusal));
        }
        assert_eq!(OnDemand::find(1), None);
    }
}
