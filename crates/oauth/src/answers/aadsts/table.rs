//! The table. Meanings are from Microsoft's error reference unless the code's page says otherwise.

use gatepost_fault::{After, Next, Owner};

use super::{NOT_IN_TIME, Verdict};

/// By the number behind `AADSTS`.
pub(super) const NUMBERS: &[(&[u32], &Verdict)] = &[
    (&[70_002, 7_000_215], &SECRET_WRONG),
    (&[7_000_222], &SECRET_EXPIRED),
    (&[7_000_216, 7_000_218], &PROOF_NOT_SENT),
    (&[700_025], &PUBLIC_CLIENT_PROOF),
    (
        &[50_012, 700_027, 50_048, 5_002_738, 5_002_730],
        &CERTIFICATE_UNKNOWN,
    ),
    (&[700_024, 500_133], &ASSERTION_NOT_IN_TIME),
    (&[50_013], &ASSERTION_INVALID),
    (&[70_021, 700_213, 70_025, 700_229], &FEDERATION_MISMATCH),
    (&[70_001, 700_011, 700_016], &CLIENT_UNKNOWN),
    (&[7_000_112], &CLIENT_DISABLED),
    (&[90_002, 50_128, 50_059], &TENANT_UNKNOWN),
    (&[50_049], &CLOUD_UNKNOWN),
    (
        &[50_194, 90_010, 9_001_023, 90_124, 90_130],
        &TENANT_TOO_WIDE,
    ),
    (&[50_011], &REDIRECT_UNKNOWN),
    (&[50_001, 500_011], &RESOURCE_UNKNOWN),
    (&[650_052], &SUBSCRIPTION_MISSING),
    (
        &[70_011, 1_002_012, 28_000, 28_002, 28_003, 700_022],
        &SCOPE_INVALID,
    ),
    (&[65_001], &CONSENT_MISSING),
    (&[65_004], &CONSENT_DECLINED),
    (&[90_094, 90_095], &ADMIN_CONSENT_NEEDED),
    (&[65_005, 650_056, 650_057], &PERMISSION_NOT_LISTED),
    (&[50_105], &USER_NOT_ASSIGNED),
    (&[16_000, 50_020, 90_072], &ACCOUNT_ELSEWHERE),
    (&[50_034], &USER_UNKNOWN),
    (&[50_126], &PASSWORD_WRONG),
    (&[50_055], &PASSWORD_EXPIRED),
    (&[50_056], &PASSWORD_MISSING),
    (&[50_053], &ACCOUNT_LOCKED),
    (&[50_057], &ACCOUNT_DISABLED),
    (
        &[50_072, 50_074, 50_076, 50_078, 50_079, 50_158, 53_004],
        &MFA_REQUIRED,
    ),
    (
        &[
            50_097, 50_131, 53_000, 53_001, 53_002, 53_003, 53_011, 530_032, 530_035,
        ],
        &POLICY_BLOCKED,
    ),
    (&[50_132, 50_133, 50_173], &SIGN_IN_REVOKED),
    (&[70_008, 700_082, 700_084], &SIGN_IN_EXPIRED),
    (&[70_043], &SIGN_IN_FREQUENCY),
    (&[70_000, 700_005], &SIGN_IN_INVALID),
    (
        &[50_058, 50_089, 50_140, 54_005, 501_481, 50_147, 501_491],
        &SIGN_IN_INCOMPLETE,
    ),
    (&[70_016], &DEVICE_CODE_PENDING),
    (&[70_018, 70_019, 70_020], &DEVICE_CODE_OVER),
    (&[90_027], &ENDPOINT_TOO_OLD),
    (
        &[90_014, 900_144, 90_023, 9_002_313, 901_002, 900_561],
        &REQUEST_MALFORMED,
    ),
    (&[90_033, 90_006, 90_012, 90_024], &SERVER_BUSY),
    (&[90_055, 50_196], &TENANT_THROTTLED),
];

