//! Error codes of the protocol with HTTP status and meaning, and the NACK.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

use crate::names::RefreshToken;

macro_rules! codes {
    ($($variant:ident = $code:literal, $status:literal, $meaning:literal, $advice:literal;)*) => {
        /// An error code: a stable identifier for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum NackCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl NackCode {
            /// All codes.
            pub const ALL: &[NackCode] = &[$(NackCode::$variant,)*];

            /// CODE as it is sent.
            pub const fn code(self) -> &'static str {
                match self { $(NackCode::$variant => $code,)* }
            }

            /// The HTTP status as sent in STATUS_CODE, such as `"403 Forbidden"`.
            pub const fn status(self) -> &'static str {
                match self { $(NackCode::$variant => $status,)* }
            }

            /// What is wrong, for the documentation.
            pub const fn meaning(self) -> &'static str {
                match self { $(NackCode::$variant => $meaning,)* }
            }

            /// What the client should do, for the documentation.
            pub const fn advice(self) -> &'static str {
                match self { $(NackCode::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    MissingField = "MISSING_FIELD", "400 Bad Request",
        "A required field is absent or null. DETAILS.FIELD, if present, names the field; otherwise \
         TEXT does. As the reply to EVENT_RESET_USER_PASSWORD, the code can also mean that the \
         user has no EMAIL_ADDRESS for the one-time password.",
        "Send the field. In a form, mark it as required. If EMAIL_ADDRESS of a user is missing, \
         set it by EVENT_AMEND_USER.";
    ValidationError = "VALIDATION_ERROR", "400 Bad Request",
        "A value has the wrong type, length or format, or the state of the record does not permit \
         the change. TEXT has the reason.",
        "Correct the value. DETAILS.FIELD, if present, names the field to mark in a form. \
         Otherwise, show TEXT.";
    InvalidMessage = "INVALID_MESSAGE", "400 Bad Request",
        "The frame or HTTP request is malformed, or the message is not available on this transport \
         or in this configuration.",
        "Do not repeat the message unchanged: correct the client, or the configuration that TEXT \
         names.";
    InvalidParameter = "INVALID_PARAMETER", "400 Bad Request",
        "Two fields contradict each other, or a field, value or query parameter is not supported; \
         TEXT has the reason.",
        "Send only one of the fields, or what TEXT permits.";
    NotSupportedEnumValue = "NOT_SUPPORTED_ENUM_VALUE", "400 Bad Request",
        "A value is not one of the valid values of its field; TEXT names the field and the valid \
         values.",
        "Send one of the valid values.";
    UnknownField = "UNKNOWN_FIELD", "400 Bad Request",
        "DETAILS of the message has an unknown field; DETAILS.FIELD of the error names it.",
        "Remove the field; the wire reference lists the fields of each message.";
    NoMessageType = "NO_MESSAGE_TYPE", "400 Bad Request",
        "MESSAGE_TYPE is absent or empty.",
        "Send MESSAGE_TYPE at the root of the envelope.";
    UnknownMessageType = "UNKNOWN_MESSAGE_TYPE", "400 Bad Request",
        "No message has this MESSAGE_TYPE.",
        "Check the spelling, which is in upper case; the wire reference lists all messages.";
    NoSourceRef = "NO_SOURCE_REF", "400 Bad Request",
        "SOURCE_REF is absent; REST requests and subscriptions require it.",
        "Send SOURCE_REF at the root, or over REST as a header.";
    NoUserName = "NO_USER_NAME", "400 Bad Request",
        "USER_NAME is absent; the message requires it to identify the user.",
        "Send USER_NAME in DETAILS of the message.";
    NoDsName = "NO_DS_NAME", "400 Bad Request",
        "DATASOURCE_NAME is absent in DETAILS of the message.",
        "Send the name of a data source.";
    InvalidDatasource = "INVALID_DATASOURCE", "400 Bad Request",
        "No open subscription has this SOURCE_REF. As the reply to DATA_LOGON: an open \
         subscription has this SOURCE_REF already.",
        "Subscribe again. After DATA_LOGON: use another SOURCE_REF, or end the open subscription \
         first.";
    FeatureNotProvided = "FEATURE_NOT_PROVIDED", "400 Bad Request",
        "FEATURE, the name of a resource or message, is absent in DETAILS of the message.",
        "Send FEATURE.";
    InvalidCriteria = "INVALID_CRITERIA", "400 Bad Request",
        "CRITERIA_MATCH is not a valid filter; TEXT has the position and the reason.",
        "Correct the filter; its columns are those of the data source.";
    InvalidToken = "INVALID_TOKEN", "400 Bad Request",
        "RESET_TOKEN of EVENT_PASSWORD_RESET_ACTION is unknown, used or expired, or belongs to \
         another user.",
        "Show the dialog in which the user requests a new link.";
    TooShort = "TOO_SHORT", "400 Bad Request",
        "The password has too few characters; TEXT states the minimum.",
        "Show TEXT; the user must choose another password.";
    TooLong = "TOO_LONG", "400 Bad Request",
        "The password is too long; TEXT states the maximum.",
        "Show TEXT; the user must choose another password.";
    InsufficientCharacters = "INSUFFICIENT_CHARACTERS", "400 Bad Request",
        "The password has too few characters of a class, such as digits; TEXT states the minimum.",
        "Show TEXT; the user must choose another password.";
    InsufficientCharacteristics = "INSUFFICIENT_CHARACTERISTICS", "400 Bad Request",
        "The password meets too few of the rules on character classes; the INSUFFICIENT_CHARACTERS \
         errors of the same NACK name the unmet rules.",
        "Show TEXT; the user must choose another password.";
    IllegalMatch = "ILLEGAL_MATCH", "400 Bad Request",
        "The password repeats a character too often. If the configuration of the gateway sets \
         `legacy_codes_only`, for clients written for Genesis, this code also replaces other codes \
         of password rules.",
        "Show TEXT; the user must choose another password.";
    IllegalWhitespace = "ILLEGAL_WHITESPACE", "400 Bad Request",
        "The password contains white space.",
        "Show TEXT; the user must choose another password.";
    IllegalSequence = "ILLEGAL_SEQUENCE", "400 Bad Request",
        "The password contains a sequence of letters, digits or keyboard keys.",
        "Show TEXT; the user must choose another password.";
    IllegalChar = "ILLEGAL_CHAR", "400 Bad Request",
        "The password contains a forbidden character; TEXT lists the forbidden characters.",
        "Show TEXT; the user must choose another password.";
    IllegalWord = "ILLEGAL_WORD", "400 Bad Request",
        "The password is a common password or contains a dictionary word.",
        "Show TEXT; the user must choose another password.";
    IllegalWordReversed = "ILLEGAL_WORD_REVERSED", "400 Bad Request",
        "The password contains a dictionary word spelled backwards.",
        "Show TEXT; the user must choose another password.";
    IllegalUsername = "ILLEGAL_USERNAME", "400 Bad Request",
        "The password contains the user name.",
        "Show TEXT; the user must choose another password.";
    IllegalUsernameReversed = "ILLEGAL_USERNAME_REVERSED", "400 Bad Request",
        "The password contains the user name spelled backwards.",
        "Show TEXT; the user must choose another password.";
    HistoryViolation = "HISTORY_VIOLATION", "400 Bad Request",
        "The password is one of the recent passwords of the user; TEXT states how many are \
         checked.",
        "Ask the user for a password that they have not used recently.";
    UnknownAccount = "UNKNOWN_ACCOUNT", "401 Unauthorized",
        "No user has this name. With `login_errors = \"uniform\"`, INCORRECT_CREDENTIALS is sent \
         instead.",
        "Show the login dialog again. Do not show whether the user name or the password is wrong.";
    IncorrectCredentials = "INCORRECT_CREDENTIALS", "401 Unauthorized",
        "The user name, the password or OLD_PASSWORD is wrong.",
        "Ask the user to enter the values again. Never repeat the same password automatically: \
         repeated failures lock the account.";
    LockedAccount = "LOCKED_ACCOUNT", "401 Unauthorized",
        "The account is locked after wrong passwords or codes (DETAILS.RETRY_AFTER_SECS is then \
         present), or it is disabled.",
        "With RETRY_AFTER_SECS: show when the user can try again, and send no login earlier. \
         Without RETRY_AFTER_SECS: an administrator must enable the account.";
    PasswordExpired = "PASSWORD_EXPIRED", "401 Unauthorized",
        "The password or refresh token is correct, but the password must be changed before the \
         login. After a reset with `reset_mode = \"blank\"` the user has no password: until the \
         reset expires, this code answers a login with an empty PASSWORD, and \
         EVENT_CHANGE_USER_PASSWORD takes an empty OLD_PASSWORD. \
         DETAILS.STATUS is PASSWORD_EXPIRED or PASSWORD_RESET.",
        "Show the dialog for a new password, send EVENT_CHANGE_USER_PASSWORD, then log in with the \
         new password.";
    MfaFailed = "MFA_FAILED", "401 Unauthorized",
        "A second factor is required, wrong or not set up. DETAILS.REASON states which; \
         DETAILS.MFA is the kind of factor: QR_CODE (authenticator app) or NOTIFY (mailed link). \
         REQUIRED as the reply to EVENT_LOGIN_AUTH: the login has no MFA_CODE. REQUIRED as the \
         reply to another message: the session was opened without a second factor. INVALID: the \
         code is wrong, used or expired. ENROL: the user must set up a second factor. EXPIRED: no \
         new secret waits for confirmation, because the time has passed or too many codes were \
         wrong.",
        "As the reply to EVENT_LOGIN_AUTH: the NACK has REFRESH_AUTH_TOKEN, the token of the \
         pending login. If it has none, too many codes were wrong: begin a new login. REQUIRED, \
         INVALID: ask for a code, and send EVENT_LOGIN_AUTH with this token and MFA_CODE. ENROL: \
         create and confirm a secret with this token, then send EVENT_LOGIN_AUTH with it. INVALID \
         as the reply to EVENT_MFA_CONFIRM_SECRET: send the message again with another code. \
         EXPIRED: create a new secret. REQUIRED as the reply to another message: log in with \
         MFA_CODE, then send the message again.";
    SessionNotFound = "SESSION_NOT_FOUND", "401 Unauthorized",
        "The message requires a session, but its SESSION_AUTH_TOKEN is unknown, or it has no token \
         and its connection is not bound to a session. Or the session that EVENT_END_SESSION or \
         EVENT_LOGOUT is to end does not exist.",
        "Send EVENT_LOGIN_AUTH with REFRESH_AUTH_TOKEN, then send the message again. Without a \
         refresh token, or if this login is refused with SESSION_EXPIRED: show the login dialog. \
         As the reply to EVENT_LOGOUT: there is nothing to do. If EVENT_END_SESSION is refused \
         again after the login, the session that it names does not exist.";
    SessionExpired = "SESSION_EXPIRED", "401 Unauthorized",
        "The session has ended. Or REFRESH_AUTH_TOKEN of the message (a refresh token, or the \
         token of a pending login) is unknown, expired or used, or belongs to another user.",
        "If the message had REFRESH_AUTH_TOKEN, show the login dialog. Otherwise, send \
         EVENT_LOGIN_AUTH with REFRESH_AUTH_TOKEN, then send the message again.";
    LoginFail = "LOGIN_FAIL", "401 Unauthorized",
        "The password could not be checked, for example because the LDAP server did not answer. \
         The attempt is not counted as a failed login.",
        "Try again after a few seconds, or let the user try again.";
    NotAuthorised = "NOT_AUTHORISED", "403 Forbidden",
        "The user may not do this. DETAILS.RIGHT names the right that the user of the session \
         lacks, and DETAILS.REASON why it is needed: RIGHT, for the message itself; GRANT, because \
         only a holder may grant it; OUT_OF_REACH, because the user or profile to be changed has \
         it. OUT_OF_REACH without RIGHT: no session relaxes what holds for its own user. Without \
         REASON, TEXT has the reason.",
        "Do not repeat the message. Hide or disable the function until USER_RIGHTS shows the \
         right.";
    MaxActiveSessionsReached = "MAX_ACTIVE_SESSIONS_REACHED", "403 Forbidden",
        "The user has as many sessions as allowed. DETAILS.SESSION lists them, each with \
         SESSION_ID, HOST (null if the configuration hides it) and LAST_ACCESS_TIME.",
        "Let the user choose a session to end, send EVENT_LOGOUT with its SESSION_ID and \
         USER_NAME, then log in again.";
    InvalidDsName = "INVALID_DS_NAME", "404 Not Found",
        "No data source has this name.",
        "Check the spelling; RESOURCES_REQUEST lists the data sources.";
    RecordNotFound = "RECORD_NOT_FOUND", "404 Not Found",
        "A record or backup that the message names does not exist. DETAILS.TABLE and DETAILS.KEY, \
         if present, name the record; otherwise TEXT does.",
        "Read the records again: another administrator may have deleted or renamed the record. \
         As the reply to EVENT_BACKUP: begin a new backup.";
    FeatureNotFound = "FEATURE_NOT_FOUND", "404 Not Found",
        "FEATURE of META_REQUEST names no resource that the user may use.",
        "Use a RESOURCE_NAME that RESOURCES_REQUEST lists.";
    JsonSchemaNotFound = "JSON_SCHEMA_NOT_FOUND", "404 Not Found",
        "FEATURE of JSON_SCHEMA_REQUEST names no message that the user may send.",
        "Use the MESSAGE_TYPE of a message that the user may send, not a data source.";
    OperationTimeout = "OPERATION_TIMEOUT", "408 Request Timeout",
        "The outcome is unknown: the change may have been made.",
        "Read the record, then decide whether to send the message again.";
    DuplicateKey = "DUPLICATE_KEY", "409 Conflict",
        "A record with this key exists already; DETAILS.FIELD and DETAILS.VALUE are the key.",
        "Choose another key, or amend the existing record.";
    DependentRecordFound = "DEPENDENT_RECORD_FOUND", "409 Conflict",
        "A user or profile still has the right that the message deletes. DETAILS.TABLE (USER or \
         PROFILE) and DETAILS.KEY name this user or profile.",
        "Remove the right from this user or profile first, then send the message again.";
    OptimisticConcurrencyError = "OPTIMISTIC_CONCURRENCY_ERROR", "409 Conflict",
        "The record has changed since the client read it; DETAILS.RECORD_VERSION is its current \
         version.",
        "Read the record again, show the changes to the user, and send the message with the \
         current RECORD_VERSION.";
    LastAdministrator = "LAST_ADMINISTRATOR", "409 Conflict",
        "After this change no user who can log in would have all administration rights.",
        "Give all administration rights to another user first.";
    ReauthenticationRequired = "REAUTHENTICATION_REQUIRED", "401 Unauthorized",
        "The message requires a recent login or EVENT_REAUTHENTICATE of this session.",
        "Ask the user for the password, send EVENT_REAUTHENTICATE, then send the message again.";
    MaxLogonLimit = "MAX_LOGON_LIMIT", "429 Too Many Requests",
        "The session has as many subscriptions as allowed.",
        "End a subscription with DATA_LOGOFF first.";
    TooManyRequests = "TOO_MANY_REQUESTS", "429 Too Many Requests",
        "A rate or count limit is exceeded.",
        "Send the message again after DETAILS.RETRY_AFTER_MS milliseconds, not earlier.";
    Unavailable = "UNAVAILABLE", "503 Service Unavailable",
        "The gateway cannot process the message at present; nothing was changed.",
        "Try again after a few seconds, with growing intervals.";
    InternalError = "INTERNAL_ERROR", "500 Internal Server Error",
        "The gateway has a defect. Its log has the details, under the reference that TEXT \
         contains.",
        "Show TEXT with the reference, so that the user can report it. Do not repeat the message \
         automatically.";
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
    /// What is wrong and what to do, for people. Contains no secrets.
    #[serde(rename = "TEXT")]
    pub text: Cow<'static, str>,
    /// The HTTP status of the code.
    #[serde(rename = "STATUS_CODE")]
    pub status: &'static str,
    /// Data that a program needs in addition to the code, for example RIGHT or RETRY_AFTER_MS.
    #[serde(rename = "DETAILS", skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

/// The negative reply to a message: at least one [`NackError`]. CODE and TEXT of the first error
/// are repeated at the root.
#[derive(Debug, Clone)]
pub struct Nack {
    /// All errors, in the order of ERROR.
    pub errors: Vec<NackError>,
    /// The token of a pending login: the password or refresh token was correct, but the second
    /// factor is missing, wrong or not set up. The token can only complete this login or enrol a
    /// second factor.
    pub pending_login: Option<RefreshToken>,
}

impl Nack {
    /// Creates a NACK with one error and no DETAILS.
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

    /// The code of the first error; INTERNAL_ERROR if the list is empty.
    pub fn code(&self) -> NackCode {
        self.errors.first().map_or(NackCode::InternalError, |error| error.code)
    }

    /// Creates a NOT_AUTHORISED with the missing right in DETAILS.RIGHT.
    pub fn not_authorised(right: &str) -> Self {
        Self::new(
            NackCode::NotAuthorised,
            format!("the right {right} is required; an administrator can grant it"),
        )
        .with(json!({ "REASON": "RIGHT", "RIGHT": right }))
    }

    /// Creates a TOO_MANY_REQUESTS with `wait_ms` in DETAILS.RETRY_AFTER_MS.
    pub fn too_many(text: &'static str, wait_ms: u64) -> Self {
        Self::new(NackCode::TooManyRequests, text).with(json!({ "RETRY_AFTER_MS": wait_ms }))
    }

    /// Adds the token of a pending login, sent as REFRESH_AUTH_TOKEN at the root.
    pub fn with_pending_login(mut self, token: &RefreshToken) -> Self {
        self.pending_login = Some(token.clone());
        self
    }

    /// The members at the root of the reply: CODE, TEXT, ERROR, and the token of a pending login.
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
