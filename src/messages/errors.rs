//! Refusals of the realm in the words of the protocol: the one place where they become text.

use protocol::{Nack, NackCode};
use serde_json::json;

use crate::gateway::Gateway;
use crate::platform::random;
use crate::realm::{MfaReason, Millis, Refusal, RequiredFactor, SessionSummary, UserStatus};
use crate::settings::LoginErrors;
/// The NACK for a refusal.
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
        Refusal::StaleCredential => text("the password was being changed; log in again"),
        Refusal::NoSession => text("the session is over; log in again"),
        Refusal::RefreshExpired => text("the refresh token is no longer good; log in again"),
        Refusal::InvalidOneTimeToken => text("the token is unknown, used or expired"),
        Refusal::InvalidLifetimes => text("a refresh token must live longer than an access token"),
        Refusal::LastAdministrator => text("nobody would be left who can amend users"),
        Refusal::ManagedByDirectory => {
            text("the directory keeps this user's password; change it there")
        }
        Refusal::ResetCooldown(_) => text("the next reset has to wait"),
        Refusal::MailQueueFull => text("too many mails wait to be sent; try again later"),
        Refusal::TooLong => text("the record is too long; shorten its texts"),
        Refusal::IdNameMismatch(field) => {
            Nack::new(code, format!("id and name in {field} are not of one record"))
        }
        Refusal::InvalidId(field) => Nack::new(code, format!("{field} is not an id of its kind")),
        Refusal::Disabled(name) => {
            Nack::new(code, format!("{name} is disabled; a reset would enable the user again"))
        }
        Refusal::NotAuthorised(right) => Nack::not_authorised(&right),
        Refusal::CannotGrantRight(right) => cannot_grant(code, &right),
        Refusal::TargetHasHigherRights(right) => target_has_higher_rights(code, &right),
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

fn cannot_grant(code: NackCode, right: &str) -> Nack {
    let text = format!("only who holds the right {right} may grant it");
    Nack::new(code, text).with(json!({ "RIGHT": right }))
}

fn target_has_higher_rights(code: NackCode, right: &str) -> Nack {
    let text = format!("the user holds the right {right}, which you do not hold");
    Nack::new(code, text).with(json!({ "RIGHT": right }))
}

fn has_dependents(code: NackCode, kind: &str, name: &str) -> Nack {
    let text = format!("{kind} {name} still holds it; take it away there first");
    Nack::new(code, text).with(json!({ "TABLE": kind, "KEY": name }))
}

fn duplicate(code: NackCode, field: &str, value: &str) -> Nack {
    let text = format!("{field} {value} exists already");
    Nack::new(code, text).with(json!({ "FIELD": field, "VALUE": value }))
}

fn not_found(code: NackCode, kind: &str, name: &str) -> Nack {
    let text = format!("no {kind} is called {name:?}");
    Nack::new(code, text).with(json!({ "TABLE": kind, "KEY": name }))
}

fn version_conflict(code: NackCode, version: u32) -> Nack {
    let text = format!("the record has version {version} now; read it again");
    Nack::new(code, text).with(json!({ "RECORD_VERSION": version }))
}

fn password_change_required(code: NackCode, status: UserStatus) -> Nack {
    let text = "the password must be changed before the login";
    Nack::new(code, text).with(json!({ "STATUS": status.word() }))
}

fn locked(code: NackCode, now: Millis, until: Option<Millis>) -> Nack {
    let Some(until) = until else {
        return Nack::new(code, "the account is disabled; an administrator can enable it");
    };
    let secs = until.saturating_sub(now).div_ceil(1_000);
    let text = format!("too many wrong passwords; try again in {secs} s");
    Nack::new(code, text).with(json!({ "RETRY_AFTER_SECS": secs }))
}

fn session_limit(code: NackCode, gateway: &Gateway, sessions: &[SessionSummary]) -> Nack {
    let hide = gateway.settings().security.hide_hosts;
    let shown = |it: &SessionSummary| {
        let host = if hide { None } else { Some(&it.host) };
        json!({ "SESSION_ID": it.id.0, "HOST": host, "LAST_ACCESS_TIME": it.accessed })
    };
    let sessions: Vec<_> = sessions.iter().map(shown).collect();
    let text = "the user has as many sessions as allowed; log one of them out first";
    Nack::new(code, text).with(json!({ "SESSION": sessions }))
}

fn one_time_token_limit(code: NackCode, now: Millis, until: Millis) -> Nack {
    let text = "the user has as many one-time tokens as allowed; wait until one ends";
    Nack::new(code, text).with(json!({ "RETRY_AFTER_MS": until.saturating_sub(now) }))
}

/// MFA_FAILED: what is missing, and which factor it is.
pub fn second_factor_nack(reason: MfaReason, required: RequiredFactor) -> Nack {
    let text = match (reason, required) {
        (MfaReason::Required, RequiredFactor::Link) => {
            "a link was mailed; open it, or send its code as MFA_CODE"
        }
        (MfaReason::Required, _) => "send the code of your authenticator app as MFA_CODE",
        (MfaReason::Invalid, RequiredFactor::Link) => {
            "the code is wrong, used or over; another link was mailed"
        }
        (MfaReason::Invalid, _) => "the code is wrong or was used; wait for the next one",
        (MfaReason::Enrol, _) => {
            "a second factor is needed first: EVENT_MFA_CREATE_SECRET, EVENT_MFA_CONFIRM_SECRET"
        }
        (MfaReason::Expired, _) => "no secret waits to be confirmed; create another one",
    };
    let kind = if required == RequiredFactor::Link { "NOTIFY" } else { "QR_CODE" };
    let details = json!({ "REASON": reason.word(), "MFA": kind });
    Nack::new(NackCode::MfaFailed, text).with(details)
}

/// A fault of the gateway, such as an outcome that the command cannot have. The log and the client
/// share an incident id, and nothing else.
pub fn internal_error(message_type: &'static str) -> Nack {
    let reference = random::incident_id();
    tracing::error!(
        message_type,
        reference,
        "a message could not be served: a fault of the gateway"
    );
    Nack::new(
        NackCode::InternalError,
        format!("a fault of the gateway; its log knows it as {reference}"),
    )
}