/// By Entra's `suberror`.
pub(super) const SUBERRORS: &[(&str, &Verdict)] = &[
    ("basic_action", &MFA_REQUIRED),
    ("additional_action", &MFA_REQUIRED),
    ("message_only", &POLICY_BLOCKED),
    ("user_password_expired", &PASSWORD_EXPIRED),
    ("consent_required", &CONSENT_MISSING),
    ("bad_token", &SIGN_IN_INVALID),
    ("token_expired", &SIGN_IN_EXPIRED),
    ("protection_policy_required", &POLICY_BLOCKED),
    ("device_authentication_failed", &POLICY_BLOCKED),
    ("client_mismatch", &SIGN_IN_INVALID),
];

/// By the OAuth `error` (RFC 6749 §5.2 and §4.1.2.1, OpenID Connect, and Entra's own).
pub(super) const WORDS: &[(&str, &Verdict)] = &[
    ("invalid_client", &CLIENT_REFUSED),
    ("invalid_grant", &SIGN_IN_INVALID),
    ("invalid_request", &REQUEST_MALFORMED),
    ("invalid_scope", &SCOPE_INVALID),
    ("invalid_resource", &RESOURCE_UNKNOWN),
    ("invalid_tenant", &TENANT_UNKNOWN),
    ("invalid_instance", &CLOUD_UNKNOWN),
    ("unauthorized_client", &CLIENT_REFUSED),
    ("unsupported_grant_type", &REQUEST_MALFORMED),
    ("unsupported_response_type", &REQUEST_MALFORMED),
    ("access_denied", &ACCESS_DENIED),
    ("interaction_required", &MFA_REQUIRED),
    ("login_required", &SIGN_IN_INCOMPLETE),
    ("consent_required", &CONSENT_MISSING),
    ("permission_denied", &CONSENT_DECLINED),
    ("authorization_pending", &DEVICE_CODE_PENDING),
    ("slow_down", &DEVICE_CODE_PENDING),
    ("authorization_declined", &ACCESS_DENIED),
    ("bad_verification_code", &DEVICE_CODE_OVER),
    ("expired_token", &DEVICE_CODE_OVER),
    ("temporarily_unavailable", &SERVER_BUSY),
    ("server_error", &SERVER_BUSY),
];

/// For a refusal whose words and number nobody knows.
pub(super) static UNKNOWN: Verdict = Verdict {
    code: "token_refused",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "Gatepost does not know this refusal",
    advice: "look up the number behind AADSTS at https://login.microsoftonline.com/error",
};

static SECRET_WRONG: Verdict = Verdict {
    code: "secret_wrong",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the client secret is wrong",
    advice: "use the secret's value, not its id; a new secret works after about half a minute",
};

static SECRET_EXPIRED: Verdict = Verdict {
    code: "secret_expired",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the client secret has expired",
    advice: "add a new secret, or better a certificate, under Certificates & secrets",
};

static PROOF_NOT_SENT: Verdict = Verdict {
    code: "proof_not_sent",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the app must prove itself and has neither secret nor certificate",
    advice: "add one to the registration, or set Allow public client flows to Yes in Entra",
};

static PUBLIC_CLIENT_PROOF: Verdict = Verdict {
    code: "public_client_proof",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the app is a public client and must not send a secret or certificate",
    advice: "remove it from the registration here, or register the redirect address as Web in Entra",
};

static CERTIFICATE_UNKNOWN: Verdict = Verdict {
    code: "certificate_unknown",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "what was signed with the certificate is not accepted",
    advice: "upload this very certificate under Certificates & secrets and compare the thumbprints",
};

static ASSERTION_NOT_IN_TIME: Verdict = Verdict {
    code: NOT_IN_TIME,
    owner: Owner::Operator,
    next: Next::Retry(After::Backoff),
    title: "what was signed here is too old or from the future",
    advice: "set the clock of this machine (timedatectl set-ntp true)",
};

static ASSERTION_INVALID: Verdict = Verdict {
    code: "assertion_invalid",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the signed assertion is not acceptable",
    advice: "check the clock, the tenant and that the cloud's login address is Microsoft's own",
};

static FEDERATION_MISMATCH: Verdict = Verdict {
    code: "federation_mismatch",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "no federated credential of the app matches the assertion",
    advice: "compare issuer, subject and audience of the federated credential with the assertion's",
};

static CLIENT_UNKNOWN: Verdict = Verdict {
    code: "client_unknown",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the app is not known in this tenant",
    advice: "check client_id and tenant; an app of another tenant must be consented to first",
};

