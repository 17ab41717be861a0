//! NACKs for refusals of the realm: their codes, texts and details.

use protocol::{Nack, NackCode};
use serde_json::json;

use crate::gateway::Gateway;
use crate::platform::{random, refusal_line};
use crate::realm::{
    AuthorityLimit, MfaReason, Millis, Refusal, RequiredFactor, SessionSummary, UserStatus,
    is_administration,
};
use crate::settings::LoginErrors;

/// Returns the NACK for a refusal. With `login_errors = "uniform"`, an unknown account gets the
/// same NACK as a wrong password.
pub fn nack(gateway: &Gateway, now: Millis, refusal: Refusal) -> Nack {
    let uniform = gateway.settings().security.login_errors == LoginErrors::Uniform;
    let refusal = match refusal {
        Refusal::UnknownAccount if uniform => Refusal::IncorrectCredentials,
        refusal => refusal,
    };
    let code = refusal.code();
    let text = |text: &'static str| Nack::new(code, text);
    match refusal {
        Refusal::UnknownAccount => text("no user has this name"),
        Refusal::IncorrectCredentials | Refusal::LocalUser => {
            text("the user name or the password is wrong")
        }
        Refusal::StaleCredential => text("the credentials changed during the check; try again"),
        Refusal::NoSession => text("the session has ended; log in again"),
        Refusal::RefreshExpired => {
            text("the refresh token is unknown, used, expired or revoked; log in again")
        }
        Refusal::InvalidOneTimeToken => text("the token is unknown, used or expired"),
        Refusal::InvalidLifetimes => text("refresh tokens must live longer than access tokens"),
        Refusal::LastAdministrator => {
            text("one user who can log in must keep all administration rights")
        }
        Refusal::ReauthenticationRequired => text("send EVENT_REAUTHENTICATE, then try again"),
        Refusal::ManagedByDirectory => text("a directory manages this password; change it there"),
        Refusal::ResetCooldown(_) => text("a reset was requested recently; try again later"),
        Refusal::MailQueueFull => text("the mail queue is full; try again later"),
        Refusal::TooLong => text("the record is too large to be stored; shorten its text fields"),
        Refusal::InvalidRow(error) => Nack::new(code, error),
        Refusal::IdNameMismatch(field) => id_name_mismatch(code, field),
        Refusal::InvalidId(field) => Nack::new(code, format!("{field} is not a valid record id")),
        Refusal::Disabled(name) => {
            Nack::new(code, format!("{name} is disabled; enable {name} first"))
        }
        Refusal::NotAuthorised(right) => Nack::not_authorised(&right),
        Refusal::BeyondAuthority(limit) => beyond_authority(code, &limit),
        Refusal::NamedByConfiguration(key) => named_by_configuration(code, &key),
        Refusal::RequiredRight(right) => required_right(code, &right),
        Refusal::HasDependents(kind, name) => has_dependents(code, kind, &name),
        Refusal::Duplicate(field, value) => duplicate(code, field, &value),
        Refusal::NotFound(kind, name) => not_found(code, kind, &name),
        Refusal::VersionConflict(version) => version_conflict(code, version),
        Refusal::PasswordChangeRequired(status) => password_change_required(code, status),
        Refusal::Locked { until } => locked(code, now, until),
        Refusal::SessionLimit(sessions) => session_limit(code, gateway, &sessions),
        Refusal::OneTimeTokenLimit(until) => one_time_token_limit(code, now, until),
        Refusal::SecondFactor(reason, required) => second_factor_nack(reason, required),
    }
}

fn id_name_mismatch(code: NackCode, field: &str) -> Nack {
    Nack::new(code, format!("the id and the name in {field} belong to different records"))
}

/// Returns NOT_AUTHORISED with the reason (REASON) and the first missing right (RIGHT) in its
/// details.
fn beyond_authority(code: NackCode, limit: &AuthorityLimit) -> Nack {
    let (reason, right, text) = match limit {
        AuthorityLimit::Grant(right) => {
            let text = "only a user who has this right or all administration rights can grant it";
            ("GRANT", right, format!("you lack the right {right}; {text}"))
        }
        AuthorityLimit::User(right) => {
            let text = "which you lack; you cannot change this user";
            ("OUT_OF_REACH", right, format!("the user has the right {right}, {text}"))
        }
        AuthorityLimit::Profile(right) => {
            let text = "which you lack; you cannot change this profile";
            ("OUT_OF_REACH", right, format!("the profile has the right {right}, {text}"))
        }
        AuthorityLimit::OwnUser => {
            let text = "no session can relax what holds for its own user; another user must do it";
            return Nack::new(code, text).with(json!({ "REASON": "OUT_OF_REACH" }));
        }
    };
    let hint = if is_administration(right) {
        ""
    } else {
        " (the setting security.guarded_rights decides which rights count: see \"Roles\" on the \
         page \"Security\" of the manual)"
    };
    Nack::new(code, text + hint).with(json!({ "REASON": reason, "RIGHT": right }))
}

