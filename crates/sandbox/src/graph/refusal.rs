//! What Graph answers when it does not do what was asked
//! (<https://learn.microsoft.com/graph/errors>).

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::mailboxes::MailboxError;
use crate::tenant::TokenRefused;

/// A refusal, before it is known which request it answers.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    /// With one more header; a value that cannot be one is left out.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// What is said of the request with these numbers.
    pub(super) fn body(&self, inner: &Value) -> Value {
        json!({"error": {"code": self.code, "message": self.message, "innerError": inner}})
    }

    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The query cannot be read.
    pub(super) fn query(message: impl Into<String>) -> Self {
        Self::bad("RequestBroker--ParseUri", message)
    }

    /// The body cannot be read.
    pub(super) fn body_unreadable(message: impl Into<String>) -> Self {
        Self::bad("BadRequest", message)
    }

    pub(super) fn segment(segment: &str) -> Self {
        Self::bad(
            "BadRequest",
            format!("Resource not found for the segment '{segment}'."),
        )
    }

    pub(super) fn method(method: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            format!("Specified HTTP method '{method}' is not allowed for the request target."),
        )
    }

    pub(super) fn item_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ErrorItemNotFound",
            "The specified object was not found in the store.",
        )
    }

    pub(super) fn folder_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ErrorFolderNotFound",
            "The specified folder could not be found in the store.",
        )
    }

    pub(super) fn id_malformed() -> Self {
        Self::bad("ErrorInvalidIdMalformed", "Id is malformed.")
    }

    pub(super) fn resource_not_found(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Request_ResourceNotFound",
            format!(
                "Resource '{name}' does not exist or one of its queried reference-property objects are not present."
            ),
        )
    }

    pub(super) fn user_invalid(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ErrorInvalidUser",
            format!("The requested user '{name}' is invalid."),
        )
    }

    pub(super) fn no_mailbox() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        )
    }

    pub(super) fn directory_denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(super) fn access_denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "ErrorAccessDenied",
            "Access is denied. Check credentials and try again.",
        )
    }

    /// An application access policy keeps the app away.
    pub(super) fn policy() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "ErrorAccessDenied",
            "Access to OData is disabled.",
        )
    }

    /// Too many requests at a time.
    pub(super) fn crowded() -> Self {
        Self::throttled("1")
    }

    /// Too many requests; they may come again after so many seconds.
    pub(super) fn throttled(seconds: &str) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "ApplicationThrottled",
            "Application is over its MailboxConcurrency limit.",
        )
        .with(RETRY_AFTER, seconds)
    }

    /// Too much of something in too little time; it may come again after so long.
    pub(super) fn over(limit: &str, wait: Duration) -> Self {
        let seconds = wait.as_secs_f64().ceil();
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "ApplicationThrottled",
            format!("Application is over its {limit} limit."),
        )
        .with(RETRY_AFTER, &format!("{seconds}"))
    }

    /// The recipients of the day are used up.
    pub(super) fn message_limit() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "ErrorExceededMessageLimit",
            "The message cannot be sent: the mailbox is over its daily limit of recipients.",
        )
    }

    pub(super) fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "serviceNotAvailable",
            "The service is temporarily unavailable. Please try again later.",
        )
        .with(RETRY_AFTER, "1")
    }

    pub(super) fn gateway_timeout() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "UnknownError",
            "The gateway did not receive a response in time.",
        )
    }

    pub(super) fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "ErrorMessageSizeExceeded",
            "The message exceeds the maximum supported size.",
        )
    }

    pub(super) fn send_as_denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "ErrorSendAsDenied",
            "The user account which was used to submit this request does not have the right to send mail on behalf of the specified sending account., Cannot submit message.",
        )
    }

    pub(super) fn no_recipient() -> Self {
        Self::bad(
            "ErrorInvalidRecipients",
            "At least one recipient is required to send the message.",
        )
    }

    pub(super) fn recipient(address: &str) -> Self {
        Self::bad(
            "ErrorInvalidRecipients",
            format!(
                "At least one recipient is not valid., Recipient '{address}' is not resolved. All recipients must be resolved before a message can be submitted."
            ),
        )
    }

    /// 401 for a token that opens nothing.
    pub(super) fn token(refused: TokenRefused) -> Self {
        let message = match refused {
            TokenRefused::Foreign => "CompactToken validation failed with reason code: 80049228.",
            TokenRefused::Audience => "Access token validation failure. Invalid audience.",
            TokenRefused::Expired | TokenRefused::Revoked => {
                "Access token has expired or is not yet valid."
            }
            TokenRefused::Claims => {
                return Self::challenge(
                    &json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}}),
                );
            }
            TokenRefused::Permission => return Self::access_denied(),
        };
        Self::unauthorized(message).with(
            WWW_AUTHENTICATE,
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"",
        )
    }

    /// 401 without any token.
    pub(super) fn token_empty() -> Self {
        Self::unauthorized("Access token is empty.")
    }

    /// 401 until the token carries these claims
    /// (<https://learn.microsoft.com/entra/identity-platform/claims-challenge>).
    pub(super) fn challenge(claims: &Value) -> Self {
        let claims = STANDARD.encode(claims.to_string());
        Self::unauthorized("Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp").with(
            WWW_AUTHENTICATE,
            &format!("Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\", error=\"insufficient_claims\", claims=\"{claims}\""),
        )
    }

    fn unauthorized(message: &str) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            message,
        )
    }
}

impl From<MailboxError> for Refusal {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::MailboxUnknown { address } => Self::user_invalid(&address),
            MailboxError::FolderUnknown { .. } => Self::folder_not_found(),
            MailboxError::FolderExists { folder, .. } => Self::new(
                StatusCode::CONFLICT,
                "ErrorFolderExists",
                format!(
                    "A folder with the specified name already exists., Could not create folder '{folder}'."
                ),
            ),
            MailboxError::FolderReserved { .. } => Self::bad(
                "ErrorDeleteDistinguishedFolder",
                "Distinguished folders cannot be deleted, moved or renamed.",
            ),
            MailboxError::MailboxExists { .. }
            | MailboxError::FolderNotEmpty { .. }
            | MailboxError::FolderName { .. } => {
                Self::bad("ErrorInvalidRequest", "The request is invalid.")
            }
        }
    }
}