static CLIENT_DISABLED: Verdict = Verdict {
    code: "client_disabled",
    owner: Owner::TenantAdmin,
    next: Next::Reconfigure,
    title: "the app is disabled in this tenant",
    advice: "set Enabled for users to sign-in to Yes in the enterprise application's properties",
};

static CLIENT_REFUSED: Verdict = Verdict {
    code: "client_refused",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the app is not accepted",
    advice: "check client_id, secret or certificate, and which grants the app may use",
};

static TENANT_UNKNOWN: Verdict = Verdict {
    code: "tenant_unknown",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the tenant is not known in this cloud",
    advice: "check the registration's tenant and cloud",
};

static CLOUD_UNKNOWN: Verdict = Verdict {
    code: "cloud_unknown",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the login address is not one of a known cloud",
    advice: "check the registration's cloud and its login address",
};

static TENANT_TOO_WIDE: Verdict = Verdict {
    code: "tenant_too_wide",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "this app or grant does not work at an endpoint for many tenants",
    advice: "set tenant to the directory's id or a domain of it instead of common or organizations",
};

static REDIRECT_UNKNOWN: Verdict = Verdict {
    code: "redirect_unknown",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the redirect address is not registered",
    advice: "add http://localhost under Authentication, Mobile and desktop applications",
};

static RESOURCE_UNKNOWN: Verdict = Verdict {
    code: "resource_unknown",
    owner: Owner::TenantAdmin,
    next: Next::Reconfigure,
    title: "Exchange Online or Microsoft Graph does not exist in this tenant",
    advice: "check the tenant and cloud, and that the tenant has an Exchange Online licence",
};

static SUBSCRIPTION_MISSING: Verdict = Verdict {
    code: "subscription_missing",
    owner: Owner::TenantAdmin,
    next: Next::Reconfigure,
    title: "the tenant has no subscription to the service",
    advice: "assign a licence with Exchange Online",
};

static SCOPE_INVALID: Verdict = Verdict {
    code: "scope_invalid",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the permissions asked for are not valid in this request",
    advice: "check the registration's permissions; each must exist at its resource",
};

static CONSENT_MISSING: Verdict = Verdict {
    code: "consent_missing",
    owner: Owner::TenantAdmin,
    next: Next::SignIn,
    title: "nobody consented to what the app asks for",
    advice: "sign in again and consent, or let an administrator grant consent under API permissions",
};

static CONSENT_DECLINED: Verdict = Verdict {
    code: "consent_declined",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "consent was declined",
    advice: "sign in again and accept, or ask an administrator to grant consent",
};

static ADMIN_CONSENT_NEEDED: Verdict = Verdict {
    code: "admin_consent_needed",
    owner: Owner::TenantAdmin,
    next: Next::Reconfigure,
    title: "only an administrator may consent to this app",
    advice: "let an administrator choose Grant admin consent under API permissions",
};

static PERMISSION_NOT_LISTED: Verdict = Verdict {
    code: "permission_not_listed",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the app's registration lists no permission for this resource",
    advice: "add it under API permissions, then grant consent",
};

static USER_NOT_ASSIGNED: Verdict = Verdict {
    code: "user_not_assigned",
    owner: Owner::TenantAdmin,
    next: Next::Reconfigure,
    title: "this person is not assigned to the app",
    advice: "assign the person under Users and groups of the enterprise application",
};

static ACCOUNT_ELSEWHERE: Verdict = Verdict {
    code: "account_elsewhere",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the account is not one of this tenant",
    advice: "sign in with an account of the tenant, or have the account invited",
};

static USER_UNKNOWN: Verdict = Verdict {
    code: "user_unknown",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "there is no such user in the tenant",
    advice: "check the sign-in name, which may differ from the mail address, and the tenant",
};

static PASSWORD_WRONG: Verdict = Verdict {
    code: "password_wrong",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "user name or password is wrong",
    advice: "sign in again with gatepost login",
};

static PASSWORD_EXPIRED: Verdict = Verdict {
    code: "password_expired",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the password has expired",
    advice: "choose a new one at https://myaccount.microsoft.com, then sign in again with gatepost login",
};