fn named_by_configuration(code: NackCode, key: &str) -> Nack {
    let text = format!(
        "{key} in the configuration names this profile: it cannot be renamed or \
                        deleted"
    );
    Nack::new(code, text).with(json!({ "TABLE": "CONFIGURATION", "KEY": key }))
}

fn required_right(code: NackCode, right: &str) -> Nack {
    let text = format!("the gateway itself requires the right {right}; it cannot be deleted");
    Nack::new(code, text).with(json!({ "TABLE": "CONFIGURATION", "KEY": right }))
}

fn has_dependents(code: NackCode, kind: &str, name: &str) -> Nack {
    let text = format!("{kind} {name} still has this right; remove the right from {name} first");
    Nack::new(code, text).with(json!({ "TABLE": kind, "KEY": name }))
}

fn duplicate(code: NackCode, field: &str, value: &str) -> Nack {
    let text = format!("{field} {value} already exists");
    Nack::new(code, text).with(json!({ "FIELD": field, "VALUE": value }))
}

fn not_found(code: NackCode, kind: &str, name: &str) -> Nack {
    let text = format!("{kind} {name:?} was not found");
    Nack::new(code, text).with(json!({ "TABLE": kind, "KEY": name }))
}

fn version_conflict(code: NackCode, version: u32) -> Nack {
    let text =
        format!("RECORD_VERSION is not the current version {version}; read the record again");
    Nack::new(code, text).with(json!({ "RECORD_VERSION": version }))
}

fn password_change_required(code: NackCode, status: UserStatus) -> Nack {
    let text = "the password must be changed (EVENT_CHANGE_USER_PASSWORD) before the login";
    Nack::new(code, text).with(json!({ "STATUS": status.word() }))
}

fn locked(code: NackCode, now: Millis, until: Option<Millis>) -> Nack {
    let Some(until) = until else {
        return Nack::new(code, "the account is disabled; an administrator can enable it");
    };
    let secs = until.saturating_sub(now).div_ceil(1_000);
    let text = format!("too many wrong passwords or codes; try again in {secs} s");
    Nack::new(code, text).with(json!({ "RETRY_AFTER_SECS": secs }))
}

fn session_limit(code: NackCode, gateway: &Gateway, sessions: &[SessionSummary]) -> Nack {
    let hide = gateway.settings().security.hide_hosts;
    let shown = |it: &SessionSummary| {
        let host = if hide { None } else { Some(&it.host) };
        json!({ "SESSION_ID": it.id.0, "HOST": host, "LAST_ACCESS_TIME": it.accessed })
    };
    let sessions: Vec<_> = sessions.iter().map(shown).collect();
    let text =
        "the user has reached the session limit; log out of one of the sessions in DETAILS first";
    Nack::new(code, text).with(json!({ "SESSION": sessions }))
}

fn one_time_token_limit(code: NackCode, now: Millis, until: Millis) -> Nack {
    let text =
        "the user has reached the limit of one-time tokens; wait until one expires or is used";
    Nack::new(code, text).with(json!({ "RETRY_AFTER_MS": until.saturating_sub(now) }))
}

/// Returns MFA_FAILED with the reason (REASON) and the kind of factor (MFA) in its details.
pub fn second_factor_nack(reason: MfaReason, required: RequiredFactor) -> Nack {
    let text = match (reason, required) {
        (MfaReason::Required, RequiredFactor::Link) => {
            "a second factor is required: open the mailed login link, or send its code as MFA_CODE"
        }
        (MfaReason::Required, _) => {
            "a second factor is required: log in with MFA_CODE, the code of your authenticator app"
        }
        (MfaReason::Invalid, RequiredFactor::Link) => {
            "MFA_CODE is wrong, used or expired; use the newest mailed link, or log in again"
        }
        (MfaReason::Invalid, _) => {
            "MFA_CODE is wrong, used or expired; send the next code of your authenticator app"
        }
        (MfaReason::Enrol, _) => {
            "set up a second factor first: EVENT_MFA_CREATE_SECRET, then EVENT_MFA_CONFIRM_SECRET"
        }
        (MfaReason::Expired, _) => {
            "the new secret is missing or expired; create one with EVENT_MFA_CREATE_SECRET"
        }
    };
    let kind = if required == RequiredFactor::Link { "NOTIFY" } else { "QR_CODE" };
    let details = json!({ "REASON": reason.word(), "MFA": kind });
    Nack::new(NackCode::MfaFailed, text).with(details)
}

/// Returns INTERNAL_ERROR, for a fault of the gateway such as an outcome that the command cannot
/// have. The NACK contains only a reference, which the log line also contains.
pub fn internal_error(message_type: &'static str) -> Nack {
    let reference = random::incident_id();
    refusal_line!(ERROR, None, message_type, reference, "a message failed with an internal error");
    Nack::new(
        NackCode::InternalError,
        format!("internal error of the gateway; its log contains the reference {reference}"),
    )
}
