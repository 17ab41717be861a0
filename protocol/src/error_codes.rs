//! The error codes of the wire with status and meaning, and the NACK that carries them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use crate::names::RefreshToken;

macro_rules! codes {
    ($($variant:ident = $code:literal, $status:literal, $meaning:literal;)*) => {
        /// An error code: the stable word that programs act on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum NackCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl NackCode {
            /// All codes.
            pub const ALL: &[NackCode] = &[$(NackCode::$variant,)*];

            /// The word on the wire.
            pub const fn code(self) -> &'static str {
                match self { $(NackCode::$variant => $code,)* }
            }

            /// STATUS_CODE, such as `"403 Forbidden"`.
            pub const fn status(self) -> &'static str {
                match self { $(NackCode::$variant => $status,)* }
            }

            /// The meaning, one sentence for documents.
            pub const fn meaning(self) -> &'static str {
                match self { $(NackCode::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    MissingField = "MISSING_FIELD", "400 Bad Request", "A field that the message needs is absent.";
    ValidationError = "VALIDATION_ERROR", "400 Bad Request",
        "A field has a value that it may not have.";
    InvalidMessage = "INVALID_MESSAGE", "400 Bad Request", "The frame is not an envelope.";
    InvalidParameter = "INVALID_PARAMETER", "400 Bad Request",
        "Two fields disagree, or a value is not served.";
    NotSupportedEnumValue = "NOT_SUPPORTED_ENUM_VALUE", "400 Bad Request",
        "The value is not in the list of valid ones.";
    UnknownField = "UNKNOWN_FIELD", "400 Bad Request",
        "DETAILS has a field that the message does not know.";
    NoMessageType = "NO_MESSAGE_TYPE", "400 Bad Request", "MESSAGE_TYPE is absent.";
    UnknownMessageType = "UNKNOWN_MESSAGE_TYPE", "400 Bad Request",
        "No message of this type exists.";
    NoSourceRef = "NO_SOURCE_REF", "400 Bad Request", "SOURCE_REF is absent where it is needed.";
    NoUserName = "NO_USER_NAME", "400 Bad Request", "USER_NAME is absent where it is needed.";
    NoDsName = "NO_DS_NAME", "400 Bad Request", "DATASOURCE_NAME is absent.";
    InvalidDatasource = "INVALID_DATASOURCE", "400 Bad Request",
        "The subscription does not exist or exists already.";
    FeatureNotProvided = "FEATURE_NOT_PROVIDED", "400 Bad Request", "FEATURE is missing.";
    InvalidCriteria = "INVALID_CRITERIA", "400 Bad Request",
        "CRITERIA_MATCH cannot be read; TEXT names the column.";
    InvalidToken = "INVALID_TOKEN", "400 Bad Request",
        "The token is unknown, used or expired.";
    TooShort = "TOO_SHORT", "400 Bad Request", "The password has too few characters.";
    TooLong = "TOO_LONG", "400 Bad Request", "The password has too many characters.";
    InsufficientCharacters = "INSUFFICIENT_CHARACTERS", "400 Bad Request",
        "The password has too few characters of a class: digits, upper case and the like.";
    InsufficientCharacteristics = "INSUFFICIENT_CHARACTERISTICS", "400 Bad Request",
        "The password has too few classes of characters; the codes beside it say which it lacks.";
    IllegalMatch = "ILLEGAL_MATCH", "400 Bad Request",
        "The password repeats a character too often.";
    IllegalWhitespace = "ILLEGAL_WHITESPACE", "400 Bad Request", "The password has white space.";
    IllegalSequence = "ILLEGAL_SEQUENCE", "400 Bad Request",
        "The password has a sequence of letters, numbers or keys.";
    IllegalChar = "ILLEGAL_CHAR", "400 Bad Request",
        "The password has a character that is not permitted.";
    IllegalWord = "ILLEGAL_WORD", "400 Bad Request",
        "The password is one of the worst, or holds a word of the dictionary.";
    IllegalWordReversed = "ILLEGAL_WORD_REVERSED", "400 Bad Request",
        "The password holds a word of the dictionary, backwards.";
    IllegalUsername = "ILLEGAL_USERNAME", "400 Bad Request", "The password holds the user name.";
    IllegalUsernameReversed = "ILLEGAL_USERNAME_REVERSED", "400 Bad Request",
        "The password holds the user name, backwards.";
    HistoryViolation = "HISTORY_VIOLATION", "400 Bad Request",
        "The password was used before.";
    UnknownAccount = "UNKNOWN_ACCOUNT", "401 Unauthorized", "No user has this name.";
    IncorrectCredentials = "INCORRECT_CREDENTIALS", "401 Unauthorized",
        "The user name or the password is wrong.";
    LockedAccount = "LOCKED_ACCOUNT", "401 Unauthorized",
        "The account is locked, for a time or by an administrator.";
    PasswordExpired = "PASSWORD_EXPIRED", "401 Unauthorized",
        "The password is right and must be changed first.";
    MfaFailed = "MFA_FAILED", "401 Unauthorized",
        "The second factor is missing or wrong; DETAILS.REASON says which.";
    SessionNotFound = "SESSION_NOT_FOUND", "401 Unauthorized",
        "No session belongs to this message.";
    SessionExpired = "SESSION_EXPIRED", "401 Unauthorized",
        "The session or the refresh token is no longer valid.";
    LoginFail = "LOGIN_FAIL", "401 Unauthorized",
        "The login could not be checked; it was not counted.";
    NotAuthorised = "NOT_AUTHORISED", "403 Forbidden",
        "The session lacks the right that DETAILS.RIGHT names.";
    MaxActiveSessionsReached = "MAX_ACTIVE_SESSIONS_REACHED", "403 Forbidden",
        "The user has as many sessions as allowed.";
    InvalidDsName = "INVALID_DS_NAME", "404 Not Found", "No data source has this name.";
    RecordNotFound = "RECORD_NOT_FOUND", "404 Not Found",
        "A record that the message names does not exist.";
    FeatureNotFound = "FEATURE_NOT_FOUND", "404 Not Found", "No resource has this name.";
    JsonSchemaNotFound = "JSON_SCHEMA_NOT_FOUND", "404 Not Found", "No message has this name.";
    OperationTimeout = "OPERATION_TIMEOUT", "408 Request Timeout",
        "The outcome is unknown: it may have been done.";
    DuplicateKey = "DUPLICATE_KEY", "409 Conflict", "A record with this key exists already.";
    DependentRecordFound = "DEPENDENT_RECORD_FOUND", "409 Conflict",
        "Other records still need this one.";
    OptimisticConcurrencyError = "OPTIMISTIC_CONCURRENCY_ERROR", "409 Conflict",
        "The record has changed since it was read.";
    LastAdministrator = "LAST_ADMINISTRATOR", "409 Conflict",
        "No user would be left who can amend users.";
    MaxLogonLimit = "MAX_LOGON_LIMIT", "429 Too Many Requests",
        "The session has as many subscriptions as allowed.";
    TooManyRequests = "TOO_MANY_REQUESTS", "429 Too Many Requests",
        "Too fast; DETAILS.RETRY_AFTER_MS says when to try again.";
    Unavailable = "UNAVAILABLE", "503 Service Unavailable",
        "The gateway cannot do this now; nothing was changed.";
    InternalError = "INTERNAL_ERROR", "500 Internal Server Error",
        "An error in the gateway; its log entry has the reference in TEXT.";
}

impl Serialize for NackCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// One error of a NACK: an element of ERROR.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NackError {
    /// The error code.
    #[serde(rename = "CODE")]
    pub code: NackCode,
    /// What is wrong and what to do, for a person; never a secret.
    #[serde(rename = "TEXT")]
    pub text: Cow<'static, str>,
    /// The matching HTTP status.
    #[serde(rename = "STATUS_CODE")]
    pub status: &'static str,
    /// What a program needs beside the code, for example RIGHT or RETRY_AFTER_MS.
    #[serde(rename = "DETAILS", skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// A refusal on the wire: at least one [`NackError`], the first repeated at the root of the reply.
#[derive(Debug, Clone)]
pub struct Nack {
    /// All errors.
    pub errors: Vec<NackError>,
    /// The token of a pending login, which can only finish this login: its first factor was right.
    pub pending_login: Option<RefreshToken>,
}

impl Nack {
    /// A NACK with one error.
    pub fn new(code: NackCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            errors: vec![NackError {
                code,
                text: text.into(),
                status: code.status(),
                details: None,
            }],
            pending_login: None,
        }
    }

    /// Adds DETAILS to the last error.
    pub fn with(mut self, details: Value) -> Self {
        if let Some(last) = self.errors.last_mut() {
            last.details = Some(details);
        }
        self
    }

    /// The code of the first error.
    pub fn code(&self) -> NackCode {
        self.errors.first().map_or(NackCode::InternalError, |error| error.code)
    }

    /// NOT_AUTHORISED with the missing right in DETAILS.RIGHT.
    pub fn not_authorised(right: &str) -> Self {
        Self::new(
            NackCode::NotAuthorised,
            format!("this needs the right {right}; an administrator can grant it"),
        )
        .with(json!({ "RIGHT": right }))
    }

    /// TOO_MANY_REQUESTS with `wait_ms` in DETAILS.RETRY_AFTER_MS.
    pub fn too_many(text: &'static str, wait_ms: u64) -> Self {
        Self::new(NackCode::TooManyRequests, text).with(json!({ "RETRY_AFTER_MS": wait_ms }))
    }

    /// Adds the token of a pending login: REFRESH_AUTH_TOKEN at the root.
    pub fn with_pending_login(mut self, token: &RefreshToken) -> Self {
        self.pending_login = Some(token.clone());
        self
    }

    /// The members of the root: CODE, TEXT, ERROR, and the token of a pending login.
    pub fn body(&self) -> impl Serialize + '_ {
        #[derive(Serialize)]
        #[serde(rename_all = "UPPERCASE")]
        struct Body<'a> {
            code: NackCode,
            text: &'a str,
            error: &'a [NackError],
            #[serde(rename = "REFRESH_AUTH_TOKEN", skip_serializing_if = "Option::is_none")]
            pending_login: Option<&'a str>,
        }
        let text = self.errors.first().map_or("", |error| &*error.text);
        Body {
            code: self.code(),
            text,
            error: &self.errors,
            pending_login: self.pending_login.as_ref().map(RefreshToken::expose),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_the_first_error_is_repeated() {
        let codes: std::collections::BTreeSet<_> = NackCode::ALL.iter().map(|c| c.code()).collect();
        assert_eq!(codes.len(), NackCode::ALL.len());
        let body = serde_json::to_value(Nack::not_authorised("AMEND_USER").body()).unwrap();
        assert_eq!(body["CODE"], "NOT_AUTHORISED");
        assert_eq!(body["ERROR"][0]["STATUS_CODE"], "403 Forbidden");
        assert_eq!(body["ERROR"][0]["DETAILS"]["RIGHT"], "AMEND_USER");
    }
}