static PASSWORD_MISSING: Verdict = Verdict {
    code: "password_missing",
    owner: Owner::TenantAdmin,
    next: Next::Reconfigure,
    title: "the account has no password in the cloud",
    advice: "set one, or let the person sign in with the browser",
};

static ACCOUNT_LOCKED: Verdict = Verdict {
    code: "account_locked",
    owner: Owner::TenantAdmin,
    next: Next::SignIn,
    title: "the account is locked, or the sign-in came from an address with a bad name",
    advice: "wait or unblock the account; the sign-in log of Entra shows which",
};

static ACCOUNT_DISABLED: Verdict = Verdict {
    code: "account_disabled",
    owner: Owner::TenantAdmin,
    next: Next::Reconfigure,
    title: "the account is disabled",
    advice: "a shared mailbox is opened with a delegate's sign-in or by the app itself",
};

static MFA_REQUIRED: Verdict = Verdict {
    code: "mfa_required",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the person must prove more than before",
    advice: "sign in again in the browser; what runs unattended is better an app of its own",
};

static POLICY_BLOCKED: Verdict = Verdict {
    code: "policy_blocked",
    owner: Owner::TenantAdmin,
    next: Next::Reconfigure,
    title: "a policy of the tenant blocks this sign-in",
    advice: "look at Conditional Access in this sign-in's entry in the log of Entra",
};

static ACCESS_DENIED: Verdict = Verdict {
    code: "access_denied",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the sign-in was cancelled or not permitted",
    advice: "sign in again, or ask an administrator why it is not permitted",
};

static SIGN_IN_REVOKED: Verdict = Verdict {
    code: "sign_in_revoked",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the sign-in was revoked, as after a change of password",
    advice: "sign in again with gatepost login",
};

static SIGN_IN_EXPIRED: Verdict = Verdict {
    code: "sign_in_expired",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the sign-in has expired",
    advice: "sign in again with gatepost login",
};

static SIGN_IN_FREQUENCY: Verdict = Verdict {
    code: "sign_in_frequency",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the tenant's sign-in frequency asks for a new sign-in, however often the old one is renewed",
    advice: "sign in again with gatepost login, and ask the administrator to leave this app out of \
             the sign-in frequency of Conditional Access",
};

static SIGN_IN_INVALID: Verdict = Verdict {
    code: "sign_in_invalid",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the stored sign-in is not accepted any more",
    advice: "sign in again with gatepost login",
};

static SIGN_IN_INCOMPLETE: Verdict = Verdict {
    code: "sign_in_incomplete",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the sign-in was not finished or was used twice",
    advice: "sign in again from the beginning with gatepost login",
};

static DEVICE_CODE_PENDING: Verdict = Verdict {
    code: "device_code_pending",
    owner: Owner::Person,
    next: Next::Retry(After::Backoff),
    title: "nobody has entered the code yet",
    advice: "open the page that was shown and enter the code",
};

static DEVICE_CODE_OVER: Verdict = Verdict {
    code: "device_code_over",
    owner: Owner::Person,
    next: Next::SignIn,
    title: "the code is not valid any more",
    advice: "start the sign-in again and enter the new code",
};

static ENDPOINT_TOO_OLD: Verdict = Verdict {
    code: "endpoint_too_old",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "personal accounts do not work with the v1 endpoints",
    advice: "use the v2 endpoints in the registration",
};

static REQUEST_MALFORMED: Verdict = Verdict {
    code: "token_request_malformed",
    owner: Owner::Operator,
    next: Next::Reconfigure,
    title: "the request is not as it should be",
    advice: "check the registration; if nothing is odd there, report this with the ids it gives",
};

static SERVER_BUSY: Verdict = Verdict {
    code: "sign_in_server_busy",
    owner: Owner::Remote,
    next: Next::Retry(After::Backoff),
    title: "the sign-in server has trouble of its own",
    advice: "Gatepost tries again by itself",
};

static TENANT_THROTTLED: Verdict = Verdict {
    code: "tenant_throttled",
    owner: Owner::Remote,
    next: Next::Retry(After::Backoff),
    title: "too many tokens are asked for",
    advice: "Gatepost waits; look for another program that asks with the same app",
};
